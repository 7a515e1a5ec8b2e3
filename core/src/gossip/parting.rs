//! How connections end whose early end would do harm, and how a node leaves.
//!
//! The part of a gossip-python node that listens to peers ends when it looks for a connection that is no more. It looks for
//! one when its queue comes to what was put there: that the connection is new, and each 510 and 513 that was read from it.
//! That is a matter of milliseconds for a node with little to do, and took over ten seconds of one with much. The queue
//! keeps its order, so that the answer to a 510, a 511, says that all before it was dealt with.

use alloc::vec::Vec;
use core::mem;
use core::net::SocketAddr;
use core::time::Duration;

use super::interface::Reply;
use super::machine::Gossip;
use super::peer::{Due, Side, fragile};
use super::wire::{Message, write};
use crate::kernel::{CloseHow, ConnId, Fault, Opening, Time, Why};

/// How old a connection has to be before it can be closed if nothing is asked there. That a connection is new was seen to
/// wait for up to a second under load.
const SETTLED: Duration = Duration::from_secs(2);
/// Between an answer and the end of the connection. What was answered is looked for once more.
const ANSWERED: Duration = Duration::from_millis(500);
/// How long an answer is waited for, and how long a node that leaves is there for those who dial it once more, at the most.
const LINGER: Duration = Duration::from_secs(10);

pub(super) const LEFT: Why = Why { fault: Fault::Nobody, what: "this node has left" };
const NO_ROOM: Why = Why { fault: Fault::Own, what: "no room for another peer" };

/// How far a node's life has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Life {
    On,
    /// It leaves once the end of no connection does harm, and then at the latest.
    Leaving(Time),
    /// It has closed its connections. Who lost it may have been told of it once more, and dial it: such are held off, if they
    /// come by then.
    Lingering(Time),
    /// Nobody is let in.
    Ending,
    Left,
}

/// When the end of a connection does its other end no harm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling {
    unanswered: u32,
    at: Time,
}

impl Settling {
    pub(super) fn opened(now: Time) -> Self {
        Settling { unanswered: 0, at: now + SETTLED }
    }

    fn asked(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
    }

    fn answered(&mut self, now: Time) {
        if self.unanswered == 1 {
            self.at = now + ANSWERED;
        }
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// When it can be closed, as far as is known; an answer is not waited for longer than `until`.
    fn at(&self, until: Time) -> Time {
        if self.unanswered > 0 { until } else { self.at }
    }
}

/// A peer that is heard no more.
#[derive(Debug)]
pub(super) struct Refused {
    why: Why,
    settling: Settling,
}

/// What is asked of peers.
impl Gossip {
    /// 510: where others listen. A node that nobody can dial has no address to ask with.
    pub(super) fn request(&mut self, conn: ConnId) {
        let (Some(own), Some(settling)) = (self.config.address, self.settling(conn)) else { return };
        settling.asked();
        self.send(conn, write::peer_request(own));
    }

    /// 511.
    pub(super) fn answered(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        if let Some(settling) = self.settling(conn) {
            settling.answered(now);
            self.look_at_leaving();
        }
    }

    fn settling(&mut self, conn: ConnId) -> Option<&mut Settling> {
        match &mut self.conns.get_mut(conn)?.state {
            Side::Module(_) => None,
            Side::Peer(peer) => Some(&mut peer.settling),
            Side::Refused(refused) => Some(&mut refused.settling),
        }
    }
}

/// Who is refused.
impl Gossip {
    /// One connection too many, which is not closed at once.
    pub(super) fn hold_off(&mut self, opening: Opening<SocketAddr>) {
        let held = self.conns.iter().filter(|(_, open)| matches!(open.state, Side::Refused(_))).count();
        if held >= self.config.max_peers {
            return self.conns.refuse(&mut self.out, opening, NO_ROOM);
        }
        let settling = Settling::opened(self.deadlines.now());
        let conn = self.conns.keep(opening, Side::Refused(Refused { why: NO_ROOM, settling }));
        self.request(conn);
        self.look_at_refused(conn);
    }

