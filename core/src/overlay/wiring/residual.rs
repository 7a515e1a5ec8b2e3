//! What each first hop would offer: delays to all destinations over the residual graph.

use alloc::vec::Vec;

use super::super::names::Cost;
use super::super::routes::{ShortestPaths, UNREACHABLE};
use super::lanes::{LANES, Lanes};
use super::{KEPT, Problem};

/// A matrix with a row for each first hop worth considering and a column for each destination.
///
/// Entries are the lower of the delay through that hop and through the free ones, so one search for a hop covers only what
/// the hop improves.
///
/// A hop that is reached through another eligible one no later than directly is *dominated*: the other serves every
/// destination at least as well, so where no swap for the other helps, none for the dominated one does. It gets a row only
/// if it is a present choice, or if otherwise there were fewer than `k` rows. On measured latencies this leaves a third or
/// fewer of the hops.
///
/// In a graph of more than [`KEPT`] nodes every eligible hop has a row, and the rows are found [side by side](Lanes): there
/// a search for each takes longer, dominated hops left out, than all rows together.
///
/// Memory is the number of rows times that of destinations times 4 octets (at most 1 MB for 490 of each).
#[derive(Clone, Debug, Default)]
pub(super) struct Residual {
    paths: ShortestPaths,
    lanes: Lanes,
    /// The eligible hops by ascending delay: who dominates a hop is nearer.
    by_delay: Vec<u32>,
    dominated: Vec<u32>,
    hops: Vec<u32>,
    destinations: Vec<u32>,
    /// To every node through the free hops, 0 to the node that decides: no path enters it.
    free: Vec<u32>,
    /// To every node through whatever hop has a row.
    reached: Vec<u32>,
    dist: Vec<u32>,
    base: Vec<u32>,
    rows: Vec<u32>,
}

impl Residual {
    /// Computes the matrix of `problem`.
    pub(super) fn fill(&mut self, problem: &Problem<'_>) {
        self.destinations.clear();
        self.destinations.extend(problem.destinations());
        self.by_delay.clear();
        self.by_delay.extend(problem.eligible());
        self.by_delay.sort_unstable_by_key(|&w| (problem.delay[w as usize], w));
        self.reach_through_free_hops(problem);
        self.hops.clear();
        self.rows.clear();
        if problem.graph.nodes() > KEPT { self.add_all(problem) } else { self.add_undominated(problem) }
    }

    fn add_undominated(&mut self, problem: &Problem<'_>) {
        self.dominated.clear();
        for i in 0..self.by_delay.len() {
            let w = self.by_delay[i];
            let direct = problem.delay[w as usize].map_or(UNREACHABLE, Cost::micros);
            if self.reached[w as usize] <= direct && !problem.current.contains(&w) {
                self.dominated.push(w);
            } else {
                self.add_row(problem, w);
            }
        }
        self.dominated.sort_unstable();
        let missing = problem.k.saturating_sub(self.hops.len()).min(self.dominated.len());
        for i in 0..missing {
            self.add_row(problem, self.dominated[i]);
        }
    }

    fn reach_through_free_hops(&mut self, problem: &Problem<'_>) {
        self.free.clear();
        self.free.resize(problem.graph.nodes(), UNREACHABLE);
        self.free[problem.me as usize] = 0;
        self.paths.improve(problem.graph, problem.starts(problem.free), &mut self.free);
        self.reached.clone_from(&self.free);
        self.base.clear();
        self.base.extend(self.destinations.iter().map(|&j| self.free[j as usize]));
    }

    fn add_row(&mut self, problem: &Problem<'_>, w: u32) {
        self.dist.clone_from(&self.free);
        self.paths.improve(problem.graph, problem.starts(&[w]), &mut self.dist);
        self.reached.iter_mut().zip(&self.dist).for_each(|(least, &d)| *least = d.min(*least));
        self.rows.extend(self.destinations.iter().map(|&j| self.dist[j as usize]));
        self.hops.push(w);
    }

    fn add_all(&mut self, problem: &Problem<'_>) {
        self.paths.improve(problem.graph, problem.starts(problem.current), &mut self.reached);
        self.lanes.prepare(&self.reached);
        self.hops.clone_from(&self.by_delay);
        for hops in self.by_delay.chunks(LANES) {
            self.lanes.spread(problem.graph, &self.free, problem.starts(hops));
            for lane in 0..hops.len() {
                self.rows.extend(self.destinations.iter().map(|&j| self.lanes.distance(j, lane)));
            }
        }
    }

    /// Octets kept.
    pub(super) fn memory(&self) -> usize {
        let columns = [&self.by_delay, &self.dominated, &self.hops, &self.destinations, &self.free];
        let others = [&self.reached, &self.dist, &self.base, &self.rows];
        let kept: usize = columns.iter().chain(&others).map(|column| column.capacity() * 4).sum();
        kept + self.paths.memory() + self.lanes.memory()
    }

    /// The hop of each row.
    pub(super) fn hops(&self) -> &[u32] {
        &self.hops
    }

    /// The delay to each destination through the free hops alone.
    pub(super) fn base(&self) -> &[u32] {
        &self.base
    }

    /// The delay to each destination through the hop of row `i` or a free one.
    pub(super) fn row(&self, i: usize) -> &[u32] {
        let width = self.destinations.len();
        &self.rows[i * width..(i + 1) * width]
    }
}
