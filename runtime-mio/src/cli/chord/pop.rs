//! `egoist chord pop`: the value of a key, which it loses.

use clap::Parser;
use egoist_core::mesh::chord::store::Policy;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::NAME;
use super::get;
use super::key::KeyArg;
use super::op::{self, OpReport};
use super::safety::{Safety, usual};
use super::value::Printing;

/// Flags of `chord pop`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord pop greeting
  egoist chord pop greeting --default hello

The value is printed as by 'egoist chord get'. Of several who pop at once, one has it. A key that has no value is not found: exit \
code 1, unless there is a --default.")]
pub(crate) struct Pop {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    printing: Printing,
    #[command(flatten)]
    safety: Safety,
    #[command(flatten)]
    target: Target,
}

impl Pop {
    /// Deletes and prints it.
    ///
    /// # Errors
    /// It is not found; the node cannot be asked or is none of this protocol; nobody answers it in time.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let (key, policy) = (self.key.json()?, self.safety.policy());
        let request = |timeout_ms| PopRequest { key, policy, timeout_ms };
        let report = op::ask(&self.target, &self.key, request)?;
        get::show(&report, &self.key, &self.printing, session)
    }
}

/// Asks a node to delete a key's value, and what it was.
#[derive(Serialize, Deserialize)]
pub(crate) struct PopRequest {
    /// The key.
    pub(crate) key: Json,
    /// When it is said to be deleted.
    #[serde(default = "usual")]
    pub(crate) policy: Policy,
    /// How long it may take.
    pub(crate) timeout_ms: u64,
}

impl Ask for PopRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "pop";
    type Answer = OpReport;
}
