//! The simulator is a driver too: overlays and hello nodes in it find nothing wrong with it, whatever goes wrong in their
//! world.

#[path = "trace/world.rs"]
mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use egoist_core::hello::{self, Hello};
use egoist_core::kernel::{Checked, Machine, Seed, Streams, Time};
use egoist_core::overlay::{Command, Event, LinkMode, Overlay, Refusal, Reply};
use egoist_core::sim::faults::{Severity, draw, play, recover};
use egoist_core::sim::{self, Boot, Trace, World, address};

/// Worlds with faults, and how many faults each has.
const SEEDS: u64 = 20;
const ACTIONS: usize = 40;

fn checked(boot: Boot) -> Checked<Overlay> {
    Checked::new(bare(boot))
}

fn bare(boot: Boot) -> Overlay {
    Overlay::new(world::config(boot, LinkMode::Mutual)).expect("a configuration")
}

/// The hash of what a world puts out.
fn traced<M>(mut world: World<M>) -> u64
where
    M: Machine<Command = Command, Reply = Reply, Refusal = Refusal, Event = Event> + 'static,
{
    let trace = Rc::new(RefCell::new(Trace::new()));
    let heard = Rc::clone(&trace);
    world.observe(move |now, node, output| heard.borrow_mut().add(now, node, output));
    world::live(&mut world);
    trace.borrow().hash()
}

#[test]
fn overlays_that_are_checked_put_out_the_same() {
    assert_eq!(traced(world::world(1, checked)), traced(world::world(1, bare)));
}

/// Lets every fault happen to a world that has settled.
fn trouble<M: Machine>(mut world: World<M>, seed: u64) {
    world.run_until(Time::from_secs(60), |_, _, _| ());
    let severity = Severity { nodes: world.len(), wait: Duration::from_secs(20), loss_per_million: 200_000 };
    let actions = draw(&mut Streams::new(Seed::from_u64(seed)).named("faults"), severity, ACTIONS);
    play(&mut world, &actions, |_, _, _| ());
    recover(&mut world);
    world.run_until(world.now() + Duration::from_secs(120), |_, _, _| ());
}

#[test]
fn the_simulator_is_a_right_driver_of_overlays_through_every_fault() {
    (0..SEEDS).for_each(|seed| trouble(world::world(seed, checked), seed));
}

#[test]
fn the_simulator_is_a_right_driver_of_hello_nodes_through_every_fault() {
    for seed in 0..SEEDS {
        let delays = |from: usize, to: usize| 2_000 + (from * 7 + to * 13) as u64 % 11 * 4_000;
        let dialect = if seed.is_multiple_of(2) { hello::Config::article } else { hello::Config::ncpoc };
        let mut world = World::new(sim::Config::default(), delays, Seed::from_u64(seed));
        for node in 0..world::NODES {
            world.add(move |boot: Boot| {
                let bootstrap = vec![address(0)];
                let config = hello::Config {
                    address: Some(boot.address),
                    bootstrap,
                    start: boot.now,
                    ..dialect(boot.seed)
                };
                Checked::new(Hello::new(config).expect("a configuration"))
            });
            world.start(node, Time::from_millis(700 * node as u64));
        }
        trouble(world, seed);
    }
}
