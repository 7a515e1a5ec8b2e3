//! Scenarios for property tests, drawn and shrunk by proptest.

use proptest::collection;
use proptest::prelude::*;

use super::{Choices, Scenario};
use crate::sim::faults;

/// The most actions of a scenario, less one.
const ACTIONS: usize = 20;

/// Scenarios of 3 to 24 nodes, most of them small. They shrink to fewer and simpler actions, and to simpler worlds.
pub fn scenarios() -> impl Strategy<Value = Scenario> {
    let actions = collection::vec(any::<faults::Choices>(), 0..ACTIONS);
    (any::<Choices>(), actions).prop_map(|(choices, actions)| Scenario::chosen(&choices, &actions))
}
