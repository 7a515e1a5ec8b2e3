//! What a node knows, as reports for people and programs.

use std::net::SocketAddr;

use egoist_core::kernel::Time;
use egoist_core::overlay::database::Entry;
use egoist_core::overlay::link::{Carrier, Mine};
use egoist_core::overlay::wire::ListedRole;
use egoist_core::overlay::{self, Config, LinkMode, NeighborView, NodeId, Overlay, PolicyKind, RouteView};

use super::super::units::{ms, us};
use super::neighbors::{LinkRole, LinkState, NeighborRow, NeighborsReport};
use super::path::{Hop, PathReport};
use super::routes::{RouteRow, RouteState, RoutesReport};
use super::status::{BootstrapReport, OverlayStatus, Phase};

/// What a node is told at its start and says in its status.
pub(crate) struct Facts {
    pub(crate) network: String,
    /// Where others dial it.
    pub(crate) address: SocketAddr,
    policy: &'static str,
    links: &'static str,
    k: usize,
    eps_ppm: u32,
    /// The most octets that a payload may have.
    pub(crate) payload: usize,
}

impl Facts {
    pub(crate) fn new(config: &Config) -> Self {
        Facts {
            network: config.network.to_string(),
            address: config.address,
            policy: match config.policy {
                PolicyKind::BestResponse => "best-response",
                PolicyKind::KRandom => "k-random",
                PolicyKind::FullMesh => "full-mesh",
                PolicyKind::Watch => "watch",
            },
            links: match config.links {
                LinkMode::Mutual => "mutual",
                LinkMode::Directed => "directed",
            },
            k: config.k,
            eps_ppm: config.eps_ppm,
            payload: config.bounds.payload,
        }
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The node in short.
pub(crate) fn status(node: &Overlay, now: Time, facts: &Facts) -> OverlayStatus {
    let view = node.status();
    let (phase, next) = match view.phase {
        overlay::Phase::Starting => (Phase::Starting, None),
        overlay::Phase::Alone => (Phase::Alone, None),
        overlay::Phase::Joining => (Phase::Joining, None),
        overlay::Phase::Measuring => (Phase::Measuring, None),
        overlay::Phase::Deciding { next } => (Phase::Wired, Some(next.since(now).as_secs_f64())),
        overlay::Phase::Watching => (Phase::Watching, None),
        overlay::Phase::Leaving => (Phase::Leaving, None),
    };
    let mean = u64::try_from(view.reachable).ok().and_then(|n| view.total_cost.checked_div(n));
    OverlayStatus {
        network: facts.network.clone(),
        phase,
        next_decision_s: next,
        policy: facts.policy.to_owned(),
        k: count(facts.k),
        links: facts.links.to_owned(),
        eps: f64::from(facts.eps_ppm) / 1e6,
        out_degree: count(view.out_degree),
        in_degree: count(view.in_degree),
        rewirings: view.counters.rewirings,
        nodes_known: count(node.nodes().iter().filter(|n| !n.absent && Some(n.id) != view.id).count()),
        nodes_reachable: count(view.reachable),
        cost_ms: mean.map(us),
        incarnation: view.key.map(|key| key.incarnation),
        bootstraps: node.bootstraps().into_iter().map(BootstrapReport::from).collect(),
        unreached: view.unreached,
        twin: view.twin.map(|address| address.to_string()),
        addresses_gone: Vec::new(),
    }
}

/// The links, by address.
pub(crate) fn neighbors(node: &Overlay, now: Time) -> NeighborsReport {
    let mut views = node.neighbors();
    views.sort_unstable_by_key(|view| view.address);
    NeighborsReport(views.iter().map(|view| neighbor(view, now)).collect())
}

fn neighbor(view: &NeighborView, now: Time) -> NeighborRow {
    let state = if view.suspected {
        LinkState::Suspected
    } else if view.mine == Mine::Leaving {
        LinkState::Leaving
    } else {
        LinkState::Up
    };
    NeighborRow {
        id: view.id.to_string(),
        address: view.address.to_string(),
        role: view.listed.map(|role| match role {
            ListedRole::Out => LinkRole::Out,
            ListedRole::In => LinkRole::In,
            ListedRole::Both => LinkRole::Both,
        }),
        state,
        rtt_ms: view.rtt.map(ms),
        rtt_var_ms: view.deviation.map(ms),
        heard_ms_ago: view.heard.map(ms),
        carrier: match view.carrier {
            Carrier::Udp => "udp".to_owned(),
            Carrier::Tcp => "tcp".to_owned(),
        },
        up_s: now.since(view.since).as_secs(),
        frames_sent: view.traffic.sent.frames,
        octets_sent: view.traffic.sent.octets,
        frames_received: view.traffic.received.frames,
        octets_received: view.traffic.received.octets,
        payloads_shed: view.traffic.shed,
    }
}

/// The ways to all others, by address.
pub(crate) fn routes(node: &Overlay) -> RoutesReport {
    let mut views = node.routes();
    views.sort_unstable_by_key(|view| view.address);
    RoutesReport(views.iter().map(|view| route(node, view)).collect())
}

fn route(node: &Overlay, view: &RouteView) -> RouteRow {
    RouteRow {
        id: view.id.to_string(),
        address: view.address.to_string(),
        next_hop: view.next_hop.map(|hop| address(node, hop)),
        cost_ms: view.cost.map(|cost| us(cost.into())),
        direct_ms: view.direct.map(|cost| us(cost.micros().into())),
        hops: view.hops.map(count),
        state: match (view.absent, view.cost) {
            (true, _) => RouteState::Absent,
            (false, Some(_)) => RouteState::Reachable,
            (false, None) if node.phase() == overlay::Phase::Watching => RouteState::Watched,
            (false, None) => RouteState::Unreachable,
        },
    }
}

/// The path to a node, if one leads there.
pub(crate) fn path(node: &Overlay, to: NodeId) -> Option<PathReport> {
    let Some(view) = node.path(to) else { return path_to_unrecorded(node, to) };
    let hops = view.hops.windows(2).map(|pair| {
        let ((_, before), (id, total)) = (pair[0], pair[1]);
        Hop {
            id: id.to_string(),
            address: address(node, id),
            link_ms: us(total.saturating_sub(before).into()),
            total_ms: us(total.into()),
        }
    });
    Some(PathReport {
        id: to.to_string(),
        address: address(node, to),
        cost_ms: view.hops.last().map_or(0.0, |(_, total)| us((*total).into())),
        hops: hops.collect(),
        direct_ms: node.direct(to).map(|cost| us(cost.micros().into())),
    })
}

/// The path to a neighbour that is in no record, as a bootstrap is: its link, once that is measured.
fn path_to_unrecorded(node: &Overlay, to: NodeId) -> Option<PathReport> {
    let unrecorded = node.database().get(to).is_none();
    let neighbor = node.neighbors().into_iter().find(|neighbor| unrecorded && neighbor.id == to)?;
    let (id, address, cost_ms) = (to.to_string(), neighbor.address.to_string(), ms(neighbor.rtt?));
    let hop = Hop { id: id.clone(), address: address.clone(), link_ms: cost_ms, total_ms: cost_ms };
    Some(PathReport { id, address, cost_ms, hops: vec![hop], direct_ms: None })
}

/// The node that listens at an address. While a node that lost its state is there under its old id as well, that is the
/// one which is reached, and of several the one whose record came last.
pub(crate) fn at(node: &Overlay, address: SocketAddr) -> Option<NodeId> {
    if node.addresses().any(|own| own == address) {
        return node.id();
    }
    let there = node.database().entries().filter(|entry| entry.addrs().any(|there| there == address));
    match there.collect::<Vec<_>>()[..] {
        // A bootstrap is in no record: its neighbours know it by its link.
        [] => node.neighbors().into_iter().find(|n| n.address == address).map(|n| n.id),
        [one] => Some(one.id()),
        ref several => likeliest(node, several),
    }
}

/// The one of several that is there, as far as can be told. Routes are in the order of ids.
fn likeliest(node: &Overlay, several: &[&Entry]) -> Option<NodeId> {
    let routes = node.routes();
    let route = |id| routes.binary_search_by_key(&id, |route| route.id).ok().map(|at| &routes[at]);
    let reached = |id| route(id).is_some_and(|route| route.cost.is_some());
    let last = several.iter().max_by_key(|e| (!e.is_absent(), reached(e.id()), e.received()));
    last.map(|entry| entry.id())
}

/// The nodes whose ids begin so: those that are there, or else those that were.
pub(crate) fn beginning_with(node: &Overlay, digits: &str) -> Vec<NodeId> {
    let mut named: Vec<_> =
        node.nodes().into_iter().filter(|n| n.id.to_string().starts_with(digits)).collect();
    if named.iter().any(|n| !n.absent) {
        named.retain(|n| !n.absent);
    }
    let unrecorded = node.neighbors().into_iter().map(|n| n.id).chain(node.id());
    let unrecorded = unrecorded.filter(|id| id.to_string().starts_with(digits));
    let mut ids: Vec<_> = named.into_iter().map(|n| n.id).chain(unrecorded).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Where a node of the database listens; its id where it is not there.
pub(crate) fn address(node: &Overlay, id: NodeId) -> String {
    let recorded = node.database().get(id).map(|entry| entry.name().addr);
    let own = || node.addresses().next().filter(|_| node.id() == Some(id));
    let linked = || node.neighbors().into_iter().find(|n| n.id == id).map(|n| n.address);
    recorded.or_else(own).or_else(linked).map_or_else(|| id.to_string(), |address| address.to_string())
}

/// The neighbour through which a node is reached, by address; none without a path.
pub(crate) fn next_hop(node: &Overlay, to: NodeId) -> Option<String> {
    let hop = node.route_to(to).and_then(|route| route.next_hop);
    // A bootstrap among the neighbours is in no record.
    let linked = || node.neighbors().into_iter().find(|n| n.id == to && node.database().get(to).is_none());
    let hop = hop.or_else(|| linked().map(|n| n.id));
    hop.map(|hop| address(node, hop))
}
