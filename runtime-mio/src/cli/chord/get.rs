//! `egoist chord get`: the value of a key.

use clap::Parser;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::super::control::{Ask, Target};
use super::super::failure::{Failure, Outcome};
use super::super::mesh::form;
use super::super::session::Session;
use super::NAME;
use super::key::KeyArg;
use super::op::{self, OpReport};
use super::value::Printing;

/// Flags of `chord get`.
#[derive(Parser, Debug)]
#[command(after_help = format!("Examples:
  egoist chord get greeting
  egoist chord get greeting --default hello
  egoist chord get picture --raw > picture.png
  egoist chord get settings --json | jq .value

A text is printed as it is and octets as 0x and digits, control characters escaped. A key that has no value is not found: exit \
code 1, unless there is a --default. Where most of the nodes that answered agree on a value, and not all that could know, it is \
printed and that is said on standard error.

In JSON the value is in .value, whether it is sure in .certain, and when it was set in .version. {}", form::HELP))]
pub(crate) struct Get {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    printing: Printing,
    #[command(flatten)]
    target: Target,
}

impl Get {
    /// Prints it.
    ///
    /// # Errors
    /// It is not found; the node cannot be asked or is none of this protocol; nobody answers it in time.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let key = self.key.json()?;
        let report = op::ask(&self.target, &self.key, |timeout_ms| GetRequest { key, timeout_ms })?;
        show(&report, &self.key, &self.printing, session)
    }
}

/// Prints what was found under a key.
///
/// # Errors
/// Nothing was, and there is no default; it cannot be written.
pub(crate) fn show(
    report: &OpReport,
    key: &KeyArg,
    printing: &Printing,
    session: &mut Session<'_>,
) -> Outcome {
    match (report, printing.default()) {
        (OpReport::Value { .. }, _) if session.json => session.json_line(report),
        (OpReport::Value { value, certain, .. }, _) => {
            if !certain {
                session.note("most of the nodes that answered have this value, and not all that may know");
            }
            printing.print(value, session)
        }
        (OpReport::Absent, Some(value)) if session.json => {
            session.json_line(&json!({ "outcome": "absent", "value": value }))
        }
        (OpReport::Absent, Some(value)) => printing.print(&value, session),
        (OpReport::Absent, None) => Err(Failure::new("not found").at(key)),
        (other, _) => Err(other.strange()),
    }
}

/// Asks a node for the value of a key.
#[derive(Serialize, Deserialize)]
pub(crate) struct GetRequest {
    /// The key.
    pub(crate) key: Json,
    /// How long it may take.
    pub(crate) timeout_ms: u64,
}

impl Ask for GetRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "get";
    type Answer = OpReport;
}
