//! `egoist monitor`: what happens at a node, as it happens.

use std::fmt;

use clap::{ArgMatches, Parser};
use egoist_core::kernel::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::control::{ANY, Ask, Target};
use super::failure::Outcome;
use super::protocol::Who;
use super::session::Session;
use super::verb::Verb;

/// Print what happens at a running node, until interrupted or the node ends
#[derive(Parser, Debug)]
#[command(
    name = "monitor",
    after_help = "Examples:
  egoist monitor
  egoist monitor --node 127.0.0.1:61300 --json | jq -c 'select(.event == \"link_down\")'

A line for each event: seconds since the node started, and what it is. The first says which node it is. In JSON an \
event has its time as at_s, the protocol that it is of, its name as event, fields of its own, and as text what is printed \
without --json. What happened before is not shown."
)]
pub(crate) struct Monitor {
    /// Stop after so many [default: never]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    target: Target,
}

impl Verb for Monitor {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let mut seen = 0;
        self.target.connect()?.follow(&MonitorRequest {}, |told| {
            session.show(&told)?;
            seen += 1;
            Ok(self.count != Some(seen))
        })
    }
}

/// Asks any node to tell what happens.
#[derive(Serialize, Deserialize)]
pub(crate) struct MonitorRequest {}

impl Ask for MonitorRequest {
    const PROTOCOL: &'static str = ANY;
    const VERB: &'static str = "monitor";
    type Answer = Told;
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// When, in seconds since the node started.
    at_s: f64,
    /// Of which protocol it is: the node's, or that of one of its parts.
    protocol: String,
    /// What it is called.
    event: String,
    /// What else is known of it.
    #[serde(flatten)]
    fields: Map<String, Value>,
    /// What it is, for people.
    text: String,
}

impl Told {
    /// A protocol's event: a variant of an enum, whose fields are named.
    ///
    /// # Errors
    /// It has no JSON form.
    pub(crate) fn new(
        protocol: &str,
        at: Time,
        text: String,
        event: &impl Serialize,
    ) -> serde_json::Result<Self> {
        let (event, fields) = match serde_json::to_value(event)? {
            Value::Object(variant) => variant.into_iter().next().unwrap_or_default(),
            Value::String(name) => (name, Value::Null),
            other => (String::new(), other),
        };
        let fields = match fields {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            value => Map::from_iter([("value".to_owned(), value)]),
        };
        Ok(Told { at_s: at.as_secs_f64(), protocol: protocol.to_owned(), event, fields, text })
    }

    /// Which node it is that somebody begins to listen to.
    pub(crate) fn watching(protocol: &str, at: Time, who: &Who) -> Self {
        let (address, id) = (who.address.to_string(), who.id.clone());
        let text = format!("watching the {protocol} node {address} {}", id.as_deref().unwrap_or("-"));
        let fields = [("address".to_owned(), address.into()), ("id".to_owned(), id.into())];
        Told {
            at_s: at.as_secs_f64(),
            protocol: protocol.to_owned(),
            event: "watching".to_owned(),
            fields: fields.into_iter().collect(),
            text,
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:10.3} s  {}", self.at_s, self.text.replace(char::is_control, "?"))
    }
}
