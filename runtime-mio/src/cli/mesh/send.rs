//! `egoist mesh send`: a broadcast, or a whisper to one node.

use std::fmt;
use std::time::Duration;

use clap::{ArgMatches, Parser};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::{Ask, Target};
use super::super::failure::{Failure, Outcome};
use super::super::session::Session;
use super::super::units;
use super::said::Said;
use super::whom::Whom;
use super::{NAME, form};

/// For how long a node looks for another one, unless it was told otherwise.
const LOOKUP: Duration = Duration::from_secs(10);

/// Flags of `mesh send`.
#[derive(Parser, Debug)]
#[command(after_help = format!("Examples:
  egoist mesh send 'hello, all'
  egoist mesh send --to 2NDr 'for you alone'
  egoist mesh send temperature --value 21.5 --value '{{\"unit\": \"C\"}}' --bin 00ff

A message is a list of values, in the order in which they stand on the command line. {}

Of a broadcast it is said to how many peers it went first, and not who hears it. Nodes take the same of one sender within one \
second for one message, so that this one refuses to say it twice.

A whisper to a peer goes to that alone. For another node, which has to be named by its whole id unless its address is known \
already, all are asked where it listens, and it is dialled: the answer comes when it was sent, or is that the node was not found, \
after ten seconds as a rule (exit code 1). Nothing tells the sender that a message was read, and none is encrypted.", form::HELP))]
pub(crate) struct Send {
    #[command(flatten)]
    said: Said,

    /// The node to whisper to, by its id or the first digits of it, at least four [default: broadcast]
    #[arg(long, value_name = "ID")]
    to: Option<Whom>,

    #[command(flatten)]
    target: Target,
}

impl Send {
    /// Says it.
    ///
    /// # Errors
    /// The message is too long; the node cannot be asked or is none of this protocol; it refuses, or did not find whom it was
    /// to look for.
    pub(crate) fn run(&self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let values = self.said.values(matches);
        if !form::fits(&values) {
            let what = format!("the message has more than {} octets in JSON", form::LONGEST);
            return Err(Failure::new(what).at("VALUE").try_this("send it in pieces"));
        }
        let request = SendRequest { to: self.to.as_ref().map(Whom::digits), values };
        match &self.to {
            None => session.show(&self.target.connect()?.ask(&request)?),
            Some(to) => {
                let sent = self.target.connect_for(LOOKUP)?.try_ask(&request)?;
                session.show(&sent.map_err(|refusal| to.refused(&refusal))?)
            }
        }
    }
}

/// Asks a node to say something.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendRequest {
    /// To whom: the beginning of an id; to all if there is none.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// What.
    pub(crate) values: Vec<Json>,
}

impl Ask for SendRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "send";
    type Answer = SendReport;
}

/// A message on its way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "snake_case")]
pub(crate) enum SendReport {
    /// To all.
    Broadcast {
        /// To how many peers it went.
        peers: usize,
    },
    /// To one node.
    Whisper {
        /// Its id.
        to: String,
        /// Whether it had to be looked up.
        looked_up: bool,
    },
}

impl fmt::Display for SendReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendReport::Broadcast { peers: 0 } => f.write_str("sent to nobody: there is no peer"),
            SendReport::Broadcast { peers: 1 } => f.write_str("sent to 1 peer"),
            SendReport::Broadcast { peers } => write!(f, "sent to {peers} peers"),
            SendReport::Whisper { to, looked_up: false } => write!(f, "sent to {}", units::short_id(to)),
            SendReport::Whisper { to, looked_up: true } => {
                write!(f, "sent to {}, which was looked up", units::short_id(to))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn for_people_and_for_programs() {
        let whisper = |looked_up| SendReport::Whisper { to: "2NDrXPKfVSTL".into(), looked_up };
        for (report, text, json) in [
            (
                SendReport::Broadcast { peers: 0 },
                "sent to nobody: there is no peer",
                json!({"way": "broadcast", "peers": 0}),
            ),
            (SendReport::Broadcast { peers: 1 }, "sent to 1 peer", json!({"way": "broadcast", "peers": 1})),
            (SendReport::Broadcast { peers: 3 }, "sent to 3 peers", json!({"way": "broadcast", "peers": 3})),
            (
                whisper(false),
                "sent to 2NDrXPKf",
                json!({"way": "whisper", "to": "2NDrXPKfVSTL", "looked_up": false}),
            ),
            (
                whisper(true),
                "sent to 2NDrXPKf, which was looked up",
                json!({"way": "whisper", "to": "2NDrXPKfVSTL", "looked_up": true}),
            ),
        ] {
            assert_eq!((report.to_string().as_str(), serde_json::to_value(&report).unwrap()), (text, json));
        }
    }
}
