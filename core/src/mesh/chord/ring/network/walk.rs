//! Every state that a plan can lead to.

use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::HashSet;

use super::{Invariant, Network, Step};
use crate::kernel::KeyedState;
use crate::mesh::chord::ring::Space;

/// What may happen, beside stabilisation: each node may join once, and so many may fail, of which the assumptions allow it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Plan<P: Space, const R: usize> {
    /// From where.
    pub network: Network<P, R>,
    /// Who may join.
    pub joining: Vec<P>,
    /// How many may fail.
    pub failures: u32,
    /// Principals that do not fail.
    pub base: usize,
}

/// What a walk has seen.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Different states.
    pub states: u64,
    /// Steps between them.
    pub steps: u64,
    /// States in which nothing was on its way and nobody waited, from each of which the ring was led to rest.
    pub quiet: u64,
    /// The most rounds that took.
    pub rounds: usize,
}

/// Where something is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Violation<P: Space, const R: usize> {
    /// This invariant, by this step, in this state after it.
    Broken(Invariant, Step<P, R>, Network<P, R>),
    /// With nothing more going wrong this does not come to rest as an ideal ring.
    Restless(Network<P, R>),
}

/// Walks through all states. Those known are told by 128 bits of a hash.
///
/// # Errors
/// The first violation.
pub fn walk<P: Space, const R: usize>(plan: Plan<P, R>) -> Result<Counts, Violation<P, R>> {
    let hashers = [KeyedState::new(1, 2), KeyedState::new(3, 4)];
    let mut known: HashSet<[u64; 2], KeyedState> = HashSet::with_hasher(KeyedState::new(5, 6));
    let mut counts = Counts::default();
    known.insert(hashers.map(|hasher| hasher.hash_one(&plan)));
    let mut open = vec![plan];
    while let Some(plan) = open.pop() {
        counts.states += 1;
        plan.settles(&mut counts)?;
        let principals = plan.network.principals();
        for step in plan.steps() {
            let next = plan.after(&step);
            counts.steps += 1;
            if known.insert(hashers.map(|hasher| hasher.hash_one(&next))) {
                let checked = next.network.check().and_then(|()| stay(&principals, &next.network));
                checked.map_err(|invariant| Violation::Broken(invariant, step, next.network.clone()))?;
                open.push(next);
            }
        }
    }
    Ok(counts)
}

/// Principals stay such until they end.
pub(super) fn stay<P: Space, const R: usize>(
    principals: &[P],
    network: &Network<P, R>,
) -> Result<(), Invariant> {
    let now = network.principals();
    let stays = |node: &P| now.contains(node) || network.member(*node).is_none();
    if principals.iter().all(stays) { Ok(()) } else { Err(Invariant::PrincipalsStay) }
}

impl<P: Space, const R: usize> Plan<P, R> {
    fn steps(&self) -> Vec<Step<P, R>> {
        let network = &self.network;
        let mut steps: Vec<_> = network.flight().cloned().map(Step::Deliver).collect();
        let idle = network.nodes().filter(|node| !network.is_stabilising(*node));
        steps.extend(idle.map(Step::Stabilise));
        let failing = network.nodes().filter(|node| self.failures > 0 && network.may_end(*node, self.base));
        steps.extend(failing.map(Step::Fail));
        for joining in self.joining.iter().copied() {
            let before = network.nodes().filter(|before| network.may_join(joining, *before));
            steps.extend(before.map(|before| Step::Join(joining, before)));
        }
        steps
    }

    fn after(&self, step: &Step<P, R>) -> Self {
        let mut next = self.clone();
        next.network.take(step.clone());
        match step {
            Step::Join(node, _) => next.joining.retain(|joining| joining != node),
            Step::Fail(_) => next.failures -= 1,
            Step::Stabilise(_) | Step::Deliver(_) | Step::Leave(_) | Step::Hear(..) => {}
        }
        next
    }

    fn settles(&self, counts: &mut Counts) -> Result<(), Violation<P, R>> {
        let network = &self.network;
        if network.flight().len() > 0 || network.nodes().any(|node| network.is_stabilising(node)) {
            return Ok(());
        }
        let mut end = network.clone();
        let Some(rounds) = end.settle().filter(|_| end.is_ideal()) else {
            return Err(Violation::Restless(network.clone()));
        };
        counts.quiet += 1;
        counts.rounds = counts.rounds.max(rounds);
        Ok(())
    }
}
