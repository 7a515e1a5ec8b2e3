//! How peers meet, and tell each other of others.

use alloc::vec::Vec;
use core::net::{SocketAddr, SocketAddrV4};
use core::time::Duration;

use super::config::Mode;
use super::interface::{Event, Kind};
use super::machine::Gossip;
use super::peer::{Due, natives, peer_mut, peers};
use super::wire::{PeerUpdate, Probe, write};
use crate::kernel::{Class, CloseHow, Conn, ConnId, Fault, Why, dialable};

/// So many messages a gossip-python node is told of at first, as by another, whose cache has no more. What it has forgotten it
/// takes for new, and tells its modules and all others again.
const RECENT: u64 = 30;

/// Who asks for others in this time after it came joins.
const JOINING: Duration = Duration::from_secs(2);
/// How much later than a gossip-python node another may notice that a peer of both was killed: its processes end one after
/// another, and hold each other's connections. Named meanwhile, the peer is dialled, and ends while the connection is being
/// set up.
const NOTICED: Duration = Duration::from_millis(500);
/// So many answers are owed to one peer; what it asks beyond that is not answered.
const OWED: u8 = 16;

pub(super) const NO_PONG: Why = Why { fault: Fault::Network, what: "answered no ping" };
const ITSELF: Why = Why { fault: Fault::Nobody, what: "met itself" };
const TWICE: Why = Why { fault: Fault::Nobody, what: "connected twice" };
const ENOUGH: Why = Why { fault: Fault::Nobody, what: "as many links as are kept" };

/// 512: somebody listens.
const FOUND: u8 = 1;

/// How it begins.
impl Gossip {
    /// Whoever dials says where it listens. A bootstrap is asked for others, too.
    pub(super) fn greet(&mut self, conn: ConnId, dialed: Option<SocketAddr>) {
        if let (Some(to), Some(own)) = (dialed, self.config.address) {
            if self.config.bootstrap.contains(&to) {
                self.request(conn);
            } else {
                self.send(conn, write::peer_init(own));
            }
        }
        match self.config.mode {
            Mode::Compatible => self.becomes(conn, Kind::Compatible),
            Mode::Auto => {
                if dialed.is_some() {
                    self.say_native(conn);
                }
                self.deadlines.after(Due::Greeting(conn), self.config.greeting);
            }
        }
    }

    fn say_native(&mut self, conn: ConnId) {
        let nonce = self.nonce;
        self.send(conn, write::native(Probe::Hello { nonce }));
    }

    /// It has not said that it is of this project, and is told what a gossip-python node would be.
    pub(super) fn greeting_missing(&mut self, conn: ConnId) {
        self.becomes(conn, Kind::Compatible);
    }

    /// What a peer is is known: it is told of messages from now on, and first of those that are here; one of gossip-python of
    /// the latest alone.
    fn becomes(&mut self, conn: ConnId, kind: Kind) {
        let head = self.cache.last_valid();
        let Some(remote) = self.conns.get(conn).map(Conn::remote) else { return };
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        peer.kind = kind;
        peer.is_served = true;
        if kind == Kind::Compatible && peer.cursor == 0 {
            peer.cursor = head.saturating_sub(RECENT);
        }
        let listens = peer.listens_v4();
        self.deadlines.cancel(Due::Greeting(conn));
        self.out.event(Event::PeerIs { conn, remote, kind, listens });
        if let Some(addr) = listens.filter(|addr| dialable((*addr).into())) {
            self.pass_on(conn, PeerUpdate { addr, ttl: self.config.max_ttl, kind: FOUND });
        }
        self.pump_peer(conn);
    }

    pub(super) fn heard_probe(&mut self, conn: ConnId, probe: Probe) {
        if self.config.mode == Mode::Compatible {
            self.counters.ignored += 1;
            return;
        }
        match probe {
            Probe::Hello { nonce } => self.heard_native(conn, nonce),
            Probe::Ping => self.send(conn, write::native(Probe::Pong)),
            Probe::Pong => {}
        }
    }

