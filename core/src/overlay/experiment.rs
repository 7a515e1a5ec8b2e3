//! The papers' experiment: the machines themselves in simulated time on a matrix of delays, judged from outside.
//!
//! Nodes join evenly at random over the first ten seconds; epoch e ends at 10 s + e T and is measured then, on effective
//! edges and the matrix's delays.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::bootstrap::Bootstrap;
use super::config::{Config, PolicyKind};
use super::database::{Entry, LinkMode};
use super::event::{Command, Event, Refusal, Reply};
use super::judge::{Chosen, Judgement, Truth};
use super::machine::Overlay;
use super::names::NodeId;
use super::wire::{ListedRole, Network};
use super::wiring::Caution;
use crate::kernel::{Input, Machine, Output, Seed, Streams, Time, Wake};
use crate::sim::{self, Boot, Matrix, Sites, World};

/// Nodes join within this time.
const JOINING: Duration = Duration::from_secs(10);

/// A node of the experiment's world.
#[allow(clippy::large_enum_variant, reason = "all but one are overlay nodes")]
#[derive(Debug)]
pub enum Member {
    /// An overlay node.
    Node(Overlay),
    /// The bootstrap, node n of a world of n.
    Bootstrap(Bootstrap),
}

impl Member {
    /// The overlay node, if it is one.
    pub fn node(&self) -> Option<&Overlay> {
        match self {
            Member::Node(node) => Some(node),
            Member::Bootstrap(_) => None,
        }
    }
}

impl Machine for Member {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        match self {
            Member::Node(m) => m.handle(now, input),
            Member::Bootstrap(m) => m.handle(now, input),
        }
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        match self {
            Member::Node(m) => m.command(now, command),
            Member::Bootstrap(m) => m.command(now, command),
        }
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        match self {
            Member::Node(m) => m.poll(),
            Member::Bootstrap(m) => m.poll(),
        }
    }

    fn poll_timeout(&self) -> Option<Wake> {
        match self {
            Member::Node(m) => m.poll_timeout(),
            Member::Bootstrap(m) => m.poll_timeout(),
        }
    }
}

/// What to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How many neighbours each node chooses.
    pub k: usize,
    /// How.
    pub policy: PolicyKind,
    /// Which way links are used.
    pub links: LinkMode,
    /// The hysteresis after the first eight epochs, in millionths.
    pub eps_ppm: u32,
    /// Whether nodes wait for a quiet moment.
    pub guarding: Caution,
    /// The time from a decision until the others see it.
    pub lag: Duration,
    /// By how much the periods are divided.
    pub pace: u32,
    /// How many epochs.
    pub epochs: u32,
    /// From which everything random follows.
    pub seed: u64,
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

/// A world of overlay nodes and a bootstrap.
pub struct Experiment {
    plan: Plan,
    world: World<Member>,
    truth: Truth,
    nodes: usize,
    period: Duration,
    epoch: u32,
}

/// The configuration of a simulated node.
fn config(plan: &Plan, boot: Boot, bootstrap: SocketAddr) -> Config {
    let network = Network::new("sim").unwrap_or_else(|_| unreachable!("a valid name"));
    let mut config = Config::new(boot.seed, network, boot.address);
    config.k = plan.k;
    config.policy = plan.policy;
    config.links = plan.links;
    config.eps_ppm = plan.eps_ppm;
    config.guarding = plan.guarding;
    config.periods = config.periods.paced(plan.pace);
    config.periods.announce_delay = plan.lag;
    config.bootstraps = vec![bootstrap];
    config
}

