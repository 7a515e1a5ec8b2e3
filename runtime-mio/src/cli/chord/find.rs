//! `egoist chord find`: which node is responsible.

use clap::{Args, Parser};
use egoist_core::mesh::wire::NodeId;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::op::{self, OpReport};
use super::{NAME, key};

/// Flags of `chord find`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord find greeting
  egoist chord find --number 2NDrXPKf     a number of 384 bits in base 58, as ids are and as 'egoist chord dump' prints

Where the node listens, the first digits of its id, and how many nodes were asked one after the other.")]
pub(crate) struct Find {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    target: Target,
}

/// What a node is responsible for.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// A key
    #[arg(value_name = "KEY")]
    key: Option<String>,
    /// A number, in base 58
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    number: Option<NodeId>,
}

/// A number of at most 384 bits.
pub(crate) fn number(text: &str) -> Result<NodeId, String> {
    let none = |_| "write a number below 2^384 in base 58 (no 0, O, I and l), as in 2NDr".to_owned();
    NodeId::read(text.as_bytes()).map_err(none)
}

impl Find {
    /// Finds it.
    ///
    /// # Errors
    /// The node cannot be asked or is none of this protocol; nobody stores, or answers in time.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let What { key, number } = &self.what;
        let of_key = || key::number(key.as_deref().unwrap_or_default().as_bytes());
        let number = number.unwrap_or_else(of_key);
        let place = key.clone().unwrap_or_else(|| number.to_string());
        session.show(&op::ask(&self.target, place, |timeout_ms| FindRequest { number, timeout_ms })?)
    }
}

/// Asks a node which one is responsible.
#[derive(Serialize, Deserialize)]
pub(crate) struct FindRequest {
    /// For what, in base 58.
    pub(crate) number: NodeId,
    /// How long it may take.
    pub(crate) timeout_ms: u64,
}

impl Ask for FindRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "find";
    type Answer = OpReport;
}
