//! Questions to the user, answered by a line each.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use super::super::failure::{Failure, Outcome};
use super::super::logging;
use super::subscribe::{LOOK, Stopped};

/// The longest line that is read for an answer.
const LONGEST: u64 = 4_096;

/// Whom questions are asked. Lines are read on a thread of their own, so that a signal ends the wait for one.
pub(crate) struct Question {
    lines: Receiver<String>,
}

impl Question {
    /// Questions that are answered there.
    pub(crate) fn on(answers: impl Read + Send + 'static) -> Self {
        let (sender, lines) = sync_channel(0);
        let read = move || {
            let mut answers = BufReader::new(answers);
            loop {
                let mut line = Vec::new();
                let read = answers.by_ref().take(LONGEST).read_until(b'\n', &mut line);
                let line = String::from_utf8_lossy(&line).into_owned();
                if !matches!(read, Ok(1..)) || sender.send(line).is_err() {
                    return;
                }
            }
        };
        thread::spawn(read);
        Question { lines }
    }

    /// Asks until the answer is yes or no; none if the user wants an end instead.
    ///
    /// # Errors
    /// There are no more answers.
    pub(crate) fn ask(&self, what: &str, stopped: &Stopped) -> Outcome<Option<bool>> {
        loop {
            logging::note(&format!("{what} y or n"));
            let Some(line) = self.line(stopped)? else { return Ok(None) };
            match line.trim() {
                "y" | "yes" => return Ok(Some(true)),
                "n" | "no" => return Ok(Some(false)),
                _ => {}
            }
        }
    }

    fn line(&self, stopped: &Stopped) -> Outcome<Option<String>> {
        while !stopped.is_so() {
            match self.lines.recv_timeout(LOOK) {
                Ok(line) => return Ok(Some(line)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::new("nobody says whether the message is valid")
                        .at("standard input has ended")
                        .try_this("answer at a terminal, or give --validate accept or reject"));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_yes_or_no_and_come_to_an_end() {
        let stopped = Stopped::default();
        let question = Question::on(&b"y\nwhat?\n no \nyes\nn"[..]);
        let answers: Vec<_> = (0..4).map(|_| question.ask("valid?", &stopped).unwrap()).collect();
        assert_eq!(answers, [Some(true), Some(false), Some(true), Some(false)]);
        let over = question.ask("valid?", &stopped).unwrap_err().to_string();
        assert!(over.contains("standard input has ended") && over.contains("--validate accept"), "{over}");
    }
}
