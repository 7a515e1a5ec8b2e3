//! Successor lists, and what nodes tell each other of theirs.

use smallvec::SmallVec;
use thiserror::Error;

use super::Space;

/// The nodes that a node knows to come next, nearest first: at least one and at most `R`.
///
/// A list never passes its owner. Where it comes round it ends, and the owner is its last entry: then the others are all
/// nodes that it knows of. A node that knows nobody has itself alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Successors<P: Space, const R: usize> {
    owner: P,
    nodes: SmallVec<[P; R]>,
}

/// A list that no node has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Disorder {
    /// It names nobody.
    #[error("a successor list without an entry; who knows nobody lists itself")]
    Empty,
    /// It has more entries than this ring's lists have.
    #[error("a successor list of more than {0} entries")]
    Long(usize),
    /// Its entries do not follow each other within one round from its owner.
    #[error("a successor list out of order")]
    Order,
}

impl<P: Space, const R: usize> Successors<P, R> {
    /// The list of one who knows nobody.
    pub fn alone(owner: P) -> Self {
        Self::cut(owner, [owner])
    }

    /// The list of one who knows `next`, and not whether there are others.
    pub(super) fn only(owner: P, next: P) -> Self {
        Self::cut(owner, [next])
    }

    /// A list that came from elsewhere.
    ///
    /// # Errors
    /// If no node has such a list; it is the fault of whoever said it.
    pub fn checked(owner: P, nodes: &[P]) -> Result<Self, Disorder> {
        if nodes.is_empty() {
            return Err(Disorder::Empty);
        }
        if nodes.len() > R {
            return Err(Disorder::Long(R));
        }
        let list = Self::cut(owner, nodes.iter().copied());
        if list.nodes[..] == *nodes { Ok(list) } else { Err(Disorder::Order) }
    }

    /// Whatever is given, to see that checks find it.
    #[cfg(test)]
    pub(super) fn unchecked(owner: P, nodes: &[P]) -> Self {
        Successors { owner, nodes: nodes.iter().copied().collect() }
    }

    /// The list of one whose first successor is `next`, which has this list.
    pub(super) fn following(owner: P, next: &Self) -> Self {
        Self::cut(owner, core::iter::once(next.owner).chain(next.nodes()))
    }

    /// The list of one that takes its place right behind `before`, which has this list.
    pub(super) fn placed(owner: P, before: &Self) -> Self {
        let again = before.laps().then(|| before.first());
        Self::cut(owner, before.nodes().chain(again))
    }

    /// As many as there is room for, to the one that is not further ahead than the one before it: there the way comes by
    /// the owner.
    fn cut(owner: P, nodes: impl IntoIterator<Item = P>) -> Self {
        const { assert!(R > 0, "a list has room for one node at least") };
        let mut list: SmallVec<[P; R]> = SmallVec::new();
        for node in nodes.into_iter().take(R) {
            let last = list.last().map_or(owner, |last| *last);
            if owner.distance(node) <= owner.distance(last) {
                list.push(owner);
                break;
            }
            list.push(node);
        }
        Successors { owner, nodes: list }
    }

    /// Whose list it is.
    pub fn owner(&self) -> P {
        self.owner
    }

    /// The next node, which is the owner where it knows nobody.
    pub fn first(&self) -> P {
        self.nodes[0]
    }

    /// The entries in order; the owner is the last if the list comes round.
    pub fn nodes(&self) -> impl Iterator<Item = P> + Clone + '_ {
        self.nodes.iter().copied()
    }

    /// The entries without the owner.
    pub fn others(&self) -> impl Iterator<Item = P> + Clone + '_ {
        self.nodes().filter(|node| *node != self.owner)
    }

    /// Whether the list comes round to its owner, so that there is nobody else to its knowledge.
    pub fn laps(&self) -> bool {
        self.nodes.last() == Some(&self.owner)
    }

    /// Whether the owner knows nobody else.
    pub fn is_alone(&self) -> bool {
        self.first() == self.owner
    }

    /// Takes a dead node out. Says false, with the list as it was, if nothing would be left.
    #[must_use]
    pub(super) fn remove(&mut self, node: P) -> bool {
        if node == self.owner {
            return true;
        }
        if self.nodes.len() == 1 && self.first() == node {
            return false;
        }
        self.nodes.retain(|other| *other != node);
        true
    }
}

/// What a node answers to who asks it: its predecessor, unless that is known to be dead, and its list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Snapshot<P: Space, const R: usize> {
    /// The node before it; itself if it knows of none.
    pub predecessor: Option<P>,
    /// Its list, and with it who it is.
    pub successors: Successors<P, R>,
}

impl<P: Space, const R: usize> Snapshot<P, R> {
    /// Whose it is.
    pub fn of(&self) -> P {
        self.successors.owner()
    }
}
