//! Who is there: handshakes, and two connections with one node.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::mem;

use super::interface::{Event, Kind};
use super::machine::Mesh;
use super::native::Word;
use super::peer::{Due, Peer, dialable_at, ids, peer_mut, peers, with};
use super::wire::{Frame, Handshake, HostPort, Message, NodeId, Text, TextKind};
use crate::kernel::{CloseHow, ConnId, Fault, Why};

const NO_ROOM: Why = Why { fault: Fault::Own, what: "no room for another peer" };
const OTHER_NETWORK: Why = Why { fault: Fault::Nobody, what: "is of another network" };
const ITSELF: Why = Why { fault: Fault::Nobody, what: "is this node itself" };
const TWICE: Why = Why { fault: Fault::Nobody, what: "connected twice" };
const ENOUGH: Why = Why { fault: Fault::Nobody, what: "enough peers" };
/// Octets of another network's id that are told of; a right one has 44.
const MAX_SHOWN: usize = 64;
/// Two of them because both ends may have dialled, or the old one may be dead without a word.
const CONNECTIONS: usize = 2;

impl Mesh {
    /// Says who this node is, unless that was said. How it may be sent compressed frames is not at all: so py2p never
    /// compresses, which it does not survive.
    fn greet(&mut self, conn: ConnId, kind: TextKind) {
        let Some(open) = self.conns.get_mut(conn).filter(|open| open.state.greeted.is_none()) else { return };
        open.state.greeted = Some(kind);
        let handshake = Handshake {
            id: self.id.text(kind),
            protocol: self.protocol.text(kind),
            addr: HostPort::of(self.config.address),
            methods: [].into(),
        };
        self.say(conn, &Message::Handshake(handshake));
    }

    /// Nobody has greeted: py2p is what most others are.
    pub(super) fn greet_first(&mut self, conn: ConnId) {
        self.greet(conn, TextKind::Bin);
    }

    /// Before its handshake nothing else is heard of a connection.
    pub(super) fn heard_of_stranger(&mut self, conn: ConnId, frame: &Frame) {
        match Message::read(frame) {
            Ok(Message::Handshake(handshake)) => self.introduced(conn, handshake),
            _ => self.counters.early += 1,
        }
    }

    fn introduced(&mut self, conn: ConnId, handshake: Handshake) {
        self.deadlines.cancel(Due::Greet(conn));
        self.greet(conn, handshake.id.kind());
        if handshake.protocol.octets() != self.protocol.as_str().as_bytes() {
            return self.is_of_another_network(conn, &handshake.protocol);
        }
        match NodeId::read(handshake.id.octets()) {
            Err(_) => self.misbehaved(conn, "has an id that is no number below 2^384"),
            Ok(id) if id == self.id => self.met_itself(conn),
            Ok(id) => self.met(conn, id, handshake.addr),
        }
    }

    fn is_of_another_network(&mut self, conn: ConnId, theirs: &Text) {
        let Some(open) = self.conns.get(conn) else { return };
        let octets = theirs.octets();
        let theirs = octets[..octets.len().min(MAX_SHOWN)].escape_ascii().to_string();
        self.counters.other_networks += 1;
        self.out.event(Event::OtherNetwork { remote: open.remote(), theirs });
        self.close(conn, CloseHow::Flush, OTHER_NETWORK);
    }

    fn met_itself(&mut self, conn: ConnId) {
        if let Some(addr) = self.conns.get(conn).and_then(|open| open.origin().dialed().copied()) {
            self.book.met_itself(addr);
            self.out.event(Event::SelfFound { addr });
        }
        self.close(conn, CloseHow::Abort, ITSELF);
    }

    /// A node has said who it is. One that there is no room for is told so by its connection's end, and not before: a py2p
    /// node does not get over a connection that ends before it was greeted.
    fn met(&mut self, conn: ConnId, id: NodeId, listens: HostPort) {
        let twice = with(&self.conns, &id).count();
        if twice >= CONNECTIONS {
            return self.close(conn, CloseHow::Flush, TWICE);
        }
        if twice == 0 && ids(&self.conns).count() >= self.config.max_peers {
            return self.close(conn, CloseHow::Flush, NO_ROOM);
        }
        self.note_address(conn, id, &listens, twice > 0);
        let now = self.deadlines.now();
        let Some(open) = self.conns.get_mut(conn) else { return };
        let peer = Peer::new(id, listens.detach(), &self.config, now);
        open.state.peer = Some(Peer { is_second: twice > 0, ..peer });
        let (remote, dialed) = (open.remote(), open.origin().dialed().is_some());
        self.deadlines.cancel(Due::Handshake(conn));
        self.deadlines.after(Due::Ping(conn), self.config.ping_period);
        if twice == 0 {
            self.out.event(Event::PeerUp { id, conn, remote, dialed });
        }
        self.say_peers(conn);
        self.say(conn, &Message::Native(Word::Hello.values()));
        self.is_found(id);
    }

