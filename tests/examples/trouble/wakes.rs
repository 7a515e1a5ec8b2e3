//! What a settled node wakes up for.

use std::time::Duration;

use crate::overlay::{running, settled};

pub(crate) fn run(nodes: usize) {
    let mut experiment = settled(nodes, 3, 15, 1);
    let world = experiment.world();
    let before = world.totals();
    world.run_until(world.now() + Duration::from_secs(3_600), |_, _, _| ());
    let after = world.totals();
    let members = running(world).filter(|(node, _)| *node < nodes).count() as u64;
    println!("wake-ups of one node in a simulated hour, {nodes} nodes, k = 3, settled");
    for (why, times) in &after.wakes {
        let earlier = before.wakes.iter().find(|(known, _)| known == why).map_or(0, |(_, times)| *times);
        println!("{why:<24} {:>10}", (times - earlier) / members);
    }
    println!("{:<24} {:>10}", "all", (after.wake_ups() - before.wake_ups()) / members);
    println!("{:<24} {:>10}", "things that happened", (after.events - before.events) / members);
}
