//! Dense numbers for nodes.

use alloc::vec::Vec;

use super::super::NodeId;

/// The ids of a database in ascending order; a node's place is its dense index. It holds while the generation does.
#[derive(Clone, Debug, Default)]
pub struct Index {
    ids: Vec<NodeId>,
    generation: u64,
}

impl Index {
    /// The dense index of `id`.
    pub fn of(&self, id: NodeId) -> Option<u32> {
        self.find(id).ok().map(dense)
    }

    /// The ids, each at its dense index.
    pub fn ids(&self) -> &[NodeId] {
        &self.ids
    }

    /// Changes whenever an id comes or goes, and with it dense indices.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Where `id` is, or where it would be inserted.
    pub(super) fn find(&self, id: NodeId) -> Result<usize, usize> {
        self.ids.binary_search(&id)
    }

    pub(super) fn insert(&mut self, at: usize, id: NodeId) {
        self.generation += 1;
        self.ids.insert(at, id);
    }

    /// Drops the ids for which `keep` is false; it is asked once for each dense index, in order.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        self.generation += 1;
        let mut place = 0..;
        self.ids.retain(|_| place.next().is_some_and(&mut keep));
    }
}

/// A place as a dense index; a database's limit keeps places within 32 bits.
#[allow(clippy::cast_possible_truncation, reason = "Limits::records is a u32")]
pub(super) const fn dense(place: usize) -> u32 {
    place as u32
}