    /// Keeps in mind where a node listens, as it says and as it was found.
    fn note_address(&mut self, conn: ConnId, id: NodeId, listens: &HostPort, is_second: bool) {
        match self.conns.get(conn).and_then(|open| open.origin().dialed().copied()) {
            Some(addr) if is_second => self.book.met_elsewhere(addr, &id),
            Some(addr) => {
                self.book.met(addr, &id);
                self.book.proved(addr);
            }
            None => {}
        }
        if let Some(addr) = dialable_at(listens) {
            self.book.learn(addr, Some(id));
        }
    }

    /// A handshake once more: js2p says it twice, and py2p's Chord whenever it begins or ends to store.
    pub(super) fn heard_handshake(&mut self, conn: ConnId, handshake: &Handshake) {
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        if NodeId::read(handshake.id.octets()) != Ok(peer.id) {
            return self.misbehaved(conn, "says that it is another node than before");
        }
        peer.listens = handshake.addr.detach();
    }

    /// A connection with a peer is no more.
    pub(super) fn lost(&mut self, peer: &Peer, why: Why) {
        let id = peer.id;
        let other = with(&self.conns, &id).next();
        match other.and_then(|conn| peer_mut(&mut self.conns, conn)) {
            Some(other) => other.is_second = false,
            None => self.lost_last(peer, why),
        }
    }

    /// Where it listens may have been forgotten: an address that is not dialled since its node is connected by other means
    /// counts as one that fails.
    fn lost_last(&mut self, peer: &Peer, why: Why) {
        self.out.event(Event::PeerDown { id: peer.id, why });
        self.book.lost(&peer.id);
        if let Some(addr) = dialable_at(&peer.listens) {
            self.book.learn(addr, Some(peer.id));
        }
        self.find_others();
    }

    /// A py2p node that closes one of two connections may have lost sight of the other: that stays open and is never read.
    pub(super) fn doubt_other(&mut self, id: NodeId) {
        let others = peers(&self.conns).filter(|(_, peer)| peer.id == id && !peer.is_native());
        for conn in others.map(|(conn, _)| conn).collect::<Vec<_>>() {
            self.probe(conn, self.config.handshake_timeout);
        }
    }
}

/// Nodes of this project.
impl Mesh {
    pub(super) fn heard_native(&mut self, conn: ConnId, word: Word) {
        match word {
            Word::Hello => self.is_native(conn),
            Word::Ping => self.say(conn, &Message::Native(Word::Pong.values())),
            Word::Pong => {}
        }
    }

    fn is_native(&mut self, conn: ConnId) {
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        let id = peer.id;
        if mem::replace(&mut peer.kind, Kind::Native) == Kind::Native {
            return;
        }
        // It reads frames however they arrive.
        self.conns.pace_no_more(&mut self.out, conn);
        self.out.event(Event::PeerIsNative { id });
        if let Some(worse) = self.worse_of_two(conn, id) {
            self.close(worse, CloseHow::Flush, TWICE);
        } else if self.conns.get(conn).is_some_and(|open| open.origin().dialed().is_some()) {
            self.make_place(conn);
        }
    }

    /// A peer that was dialled is one more: where there are enough, one of those goes that this node dialled itself. A py2p
    /// node is not left, since its network does not get over that well.
    fn make_place(&mut self, new: ConnId) {
        if ids(&self.conns).count() <= self.config.want_peers {
            return;
        }
        let old: Vec<ConnId> = self.dialed_natives().filter(|conn| *conn != new).collect();
        if !old.is_empty() {
            let conn = old[self.rng.index(old.len())];
            self.close(conn, CloseHow::Flush, ENOUGH);
        }
    }

    /// Connections with nodes of this project that this node dialled, and that it may give up.
    pub(super) fn dialed_natives(&self) -> impl Iterator<Item = ConnId> {
        let is_one = |peer: &Peer| peer.is_native() && !self.kept.contains(&peer.id);
        let natives = self.conns.iter().filter(move |(_, open)| open.state.peer.as_ref().is_some_and(is_one));
        natives.filter(|(_, open)| open.origin().dialed().is_some()).map(|(conn, _)| conn)
    }

    /// Of two connections with one node both ends close the same. A py2p node closes whichever it likes, so that it has to
    /// do so itself.
    fn worse_of_two(&self, conn: ConnId, id: NodeId) -> Option<ConnId> {
        let natives = peers(&self.conns).filter(|(_, peer)| peer.id == id && peer.is_native());
        let old = natives.map(|(other, _)| other).find(|other| *other != conn)?;
        let dialed = |conn| self.conns.get(conn).is_some_and(|open| open.origin().dialed().is_some());
        if dialed(old) == dialed(conn) {
            // It dialled twice: what is new is alive for certain.
            return Some(old);
        }
        Some(if dialed(conn) == self.keeps_dialed(&id) { old } else { conn })
    }

    /// Of two connections with a node of this project that is kept which the greater id dialled. Whether that is this one.
    pub(super) fn keeps_dialed(&self, id: &NodeId) -> bool {
        self.id > *id
    }
}
