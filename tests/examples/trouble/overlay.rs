//! An overlay to experiment with, and how it is looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use egoist_core::kernel::{Rng, Seed, Streams};
use egoist_core::overlay::experiment::{Experiment, Member, Plan};
use egoist_core::overlay::{NodeId, Overlay};
use egoist_core::sim::{Condition, Matrix, World};

/// The shortest round trip, in microseconds.
const NEAREST: u64 = 2_000;
/// The longest that comes of distance alone.
const FARTHEST: u64 = 100_000;
const SIDE: u64 = 1_000;

/// Round trips among points of a square; every third pair is up to twice as far as it looks.
pub(crate) fn terrain(nodes: usize, seed: u64) -> Matrix {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("terrain");
    let points: Vec<(u64, u64)> = (0..nodes).map(|_| (rng.below(SIDE), rng.below(SIDE))).collect();
    let mut micros = vec![0; nodes * nodes];
    for i in 0..nodes {
        for j in 0..i {
            let trip = trip(points[i], points[j], &mut rng);
            (micros[i * nodes + j], micros[j * nodes + i]) = (trip, trip);
        }
    }
    Matrix::from_micros(nodes, micros)
}

fn trip(a: (u64, u64), b: (u64, u64), rng: &mut Rng) -> u32 {
    let distance = (a.0.abs_diff(b.0).pow(2) + a.1.abs_diff(b.1).pow(2)).isqrt();
    let straight = NEAREST + distance * (FARTHEST - NEAREST) * 1_000 / (SIDE * 1_414);
    let detour = if rng.percent(33) { rng.below(straight) } else { 0 };
    u32::try_from(straight + detour).expect("at most a fifth of a second")
}

/// An overlay of so many nodes that choose k each, after so many epochs.
pub(crate) fn settled(nodes: usize, k: usize, epochs: u32, seed: u64) -> Experiment {
    let mut plan = Plan::new(epochs, seed);
    plan.node.k = k;
    let mut experiment = Experiment::new(plan, &terrain(nodes, seed));
    while let Some(epoch) = experiment.next_epoch() {
        eprintln!(
            "epoch {}: cost {:?}, {} nodes rewired",
            epoch.epoch, epoch.judgement.cost_ratio, epoch.rewired_nodes
        );
    }
    experiment
}

/// Everybody's next hop to everybody, at one moment.
pub(crate) struct Tables {
    by_id: BTreeMap<NodeId, usize>,
    /// From whom, to whom, over whom.
    pub(crate) hops: BTreeMap<(usize, usize), usize>,
}

impl Tables {
    /// Of the nodes that run.
    pub(crate) fn of(world: &World<Member>) -> Self {
        let members: Vec<(usize, &Overlay)> = running(world).collect();
        let by_id: BTreeMap<NodeId, usize> =
            members.iter().filter_map(|(n, m)| Some((m.id()?, *n))).collect();
        let mut hops = BTreeMap::new();
        for (from, member) in members {
            for route in member.routes() {
                if let (Some(to), Some(hop)) =
                    (by_id.get(&route.id), route.next_hop.and_then(|hop| by_id.get(&hop)))
                {
                    hops.insert((from, *to), *hop);
                }
            }
        }
        Tables { by_id, hops }
    }

    /// Whether a packet arrives that everybody passes on by its own table, over ways that are not cut.
    fn arrives(&self, world: &World<Member>, from: usize, to: usize) -> bool {
        let mut at = from;
        for _ in 0..32 {
            match self.hops.get(&(at, to)) {
                Some(hop) if world.is_cut(at, *hop) => return false,
                Some(hop) if *hop == to => return true,
                Some(hop) => at = *hop,
                None => return false,
            }
        }
        false
    }

    /// Ordered pairs among these of which one does not reach the other.
    pub(crate) fn broken(&self, world: &World<Member>, nodes: &[usize]) -> usize {
        let pairs = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
        pairs.filter(|(from, to)| from != to && !self.arrives(world, *from, *to)).count()
    }

    /// The node with this id.
    pub(crate) fn node(&self, id: NodeId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }
}

/// The overlay nodes that run.
pub(crate) fn running(world: &World<Member>) -> impl Iterator<Item = (usize, &Overlay)> {
    let runs = |node: &usize| world.condition(*node) == Condition::Running;
    (0..world.len()).filter(runs).filter_map(|node| Some((node, world.machine(node)?.node()?)))
}

/// How many nodes chose each.
pub(crate) fn chosen(experiment: &Experiment) -> BTreeMap<usize, usize> {
    let mut chosen = BTreeMap::new();
    for (_, node) in experiment.effective_links() {
        *chosen.entry(node as usize).or_default() += 1;
    }
    chosen
}

/// Percent, for people.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn percent(part: usize, of: usize) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}

/// A length of time in milliseconds.
pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
