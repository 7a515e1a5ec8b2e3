//! Policies that choose a node's neighbours, and when to act on a choice.
//!
//! A [`Policy`] looks at a [`Problem`], what a node knows when it decides, and answers with a [`Choice`].
//! [`BestResponse`] makes the node's own cost of reaching everybody smallest; the others are what it is compared with. A
//! choice is acted on as far as it is [worth it](Choice::worth) under the present [`Hysteresis`], and when the [`QuietGuard`]
//! says that the view is not stale.
//!
//! Nodes are dense indices as in [`graph`](super::graph); ties go to the lowest.

mod best_response;
mod bounds;
mod full_mesh;
mod guard;
mod hysteresis;
mod k_closest;
mod k_random;
mod k_regular;
mod lanes;
mod medians;
mod problem;
mod residual;
mod value;

pub use best_response::BestResponse;
pub use bounds::{DESTINATIONS, DRAWN, HOPS, NEAREST, NODES, Seniority, first_hops, longest_first};
pub use full_mesh::FullMesh;
pub use guard::{Caution, LagEstimator, QuietGuard, Verdict};
pub use hysteresis::{Extent, Hysteresis, SETTLING_EPOCHS};
pub use k_closest::KClosest;
pub use k_random::KRandom;
pub use k_regular::KRegular;
pub use problem::Problem;
pub use value::{Evaluator, Value};

use smallvec::SmallVec;

use crate::kernel::Rng;

/// First hops, ascending. Eight fit without an allocation.
pub type Links = SmallVec<[u32; 8]>;

/// Working memory is kept from one decision to the next after one about a graph of at most so many nodes, a little more than
/// the largest overlay measured; after one about a larger it is given back.
pub const KEPT: usize = 512;

/// A way to choose neighbours. It keeps its working memory from one decision to the next, unless that took [much](KEPT).
pub trait Policy {
    /// What the policy is called, as on the command line.
    fn name(&self) -> &'static str;

    /// Octets of working memory that it keeps.
    fn memory(&self) -> usize;

    /// The neighbours to have.
    fn choose(&mut self, problem: &Problem<'_>, rng: &mut Rng) -> Choice;

    /// As [`choose`](Self::choose), but with at most one link changed: for when others are deciding at the same time.
    /// Policies that do not look at what others chose have nothing to be careful about and choose as ever.
    fn choose_one_link(&mut self, problem: &Problem<'_>, rng: &mut Rng) -> Choice {
        self.choose(problem, rng)
    }
}

/// What a policy answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The neighbours to have, ascending.
    pub links: Links,
    /// What reaching everybody costs with them.
    pub value: Value,
    /// What it costs with the present ones that [stand](Problem::held).
    pub current: Value,
    /// How many of the present ones stand.
    pub held: usize,
    /// The present ones that stand, with free places filled and what is above `k` given up, ascending: what there is to
    /// have before one is swapped for another.
    pub filled: Links,
    /// What it costs with these.
    pub unswapped: Value,
    /// A gain by swaps of so many microseconds may be none: what the delays that it rests on are known to, over all
    /// destinations that are to be reached over another first hop.
    pub noise: u64,
}

impl Choice {
    /// The neighbours to have from now on, under a hysteresis of `eps_ppm` millionths; `None` to stay as it is.
    ///
    /// A free slot is always worth filling (and one too many worth giving up). Whether others are swapped beside that is
    /// another question: fewer unreachable nodes always win; otherwise the delay has to fall below `1 - eps` of what it
    /// is without, and by more than the [noise](Self::noise).
    pub fn worth(&self, eps_ppm: u32) -> Option<&Links> {
        if self.swaps_are_worth_it(eps_ppm) {
            Some(&self.links)
        } else {
            (self.filled.len() != self.held).then_some(&self.filled)
        }
    }

    fn swaps_are_worth_it(&self, eps_ppm: u32) -> bool {
        if self.value.unreachable != self.unswapped.unreachable {
            return self.value < self.unswapped;
        }
        let kept = 1_000_000u32.saturating_sub(eps_ppm);
        let enough =
            u128::from(self.value.total) * 1_000_000 < u128::from(self.unswapped.total) * u128::from(kept);
        enough && self.value.total.saturating_add(self.noise) < self.unswapped.total
    }
}

#[cfg(test)]
mod tests;
