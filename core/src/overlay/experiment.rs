//! The papers' experiment: the machines themselves in simulated time on a matrix of delays, judged from outside.
//!
//! Nodes join evenly at random over the first ten seconds; epoch e ends at 10 s + e T and is measured then, on effective
//! edges and the matrix's delays.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use smallvec::SmallVec;

use super::config::{Config, ConfigError};
use super::event::Event;
use super::judge::{self, Chosen, Judgement, Truth};
use super::machine::Overlay;
use super::ports::Ports;
use super::wire::Network;
use crate::kernel::{Seed, Streams, Time};
use crate::sim::{self, Boot, Matrix, Sites, World};

/// Nodes join within this time.
const JOINING: Duration = Duration::from_secs(10);

/// What to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How every node is configured, its periods already divided by the pace. Seed, id, addresses and bootstraps are
    /// taken from the world instead.
    pub node: Config,
    /// How many epochs.
    pub epochs: u32,
    /// From which everything random follows.
    pub seed: u64,
}

impl Plan {
    /// So many epochs of nodes with the default configuration.
    pub fn new(epochs: u32, seed: u64) -> Self {
        let network = Network::new("sim").unwrap_or_else(|_| unreachable!("a valid name"));
        Plan { node: Config::new(Seed::from_u64(seed), network, sim::address(0)), epochs, seed }
    }
}

/// An epoch as measured at its end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Epoch {
    /// Which, from 1.
    pub epoch: u32,
    /// The wiring on the true delays.
    pub judgement: Judgement,
    /// Nodes that changed whom they choose during it.
    pub rewired_nodes: u32,
    /// Choices that changed.
    pub rewired_links: u32,
}

/// What went over the emulated network.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Traffic {
    /// Frames on links, and datagrams.
    pub frames: u64,
    /// Octets in them.
    pub bytes: u64,
    /// Records that a node originated, on average, each minute.
    pub updates_per_node_per_minute: f64,
}

/// A world of overlay nodes and a bootstrap, node n of a world of n.
pub struct Experiment {
    plan: Plan,
    world: World<Overlay>,
    truth: Truth,
    epoch: u32,
}

/// The configuration of a simulated node.
fn config(node: &Config, boot: Boot, bootstraps: Vec<SocketAddr>) -> Config {
    Config {
        seed: boot.seed,
        id: None,
        address: boot.address,
        more_addresses: SmallVec::new(),
        ports: Ports::default(),
        bootstraps,
        ..node.clone()
    }
}

/// A node of a configuration that was checked.
fn built(config: Config) -> Overlay {
    Overlay::new(config).unwrap_or_else(|error| unreachable!("{error}"))
}

impl Experiment {
    /// A world in which nobody has joined yet.
    ///
    /// # Errors
    /// The plan's configuration is none that a node can live by.
    ///
    /// # Panics
    /// If the matrix is empty.
    pub fn new(plan: Plan, matrix: &Matrix) -> Result<Self, ConfigError> {
        plan.node.check()?;
        let nodes = matrix.len();
        let seed = Seed::from_u64(plan.seed);
        let rows: Vec<usize> = (0..nodes).chain([0]).collect();
        let sites = Sites::new(matrix.clone(), rows).unwrap_or_else(|_| unreachable!("rows of the matrix"));
        let mut world = World::new(sim::Config::default(), sites, seed);
        let bootstrap = sim::address(nodes);
        let mut joins = Streams::new(seed).named("joins");
        for _ in 0..nodes {
            let member = plan.node.clone();
            let node = world.add(move |boot| built(config(&member, boot, vec![bootstrap])));
            world.start(node, Time::ZERO + joins.between(Duration::from_micros(1), JOINING));
        }
        let watcher = plan.node.clone();
        let at = world.add(move |boot| built(config(&watcher, boot, Vec::new()).watching()));
        world.start(at, Time::ZERO);
        let truth = Truth::new(nodes, |i, j| matrix.round_trip(i, j));
        Ok(Experiment { plan, world, truth, epoch: 0 })
    }

