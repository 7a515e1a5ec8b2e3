//! What is known of a connection's other end, and what is due about it.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::config::Config;
use super::interface::{Kind, PeerInfo};
use super::wire::{HostPort, NodeId, TextKind};
use crate::kernel::{Awaits, Bucket, Conn, ConnId, Conns, Deadline, Time, canonical, dialable};

/// What there is to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// The other end has not greeted: it is greeted as py2p is.
    Greet(ConnId),
    /// A handshake is missing.
    Handshake(ConnId),
    /// Nothing was heard of a peer for a while.
    Ping(ConnId),
    /// An answer is missing.
    Pong(ConnId),
    /// Nobody has said where a node listens.
    Lookup(u64),
    /// It is time for another link.
    Explore,
    /// Who was too fast looks again.
    Room,
}

impl Deadline for Due {
    fn awaits(&self) -> Awaits {
        match self {
            Due::Handshake(_) | Due::Pong(_) | Due::Lookup(_) => Awaits::Others,
            Due::Greet(_) | Due::Ping(_) | Due::Explore | Due::Room => Awaits::Nobody,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::Greet(_) => "greet",
            Due::Handshake(_) => "handshake missing",
            Due::Ping(_) => "ping",
            Due::Pong(_) => "pong missing",
            Due::Lookup(_) => "address missing",
            Due::Explore => "explore",
            Due::Room => "room",
        }
    }
}

/// An open connection's other end.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// The kind of text that it was greeted with; `None` if it was not.
    pub(super) greeted: Option<TextKind>,
    /// `None` until its handshake.
    pub(super) peer: Option<Peer>,
}

/// A node that has said who it is.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    pub(super) kind: Kind,
    /// Whether a connection with it that was there before this one still is.
    pub(super) is_second: bool,
    /// Where it says that it listens.
    pub(super) listens: HostPort,
    pub(super) since: Time,
    /// When something was last heard of it.
    pub(super) heard: Time,
    /// When it last took something.
    pub(super) moved: Time,
    /// Whether it was asked since whether it is still there.
    pub(super) is_probed: bool,
    pub(super) answers: Bucket,
    pub(super) first: u64,
    pub(super) again: u64,
    pub(super) sent: u64,
}

impl Peer {
    /// The first connection with it.
    pub(super) fn new(id: NodeId, listens: HostPort, config: &Config, now: Time) -> Self {
        Peer {
            id,
            kind: Kind::Compatible,
            is_second: false,
            listens,
            since: now,
            heard: now,
            moved: now,
            is_probed: false,
            answers: Bucket::full(config.answers, now),
            first: 0,
            again: 0,
            sent: 0,
        }
    }

    pub(super) fn is_native(&self) -> bool {
        self.kind == Kind::Native
    }
}

/// Where somebody listens, if that is the IP address and the port of one host: names are nothing to a core.
pub(super) fn dialable_at(at: &HostPort) -> Option<SocketAddr> {
    at.socket_addr().map(canonical).filter(|addr| dialable(*addr))
}

/// The connections of peers, in the order in which they opened. A peer may have two.
pub(super) fn peers(conns: &Conns<Side>) -> impl Iterator<Item = (ConnId, &Peer)> + Clone {
    conns.iter().filter_map(|(conn, open)| Some((conn, open.state.peer.as_ref()?)))
}

/// What they call themselves, each once.
pub(super) fn ids(conns: &Conns<Side>) -> impl Iterator<Item = &NodeId> + Clone {
    peers(conns).filter(|(_, peer)| !peer.is_second).map(|(_, peer)| &peer.id)
}

/// The connections with a node.
pub(super) fn with(conns: &Conns<Side>, id: &NodeId) -> impl Iterator<Item = ConnId> {
    peers(conns).filter(move |(_, peer)| peer.id == *id).map(|(conn, _)| conn)
}

/// That of the connections with a node on which it was heard last.
pub(super) fn liveliest(conns: &Conns<Side>, id: &NodeId) -> Option<ConnId> {
    let all = peers(conns).filter(|(_, peer)| peer.id == *id);
    all.max_by_key(|(conn, peer)| (peer.heard, *conn)).map(|(conn, _)| conn)
}

/// All connections of peers.
pub(super) fn links(conns: &Conns<Side>) -> Vec<ConnId> {
    peers(conns).map(|(conn, _)| conn).collect()
}

pub(super) fn peer_mut(conns: &mut Conns<Side>, conn: ConnId) -> Option<&mut Peer> {
    conns.get_mut(conn)?.state.peer.as_mut()
}

impl PeerInfo {
    pub(super) fn of(conns: &Conns<Side>, conn: ConnId, open: &Conn<Side, SocketAddr>) -> Option<Self> {
        let peer = open.state.peer.as_ref()?;
        Some(PeerInfo {
            id: peer.id,
            conn,
            remote: open.remote(),
            listens: dialable_at(&peer.listens),
            kind: peer.kind,
            dialed: open.origin().dialed().is_some(),
            since: peer.since,
            heard: peer.heard,
            first: peer.first,
            again: peer.again,
            sent: peer.sent,
            shed: conns.shed(conn),
        })
    }
}
