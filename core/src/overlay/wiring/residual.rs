//! What each first hop would offer: delays to all destinations over the residual graph.

use alloc::vec::Vec;

use super::super::routes::{ShortestPaths, UNREACHABLE};
use super::Problem;

/// A matrix with a row for each eligible first hop and a column for each destination.
///
/// Entries are the lower of the delay through that hop and through the free ones, so one search for a hop covers only what
/// the hop improves. Only eligible hops have rows: memory is their number times that of destinations times 4 octets (1 MB
/// for 490 of each), kept for the next decision.
#[derive(Clone, Debug, Default)]
pub(super) struct Residual {
    paths: ShortestPaths,
    hops: Vec<u32>,
    destinations: Vec<u32>,
    /// To every node through the free hops, 0 to the node that decides: no path enters it.
    free: Vec<u32>,
    dist: Vec<u32>,
    base: Vec<u32>,
    rows: Vec<u32>,
}

impl Residual {
    /// Computes the matrix of `problem`.
    pub(super) fn fill(&mut self, problem: &Problem<'_>) {
        self.hops.clear();
        self.hops.extend(problem.eligible());
        self.destinations.clear();
        self.destinations.extend(problem.destinations());
        self.reach_through_free_hops(problem);
        self.rows.clear();
        for &w in &self.hops {
            self.dist.clone_from(&self.free);
            self.paths.improve(problem.graph, problem.starts(&[w]), &mut self.dist);
            self.rows.extend(self.destinations.iter().map(|&j| self.dist[j as usize]));
        }
    }

    fn reach_through_free_hops(&mut self, problem: &Problem<'_>) {
        self.free.clear();
        self.free.resize(problem.graph.nodes(), UNREACHABLE);
        self.free[problem.me as usize] = 0;
        self.paths.improve(problem.graph, problem.starts(problem.free), &mut self.free);
        self.base.clear();
        self.base.extend(self.destinations.iter().map(|&j| self.free[j as usize]));
    }

    /// The eligible first hops, ascending; a row is called by its place here.
    pub(super) fn hops(&self) -> &[u32] {
        &self.hops
    }

    /// The delay to each destination through the free hops alone.
    pub(super) fn base(&self) -> &[u32] {
        &self.base
    }

    /// The delay to each destination through hop number `i` or a free one.
    pub(super) fn row(&self, i: usize) -> &[u32] {
        let width = self.destinations.len();
        &self.rows[i * width..(i + 1) * width]
    }
}
