//! Routes: computed when a payload asks for them.

use core::time::Duration;

use super::Overlay;
use crate::kernel::Time;
use crate::overlay::graph::{Graph, GraphBuilder};
use crate::overlay::link::Link;
use crate::overlay::names::NodeId;
use crate::overlay::routes::{ShortestPaths, Tree};

/// Routes are computed at most this often.
const ROUTES_EVERY: Duration = Duration::from_millis(50);
/// ... and so often beside that where no path was left, or the path led over a link known to be dead.
const FORCED: u32 = 4;

/// The shortest paths as last computed.
#[derive(Debug, Default)]
pub(super) struct Routing {
    stale: bool,
    computed: Option<Time>,
    /// How often they were computed before they were due.
    forced: u32,
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
}

impl Overlay {
    /// The neighbour on the shortest path to `to`. Routes are computed when they are asked for and something changed, at
    /// most every 50 ms unless the path that they name is known to be broken.
    pub(super) fn next_hop(&mut self, to: NodeId) -> Option<NodeId> {
        let due = self.routing.computed.is_none_or(|at| self.now.since(at) >= ROUTES_EVERY);
        if due {
            self.routing.forced = 0;
        }
        if self.routing.generation != self.database.index().generation() || (self.routing.stale && due) {
            self.compute_routes();
        } else if self.routing.stale && self.routing.forced < FORCED && !self.path_stands(to) {
            self.routing.forced += 1;
            self.compute_routes();
        }
        self.known_hop(to)
    }

    /// The shortest paths as last computed, if nothing has changed since.
    pub(super) fn standing_tree(&self) -> Option<&Tree> {
        let r = &self.routing;
        let stands = !r.stale && r.generation == self.database.index().generation();
        stands.then_some(&r.tree)
    }

    fn known_hop(&self, to: NodeId) -> Option<NodeId> {
        // Who only watches is in no record: it and its neighbours reach each other, and nobody else does.
        if self.links.get(&to).is_some_and(|link| link.live() && link.only_watches()) {
            return Some(to);
        }
        let dense = self.database.index().of(to)?;
        let hop = self.routing.tree.first_hop(dense)?;
        let hop = *self.database.index().ids().get(hop as usize)?;
        self.links.get(&hop).filter(|link| link.live()).map(|_: &Link| hop)
    }

    /// Whether there is a path to `to`, and each of its links is still there by what is known now.
    fn path_stands(&self, to: NodeId) -> bool {
        let path = self.database.index().of(to).and_then(|dense| self.routing.tree.path(dense));
        let id = |dense: u32| self.database.at(dense).id();
        let stands = |pair: &[u32]| self.database.edge(self.config.links, id(pair[0]), id(pair[1])).is_some();
        path.is_some_and(|path| path.windows(2).all(stands)) && self.known_hop(to).is_some()
    }

    fn compute_routes(&mut self) {
        let r = &mut self.routing;
        r.builder.reset(self.database.len());
        self.database.effective_edges(self.config.links, |from, to, cost| r.builder.push(from, to, cost));
        r.builder.build_into(&mut r.graph);
        r.generation = self.database.index().generation();
        r.stale = false;
        r.computed = Some(self.now);
        if let Some(me) = self.life.me().and_then(|me| self.database.index().of(me.id)) {
            r.paths.tree(&r.graph, me, &mut r.tree);
        }
    }
}
