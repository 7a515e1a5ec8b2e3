//! Judging a wiring from outside, on the true delays: what nobody in the overlay knows.
//!
//! Sums are exact integers in microseconds; a ratio is formed at the end.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::database::{Entry, LinkMode};
use super::graph::{Graph, GraphBuilder};
use super::machine::Overlay;
use super::names::{Cost, NodeId};
use super::routes::{ShortestPaths, UNREACHABLE};
use super::wire::ListedRole;
use super::wiring::{BestResponse, Policy, Problem};
use crate::kernel::{Rng, Seed, Streams};

/// How many random wirings [`Truth::k_random_ratio`] takes the mean of.
const RANDOM_DRAWS: u64 = 20;

/// A link that is in effect: who chose, and who was chosen. A list has each once.
pub type Chosen = (u32, u32);

/// Who chose whom among these nodes, where the link is in effect: the current records of both ends list it. The nodes
/// are named by the numbers they come with.
pub fn effective_links<'a>(
    nodes: impl IntoIterator<Item = (u32, &'a Overlay)>,
    usage: LinkMode,
) -> Vec<Chosen> {
    let own = |(number, node): (u32, &'a Overlay)| Some((number, node.database().get(node.id()?)?));
    let records: Vec<(u32, &Entry)> = nodes.into_iter().filter_map(own).collect();
    let by_id: BTreeMap<NodeId, (u32, &Entry)> = records.iter().map(|r| (r.1.id(), *r)).collect();
    let mut links = Vec::new();
    for (chooser, record) in records {
        for link in record.links().iter().filter(|link| link.is_chosen()) {
            let Some((chosen, other)) = by_id.get(&link.id) else { continue };
            let accepted = other.link(record.id()).is_some_and(|back| match usage {
                LinkMode::Mutual => true,
                LinkMode::Directed => matches!(back.role, ListedRole::In | ListedRole::Both),
            });
            if accepted {
                links.push((chooser, *chosen));
            }
        }
    }
    links
}

/// The true delays among the nodes, and what the full mesh of all links makes of them.
#[derive(Clone, Debug)]
pub struct Truth {
    nodes: usize,
    /// From row to column.
    delay: Vec<Cost>,
    /// For each node the lengths of the full mesh's shortest paths to all others together.
    full_mesh: Vec<u64>,
}

/// What it costs a node to reach the others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct IndividualCost {
    /// The mean length of its shortest paths, in microseconds.
    pub mean_micros: f64,
    /// That over the same in the full mesh.
    pub ratio: f64,
}

/// What a wiring is worth on the true delays.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Judgement {
    /// Mean individual cost over the mean of the full mesh's shortest paths; none while pairs are unreachable.
    pub cost_ratio: Option<f64>,
    /// Ordered pairs without a path.
    pub unreachable_pairs: u64,
    /// The most choosers any node has.
    pub max_in_degree: u32,
}

