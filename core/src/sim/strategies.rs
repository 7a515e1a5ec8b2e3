//! Faults for property tests: lists of [`Action`]s that proptest draws and shrinks.

use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use proptest::prelude::*;

use super::Restart;
use super::faults::{Action, Severity, Ways};

/// Lists of so many actions.
///
/// # Panics
/// Without nodes.
pub fn actions(severity: Severity, len: Range<usize>) -> impl Strategy<Value = Vec<Action>> {
    proptest::collection::vec(action(severity), len)
}

/// One action; four of ten are waits.
///
/// # Panics
/// Without nodes.
pub fn action(severity: Severity) -> impl Strategy<Value = Action> {
    assert!(severity.nodes > 0, "faults happen to nodes");
    let node = || 0..severity.nodes;
    let how = prop_oneof![Just(Restart::Keeping), Just(Restart::Forgetting)];
    let ways = prop_oneof![Just(Ways::One), Just(Ways::Both)];
    let wait = u64::try_from(severity.wait.as_micros()).unwrap_or(u64::MAX);
    prop_oneof![
        6 => (0..=wait).prop_map(|us| Action::Wait { time: Duration::from_micros(us) }),
        1 => node().prop_map(|node| Action::Kill { node }),
        1 => node().prop_map(|node| Action::Halt { node }),
        2 => (node(), how).prop_map(|(node, how)| Action::Restart { node, how }),
        1 => (node(), node(), ways).prop_map(|(from, to, ways)| Action::Cut { from, to, ways }),
        1 => (node(), node()).prop_map(|(a, b)| Action::Heal { a, b }),
        1 => (0..=severity.loss_per_million).prop_map(|per_million| Action::Loss { per_million }),
        1 => node().prop_map(|node| Action::Freeze { node }),
        1 => node().prop_map(|node| Action::Thaw { node }),
    ]
}
