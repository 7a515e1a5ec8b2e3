//! Which answers of py2p were said before something was deleted.

use alloc::collections::BTreeMap;

use crate::mesh::chord::Place;
use crate::mesh::wire::NodeId;

/// Places of which answers are counted. Of a peer that leaves more open than all others the count begins anew.
const MANY: usize = 65_536;

/// What was asked of nodes of py2p about places and is not answered, and how much of it before nil was said there. A peer
/// answers in order: as many answers as were open then are about what was there before. Who took them for what is there
/// now would say nil once more, and where nothing is that ends the connection.
#[derive(Debug, Default)]
pub(super) struct Orders {
    open: BTreeMap<(NodeId, Place), Open>,
    /// How often nil was said.
    nils: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Open {
    asked: u32,
    before_nil: u32,
}

impl Orders {
    pub(super) fn asked(&mut self, peer: NodeId, place: Place) {
        if self.open.len() >= MANY {
            self.forget(&peer);
        }
        self.open.entry((peer, place)).or_default().asked += 1;
    }

    /// Nil was said.
    pub(super) fn deleted(&mut self, peer: NodeId, place: Place) {
        self.nils += 1;
        if let Some(open) = self.open.get_mut(&(peer, place)) {
            open.before_nil = open.asked;
        }
    }

    /// How often nil was said anywhere: whether it was since.
    pub(super) const fn nils(&self) -> u64 {
        self.nils
    }

    /// An answer has come; whether it is about what was there before nil was said.
    pub(super) fn answered(&mut self, peer: NodeId, place: Place) -> bool {
        let Some(open) = self.open.get_mut(&(peer, place)) else { return false };
        let is_old = open.before_nil > 0;
        *open = Open { asked: open.asked - 1, before_nil: open.before_nil.saturating_sub(1) };
        if open.asked == 0 {
            self.open.remove(&(peer, place));
        }
        is_old
    }

    /// A peer is no more.
    pub(super) fn forget(&mut self, peer: &NodeId) {
        self.open.retain(|(of, _), _| of != peer);
    }
}
