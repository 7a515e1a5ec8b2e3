//! Judging a demo from outside, on the true delays.

use std::time::Duration;

use egoist_core::kernel::{Seed, Time};
use egoist_core::overlay::judge::{Chosen, Judgement, Truth, effective_links};
use egoist_core::overlay::{Config, LinkMode, PolicyKind};
use egoist_core::sim::Matrix;

use super::live::{DemoRow, DemoView};
use super::stage::Stage;

/// The least gain, as a share of its cost, for which a node is said to be unsettled: what it measures is not exact.
const WORTHWHILE: f64 = 0.01;
/// So many periods without a rewiring are rest.
const QUIET_PERIODS: u32 = 2;

/// Knows the true delays and what can be had of them.
pub(crate) struct Jury {
    truth: Truth,
    names: Vec<String>,
    policy: PolicyKind,
    links: LinkMode,
    k: usize,
    max_in_degree: u32,
    worthwhile: f64,
    period: Duration,
    /// What random neighbours come to.
    pub(crate) k_random_ratio: Option<f64>,
}

impl Jury {
    /// A jury for nodes that are configured like `node`, called `names`, and as far apart as `matrix` says.
    pub(crate) fn new(node: &Config, names: Vec<String>, matrix: &Matrix, seed: Seed) -> Self {
        let truth = Truth::new(matrix.len(), |i, j| matrix.round_trip(i, j));
        let cap = node.in_degree_cap().and_then(|cap| u32::try_from(cap).ok());
        Jury {
            k_random_ratio: truth.k_random_ratio(node.k, node.links, seed),
            truth,
            names,
            policy: node.policy,
            links: node.links,
            k: node.k,
            max_in_degree: cap.unwrap_or(u32::MAX),
            worthwhile: WORTHWHILE.max(f64::from(node.eps_ppm) / 1e6),
            period: node.periods.rewiring,
        }
    }

    /// Whether everybody reaches everybody, and nobody has rewired for two periods of those since `joined` or has
    /// anything to win by it.
    pub(crate) fn settled(&self, stage: &Stage, joined: Time) -> bool {
        let links = effective_links(stage.members(), self.links);
        let quiet = stage.now().since(stage.rewired().max(joined)) >= self.period * QUIET_PERIODS;
        self.truth.judge(&links, self.links).unreachable_pairs == 0 && (quiet || self.is_stable(&links))
    }

    fn is_stable(&self, links: &[Chosen]) -> bool {
        let gap = || self.truth.nash_gap(links, self.links, self.k, self.max_in_degree);
        self.policy == PolicyKind::BestResponse && gap().is_some_and(|gap| gap <= self.worthwhile)
    }

    /// The overlay as it is now.
    pub(crate) fn view(&self, stage: &Stage, epoch: u32, settled: bool) -> DemoView {
        let links = effective_links(stage.members(), self.links);
        let Judgement { cost_ratio, unreachable_pairs, .. } = self.truth.judge(&links, self.links);
        let costs = self.truth.individual_costs(&links, self.links);
        let rows = costs.into_iter().enumerate().map(|(node, cost)| DemoRow {
            name: self.names[node].clone(),
            address: stage.address(node).to_string(),
            neighbours: self.chosen_by(node, &links),
            cost_ms: cost.map(|c| c.mean_micros / 1000.0),
            vs_full_mesh: cost.map(|c| c.ratio),
        });
        DemoView {
            epoch,
            elapsed: stage.now().since(Time::ZERO),
            nodes: rows.collect(),
            k: u32::try_from(self.k).unwrap_or(u32::MAX),
            cost_ratio,
            k_random_ratio: self.k_random_ratio,
            unreachable_pairs,
            settled,
        }
    }

    fn chosen_by(&self, node: usize, links: &[Chosen]) -> Vec<String> {
        let mut chosen: Vec<u32> = links.iter().filter(|l| l.0 as usize == node).map(|l| l.1).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|w| self.names[w as usize].clone()).collect()
    }
}
