//! What a node knows when it decides.

use super::super::graph::Graph;
use super::super::names::Cost;
use super::{Choice, Evaluator, Links};

/// What a node knows when it decides. All slices but `free` and `current` have one entry for each node of the graph.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The node that decides.
    pub me: u32,
    /// All effective edges. Those of `me` are ignored in both directions: what is left is the residual graph.
    pub graph: &'a Graph,
    /// The measured delay from `me` to each node; without one a node cannot be a first hop.
    pub delay: &'a [Option<Cost>],
    /// Who may be chosen newly or kept.
    pub candidate: &'a [bool],
    /// Whom `me` wants to reach; its own entry is ignored.
    pub destination: &'a [bool],
    /// First hops that cost none of `k`: links that others chose and `me` can use. They are not chosen newly.
    pub free: &'a [u32],
    /// The present choices, each once.
    pub current: &'a [u32],
    /// How many to choose.
    pub k: usize,
    /// The mean deviation of each delay in microseconds, as measured; empty where none is known.
    pub deviation: &'a [u32],
    /// Delays are known no better than to so many microseconds: costs in records are announced no finer.
    pub grain: u32,
}

impl<'a> Problem<'a> {
    /// The present choices that still stand, in their order: those who are candidates with a measured delay.
    pub fn held(&self) -> impl Iterator<Item = u32> + use<'a> {
        let problem = *self;
        self.current.iter().copied().filter(move |&w| problem.usable(w))
    }

    /// Who may be among the choices, ascending: present ones that stand, and candidates with a measured delay who have not
    /// chosen `me`.
    pub fn eligible(&self) -> impl Iterator<Item = u32> + use<'a> {
        let problem = *self;
        self.nodes().filter(move |&w| {
            problem.usable(w) && (!problem.free.contains(&w) || problem.current.contains(&w))
        })
    }

    /// The destinations, ascending, without `me`.
    pub fn destinations(&self) -> impl Iterator<Item = u32> + use<'a> {
        let problem = *self;
        self.nodes().filter(move |&j| j != problem.me && problem.destination[j as usize])
    }

    /// Those of `hops` that lead anywhere, each with its delay.
    pub(super) fn starts<'h>(&self, hops: &'h [u32]) -> impl Iterator<Item = (u32, u32)> + use<'a, 'h> {
        let delay = self.delay;
        hops.iter().filter_map(move |&w| Some((w, delay[w as usize]?.micros())))
    }

    /// The choice of `links`, valued.
    pub(super) fn choice(&self, mut links: Links, evaluator: &mut Evaluator) -> Choice {
        links.sort_unstable();
        let held: Links = self.held().collect();
        let (value, current) = (evaluator.value(self, &links), evaluator.value(self, &held));
        let held_ones = held.len();
        let (filled, unswapped) =
            if links.len() == held_ones { (held, current) } else { (links.clone(), value) };
        Choice { links, value, current, held: held_ones, filled, unswapped, noise: 0 }
    }

    /// How far the delay to a destination over `before`, less that over `after`, may be off.
    pub(super) fn noise(&self, before: u32, after: u32) -> u64 {
        let deviation = |hop: u32| self.deviation.get(hop as usize).copied().unwrap_or(0);
        u64::from(self.grain) + u64::from(deviation(before)) + u64::from(deviation(after))
    }

    fn usable(&self, w: u32) -> bool {
        w != self.me && self.candidate[w as usize] && self.delay[w as usize].is_some()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a graph has at most MAX_NODES nodes")]
    fn nodes(&self) -> core::ops::Range<u32> {
        0..self.graph.nodes() as u32
    }
}
