//! `egoist gossip peers`: whom a node is connected to.

use std::collections::BTreeMap;
use std::fmt;

use clap::Parser;
use egoist_core::gossip::{Gossip, Kind, PeerInfo};
use egoist_core::kernel::Time;
use egoist_core::overlay::NeighborView;
use egoist_core::riding::Riding;
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
from, because too much of what it told waits for a verdict or was invalid.

Of a node that rides on an overlay, all neighbours there are listed: those that ride are native and dialled by nobody, as the \
overlay makes its links; those that do not ride are no peers, nor is for a moment one without a channel, which is opened again.")]
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
    /// What it is; none for a neighbour that is no peer.
    kind: Option<Kind>,
    /// Of a node that rides: whether this neighbour does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rides: Option<bool>,
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

    /// The neighbours of a node that rides, whether they do or not.
    pub(crate) fn riding(node: &Riding, now: Time) -> Self {
        let mut links = node.overlay().neighbors();
        links.sort_unstable_by_key(|link| link.address);
        let neighbors: BTreeMap<_, _> = node.neighbors().map(|neighbor| (neighbor.id, neighbor)).collect();
        let peers: BTreeMap<_, _> = node.gossip().peers().map(|peer| (peer.conn, peer)).collect();
        let row = |link: NeighborView| {
            let neighbor = neighbors.get(&link.id)?;
            let peer = neighbor.conn.and_then(|conn| peers.get(&conn));
            let row = peer.map_or_else(|| PeerRow::of_none(now, link.since), |peer| PeerRow::new(*peer, now));
            Some(PeerRow { address: link.address.to_string(), rides: Some(neighbor.rides), ..row })
        };
        PeersReport(links.into_iter().filter_map(row).collect())
    }
}

impl PeerRow {
    fn new(peer: PeerInfo, now: Time) -> Self {
        let PeerInfo { kind, dialed: dialled, first, again, sent, missed, invalid, behind, held, .. } = peer;
        PeerRow {
            address: peer.listens.map_or(peer.remote, Into::into).to_string(),
            kind: Some(kind),
            rides: None,
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

    /// A neighbour that is no peer.
    fn of_none(now: Time, since: Time) -> Self {
        PeerRow {
            address: String::new(),
            kind: None,
            rides: None,
            dialled: false,
            first: 0,
            again: 0,
            sent: 0,
            missed: 0,
            invalid: 0,
            behind: 0,
            held: false,
            up_s: now.since(since).as_secs(),
        }
    }

    /// What it is, for people.
    fn standing(&self) -> &'static str {
        match (self.kind, self.rides) {
            (Some(kind), _) => name_of(kind),
            (None, Some(true)) => "no channel",
            (None, _) => "not riding",
        }
    }

    /// Who made the connection, for people.
    fn maker(&self) -> &'static str {
        match (self.rides, self.dialled) {
            (Some(_), _) => "overlay",
            (None, true) => "me",
            (None, false) => "them",
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
                row.standing().to_owned(),
                row.maker().to_owned(),
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
            kind: Some(Kind::Native),
            rides: None,
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
        let new = PeerRow {
            kind: Some(Kind::Unknown),
            dialled: false,
            held: false,
            sent: 0,
            up_s: 0,
            ..native.clone()
        };
        let text = "\
ADDRESS         KIND     DIALLED BY  FIRST  AGAIN  SENT  MISSED  INVALID  BEHIND  HELD       FOR
127.0.0.1:6002  native   me             12      3   140       0        1       7  yes   1 m 05 s
127.0.0.1:6002  unknown  them           12      3     0       0        1       7  no         0 s
";
        assert_eq!(PeersReport(vec![native.clone(), new]).to_string(), text);
        let json = serde_json::to_value(&native).unwrap();
        assert!(json["kind"] == "native" && json.get("rides").is_none(), "{json}");
    }

    #[test]
    fn neighbours_are_listed_whether_they_ride_or_not() {
        let row = |address: &str, kind, rides| PeerRow {
            address: address.into(),
            kind,
            rides: Some(rides),
            ..PeerRow::of_none(Time::from_secs(65), Time::from_secs(60))
        };
        let report = PeersReport(vec![
            row("127.0.0.1:6001", Some(Kind::Native), true),
            row("127.0.0.1:6002", None, true),
            row("127.0.0.1:61300", None, false),
        ]);
        let text = "\
ADDRESS          KIND        DIALLED BY  FIRST  AGAIN  SENT  MISSED  INVALID  BEHIND  HELD  FOR
127.0.0.1:6001   native      overlay         0      0     0       0        0       0  no    5 s
127.0.0.1:6002   no channel  overlay         0      0     0       0        0       0  no    5 s
127.0.0.1:61300  not riding  overlay         0      0     0       0        0       0  no    5 s
";
        assert_eq!(report.to_string(), text);
        let json = serde_json::to_value(&report).unwrap();
        let said = |at: usize| (json[at]["kind"].as_str(), json[at]["rides"].as_bool());
        assert_eq!(
            [0, 1, 2].map(said),
            [(Some("native"), Some(true)), (None, Some(true)), (None, Some(false))]
        );
        assert_eq!(serde_json::from_value::<PeersReport>(json.clone()).unwrap(), report);
    }
}
