//! The nearest neighbours.

use alloc::vec::Vec;

use super::{Choice, Evaluator, Policy, Problem};
use crate::kernel::Rng;

/// Links to those with the smallest delay, of equals the lowest.
#[derive(Clone, Debug, Default)]
pub struct KClosest {
    evaluator: Evaluator,
    by_delay: Vec<u32>,
}

impl KClosest {
    /// The policy, with working memory that has not grown yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Policy for KClosest {
    fn name(&self) -> &'static str {
        "k-closest"
    }

    fn memory(&self) -> usize {
        self.evaluator.memory() + self.by_delay.capacity() * size_of::<u32>()
    }

    fn choose(&mut self, problem: &Problem<'_>, _: &mut Rng) -> Choice {
        self.by_delay.clear();
        self.by_delay.extend(problem.eligible());
        self.by_delay.sort_unstable_by_key(|&w| (problem.delay[w as usize], w));
        let links = self.by_delay.iter().copied().take(problem.k).collect();
        problem.choice(links, &mut self.evaluator)
    }
}
