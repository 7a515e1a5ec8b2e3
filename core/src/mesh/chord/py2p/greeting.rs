//! Who stores, and who is told.

use alloc::vec::Vec;
use core::mem;

use super::{Neighbour, RATE};
use crate::kernel::Bucket;
use crate::mesh::chord::interface::{Event, Reply};
use crate::mesh::chord::machine::{Chord, Due};
use crate::mesh::wire::{Message, NodeId, Role};

impl Chord {
    /// A node has become a peer. Whether this one stores is said at once: py2p, where it has dialled, says nothing before it
    /// hears that somebody stores.
    pub(in crate::mesh::chord) fn py2p_met(&mut self, id: NodeId) {
        let rate = Bucket::full(RATE, self.deadlines.now());
        self.py2p.neighbours.insert(id, Neighbour { rate, role: None, told: None });
        self.say_py2p(&id, &Message::Meta(self.role));
    }

    /// A peer is of this project.
    pub(in crate::mesh::chord) fn py2p_is_native(&mut self, id: &NodeId) {
        self.forget_py2p(id);
    }

    /// A peer is no more.
    pub(in crate::mesh::chord) fn py2p_lost(&mut self, id: &NodeId) {
        if self.forget_py2p(id) == Some(Role::Storing) {
            self.sweep_soon();
        }
    }

    fn forget_py2p(&mut self, id: &NodeId) -> Option<Role> {
        self.deadlines.cancel(Due::Keys(*id));
        for number in self.py2p.pending.about(id) {
            self.py2p.pending.end(number);
            self.deadlines.cancel(Due::Py2p(number));
        }
        self.py2p.neighbours.remove(id).and_then(|neighbour| neighbour.role)
    }

    /// A peer says whether it stores.
    pub(in crate::mesh::chord) fn heard_meta(&mut self, by: NodeId, role: Role) {
        if let Some(side) = self.sides.get_mut(&by) {
            side.role = role;
        }
        let Some(neighbour) = self.py2p.neighbours.get_mut(&by) else { return };
        if mem::replace(&mut neighbour.role, Some(role)) != Some(role) {
            self.list_keys(by);
            self.sweep_soon();
        }
    }

    /// Begins or ends to store.
    pub(in crate::mesh::chord) fn take_role(&mut self, role: Role) -> Reply {
        if mem::replace(&mut self.role, role) == role {
            return Reply::Done;
        }
        let all: Vec<NodeId> = self.sides.iter().map(|(id, _)| *id).collect();
        for id in all {
            self.say_py2p(&id, &Message::Meta(role));
        }
        self.out.event(Event::RoleChanged { role });
        self.sweep_soon();
        Reply::Done
    }
}
