//! The same offsets around the ring of indices for everybody.

use alloc::vec::Vec;

use super::{Choice, Evaluator, Links, Policy, Problem};
use crate::kernel::Rng;

/// The node with index i links to i + o, for the offsets o = 1 + (j - 1) n / (k + 1), j from 1 to k, around the ring; where
/// the one meant may not be chosen, the next who may.
#[derive(Clone, Debug, Default)]
pub struct KRegular {
    evaluator: Evaluator,
    others: Vec<u32>,
}

impl KRegular {
    /// The policy, with working memory that has not grown yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Policy for KRegular {
    fn name(&self) -> &'static str {
        "k-regular"
    }

    fn memory(&self) -> usize {
        self.evaluator.memory() + self.others.capacity() * size_of::<u32>()
    }

    fn choose(&mut self, problem: &Problem<'_>, _: &mut Rng) -> Choice {
        let (n, me) = (problem.graph.nodes(), problem.me as usize);
        self.others.clear();
        self.others.extend(problem.eligible());
        let mut links = Links::new();
        for j in 0..problem.k.min(self.others.len()) {
            let meant = (me + 1 + j * n / (problem.k + 1)) % n;
            let next = self.others.partition_point(|&w| (w as usize) < meant) % self.others.len();
            links.push(self.others.remove(next));
        }
        problem.choice(links, &mut self.evaluator)
    }
}
