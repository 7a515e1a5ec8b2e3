//! Whatever goes wrong among a few nodes, a stated time after everything is right again the oracles hold: those of overlays,
//! of hello nodes, of gossip nodes, of mesh nodes and of Chord nodes.
//!
//! Each case has a seed of its own, counted from `EGOIST_FIRST` (0); `EGOIST_CASES=n` runs so many, and prints how often
//! which kind of fault took effect and how long the oracles took to hold. A failing case is made smaller
//! (`EGOIST_SHRINKS=n` runs) and printed with its seed, as a script: `EGOIST_SCRIPT=FILE` runs one again, and so does
//! `EGOIST_FIRST=<seed> EGOIST_CASES=1`.

use egoist_core::kernel::{Seed, Streams};
use egoist_core::mesh::chord;
use egoist_core::overlay::scenario::{Scenario, strategies};
use egoist_core::sim::Kind;
use egoist_core::{gossip, hello, mesh};
use egoist_tests::scenarios::hold;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many cases, unless the environment says otherwise.
const OVERLAYS: u64 = 1_000;
const HELLOS: u64 = 200;
const GOSSIPS: u64 = 300;
const MESHES: u64 = 200;
const CHORDS: u64 = 70;
/// The most steps of a hello scenario, less one, and of one of gossip or a mesh, where a third are orders.
const STEPS: usize = 20;
const TALKING_STEPS: usize = 30;
/// The kinds of faults that befall nodes of these three often enough to be counted on: they send no datagrams, store
/// nothing, and their frames are too short for a narrow way.
const OF_STREAMS: [Kind; 16] = [
    Kind::Cut,
    Kind::Partition,
    Kind::Flap,
    Kind::SlowReader,
    Kind::HalfOpen,
    Kind::Kill,
    Kind::Halt,
    Kind::Offset,
    Kind::Step,
    Kind::Drift,
    Kind::EarlyWake,
    Kind::EqualClock,
    Kind::Freeze,
    Kind::Starve,
    Kind::Hub,
    Kind::Churn,
];

/// The overlay of a seed.
fn overlay(seed: u64) -> Scenario {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &octets);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    // Proptest's own runner draws the first case from a generator of its own.
    let mut runner = TestRunner::new_with_rng(Config::default(), runner.new_rng());
    let drawn = strategies::scenarios().new_tree(&mut runner);
    drawn.unwrap_or_else(|why| panic!("seed {seed}: {why}")).current()
}

/// The hello nodes of a seed.
fn hello(seed: u64) -> hello::scenario::Scenario {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("hello scenario");
    let steps = rng.index(STEPS);
    hello::scenario::Scenario::drawn(&mut rng, steps)
}

/// The gossip nodes of a seed.
fn gossip(seed: u64) -> gossip::scenario::Scenario {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("gossip scenario");
    let steps = rng.index(TALKING_STEPS);
    gossip::scenario::Scenario::drawn(&mut rng, steps)
}

/// The mesh nodes of a seed.
fn mesh(seed: u64) -> mesh::scenario::Scenario {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("mesh scenario");
    let steps = rng.index(TALKING_STEPS);
    mesh::scenario::Scenario::drawn(&mut rng, steps)
}

/// The Chord nodes of a seed.
fn chord(seed: u64) -> chord::scenario::Scenario {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("chord scenario");
    let steps = rng.index(TALKING_STEPS);
    chord::scenario::Scenario::drawn(&mut rng, steps)
}

/// Overlays that broke a law once.
#[test]
fn what_failed_once_holds() {
    let scripts = [
        ("outdegree", include_str!("convergence/outdegree.txt")),
        ("databases", include_str!("convergence/databases.txt")),
        ("moved", include_str!("convergence/moved.txt")),
        ("stranded", include_str!("convergence/stranded.txt")),
    ];
    for (name, text) in scripts {
        let scenario: Scenario = text.parse().unwrap();
        assert!(scenario.run().is_ok(), "{name}: {}", scenario.run().unwrap_err());
    }
}

#[test]
fn oracles_hold_a_stated_time_after_recovery() {
    hold(OVERLAYS, overlay, &Kind::ALL);
}

#[test]
fn hello_nodes_meet_a_stated_time_after_recovery() {
    hold(HELLOS, hello, &OF_STREAMS);
}

#[test]
fn gossip_nodes_have_what_any_has_a_stated_time_after_recovery() {
    hold(GOSSIPS, gossip, &OF_STREAMS);
}

#[test]
fn mesh_nodes_are_connected_a_stated_time_after_recovery() {
    hold(MESHES, mesh, &OF_STREAMS);
}

#[test]
fn chord_nodes_are_one_ring_that_keeps_what_it_acknowledged() {
    hold(CHORDS, chord, &OF_STREAMS);
}