impl Experiment {
    /// A world in which nobody has joined yet.
    ///
    /// # Panics
    /// If the matrix is empty.
    pub fn new(plan: Plan, matrix: &Matrix) -> Self {
        let nodes = matrix.len();
        let seed = Seed::from_u64(plan.seed);
        let rows: Vec<usize> = (0..nodes).chain([0]).collect();
        let sites = Sites::new(matrix.clone(), rows).unwrap_or_else(|_| unreachable!("rows of the matrix"));
        let mut world = World::new(sim::Config::default(), sites, seed);
        let bootstrap = sim::address(nodes);
        let mut joins = Streams::new(seed).named("joins");
        for _ in 0..nodes {
            let plan = plan.clone();
            let node = world.add(move |boot| Member::Node(Overlay::new(config(&plan, boot, bootstrap))));
            world.start(node, Time::ZERO + joins.between(Duration::from_micros(1), JOINING));
        }
        let watcher = plan.clone();
        let at = world.add(move |boot| {
            let config = Config { bootstraps: Vec::new(), ..config(&watcher, boot, bootstrap) };
            Member::Bootstrap(Bootstrap::new(config))
        });
        world.start(at, Time::ZERO);
        let period = config_period(&plan);
        let truth = Truth::new(nodes, |i, j| matrix.round_trip(i, j));
        Experiment { plan, world, truth, nodes, period, epoch: 0 }
    }

    /// The next epoch, run to its end; `None` after the last.
    pub fn next_epoch(&mut self) -> Option<Epoch> {
        if self.epoch == self.plan.epochs {
            return None;
        }
        self.epoch += 1;
        let end = Time::ZERO + JOINING + self.period * self.epoch;
        let mut rewired = vec![0u32; self.nodes + 1];
        let mut links = 0;
        self.world.run_until(end, |_, node, event| {
            if let Event::Rewired { added, removed } = event {
                rewired[node] += 1;
                links += u32::try_from(added.len().max(removed.len())).unwrap_or(u32::MAX);
            }
        });
        Some(Epoch {
            epoch: self.epoch,
            judgement: self.judge(),
            rewired_nodes: u32::try_from(rewired.iter().filter(|n| **n > 0).count()).unwrap_or(u32::MAX),
            rewired_links: links,
        })
    }

    /// The wiring as it is now, on the true delays.
    pub fn judge(&self) -> Judgement {
        self.truth.judge(&self.effective_links(), self.plan.links)
    }

    /// The true delays.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The world, for faults and questions.
    pub fn world(&mut self) -> &mut World<Member> {
        &mut self.world
    }

    /// What went over the network so far.
    pub fn traffic(&self) -> Traffic {
        let totals = self.world.totals();
        let originated: u64 = self.members().map(|(_, m)| m.counters().originated).sum();
        let minutes = self.world.now().as_secs_f64() / 60.0;
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = originated as f64 / self.nodes as f64 / minutes;
        Traffic {
            frames: totals.frames + totals.datagrams_sent,
            bytes: totals.frame_bytes + totals.datagram_bytes,
            updates_per_node_per_minute: rate,
        }
    }

    /// Who chose whom, where the link is in effect: both current records list it.
    pub fn effective_links(&self) -> Vec<Chosen> {
        let own: Vec<(u32, &Entry)> = self
            .members()
            .filter_map(|(node, m)| Some((u32::try_from(node).ok()?, m.database().get(m.id()?)?)))
            .collect();
        let mut by_id: Vec<(NodeId, u32, &Entry)> = own.iter().map(|(node, e)| (e.id(), *node, *e)).collect();
        by_id.sort_unstable_by_key(|(id, ..)| *id);
        let find = |id: NodeId| by_id.binary_search_by_key(&id, |(id, ..)| *id).ok().map(|at| &by_id[at]);
        let mut links = Vec::new();
        for (from, entry) in &own {
            for link in entry.links().iter().filter(|link| link.is_chosen()) {
                let Some((_, to, other)) = find(link.id) else { continue };
                let back = other.link(entry.id());
                let accepted = match self.plan.links {
                    LinkMode::Mutual => back.is_some(),
                    LinkMode::Directed => {
                        back.is_some_and(|b| matches!(b.role, ListedRole::In | ListedRole::Both))
                    }
                };
                if accepted {
                    links.push((*from, *to));
                }
            }
        }
        links
    }

    /// The overlay nodes that run.
    pub fn members(&self) -> impl Iterator<Item = (usize, &Overlay)> + '_ {
        (0..self.nodes).filter_map(|node| Some((node, self.world.machine(node)?.node()?)))
    }
}

fn config_period(plan: &Plan) -> Duration {
    super::config::Periods::default().paced(plan.pace).rewiring
}
