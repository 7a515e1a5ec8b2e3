//! Newcomers where many have gone: who left in good order keeps nobody waiting and is counted by nobody.

use std::time::Duration;

use egoist_core::kernel::Time;
use egoist_core::overlay::scenario::Scenario;
use egoist_core::overlay::{Command, Event, Overlay};
use egoist_core::sim::World;

/// All but these leave.
const STAY: usize = 3;
const NODES: usize = 24;

/// An overlay of which all but a few have just left, and the number of the newcomer.
fn deserted(seed: u64) -> (World<Overlay>, usize) {
    let newcomer = NODES - 1;
    let settled = Duration::from_secs(90);
    let joins = (0..NODES).map(|node| {
        if node == newcomer { settled + Duration::from_secs(2) } else { Duration::from_millis(100) }
    });
    let scenario = Scenario { seed, joins: joins.collect(), ..Scenario::calm() };
    let mut world = scenario.world();
    world.run_until(Time::ZERO + settled, |_, _, _| ());
    for node in STAY..newcomer {
        assert!(matches!(world.command(node, Command::Leave), Some(Ok(_))));
    }
    (world, newcomer)
}

#[test]
fn after_twenty_leaves_a_newcomer_is_linked_within_a_second_and_counts_nobody_who_left() {
    for seed in 1..=5 {
        let (mut world, newcomer) = deserted(seed);
        let (mut started, mut linked) = (None, None);
        world.run_until(world.now() + Duration::from_secs(20), |at, node, event| match event {
            Event::Started { .. } if node == newcomer => started = Some(at),
            Event::LinkUp { .. } if node == newcomer => linked = linked.or(Some(at)),
            _ => {}
        });
        let took = linked.expect("a link").since(started.expect("a start"));
        assert!(took <= Duration::from_secs(1), "seed {seed}: {took:?}");
        let node = world.machine(newcomer).expect("it runs");
        let counted = (node.status().known, node.nodes().len(), node.status().reachable);
        assert_eq!(counted, (STAY + 1, STAY + 1, STAY), "seed {seed}");
    }
}