    /// The next epoch, run to its end; `None` after the last.
    pub fn next_epoch(&mut self) -> Option<Epoch> {
        if self.epoch == self.plan.epochs {
            return None;
        }
        self.epoch += 1;
        let end = Time::ZERO + JOINING + self.plan.node.periods.rewiring * self.epoch;
        let mut rewired = vec![false; self.world.len()];
        let mut links = 0;
        self.world.run_until(end, |_, node, event| {
            if let Event::Rewired { added, removed } = event {
                rewired[node] = true;
                links += u32::try_from(added.len().max(removed.len())).unwrap_or(u32::MAX);
            }
        });
        Some(Epoch {
            epoch: self.epoch,
            judgement: self.judge(),
            rewired_nodes: u32::try_from(rewired.iter().filter(|r| **r).count()).unwrap_or(u32::MAX),
            rewired_links: links,
        })
    }

    /// The wiring as it is now, on the true delays.
    pub fn judge(&self) -> Judgement {
        self.truth.judge(&self.effective_links(), self.plan.node.links)
    }

    /// The true delays.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The world, for faults and questions.
    pub fn world(&mut self) -> &mut World<Overlay> {
        &mut self.world
    }

    /// What went over the network so far.
    pub fn traffic(&self) -> Traffic {
        let totals = self.world.totals();
        let originated: u64 = self.members().map(|(_, m)| m.counters().originated).sum();
        let minutes = self.world.now().as_secs_f64() / 60.0;
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = originated as f64 / self.truth.nodes() as f64 / minutes;
        Traffic {
            frames: totals.frames + totals.datagrams_sent,
            bytes: totals.frame_bytes + totals.datagram_bytes,
            updates_per_node_per_minute: rate,
        }
    }

    /// Who chose whom, where the link is in effect.
    pub fn effective_links(&self) -> Vec<Chosen> {
        let members = self.members().filter_map(|(node, m)| Some((u32::try_from(node).ok()?, m)));
        judge::effective_links(members, self.plan.node.links)
    }

    /// The overlay nodes that run.
    pub fn members(&self) -> impl Iterator<Item = (usize, &Overlay)> + '_ {
        (0..self.truth.nodes()).filter_map(|node| Some((node, self.world.machine(node)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::config::PolicyKind;

    /// Eight places on a line.
    fn line() -> Matrix {
        let micros = (0..64u32).map(|at| (at / 8).abs_diff(at % 8) * 20_000).collect();
        Matrix::from_micros(8, micros)
    }

    fn run(plan: Plan) -> (Vec<Epoch>, Traffic) {
        let mut experiment = Experiment::new(plan, &line()).unwrap();
        let epochs = core::iter::from_fn(|| experiment.next_epoch()).collect();
        (epochs, experiment.traffic())
    }

    #[test]
    fn the_seed_decides_everything() {
        let (epochs, traffic) = run(Plan::new(3, 1));
        assert_eq!(epochs.iter().map(|e| e.epoch).collect::<Vec<_>>(), [1, 2, 3]);
        let last = epochs[2].judgement;
        assert!(last.unreachable_pairs == 0 && last.cost_ratio.is_some_and(|r| r < 1.1), "{last:?}");
        assert!(traffic.frames > 0 && traffic.updates_per_node_per_minute > 0.0, "{traffic:?}");
        assert_eq!(run(Plan::new(3, 1)), (epochs, traffic));
        assert_ne!(run(Plan::new(3, 2)).1, traffic);
    }

    #[test]
    fn nodes_are_configured_as_planned() {
        let mut plan = Plan::new(1, 1);
        plan.node.policy = PolicyKind::FullMesh;
        plan.node.periods = plan.node.periods.paced(2);
        let mut experiment = Experiment::new(plan, &line()).unwrap();
        let end = experiment.next_epoch().unwrap();
        assert_eq!(end.judgement.cost_ratio, Some(1.0));
        assert_eq!(experiment.world().now(), Time::from_secs(40));
        assert_eq!(experiment.next_epoch(), None);
    }
}
