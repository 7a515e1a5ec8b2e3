//! `egoist leave`: a graceful end.

use std::fmt;

use clap::{ArgMatches, Parser};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::control::Target;
use super::failure::{Failure, Outcome};
use super::session::Session;
use super::units;
use super::verb::Verb;

/// Make a running node withdraw from the overlay and end
#[derive(Parser, Debug)]
#[command(
    name = "leave",
    after_help = "Examples:
  egoist leave
  egoist leave --node 127.0.0.1:61300

The node tells the others before it ends, as it does on SIGINT and SIGTERM, so that nobody waits for it."
)]
pub(crate) struct Leave {
    #[command(flatten)]
    target: Target,
}

impl Verb for Leave {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        leave(&self.target, "overlay.leave", session)
    }
}

/// Asks a node to leave, and waits until it has ended.
///
/// # Errors
/// It cannot be reached, or does not end in time.
pub(crate) fn leave(target: &Target, verb: &str, session: &mut Session<'_>) -> Outcome {
    let mut client = target.connect()?;
    let report: LeaveReport = client.ask(verb, json!({}))?;
    if !client.wait_for_end()? {
        return Err(Failure::new("the node is leaving and has not ended yet")
            .at(&report.address)
            .try_this("see its log"));
    }
    session.show(&report)
}

/// A node that leaves: its answer to `overlay.leave`, after which it closes the connection when it has left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LeaveReport {
    /// Its id, 32 digits.
    pub(crate) id: String,
    /// Where it listened.
    pub(crate) address: String,
}

impl fmt::Display for LeaveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} has left", self.address, units::short_id(&self.id))
    }
}