    /// Hears a peer no more, and closes its connection as soon as that does no harm.
    pub(super) fn part_with(&mut self, conn: ConnId, why: Why) {
        let Some(open) = self.conns.get_mut(conn) else { return };
        let Side::Peer(peer) = &open.state else { return };
        let refused = Refused { why: Why { fault: Fault::Nobody, ..why }, settling: peer.settling };
        let remote = open.remote();
        if let Side::Peer(peer) = mem::replace(&mut open.state, Side::Refused(refused)) {
            self.conns.pause(&mut self.out, conn);
            self.look_at_refused(conn);
            self.gone_peer((conn, remote), &peer, why);
        }
    }

    /// Of what such a peer says its answer counts.
    pub(super) fn heard_of_refused(&mut self, conn: ConnId, message: Message) {
        if matches!(message, Message::PeerResponse(_)) {
            self.answered(conn);
            self.conns.pause(&mut self.out, conn);
            self.look_at_refused(conn);
        }
    }

    fn look_at_refused(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        if let Some(settling) = self.settling(conn) {
            let at = settling.at(now + LINGER);
            self.deadlines.set(Due::Refuse(conn), at);
        }
    }

    pub(super) fn refuse(&mut self, conn: ConnId) {
        let refused = self.conns.get(conn).map(|open| &open.state);
        if let Some(Side::Refused(Refused { why, .. })) = refused {
            self.close(conn, CloseHow::Flush, *why);
        }
    }
}

/// How a node leaves.
impl Gossip {
    /// Leaves: at once, or when no gossip-python node is harmed by it. Each is asked once more, and says by its answer that it
    /// is not.
    pub(super) fn leave(&mut self) -> Reply {
        let peers = self.peers().count();
        self.life = Life::Leaving(self.deadlines.now() + LINGER);
        self.book.clear();
        let all: Vec<ConnId> = fragile(&self.conns).map(|(conn, _)| conn).collect();
        if all.is_empty() {
            self.end();
        }
        for conn in all {
            self.request(conn);
            self.look_at_leaving();
        }
        Reply::Left { peers }
    }

    /// Whether the end of a connection would still do harm.
    pub(super) fn look_at_leaving(&mut self) {
        if let Life::Leaving(until) = self.life {
            let settled = fragile(&self.conns).map(|(_, peer)| peer.settling.at(until)).max();
            let now = self.deadlines.now();
            self.deadlines.set(Due::Leave, settled.map_or(now, |settled| settled.max(now)));
        }
    }

    /// Closes every connection once what waits on it has gone: a reset could end the part of a gossip-python node that
    /// sends. Such a node asks another for peers then, is told of this one once more, and dials it.
    fn part(&mut self) {
        self.life = Life::Lingering(self.deadlines.now() + LINGER);
        self.close_all();
        self.linger();
    }

    /// A connection has ended, which its other end may not have read before now: its dials are still to come.
    pub(super) fn linger(&mut self) {
        if let Life::Lingering(until) = self.life {
            self.deadlines.set(Due::Leave, until.min(self.deadlines.now() + SETTLED));
        }
    }

    fn close_all(&mut self) {
        let all = self.conns.iter().filter(|(_, open)| !matches!(open.state, Side::Refused(_)));
        for conn in all.map(|(conn, _)| conn).collect::<Vec<_>>() {
            self.close(conn, CloseHow::Flush, LEFT);
        }
    }

    fn end(&mut self) {
        self.life = Life::Ending;
        self.close_all();
        self.end_if_closed();
    }

    /// Ends once every connection is closed.
    pub(super) fn end_if_closed(&mut self) {
        if self.life == Life::Ending && self.conns.is_empty() && self.conns.all_closed() {
            self.life = Life::Left;
            self.deadlines.clear();
            self.out.event(super::Event::Left);
            self.out.done();
        }
    }

    /// The time has come to leave, or to let nobody in any more.
    pub(super) fn go_on_leaving(&mut self) {
        match self.life {
            Life::Leaving(_) => self.part(),
            Life::Lingering(until) if until > self.deadlines.now() && !self.conns.is_empty() => self.linger(),
            _ => self.end(),
        }
    }
}
