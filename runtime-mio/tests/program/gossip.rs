//! Nodes of gossip, riding or not, and their modules.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::{Reading, Running, answer, command, json, within};

/// Somebody answers within this, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A node on free ports.
pub(crate) struct Node<'a> {
    base: &'a Path,
    pub(crate) running: Running,
    pub(crate) api: String,
}

impl<'a> Node<'a> {
    pub(crate) fn start(base: &'a Path, more: &[&str]) -> Self {
        let free = ["gossip", "node", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"];
        Node::begun(base, Running::start(base, &[&free[..], more].concat()))
    }

    /// One that rides on an overlay, into which the other leads.
    pub(crate) fn riding(base: &'a Path, other: &str, more: &[&str]) -> Self {
        Node::start(base, &[&["--ride", "--bootstrap", other], more].concat())
    }

    /// One that begins with a connection to another.
    pub(crate) fn beside(base: &'a Path, other: &Node<'_>, more: &[&str]) -> Self {
        Node::start(base, &[&["--bootstrap", &other.running.address], more].concat())
    }

    pub(crate) fn begun(base: &'a Path, running: Running) -> Self {
        let status = json(base, &["status", "--node", &running.address]);
        Node { base, api: status["api"].as_str().unwrap().to_owned(), running }
    }

    pub(crate) fn asked(&self, words: &[&str]) -> Value {
        json(self.base, &[words, &["--node", &self.running.address]].concat())
    }

    pub(crate) fn told(&self, words: &[&str]) -> String {
        answer(self.base, &[words, &["--node", &self.running.address]].concat())
    }

    pub(crate) fn status(&self) -> Value {
        self.asked(&["status"])
    }

    /// Waits until it has so many peers, of which it knows that they are of this project.
    pub(crate) fn has_peers(&self, number: u64) {
        within(SOON, "it has its peers", || self.status()["peers"]["native"] == number);
    }

    pub(crate) fn announce(&self, data_type: &str, data: &str) {
        answer(self.base, &["gossip", "announce", "--type", data_type, "--api", &self.api, data]);
    }

    /// A subscriber that the node knows of.
    pub(crate) fn subscriber(&self, data_type: &str, more: &[&str]) -> Reading {
        self.subscriber_who_answers(data_type, Stdio::null(), more)
    }

    pub(crate) fn subscriber_who_answers(&self, data_type: &str, stdin: Stdio, more: &[&str]) -> Reading {
        let modules = self.status()["modules"].as_u64().unwrap();
        let words = ["gossip", "subscribe", "--type", data_type, "--api", &self.api];
        let mut command = command(self.base, &[&words[..], more].concat());
        command.stdin(stdin).stderr(Stdio::null());
        let subscriber = Reading::start(command);
        within(SOON, "it has subscribed", || {
            let status = self.status();
            let number: u64 = data_type.parse().unwrap();
            let types = status["registrations"].as_array().unwrap();
            status["modules"] == modules + 1 && types.iter().any(|t| t["type"] == number)
        });
        subscriber
    }

    pub(crate) fn leave(&self) {
        self.told(&["leave"]);
    }
}

/// The texts of lines in JSON.
pub(crate) fn texts(lines: &[String]) -> Vec<String> {
    let text =
        |line: &String| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    lines.iter().map(text).collect()
}
