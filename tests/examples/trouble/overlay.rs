//! An overlay to experiment with, and how it is looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use egoist_core::overlay::experiment::{Experiment, Plan};
use egoist_core::overlay::{NodeId, Overlay};
use egoist_core::sim::{Condition, World};
use egoist_tests::terrain::terrain;

/// An overlay of so many nodes that choose k each, after so many epochs.
pub(crate) fn settled(nodes: usize, k: usize, epochs: u32, seed: u64) -> Experiment {
    let mut plan = Plan::new(epochs, seed);
    plan.node.k = k;
    let mut experiment = Experiment::new(plan, &terrain(nodes, seed)).expect("a configuration");
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
    pub(crate) fn of(world: &World<Overlay>) -> Self {
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
    fn arrives(&self, world: &World<Overlay>, from: usize, to: usize) -> bool {
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
    pub(crate) fn broken(&self, world: &World<Overlay>, nodes: &[usize]) -> usize {
        let pairs = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
        pairs.filter(|(from, to)| from != to && !self.arrives(world, *from, *to)).count()
    }

    /// The node with this id.
    pub(crate) fn node(&self, id: NodeId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }
}

/// The overlay nodes that run.
pub(crate) fn running(world: &World<Overlay>) -> impl Iterator<Item = (usize, &Overlay)> {
    let runs = |node: &usize| world.condition(*node) == Condition::Running;
    (0..world.len()).filter(runs).filter_map(|node| Some((node, world.machine(node)?)))
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
