//! What nodes tell of their neighbours: positions with addresses.

use alloc::vec::Vec;

use super::interface::Contact;
use super::ring::{Position, Snapshot, Successors};
use super::side::position;

/// Entries of a successor list.
pub(super) const LIST: usize = 8;

/// A snapshot, and where those listen whom it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) of: Contact,
    pub(super) predecessor: Option<Contact>,
    /// The successor list.
    pub(super) list: Vec<Contact>,
}

impl Told {
    /// What it says to the ring; `None` if no node says so.
    pub(super) fn snapshot(&self) -> Option<Snapshot<Position, LIST>> {
        let nodes: Vec<Position> = self.list.iter().map(|node| position(&node.id)).collect();
        let successors = Successors::checked(position(&self.of.id), &nodes).ok()?;
        let predecessor = self.predecessor.map(|node| position(&node.id));
        Some(Snapshot { predecessor, successors })
    }

    /// All whom it names.
    pub(super) fn contacts(&self) -> impl Iterator<Item = Contact> + '_ {
        [self.of].into_iter().chain(self.predecessor).chain(self.list.iter().copied())
    }
}
