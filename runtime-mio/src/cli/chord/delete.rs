//! `egoist chord delete`: the end of a key's value.

use clap::Parser;
use egoist_core::mesh::chord::store::Policy;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::{Ask, Target};
use super::super::failure::{Failure, Outcome};
use super::super::session::Session;
use super::NAME;
use super::key::KeyArg;
use super::op::{self, OpReport};
use super::safety::{Safety, usual};

/// Flags of `chord delete`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord delete greeting
  egoist chord delete greeting --node 127.0.0.1:44565

A key that has no value is not found: exit code 1. That it was deleted is known for seven days, to nodes as well that were away \
meanwhile.")]
pub(crate) struct Delete {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    safety: Safety,
    #[command(flatten)]
    target: Target,
}

impl Delete {
    /// Deletes it.
    ///
    /// # Errors
    /// It is not found; the node cannot be asked or is none of this protocol; nobody answers it in time.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let (key, policy) = (self.key.json()?, self.safety.policy());
        let request = |timeout_ms| DeleteRequest { key, policy, timeout_ms };
        match op::ask(&self.target, &self.key, request)? {
            report @ OpReport::Kept { .. } => report.show("deleted", session),
            OpReport::Absent => Err(Failure::new("not found").at(&self.key)),
            other => Err(other.strange()),
        }
    }
}

/// Asks a node to delete a key's value.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeleteRequest {
    /// The key.
    pub(crate) key: Json,
    /// When it is said to be deleted.
    #[serde(default = "usual")]
    pub(crate) policy: Policy,
    /// How long it may take.
    pub(crate) timeout_ms: u64,
}

impl Ask for DeleteRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "delete";
    type Answer = OpReport;
}
