//! `egoist mesh disconnect`: the end of a peer's connections.

use std::fmt;

use clap::Parser;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::units;
use super::NAME;
use super::whom::Whom;

/// Flags of `mesh disconnect`.
#[derive(Parser, Debug)]
#[command(after_help = "Example:
  egoist mesh disconnect 2NDr

Its address is not dialled for a while, five minutes as a rule. It may dial this node before.")]
pub(crate) struct Disconnect {
    /// The peer: the first digits of its id, at least four
    #[arg(value_name = "ID")]
    id: Whom,
    #[command(flatten)]
    target: Target,
}

impl Disconnect {
    /// Closes the connections with it.
    ///
    /// # Errors
    /// The node cannot be asked or is none of this protocol; no peer is called so, or several are.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let report = self.target.connect()?.try_ask(&DisconnectRequest { id: self.id.digits() })?;
        session.show(&report.map_err(|refusal| self.id.refused(&refusal))?)
    }
}

/// Asks a node to close the connections with a peer.
#[derive(Serialize, Deserialize)]
pub(crate) struct DisconnectRequest {
    /// The beginning of its id.
    pub(crate) id: String,
}

impl Ask for DisconnectRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "disconnect";
    type Answer = DisconnectReport;
}

/// A peer that is none any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DisconnectReport {
    /// What it calls itself.
    pub(crate) id: String,
}

impl fmt::Display for DisconnectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is disconnected", units::short_id(&self.id))
    }
}
