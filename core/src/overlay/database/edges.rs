//! Which links can be used.

use alloc::boxed::Box;

use super::super::wire::ListedRole;
use super::super::{Cost, NodeId};
use super::{Database, Entry, Link};

/// What a link is good for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LinkMode {
    /// Both ways, while both ends' records list it.
    #[default]
    Mutual,
    /// From u to v alone, while u's record says that u chose it (`o`, `b`) and v's that it was chosen (`i`, `b`).
    Directed,
}

impl LinkMode {
    /// Whether a link listed with this role leads away from the source of the record.
    const fn leads(self, role: ListedRole) -> bool {
        match self {
            LinkMode::Mutual => true,
            LinkMode::Directed => matches!(role, ListedRole::Out | ListedRole::Both),
        }
    }

    /// Whether a link listed with this role is owned to by the end it leads to.
    const fn accepts(self, role: ListedRole) -> bool {
        match self {
            LinkMode::Mutual => true,
            LinkMode::Directed => matches!(role, ListedRole::In | ListedRole::Both),
        }
    }
}

impl Database {
    /// Tells `edge` every edge that routes may use, as dense indices from and to, and its cost: the figure in the
    /// record of the node it leaves. Nodes marked absent have no edges. Ascending by from, then to; O(n + links).
    pub fn effective_edges(&mut self, mode: LinkMode, edge: impl FnMut(u32, u32, Cost)) {
        self.walk(mode, |_| true, edge);
    }

    /// The edges to plan with: without those which either end is about to give up (`bye`).
    pub fn lasting_edges(&mut self, mode: LinkMode, edge: impl FnMut(u32, u32, Cost)) {
        self.walk(mode, |link| !link.bye, edge);
    }

    /// What the edge between two nodes costs, if routes may use it: O(log n).
    pub fn edge(&self, mode: LinkMode, from: NodeId, to: NodeId) -> Option<Cost> {
        let (here, there) = (self.get(from)?, self.get(to)?);
        let (way, back) = (here.link(to)?, there.link(from)?);
        let stands =
            !here.is_absent() && !there.is_absent() && mode.leads(way.role) && mode.accepts(back.role);
        stands.then_some(way.cost)
    }

    /// As [`effective_edges`](Database::effective_edges), for who only asks: a search for each link while the dense indices
    /// are not up to date.
    pub fn edges_now(&self, mode: LinkMode, edge: impl FnMut(u32, u32, Cost)) {
        let walk = Walk { entries: &self.entries, mode, counts: |_: &Link| true };
        let cursors = &mut alloc::vec![0; self.entries.len()];
        if self.unresolved {
            walk.edges(cursors, |link| self.index.of(link.id), edge);
        } else {
            walk.edges(cursors, |link| Some(link.peer), edge);
        }
    }

    fn walk(&mut self, mode: LinkMode, counts: impl Fn(&Link) -> bool, edge: impl FnMut(u32, u32, Cost)) {
        self.resolve();
        let Database { entries, cursors, .. } = self;
        cursors.clear();
        cursors.resize(entries.len(), 0);
        Walk { entries, mode, counts }.edges(cursors, |link| Some(link.peer), edge);
    }

    /// Brings the links' dense indices up to date after ids came or went.
    fn resolve(&mut self) {
        if core::mem::take(&mut self.unresolved) {
            for entry in &mut self.entries {
                entry.resolve(&self.index);
            }
        }
    }
}

/// A walk over all links.
struct Walk<'a, C> {
    entries: &'a [Box<Entry>],
    mode: LinkMode,
    /// Which links count.
    counts: C,
}

impl<C: Fn(&Link) -> bool> Walk<'_, C> {
    /// Nodes come by in ascending order, and so in each list of links do those that ask whether it lists them: a cursor
    /// in each list finds the answer without searching. `peer` is the dense index of a link's other end.
    fn edges(
        &self,
        cursors: &mut [u32],
        peer: impl Fn(&Link) -> Option<u32>,
        mut edge: impl FnMut(u32, u32, Cost),
    ) {
        let Walk { entries, mode, counts } = self;
        for (from, entry) in (0..).zip(entries.iter()).filter(|(_, entry)| !entry.is_absent()) {
            for link in entry.links().iter().filter(|link| mode.leads(link.role) && counts(link)) {
                let Some((to, other)) = peer(link).and_then(|to| Some((to, entries.get(to as usize)?)))
                else {
                    continue;
                };
                if other.is_absent() {
                    continue;
                }
                let (theirs, cursor) = (other.links(), &mut cursors[to as usize]);
                while theirs.get(*cursor as usize).is_some_and(|back| back.id < entry.id()) {
                    *cursor += 1;
                }
                let back = theirs.get(*cursor as usize).filter(|back| back.id == entry.id());
                if back.is_some_and(|back| mode.accepts(back.role) && counts(back)) {
                    edge(from, to, link.cost);
                }
            }
        }
    }
}
