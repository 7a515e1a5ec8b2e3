//! Ours.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_core::kernel::Seed;
use egoist_core::mesh;
use egoist_core::mesh::Event;
use egoist_core::mesh::chord::{Chord, Config, Outcome};
use egoist_core::mesh::wire::Value;
use egoist_tests::own_mesh::{Own, config};

use super::{BURSTS, GETS, LENGTH, PAUSE, WHISPERS, median};

/// Nodes of the mesh that know the first, and whom they heard of from it.
fn mesh(count: usize) -> Vec<Own> {
    let mut nodes = vec![Own::start(config(1), &[])];
    for seed in 2..=count as u64 {
        let own = Own::start(config(seed), &[nodes[0].addr]);
        own.until_linked(&[nodes[0].id]);
        nodes.push(own);
    }
    sleep(Duration::from_secs(1));
    nodes
}

/// Three nodes that store.
fn ring() -> Vec<Own<Chord>> {
    let mut nodes: Vec<Own<Chord>> = Vec::new();
    for seed in 1..=3 {
        let config = Config::new(Seed::from_u64(seed), ([127, 0, 0, 1], 0).into());
        let bootstrap = nodes.iter().map(|own| own.addr).collect();
        nodes.push(Own::chord(Config { mesh: mesh::Config { bootstrap, ..config.mesh.clone() }, ..config }));
    }
    for own in &nodes {
        own.until("it has a place in the ring", |node| {
            let ring = node.ring();
            ring.behind.len() == 2 && ring.ahead.is_some() && ring.is_in_step
        });
    }
    nodes
}

/// Broadcasts a second, in bursts of one node's.
pub(crate) fn broadcasts(nodes: usize, size: usize) -> f64 {
    let nodes = mesh(nodes);
    let rates = (0..BURSTS).map(|burst| {
        sleep(PAUSE / 10);
        one_burst(&nodes, size, burst)
    });
    median(rates.collect())
}

fn one_burst(nodes: &[Own], size: usize, burst: usize) -> f64 {
    let begin = Instant::now();
    let text = "x".repeat(LENGTH);
    for number in 0..size as u64 {
        let values = [(burst as u64).into(), text.as_str().into(), number.into()];
        assert!(nodes[0].broadcast(&values).is_ok(), "a burst is refused");
    }
    for own in &nodes[1..] {
        let mut heard = BTreeSet::new();
        own.hear("the whole burst", |event| {
            if let Event::Message { values, .. } = event {
                heard.insert(values.last().and_then(Value::as_u64));
            }
            (heard.len() == size).then_some(())
        });
    }
    let took = begin.elapsed();
    nodes.iter().for_each(|own| drop(own.take()));
    size as f64 / took.as_secs_f64()
}

/// Milliseconds.
pub(crate) fn whisper() -> f64 {
    let nodes = mesh(2);
    nodes.iter().for_each(|own| drop(own.take()));
    let times = (0..WHISPERS as u64).map(|number| {
        let begin = Instant::now();
        tell(&nodes[0], &nodes[1], number);
        tell(&nodes[1], &nodes[0], number);
        begin.elapsed().as_secs_f64() * 1e3
    });
    median(times.collect())
}

/// One whispers to the other, which is told it.
fn tell(from: &Own, to: &Own, number: u64) {
    let whisper = mesh::Command::Whisper { to: to.id, values: vec![number.into()] };
    assert!(from.command(whisper).is_ok(), "a whisper is refused");
    to.hear("the whisper", |event| matches!(event, Event::Message { .. }).then_some(()));
    to.take();
}

/// Milliseconds.
pub(crate) fn get() -> f64 {
    let nodes = ring();
    (0..GETS as u64).for_each(|n| put(&nodes[0], n));
    let times = (0..GETS as u64).zip(nodes.iter().cycle()).map(|(n, own)| {
        let begin = Instant::now();
        assert!(has(own, n), "key {n} is not found");
        begin.elapsed().as_secs_f64() * 1e3
    });
    median(times.collect())
}

/// Milliseconds.
pub(crate) fn set() -> f64 {
    let nodes = ring();
    let times = (0..GETS as u64).map(|n| {
        let begin = Instant::now();
        put(&nodes[0], n);
        while !has(&nodes[1], n) {}
        begin.elapsed().as_secs_f64() * 1e3
    });
    median(times.collect())
}

fn put(own: &Own<Chord>, n: u64) {
    let kept = own.put(&format!("key {n}"), n.into());
    assert!(matches!(kept, Outcome::Kept { .. }), "key {n}: {kept:?}");
    own.take();
}

fn has(own: &Own<Chord>, n: u64) -> bool {
    let got = own.get(&format!("key {n}"));
    own.take();
    matches!(got, Outcome::Value { value, .. } if value == n.into())
}
