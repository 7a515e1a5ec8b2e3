//! Neighbours at random.

use alloc::vec::Vec;

use super::{Choice, Evaluator, Links, Policy, Problem};
use crate::kernel::Rng;

/// Keeps the present choices that stand and fills up with candidates at random, each equally likely.
#[derive(Clone, Debug, Default)]
pub struct KRandom {
    evaluator: Evaluator,
    others: Vec<u32>,
}

impl KRandom {
    /// The policy, with working memory that has not grown yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Policy for KRandom {
    fn name(&self) -> &'static str {
        "k-random"
    }

    fn memory(&self) -> usize {
        self.evaluator.memory() + self.others.capacity() * size_of::<u32>()
    }

    fn choose(&mut self, problem: &Problem<'_>, rng: &mut Rng) -> Choice {
        let mut links: Links = problem.held().take(problem.k).collect();
        self.others.clear();
        self.others.extend(problem.eligible().filter(|w| !links.contains(w)));
        while links.len() < problem.k && !self.others.is_empty() {
            links.push(self.others.swap_remove(rng.index(self.others.len())));
        }
        problem.choice(links, &mut self.evaluator)
    }
}
