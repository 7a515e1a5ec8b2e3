//! `egoist status`: what a node is doing.

use std::fmt;

use clap::{ArgMatches, Parser};
use egoist_mio::LongestTurn;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::control::{ANY, Ask, Target};
use super::failure::{Failure, Outcome};
use super::router;
use super::session::Session;
use super::units;
use super::verb::Verb;

/// Show what a running node is doing
#[derive(Parser, Debug)]
#[command(
    name = "status",
    after_help = "Examples:
  egoist status                           the only node that runs here
  egoist status --node 127.0.0.1:61300    one of several
  egoist status --json

Of a node of the overlay, phases: starting (loads its state), alone (no other node known), joining (no link yet), measuring (the delays to the \
others), wired (decides at each epoch), watching (a bootstrap), leaving. \
The cost is the mean round trip over the overlay to every node reached."
)]
pub(crate) struct Status {
    #[command(flatten)]
    target: Target,
}

impl Verb for Status {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let report = self.target.connect()?.ask(&StatusRequest {})?;
        let protocol = report["protocol"].as_str().unwrap_or_default().to_owned();
        (router::named(&protocol)?.show_status)(report, session)
    }
}

/// Asks any node what it is doing.
#[derive(Serialize, Deserialize)]
pub(crate) struct StatusRequest {}

impl Ask for StatusRequest {
    const PROTOCOL: &'static str = ANY;
    const VERB: &'static str = "status";
    /// A [`StatusReport`] of the node's protocol, which who asks does not know yet.
    type Answer = Value;
}

/// What a node says of itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct StatusReport<S> {
    /// What every node says.
    #[serde(flatten)]
    pub(crate) node: NodeReport,
    /// What those of its protocol say.
    #[serde(flatten)]
    pub(crate) own: S,
}

/// What every node says of itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct NodeReport {
    /// Of which protocol it is.
    pub(crate) protocol: String,
    /// What it calls itself; none while it starts.
    pub(crate) id: Option<String>,
    /// Where others reach it.
    pub(crate) address: String,
    /// Seconds since it started.
    pub(crate) uptime_s: u64,
    /// The process.
    pub(crate) pid: u32,
    /// How long it let everybody wait; none where the system does not count that.
    #[serde(flatten)]
    pub(crate) turns: Option<TurnsReport>,
    /// Lines of its log that were lost: standard error could not be written, or not as fast.
    pub(crate) log_lost: u64,
    /// Why its state could not be stored the last time, if that is so: a full disk, say.
    pub(crate) state_error: Option<String>,
    /// Whether nothing can be stored now, because the disk under its state is full.
    pub(crate) disk_full: bool,
}

/// The longest turns of a node's loop, in milliseconds of processor time: nobody is heard while one lasts.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct TurnsReport {
    /// Since it started.
    pub(crate) longest_turn_ms: f64,
    /// Of the last minute.
    pub(crate) longest_turn_lately_ms: f64,
}

impl From<LongestTurn> for TurnsReport {
    fn from(longest: LongestTurn) -> Self {
        let LongestTurn { ever, lately } = longest;
        TurnsReport { longest_turn_ms: units::ms(ever), longest_turn_lately_ms: units::ms(lately) }
    }
}

impl fmt::Display for TurnsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [ever, lately] = [self.longest_turn_ms, self.longest_turn_lately_ms].map(units::millis);
        write!(f, "longest {ever} of processor time, {lately} in the last minute")
    }
}

impl<S: Serialize + DeserializeOwned + fmt::Display> StatusReport<S> {
    /// Shows a node's answer.
    ///
    /// # Errors
    /// It is not what a node of this version answers, or it cannot be written.
    pub(crate) fn show(report: Value, session: &mut Session<'_>) -> Outcome {
        let report: Self = serde_json::from_value(report).map_err(|error| {
            Failure::new(format!("the node's answer cannot be understood ({error})"))
                .try_this("is it of the same version? compare 'egoist --version'")
        })?;
        session.show(&report)
    }
}

impl<S: fmt::Display> fmt::Display for StatusReport<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeReport { protocol, id, address, uptime_s, pid, .. } = &self.node;
        writeln!(f, "node      {address}  {}", id.as_deref().unwrap_or("-"))?;
        writeln!(f, "protocol  {protocol}")?;
        self.own.fmt(f)?;
        writeln!(f, "running   {} as process {pid}", units::age(*uptime_s))?;
        if let Some(turns) = &self.node.turns {
            writeln!(f, "turns     {turns}")?;
        }
        if self.node.log_lost > 0 {
            writeln!(f, "log       {} lines lost: standard error could not be written", self.node.log_lost)?;
        }
        match &self.node.state_error {
            Some(error) => writeln!(f, "state     not stored: {error}"),
            None if self.node.disk_full => writeln!(f, "state     cannot be stored: the disk is full"),
            None => Ok(()),
        }
    }
}
