//! `egoist neighbors`: a node's links.

use std::fmt;

use clap::{ArgMatches, Parser};
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::table::{Side, Table};
use super::super::units;
use super::super::verb::Verb;
use super::NAME;

/// List a running node's links: who chose them and their delay
#[derive(Parser, Debug)]
#[command(
    name = "neighbors",
    visible_alias = "neighbours",
    after_help = "Examples:
  egoist neighbors
  egoist neighbors --json | jq -r '.[] | select(.role != \"i\") | .address'

CHOSEN BY says me (o in JSON), them (i), both (b), or nobody (null: a watcher, or a link about to close). RTT is the \
smoothed round trip and DEV its mean deviation; BEATS, what carries the heartbeats; FOR, how long the link is up. Frames and octets are those given to the neighbour and \
taken from it since it connected, heartbeats and payloads included; SHED are payloads that had no room in the queue to \
it, of which their senders were told."
)]
pub(crate) struct Neighbors {
    #[command(flatten)]
    target: Target,
}

impl Verb for Neighbors {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let report = self.target.connect()?.ask(&NeighborsRequest {})?;
        session.show(&report)
    }
}

/// Asks a node for its links.
#[derive(Serialize, Deserialize)]
pub(crate) struct NeighborsRequest {}

impl Ask for NeighborsRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "neighbors";
    type Answer = NeighborsReport;
}

/// A node's links, by address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NeighborsReport(pub(crate) Vec<NeighborRow>);

/// A link.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct NeighborRow {
    /// The other end's id, 32 digits.
    pub(crate) id: String,
    /// Where it listens.
    pub(crate) address: String,
    /// Who chose the link; none if nobody does.
    pub(crate) role: Option<LinkRole>,
    /// What it is good for now.
    pub(crate) state: LinkState,
    /// Smoothed round trip in milliseconds; none while unmeasured.
    pub(crate) rtt_ms: Option<f64>,
    /// Mean deviation of the round trip in milliseconds; none while unmeasured.
    pub(crate) rtt_var_ms: Option<f64>,
    /// Milliseconds since the other end was last heard; none if never.
    pub(crate) heard_ms_ago: Option<f64>,
    /// What carries its heartbeats: `udp`, or `tcp` where datagrams do not get through.
    pub(crate) carrier: String,
    /// Seconds since the link came up.
    pub(crate) up_s: u64,
    /// Frames and datagrams to the other end.
    pub(crate) frames_sent: u64,
    /// Their octets.
    pub(crate) octets_sent: u64,
    /// Frames and datagrams from it.
    pub(crate) frames_received: u64,
    /// Their octets.
    pub(crate) octets_received: u64,
    /// Payloads that had no room in the queue to it.
    pub(crate) payloads_shed: u64,
}

/// Who chose a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum LinkRole {
    /// The node itself.
    #[serde(rename = "o")]
    Out,
    /// The other end.
    #[serde(rename = "i")]
    In,
    /// Both.
    #[serde(rename = "b")]
    Both,
}

/// What a link is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LinkState {
    /// In use.
    Up,
    /// Silent, and not used until it is heard again.
    Suspected,
    /// In use until its replacement stands.
    Leaving,
}

impl fmt::Display for NeighborsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let mut table = Table::new(&[
            ("ADDRESS", Left),
            ("ID", Left),
            ("CHOSEN BY", Left),
            ("STATE", Left),
            ("RTT", Right),
            ("DEV", Right),
            ("HEARD", Right),
            ("BEATS", Left),
            ("FOR", Right),
        ]);
        for row in &self.0 {
            table.row([
                row.address.clone(),
                units::short_id(&row.id).to_owned(),
                row.role.map_or_else(units::dash, |role| role.name().to_owned()),
                row.state.name().to_owned(),
                units::millis_or_dash(row.rtt_ms),
                units::millis_or_dash(row.rtt_var_ms),
                row.heard_ms_ago.map_or_else(units::dash, |ms| format!("{} ago", units::millis(ms))),
                row.carrier.clone(),
                units::age(row.up_s),
            ]);
        }
        writeln!(f, "{table}")?;
        self.traffic().fmt(f)
    }
}

impl NeighborsReport {
    fn traffic(&self) -> Table {
        use Side::{Left, Right};
        let mut table = Table::new(&[
            ("ADDRESS", Left),
            ("ID", Left),
            ("FRAMES OUT", Right),
            ("OCTETS OUT", Right),
            ("FRAMES IN", Right),
            ("OCTETS IN", Right),
            ("SHED", Right),
        ]);
        for row in &self.0 {
            table.row([
                row.address.clone(),
                units::short_id(&row.id).to_owned(),
                row.frames_sent.to_string(),
                units::octets(row.octets_sent),
                row.frames_received.to_string(),
                units::octets(row.octets_received),
                row.payloads_shed.to_string(),
            ]);
        }
        table
    }
}

impl LinkRole {
    fn name(self) -> &'static str {
        match self {
            LinkRole::Out => "me",
            LinkRole::In => "them",
            LinkRole::Both => "both",
        }
    }
}

impl LinkState {
    fn name(self) -> &'static str {
        match self {
            LinkState::Up => "up",
            LinkState::Suspected => "suspected",
            LinkState::Leaving => "leaving",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people_and_for_programs() {
        let up = NeighborRow {
            id: "00112233445566778899aabbccddeeff".into(),
            address: "127.0.0.1:61300".into(),
            role: Some(LinkRole::Out),
            state: LinkState::Up,
            rtt_ms: Some(12.345),
            rtt_var_ms: Some(0.5),
            heard_ms_ago: Some(120.0),
            carrier: "udp".into(),
            up_s: 725,
            frames_sent: 3_102,
            octets_sent: 120_413,
            frames_received: 12,
            octets_received: 812,
            payloads_shed: 7,
        };
        let silent = NeighborRow {
            address: "[2001:db8::7]:61300".into(),
            role: Some(LinkRole::Both),
            state: LinkState::Suspected,
            rtt_ms: None,
            rtt_var_ms: None,
            heard_ms_ago: None,
            ..up.clone()
        };
        let report = NeighborsReport(vec![up, silent]);
        let text = "\
ADDRESS              ID        CHOSEN BY  STATE          RTT      DEV       HEARD  BEATS        FOR
127.0.0.1:61300      00112233  me         up         12.3 ms  0.50 ms  120 ms ago  udp    12 m 05 s
[2001:db8::7]:61300  00112233  both       suspected        -        -           -  udp    12 m 05 s

ADDRESS              ID        FRAMES OUT  OCTETS OUT  FRAMES IN  OCTETS IN  SHED
127.0.0.1:61300      00112233        3102   117.6 KiB         12      812 B     7
[2001:db8::7]:61300  00112233        3102   117.6 KiB         12      812 B     7
";
        assert_eq!(report.to_string(), text);
        let json = serde_json::to_string(&report).unwrap();
        assert!(json.starts_with(r#"[{"id":"00112233445566778899aabbccddeeff","address":"127.0.0.1:61300","role":"o","state":"up","rtt_ms":12.345,"#), "{json}");
        assert_eq!(serde_json::from_str::<NeighborsReport>(&json).unwrap(), report);
    }
}
