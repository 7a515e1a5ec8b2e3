//! `egoist chord set`: a value for a key.

use std::time::Duration;

use clap::Parser;
use egoist_core::mesh::chord::store::Policy;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::{Ask, Target};
use super::super::duration;
use super::super::failure::Outcome;
use super::super::mesh::form;
use super::super::session::Session;
use super::NAME;
use super::key::KeyArg;
use super::op::{self, OpReport};
use super::safety::{Safety, usual};
use super::value::ValueArg;

/// Flags of `chord set`.
#[derive(Parser, Debug)]
#[command(after_help = format!("Examples:
  egoist chord set greeting hello
  egoist chord set settings --value '{{\"unit\": \"C\"}}'
  egoist chord set digest --bin 00ff
  egoist chord set lease mine --ttl 30s               gone by itself after that
  egoist chord set order 4711 --policy synced         outlives a loss of power

The answer comes when all nodes that are to keep it have it, as --policy says, and is how many these are. Nodes of py2p keep \
what they are sent, and confirm nothing. Where no answer comes in time, it may be stored all the same. A value is at most 65,536 octets in MessagePack. {}", form::HELP))]
pub(crate) struct Set {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    value: ValueArg,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    target: Target,
}

/// How a value is to be kept.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// After how long it is gone by itself [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_period)]
    ttl: Option<Duration>,
    #[command(flatten)]
    safety: Safety,
}

impl Terms {
    /// The request for a key.
    pub(crate) fn request(&self, (key, value): (Json, Json), timeout_ms: u64) -> SetRequest {
        let millis = |ttl: Duration| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        SetRequest { key, value, ttl_ms: self.ttl.map(millis), policy: self.safety.policy(), timeout_ms }
    }
}

impl Set {
    /// Stores it.
    ///
    /// # Errors
    /// It is too long or nil; the node cannot be asked or is none of this protocol; nobody keeps it, or not in time.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let item = (self.key.json()?, self.value.json());
        let report = op::ask(&self.target, &self.key, |timeout_ms| self.terms.request(item, timeout_ms))?;
        session.show(&report)
    }
}

/// Asks a node to store a value.
#[derive(Serialize, Deserialize)]
pub(crate) struct SetRequest {
    /// Its key.
    pub(crate) key: Json,
    /// It.
    pub(crate) value: Json,
    /// After how long it is gone; none for never.
    #[serde(default)]
    pub(crate) ttl_ms: Option<u64>,
    /// When it is said to be stored.
    #[serde(default = "usual")]
    pub(crate) policy: Policy,
    /// How long it may take.
    pub(crate) timeout_ms: u64,
}

impl Ask for SetRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "set";
    type Answer = OpReport;
}
