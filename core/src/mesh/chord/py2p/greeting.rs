//! Who stores, and who is told.

use super::{Neighbour, RATE};
use crate::kernel::Bucket;
use crate::mesh::chord::machine::{Chord, Due};
use crate::mesh::wire::{NodeId, Role};

impl Chord {
    /// A node has become a peer.
    pub(in crate::mesh::chord) fn py2p_met(&mut self, id: NodeId) {
        let rate = Bucket::full(RATE, self.deadlines.now());
        self.py2p.neighbours.insert(id, Neighbour { rate, role: None, told: None });
    }

    /// A peer is no more, or is of this project.
    pub(in crate::mesh::chord) fn forget_py2p(&mut self, id: &NodeId) {
        self.deadlines.cancel(Due::Keys(*id));
        for number in self.py2p.pending.about(id) {
            self.py2p_forget(number);
        }
        self.py2p.orders.forget(id);
        self.py2p.neighbours.remove(id);
    }

    /// A peer says whether it stores.
    pub(in crate::mesh::chord) fn py2p_has_role(&mut self, by: NodeId, role: Role) {
        let Some(neighbour) = self.py2p.neighbours.get_mut(&by) else { return };
        if neighbour.role.replace(role) != Some(role) {
            self.list_keys(by);
            self.sweep_soon();
        }
    }
}
