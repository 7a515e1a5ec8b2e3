//! Whole rings: every state of small ones, and random schedules of larger ones. The example `ring` of the package
//! `egoist-tests` has more of both.

mod lookups;
mod members;
mod positions;

use super::network::{Counts, Network, Outcome, Plan, Queries, Violation, numbered, walk};

fn walked(queries: Queries, there: &[u8], joining: &[u8], failures: u32) -> Result<Counts, Violation<u8, 2>> {
    walk(Plan { network: Network::grown(there, queries), joining: joining.to_vec(), failures, base: 1 })
}

/// The counts say that nothing was left out; they are what the walk found when it was written.
#[test]
fn every_state_of_a_ring_of_one_to_five_keeps_the_invariants() {
    let states = |queries, there: &[u8], joining: &[u8], failures| {
        let counts = walked(queries, there, joining, failures).unwrap_or_else(|found| panic!("{found:#?}"));
        (counts.states, counts.quiet)
    };
    assert_eq!(states(Queries::Atomic, &[0], &[80, 160], 1), (1_502, 141));
    assert_eq!(states(Queries::Atomic, &[0, 80, 160], &[40], 1), (5_166, 218));
    assert_eq!(states(Queries::Atomic, &[0, 80, 160], &[40, 120], 1), (149_742, 1_815));
    assert_eq!(states(Queries::Messages, &[0, 80, 160], &[40], 0), (50_364, 5));
}

#[test]
fn random_schedules_keep_the_invariants_and_end_as_ideal_rings() {
    let one = |number| numbered(number).unwrap_or_else(|found| panic!("schedule {number}: {found}"));
    let sum = (0..4_000).map(one).fold(Outcome::default(), |sum, outcome| sum + outcome);
    assert!(sum.members > 8 && sum.failures > 4_000 && sum.leaves > 2_000 && sum.heard > 4_000, "{sum:?}");
}
