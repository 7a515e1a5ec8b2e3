//! `egoist hello peers`: whom a node has met.

use std::fmt;

use clap::Parser;
use egoist_core::hello::{Hello, PeerInfo};
use egoist_core::kernel::Time;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::table::{Side, Table};
use super::super::units;
use super::NAME;

/// Flags of `hello peers`.
#[derive(Parser, Debug)]
pub(crate) struct Peers {
    #[command(flatten)]
    target: Target,
}

impl Peers {
    /// Lists them.
    ///
    /// # Errors
    /// The node cannot be asked, or is none of this protocol.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let report = self.target.connect()?.ask(&PeersRequest {})?;
        session.show(&report)
    }
}

/// Asks a node for its peers.
#[derive(Serialize, Deserialize)]
pub(crate) struct PeersRequest {}

impl Ask for PeersRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "peers";
    type Answer = PeersReport;
}

/// A node's peers that have said hello, by address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PeersReport(Vec<PeerRow>);

/// A peer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct PeerRow {
    /// Its id, as it said it.
    nodeid: String,
    /// Where it listens, or its end of the connection while it has not said so.
    address: String,
    /// Whether this node dialled it.
    dialled: bool,
    /// The last round trip from ping to pong in milliseconds; none before the first.
    rtt_ms: Option<f64>,
    /// Seconds since it said hello.
    up_s: u64,
}

impl PeersReport {
    /// The peers of a node.
    pub(crate) fn new(node: &Hello, now: Time) -> Self {
        let mut rows: Vec<&PeerInfo> = node.peers().collect();
        rows.sort_unstable_by_key(|peer| peer.address.unwrap_or(peer.remote));
        PeersReport(rows.into_iter().map(|peer| PeerRow::new(peer, now)).collect())
    }
}

impl PeerRow {
    fn new(peer: &PeerInfo, now: Time) -> Self {
        PeerRow {
            nodeid: peer.id.to_string(),
            address: peer.address.unwrap_or(peer.remote).to_string(),
            dialled: peer.dialed,
            rtt_ms: peer.rtt.map(units::ms),
            up_s: now.since(peer.since).as_secs(),
        }
    }
}

impl fmt::Display for PeersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let columns =
            [("ADDRESS", Left), ("NODEID", Left), ("DIALLED BY", Left), ("RTT", Right), ("FOR", Right)];
        let mut table = Table::new(&columns);
        for row in &self.0 {
            table.row([
                row.address.clone(),
                row.nodeid.clone(),
                if row.dialled { "me" } else { "them" }.to_owned(),
                units::millis_or_dash(row.rtt_ms),
                units::age(row.up_s),
            ]);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_for_people() {
        let address = "127.0.0.1:5998".to_owned();
        let pinged = PeerRow { nodeid: "a1".into(), address, dialled: true, rtt_ms: Some(2.5), up_s: 65 };
        let new = PeerRow { nodeid: "b2".into(), dialled: false, rtt_ms: None, up_s: 0, ..pinged.clone() };
        let text = "\
ADDRESS         NODEID  DIALLED BY      RTT       FOR
127.0.0.1:5998  a1      me          2.50 ms  1 m 05 s
127.0.0.1:5998  b2      them              -       0 s
";
        assert_eq!(PeersReport(vec![pinged, new]).to_string(), text);
    }
}
