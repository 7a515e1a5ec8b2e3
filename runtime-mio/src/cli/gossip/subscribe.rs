//! `egoist gossip subscribe`: a module that hears of messages and judges them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use egoist_mio::gossip::{ClientError, Notification, Notifications, Sender};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::super::failure::{Failure, Outcome};
use super::super::hex;
use super::super::session::Session;
use super::api::Api;
use super::question::Question;

/// How long an end that is asked for may wait until it is seen.
pub(crate) const LOOK: Duration = Duration::from_millis(200);

/// Flags of `gossip subscribe`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist gossip subscribe --type 540
  egoist gossip subscribe --type 540 --validate ask
  egoist gossip subscribe --type 540 --count 1 --json | jq -r .text

A line for each message: its id at this node, its type, and its data as text, with line ends escaped, or as 0x and digits \
where that cannot be printed. In JSON data is digits, and there is text where the data is such. First come the messages of \
the type that the node keeps already. A node passes on what the first of its modules that answers finds valid, and forgets \
what that finds invalid; what was announced at this very node is valid already.")]
pub(crate) struct Subscribe {
    /// What kind of data
    #[arg(long = "type", value_name = "N")]
    data_type: u16,

    /// What to say of each message to the node
    #[arg(long, value_name = "HOW", default_value = "accept")]
    validate: How,

    /// Stop after so many [default: never]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    #[command(flatten)]
    api: Api,
}

/// How a message is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum How {
    /// It is valid
    Accept,
    /// It is not
    Reject,
    /// What is said on standard input, y or n on a line for each message
    Ask,
}

impl Subscribe {
    /// Prints and judges messages until there were enough, the user wants an end, or the node ends. Then the node is told so,
    /// since one of gossip-python is harmed by who goes without a word.
    ///
    /// # Errors
    /// No node answers, or it closes the connection; nobody says whether a message is valid.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let stopped = Stopped::on_signals()?;
        let (notifications, sender) = self.api.connect()?.split();
        let failed = |error| self.api.failed(&error);
        notifications.set_timeout(Some(LOOK)).map_err(failed)?;
        sender.notify(self.data_type).map_err(failed)?;
        self.follow(notifications, &sender, &stopped, session)
    }

    fn follow(
        &self,
        mut notifications: Notifications,
        sender: &Sender,
        stopped: &Stopped,
        session: &mut Session<'_>,
    ) -> Outcome {
        let mut judge = Judge::new(self.validate);
        let mut seen = 0;
        while !stopped.is_so() && self.count != Some(seen) {
            match notifications.next() {
                Some(Ok(notification)) => {
                    let id = notification.id;
                    session.show(&Heard::new(notification))?;
                    let Some(valid) = judge.verdict(stopped)? else { break };
                    sender.verdict(id, valid).map_err(|error| self.api.failed(&error))?;
                    seen += 1;
                }
                Some(Err(ClientError::Silence)) => {}
                Some(Err(error)) => return Err(self.api.failed(&error)),
                None => return Err(self.api.ended()),
            }
        }
        Ok(())
    }
}

/// Whether the user wants an end.
#[derive(Default)]
pub(crate) struct Stopped(Arc<AtomicBool>);

impl Stopped {
    /// Set by the first signal to end. The second ends the process at once.
    fn on_signals() -> Outcome<Self> {
        let stopped = Stopped::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let registered = flag::register_conditional_default(signal, Arc::clone(&stopped.0))
                .and_then(|_| flag::register(signal, Arc::clone(&stopped.0)));
            registered.map_err(|e| Failure::io("cannot wait for signals", "SIGINT", &e))?;
        }
        Ok(stopped)
    }

    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who says whether a message is valid.
enum Judge {
    Always(bool),
    User(Question),
}

impl Judge {
    fn new(how: How) -> Self {
        match how {
            How::Accept => Judge::Always(true),
            How::Reject => Judge::Always(false),
            How::Ask => Judge::User(Question::on(io::stdin())),
        }
    }

    /// The verdict on the message that was shown last; none if the user wants an end instead.
    fn verdict(&mut self, stopped: &Stopped) -> Outcome<Option<bool>> {
        match self {
            Judge::Always(valid) => Ok(Some(*valid)),
            Judge::User(question) => question.ask("valid?", stopped),
        }
    }
}

/// A message that a node tells of.
#[derive(PartialEq, Eq, Debug, Serialize)]
struct Heard {
    id: u16,
    #[serde(rename = "type")]
    data_type: u16,
    /// The data in hexadecimal digits.
    data: String,
    /// The data, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Heard {
    fn new(Notification { id, data_type, data }: Notification) -> Self {
        Heard { id, data_type, data: hex::digits(&data), text: String::from_utf8(data).ok() }
    }
}

/// A terminal must obey nothing in it.
impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Heard { id, data_type, data, text } = self;
        write!(f, "{id} of type {data_type}: ")?;
        match text.as_deref().and_then(printed) {
            Some(text) => f.write_str(&text),
            None => write!(f, "0x{data}"),
        }
    }
}

/// Text on one line, with its line ends and tabs escaped; none if it has anything else that a terminal would obey.
fn printed(text: &str) -> Option<String> {
    let printed = |c: char| match c {
        '\n' | '\r' | '\t' => Some(c.escape_default().to_string()),
        c if c.is_control() => None,
        c => Some(c.to_string()),
    };
    text.chars().map(printed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(data: &[u8]) -> Heard {
        Heard::new(Notification { id: 7, data_type: 540, data: data.to_vec() })
    }

    #[test]
    fn text_is_text_where_it_can_be_printed() {
        for (data, shown, json) in [
            (&b"news"[..], "news", r#"{"id":7,"type":540,"data":"6e657773","text":"news"}"#),
            (b"a\tb\n", "a\\tb\\n", r#"{"id":7,"type":540,"data":"6109620a","text":"a\tb\n"}"#),
            (b"\x1b[2J", "0x1b5b324a", r#"{"id":7,"type":540,"data":"1b5b324a","text":"\u001b[2J"}"#),
            (b"\xff\x00", "0xff00", r#"{"id":7,"type":540,"data":"ff00"}"#),
            (b"", "", r#"{"id":7,"type":540,"data":"","text":""}"#),
        ] {
            assert_eq!(heard(data).to_string(), format!("7 of type 540: {shown}"));
            assert_eq!(serde_json::to_string(&heard(data)).unwrap(), json);
        }
    }
}
