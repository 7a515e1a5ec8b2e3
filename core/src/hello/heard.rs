//! What is heard, and what follows from it in every dialect.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::addresses::{canonical, dialable};
use super::interface::Event;
use super::machine::{Hello, NO_ROOM};
use super::message::{Message, NodeId, Row};
use super::peer::{Peer, PeerInfo};
use super::talk::{Again, Pings};
use super::watch::Absent;
use crate::kernel::{Class, CloseHow, ConnId, Fault, Why};

const ITSELF: Why = Why { fault: Fault::Nobody, what: "met itself" };
const TWICE: Why = Why { fault: Fault::Nobody, what: "connected twice" };

impl Hello {
    /// A line arrived.
    pub(super) fn heard(&mut self, conn: ConnId, line: &[u8]) {
        let Some(open) = self.conns.get(&conn) else { return };
        match (self.talk.read(line), open.peer.is_some()) {
            (Err(malformed), _) => self.misbehaved(conn, malformed.what()),
            (Ok(Message::Unknown), _) => self.counters.unknown += 1,
            (Ok(Message::Hello { id }), false) => self.heard_hello(conn, id),
            (Ok(Message::Hello { .. }), true) | (Ok(_), false) => self.counters.out_of_place += 1,
            (Ok(Message::Ping), true) => self.heard_ping(conn),
            (Ok(Message::Pong), true) => self.heard_pong(conn),
            (Ok(Message::GetAddr), true) => self.heard_getaddr(conn),
            (Ok(Message::Addr { peers }), true) => self.heard_addr(conn, &peers),
        }
    }

    fn heard_hello(&mut self, conn: ConnId, id: NodeId) {
        let Some(open) = self.conns.get(&conn) else { return };
        let dialed = open.dialed;
        if id == *self.id() {
            return self.met_itself(conn, dialed);
        }
        let old = self.peers().find(|peer| peer.id == id);
        if let Some(old) = old {
            match self.talk.again(&old, dialed.is_some()) {
                Again::KeepOld => return self.met_again(conn, dialed, &id),
                Again::KeepNew => self.close(old.conn, CloseHow::Flush, TWICE),
                Again::KeepBoth => {}
            }
        }
        if self.up >= self.config.max_peers {
            return self.close(conn, CloseHow::Flush, NO_ROOM);
        }
        if dialed.is_none() {
            self.say_hello(conn);
        }
        self.up(conn, id);
    }

    fn met_itself(&mut self, conn: ConnId, dialed: Option<SocketAddr>) {
        if let Some(addr) = dialed {
            self.book.is_own(addr);
            self.event(Event::SelfFound { addr });
        }
        self.close(conn, CloseHow::Abort, ITSELF);
    }

    /// A second connection that is not wanted; who dialled it is told whom it met.
    fn met_again(&mut self, conn: ConnId, dialed: Option<SocketAddr>, id: &NodeId) {
        match dialed {
            Some(addr) => self.already_connected(addr, id),
            None => self.say_hello(conn),
        }
        self.close(conn, CloseHow::Flush, TWICE);
    }

    fn up(&mut self, conn: ConnId, id: NodeId) {
        let now = self.watch.now();
        let Some(open) = self.conns.get_mut(&conn) else { return };
        let (remote, dialed) = (open.remote, open.dialed);
        open.peer = Some(Peer::new(id.clone(), dialed, now));
        self.watch.came(Absent::Hello(conn));
        self.up += 1;
        if let Some(addr) = dialed {
            self.dialed_greeting -= 1;
            self.book.is_up(addr, &id);
        }
        self.event(Event::PeerUp { conn, id, remote, dialed: dialed.is_some() });
        self.introduce(conn, dialed.is_some());
    }

    fn introduce(&mut self, conn: ConnId, dialed: bool) {
        let peers: Vec<PeerInfo> = self.peers().collect();
        for frame in self.talk.introduction(conn, dialed, &peers) {
            self.send(conn, Class::Control, frame);
        }
        match self.talk.pings(dialed) {
            Pings::AtOnce => self.ping(conn),
            Pings::Later => self.ping_later(conn),
            Pings::Never => {}
        }
    }

    fn heard_ping(&mut self, conn: ConnId) {
        let pong = self.talk.pong();
        self.send(conn, Class::Urgent, pong);
    }

    fn heard_pong(&mut self, conn: ConnId) {
        let (now, patience) = (self.watch.now(), self.patience());
        let Some(open) = self.conns.get_mut(&conn) else { return };
        let dialed = open.dialed;
        let Some(peer) = open.peer.as_mut() else { return };
        if !peer.ponged(now) {
            self.counters.unasked_pongs += 1;
            return;
        }
        if peer.owes() {
            self.watch.expect(Absent::Pong(conn), patience);
        } else {
            self.watch.came(Absent::Pong(conn));
        }
        if let Some(addr) = dialed {
            self.book.proved(addr);
        }
    }

    fn heard_addr(&mut self, conn: ConnId, rows: &[Row]) {
        for row in rows.iter().take(self.config.max_rows) {
            let addr = canonical(row.addr);
            if !dialable(addr) || self.is_own(addr) || row.id.as_ref() == Some(self.id()) {
                continue;
            }
            self.note_address(conn, addr, row.id.as_ref());
            if self.book.learn(addr, row.id.clone()) {
                self.event(Event::AddressLearned { addr, id: row.id.clone() });
            }
        }
    }

    /// A peer that says its own id says where it listens.
    fn note_address(&mut self, conn: ConnId, addr: SocketAddr, id: Option<&NodeId>) {
        let peer = self.conns.get_mut(&conn).and_then(|open| open.peer.as_mut());
        if let Some(peer) = peer.filter(|peer| Some(&peer.id) == id) {
            peer.address.get_or_insert(addr);
        }
    }

    pub(super) fn say_hello(&mut self, conn: ConnId) {
        let hello = self.talk.hello();
        self.send(conn, Class::Urgent, hello);
    }

    fn heard_getaddr(&mut self, conn: ConnId) {
        let peers: Vec<PeerInfo> = self.peers().collect();
        if let Some(answer) = self.talk.whom_i_know(conn, &peers) {
            self.send(conn, Class::Control, answer);
        }
    }
}
