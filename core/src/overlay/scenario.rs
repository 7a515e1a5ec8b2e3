//! Scenarios of overlays: nodes and a bootstrap on a random network, joins, a few faults, recovery; after a stated time
//! the [oracles](super::oracle) must hold.
//!
//! What scenarios of all protocols are is in [`sim::scenario`]. Here is what an overlay adds: what a
//! node is made from, what must hold and when, payloads that are accounted for, and one more fault that stands.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

mod grammar;
mod ledger;
mod order;
mod plan;
mod stale;
mod standing;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
#[cfg(test)]
mod tests;
mod traffic;
mod watch;

pub use grammar::Choices;
pub use order::{NotAnOrder, Order};
pub use plan::Plan;
pub use stale::Stale;
pub use standing::Standing;

use super::config::{Bounds, Config, Periods, PolicyKind};
use super::database::LinkMode;
use super::event::Command;
use super::link::Theirs;
use super::machine::Overlay;
use super::names::NodeId;
use super::oracle::{self, Difference, Rules};
use super::wire::Network;
use crate::kernel::Seed;
use crate::sim::scenario::{self, Script};
use crate::sim::{self, Boot, World};
use watch::Watch;

/// Periods of rewiring from the recovery until the oracles must hold.
pub const SETTLING: u32 = 2;
/// As many where each node has one directed link: only a ring through everybody connects them, and it is found choice
/// by choice.
pub const RING: u32 = 6;
/// How often the oracles are asked while a fault stands.
const ASKED: Duration = Duration::from_millis(100);

/// An overlay, what happens to it, and how long it then has. Its attendant is the bootstrap.
pub type Scenario = Script<Plan>;

impl scenario::Protocol for Plan {
    const NAME: &'static str = "overlay";
    const ATTENDANTS: usize = 1;

    type Machine = Overlay;
    type Order = Order;
    type Difference = Difference;
    type Watch = Watch;

    /// # Panics
    /// A number of the scenario is beyond what a [`Config`] can have; no script can say one.
    fn machine(script: &Scenario, boot: Boot) -> Overlay {
        if boot.node == script.nodes() {
            let config = script.config(boot.seed, boot.address);
            return built(Config { bootstraps: Vec::new(), ..config }.watching());
        }
        let mut addresses = script.addresses(boot.node).into_iter();
        let first = addresses.next().unwrap_or(boot.address);
        let config = Config { more_addresses: addresses.collect(), ..script.config(boot.seed, first) };
        let id = script.plan.configured_ids.then(|| configured_id(boot.node));
        built(Config { id, ..config })
    }

    fn order(_: &Scenario, world: &mut World<Overlay>, node: usize, order: &Order) {
        if let Some(command) = order.command(world) {
            let _ = world.command(node, command);
        }
    }

    fn leave(world: &mut World<Overlay>, node: usize) {
        let _ = world.command(node, Command::Leave);
    }

    fn settling(script: &Scenario) -> Duration {
        let ring = script.plan.k == 1 && script.plan.links == LinkMode::Directed;
        Periods::default().rewiring * if ring { RING } else { SETTLING }
    }

    fn judge(script: &Scenario, world: &World<Overlay>) -> Result<(), Difference> {
        oracle::all(&script.members(world), &script.rules())
    }

    /// Those whom most others have chosen.
    fn hubs(world: &World<Overlay>) -> Vec<usize> {
        most_chosen(world)
    }

    fn write(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.write_lines(f)
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        self.read_line(word, rest)
    }

    fn last_node(&self) -> Option<usize> {
        let stale = self.stale.iter().map(|(node, _)| *node);
        stale.chain(self.stands.map(|standing| standing.last_node())).max()
    }

    fn truncate(&mut self, nodes: usize) {
        self.stale.retain(|(node, _)| *node < nodes);
        self.stands = self.stands.filter(|standing| standing.last_node() < nodes);
    }

    fn simpler(&self) -> Vec<Plan> {
        self.simpler_ones()
    }

    fn weight(&self) -> u64 {
        self.distance()
    }
}

impl Scenario {
    /// What the oracles hold the members to.
    pub fn rules(&self) -> Rules {
        let config = self.config(Seed::from_u64(0), sim::address(0));
        let k = (self.plan.policy != PolicyKind::FullMesh).then_some(self.plan.k);
        Rules {
            links: self.plan.links,
            k,
            in_degree: config.in_degree_cap(),
            guests: config.bounds.guests,
            connects: self.plan.policy != PolicyKind::KRandom,
        }
    }

    fn config(&self, seed: Seed, address: SocketAddr) -> Config {
        let network = Network::new("scenario").unwrap_or_else(|_| unreachable!("a valid name"));
        let bounds = Bounds { hashes: self.plan.hashes, ..Bounds::default() };
        Config {
            bounds,
            k: self.plan.k,
            policy: self.plan.policy,
            links: self.plan.links,
            bootstraps: vec![sim::address(self.nodes())],
            ..Config::new(seed, network, address)
        }
    }
}

/// # Panics
/// A number of the scenario is beyond its range.
fn built(config: Config) -> Overlay {
    Overlay::new(config).unwrap_or_else(|error| panic!("{error}"))
}

/// Frames that everybody has sent so far.
fn frames(world: &World<Overlay>) -> u64 {
    (0..world.len()).map(|node| world.counters(node).frames).sum()
}

/// A node's id where the configuration has one. Their order is not that of the addresses.
fn configured_id(node: usize) -> NodeId {
    /// An odd number: no two nodes have the same.
    const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    NodeId((node as u128 + 1).wrapping_mul(SPREAD))
}

/// The nodes that run, the bootstrap aside, by how many others chose them, most first.
fn most_chosen(world: &World<Overlay>) -> Vec<usize> {
    let nodes = world.len().saturating_sub(1);
    let running = (0..nodes).filter_map(|node| Some((node, world.machine(node)?)));
    let mut chosen: Vec<(usize, usize)> = running
        .map(|(node, overlay)| {
            let choosers = overlay.neighbors().into_iter().filter(|n| n.theirs == Theirs::Chosen);
            (node, choosers.count())
        })
        .collect();
    chosen.sort_by_key(|(_, choosers)| core::cmp::Reverse(*choosers));
    chosen.into_iter().map(|(node, _)| node).collect()
}

/// Runs the scenario that octets stand for: what a fuzzer calls.
///
/// # Panics
/// If an oracle does not hold: with the script.
pub fn check(octets: &[u8]) {
    scenario::check::<Plan>(octets);
}
