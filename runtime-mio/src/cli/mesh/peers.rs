//! `egoist mesh peers`: whom a node is connected to.

use std::fmt;

use clap::Parser;
use egoist_core::kernel::Time;
use egoist_core::mesh::{Kind, Mesh, PeerInfo};
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::table::{Side, Table};
use super::super::units;
use super::NAME;

/// Flags of `mesh peers`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist mesh peers
  egoist mesh peers --json | jq -r '.[].id'      the ids as a whole

A line for each connection: a peer may have two for a while. The id is as the peer says it, in its first digits, which other \
commands take as well. Kinds: native (a node of this project), compatible (one of py2p or js2p, or that has not said otherwise \
yet). Where it listens is what it says, and - where that is no IP address. Heard: how long ago, of whatever kind. Of broadcasts: \
first that it brought before others, again that were known. Of frames: sent to it, shed because it reads too slowly.")]
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

/// The connections with a node's peers, in the order in which they opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PeersReport(Vec<PeerRow>);

/// A connection with a peer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct PeerRow {
    /// What the peer calls itself.
    id: String,
    /// Its end of the connection.
    remote: String,
    /// Where it says that it listens, if that is an address.
    listens: Option<String>,
    /// What it is.
    kind: Kind,
    /// Whether this node dialled it.
    dialled: bool,
    /// Seconds since it became a peer.
    up_s: u64,
    /// Seconds since something was heard of it.
    heard_s: u64,
    /// Broadcasts that it brought first.
    first: u64,
    /// Broadcasts that it brought and that were known.
    again: u64,
    /// Frames sent to it.
    sent: u64,
    /// Frames for it that were shed.
    shed: u64,
}

impl PeersReport {
    /// The peers of a node.
    pub(crate) fn new(node: &Mesh, now: Time) -> Self {
        PeersReport(node.peers().map(|peer| PeerRow::new(&peer, now)).collect())
    }
}

impl PeerRow {
    fn new(peer: &PeerInfo, now: Time) -> Self {
        PeerRow {
            id: peer.id.to_string(),
            remote: peer.remote.to_string(),
            listens: peer.listens.map(|addr| addr.to_string()),
            kind: peer.kind,
            dialled: peer.dialed,
            up_s: now.since(peer.since).as_secs(),
            heard_s: now.since(peer.heard).as_secs(),
            first: peer.first,
            again: peer.again,
            sent: peer.sent,
            shed: peer.shed,
        }
    }
}

/// A kind's name, as it is in JSON.
const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Native => "native",
        Kind::Compatible => "compatible",
    }
}

impl fmt::Display for PeersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let mut table = Table::new(&[
            ("ID", Left),
            ("REMOTE", Left),
            ("LISTENS", Left),
            ("KIND", Left),
            ("DIALLED BY", Left),
            ("FIRST", Right),
            ("AGAIN", Right),
            ("SENT", Right),
            ("SHED", Right),
            ("HEARD", Right),
            ("FOR", Right),
        ]);
        for row in &self.0 {
            table.row([
                units::short_id(&row.id).to_owned(),
                row.remote.clone(),
                row.listens.clone().unwrap_or_else(units::dash),
                name_of(row.kind).to_owned(),
                if row.dialled { "me" } else { "them" }.to_owned(),
                row.first.to_string(),
                row.again.to_string(),
                row.sent.to_string(),
                row.shed.to_string(),
                units::age(row.heard_s),
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
            id: "2NDrXPKfVSTLC8Va".into(),
            remote: "127.0.0.1:44565".into(),
            listens: Some("127.0.0.1:44565".into()),
            kind: Kind::Native,
            dialled: true,
            up_s: 65,
            heard_s: 3,
            first: 12,
            again: 3,
            sent: 140,
            shed: 1,
        };
        let named = PeerRow {
            remote: "127.0.0.1:59112".into(),
            listens: None,
            kind: Kind::Compatible,
            dialled: false,
            up_s: 0,
            heard_s: 0,
            ..native.clone()
        };
        let text = "\
ID        REMOTE           LISTENS          KIND        DIALLED BY  FIRST  AGAIN  SENT  SHED  HEARD       FOR
2NDrXPKf  127.0.0.1:44565  127.0.0.1:44565  native      me             12      3   140     1    3 s  1 m 05 s
2NDrXPKf  127.0.0.1:59112  -                compatible  them           12      3   140     1    0 s       0 s
";
        assert_eq!(PeersReport(vec![native.clone(), named]).to_string(), text);
        assert_eq!(serde_json::to_value(&native).unwrap()["kind"], "native");
    }
}
