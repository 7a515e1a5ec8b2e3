//! `egoist listen`: payloads as they arrive.

use std::fmt;

use clap::{ArgMatches, Parser};
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::units;
use super::super::verb::Verb;
use super::NAME;
use super::payload::Payload;

/// Print the payloads that arrive at a running node, until interrupted
#[derive(Parser, Debug)]
#[command(
    name = "listen",
    after_help = "Examples:
  egoist listen
  egoist listen --count 1 --json | jq -r .payload.text

Payloads that arrived before are not shown. Control characters are shown escaped; what is no text, as 0x and digits."
)]
pub(crate) struct Listen {
    /// Stop after so many [default: never]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    target: Target,
}

impl Verb for Listen {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let mut seen = 0;
        self.target.connect()?.follow(&ListenRequest {}, |arrived| {
            session.show(&arrived)?;
            seen += 1;
            Ok(self.count != Some(seen))
        })
    }
}

/// Asks a node for the payloads that arrive.
#[derive(Serialize, Deserialize)]
pub(crate) struct ListenRequest {}

impl Ask for ListenRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "listen";
    type Answer = Delivered;
}

/// A payload that arrived.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Delivered {
    /// Who sent it, 32 digits.
    pub(crate) id: String,
    /// Where that node listens; none if its record is not known.
    pub(crate) address: Option<String>,
    /// What it is.
    pub(crate) payload: Payload,
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.address.as_deref().unwrap_or("?");
        write!(f, "{from} {}  {}", units::short_id(&self.id), self.payload.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people_and_for_programs() {
        let payload = Payload::new(b"hello".to_vec());
        let arrived = Delivered { id: "1".repeat(32), address: Some("127.0.0.1:61301".into()), payload };
        assert_eq!(arrived.to_string(), "127.0.0.1:61301 11111111  hello");
        let json = serde_json::to_value(&arrived).unwrap();
        assert_eq!(json["payload"]["text"], "hello");
    }
}
