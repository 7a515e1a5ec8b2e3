//! A small overlay in simulated time, the same in every run: nodes join, one is killed and comes back with its state,
//! one without.

use std::time::Duration;

use bytes::Bytes;
use egoist_core::kernel::{Machine, Seed, Time};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{Command, Config, Event, LinkMode, NodeId, Refusal, Reply, Way};
use egoist_core::sim::{self, Boot, Condition, Jitter, Restart, World, address};

/// How many nodes; node 0 is asked by the others who is there.
pub(crate) const NODES: usize = 12;
/// How long they are watched.
pub(crate) const END: Time = Time::from_secs(240);

fn id(node: usize) -> NodeId {
    NodeId((node as u128 + 1) << 100)
}

/// What a node is told at a start.
pub(crate) fn config(boot: Boot, links: LinkMode) -> Config {
    let network = Network::new("trace").expect("a good name");
    Config {
        id: Some(id(boot.node)),
        links,
        k: 2,
        bootstraps: if boot.node == 0 { Vec::new() } else { vec![address(0)] },
        ..Config::new(boot.seed, network, boot.address)
    }
}

/// A world whose nodes `make` builds. Round trips follow from the nodes' numbers, and are jittered and lost at random.
pub(crate) fn world<M>(seed: u64, make: impl Fn(Boot) -> M + Clone + 'static) -> World<M>
where
    M: Machine<Command = Command, Reply = Reply, Refusal = Refusal, Event = Event> + 'static,
{
    let network = sim::Config {
        jitter: Jitter::Uniform { max: Duration::from_micros(500) },
        loss_per_million: 1_000,
        ..sim::Config::default()
    };
    let delays = |from: usize, to: usize| 2_000 + (from * 7 + to * 13) as u64 % 11 * 4_000;
    let mut world = World::new(network, delays, Seed::from_u64(seed));
    for node in 0..NODES {
        world.add(make.clone());
        world.start(node, Time::from_millis(700 * node as u64));
    }
    world
}

/// Lets the world live until [`END`].
pub(crate) fn live<M>(world: &mut World<M>)
where
    M: Machine<Command = Command, Reply = Reply, Refusal = Refusal, Event = Event> + 'static,
{
    let mut until = |secs: u64, act: &mut dyn FnMut(&mut World<M>)| {
        world.run_until(Time::from_secs(secs), |_, _, _| ());
        act(world);
    };
    until(90, &mut |world| world.kill(3));
    until(110, &mut |world| world.restart(3, Restart::Keeping));
    until(130, &mut |world| world.halt(7));
    until(150, &mut |world| world.restart(7, Restart::Forgetting));
    until(170, &mut |world| {
        let echo = Command::Echo { to: id(5), payload: Bytes::from_static(b"echo"), way: Way::Link };
        assert!(world.command(8, echo).is_some_and(|answer| answer.is_ok()), "5 is there");
    });
    until(200, &mut |world| _ = world.command(11, Command::Leave));
    world.run_until(END, |_, _, _| ());
    assert!((0..NODES - 1).all(|node| world.condition(node) == Condition::Running));
}
