//! `egoist gossip peers`: whom a node is connected to.

use std::fmt;

use clap::Parser;
use egoist_core::gossip::{Gossip, Kind, PeerInfo};
use egoist_core::kernel::Time;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::table::{Side, Table};
use super::super::units;
use super::NAME;

/// Flags of `gossip peers`.
#[derive(Parser, Debug)]
#[command(after_help = "\
Kinds: native (a node of this project), compatible (one of gossip-python, or that has not said otherwise in time), unknown \
(yet). Of messages: first that the peer told of before others, again that were known, sent to it, missed because they left \
the cache before it took them, invalid of those that it told of, behind that it has not been sent yet. Held: it is not read \
from, because too much of what it told waits for a verdict or was invalid.")]
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

/// A node's peers, by address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PeersReport(Vec<PeerRow>);

/// A peer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct PeerRow {
    /// Where it listens, or its end of the connection while it has not said so.
    address: String,
    /// What it is.
    kind: Kind,
    /// Whether this node dialled it.
    dialled: bool,
    /// Messages that it told of first.
    first: u64,
    /// Messages that it told of and that were known.
    again: u64,
    /// Messages sent to it.
    sent: u64,
    /// Messages that left the cache before it took them.
    missed: u64,
    /// Messages of its that were found invalid.
    invalid: u64,
    /// Messages that it has not been sent.
    behind: u64,
    /// Whether it is not read from at present.
    held: bool,
    /// Seconds since it was connected.
    up_s: u64,
}

impl PeersReport {
    /// The peers of a node.
    pub(crate) fn new(node: &Gossip, now: Time) -> Self {
        let mut peers: Vec<_> = node.peers().collect();
        peers.sort_by_key(|peer| peer.listens.map_or(peer.remote, Into::into));
        PeersReport(peers.into_iter().map(|peer| PeerRow::new(peer, now)).collect())
    }
}

impl PeerRow {
    fn new(peer: PeerInfo, now: Time) -> Self {
        let PeerInfo { kind, dialed: dialled, first, again, sent, missed, invalid, behind, held, .. } = peer;
        PeerRow {
            address: peer.listens.map_or(peer.remote, Into::into).to_string(),
            kind,
            dialled,
            first,
            again,
            sent,
            missed,
            invalid,
            behind,
            held,
            up_s: now.since(peer.since).as_secs(),
        }
    }
}

/// A kind's name, as it is in JSON.
pub(crate) const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Native => "native",
        Kind::Compatible => "compatible",
        Kind::Unknown => "unknown",
    }
}

impl fmt::Display for PeersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let mut table = Table::new(&[
            ("ADDRESS", Left),
            ("KIND", Left),
            ("DIALLED BY", Left),
            ("FIRST", Right),
            ("AGAIN", Right),
            ("SENT", Right),
            ("MISSED", Right),
            ("INVALID", Right),
            ("BEHIND", Right),
            ("HELD", Left),
            ("FOR", Right),
        ]);
        for row in &self.0 {
            table.row([
                row.address.clone(),
                name_of(row.kind).to_owned(),
                if row.dialled { "me" } else { "them" }.to_owned(),
                row.first.to_string(),
                row.again.to_string(),
                row.sent.to_string(),
                row.missed.to_string(),
                row.invalid.to_string(),
                row.behind.to_string(),
                if row.held { "yes" } else { "no" }.to_owned(),
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
        let native = PeerRow {
            address: "127.0.0.1:6002".into(),
            kind: Kind::Native,
            dialled: true,
            first: 12,
            again: 3,
            sent: 140,
            missed: 0,
            invalid: 1,
            behind: 7,
            held: true,
            up_s: 65,
        };
        let new =
            PeerRow { kind: Kind::Unknown, dialled: false, held: false, sent: 0, up_s: 0, ..native.clone() };
        let text = "\
ADDRESS         KIND     DIALLED BY  FIRST  AGAIN  SENT  MISSED  INVALID  BEHIND  HELD       FOR
127.0.0.1:6002  native   me             12      3   140       0        1       7  yes   1 m 05 s
127.0.0.1:6002  unknown  them           12      3     0       0        1       7  no         0 s
";
        assert_eq!(PeersReport(vec![native, new]).to_string(), text);
    }
}
