//! What a settled node wakes up for stays within a budget: a node is to sleep most of the time.

use std::time::Duration;

use egoist_core::overlay::experiment::{Experiment, Plan};
use egoist_tests::terrain::terrain;

const NODES: usize = 50;
const WATCHED: Duration = Duration::from_secs(900);

/// Wake-ups of one node in an hour, by reason, at most. Whatever is not here does not happen in a settled overlay.
const BUDGET: [(&str, u64); 10] = [
    // The heartbeat, four a second.
    ("pulse", 14_800),
    // Three beats lost or late: not here.
    ("silence", 0),
    ("heal", 760),
    // A failed probe is tried again.
    ("again", 120),
    ("exchange", 80),
    ("refresh", 80),
    ("prepare", 64),
    ("epoch", 64),
    ("expire", 64),
    ("originate", 16),
];

#[test]
fn a_settled_node_wakes_within_its_budget() {
    let mut experiment = Experiment::new(Plan::new(12, 1), &terrain(NODES, 1)).expect("a configuration");
    while experiment.next_epoch().is_some() {}
    let world = experiment.world();
    let before = world.totals();
    world.run_until(world.now() + WATCHED, |_, _, _| ());
    let after = world.totals();
    let windows = 3_600 / WATCHED.as_secs();
    for (why, times) in &after.wakes {
        let earlier = before.wakes.iter().find(|(known, _)| known == why).map_or(0, |(_, times)| *times);
        let in_an_hour = (times - earlier) * windows / NODES as u64;
        let allowed = BUDGET.iter().find(|(known, _)| known == why).map_or(0, |(_, allowed)| *allowed);
        assert!(in_an_hour <= allowed, "{in_an_hour} wake-ups in an hour for {why:?}, {allowed} allowed");
    }
}