    fn heard_native(&mut self, conn: ConnId, nonce: u64) {
        if nonce == self.nonce {
            return self.met_itself(conn);
        }
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        if peer.nonce.replace(nonce).is_some() {
            return;
        }
        if let Some(worse) = self.worse_of_two(conn, nonce) {
            self.close(worse, CloseHow::Flush, TWICE);
        } else if natives(&self.conns).count() >= self.config.degree.saturating_mul(2) {
            self.close(conn, CloseHow::Flush, ENOUGH);
        }
        // Who dialled is answered now: one that is not kept has to count on nothing.
        match self.conns.get(conn).map(|open| open.origin().dialed().is_some()) {
            Some(true) => self.make_place(),
            Some(false) => self.say_native(conn),
            None => return,
        }
        // It reads frames however they arrive.
        self.conns.pace_no_more(&mut self.out, conn);
        self.meet(conn);
        self.becomes(conn, Kind::Native);
        self.deadlines.after(Due::Ping(conn), self.config.ping_period);
    }

    /// A link that was dialled is one more: where there are enough, one of those goes that this node dialled itself, and
    /// none that others may need.
    fn make_place(&mut self) {
        if natives(&self.conns).count() < self.config.degree {
            return;
        }
        let dialed =
            |conn: &ConnId| self.conns.get(*conn).is_some_and(|open| open.origin().dialed().is_some());
        let old: Vec<ConnId> = natives(&self.conns).filter(dialed).collect();
        if !old.is_empty() {
            let conn = old[self.rng.index(old.len())];
            self.close(conn, CloseHow::Flush, ENOUGH);
        }
    }

    fn meet(&mut self, conn: ConnId) {
        let Some(open) = self.conns.get(conn) else { return };
        if let Some(addr) = open.origin().dialed().copied() {
            self.book.met(addr, &addr);
            self.book.proved(addr);
        }
    }

    fn met_itself(&mut self, conn: ConnId) {
        let dialed = self.conns.get(conn).and_then(|open| open.origin().dialed().copied());
        if let Some(addr) = dialed {
            self.book.met_itself(addr);
            self.out.event(Event::SelfFound { addr });
        }
        self.close(conn, CloseHow::Abort, ITSELF);
    }

    /// Of two links with one node both ends close the same: that which the node of the larger number dialled.
    fn worse_of_two(&self, conn: ConnId, nonce: u64) -> Option<ConnId> {
        let (old, _) =
            peers(&self.conns).find(|(other, peer)| *other != conn && peer.nonce == Some(nonce))?;
        let dialed = |conn| self.conns.get(conn).is_some_and(|open| open.origin().dialed().is_some());
        if dialed(old) == dialed(conn) {
            // It dialled twice: what is new is alive for certain.
            return Some(old);
        }
        let keeps_dialed = self.nonce < nonce;
        Some(if dialed(conn) == keeps_dialed { old } else { conn })
    }
}

/// Who listens where.
impl Gossip {
    /// 510 and 513: where a peer listens.
    pub(super) fn heard_address(&mut self, conn: ConnId, addr: SocketAddrV4) {
        let now = self.deadlines.now();
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        if peer.listens.replace(addr.into()) == Some(addr.into()) {
            return;
        }
        if !peer.updates.take(now) {
            self.counters.excess_updates += 1;
            return;
        }
        if self.could_be_peer(conn, addr) {
            self.book.learn(addr.into(), Some(addr.into()));
            self.pass_on(conn, PeerUpdate { addr, ttl: self.config.max_ttl, kind: FOUND });
        }
    }

    /// 510: who else listens. Who joins is told at once, and who has lost a peer when its end will have been noticed here too.
    pub(super) fn heard_request(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        if peer.is_native() || now < peer.since + JOINING {
            return self.answer(conn);
        }
        peer.owed = (peer.owed + 1).min(OWED);
        self.deadlines.set_earlier(Due::Answer(conn), now + NOTICED);
    }

    pub(super) fn answer_owed(&mut self, conn: ConnId) {
        let owed = peer_mut(&mut self.conns, conn).map_or(0, |peer| core::mem::take(&mut peer.owed));
        (0..owed).for_each(|_| self.answer(conn));
    }

