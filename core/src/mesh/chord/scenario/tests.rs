use alloc::string::ToString as _;
use core::time::Duration;

use proptest::prelude::*;

use super::Scenario;

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

/// Whoever ends to store while it asks for its place takes none.
#[test]
fn a_leech_takes_no_place() {
    let scenario = read(
        "seed 2277782813\njoins 4041ms 316ms 4335ms 4525ms 5616ms\nloss 16837\nbootstraps 2\ndo freeze 2\n\
         tell 3 unjoin\ndo halt 0\ndepart 4 halt\n",
    );
    let held = scenario.run();
    assert!(held.is_ok(), "{}", held.unwrap_err());
}

/// Whoever leaves while nobody is connected takes along what he alone has, and that is no loss.
#[test]
fn what_a_node_without_peers_has_leaves_with_it() {
    let scenario = read(
        "joins 0s 0s\ndo wait 10s\ndo partition 1 120s\ndo wait 60s\ntell 1 put 4 1\ndo wait 5s\ntell 1 leave\n\
         depart 1 leave\n",
    );
    let held = scenario.run();
    assert!(held.is_ok(), "{}", held.unwrap_err());
}

/// Where others have no place in the ring yet, the copies of one are all that there are to be.
#[test]
fn what_is_handed_over_to_the_only_one_in_the_ring_dies_with_it() {
    let scenario = read(
        "seed 1131688499\njoins 1896ms 986ms 2058ms\nterrain asymmetric\ndo wait 20s\ntell 0 put 2 1\ndo wait 5s\n\
         do restart 1 older 1\ntell 2 unjoin\ndo wait 6s\ndo hubs 3\n",
    );
    let held = scenario.run();
    assert!(held.is_ok(), "{}", held.unwrap_err());
}

/// Three copies were made, and one left: whoever put the value is told of three after the two others have died.
#[test]
fn an_answer_that_comes_late_counts_copies_that_have_left_since() {
    let scenario = read(
        "seed 206525008\njoins 831ms 3396ms 1349ms 171ms\nterrain lan\nbootstraps 1\ndo wait 3552ms\ntell 3 unjoin\n\
         tell 3 put 6 32415\ndo freeze 3\ndo wait 18760ms\ntell 1 leave\ndo wait 15515ms\ndo restart 0 older 1\n\
         do restart 2 older 1\n",
    );
    let held = scenario.run();
    assert!(held.is_ok(), "{}", held.unwrap_err());
}
