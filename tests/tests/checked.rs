//! The simulator is a driver too: overlays in it find nothing wrong with it, whatever goes wrong in their world.

#[path = "trace/world.rs"]
mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use egoist_core::kernel::{Checked, Machine, Seed, Streams, Time};
use egoist_core::overlay::{Command, Event, LinkMode, Overlay, Refusal, Reply};
use egoist_core::sim::faults::{Severity, draw, play, recover};
use egoist_core::sim::{Boot, Trace, World};

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

#[test]
fn the_simulator_is_a_right_driver_through_every_fault() {
    for seed in 0..SEEDS {
        let mut world = world::world(seed, checked);
        world.run_until(Time::from_secs(60), |_, _, _| ());
        let severity =
            Severity { nodes: world::NODES, wait: Duration::from_secs(20), loss_per_million: 200_000 };
        let actions = draw(&mut Streams::new(Seed::from_u64(seed)).named("faults"), severity, ACTIONS);
        play(&mut world, &actions, |_, _, _| ());
        recover(&mut world);
        world.run_until(world.now() + Duration::from_secs(120), |_, _, _| ());
    }
}
