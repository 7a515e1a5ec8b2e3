//! What goes to one node, and where those listen who are no peers.

use alloc::vec::Vec;

use bytes::Bytes;

use super::interface::{Event, Refusal, Reply};
use super::machine::Mesh;
use super::peer::{Due, dialable_at, links, liveliest, peers};
use super::wire::{HostPort, Message, NodeId, Peer as Row, Text, TextKind, Value, Way};
use crate::kernel::{Class, ConnId};

impl Mesh {
    pub(super) fn whisper(&mut self, to: NodeId, values: Vec<Value>) -> Result<Reply, Refusal> {
        if to == self.id {
            return Err(Refusal::OwnId);
        }
        let frame = self.frame(&Message::Whisper(values), Way::Link)?;
        if let Some(conn) = liveliest(&self.conns, &to) {
            self.send(conn, Class::Control, frame.whole().clone());
            return Ok(Reply::Sent { peers: 1 });
        }
        self.look_up(to, frame.whole().clone())
    }

    fn look_up(&mut self, to: NodeId, frame: Bytes) -> Result<Reply, Refusal> {
        if self.lookups.len() >= self.config.max_lookups {
            return Err(Refusal::TooManyLookups);
        }
        let seconds = self.clock.seconds(self.deadlines.now()).ok_or(Refusal::NoClock)?;
        let request = NodeId::drawn(&mut self.rng).text(TextKind::Bin);
        let question = Message::AddressRequest { request: request.clone(), wanted: to.text(TextKind::Bin) };
        let lookup = self.lookups.begin(to, request, frame);
        self.deadlines.after(Due::Lookup(lookup), self.config.lookup_timeout);
        let known = self.book.iter().find(|known| known.id == Some(to)).map(|known| known.addr);
        if let Some(addr) = known {
            // If that cannot be dialled, somebody may know another.
            let _ = self.connect(addr);
        }
        self.ask_all(seconds, &question);
        Ok(Reply::Looking { lookup })
    }

    fn ask_all(&mut self, seconds: u64, question: &Message) {
        let Ok(frame) = self.frame(question, Way::Flood) else { return };
        self.flood.take(self.deadlines.now(), Some(seconds), seconds, frame.id());
        for conn in links(&self.conns) {
            self.send(conn, Class::Control, frame.whole().clone());
        }
    }

    /// Where a node listens that is a peer, or this one: to who asked alone, from where it goes to all.
    pub(super) fn say_address(&mut self, conn: ConnId, request: Text, wanted: &Text) {
        let Ok(id) = NodeId::read(wanted.octets()) else { return };
        let Some(addr) = self.address_of(&id) else { return };
        let Some(seconds) = self.clock.seconds(self.deadlines.now()) else { return };
        let answer = Message::AddressResponse { request, peer: Row { addr, id: wanted.clone() } };
        if let Ok(frame) = self.frame(&answer, Way::Flood) {
            self.flood.take(self.deadlines.now(), Some(seconds), seconds, frame.id());
            self.send(conn, Class::Control, frame.whole().clone());
        }
    }

    fn address_of(&self, id: &NodeId) -> Option<HostPort> {
        if *id == self.id {
            return Some(HostPort::of(self.config.address));
        }
        peers(&self.conns).find(|(_, peer)| peer.id == *id).map(|(_, peer)| peer.listens.clone())
    }

    pub(super) fn heard_address(&mut self, request: &Text, peer: &Row) {
        let Some(id) = self.lookups.wanted(request) else { return };
        if NodeId::read(peer.id.octets()) != Ok(id) {
            return;
        }
        if let Some(addr) = dialable_at(&peer.addr) {
            self.book.learn(addr, Some(id));
            let _ = self.connect(addr);
        }
    }

    /// A node is a peer: what waited for it goes.
    pub(super) fn is_found(&mut self, id: NodeId) {
        while let Some((lookup, frame)) = self.lookups.found(&id) {
            let Some(conn) = liveliest(&self.conns, &id) else { return };
            self.deadlines.cancel(Due::Lookup(lookup));
            self.send(conn, Class::Control, frame);
            self.out.event(Event::Whispered { lookup });
        }
    }

    pub(super) fn not_found(&mut self, lookup: u64) {
        self.lookups.end(lookup);
        self.out.event(Event::NotFound { lookup });
    }
}
