//! Worlds in which something goes wrong for long: halves that forgot each other, overlays that never knew each other,
//! bootstraps that start empty, readers that stop, and liars.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use egoist_core::kernel::{Class, Output, Seed, Time};
use egoist_core::overlay::link::Mine;
use egoist_core::overlay::scenario::Scenario;
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{Command, Config, Event, LinkMode, Loss, NodeId, Overlay, Refusal, Way, oracle};
use egoist_core::sim::{Boot, Restart, World, address};

const SETTLING: Duration = Duration::from_secs(150);

fn scenario(nodes: usize, seed: u64) -> Scenario {
    Scenario {
        seed,
        joins: (0..nodes).map(|node| Duration::from_millis(300 * node as u64)).collect(),
        ..Scenario::calm()
    }
}

fn settled(nodes: usize, seed: u64) -> World<Overlay> {
    let mut world = scenario(nodes, seed).world();
    world.run_until(Time::ZERO + SETTLING, |_, _, _| ());
    world
}

fn node(world: &World<Overlay>, number: usize) -> &Overlay {
    world.machine(number).expect("an overlay node that runs")
}

fn id(world: &World<Overlay>, number: usize) -> NodeId {
    node(world, number).id().expect("an identity")
}

fn is_one(world: &World<Overlay>, nodes: usize) -> bool {
    let members: Vec<_> = (0..nodes).map(|number| (number, node(world, number))).collect();
    oracle::databases(&members).is_ok() && oracle::reachability(&members, LinkMode::Mutual).is_ok()
}

/// How long until the nodes are one overlay with one database; at most five minutes.
fn until_one(world: &mut World<Overlay>, nodes: usize) -> Duration {
    let begun = world.now();
    while !is_one(world, nodes) {
        assert!(world.now().since(begun) < Duration::from_secs(300), "still in parts");
        world.run_until(world.now() + Duration::from_millis(100), |_, _, _| ());
    }
    world.now().since(begun)
}

fn cut(world: &mut World<Overlay>, nodes: usize) {
    for a in 0..=nodes {
        for b in 0..=nodes {
            if (a < nodes / 2 || a == nodes) != (b < nodes / 2 || b == nodes) {
                world.cut(a, b);
            }
        }
    }
}

#[test]
fn a_partition_longer_than_every_lifetime_merges_also_when_each_side_forgot_the_other() {
    for (seed, forget) in [(1, false), (2, true)] {
        let nodes = 6;
        let mut world = settled(nodes, seed);
        cut(&mut world, nodes);
        world.run_until(world.now() + Duration::from_secs(600), |_, _, _| ());
        if forget {
            for number in 0..=nodes {
                world.restart(number, Restart::Forgetting);
            }
            world.run_until(world.now() + Duration::from_secs(60), |_, _, _| ());
        }
        assert!(node(&world, 0).database().len() <= nodes / 2, "the other side's records have expired");
        world.heal_all();
        let took = until_one(&mut world, nodes);
        assert!(took <= Duration::from_secs(10), "{took:?}, forgetting: {forget}");
    }
}

/// Four nodes know one bootstrap and four another; the last comes later and knows both.
fn two_overlays() -> World<Overlay> {
    let shared = 8;
    let mut world = World::new(Default::default(), |_: usize, _: usize| 10_000, Seed::from_u64(1));
    let bootstraps = [shared + 1, shared + 2];
    let config = |boot: Boot, known: &[usize]| Config {
        bootstraps: known.iter().map(|number| address(*number)).collect(),
        k: 2,
        ..Config::new(boot.seed, Network::new("fire").expect("a name"), boot.address)
    };
    for number in 0..=shared {
        let known = match number {
            _ if number == shared => bootstraps.to_vec(),
            _ => vec![bootstraps[number % 2]],
        };
        world.add(move |boot| Overlay::new(config(boot, &known)).expect("a configuration"));
    }
    for _ in bootstraps {
        world.add(move |boot| Overlay::new(config(boot, &[]).watching()).expect("a configuration"));
    }
    for number in (0..shared).chain(bootstraps) {
        world.start(number, Time::ZERO);
    }
    world
}

