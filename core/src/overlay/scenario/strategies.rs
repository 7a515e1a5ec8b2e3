//! Scenarios for property tests, drawn and shrunk by proptest.

use alloc::vec::Vec;
use core::time::Duration;

use proptest::collection;
use proptest::prelude::*;

use super::{Departure, Scenario, Terrain};
use crate::overlay::config::PolicyKind;
use crate::overlay::database::LinkMode;
use crate::sim::faults::{Action, Severity};
use crate::sim::strategies::actions;

/// Nodes join within this time.
const JOINING: u64 = 10_000;
/// The longest wait between two faults.
const WAIT: Duration = Duration::from_secs(20);
/// The most datagrams lost, in a million.
const LOSS: u32 = 50_000;
/// The most jitter, in microseconds. With more, costs move by more than 5 % all the time on short ways, and news of them
/// is always on its way.
const JITTER: u64 = 5_000;

/// Scenarios of 2 to 16 nodes, most of them small: what is wrong with three nodes is seldom right with sixteen.
pub fn scenarios() -> impl Strategy<Value = Scenario> {
    nodes().prop_flat_map(of)
}

fn nodes() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 2usize..=5, 3 => 6usize..=9, 1 => 10usize..=16]
}

/// Scenarios of so many nodes.
///
/// # Panics
/// Without nodes.
pub fn of(nodes: usize) -> impl Strategy<Value = Scenario> {
    let joins = collection::vec((0..=JOINING).prop_map(Duration::from_millis), nodes);
    let network = (terrain(), prop_oneof![Just(0), 0..=JITTER], prop_oneof![Just(0), 0..=LOSS]);
    let rules = (1usize..=4, policy(), links());
    (any::<u64>(), joins, rules, network, troubles(nodes), departures(nodes)).prop_map(
        |(seed, joins, (k, policy, links), (terrain, jitter, loss_per_million), faults, departures)| {
            let jitter = Duration::from_micros(jitter);
            Scenario { seed, joins, k, policy, links, terrain, jitter, loss_per_million, faults, departures }
        },
    )
}

fn terrain() -> impl Strategy<Value = Terrain> {
    prop_oneof![Just(Terrain::Plane), Just(Terrain::Symmetric), Just(Terrain::Asymmetric)]
}

fn policy() -> impl Strategy<Value = PolicyKind> {
    prop_oneof![
        8 => Just(PolicyKind::BestResponse),
        1 => Just(PolicyKind::KRandom),
        1 => Just(PolicyKind::FullMesh),
    ]
}

fn links() -> impl Strategy<Value = LinkMode> {
    prop_oneof![Just(LinkMode::Mutual), Just(LinkMode::Directed)]
}

/// A few faults, the bootstrap's among them; loss stays as the scenario has it.
fn troubles(nodes: usize) -> impl Strategy<Value = Vec<Action>> {
    actions(Severity { nodes: nodes + 1, wait: WAIT, loss_per_million: LOSS }, 0..8)
}

/// At most one of three goes.
fn departures(nodes: usize) -> impl Strategy<Value = Vec<(usize, Departure)>> {
    let how = prop_oneof![Just(Departure::Kill), Just(Departure::Halt), Just(Departure::Leave)];
    collection::btree_map(0..nodes, how, 0..=nodes / 3).prop_map(|map| map.into_iter().collect())
}
