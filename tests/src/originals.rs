//! Supervisors of original programs, as `tests/originals` has them: started, asked and heard in lines of JSON.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A node listens within 30 s or the supervisor says that it does not; anything else is done in much less.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);
pub(crate) const STEP: Duration = Duration::from_millis(50);
/// What a supervisor ends with where something outside the project is missing.
const SKIPPED: i32 = 77;

/// A supervisor. It ends when this is dropped, and its nodes with it.
#[derive(Debug)]
pub(crate) struct Supervisor {
    process: Child,
    said: Receiver<Value>,
    asked: u64,
    /// What was begun and nobody has taken, by number, with the answer once it is there.
    begun: BTreeMap<u64, Option<Value>>,
}

impl Supervisor {
    /// Starts one and waits until it is ready; what it says then. `None` where there can be none here: then a line with
    /// SKIPPED on standard error says why.
    ///
    /// # Panics
    /// If the supervisor fails for a reason of its own.
    pub(crate) fn start(script: &'static str, arguments: &[&str]) -> Option<(Self, Value)> {
        match set_up(script) {
            Setup::Done => {}
            Setup::Failed(why) => panic!("{script} setup: {why}"),
            Setup::Missing(why) => {
                let test = std::thread::current();
                // The harness keeps what a passing test prints; this is for the terminal itself.
                let _ = writeln!(std::io::stderr(), "SKIPPED: {}: {why}", test.name().unwrap_or(script));
                return None;
            }
        }
        let mut process = command(script, "run");
        process.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = process.spawn().expect("python3 was there before");
        let said = lines(process.stdout.take().expect("it is piped"));
        let mut supervisor = Supervisor { process, said, asked: 0, begun: BTreeMap::new() };
        let ready = supervisor.hear(|said| said["event"] == "ready");
        Some((supervisor, ready))
    }

    /// What it answers.
    ///
    /// # Panics
    /// If that is an error, or does not come.
    pub(crate) fn ask(&mut self, request: Value) -> Value {
        let asked = request.to_string();
        let id = self.say(request);
        let mut answer = self.hear(|said| said["id"] == id);
        assert!(answer["error"].is_null(), "{asked}: {}", answer["error"]);
        answer["ok"].take()
    }

    /// Asks, and leaves the answer to [`ended`](Self::ended), which has it under this number.
    pub(crate) fn begin(&mut self, request: Value) -> u64 {
        let id = self.say(request);
        self.begun.insert(id, None);
        id
    }

    /// What was answered to something that was begun, or the error; once, when it is there.
    pub(crate) fn ended(&mut self, id: u64) -> Option<Result<Value, Value>> {
        while let Ok(said) = self.said.try_recv() {
            self.keep(said);
        }
        let mut answer = self.begun.get_mut(&id)?.take()?;
        self.begun.remove(&id);
        let error = answer["error"].take();
        Some(if error.is_null() { Ok(answer["ok"].take()) } else { Err(error) })
    }

    fn say(&mut self, mut request: Value) -> u64 {
        self.asked += 1;
        request["id"] = self.asked.into();
        let stdin = self.process.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{request}").expect("the supervisor reads");
        self.asked
    }

    fn keep(&mut self, said: Value) {
        if let Some(answer) = said["id"].as_u64().and_then(|id| self.begun.get_mut(&id)) {
            *answer = Some(said);
        }
    }

    /// The first of what it says that is wanted.
    fn hear(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let said = self.said.recv_timeout(left).expect("the supervisor answers in time");
            if wanted(&said) {
                return said;
            }
            self.keep(said);
        }
    }
}

impl Drop for Supervisor {
    /// It ends its nodes when nothing more is said to it, and removes their folder.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            sleep(STEP);
        }
        // Its nodes end with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The last lines of a node's log, for who asks why a test failed.
pub(crate) fn last_words(name: &str, log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
    format!("{name}:\n  {last}\n")
}

fn command(script: &str, verb: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("originals").join(script)).arg(verb);
    command
}

/// Whether there can be nodes here.
#[derive(Clone)]
enum Setup {
    Done,
    Missing(String),
    Failed(String),
}

/// Makes the nodes' environment where it is not there yet, once in a process.
fn set_up(script: &'static str) -> Setup {
    static DONE: Mutex<BTreeMap<&str, Setup>> = Mutex::new(BTreeMap::new());
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    done.entry(script).or_insert_with(|| make(script)).clone()
}

fn make(script: &str) -> Setup {
    let done = match command(script, "setup").output() {
        Ok(done) => done,
        Err(error) => return Setup::Missing(format!("python3 does not run: {error}")),
    };
    let said = String::from_utf8_lossy(&done.stderr);
    match done.status.code() {
        Some(0) => Setup::Done,
        Some(SKIPPED) => {
            let why = said.lines().find_map(|line| line.strip_prefix("SKIPPED: "));
            Setup::Missing(why.unwrap_or("it does not say why").to_owned())
        }
        _ => Setup::Failed(said.into_owned()),
    }
}

/// What a supervisor says, read by a thread of its own.
fn lines(from: ChildStdout) -> Receiver<Value> {
    let (say, said) = channel();
    spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let value = serde_json::from_str(&line).expect("a supervisor says JSON");
            if say.send(value).is_err() {
                return;
            }
        }
    });
    said
}