    fn answer(&mut self, conn: ConnId) {
        let Some(asks) = peer_mut(&mut self.conns, conn).map(|peer| peer.listens_v4()) else { return };
        let mut all: Vec<SocketAddrV4> = peers(&self.conns)
            .filter(|(other, _)| *other != conn)
            .filter_map(|(_, peer)| peer.listens_v4())
            // One that cannot be dialled ends the part of a gossip-python node that sends.
            .filter(|addr| Some(*addr) != asks && dialable((*addr).into()))
            .collect();
        all.sort_unstable();
        all.dedup();
        self.rng.shuffle(&mut all);
        all.truncate(self.config.max_rows);
        self.send(conn, write::peer_response(&all));
    }

    /// 511, asked for or not.
    pub(super) fn heard_response(&mut self, conn: ConnId, mut all: Vec<SocketAddrV4>) {
        self.answered(conn);
        self.meet(conn);
        all.truncate(self.config.max_rows);
        self.rng.shuffle(&mut all);
        for addr in all {
            if self.could_be_peer(conn, addr) {
                self.book.learn(addr.into(), Some(addr.into()));
            }
        }
    }

    /// 512: somebody listens, a peer says.
    pub(super) fn heard_update(&mut self, conn: ConnId, update: PeerUpdate) {
        let now = self.deadlines.now();
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        if !peer.updates.take(now) {
            self.counters.excess_updates += 1;
            return;
        }
        let PeerUpdate { addr, ttl, kind } = update;
        if !self.could_be_peer(conn, addr) {
            return;
        }
        let is_near = ttl < self.config.max_ttl / 2;
        if kind == FOUND && (is_near || self.config.mode == Mode::Auto) {
            self.book.learn(addr.into(), Some(addr.into()));
        }
        if ttl != 1 {
            self.pass_on(conn, PeerUpdate { addr, ttl: ttl.saturating_sub(1), kind: FOUND });
        }
    }

    /// Whether somebody else could listen there. What others say is no reason to look for peers on one's own host, unless
    /// they are there too.
    fn could_be_peer(&self, conn: ConnId, addr: SocketAddrV4) -> bool {
        let near = self.conns.get(conn).is_some_and(|open| open.remote().ip().is_loopback());
        dialable(addr.into()) && self.book.is_foreign(addr.into()) && (near || !addr.ip().is_loopback())
    }

    /// Tells all others that somebody listens, once.
    fn pass_on(&mut self, from: ConnId, update: PeerUpdate) {
        if !self.updates.insert(self.deadlines.now(), update.addr.into()) {
            return;
        }
        let frame = write::peer_update(update);
        let others: Vec<ConnId> = peers(&self.conns)
            .filter(|(conn, peer)| *conn != from && peer.listens != Some(update.addr.into()))
            .filter(|(_, peer)| peer.kind == Kind::Compatible)
            .map(|(conn, _)| conn)
            .collect();
        for conn in others {
            self.send(conn, frame.clone());
        }
    }

    /// A peer was lost: one of those that are left is asked for others.
    pub(super) fn find_another(&mut self) {
        let all: Vec<ConnId> = peers(&self.conns).map(|(conn, _)| conn).collect();
        if !all.is_empty() && !self.has_left() {
            let conn = all[self.rng.index(all.len())];
            self.request(conn);
        }
    }
}

/// Whether a node of this project is still there.
impl Gossip {
    /// Something was heard of a peer.
    pub(super) fn is_there(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        peer.heard = now;
        if core::mem::take(&mut peer.is_probed) {
            self.deadlines.cancel(Due::Pong(conn));
            self.deadlines.after(Due::Ping(conn), self.config.ping_period);
        }
    }

    /// Probes a peer, unless something was heard of it meanwhile.
    pub(super) fn ping(&mut self, conn: ConnId) {
        let (now, period) = (self.deadlines.now(), self.config.ping_period);
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        let due = peer.heard + period;
        if due > now {
            return self.deadlines.set(Due::Ping(conn), due);
        }
        peer.is_probed = true;
        self.deadlines.after(Due::Pong(conn), period);
        self.send(conn, write::native(Probe::Ping));
    }

    pub(super) fn send(&mut self, conn: ConnId, frame: bytes::Bytes) {
        if let Err(ended) = self.conns.send(&mut self.out, conn, Class::Control, frame) {
            self.gone(ended);
        }
    }
}
