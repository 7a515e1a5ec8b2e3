//! Questions about a node, answered without changing it.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::starting::Life;
use super::{Counters, Overlay};
use crate::kernel::Time;
use crate::overlay::bootstraps::BootstrapError;
use crate::overlay::database::Database;
use crate::overlay::graph::{Graph, GraphBuilder};
use crate::overlay::link::{Carrier, Link, Mine, Theirs, Traffic};
use crate::overlay::names::{Cost, Key, NodeId};
use crate::overlay::probes::Measured;
use crate::overlay::routes::{ShortestPaths, Tree};
use crate::overlay::wire::ListedRole;

/// How far a node has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Phase {
    /// Waits for its state.
    Starting,
    /// Knows nobody.
    Alone,
    /// Knows others and has no link yet.
    Joining,
    /// Has a link and measures the way to the others before its first decision.
    Measuring,
    /// Decides at this time next.
    Deciding {
        /// When.
        next: Time,
    },
    /// Watches only.
    Watching,
    /// Leaves, or has left.
    Leaving,
}

/// A node in short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct StatusView {
    /// Its id, once it is durable.
    pub id: Option<NodeId>,
    /// Whether nobody reaches this node at its address, though others know it.
    pub unreached: bool,
    /// Where another node lives under this id, as far as this one was told.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::maybe"))]
    pub twin: Option<SocketAddr>,
    /// How often it has started, and its last record.
    pub key: Option<Key>,
    /// The address that others dial.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
    pub address: SocketAddr,
    /// How far it has come.
    pub phase: Phase,
    /// Links that are up.
    pub links: usize,
    /// Links that it chose.
    pub out_degree: usize,
    /// Links that others chose.
    pub in_degree: usize,
    /// Nodes in its database, itself included and those who left not.
    pub known: usize,
    /// Nodes that it reaches.
    pub reachable: usize,
    /// The sum of the costs of reaching them, in microseconds.
    pub total_cost: u64,
    /// The lag that it reckons with.
    pub lag: Duration,
    /// What happened.
    pub counters: Counters,
}

/// A bootstrap.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct BootstrapView {
    /// Its address.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
    pub address: SocketAddr,
    /// Whether it has been asked.
    pub asked: bool,
    /// Why it told nothing the last time, if it did not.
    pub error: Option<BootstrapError>,
}

/// A neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct NeighborView {
    /// Its id.
    pub id: NodeId,
    /// Its address.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
    pub address: SocketAddr,
    /// Whether this node chose it.
    pub mine: Mine,
    /// Whether it chose this node.
    pub theirs: Theirs,
    /// How the link is listed, if it is.
    pub listed: Option<ListedRole>,
    /// The smoothed round trip.
    pub rtt: Option<Duration>,
    /// Its mean deviation.
    pub deviation: Option<Duration>,
    /// How long ago it was heard.
    pub heard: Option<Duration>,
    /// Whether it is suspected.
    pub suspected: bool,
    /// What carries its heartbeats.
    pub carrier: Carrier,
    /// Since when the link is up.
    pub since: Time,
    /// What has gone over it and its connection since that was opened.
    pub traffic: Traffic,
}

/// A way to another node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct RouteView {
    /// Whom to.
    pub id: NodeId,
    /// Its address.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
    pub address: SocketAddr,
    /// The first hop; `None` if no path leads there.
    pub next_hop: Option<NodeId>,
    /// What the path costs, in microseconds.
    pub cost: Option<u32>,
    /// How many links it takes.
    pub hops: Option<usize>,
    /// What the direct way was measured to cost.
    pub direct: Option<Cost>,
    /// Whether it is marked absent.
    pub absent: bool,
}

/// A path, and what it costs to each node on it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PathView {
    /// The nodes from this one to the destination, each with the cost of reaching it in microseconds.
    pub hops: Vec<(NodeId, u32)>,
}

/// A node of the overlay as this one knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct NodeView {
    /// Its id.
    pub id: NodeId,
    /// Its address.
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
    pub address: SocketAddr,
    /// Its freshness.
    pub key: Key,
    /// Whether it is marked absent.
    pub absent: bool,
}

impl Overlay {
    /// The node in short. It computes routes: O(n log n).
    pub fn status(&self) -> StatusView {
        let reached: Vec<u32> = self.routes().iter().filter_map(|route| route.cost).collect();
        let mut guard = self.choosing.guard.clone();
        StatusView {
            id: self.id(),
            unreached: self.reached.nobody_came(),
            twin: self.twins.address(),
            key: self.origin.key(),
            address: self.config.address,
            phase: self.phase(),
            links: self.links.len(),
            out_degree: self.links.values().filter(|l| l.mine != Mine::No).count(),
            in_degree: self.links.values().filter(|l| l.chosen_by_peer()).count(),
            known: self.database.entries().filter(|e| !e.has_left()).count(),
            reachable: reached.len(),
            total_cost: reached.iter().map(|c| u64::from(*c)).sum(),
            lag: guard.lag(self.timers.now()),
            counters: self.counters,
        }
    }

    /// The bootstraps and how asking each ended, in the order in which they are asked.
    pub fn bootstraps(&self) -> Vec<BootstrapView> {
        let view = |address: &SocketAddr| {
            let outcome = self.joining.outcomes.of(*address);
            BootstrapView { address: *address, asked: outcome.is_some(), error: outcome.cloned().flatten() }
        };
        self.config.bootstraps.iter().map(view).collect()
    }

