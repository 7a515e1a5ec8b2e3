//! Schedules drawn at random.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Add;

use super::walk::stay;
use super::{Network, Queries, Step, Violation};
use crate::kernel::{Rng, Seed, Streams};
use crate::mesh::chord::ring::Space;

/// What a schedule did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// Steps.
    pub steps: u64,
    /// Nodes that joined, were told of as dead before they were asked, failed, and left.
    pub joins: u64,
    /// See above.
    pub heard: u64,
    /// See above.
    pub failures: u64,
    /// See above.
    pub leaves: u64,
    /// The most members at a time.
    pub members: usize,
    /// Rounds until the ring was at rest.
    pub rounds: usize,
}

/// At least 60 steps among the given positions, from a ring of one or of several. Every position may join, and again after it
/// has ended; nodes fail and leave as far as one live entry stays in each list and one principal. All invariants are
/// checked after each step; then nothing more goes wrong, and it must come to rest as an ideal ring.
///
/// # Errors
/// The first violation.
///
/// # Panics
/// If there is no position.
pub fn schedule<P: Space, const R: usize>(
    rng: &mut Rng,
    positions: &[P],
) -> Result<Outcome, Violation<P, R>> {
    let mut network = Network::grown(&positions[..=rng.index(positions.len())], Queries::Messages);
    let (mut outcome, mut principals) = (Outcome::default(), network.principals());
    let enough = 60 + rng.below(30);
    while outcome.steps < enough {
        let Some(step) = draw(rng, &network, positions) else { continue };
        outcome.count(&step);
        network.take(step.clone());
        if let Err(invariant) = network.check().and_then(|()| stay(&principals, &network)) {
            return Err(Violation::Broken(invariant, step, network));
        }
        principals = network.principals();
        outcome.members = outcome.members.max(network.nodes().count());
    }
    let disturbed = network.clone();
    match network.settle() {
        Some(rounds) if network.is_ideal() => Ok(Outcome { rounds, ..outcome }),
        _ => Err(Violation::Restless(disturbed)),
    }
}

fn draw<P: Space, const R: usize>(rng: &mut Rng, network: &Network<P, R>, all: &[P]) -> Option<Step<P, R>> {
    let nodes: Vec<P> = network.nodes().collect();
    let node = nodes[rng.index(nodes.len())];
    let other = all[rng.index(all.len())];
    let may_end = || network.may_end(node, 1);
    match rng.below(100) {
        0..50 if network.flight().len() > 0 => {
            network.flight().nth(rng.index(network.flight().len())).cloned().map(Step::Deliver)
        }
        0..75 => Some(Step::Stabilise(node)),
        75..87 => {
            let before: Vec<P> =
                nodes.into_iter().filter(|before| network.may_join(other, *before)).collect();
            (!before.is_empty()).then(|| Step::Join(other, before[rng.index(before.len())]))
        }
        87..92 => (!nodes.contains(&other)).then_some(Step::Hear(node, other)),
        92..97 => may_end().then_some(Step::Fail(node)),
        _ => may_end().then_some(Step::Leave(node)),
    }
}

impl Outcome {
    fn count<P: Space, const R: usize>(&mut self, step: &Step<P, R>) {
        self.steps += 1;
        match step {
            Step::Join(..) => self.joins += 1,
            Step::Hear(..) => self.heard += 1,
            Step::Fail(_) => self.failures += 1,
            Step::Leave(_) => self.leaves += 1,
            Step::Stabilise(_) | Step::Deliver(_) => {}
        }
    }
}

/// The schedule of a number: with lists of two, three or four entries, among 3 to 12 positions, drawn from it.
///
/// # Errors
/// The first violation, in words.
pub fn numbered(number: u64) -> Result<Outcome, String> {
    let mut rng = Streams::new(Seed::from_u64(number)).named("ring");
    let most = 3 + rng.index(10);
    let mut positions: Vec<u8> = Vec::new();
    while positions.len() < most {
        let position = rng.below(256).to_le_bytes()[0];
        if !positions.contains(&position) {
            positions.push(position);
        }
    }
    match rng.below(3) {
        0 => schedule::<u8, 2>(&mut rng, &positions).map_err(|found| format!("{found:?}")),
        1 => schedule::<u8, 3>(&mut rng, &positions).map_err(|found| format!("{found:?}")),
        _ => schedule::<u8, 4>(&mut rng, &positions).map_err(|found| format!("{found:?}")),
    }
}

/// Those of both.
impl Add for Outcome {
    type Output = Outcome;

    fn add(self, other: Outcome) -> Outcome {
        Outcome {
            steps: self.steps + other.steps,
            joins: self.joins + other.joins,
            heard: self.heard + other.heard,
            failures: self.failures + other.failures,
            leaves: self.leaves + other.leaves,
            members: self.members.max(other.members),
            rounds: self.rounds.max(other.rounds),
        }
    }
}
