//! What is known of a connection's other end, and what is due about it.

use core::net::SocketAddr;

use super::interface::PeerInfo;
use super::message::NodeId;
use crate::kernel::{Awaits, Conn, ConnId, Conns, Deadline, LineScanner, Time};

/// What there is to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// Hello is missing.
    Hello(ConnId),
    /// A pong is missing.
    Pong(ConnId),
    /// A ping is missing, of who alone pings.
    Silence(ConnId),
    /// Ping again.
    Ping(ConnId),
}

impl Deadline for Due {
    fn awaits(&self) -> Awaits {
        if matches!(self, Due::Ping(_)) { Awaits::Nobody } else { Awaits::Others }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::Hello(_) => "hello missing",
            Due::Pong(_) => "pong missing",
            Due::Silence(_) => "ping missing",
            Due::Ping(_) => "ping",
        }
    }
}

/// An open connection's other end.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) scanner: LineScanner,
    /// `None` until hello.
    pub(super) peer: Option<PeerInfo>,
}

/// Those that have said hello.
pub(super) fn peers(conns: &Conns<Side>) -> impl Iterator<Item = &PeerInfo> + Clone {
    conns.iter().filter_map(|(_, open)| open.state.peer.as_ref())
}

/// What they call themselves.
pub(super) fn ids(conns: &Conns<Side>) -> impl Iterator<Item = &NodeId> + Clone {
    peers(conns).map(|peer| &peer.id)
}

impl PeerInfo {
    pub(super) fn new(conn: ConnId, id: NodeId, open: &Conn<Side, SocketAddr>, now: Time) -> Self {
        let address = open.origin().dialed().copied();
        PeerInfo {
            conn,
            id,
            remote: open.remote(),
            address,
            dialed: address.is_some(),
            since: now,
            heard: now,
            rtt: None,
            asked: None,
            late: false,
        }
    }
}