#[test]
fn two_overlays_that_share_one_node_become_one() {
    let mut world = two_overlays();
    world.run_until(Time::ZERO + SETTLING, |_, _, _| ());
    let apart: Vec<usize> = (0..8).map(|number| node(&world, number).database().len()).collect();
    assert_eq!(apart, [4; 8], "two overlays of four");
    world.start(8, world.now());
    world.run_until(world.now() + Duration::from_secs(1), |_, _, _| ());
    let took = until_one(&mut world, 9);
    assert!(took <= Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_bootstrap_that_starts_again_empty_knows_all_within_a_period() {
    let nodes = 6;
    let mut world = settled(nodes, 3);
    let known = |world: &World<Overlay>| world.machine(nodes).map_or(0, |node| node.database().len());
    assert_eq!(known(&world), nodes);
    world.restart(nodes, Restart::Forgetting);
    assert_eq!(known(&world), 0);
    world.run_until(world.now() + Duration::from_secs(60), |_, _, _| ());
    assert_eq!(known(&world), nodes);
}

#[test]
fn a_reader_that_stops_costs_its_own_queue_and_nothing_else() {
    let nodes = 5;
    let mut world = settled(nodes, 4);
    let neighbours = node(&world, 0).neighbors();
    let number = |world: &World<Overlay>, wanted: NodeId| (0..nodes).find(|n| id(world, *n) == wanted);
    let peers: Vec<usize> = neighbours.iter().filter_map(|n| number(&world, n.id)).collect();
    assert!(peers.len() >= 2);
    let (stopped, well) = (peers[0], peers[1]);
    let (to_stopped, to_well) = (id(&world, stopped), id(&world, well));
    let bulk = Rc::new(Cell::new(0usize));
    let count = Rc::clone(&bulk);
    world.observe(move |_, from, output| {
        if let Output::Send { class: Class::Bulk, frame, .. } = output
            && from == 0
        {
            count.set(count.get() + frame.len());
        }
    });
    world.freeze(stopped);
    let payload = bytes::Bytes::from(vec![7; 20_000]);
    let (mut refused, mut taken, mut sent, mut delivered, mut undelivered) = (0, 0, 0, 0, Vec::new());
    // The neighbour is not yet suspected: its links are still in use.
    for _ in 0..100 {
        match world.command(0, Command::Send { to: to_stopped, payload: payload.clone(), way: Way::Link }) {
            Some(Err(Refusal::Busy)) => refused += 1,
            Some(Ok(_)) => taken += 1,
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            world.command(0, Command::Send { to: to_well, payload: payload.clone(), way: Way::Link }),
            Some(Ok(_))
        ));
        sent += 1;
        world.run_until(world.now() + Duration::from_millis(5), |_, at, event| match event {
            Event::Delivered { .. } if at == well => delivered += 1,
            Event::Undelivered { number, why, .. } if at == 0 => undelivered.push((number, why)),
            _ => {}
        });
    }
    world.run_until(world.now() + Duration::from_secs(2), |_, at, event| {
        if matches!(event, Event::Delivered { .. }) && at == well {
            delivered += 1;
        }
    });
    assert_eq!(delivered, sent, "frames lost elsewhere");
    assert!(refused > 0 && refused + taken == 100, "{refused} refused, {taken} taken");
    // A window at the network, one at the driver, and a megabyte of its own.
    assert!(taken * 20_000 <= (1 << 20) + (256 << 10) + (64 << 10) + 40_000, "{taken} taken");
    assert!(bulk.get() > 0 && undelivered.iter().all(|(_, why)| *why == Loss::Busy), "{undelivered:?}");
}

/// Whom a node chooses, by their numbers.
fn chosen(world: &World<Overlay>, number: usize, nodes: usize) -> Vec<usize> {
    let chosen = node(world, number).neighbors().into_iter().filter(|link| link.mine == Mine::Chosen);
    let ids: Vec<NodeId> = chosen.map(|link| link.id).collect();
    let running = (0..nodes).filter(|other| world.machine(*other).is_some());
    running.filter(|other| ids.contains(&id(world, *other))).collect()
}

#[test]
fn one_who_starts_again_and_again_without_state_keeps_no_lost_choice_from_being_replaced() {
    let (nodes, restless, starts) = (8, 7, 12);
    for seed in 1..=5 {
        let mut world = settled(nodes, seed);
        for _ in 0..starts {
            world.restart(restless, Restart::Forgetting);
            world.run_until(world.now() + Duration::from_secs(5), |_, _, _| ());
        }
        let left_behind = node(&world, 0).database().len() - nodes;
        assert!(left_behind >= starts, "{left_behind} of {starts}");
        let lost = *chosen(&world, 0, nodes).iter().find(|other| **other != restless).expect("one of two");
        world.kill(lost);
        world.run_until(world.now() + Duration::from_secs(2), |_, _, _| ());
        assert_eq!(chosen(&world, 0, nodes).len(), 2, "seed {seed}");
    }
}
