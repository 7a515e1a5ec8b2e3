//! Recorders in a simulated overlay: they change nothing, and what they record is replayed to the bit.

#[path = "trace/world.rs"]
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use egoist_core::kernel::Time;
use egoist_core::overlay::{LinkMode, Overlay};
use egoist_core::record::{Damage, Piece, Recorder, Recording, Replay, Stop};
use egoist_core::sim::Trace;

/// The recordings of all starts of all nodes of a world, and the hash of what the nodes put out.
fn recorded(seed: u64, links: LinkMode) -> (Vec<Vec<u8>>, u64) {
    let tapes = Rc::new(RefCell::new(Vec::new()));
    let trace = Rc::new(RefCell::new(Trace::new()));
    let (shelf, heard) = (Rc::clone(&tapes), Rc::clone(&trace));
    let mut world = world::world(seed, move |boot| {
        let tape = Rc::new(RefCell::new(Vec::new()));
        shelf.borrow_mut().push(Rc::clone(&tape));
        let sink = move |piece: Piece| piece.seal(&mut tape.borrow_mut());
        Recorder::<Overlay, _>::new(world::config(boot, links), sink).unwrap()
    });
    world.observe(move |now, node, output| heard.borrow_mut().add(now, node, output));
    world::live(&mut world);
    drop(world);
    (tapes.take().into_iter().map(|tape| tape.take()).collect(), trace.borrow().hash())
}

/// How many inputs were replayed, and what ended it before the end.
fn replayed(octets: &[u8]) -> (u64, Option<Stop>) {
    let mut replay = Replay::<Overlay>::new(Recording::read(octets).unwrap()).unwrap();
    let mut inputs = 0;
    loop {
        match replay.step(|_| ()) {
            Ok(Some(_)) => inputs += 1,
            Ok(None) => return (inputs, None),
            Err(stop) => return (inputs, Some(stop)),
        }
    }
}

#[test]
fn every_node_of_an_overlay_is_replayed_without_a_difference() {
    for links in [LinkMode::Mutual, LinkMode::Directed] {
        let (tapes, _) = recorded(1, links);
        assert_eq!(tapes.len(), world::NODES + 2, "two started twice");
        let mut inputs = 0;
        for (n, tape) in tapes.iter().enumerate() {
            let (count, stop) = replayed(tape);
            assert_eq!(stop, None, "recording {n}");
            inputs += count;
        }
        assert!(inputs > 50_000, "{inputs} inputs are not much of a test");
    }
}

#[test]
fn a_recorder_changes_nothing() {
    let trace = Rc::new(RefCell::new(Trace::new()));
    let heard = Rc::clone(&trace);
    let mut bare = world::world(2, |boot| Overlay::new(world::config(boot, LinkMode::Mutual)).unwrap());
    bare.observe(move |now, node, output| heard.borrow_mut().add(now, node, output));
    world::live(&mut bare);
    assert_eq!(recorded(2, LinkMode::Mutual).1, trace.borrow().hash());
}

#[test]
fn an_altered_octet_is_reported_at_its_input() {
    let (tapes, _) = recorded(3, LinkMode::Mutual);
    let tape = &tapes[5];
    let (inputs, _) = replayed(tape);
    let mut last = 0;
    for part in 1..8 {
        let mut altered = tape.clone();
        altered[tape.len() * part / 8] ^= 0x10;
        let (good, stop) = replayed(&altered);
        assert_eq!(stop, Some(Stop::Damaged(Damage::Altered { number: good })));
        assert!(last < good && good < inputs, "{last} {good} {inputs}");
        last = good;
    }
}

#[test]
fn a_node_that_does_something_else_is_found_out() {
    let (tapes, _) = recorded(4, LinkMode::Mutual);
    let tape = &tapes[5];
    // The same run with another k: its first decisions differ, and nothing before.
    let recording = Recording::read(tape).unwrap();
    let head = tape.len() - recording.entries().octets().len();
    let mut other = Vec::new();
    let sink = |piece: Piece| piece.seal(&mut other);
    let boot = egoist_core::sim::Boot {
        node: 5,
        seed: egoist_core::kernel::Seed::from_u64(77),
        start: 1,
        now: Time::ZERO,
        wall_time: std::time::Duration::ZERO,
        address: egoist_core::sim::address(5),
    };
    drop(Recorder::<Overlay, _>::new(world::config(boot, LinkMode::Mutual), sink).unwrap());
    let length = other.len() - Recording::read(&other).unwrap().entries().octets().len();
    other.truncate(length);
    other.extend_from_slice(&tape[head..]);
    let (good, stop) = replayed(&other);
    let Some(Stop::Differs(difference)) = stop else { panic!("{stop:?} after {good}") };
    assert_eq!(difference.number, Some(good));
    assert!(good < 100, "another seed shows soon, not after {good} inputs");
}
