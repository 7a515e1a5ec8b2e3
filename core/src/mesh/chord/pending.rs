//! What was asked of other nodes and is not answered yet.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::ring::Position;
use crate::mesh::wire::NodeId;

/// What an answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum For {
    /// The ring, which asked this node for its neighbours.
    Ring(Position),
    /// A question of this node's own.
    Question(u64),
    /// A question that this node has passed on for another, by the number that it has there.
    Other { node: NodeId, n: u64 },
    /// Copies, or the reading of one, for something that this node keeps as the one responsible.
    Keeping(u64),
    /// The comparison with the node that was asked.
    Comparison,
}

/// A question that another node has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Waiting {
    /// The node that has it: nobody else can answer.
    pub(super) with: NodeId,
    pub(super) what: For,
}

/// How many things of each node's there are.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<NodeId, usize>);

impl Tally {
    pub(super) fn add(&mut self, node: NodeId) {
        *self.0.entry(node).or_default() += 1;
    }

    pub(super) fn remove(&mut self, node: &NodeId) {
        if let Some(count) = self.0.get_mut(node) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(node);
            }
        }
    }

    pub(super) fn of(&self, node: &NodeId) -> usize {
        self.0.get(node).copied().unwrap_or(0)
    }
}

/// All of them, by the numbers that answers name.
#[derive(Debug, Default)]
pub(super) struct Pending {
    all: BTreeMap<u64, Waiting>,
    /// What each node has given this one to pass on.
    given: Tally,
    last: u64,
}

impl Pending {
    /// A number for a question that goes to a node.
    pub(super) fn begin(&mut self, with: NodeId, what: For) -> u64 {
        self.last += 1;
        if let For::Other { node, .. } = what {
            self.given.add(node);
        }
        self.all.insert(self.last, Waiting { with, what });
        self.last
    }

    /// A node has answered.
    pub(super) fn answered(&mut self, by: &NodeId, n: u64) -> Option<For> {
        self.all.get(&n).filter(|waiting| waiting.with == *by)?;
        self.end(n)
    }

    /// It is waited for no more.
    pub(super) fn end(&mut self, n: u64) -> Option<For> {
        let what = self.all.remove(&n)?.what;
        if let For::Other { node, .. } = what {
            self.given.remove(&node);
        }
        Some(what)
    }

    /// Those that a node has.
    pub(super) fn with(&self, node: &NodeId) -> Vec<u64> {
        let with = self.all.iter().filter(|(_, waiting)| waiting.with == *node);
        with.map(|(n, _)| *n).collect()
    }

    /// How many a node has given this one to pass on.
    pub(super) fn given(&self, node: &NodeId) -> usize {
        self.given.of(node)
    }

    /// What the answer is for.
    pub(super) fn what(&self, n: u64) -> Option<For> {
        self.all.get(&n).map(|waiting| waiting.what)
    }

    /// Whether a node is asked for its neighbours.
    pub(super) fn has_for_ring(&self, at: Position) -> bool {
        self.all.values().any(|waiting| waiting.what == For::Ring(at))
    }

    /// Those that are comparisons with a node: one, unless it has ended.
    pub(super) fn comparisons(&self, node: &NodeId) -> Vec<u64> {
        let all =
            self.all.iter().filter(|(_, waiting)| waiting.with == *node && waiting.what == For::Comparison);
        all.map(|(n, _)| *n).collect()
    }

    /// The node that has this.
    pub(super) fn holder(&self, n: u64) -> Option<NodeId> {
        self.all.get(&n).map(|waiting| waiting.with)
    }
}
