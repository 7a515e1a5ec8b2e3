//! A node's control socket, with many questions under way.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a node may take to be there.
const STARTING: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    stream: BufReader<UnixStream>,
    begun: u64,
}

/// How it went to ask many things.
#[derive(Clone, Copy, Default)]
pub(crate) struct Went {
    pub(crate) asked: u64,
    pub(crate) failed: u64,
    pub(crate) took: Duration,
    pub(crate) slowest: Duration,
}

impl Went {
    pub(crate) fn per_second(&self) -> f64 {
        (self.asked - self.failed) as f64 / self.took.as_secs_f64()
    }
}

impl Client {
    /// Connects to the node whose state is there, once it answers.
    pub(crate) fn of(folder: &Path) -> Client {
        let begun = Instant::now();
        loop {
            match UnixStream::connect(folder.join("control.sock")) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time");
                    return Client { stream: BufReader::new(stream), begun: 0 };
                }
                Err(_) if begun.elapsed() < STARTING => sleep(Duration::from_millis(20)),
                Err(error) => panic!("the node does not answer: {error}"),
            }
        }
    }

    fn begin(&mut self, verb: &str, with: &Value) -> u64 {
        self.begun += 1;
        let line = json!({"id": self.begun, "do": format!("chord.{verb}"), "with": with});
        writeln!(self.stream.get_mut(), "{line}").expect("the node takes a question");
        self.begun
    }

    fn answer(&mut self) -> (u64, Result<Value, Value>) {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the node answers");
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let number = answer["id"].as_u64().expect("an answer names its question");
        let ok = answer["ok"].take();
        (number, if ok.is_null() { Err(answer) } else { Ok(ok) })
    }

    /// Asks one thing.
    pub(crate) fn ask(&mut self, verb: &str, with: &Value) -> Result<Value, Value> {
        let number = self.begin(verb, with);
        loop {
            let (named, answer) = self.answer();
            if named == number {
                return answer;
            }
        }
    }

    /// Asks the questions from 0 on, `window` at a time, while `goes_on`; `judge` says whether an answer is right.
    pub(crate) fn ask_many(
        &mut self,
        verb: &str,
        window: u64,
        question: impl Fn(u64) -> Value,
        mut goes_on: impl FnMut(u64) -> bool,
        mut judge: impl FnMut(u64, Result<Value, Value>) -> bool,
    ) -> Went {
        let begun = Instant::now();
        let mut went = Went::default();
        let mut under_way = std::collections::BTreeMap::new();
        let mut next = 0;
        loop {
            while (under_way.len() as u64) < window && goes_on(next) {
                under_way.insert(self.begin(verb, &question(next)), (next, Instant::now()));
                next += 1;
            }
            if under_way.is_empty() {
                went.took = begun.elapsed();
                return went;
            }
            let (named, answer) = self.answer();
            let Some((number, since)) = under_way.remove(&named) else { continue };
            went.asked += 1;
            went.failed += u64::from(!judge(number, answer));
            went.slowest = went.slowest.max(since.elapsed());
        }
    }
}
