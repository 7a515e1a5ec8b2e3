//! The neighbours that make a node's own cost smallest.

use alloc::vec::Vec;

use super::medians::Medians;
use super::residual::Residual;
use super::{Choice, KEPT, Links, Policy, Problem, Value};
use crate::kernel::Rng;

/// Best response by local search: from the present choices, filled up greedily, single swaps while one helps.
///
/// The result is never worse than the present choices, and no swap of one link improves it. Measured against all sets of
/// links, such a result is within 0.1 % of the best on average. It draws no random numbers.
#[derive(Clone, Debug, Default)]
pub struct BestResponse {
    residual: Residual,
    medians: Medians,
    /// The first hop towards each destination, before and after.
    before: Vec<u32>,
    after: Vec<u32>,
}

impl BestResponse {
    /// The policy, with working memory that has not grown yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prepares the residual distances and begins with the present choices.
    fn start(&mut self, problem: &Problem<'_>) -> Present {
        self.residual.fill(problem);
        let hops = self.residual.hops();
        self.medians
            .start(&self.residual, problem.held().filter_map(|w| hops.iter().position(|&hop| hop == w)));
        Present { value: self.value(), held: self.medians.chosen().len() }
    }

    /// There are as many as there are to be: what follows is swaps.
    fn fill(&mut self) -> (Links, Value) {
        self.medians.first_hops(&self.residual, &mut self.before);
        (self.links(), self.value())
    }

    fn finish(&mut self, problem: &Problem<'_>, present: &Present, filled: (Links, Value)) -> Choice {
        self.medians.first_hops(&self.residual, &mut self.after);
        let moved = self.before.iter().zip(&self.after).filter(|(before, after)| before != after);
        let noise = moved.map(|(before, after)| problem.noise(*before, *after)).sum();
        let choice = Choice {
            links: self.links(),
            value: self.value(),
            current: present.value,
            held: present.held,
            filled: filled.0,
            unswapped: filled.1,
            noise,
        };
        if problem.graph.nodes() > KEPT {
            *self = Self::default();
        }
        choice
    }

    fn links(&self) -> Links {
        let mut links: Links = self.medians.chosen().iter().map(|&row| self.residual.hops()[row]).collect();
        links.sort_unstable();
        links
    }

    fn value(&self) -> Value {
        Value::of_weights(self.medians.sum())
    }
}

/// The present choices that stand.
struct Present {
    value: Value,
    held: usize,
}

impl Policy for BestResponse {
    fn name(&self) -> &'static str {
        "best-response"
    }

    fn memory(&self) -> usize {
        let hops = self.before.capacity() + self.after.capacity();
        self.residual.memory() + self.medians.memory() + hops * size_of::<u32>()
    }

    fn choose(&mut self, problem: &Problem<'_>, _: &mut Rng) -> Choice {
        let present = self.start(problem);
        while self.medians.chosen().len() > problem.k {
            self.medians.drop_worst(&self.residual);
        }
        while self.medians.chosen().len() < problem.k && self.medians.add_best(&self.residual) {}
        let filled = self.fill();
        self.medians.descend(&self.residual);
        self.finish(problem, &present, filled)
    }

    /// The best single change: a link given up if there are too many, added if there are too few, otherwise swapped.
    fn choose_one_link(&mut self, problem: &Problem<'_>, _: &mut Rng) -> Choice {
        let present = self.start(problem);
        match present.held {
            held if held > problem.k => self.medians.drop_worst(&self.residual),
            held if held < problem.k => _ = self.medians.add_best(&self.residual),
            _ => {}
        }
        let filled = self.fill();
        if present.held == problem.k {
            self.medians.swap_best(&self.residual);
        }
        self.finish(problem, &present, filled)
    }
}
