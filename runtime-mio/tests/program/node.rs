//! A node of a protocol, in a process of its own.

use std::path::Path;

use serde_json::Value;

use super::{Running, answer, failure, json};

/// A node on a free port, and what it is asked by its protocol's commands.
pub(crate) struct Node<'a> {
    pub(crate) base: &'a Path,
    pub(crate) running: Running,
    pub(crate) id: String,
    protocol: &'static str,
}

impl<'a> Node<'a> {
    /// Starts `egoist PROTOCOL node`.
    pub(crate) fn start(protocol: &'static str, base: &'a Path, more: &[&str]) -> Self {
        let words = [&[protocol, "node", "--listen", "127.0.0.1:0"], more].concat();
        Node::begun(protocol, base, Running::start(base, &words))
    }

    /// One that begins with a connection to another.
    pub(crate) fn beside(base: &'a Path, other: &Node<'_>, more: &[&str]) -> Self {
        Node::start(other.protocol, base, &[&["--join", other.at()], more].concat())
    }

    /// One that was started.
    pub(crate) fn begun(protocol: &'static str, base: &'a Path, running: Running) -> Self {
        let status = json(base, &["status", "--node", &running.address]);
        Node { base, id: status["id"].as_str().unwrap().to_owned(), running, protocol }
    }

    pub(crate) fn at(&self) -> &str {
        &self.running.address
    }

    /// The arguments with which the program asks it something.
    pub(crate) fn words<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        [&[self.protocol], words, &["--node", self.at()]].concat()
    }

    pub(crate) fn asked(&self, words: &[&str]) -> Value {
        json(self.base, &self.words(words))
    }

    pub(crate) fn told(&self, words: &[&str]) -> String {
        answer(self.base, &self.words(words))
    }

    pub(crate) fn refused(&self, words: &[&str]) -> (i32, String) {
        failure(self.base, &self.words(words))
    }

    pub(crate) fn status(&self) -> Value {
        self.asked(&["status"])
    }
}
