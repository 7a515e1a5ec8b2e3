//! Faults for property tests: lists of [`Action`]s that proptest draws and shrinks.

use alloc::vec::Vec;
use core::ops::Range;

use proptest::prelude::*;

use super::faults::{Action, Choices, Severity};

/// Lists of so many actions. They shrink to fewer and simpler ones.
///
/// # Panics
/// Without nodes.
pub fn actions(severity: Severity, len: Range<usize>) -> impl Strategy<Value = Vec<Action>> {
    proptest::collection::vec(action(severity), len)
}

/// One action; nearly half are waits.
///
/// # Panics
/// Without nodes.
pub fn action(severity: Severity) -> impl Strategy<Value = Action> {
    assert!(severity.nodes > 0, "faults happen to nodes");
    any::<Choices>().prop_map(move |choices| Action::chosen(choices, severity))
}
