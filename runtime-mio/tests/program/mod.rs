//! The program in processes of its own, with its state under a folder of the test's.
#![allow(dead_code, reason = "each test file uses its part of it")]

pub(crate) mod gossip;
pub(crate) mod node;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// What is read line by line says something in that time.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) fn egoist(base: &Path, args: &[&str]) -> Output {
    command(base, args).output().unwrap()
}

pub(crate) fn command(base: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egoist"));
    command.args(args).env("XDG_STATE_HOME", base).env_remove("EGOIST_LOG").stdin(Stdio::null());
    command
}

/// A copy of the program. Another process makes it: a file that is open for writing is not run, and what this one has
/// open, so has for a moment whatever other tests start.
pub(crate) fn copy(to: &Path) {
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_egoist")).arg(to).status().unwrap().success());
}

/// The exit code and what was said on standard error.
pub(crate) fn failure(base: &Path, args: &[&str]) -> (i32, String) {
    let output = egoist(base, args);
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// What was said on standard output by a command that ends well and says nothing else.
pub(crate) fn answer(base: &Path, args: &[&str]) -> String {
    let output = egoist(base, args);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same as JSON.
pub(crate) fn json(base: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&answer(base, &[args, &["--json"]].concat())).unwrap()
}

/// Looks until `done`; how long that took.
///
/// # Panics
/// If it takes longer than `at_most`.
pub(crate) fn within(at_most: Duration, what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < at_most, "not within {at_most:?}: {what}");
        thread::sleep(LOOK);
    }
    start.elapsed()
}

/// A process that lives on: killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Running {
    pub(crate) fn start(base: &Path, args: &[&str]) -> Running {
        Running::begin(command(base, &[args, &["--json", "-q", "-q"]].concat()))
    }

    /// Starts it with another standard error, to which it says as much as it is told to.
    pub(crate) fn logging_to(base: &Path, stderr: Stdio, args: &[&str]) -> Running {
        let mut command = command(base, &[args, &["--json"]].concat());
        command.stderr(stderr);
        Running::begin(command)
    }

    /// Waits until it says where it listens.
    pub(crate) fn begin(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let beginning: Value = serde_json::from_str(&line).unwrap();
        Running { address: beginning["address"].as_str().unwrap().to_owned(), child }
    }

    /// Kills it without a warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        within(Duration::from_secs(10), "the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that is read line by line: killed when dropped.
pub(crate) struct Reading {
    pub(crate) child: Child,
    /// Each with its end; no more once the process says no more.
    lines: Receiver<String>,
}

/// Reads to the end, or until nobody wants to hear more.
fn read(said: ChildStdout, tell: &Sender<String>) {
    let mut said = BufReader::new(said);
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 && tell.send(std::mem::take(&mut line)).is_ok() {}
}

impl Reading {
    pub(crate) fn start(mut command: Command) -> Reading {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let said = child.stdout.take().unwrap();
        let (tell, lines) = channel();
        thread::spawn(move || read(said, &tell));
        Reading { child, lines }
    }

    /// The next line with its end; empty if there are no more.
    ///
    /// # Panics
    /// If it says nothing for [`SILENCE`].
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(SILENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => String::new(),
            Err(RecvTimeoutError::Timeout) => panic!("it said nothing for {SILENCE:?}"),
        }
    }

    /// The next line with its end, if it comes within `at_most`.
    pub(crate) fn line_within(&mut self, at_most: Duration) -> Option<String> {
        self.lines.recv_timeout(at_most).ok()
    }

    /// The lines until one has all of `parts`, that one included.
    pub(crate) fn until(&mut self, parts: &[&str]) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "no more lines, and none has {parts:?}");
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
    }

    /// All lines that are left, once the process has ended.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.lines.iter().map(|line| line.trim_end_matches('\n').to_owned()).collect()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `egoist monitor`, line by line, and the first line, which says whom it watches.
pub(crate) fn monitor(base: &Path, node: &[&str], more: &[&str]) -> (Reading, String) {
    let mut monitor = Reading::start(command(base, &[&["monitor"], node, more].concat()));
    let first = monitor.line();
    (monitor, first)
}

/// A file system of its own at `at`, which is unmounted when this is dropped; none where that is not allowed.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn new(at: &Path, size: &str) -> Option<Mount> {
        fs::create_dir_all(at).unwrap();
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(at).output();
        made.is_ok_and(|output| output.status.success()).then(|| Mount(at.to_owned()))
    }

    pub(crate) fn read_only(&self) -> bool {
        Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().unwrap().success()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
