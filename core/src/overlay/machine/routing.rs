//! Routes: computed when a payload asks for them.

use alloc::vec::Vec;
use core::time::Duration;

use super::Overlay;
use super::forwarding::TTL;
use crate::kernel::Time;
use crate::overlay::graph::{Graph, GraphBuilder};
use crate::overlay::link::Link;
use crate::overlay::names::NodeId;
use crate::overlay::routes::{ShortestPaths, Tree};
use crate::overlay::wiring::NODES;

/// Routes are computed at most this often.
const ROUTES_EVERY: Duration = Duration::from_millis(50);
/// ... and so often beside that where no path was left, or the path led over a link known to be dead.
pub(super) const FORCED: u32 = 4;

/// The shortest paths as last computed.
#[derive(Debug, Default)]
pub(super) struct Routing {
    stale: bool,
    computed: Option<Time>,
    /// How often they were computed before they were due.
    forced: u32,
    /// Of which ids: their places are the dense indices of the tree.
    ids: Vec<NodeId>,
    generation: u64,
    builder: GraphBuilder,
    graph: Graph,
    paths: ShortestPaths,
    tree: Tree,
}

impl Routing {
    /// Routes may differ from now on.
    pub(super) fn graph_changed(&mut self) {
        self.stale = true;
    }

    /// Gives back what computing the routes of a large overlay took, the routes aside.
    fn give_back(&mut self) {
        if self.graph.nodes() > NODES {
            self.builder = GraphBuilder::new();
            (self.graph, self.paths) = (Graph::default(), ShortestPaths::new());
        }
    }

    /// Octets of working memory kept from one computation to the next, the routes aside.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.builder.memory() + self.graph.memory() + self.paths.memory()
    }

    fn dense(&self, id: NodeId) -> Option<u32> {
        self.ids.binary_search(&id).ok().and_then(|place| u32::try_from(place).ok())
    }
}

impl Overlay {
    /// The neighbour on the shortest path to `to`. Routes are computed when they are asked for and something changed, at
    /// most every 50 ms unless the path that they name is known to be broken. Who has withdrawn its record is on no path
    /// any more, and passes on what still comes by those that it knew.
    pub(super) fn next_hop(&mut self, to: NodeId) -> Option<NodeId> {
        if self.routing.computed.is_none() || (self.has_news() && self.is_running()) {
            self.compute_if_due(to);
        }
        self.known_hop(to)
    }

    /// Whether routes may differ from those last computed.
    fn has_news(&self) -> bool {
        self.routing.stale || self.routing.generation != self.database.index().generation()
    }

    /// Computes the routes if they may differ from those last computed.
    pub(super) fn know_routes(&mut self) {
        if self.has_news() {
            self.compute_routes();
        }
    }

    fn compute_if_due(&mut self, to: NodeId) {
        if self.routing.computed.is_none_or(|at| self.timers.now().since(at) >= ROUTES_EVERY) {
            self.routing.forced = 0;
            self.compute_routes();
        } else if self.routing.forced < FORCED && !self.path_stands(to) {
            self.routing.forced += 1;
            self.compute_routes();
        }
    }

    /// The shortest paths as last computed, if nothing has changed since.
    pub(super) fn standing_tree(&self) -> Option<&Tree> {
        (!self.has_news()).then_some(&self.routing.tree)
    }

    fn known_hop(&self, to: NodeId) -> Option<NodeId> {
        // Who only watches is in no record: it and its neighbours reach each other, and nobody else does.
        if self.links.get(&to).is_some_and(|link| link.live() && link.only_watches()) {
            return Some(to);
        }
        let hop = self.routing.tree.first_hop(self.routing.dense(to)?)?;
        let hop = *self.routing.ids.get(hop as usize)?;
        self.links.get(&hop).filter(|link| link.live()).map(|_: &Link| hop)
    }

    /// Whether there is a path to `to`, and each of its links is still there by what is known now. A path longer than any
    /// payload goes is not looked at.
    fn path_stands(&self, to: NodeId) -> bool {
        let Some(dense) = self.routing.dense(to) else { return false };
        if self.routing.tree.hops(dense).is_some_and(|hops| hops > TTL.into()) {
            return self.known_hop(to).is_some();
        }
        let path = self.routing.tree.path(dense);
        let id = |dense: u32| self.routing.ids[dense as usize];
        let stands = |pair: &[u32]| self.database.edge(self.config.links, id(pair[0]), id(pair[1])).is_some();
        path.is_some_and(|path| path.windows(2).all(stands)) && self.known_hop(to).is_some()
    }

    fn compute_routes(&mut self) {
        self.counters.routed += 1;
        let r = &mut self.routing;
        r.builder.reset(self.database.len());
        self.database.effective_edges(self.config.links, |from, to, cost| r.builder.push(from, to, cost));
        r.builder.build_into(&mut r.graph);
        r.generation = self.database.index().generation();
        r.ids.clear();
        r.ids.extend_from_slice(self.database.index().ids());
        r.stale = false;
        r.computed = Some(self.timers.now());
        if let Some(me) = self.life.me().and_then(|me| self.database.index().of(me.id)) {
            r.paths.tree(&r.graph, me, &mut r.tree);
        }
        r.give_back();
    }
}
