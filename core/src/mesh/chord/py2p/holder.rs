//! Who has a place, as py2p sees it.

use crate::mesh::Kind;
use crate::mesh::chord::machine::Chord;
use crate::mesh::chord::ring::{Position, Space as _};
use crate::mesh::chord::side::position;
use crate::mesh::wire::{NodeId, Role};

/// Who has what is kept at a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    /// Nodes of this project: whichever of them it is, any can be asked.
    Ring,
    /// This peer, or whoever it thinks is nearer.
    Py2p(NodeId),
    /// No node is known that stores.
    Nobody,
}

impl Chord {
    /// Who has a position by py2p's rule: of this node, if it stores, the peers that store, and those that the ring names,
    /// the nearest at or before it; `but` for one that asks, and so does not have it itself.
    pub(super) fn holder(&self, at: Position, but: Option<NodeId>) -> Holder {
        let own = (self.role == Role::Storing).then(|| (self.mesh.id(), Holder::Ring));
        let natives = self.sides.storing(Kind::Native).map(|id| (id, Holder::Ring));
        let others = self.sides.storing(Kind::Compatible).filter(|id| Some(*id) != but);
        let named = self.circle.neighbors().map(|at| (NodeId(at.integer()), Holder::Ring));
        let named = named.filter(|_| self.stores());
        let all = natives.chain(own).chain(named).chain(others.map(|id| (id, Holder::Py2p(id))));
        let nearest = all.min_by_key(|(id, _)| at.distance(position(id)));
        nearest.map_or(Holder::Nobody, |(_, holder)| holder)
    }

    /// Whether a node of this project is known that stores.
    pub(super) fn has_ring(&self) -> bool {
        self.role == Role::Storing || self.sides.storing(Kind::Native).next().is_some()
    }
}
