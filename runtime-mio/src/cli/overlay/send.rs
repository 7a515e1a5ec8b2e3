//! `egoist send`: a payload for another node's application.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::{ArgMatches, Parser};
use egoist_core::overlay::wire::PAYLOAD_LIMIT;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::{Failure, Outcome};
use super::super::input;
use super::super::session::Session;
use super::super::units;
use super::super::verb::Verb;
use super::NAME;
use super::destination::{Destination, refused};
use super::payload::{Payload, WayArg};

/// Send a payload from a running node to another, over the overlay
#[derive(Parser, Debug)]
#[command(
    name = "send",
    after_help = "Examples:
  egoist send 127.0.0.1:61300 'hello over there'
  egoist send 3f2a --file picture.png          at most 65,536 octets
  date | egoist send 3f2a                      standard input, without TEXT and --file

The other node shows it with 'egoist listen'. Nothing tells the sender that it arrived; that no path leads there is an \
error."
)]
pub(crate) struct Send {
    /// The node to reach: HOST:PORT, or the first digits of its id
    #[arg(value_name = "DEST")]
    to: Destination,
    /// What to send [default: standard input]
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    text: Option<String>,
    /// Send what this file holds
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How it goes from each node to the next
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    way: WayArg,
    #[command(flatten)]
    target: Target,
}

impl Verb for Send {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let payload = Payload::new(self.payload()?);
        let mut client = self.target.connect()?;
        let request = |to| SendRequest { to, payload: payload.clone(), way: self.way };
        let report = self.to.ask(&mut client, request)?;
        session.show(&report.map_err(|refusal| refused(&refusal, &self.to))?)
    }
}

impl Send {
    fn payload(&self) -> Outcome<Vec<u8>> {
        match (&self.text, &self.file) {
            (Some(text), _) => payload_of("TEXT", text.as_bytes()),
            (None, Some(path)) => {
                let file = File::open(path)
                    .map_err(|e| Failure::io("cannot read the payload", path.display(), &e))?;
                payload_of(path.display(), file)
            }
            (None, None) => payload_of("standard input", io::stdin().lock()),
        }
    }
}

fn payload_of(place: impl fmt::Display, source: impl io::Read) -> Outcome<Vec<u8>> {
    input::at_most(PAYLOAD_LIMIT, "payload", place, source)
}

/// Asks a node to send a payload.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendRequest {
    /// Whom: an address, or the beginning of an id.
    pub(crate) to: String,
    /// What.
    pub(crate) payload: Payload,
    /// How it is to go.
    #[serde(default)]
    pub(crate) way: WayArg,
}

impl Ask for SendRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "send";
    type Answer = SendReport;
}

/// A payload on its way: the node's answer to `overlay.send`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SendReport {
    /// The destination's id, 32 digits.
    pub(crate) id: String,
    /// Where it listens.
    pub(crate) address: String,
    /// The neighbour that it was given to, by address.
    pub(crate) next_hop: String,
    /// Octets of payload.
    pub(crate) octets: u32,
}

impl fmt::Display for SendReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = units::octets(u64::from(self.octets));
        write!(f, "{size} on the way to {} {} by {}", self.address, units::short_id(&self.id), self.next_hop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        let (id, address, next_hop) =
            ("1".repeat(32), "127.0.0.1:61301".to_owned(), "127.0.0.1:61302".to_owned());
        let report = SendReport { id, address, next_hop, octets: 5 };
        assert_eq!(report.to_string(), "5 B on the way to 127.0.0.1:61301 11111111 by 127.0.0.1:61302");
    }
}
