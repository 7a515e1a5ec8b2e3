//! What is heard, and what follows from it in every dialect.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::interface::{Event, PeerInfo};
use super::machine::{Hello, NO_ROOM};
use super::message::{Message, NodeId, Row, msgtype};
use super::peer::{Due, peers};
use super::talk::{Again, Pings};
use crate::kernel::{Class, CloseHow, ConnId, Fault, Why, canonical};

const ITSELF: Why = Why { fault: Fault::Nobody, what: "met itself" };
const TWICE: Why = Why { fault: Fault::Nobody, what: "connected twice" };

impl Hello {
    /// A line arrived. Of what is out of place nothing but its `msgtype` is looked at.
    pub(super) fn heard(&mut self, conn: ConnId, line: &[u8]) {
        let Some(open) = self.conns.get(conn) else { return };
        let is_up = open.state.peer.is_some();
        match msgtype(line).map(|msgtype| msgtype == "hello") {
            Ok(is_hello) if is_hello == is_up => self.counters.out_of_place += 1,
            Ok(_) => self.heard_in_place(conn, line),
            Err(malformed) => self.misbehaved(conn, malformed.what()),
        }
    }

    fn heard_in_place(&mut self, conn: ConnId, line: &[u8]) {
        match self.talk.read(line) {
            Ok(Message::Hello { id }) => self.heard_hello(conn, id),
            Ok(Message::Ping) => self.heard_ping(conn),
            Ok(Message::Pong) => self.heard_pong(conn),
            Ok(Message::GetAddr) => self.heard_getaddr(conn),
            Ok(Message::Addr { peers }) => self.heard_addr(conn, &peers),
            Ok(Message::Unknown) => self.counters.unknown += 1,
            Err(malformed) => self.misbehaved(conn, malformed.what()),
        }
    }

    fn heard_hello(&mut self, conn: ConnId, id: NodeId) {
        let Some(dialed) = self.conns.get(conn).map(|open| open.origin().dialed().copied()) else { return };
        if id == *self.id() {
            return self.met_itself(conn, dialed);
        }
        let old = self.peers().find(|peer| peer.id == id);
        match old.map(|old| (old.conn, self.talk.again(old, dialed.is_some()))) {
            Some((_, Again::Old)) => return self.met_again(conn, dialed, &id),
            Some((old, Again::New)) => self.close(old, CloseHow::Flush, TWICE),
            Some((_, Again::Both)) | None => {}
        }
        if self.peers().count() >= self.config.max_peers {
            return self.close(conn, CloseHow::Flush, NO_ROOM);
        }
        if dialed.is_none() {
            self.say_hello(conn);
        }
        self.up(conn, id);
    }

    fn met_itself(&mut self, conn: ConnId, dialed: Option<SocketAddr>) {
        if let Some(addr) = dialed {
            self.book.met_itself(addr);
            self.out.event(Event::SelfFound { addr });
        }
        self.close(conn, CloseHow::Abort, ITSELF);
    }

    /// A second connection that is not wanted; who dialled it is told whom it met.
    fn met_again(&mut self, conn: ConnId, dialed: Option<SocketAddr>, id: &NodeId) {
        match dialed {
            Some(addr) => self.book.met_elsewhere(addr, id),
            None => self.say_hello(conn),
        }
        self.close(conn, CloseHow::Flush, TWICE);
    }

    fn up(&mut self, conn: ConnId, id: NodeId) {
        let now = self.deadlines.now();
        let Some(open) = self.conns.get_mut(conn) else { return };
        let (remote, dialed) = (open.remote(), open.origin().dialed().copied());
        open.state.peer = Some(PeerInfo::new(conn, id.clone(), open, now));
        self.deadlines.cancel(Due::Hello(conn));
        if let Some(addr) = dialed {
            self.book.met(addr, &id);
        }
        self.out.event(Event::PeerUp { conn, id, remote, dialed: dialed.is_some() });
        self.introduce(conn, dialed.is_some());
    }

    fn introduce(&mut self, conn: ConnId, dialed: bool) {
        let all: Vec<&PeerInfo> = peers(&self.conns).collect();
        for frame in self.talk.introduction(conn, dialed, &all) {
            self.send(conn, Class::Control, frame);
        }
        if self.conns.get(conn).is_none() {
            return;
        }
        match self.talk.pings(dialed) {
            Pings::AtOnce => self.ping(conn),
            Pings::Later => self.deadlines.after(Due::Ping(conn), self.config.ping_period),
            Pings::Never => self.expect_ping(conn),
        }
    }

    fn heard_ping(&mut self, conn: ConnId) {
        let pong = self.talk.pong();
        self.send(conn, Class::Urgent, pong);
        let Some(open) = self.conns.get(conn) else { return };
        if let Some(addr) = open.origin().dialed() {
            self.book.proved(*addr);
        }
        if self.talk.pings(open.origin().dialed().is_some()) == Pings::Never {
            self.expect_ping(conn);
        }
    }

    fn expect_ping(&mut self, conn: ConnId) {
        let periods = self.config.missed_pongs.saturating_add(1);
        self.deadlines.after(Due::Silence(conn), self.config.their_ping_period.saturating_mul(periods));
    }

    fn heard_pong(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        let Some(peer) = self.conns.get_mut(conn).and_then(|open| open.state.peer.as_mut()) else { return };
        let Some(asked) = peer.asked.take() else {
            self.counters.unasked_pongs += 1;
            return;
        };
        (peer.rtt, peer.heard, peer.late) = (Some(now.since(asked)), now, false);
        let address = peer.address;
        self.deadlines.cancel(Due::Pong(conn));
        if let Some(addr) = address {
            self.book.proved(addr);
        }
    }

    fn heard_getaddr(&mut self, conn: ConnId) {
        let all: Vec<&PeerInfo> = peers(&self.conns).collect();
        if let Some(answer) = self.talk.whom_i_know(conn, &all) {
            self.send(conn, Class::Control, answer);
        }
    }

    fn heard_addr(&mut self, conn: ConnId, rows: &[Row]) {
        for row in rows.iter().take(self.config.max_rows) {
            let addr = canonical(row.addr);
            if row.id.as_ref() == Some(self.id()) || !self.book.is_foreign(addr) {
                continue;
            }
            if self.book.learn(addr, row.id.clone()) {
                self.out.event(Event::AddressLearned { addr, id: row.id.clone() });
            }
            self.note_address(conn, addr, row.id.as_ref());
        }
    }

    /// A peer that says its own id says where it listens.
    fn note_address(&mut self, conn: ConnId, addr: SocketAddr, id: Option<&NodeId>) {
        let peer = self.conns.get_mut(conn).and_then(|open| open.state.peer.as_mut());
        if let Some(peer) = peer.filter(|peer| Some(&peer.id) == id) {
            peer.address.get_or_insert(addr);
        }
    }

    pub(super) fn say_hello(&mut self, conn: ConnId) {
        let hello = self.talk.hello();
        self.send(conn, Class::Urgent, hello);
    }

    /// Pings, and will again.
    pub(super) fn ping(&mut self, conn: ConnId) {
        let (now, period) = (self.deadlines.now(), self.config.ping_period);
        let Some(peer) = self.conns.get_mut(conn).and_then(|open| open.state.peer.as_mut()) else { return };
        peer.late = peer.asked.is_some();
        if !peer.late {
            peer.asked = Some(now);
            self.deadlines.after(Due::Pong(conn), period.saturating_mul(self.config.missed_pongs));
        }
        self.deadlines.after(Due::Ping(conn), period);
        let ping = self.talk.ping();
        self.send(conn, Class::Urgent, ping);
    }
}
