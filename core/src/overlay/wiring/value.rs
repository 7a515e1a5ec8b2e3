//! What a set of first hops is worth.

use alloc::vec::Vec;

use super::super::routes::{ShortestPaths, UNREACHABLE};
use super::{KEPT, Problem};

/// What reaching all destinations costs. Less is better: fewer unreachable ones first, then less delay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Value {
    /// How many destinations have no path.
    pub unreachable: u32,
    /// The delays to all others together, in microseconds.
    pub total: u64,
}

impl Value {
    /// The value of a sum of [`weight`]s.
    pub(super) fn of_weights(sum: i64) -> Self {
        debug_assert!(sum >= 0, "weights are not negative");
        let unreachable = (sum >> PENALTY_BITS) as u32;
        Value { unreachable, total: (sum & (PENALTY - 1)).cast_unsigned() }
    }
}

/// One more unreachable destination weighs more than any sum of delays, and all sums fit in 63 bits: of at most
/// [`MAX_NODES`](super::super::graph::MAX_NODES) = 2^14 destinations each has a delay below 2^32, together below 2^46, or
/// the penalty, together at most 2^61.
const PENALTY_BITS: u32 = 47;
const PENALTY: i64 = 1 << PENALTY_BITS;

/// A destination's part in a sum whose order is that of [`Value`].
pub(super) fn weight(dist: u32) -> i64 {
    if dist == UNREACHABLE { PENALTY } else { i64::from(dist) }
}

/// Finds the value of given links with one search from all first hops at once.
#[derive(Clone, Debug, Default)]
pub struct Evaluator {
    paths: ShortestPaths,
    dist: Vec<u32>,
}

impl Evaluator {
    /// Working memory that has not grown yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of having `links` beside the free first hops. Those without a measured delay lead nowhere.
    ///
    /// # Panics
    /// If the parts of `problem` do not fit together (see [`Problem`]) or a link is not a node.
    pub fn value(&mut self, problem: &Problem<'_>, links: &[u32]) -> Value {
        self.dist.clear();
        self.dist.resize(problem.graph.nodes(), UNREACHABLE);
        self.dist[problem.me as usize] = 0;
        let starts = problem.starts(problem.free).chain(problem.starts(links));
        self.paths.improve(problem.graph, starts, &mut self.dist);
        let value = Value::of_weights(problem.destinations().map(|j| weight(self.dist[j as usize])).sum());
        if self.dist.len() > KEPT {
            *self = Self::default();
        }
        value
    }

    /// Octets of working memory that are kept.
    pub fn memory(&self) -> usize {
        self.paths.memory() + self.dist.capacity() * size_of::<u32>()
    }
}
