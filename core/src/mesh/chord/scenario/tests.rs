use alloc::string::ToString as _;
use core::time::Duration;

use proptest::prelude::*;

use super::Scenario;
use crate::kernel::{Seed, Streams};
use crate::sim::scenario::Drawn as _;

proptest! {
    #[test]
    fn any_octets_are_a_scenario_that_can_be_written_and_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let scenario = Scenario::decoded(&octets);
        prop_assert_eq!(scenario.to_string().parse(), Ok(scenario));
    }
}

fn read(text: &str) -> Scenario {
    text.parse().unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn nodes_that_start_at_once_are_a_ring_soon() {
    let held = read("joins 0s 0s 0s 0s 0s 0s\n").run().unwrap();
    assert!(held.after < Duration::from_secs(20), "{held:?}");
}

#[test]
fn debug_34() {
    let scenario = Scenario::drawn(&mut Streams::new(Seed::from_u64(34)).named("chord"), 12);
    let mut world = scenario.world();
    let mut agenda = crate::sim::faults::Agenda::new(|_: &crate::sim::World<crate::mesh::chord::Chord>| {
        Default::default()
    });
    let show = |at: crate::kernel::Time, node: usize, event: crate::mesh::chord::Event| {
        let text = std::format!("{event:?}");
        if !text.contains("DialFailed") {
            std::println!("{at:?} {node} {}", &text[..text.len().min(150)])
        }
    };
    let joined = scenario.joins.iter().max().copied().unwrap();
    agenda.pass(&mut world, joined, show);
    for step in &scenario.steps {
        std::println!("{step:?} at {:?}", world.now());
        match step {
            crate::sim::scenario::Step::Fault(action) => {
                if let Some(time) = agenda.act(&mut world, action) {
                    agenda.pass(&mut world, time, show);
                }
            }
            crate::sim::scenario::Step::Order { node, order } => {
                <super::Plan as crate::sim::scenario::Protocol>::order(&scenario, &mut world, *node, order)
            }
        }
    }
    crate::sim::faults::recover(&mut world);
    scenario.depart(&mut world);
    std::println!("recovered at {:?}", world.now());
    let t = world.now();
    world.run_until(t + Duration::from_secs(600), show);
    for node in 0..scenario.nodes() {
        if let Some(chord) = world.machine(node) {
            std::println!(
                "{node} {} {:?} placed {} peers {:?}",
                chord.mesh().id(),
                chord.ring(),
                chord.circle.is_placed,
                chord.mesh().peers().map(|p| (p.id, p.kind)).collect::<alloc::vec::Vec<_>>()
            );
        }
    }
    std::println!("{:?}", scenario.judge(&world));
    let scenario = read("joins 0s 0s 0s 0s 0s 0s\n");
    let mut world = scenario.world();
    world.run_until(crate::kernel::Time::from_secs(30), show);
    panic!();
}
