//! `egoist chord merge`: some keys of a map that is a value.

use clap::Parser;
use egoist_core::mesh::chord::store::Policy;
use egoist_core::mesh::wire::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::mesh::{form, said};
use super::super::session::Session;
use super::NAME;
use super::key::KeyArg;
use super::op::{self, OpReport};
use super::safety::{Safety, usual};

/// Flags of `chord merge`.
#[derive(Parser, Debug)]
#[command(after_help = format!("Examples:
  egoist chord merge settings '{{\"unit\": \"C\"}}'
  egoist chord merge by-number '{{\"map\": [[1, \"one\"]]}}'

The value becomes a map that has these keys too, and where it had them already these values. A key without a value is an empty map. Of \
several who merge at once, all are heeded. What is no map is left as it is: exit code 1. {}", form::HELP))]
pub(crate) struct Merge {
    #[command(flatten)]
    key: KeyArg,
    /// What to merge into the value: a map, in JSON
    #[arg(value_name = "JSON", value_parser = map)]
    delta: Json,
    #[command(flatten)]
    safety: Safety,
    #[command(flatten)]
    target: Target,
}

fn map(text: &str) -> Result<Json, String> {
    let json = said::value(text)?;
    match form::from_json(json.clone())? {
        Value::Map(_) => Ok(json),
        _ => Err("write a map, as in {\"unit\": \"C\"}".to_owned()),
    }
}

impl Merge {
    /// Merges it.
    ///
    /// # Errors
    /// The value is no map, or becomes too long; the node cannot be asked or is none of this protocol; nobody answers it in
    /// time.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let (key, delta, policy) = (self.key.json()?, self.delta.clone(), self.safety.policy());
        let request = |timeout_ms| MergeRequest { key, delta, policy, timeout_ms };
        session.show(&op::ask(&self.target, &self.key, request)?)
    }
}

/// Asks a node to merge into a key's value.
#[derive(Serialize, Deserialize)]
pub(crate) struct MergeRequest {
    /// The key.
    pub(crate) key: Json,
    /// What to merge: a map.
    pub(crate) delta: Json,
    /// When it is said to be stored.
    #[serde(default = "usual")]
    pub(crate) policy: Policy,
    /// How long it may take.
    pub(crate) timeout_ms: u64,
}

impl Ask for MergeRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "merge";
    type Answer = OpReport;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_merged_and_nothing_else() {
        assert!(map("{\"a\": 1}").is_ok() && map("{}").is_ok() && map("{\"map\": [[1, 2]]}").is_ok());
        for text in ["7", "[]", "{\"bin\": \"00\"}", "x", "null"] {
            assert!(map(text).is_err(), "{text}");
        }
    }
}
