//! Machines of different protocols in one world.

use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;

use super::chatter::{Chatter, Do, Heard};
use crate::kernel::{Input, Machine, Output, Seed, Time, Wake};
use crate::sim::{AnyMachine, Condition, Config, Trace, World, address};

/// Tells of each datagram how long it was, as chatters tell what they hear.
struct Measurer(Vec<Output<Heard>>);

impl Machine for Measurer {
    type Command = Infallible;
    type Reply = ();
    type Refusal = ();
    type Event = Heard;

    fn handle(&mut self, _: Time, input: Input<'_>) {
        if let Input::Datagram { from, bytes, .. } = input {
            self.0.push(Output::Event(Heard::Datagram(from, vec![0; bytes.len()])));
        }
    }

    fn command(&mut self, _: Time, none: Infallible) -> Result<(), ()> {
        match none {}
    }

    fn poll(&mut self) -> Option<Output<Heard>> {
        self.0.pop()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        None
    }
}

/// What nodes of one kind tell.
type Told = Vec<(usize, Heard)>;

/// What a chatter and a measurer tell when one says so many octets to the other; and the hash of it.
fn told(octets: usize) -> (Told, Told, u64) {
    let mut world: World<AnyMachine> =
        World::new(Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(7));
    let chatter = world.add_of(Chatter::quiet);
    let measurer = world.add_of(|_| Measurer(Vec::new()));
    (0..2).for_each(|node| world.start(node, Time::ZERO));
    world.run_until(Time::from_secs(1), |_, _, _| ());
    assert_eq!(world.command_to(chatter, Do::Datagram(address(1), vec![7; octets])), Some(Ok(())));
    let (mut chatted, mut measured, mut trace) = (Vec::new(), Vec::new(), Trace::new());
    world.run_until(Time::from_secs(2), |at, node, event| {
        chatted.extend(event.of::<Chatter>().map(|heard| (node, heard.clone())));
        measured.extend(event.of::<Measurer>().map(|heard| (node, heard.clone())));
        trace.add(at, node, &Output::Event(event));
    });
    world.kill(chatter.node());
    assert!(world.machine_of(chatter).is_none() && world.machine_of(measurer).is_some());
    assert_eq!(world.command_to(chatter, Do::Load), None, "nobody is there");
    assert_eq!(world.condition(measurer.node()), Condition::Running);
    (chatted, measured, trace.hash())
}

#[test]
fn an_event_is_that_of_one_kind_of_machine_though_two_tell_values_of_one_type() {
    let (chatted, measured, _) = told(3);
    assert_eq!(chatted, []);
    assert_eq!(measured, [(1, Heard::Datagram(address(0), vec![0; 3]))]);
}

#[test]
fn every_octet_of_an_event_counts_in_a_trace() {
    assert_eq!(told(3).2, told(3).2);
    assert_ne!(told(3).2, told(4).2);
}
