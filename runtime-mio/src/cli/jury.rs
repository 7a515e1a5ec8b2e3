//! Judging a demo from outside, on the true delays.

use std::collections::BTreeSet;
use std::time::Duration;

use egoist_core::kernel::{Seed, Time};
use egoist_core::overlay::judge::{Chosen, Judgement, Truth, effective_links};
use egoist_core::overlay::{Config, LinkMode, PolicyKind};
use egoist_core::sim::Matrix;
use serde::Serialize;

use super::live::{DemoRow, DemoView};
use super::stage::Stage;

/// The least gain, as a share of its cost, for which a node is said to be unsettled: what it measures is not exact.
const WORTHWHILE: f64 = 0.01;
/// So many periods without a rewiring are rest.
const QUIET_PERIODS: u32 = 2;

/// Why an overlay counts as settled: everybody reaches everybody, and this.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rest {
    /// Nobody could gain by rewiring what is worth it.
    Stable,
    /// Nobody has rewired for two epochs.
    Quiet,
}

/// What was found at the end of an epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    links: Vec<Chosen>,
    /// What each node could gain with these links; none while pairs are unreachable, or where nodes do not look for it.
    gains: Option<Vec<f64>>,
    /// Whether the overlay has come to rest, and how.
    pub(crate) rest: Option<Rest>,
}

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

    /// What is found at the end of an epoch, where all have joined at `joined`.
    pub(crate) fn find(&self, stage: &Stage, joined: Time) -> Finding {
        let links = effective_links(stage.members(), self.links);
        let gains = (self.policy == PolicyKind::BestResponse)
            .then(|| self.truth.gains(&links, self.links, self.k, self.max_in_degree));
        let gains = gains.flatten();
        let stable = gains.as_ref().is_some_and(|gains| gains.iter().all(|gain| *gain <= self.worthwhile));
        let quiet = stage.now().since(stage.rewired().max(joined)) >= self.period * QUIET_PERIODS;
        let connected = self.truth.judge(&links, self.links).unreachable_pairs == 0;
        let rest = match (stable, quiet && connected) {
            (true, _) => Some(Rest::Stable),
            (false, true) => Some(Rest::Quiet),
            (false, false) => None,
        };
        Finding { links, gains, rest }
    }

    /// The overlay as it is now, and what was found last if it is as it was then.
    pub(crate) fn view(&self, stage: &Stage, epoch: u32, found: &Finding) -> DemoView {
        let links = effective_links(stage.members(), self.links);
        let Judgement { cost_ratio, unreachable_pairs, .. } = self.truth.judge(&links, self.links);
        // What was found with other links says nothing about these.
        let found = (found.links == links).then_some(found);
        let gains = found.and_then(|found| found.gains.as_ref());
        let costs = self.truth.individual_costs(&links, self.links);
        let rows = costs.into_iter().enumerate().map(|(node, cost)| DemoRow {
            name: self.names[node].clone(),
            neighbours: self.chosen_by(node, &links),
            links: self.used_by(node, &links),
            cost_ms: cost.map(|c| c.mean_micros / 1000.0),
            vs_full_mesh: cost.map(|c| c.ratio),
            could_gain: gains.map(|gains| gains[node]),
        });
        DemoView {
            epoch,
            elapsed: stage.now().since(Time::ZERO),
            nodes: rows.collect(),
            k: u32::try_from(self.k).unwrap_or(u32::MAX),
            cost_ratio,
            k_random_ratio: self.k_random_ratio,
            unreachable_pairs,
            worthwhile: self.worthwhile,
            rest: found.and_then(|found| found.rest),
        }
    }

    /// How many links a node's payloads may take: those that it chose, and mutual ones that others did.
    fn used_by(&self, node: usize, links: &[Chosen]) -> usize {
        let other = |&(from, to): &Chosen| match self.links {
            _ if from as usize == node => Some(to),
            LinkMode::Mutual if to as usize == node => Some(from),
            _ => None,
        };
        links.iter().filter_map(other).collect::<BTreeSet<_>>().len()
    }

    fn chosen_by(&self, node: usize, links: &[Chosen]) -> Vec<String> {
        let mut chosen: Vec<u32> = links.iter().filter(|l| l.0 as usize == node).map(|l| l.1).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|w| self.names[w as usize].clone()).collect()
    }
}
