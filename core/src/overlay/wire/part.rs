//! Parts of a database: ranges of ids, and what is held of one.

use alloc::vec::Vec;
use core::ops::Deref;

use super::super::names::{Key, NodeId};
use super::WireError;
use super::limits::NODES_LIMIT;

/// The ids from a first to a last one, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Range {
    first: NodeId,
    last: NodeId,
}

impl Range {
    /// Every id.
    pub const ALL: Range = Range { first: NodeId(0), last: NodeId(u128::MAX) };

    /// The ids from `first` to `last`; `None` if `last` is below `first`.
    pub fn new(first: NodeId, last: NodeId) -> Option<Self> {
        (first <= last).then_some(Range { first, last })
    }

    /// The smallest id.
    pub const fn first(self) -> NodeId {
        self.first
    }

    /// The greatest id.
    pub const fn last(self) -> NodeId {
        self.last
    }

    /// Whether an id is one of them.
    pub fn contains(self, id: NodeId) -> bool {
        (self.first..=self.last).contains(&id)
    }
}

/// Ids and the keys of their records, in ascending order of ids, at most [`NODES_LIMIT`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Have(Vec<(NodeId, Key)>);

impl Have {
    /// Ids and keys.
    ///
    /// # Errors
    /// The ids are not in ascending order, or too many.
    pub fn new(have: Vec<(NodeId, Key)>) -> Result<Self, WireError> {
        if have.len() > NODES_LIMIT {
            return Err(WireError::Bound("too many keys"));
        }
        if have.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(WireError::Syntax("ids are not in ascending order"));
        }
        Ok(Have(have))
    }

    /// As many ids and keys as come in ascending order of ids and fit, from the first on.
    pub fn ascending(have: impl IntoIterator<Item = (NodeId, Key)>) -> Self {
        let mut last = None;
        let ascends = |(id, _): &(NodeId, Key)| last.replace(*id).is_none_or(|before| before < *id);
        Have(have.into_iter().take(NODES_LIMIT).take_while(ascends).collect())
    }
}

impl Deref for Have {
    type Target = [(NodeId, Key)];
    fn deref(&self) -> &[(NodeId, Key)] {
        &self.0
    }
}
