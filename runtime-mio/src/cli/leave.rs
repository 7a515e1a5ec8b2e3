//! `egoist leave`: a graceful end.

use std::fmt;

use clap::{ArgMatches, Parser};
use serde::{Deserialize, Serialize};

use super::control::{ANY, Ask, Target};
use super::failure::{Failure, Outcome};
use super::session::Session;
use super::units;
use super::verb::Verb;

/// Make a running node withdraw from its network and end
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
        let mut client = self.target.connect()?;
        let report = client.ask(&LeaveRequest {})?;
        if !client.wait_for_end()? {
            return Err(Failure::new("the node is leaving and has not ended yet")
                .at(&report.address)
                .try_this("see its log"));
        }
        session.show(&report)
    }
}

/// Asks any node to leave. It answers when it has left, and closes the connection.
#[derive(Serialize, Deserialize)]
pub(crate) struct LeaveRequest {}

impl Ask for LeaveRequest {
    const PROTOCOL: &'static str = ANY;
    const VERB: &'static str = "leave";
    type Answer = LeaveReport;
}

/// A node that has left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LeaveReport {
    /// Its id; empty if it had none yet.
    pub(crate) id: String,
    /// Where it listened.
    pub(crate) address: String,
}

impl fmt::Display for LeaveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = units::short_id(&self.id);
        let blank = if id.is_empty() { "" } else { " " };
        write!(f, "{}{blank}{id} has left", self.address)
    }
}
