//! Probes from end to end over a running overlay, at a steady pace.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Between two probes: 50 a second.
const PACE: Duration = Duration::from_millis(20);
/// How long an answer is waited for, in milliseconds.
const WAIT: u64 = 2_000;
/// So many answers in a row, and the way is there again.
const STEADY: usize = 10;

/// A node that probes another over the overlay.
#[derive(Debug)]
pub struct Prober {
    control: UnixStream,
    answers: Receiver<(usize, Instant)>,
    to: String,
    size: usize,
    sent: Vec<(Instant, Option<Instant>)>,
}

impl Prober {
    /// Has the node with this state folder probe the node that listens at `to`.
    ///
    /// # Errors
    /// If the node does not run.
    pub fn new(folder: &Path, to: &str) -> std::io::Result<Self> {
        let control = UnixStream::connect(folder.join("control.sock"))?;
        let reader = BufReader::new(control.try_clone()?);
        let (tell, answers) = channel();
        thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str::<Value>(&line) else { continue };
                let number = answer["id"].as_u64().and_then(|n| usize::try_from(n).ok());
                if let Some(number) = number.filter(|_| !answer["ok"].is_null())
                    && tell.send((number, Instant::now())).is_err()
                {
                    return;
                }
            }
        });
        Ok(Prober { control, answers, to: to.to_owned(), size: 0, sent: Vec::new() })
    }

    /// The same with so many octets of payload in each probe.
    #[must_use]
    pub fn with_size(self, size: usize) -> Self {
        Prober { size, ..self }
    }

    /// Probes for a while.
    pub fn run(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.probe();
        }
    }

    /// Sends one probe and waits until the next is due.
    fn probe(&mut self) {
        let (number, now) = (self.sent.len(), Instant::now());
        let with = format!(r#"{{"to":"{}","size":{},"wait_ms":{WAIT}}}"#, self.to, self.size);
        let _ = writeln!(self.control, r#"{{"id":{number},"do":"overlay.ping","with":{with}}}"#);
        self.sent.push((now, None));
        while let Ok((number, at)) = self.answers.recv_timeout((now + PACE).duration_since(Instant::now())) {
            self.sent[number].1 = Some(at);
        }
    }

    /// Whether the last probes were answered.
    pub fn is_steady(&self) -> bool {
        // Those that were just sent are still on their way.
        let known = self.sent.len().saturating_sub(2);
        known >= STEADY && self.sent[known - STEADY..known].iter().all(|(_, answered)| answered.is_some())
    }

    /// Goes on until answers come steadily to what was sent after `since`: how long it took until the first of them
    /// came. `None` if none came within `patience`.
    pub fn recovery(&mut self, since: Instant, patience: Duration) -> Option<Duration> {
        while since.elapsed() < patience {
            self.probe();
            let later = self.sent.iter().filter(|(sent, _)| *sent >= since);
            let row: Vec<Instant> = later.rev().skip(2).map_while(|(_, answered)| *answered).collect();
            if row.len() >= STEADY {
                return row.last().map(|first| first.duration_since(since));
            }
        }
        None
    }
}
