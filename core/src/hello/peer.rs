//! One connection's side of the conversation.

use core::net::SocketAddr;
use core::time::Duration;

use smallvec::SmallVec;

use super::message::NodeId;
use crate::kernel::{Backlog, ConnId, LineScanner, Outbox, Terminator, Time};

/// An open connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) remote: SocketAddr,
    /// The address that we dialled for it.
    pub(super) dialed: Option<SocketAddr>,
    pub(super) scanner: LineScanner,
    pub(super) outbox: Outbox,
    /// `None` until hello.
    pub(super) peer: Option<Peer>,
}

impl Conn {
    pub(super) fn new(remote: SocketAddr, dialed: Option<SocketAddr>, max_line: usize, backlog: Backlog) -> Self {
        let scanner = LineScanner::new(Terminator::Lf, max_line);
        Conn { remote, dialed, scanner, outbox: Outbox::new(backlog), peer: None }
    }

    pub(super) fn info(&self, conn: ConnId, now: Time, period: Duration) -> Option<PeerInfo> {
        let peer = self.peer.as_ref()?;
        Some(PeerInfo {
            conn,
            id: peer.id.clone(),
            remote: self.remote,
            address: peer.address,
            dialed: self.dialed.is_some(),
            since: peer.since,
            heard: peer.heard,
            rtt: peer.rtt,
            late: peer.is_late(now, period),
        })
    }
}

/// A connection's other end, once it has said hello.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Where it listens: where we dialled it, or what it says.
    pub(super) address: Option<SocketAddr>,
    since: Time,
    heard: Time,
    rtt: Option<Duration>,
    /// When the pings were sent that have no pong yet, oldest first.
    unanswered: SmallVec<[Time; 4]>,
}

impl Peer {
    pub(super) fn new(id: NodeId, address: Option<SocketAddr>, since: Time) -> Self {
        Peer { id, address, since, heard: since, rtt: None, unanswered: SmallVec::new() }
    }

    /// A ping goes out; of more than `most` without a pong the oldest is forgotten.
    pub(super) fn pinged(&mut self, now: Time, most: usize) {
        if self.unanswered.len() >= most.max(1) {
            self.unanswered.remove(0);
        }
        self.unanswered.push(now);
    }

    /// A pong came; it answers the oldest ping. False if nobody asked.
    pub(super) fn ponged(&mut self, now: Time) -> bool {
        let asked = !self.unanswered.is_empty();
        if asked {
            self.rtt = Some(now.since(self.unanswered.remove(0)));
            self.heard = now;
        }
        asked
    }

    /// Whether pings wait for their pong.
    pub(super) fn owes(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Whether a pong is missing for longer than `period`.
    fn is_late(&self, now: Time, period: Duration) -> bool {
        self.unanswered.first().is_some_and(|sent| now.since(*sent) > period)
    }
}

/// What is known of a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// Its connection.
    pub conn: ConnId,
    /// What it calls itself.
    pub id: NodeId,
    /// The connection's other end.
    pub remote: SocketAddr,
    /// Where it listens, if known.
    pub address: Option<SocketAddr>,
    /// Whether we dialled it.
    pub dialed: bool,
    /// When it said hello.
    pub since: Time,
    /// When it said hello, or answered a ping last.
    pub heard: Time,
    /// The last round trip, from ping to pong.
    pub rtt: Option<Duration>,
    /// Whether it owes a pong for longer than a ping period.
    pub late: bool,
}
