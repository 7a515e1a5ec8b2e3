//! Nodes of Chord, in processes of their own.

mod program;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use program::{Reading, Running, answer, command, egoist, failure, json, monitor, within};
use serde_json::{Value, json};

/// Somebody answers within this, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// A node on a free port.
struct Node<'a> {
    base: &'a Path,
    running: Running,
    id: String,
}

impl<'a> Node<'a> {
    fn start(base: &'a Path, more: &[&str]) -> Self {
        let words = [&["chord", "node", "--listen", "127.0.0.1:0"], more].concat();
        Node::begun(base, Running::start(base, &words))
    }

    /// One that begins with a connection to another.
    fn beside(base: &'a Path, other: &Node<'_>, more: &[&str]) -> Self {
        Node::start(base, &[&["--join", other.at()], more].concat())
    }

    fn begun(base: &'a Path, running: Running) -> Self {
        let status = json(base, &["status", "--node", &running.address]);
        Node { base, id: status["id"].as_str().unwrap().to_owned(), running }
    }

    fn at(&self) -> &str {
        &self.running.address
    }

    fn words<'w>(&'w self, words: &[&'w str]) -> Vec<&'w str> {
        [&["chord"], words, &["--node", self.at()]].concat()
    }

    fn asked(&self, words: &[&str]) -> Value {
        json(self.base, &self.words(words))
    }

    fn told(&self, words: &[&str]) -> String {
        answer(self.base, &self.words(words))
    }

    /// Lines of JSON, in any order.
    fn lines(&self, words: &[&str]) -> Vec<Value> {
        let text = self.told(&[words, &["--json"]].concat());
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.sort_by_key(Value::to_string);
        lines
    }

    fn refused(&self, words: &[&str]) -> (i32, String) {
        failure(self.base, &self.words(words))
    }

    /// What a command answers that is told this on standard input.
    fn fed(&self, words: &[&str], text: &str) -> (Option<i32>, String, String) {
        let mut command = command(self.base, &self.words(words));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn status(&self) -> Value {
        self.asked(&["status"])
    }

    /// Waits until it takes and answers what it is asked.
    fn is_ready(&self) {
        within(SOON, "it stores", || {
            egoist(self.base, &self.words(&["set", "ready?", "yes"])).status.success()
        });
        self.told(&["delete", "ready?"]);
    }
}
