//! What is said to peers.

use crate::kernel::Outbox;
use crate::mesh::chord::Place;
use crate::mesh::chord::machine::Chord;
use crate::mesh::peer::liveliest;
use crate::mesh::wire::{Map, Message, NodeId, Text, TextKind, Value};

impl Chord {
    /// Says something to a peer, unless so much waits for it that the connection would end.
    pub(super) fn say_py2p(&mut self, peer: &NodeId, message: &Message) {
        self.counters.excess += u64::from(!self.mesh.tell(peer, message));
    }

    /// Octets that wait for a peer.
    pub(super) fn waiting_for(&self, peer: &NodeId) -> usize {
        let conn = liveliest(&self.mesh.conns, peer);
        conn.and_then(|conn| self.mesh.conns.outbox(conn)).map_or(0, Outbox::pressing)
    }

    /// A place as fields of a message to a peer, in the kind of text that it speaks.
    pub(super) fn fields(&self, peer: &NodeId, place: &Place) -> (Text, Text) {
        let kind = self.kind(peer);
        (text(kind, place.table.name().as_bytes()), text(kind, place.text().as_bytes()))
    }

    fn kind(&self, peer: &NodeId) -> TextKind {
        let open = liveliest(&self.mesh.conns, peer).and_then(|conn| self.mesh.conns.get(conn));
        open.and_then(|open| open.state.greeted).unwrap_or(TextKind::Bin)
    }

    pub(super) fn say_store(&mut self, peer: NodeId, place: &Place, value: Value) {
        let (table, key) = self.fields(&peer, place);
        self.say_py2p(&peer, &Message::Store { table, key, value });
    }

    /// Deletes what a peer is known to have. At nil for what it does not have it closes the connection.
    pub(super) fn say_nil(&mut self, peer: NodeId, place: &Place) {
        self.say_store(peer, place, Value::Nil);
        self.py2p.orders.deleted(peer, *place);
        // Whoever saw the same has seen what is there no more.
        for view in self.py2p.views.values_mut() {
            view.unsee(place);
        }
    }

    pub(super) fn say_delta(&mut self, peer: NodeId, place: &Place, delta: Map) {
        let (table, key) = self.fields(&peer, place);
        self.say_py2p(&peer, &Message::Delta { table, key, delta });
    }

    pub(super) fn say_retrieve(&mut self, peer: NodeId, place: &Place) {
        self.py2p.orders.asked(peer, *place);
        let (table, key) = self.fields(&peer, place);
        self.say_py2p(&peer, &Message::Retrieve { table, key });
    }
}

fn text(kind: TextKind, octets: &[u8]) -> Text {
    Text::new(kind, bytes::Bytes::copy_from_slice(octets))
        .expect("names of tables and numbers are short, and ASCII")
}
