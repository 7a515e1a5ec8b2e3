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
fn many_scenarios() {
    for seed in 0..60 {
        let mut rng = Streams::new(Seed::from_u64(seed)).named("chord");
        let scenario = Scenario::drawn(&mut rng, 12);
        match scenario.run() {
            Ok(held) => std::println!("{seed} {:?}", held.after),
            Err(why) => std::println!("{seed} FAILS {why}\n{scenario}"),
        }
    }
    panic!();
}
