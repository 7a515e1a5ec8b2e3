//! What was asked for py2p's sake and is not answered.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;

use super::view::ViewId;
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::{NodeId, Text};

/// What an answer is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// A peer asked: it is told, with the fields that it asked with.
    Relay { to: NodeId, table: Text, key: Text },
    /// A peer had something stored, and is told nothing.
    Stored { by: NodeId },
    /// A peer had something deleted, which another one is told if it has anything.
    Delete { by: NodeId },
    /// A view of a key counts it.
    Vote { view: ViewId, table: Table },
    /// A view has what is kept under the name.
    Own { view: ViewId },
    /// A change waits for it.
    Change { op: u64 },
    /// What is kept under a key's name is to be this value, that a peer had stored.
    Adopt { key: Bytes, value: Option<Bytes> },
}

impl Purpose {
    /// The peer on whose account it is.
    pub(super) const fn by(&self) -> Option<NodeId> {
        match self {
            Purpose::Relay { to, .. } => Some(*to),
            Purpose::Stored { by } | Purpose::Delete { by } => Some(*by),
            Purpose::Vote { .. } | Purpose::Own { .. } | Purpose::Change { .. } | Purpose::Adopt { .. } => {
                None
            }
        }
    }

    const fn view(&self) -> Option<ViewId> {
        match self {
            Purpose::Vote { view, .. } | Purpose::Own { view } => Some(*view),
            Purpose::Change { op } => Some(ViewId::User(*op)),
            _ => None,
        }
    }
}

/// What waits for an answer, by number. Nodes of py2p answer without a number, so that what they were asked is found by
/// whom and what.
#[derive(Debug, Default)]
pub(super) struct Pending {
    all: BTreeMap<u64, (Purpose, Option<(NodeId, Place)>)>,
    asked: BTreeSet<(NodeId, Place, u64)>,
    /// How many there are on account of a peer.
    counts: BTreeMap<NodeId, usize>,
    views: BTreeSet<(ViewId, u64)>,
    begun: u64,
}

impl Pending {
    /// Our nodes are asked, or this peer about a place; the number.
    pub(super) fn begin(&mut self, purpose: Purpose, asked: Option<(NodeId, Place)>) -> u64 {
        self.begun += 1;
        purpose.by().into_iter().for_each(|by| *self.counts.entry(by).or_default() += 1);
        purpose.view().into_iter().for_each(|view| _ = self.views.insert((view, self.begun)));
        asked.into_iter().for_each(|(peer, place)| _ = self.asked.insert((peer, place, self.begun)));
        self.all.insert(self.begun, (purpose, asked));
        self.begun
    }

    pub(super) fn get(&self, number: u64) -> Option<&Purpose> {
        self.all.get(&number).map(|(purpose, _)| purpose)
    }

    pub(super) fn end(&mut self, number: u64) -> Option<Purpose> {
        let (purpose, asked) = self.all.remove(&number)?;
        asked.into_iter().for_each(|(peer, place)| _ = self.asked.remove(&(peer, place, number)));
        purpose.view().into_iter().for_each(|view| _ = self.views.remove(&(view, number)));
        purpose.by().into_iter().for_each(|by| self.less(by));
        Some(purpose)
    }

    fn less(&mut self, by: NodeId) {
        let Some(count) = self.counts.get_mut(&by) else { return };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&by);
        }
    }

    /// How many there are on account of a peer.
    pub(super) fn count(&self, by: &NodeId) -> usize {
        self.counts.get(by).copied().unwrap_or(0)
    }

    /// What a peer was asked about a place.
    pub(super) fn asked(&self, peer: NodeId, place: Place) -> Vec<u64> {
        let all = self.asked.range((peer, place, 0)..=(peer, place, u64::MAX));
        all.map(|(_, _, number)| *number).collect()
    }

    /// What a view or an operation waits for.
    pub(super) fn of_view(&self, view: ViewId) -> Vec<u64> {
        self.views.range((view, 0)..=(view, u64::MAX)).map(|(_, number)| *number).collect()
    }

    /// What is there on account of a peer, or was asked of it.
    pub(super) fn about(&self, peer: &NodeId) -> Vec<u64> {
        let about = |(purpose, asked): &(Purpose, Option<(NodeId, Place)>)| {
            purpose.by() == Some(*peer) || asked.is_some_and(|(asked, _)| asked == *peer)
        };
        self.all.iter().filter(|(_, entry)| about(entry)).map(|(number, _)| *number).collect()
    }
}
