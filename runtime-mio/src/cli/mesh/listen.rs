//! `egoist mesh listen`: messages as they come.

use std::fmt;

use bytes::Bytes;
use clap::Parser;
use egoist_core::mesh::Way;
use egoist_core::mesh::wire::{NodeId, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::units;
use super::{NAME, form};

/// Flags of `mesh listen`.
#[derive(Parser, Debug)]
#[command(after_help = format!("Examples:
  egoist mesh listen
  egoist mesh listen --count 1 --json | jq '.values[0]'

A line for each message: when it was said, in UTC by the sender's clock; the first digits of the sender's id; whether it went to \
all or to this node alone; and its values, texts as they are and octets as 0x and digits, control characters escaped. What came \
before is not shown.

{} Where values in JSON would have more than 900,000 octets they are null. Besides, sent is in seconds since 1970, and by is the \
peer that brought the message.

The sender is who the message says it is: nobody can check that.", form::HELP))]
pub(crate) struct Listen {
    /// Stop after so many [default: never]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    target: Target,
}

impl Listen {
    /// Prints messages until there were enough, or the node ends.
    ///
    /// # Errors
    /// The node cannot be asked, or is none of this protocol.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let mut seen = 0;
        self.target.connect()?.follow(&ListenRequest {}, |heard| {
            session.show(&heard)?;
            seen += 1;
            Ok(self.count != Some(seen))
        })
    }
}

/// Asks a node for the messages that come.
#[derive(Serialize, Deserialize)]
pub(crate) struct ListenRequest {}

impl Ask for ListenRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "listen";
    type Answer = Heard;
}

/// A message that came.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// Who said it, as the message has it.
    sender: String,
    /// The peer that it came from.
    by: String,
    /// How it came.
    way: Way,
    /// When it was said, in seconds since 1970.
    sent: u64,
    /// What; none if that is too long to be told.
    values: Option<Vec<Json>>,
}

impl Heard {
    /// A message as a node tells of it.
    pub(crate) fn new(sender: &Bytes, by: NodeId, way: Way, sent: u64, values: &[Value]) -> Self {
        Heard { sender: name(sender), by: by.to_string(), way, sent, values: form::told(values) }
    }
}

/// A sender's name, which is an id unless somebody has made it up.
pub(crate) fn name(sender: &Bytes) -> String {
    sender.escape_ascii().to_string()
}

/// A way's name.
pub(crate) const fn name_of(way: Way) -> &'static str {
    match way {
        Way::Broadcast => "broadcast",
        Way::Whisper => "whisper",
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Heard { sender, way, sent, values, .. } = self;
        write!(f, "{}  {}  {:9}  ", time_of_day(*sent), units::short_id(sender), name_of(*way))?;
        match values {
            Some(values) => f.write_str(&form::shown(values)),
            None => f.write_str("(too long to be told)"),
        }
    }
}

/// The time of day in UTC.
fn time_of_day(unix: u64) -> String {
    let of_day = unix % 86_400;
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn for_people_and_for_programs() {
        let id = NodeId([9; NodeId::LEN]);
        let values = ["hello".into(), 7u64.into(), Value::Bin(Bytes::from_static(b"\x1b"))];
        let sender = Bytes::from(id.to_string());
        let heard = Heard::new(&sender, id, Way::Broadcast, 1_600_000_000, &values);
        let short = &id.to_string()[..8];
        assert_eq!(heard.to_string(), format!("12:26:40  {short}  broadcast  hello  7  0x1b"));
        let json = serde_json::to_value(&heard).unwrap();
        assert_eq!(json["values"], json!(["hello", 7, {"bin": "1b"}]));
        assert_eq!(
            (&json["way"], &json["by"], &json["sender"]),
            (&"broadcast".into(), &id.to_string().into(), &id.to_string().into())
        );
        let made_up = Heard::new(&Bytes::from_static(b"\x1b[2J\xff"), id, Way::Whisper, 0, &[]);
        assert_eq!(made_up.to_string(), "00:00:00  \\x1b[2J\\  whisper    ");
        let long = Heard { values: None, ..heard };
        assert!(long.to_string().ends_with("  (too long to be told)"));
    }
}