    /// How far the node has come.
    pub fn phase(&self) -> Phase {
        match self.life {
            Life::Running(_) => {}
            Life::Leaving(_) | Life::Parting(_) | Life::Ending(_) | Life::Over(_) => return Phase::Leaving,
            _ => return Phase::Starting,
        }
        if self.config.is_watcher() {
            return Phase::Watching;
        }
        if !self.has_company() {
            let alone = self.database.len() <= 1 && self.joining.names().next().is_none();
            return if alone { Phase::Alone } else { Phase::Joining };
        }
        if self.choosing.measured_at.is_none_or(|at| at > self.timers.now()) {
            return Phase::Measuring;
        }
        Phase::Deciding { next: self.choosing.next_epoch.unwrap_or(self.timers.now()) }
    }

    /// This node's id, once it is durable, and for ever from then on.
    pub fn id(&self) -> Option<NodeId> {
        self.life.identity().map(|me| me.id)
    }

    /// Where others reach this node: the address in its name, then the others.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        core::iter::once(self.config.address).chain(self.config.more_addresses.iter().copied())
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The neighbours in the order of ids.
    pub fn neighbors(&self) -> Vec<NeighborView> {
        self.links.values().map(|link| self.neighbor(link)).collect()
    }

    fn neighbor(&self, link: &Link) -> NeighborView {
        NeighborView {
            id: link.peer,
            address: self.database.get(link.peer).map_or(link.name.addr, |entry| entry.name().addr),
            mine: link.mine,
            theirs: link.theirs,
            listed: link.listed_role(self.timers.now()),
            rtt: link.rtt.map(|r| r.mean()),
            deviation: link.rtt.map(|r| r.deviation()),
            heard: link.beats.heard_at().map(|at| self.timers.now().since(at)),
            suspected: link.beats.suspected(),
            carrier: link.beats.carrier(),
            since: link.since,
            traffic: self.conns.get(&link.conn).map_or(link.datagrams, |c| c.traffic.with(link.datagrams)),
        }
    }

    /// The ways to everybody else, in the order of ids: O(n log n).
    pub fn routes(&self) -> Vec<RouteView> {
        let (_, tree) = self.shortest_paths();
        self.route_views(&tree)
    }

    /// The ways that payloads take at this moment, in the order of ids: those of the last computation, as long as nothing
    /// has changed since. `None` where they are computed anew before the next payload goes. O(n log n).
    pub fn routes_in_force(&self) -> Option<Vec<RouteView>> {
        let tree = self.standing_tree()?;
        Some(self.route_views(tree))
    }

    /// The way to one other: that which its payloads take as long as nothing has changed since it was computed, else as
    /// [`routes`](Self::routes) has it.
    pub fn route_to(&self, to: NodeId) -> Option<RouteView> {
        let dense = self.database.index().of(to).filter(|_| Some(to) != self.id())?;
        match self.standing_tree() {
            Some(tree) => self.route_view(tree, dense, to),
            None => self.route_view(&self.shortest_paths().1, dense, to),
        }
    }

    /// What the way to one other costs without anybody in between, if it is a neighbour or was probed.
    pub fn direct(&self, to: NodeId) -> Option<Cost> {
        let link = self.links.get(&to).and_then(Link::cost);
        link.or_else(|| self.probes.get(to).and_then(Measured::cost))
    }

    fn route_views(&self, tree: &Tree) -> Vec<RouteView> {
        let me = self.id();
        let others = self.dense().filter(|(_, id)| Some(*id) != me);
        others.filter_map(|(dense, id)| self.route_view(tree, dense, id)).collect()
    }

    fn route_view(&self, tree: &Tree, dense: u32, id: NodeId) -> Option<RouteView> {
        let entry = self.database.get(id).filter(|entry| !entry.has_left())?;
        // Who only watches is in no record, so that nothing comes back to it but from its neighbours.
        if self.config.is_watcher()
            && let Some(cost) = self.links.get(&id).and_then(Link::cost)
        {
            return Some(RouteView {
                next_hop: Some(id),
                cost: Some(cost.micros()),
                hops: Some(1),
                direct: Some(cost),
                id,
                address: entry.name().addr,
                absent: entry.is_absent(),
            });
        }
        Some(RouteView {
            id,
            address: entry.name().addr,
            next_hop: tree.first_hop(dense).map(|hop| self.database.index().ids()[hop as usize]),
            cost: tree.distance(dense),
            hops: tree.hops(dense).map(|hops| hops as usize),
            direct: self.direct(id),
            absent: entry.is_absent(),
        })
    }

    /// The shortest path to `to`, if one leads there.
    pub fn path(&self, to: NodeId) -> Option<PathView> {
        let (_, tree) = self.shortest_paths();
        let path = tree.path(self.database.index().of(to)?)?;
        let hops =
            path.into_iter().map(|d| Some((self.database.index().ids()[d as usize], tree.distance(d)?)));
        Some(PathView { hops: hops.collect::<Option<_>>()? })
    }

    /// Everybody known, in the order of ids.
    pub fn nodes(&self) -> Vec<NodeView> {
        let view = |e: &crate::overlay::database::Entry| NodeView {
            id: e.id(),
            address: e.name().addr,
            key: e.key(),
            absent: e.is_absent(),
        };
        self.database.entries().filter(|e| !e.has_left()).map(view).collect()
    }

    fn dense(&self) -> impl Iterator<Item = (u32, NodeId)> + '_ {
        (0..).zip(self.database.index().ids().iter().copied())
    }

    fn shortest_paths(&self) -> (Graph, Tree) {
        let mut builder = GraphBuilder::new();
        builder.reset(self.database.len());
        self.database.edges_now(self.config.links, |from, to, cost| builder.push(from, to, cost));
        let graph = builder.build();
        let mut tree = Tree::default();
        if let Some(me) = self.me().and_then(|me| self.database.index().of(me.id)) {
            ShortestPaths::new().tree(&graph, me, &mut tree);
        }
        (graph, tree)
    }
}
