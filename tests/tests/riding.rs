//! Whatever goes wrong among a few riding nodes, a stated time after everything is right again all have what anybody has, and
//! nobody broke a rule. Cases are drawn, counted and made smaller as those of `convergence.rs`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use egoist_core::gossip;
use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{self, Overlay};
use egoist_core::record::{Piece, Recorder, Recording, Replay};
use egoist_core::riding::scenario::Scenario;
use egoist_core::riding::{Command, Config, Event, Riding};
use egoist_core::sim::{self, AnyMachine, Boot, Kind, Restart, World, address};
use egoist_tests::scenarios::hold;

/// How many cases, unless the environment says otherwise.
const CASES: u64 = 200;
/// The most steps of a scenario, less one.
const STEPS: usize = 30;
const TYPE: u16 = 7;

fn drawn(seed: u64) -> Scenario {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("riding scenario");
    let steps = rng.index(STEPS);
    Scenario::drawn(&mut rng, steps)
}

#[test]
fn riding_nodes_meet_a_stated_time_after_recovery() {
    hold(CASES, drawn, &[Kind::Cut, Kind::Partition, Kind::Flap, Kind::Kill, Kind::Halt, Kind::Freeze]);
}

fn network() -> Network {
    Network::new("riding").expect("a good name")
}

fn overlay_of(boot: Boot) -> overlay::Config {
    let bootstraps = if boot.node == 0 { Vec::new() } else { vec![address(0)] };
    overlay::Config { bootstraps, ..overlay::Config::new(boot.seed, network(), boot.address) }
}

fn config(boot: Boot) -> Config {
    let gossip = gossip::Config { start: boot.now, ..gossip::Config::auto(boot.seed) };
    Config { overlay: overlay_of(boot), gossip }
}

fn announce(data: &'static [u8]) -> Command {
    let data = Bytes::from_static(data);
    Command::Gossip(gossip::Command::Announce { ttl: 0, data_type: TYPE, data })
}

/// Five nodes ride, and one is of the overlay alone: those hear of each other's messages, and list it as one that does not.
#[test]
fn nodes_that_do_not_ride_are_neighbours_and_no_peers() {
    let mut world: World<AnyMachine> =
        World::new(sim::Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(1));
    let riders: Vec<_> =
        (0..5).map(|_| world.add_of(|boot| Riding::new(config(boot)).expect("a configuration"))).collect();
    let plain = world.add_of(|boot| Overlay::new(overlay_of(boot)).expect("a configuration"));
    (0..6).for_each(|node| world.start(node, Time::from_millis(100)));
    world.run_until(Time::from_secs(20), |_, _, _| ());
    for rider in &riders {
        let subscribe = Command::Gossip(gossip::Command::Subscribe { data_type: TYPE });
        assert!(world.command_to(*rider, subscribe).is_some_and(|answer| answer.is_ok()));
    }
    assert!(world.command_to(riders[0], announce(b"hello")).is_some_and(|answer| answer.is_ok()));
    let mut heard = BTreeSet::new();
    for _ in 0..100 {
        let mut waiting = Vec::new();
        world.run_until(world.now() + Duration::from_millis(10), |_, node, event| {
            if let Some(Event::Gossip(gossip::Event::Message { id, .. })) = event.of::<Riding>() {
                waiting.push((node, *id));
            }
        });
        for (node, id) in waiting {
            heard.insert(node);
            let verdict = gossip::Command::Validate { id, valid: true };
            assert!(world.command_to(riders[node], Command::Gossip(verdict)).is_some_and(|a| a.is_ok()));
        }
    }
    assert_eq!(heard, (1..5).collect());

    let id = world.machine_of(plain).and_then(Overlay::id).expect("it has started");
    let mut lists = 0;
    for rider in &riders {
        let node = world.machine_of(*rider).expect("it runs");
        assert!(node.neighbors().all(|neighbor| neighbor.rides == (neighbor.id != id)));
        assert!(node.neighbors().all(|neighbor| neighbor.conn.is_some() == neighbor.rides));
        assert_eq!(node.gossip().peers().count(), node.neighbors().filter(|n| n.rides).count());
        lists += node.neighbors().filter(|neighbor| !neighbor.rides).count();
    }
    assert!(lists > 0, "somebody is its neighbour");
}

/// What goes in is recorded, and repeated without a difference.
#[test]
fn every_riding_node_is_replayed_without_a_difference() {
    let tapes = Rc::new(RefCell::new(Vec::new()));
    let mut world = World::new(sim::Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(1));
    for node in 0..4 {
        let shelf = Rc::clone(&tapes);
        world.add(move |boot| {
            let tape = Rc::new(RefCell::new(Vec::new()));
            shelf.borrow_mut().push(Rc::clone(&tape));
            Recorder::<Riding, _>::new(config(boot), move |piece: Piece| piece.seal(&mut tape.borrow_mut()))
                .expect("a configuration")
        });
        world.start(node, Time::from_millis(100));
    }
    world.run_until(Time::from_secs(10), |_, _, _| ());
    let _ = world.command(2, announce(b"hello"));
    world.run_until(Time::from_secs(12), |_, _, _| ());
    world.restart(1, Restart::Keeping);
    world.run_until(Time::from_secs(20), |_, _, _| ());
    drop(world);
    for tape in tapes.take() {
        let tape = tape.take();
        let mut replay = Replay::<Riding>::new(Recording::read(&tape).unwrap()).unwrap();
        let mut inputs = 0;
        while replay.step(|_| ()).unwrap().is_some() {
            inputs += 1;
        }
        assert!(inputs > 100, "{inputs}");
    }
}