impl Truth {
    /// Takes the delay in microseconds from each node to each other; those of nodes to themselves are not asked for. A
    /// delay of 0 counts as 1, one too large as [`Cost::MAX`].
    ///
    /// Takes time in proportion to the cube of `nodes`: make one and keep it.
    ///
    /// # Panics
    /// If there are more than [`MAX_NODES`](super::graph::MAX_NODES).
    pub fn new(nodes: usize, delay: impl Fn(usize, usize) -> u32) -> Self {
        let entry = |i, j| Cost::from_micros(if i == j { 0 } else { delay(i, j).into() });
        let delay = (0..nodes * nodes).map(|at| entry(at / nodes, at % nodes)).collect();
        let mut truth = Truth { nodes, delay, full_mesh: Vec::new() };
        let all = |u| (0..truth.indices().end).map(move |v| (u, v));
        let links: Vec<Chosen> = truth.indices().flat_map(all).collect();
        let full_mesh = truth.graph(&links, LinkMode::Directed);
        truth.full_mesh = truth.reach_each(&full_mesh).map(|reach| reach.total).collect();
        truth
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The mean of the full mesh's shortest paths over ordered pairs, in microseconds; none without a pair.
    pub fn full_mesh_mean(&self) -> Option<f64> {
        let pairs = self.nodes * self.nodes.checked_sub(1)?;
        (pairs > 0).then(|| ratio(self.full_mesh_total(), pairs as u64))
    }

    /// Judges the wiring of these links.
    ///
    /// # Panics
    /// If a link names no node.
    pub fn judge(&self, links: &[Chosen], usage: LinkMode) -> Judgement {
        let reach = self.reach(&self.graph(links, usage));
        Judgement {
            cost_ratio: self.ratio(reach),
            unreachable_pairs: reach.unreachable,
            max_in_degree: self.choosers(links).into_iter().max().unwrap_or(0),
        }
    }

    /// What each node pays with the wiring of these links; none for one that does not reach all others, or has none.
    ///
    /// # Panics
    /// If a link names no node.
    pub fn individual_costs(&self, links: &[Chosen], usage: LinkMode) -> Vec<Option<IndividualCost>> {
        let graph = self.graph(links, usage);
        let cost = |(reach, least): (Reach, &u64)| {
            (reach.unreachable == 0 && *least > 0).then(|| IndividualCost {
                mean_micros: ratio(reach.total, self.nodes as u64 - 1),
                ratio: ratio(reach.total, *least),
            })
        };
        self.reach_each(&graph).zip(&self.full_mesh).map(cost).collect()
    }

    /// The mean cost ratio of 20 connected wirings in which every node chooses `k` others at random, each equally likely;
    /// with mutual links none that has chosen it, as long as there are others. As in the papers, a draw that is not
    /// connected gets a ring: everybody's last choice becomes its successor. (At 490 nodes and three directed links
    /// practically no draw is connected of itself.) None without links or without a pair.
    pub fn k_random_ratio(&self, k: usize, usage: LinkMode, seed: Seed) -> Option<f64> {
        let mut rng = Streams::new(seed).named("k-random");
        let mut total = 0;
        for _ in 0..RANDOM_DRAWS {
            let reach = self.reach_at_random(k, usage, &mut rng);
            self.ratio(reach)?;
            total += reach.total;
        }
        Some(ratio(total, RANDOM_DRAWS * self.full_mesh_total()))
    }

    /// The largest of all [`gains`](Self::gains): 0 in an equilibrium. None while pairs are unreachable.
    ///
    /// # Panics
    /// If a link names no node.
    pub fn nash_gap(&self, links: &[Chosen], usage: LinkMode, k: usize, max_in_degree: u32) -> Option<f64> {
        let gains = self.gains(links, usage, k, max_in_degree)?;
        Some(gains.into_iter().fold(0.0, f64::max))
    }

    /// The share of its own cost that each node would save by its best response, the others staying as they are. None
    /// while pairs are unreachable. A node may have `k` links, to those whom fewer than `max_in_degree` others chose and to
    /// whom it has.
    ///
    /// # Panics
    /// If a link names no node.
    pub fn gains(&self, links: &[Chosen], usage: LinkMode, k: usize, max_in_degree: u32) -> Option<Vec<f64>> {
        let graph = self.graph(links, usage);
        self.ratio(self.reach(&graph))?;
        let choosers = self.choosers(links);
        let (mut policy, mut rng) = (BestResponse::new(), Streams::new(Seed::from_u64(0)).named("unused"));
        let everybody = vec![true; self.nodes];
        let gains = self.indices().map(|me| {
            let current: Vec<u32> = chosen_by(links, me).collect();
            let free = free_hops(links, usage, me);
            let delay: Vec<Option<Cost>> = self.row(me).iter().copied().map(Some).collect();
            let open = |w: u32| choosers[w as usize] < max_in_degree || current.contains(&w);
            let candidate: Vec<bool> = self.indices().map(open).collect();
            let choice = policy.choose(
                &Problem {
                    me,
                    graph: &graph,
                    delay: &delay,
                    candidate: &candidate,
                    destination: &everybody,
                    free: &free,
                    current: &current,
                    k,
                    deviation: &[],
                    grain: 0,
                },
                &mut rng,
            );
            ratio(choice.current.total.saturating_sub(choice.value.total), choice.current.total.max(1))
        });
        Some(gains.collect())
    }

    fn reach_at_random(&self, k: usize, usage: LinkMode, rng: &mut Rng) -> Reach {
        let mut links: Vec<Chosen> = Vec::with_capacity(self.nodes * k);
        for me in self.indices() {
            let free = free_hops(&links, usage, me);
            let mut others: Vec<u32> = self.indices().filter(|&w| w != me).collect();
            rng.shuffle(&mut others);
            others.sort_by_key(|w| free.contains(w));
            links.extend(others.into_iter().take(k).map(|w| (me, w)));
        }
        let reach = self.reach(&self.graph(&links, usage));
        if reach.unreachable == 0 {
            return reach;
        }
        for (me, choices) in self.indices().zip(links.chunks_exact_mut(k.max(1))) {
            let successor = (me, (me + 1) % self.indices().end);
            if !choices.contains(&successor) {
                choices[choices.len() - 1] = successor;
            }
        }
        self.reach(&self.graph(&links, usage))
    }

    fn graph(&self, links: &[Chosen], usage: LinkMode) -> Graph {
        let mut builder = GraphBuilder::new();
        builder.reset(self.nodes);
        for &(u, v) in links {
            builder.push(u, v, self.row(u)[v as usize]);
            if usage == LinkMode::Mutual {
                builder.push(v, u, self.row(v)[u as usize]);
            }
        }
        builder.build()
    }

    /// What each node reaches.
    fn reach_each(&self, graph: &Graph) -> impl Iterator<Item = Reach> {
        let (mut paths, mut dist) = (ShortestPaths::new(), Vec::new());
        self.indices().map(move |u| {
            dist.clear();
            dist.resize(self.nodes, UNREACHABLE);
            paths.improve(graph, [(u, 0)], &mut dist);
            dist.iter().fold(Reach::default(), |reach, d| match *d {
                UNREACHABLE => Reach { unreachable: reach.unreachable + 1, ..reach },
                d => Reach { total: reach.total + u64::from(d), ..reach },
            })
        })
    }

    fn reach(&self, graph: &Graph) -> Reach {
        self.reach_each(graph).fold(Reach::default(), |a, b| Reach {
            unreachable: a.unreachable + b.unreachable,
            total: a.total + b.total,
        })
    }

    fn ratio(&self, reach: Reach) -> Option<f64> {
        let least = self.full_mesh_total();
        (reach.unreachable == 0 && least > 0).then(|| ratio(reach.total, least))
    }

    fn full_mesh_total(&self) -> u64 {
        self.full_mesh.iter().sum()
    }

    fn choosers(&self, links: &[Chosen]) -> Vec<u32> {
        let mut choosers = vec![0; self.nodes];
        links.iter().for_each(|l| choosers[l.1 as usize] += 1);
        choosers
    }

    fn row(&self, node: u32) -> &[Cost] {
        let begin = node as usize * self.nodes;
        &self.delay[begin..begin + self.nodes]
    }

    #[expect(clippy::cast_possible_truncation, reason = "a graph has at most MAX_NODES nodes")]
    fn indices(&self) -> core::ops::Range<u32> {
        0..self.nodes as u32
    }
}

/// Ordered pairs: how many have no path, and the delays of the others together.
#[derive(Clone, Copy, Default)]
struct Reach {
    unreachable: u64,
    total: u64,
}

fn chosen_by(links: &[Chosen], me: u32) -> impl Iterator<Item = u32> {
    links.iter().filter(move |l| l.0 == me).map(|l| l.1)
}

/// The links that cost `me` none of its choices.
fn free_hops(links: &[Chosen], usage: LinkMode, me: u32) -> Vec<u32> {
    match usage {
        LinkMode::Mutual => links.iter().filter(|l| l.1 == me).map(|l| l.0).collect(),
        LinkMode::Directed => Vec::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with fewer digits than a double has")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four places on a line, 10 apart, but for a slow direct path between the ends.
    fn line() -> Truth {
        Truth::new(
            4,
            |i, j| if i.abs_diff(j) == 3 { 100 } else { 10 * u32::try_from(i.abs_diff(j)).unwrap() },
        )
    }

    #[test]
    fn the_full_mesh_goes_around_slow_paths() {
        assert_eq!(line().full_mesh_total(), 2 * (10 + 20 + 30 + 10 + 20 + 10));
        assert_eq!(line().full_mesh_mean(), Some(200.0 / 12.0));
        assert_eq!(Truth::new(1, |_, _| 9).full_mesh_mean(), None);
        assert_eq!(Truth::new(0, |_, _| 9).full_mesh_mean(), None);
    }

    #[test]
    fn a_line_used_both_ways_is_a_full_mesh_and_one_way_is_not_connected() {
        let links = [(0, 1), (1, 2), (2, 3)];
        let mutual = line().judge(&links, LinkMode::Mutual);
        assert_eq!(mutual, Judgement { cost_ratio: Some(1.0), unreachable_pairs: 0, max_in_degree: 1 });
        let directed = line().judge(&links, LinkMode::Directed);
        assert_eq!(directed, Judgement { cost_ratio: None, unreachable_pairs: 6, max_in_degree: 1 });
        assert_eq!(line().nash_gap(&links, LinkMode::Directed, 1, 4), None);
    }

    #[test]
    fn each_node_has_its_own_cost() {
        let costs = line().individual_costs(&[(0, 1), (2, 1), (3, 2)], LinkMode::Mutual);
        let means: Vec<_> = costs.iter().map(|c| c.unwrap().mean_micros).collect();
        assert_eq!(means, [20.0, 40.0 / 3.0, 40.0 / 3.0, 20.0]);
        let detour = line().individual_costs(&[(0, 1), (1, 2), (0, 3)], LinkMode::Mutual);
        assert_eq!(detour[3].map(|c| c.ratio), Some((100.0 + 110.0 + 120.0) / 60.0));
        let cut = line().individual_costs(&[(0, 1), (2, 3)], LinkMode::Mutual);
        assert_eq!(cut, [None; 4]);
        assert_eq!(Truth::new(1, |_, _| 9).individual_costs(&[], LinkMode::Mutual), [None]);
    }

    #[test]
    fn the_gap_is_what_a_node_would_save() {
        let gap = |links: &[Chosen], usage, cap| line().nash_gap(links, usage, 1, cap);
        let ring = [(0, 1), (1, 2), (2, 3), (3, 0)];
        assert_eq!(gap(&ring, LinkMode::Directed, 4), Some(0.0), "any other choice cuts somebody off");
        // Node 3 reaches 0, 1 and 2 in 100, 110 and 120 through 0, and in 30, 20 and 10 through 2.
        let slow = [(0, 1), (1, 2), (3, 0)];
        assert_eq!(gap(&slow, LinkMode::Mutual, 4), Some(270.0 / 330.0));
        let gains = line().gains(&slow, LinkMode::Mutual, 1, 4).unwrap();
        assert_eq!((gains.len(), gains[3]), (4, 270.0 / 330.0));
        // Where 2 has no room it may still choose 3 itself, and reaches it in 10 instead of 120 beside 10 and 20.
        assert_eq!(gap(&slow, LinkMode::Mutual, 1), Some(110.0 / 150.0));
    }

    #[test]
    fn random_wirings_are_judged_where_they_can_be_connected() {
        let truth = Truth::new(12, |i, j| 10 + u32::try_from(i.abs_diff(j)).unwrap());
        let ratio = |k, usage, seed| truth.k_random_ratio(k, usage, Seed::from_u64(seed));
        let few = ratio(3, LinkMode::Directed, 1).unwrap();
        assert_eq!(ratio(3, LinkMode::Directed, 1), Some(few), "the same seed draws the same");
        assert_ne!(ratio(3, LinkMode::Directed, 2), Some(few));
        assert!(ratio(3, LinkMode::Mutual, 1).unwrap() < few, "each link is worth two");
        assert_eq!(ratio(11, LinkMode::Directed, 1), Some(1.0), "all links are the full mesh");
        assert_eq!(ratio(0, LinkMode::Mutual, 1), None);
        let ring = truth.judge(&(0..12).map(|u| (u, (u + 1) % 12)).collect::<Vec<_>>(), LinkMode::Directed);
        assert_eq!(
            ratio(1, LinkMode::Directed, 1),
            ring.cost_ratio,
            "one random link each is never a ring but by the rule"
        );
    }
}
