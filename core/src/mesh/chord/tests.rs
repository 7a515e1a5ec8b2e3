//! Many nodes in a simulated world.

mod network;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::ring::{Position, Space as _};
use super::*;
use crate::kernel::{Seed, Time};
use crate::mesh::wire::{NodeId, Value};
use crate::sim::{self, Boot, World, address};

/// Nodes that join by the first one.
pub(super) struct Town {
    pub(super) world: World<Chord>,
    ended: BTreeMap<(usize, u64), Outcome>,
}

impl Town {
    /// So many, one way apart by so many microseconds, which start a tenth of a second after each other.
    pub(super) fn new(nodes: usize, delay: u64, change: fn(&mut Config)) -> Self {
        let mut world =
            World::new(sim::Config::default(), move |_: usize, _: usize| delay, Seed::from_u64(3));
        for node in 0..nodes {
            world.add(move |boot: Boot| {
                let mut config = Config::new(boot.seed, boot.address);
                config.mesh.start = boot.now;
                config.mesh.wall_time = Some(boot.wall_time);
                config.mesh.bootstrap = (0..1).filter(|first| *first != node).map(address).collect();
                config.mesh.id = Some(id(node));
                change(&mut config);
                Chord::new(config).expect("it can be lived by")
            });
            world.start(node, Time::from_millis(100 * node as u64));
        }
        Town { world, ended: BTreeMap::new() }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.world.now() + time;
        let ended = &mut self.ended;
        self.world.run_until(until, |_, node, event| {
            if let Event::Ended { op, outcome } = event {
                ended.insert((node, op), outcome);
            }
        });
    }

    pub(super) fn begin(&mut self, node: usize, command: Command) -> u64 {
        match self.world.command(node, command) {
            Some(Ok(Reply::Begun { op })) => op,
            other => panic!("{other:?}"),
        }
    }

    /// How it ended, within a second.
    pub(super) fn end(&mut self, node: usize, op: u64) -> Outcome {
        for _ in 0..1_000 {
            if let Some(outcome) = self.ended.remove(&(node, op)) {
                return outcome;
            }
            self.pass(Duration::from_millis(10));
        }
        panic!("operation {op} of node {node} does not end");
    }

    pub(super) fn ask(&mut self, node: usize, command: Command) -> Outcome {
        let op = self.begin(node, command);
        self.end(node, op)
    }

    pub(super) fn put(&mut self, node: usize, key: &str, value: u64) -> Outcome {
        self.ask(node, put(key, value))
    }

    pub(super) fn get(&mut self, node: usize, key: &str) -> Outcome {
        self.ask(node, Command::Get { key: Bytes::copy_from_slice(key.as_bytes()), timeout: TIMEOUT })
    }

    pub(super) fn living(&self) -> Vec<(usize, &Chord)> {
        (0..self.world.len()).filter_map(|node| Some((node, self.world.machine(node)?))).collect()
    }

    /// Whether all living nodes are one ring that is as it should be.
    pub(super) fn is_ideal(&self) -> Result<(), String> {
        let living = self.living();
        for (node, chord) in &living {
            let me = chord.circle.member.me();
            let mut others: Vec<Position> =
                living.iter().map(|(_, other)| other.circle.member.me()).filter(|at| *at != me).collect();
            others.sort_by_key(|at| me.distance(*at));
            let known: Vec<Position> = chord.circle.member.successors().others().collect();
            let expected: Vec<Position> =
                others.iter().copied().take(known.len().max(8).min(others.len())).collect();
            if known != expected {
                return Err(alloc::format!("node {node} knows {known:?}, expected {expected:?}"));
            }
            if chord.circle.member.predecessor() != others.last().copied() {
                return Err(alloc::format!(
                    "node {node} has predecessor {:?}",
                    chord.circle.member.predecessor()
                ));
            }
        }
        Ok(())
    }
}

pub(super) const TIMEOUT: Duration = Duration::from_secs(8);

pub(super) fn put(key: &str, value: u64) -> Command {
    Command::Put {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Value::from(value),
        lives: None,
        policy: store::Policy::Memory,
        timeout: TIMEOUT,
    }
}

pub(super) fn id(node: usize) -> NodeId {
    let place = Place::of(Table::Sha384, alloc::format!("node {node}").as_bytes());
    NodeId(place.position().integer())
}

pub(super) fn found(outcome: &Outcome) -> Option<u64> {
    match outcome {
        Outcome::Value { value, .. } => value.as_u64(),
        _ => None,
    }
}
