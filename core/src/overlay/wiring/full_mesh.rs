//! A link to everybody.

use super::{Choice, Evaluator, Policy, Problem};
use crate::kernel::Rng;

/// Links to all who may be chosen, whatever `k` says: what no wiring can beat, and what does not scale.
#[derive(Clone, Debug, Default)]
pub struct FullMesh {
    evaluator: Evaluator,
}

impl FullMesh {
    /// The policy, with working memory that has not grown yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Policy for FullMesh {
    fn name(&self) -> &'static str {
        "full-mesh"
    }

    fn memory(&self) -> usize {
        self.evaluator.memory()
    }

    fn choose(&mut self, problem: &Problem<'_>, _: &mut Rng) -> Choice {
        problem.choice(problem.eligible().collect(), &mut self.evaluator)
    }
}
