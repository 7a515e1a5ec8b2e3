//! Who the peers are: of which kind, and whether they store.

use alloc::collections::BTreeMap;

use super::ring::Position;
use crate::mesh::Kind;
use crate::mesh::wire::{NodeId, Role};

/// A peer of the mesh, as Chord sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Side {
    pub(super) kind: Kind,
    /// py2p takes a node that has said nothing for a leech.
    pub(super) role: Role,
}

/// All peers.
#[derive(Debug, Default)]
pub(super) struct Sides {
    all: BTreeMap<NodeId, Side>,
}

impl Sides {
    pub(super) fn up(&mut self, id: NodeId) {
        self.all.insert(id, Side { kind: Kind::Compatible, role: Role::Leech });
    }

    pub(super) fn down(&mut self, id: &NodeId) -> Option<Side> {
        self.all.remove(id)
    }

    pub(super) fn get(&self, id: &NodeId) -> Option<&Side> {
        self.all.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Side> {
        self.all.get_mut(id)
    }

    /// Those that store, of a kind.
    pub(super) fn storing(&self, kind: Kind) -> impl Iterator<Item = NodeId> + '_ {
        let storing =
            self.all.iter().filter(move |(_, side)| side.kind == kind && side.role == Role::Storing);
        storing.map(|(id, _)| *id)
    }
}

/// Where a node is on the ring.
pub(super) fn position(id: &NodeId) -> Position {
    Position::of(&id.0)
}
