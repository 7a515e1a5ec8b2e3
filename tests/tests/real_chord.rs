//! Nodes of ours and of py2p in one Chord.

use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_core::mesh::chord::{Chord, Config, Failure, Outcome};
use egoist_core::mesh::wire::{Map, Role, Value};
use egoist_core::mesh::{self, Event};
use egoist_tests::module::say;
use egoist_tests::own_mesh::{Own, config};
use egoist_tests::real_py2p::{RealPy2p, stated};
use serde_json::{Value as Json, json};

/// Until what was said last has come everywhere; nodes of py2p say nothing when it has.
const PEACE: Duration = Duration::from_secs(1);
/// Within which something is as it is to be.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(50);

fn storing(seed: u64) -> Config {
    let mesh = mesh::Config { subnet: "chord".into(), ..config(seed) };
    Config { mesh, ..Config::new(config(seed).seed, config(seed).address) }
}

fn leech(seed: u64) -> Config {
    Config { stores: false, ..storing(seed) }
}

fn value(n: u64) -> Value {
    Value::Array(vec!["value".into(), n.into()])
}

fn has(outcome: &Outcome, wanted: &Value) -> bool {
    matches!(outcome, Outcome::Value { value, is_certain: true, .. } if value == wanted)
}

/// Ours and real ones, all of them linked with each other.
struct Ring {
    ours: Vec<Own<Chord>>,
    real: RealPy2p,
}

impl Ring {
    /// So many real ones, all storing, and ours.
    fn start(real: usize, flags: &[&str], ours: Vec<Config>) -> Option<Self> {
        let mut ring = Ring { real: RealPy2p::start("chord", real, flags)?, ours: Vec::new() };
        (0..real).for_each(|node| ring.join(node));
        for config in ours {
            let known: Vec<_> = ring.ours.iter().map(|own| own.addr).collect();
            let mesh = mesh::Config { bootstrap: known, ..config.mesh.clone() };
            ring.ours.push(Own::chord(Config { mesh, ..config }));
        }
        (0..real).for_each(|node| ring.link(node));
        Some(ring)
    }

    fn join(&mut self, node: usize) {
        self.real.ask(node, json!({"do": "join"}));
    }

    /// A real node dials all of ours, and is told by each whether it stores.
    fn link(&mut self, node: usize) {
        for at in 0..self.ours.len() {
            let (addr, id) = (self.ours[at].addr, self.ours[at].id);
            self.real.connect(node, addr);
            self.real.until_linked(node, &[id]);
            self.ours[at].until_linked(&[self.real.id(node)]);
        }
    }

    fn real_set(&mut self, node: usize, key: &str, value: &Value) {
        self.real.ask(node, json!({"do": "set", "key": key, "value": stated_one(value)}));
    }

    /// What a real node gets; now and then it misses a vote while links are new.
    fn real_get(&mut self, node: usize, key: &str) -> Json {
        for _ in 0..3 {
            let got = self.real.ask(node, json!({"do": "get", "key": key, "timeout": 4}));
            if got["found"] == true {
                return got["value"].clone();
            }
        }
        Json::Null
    }

    /// All of ours and all real ones get this.
    fn all_get(&mut self, key: &str, wanted: &Value) {
        let begin = Instant::now();
        for own in &self.ours {
            let mut got = own.get(key);
            while !has(&got, wanted) {
                assert!(begin.elapsed() < PATIENCE, "{key} is {got:?} to one of ours");
                sleep(STEP);
                got = own.get(key);
            }
        }
        for node in 0..self.real.len() {
            let mut got = self.real_get(node, key);
            while got != stated_one(wanted) {
                assert!(begin.elapsed() < PATIENCE, "{key} is {got} to real node {node}");
                got = self.real_get(node, key);
            }
        }
    }

    /// Nobody has it any more.
    fn nobody_gets(&mut self, key: &str) {
        for own in &self.ours {
            let begin = Instant::now();
            while own.get(key) != Outcome::Absent {
                assert!(begin.elapsed() < PATIENCE, "{key} is {:?}", own.get(key));
            }
        }
        for node in 0..self.real.len() {
            let got = self.real.ask(node, json!({"do": "get", "key": key, "timeout": 2}));
            assert_eq!(got["found"], false, "{key} to real node {node}");
        }
    }

    /// No link has ended, nobody has misbehaved, and no real node lists an error.
    fn is_well(&mut self) {
        for own in &self.ours {
            let bad = own.take().into_iter().find(|event| {
                use egoist_core::mesh::chord::Event as Told;
                matches!(event, Told::Mesh(Event::PeerDown { .. } | Event::Misbehaved { .. }))
            });
            assert!(bad.is_none(), "{bad:?}");
        }
        for node in 0..self.real.len() {
            let status = self.real.ask(node, json!({"do": "status"}));
            assert_eq!(status["errors"], 0, "node {node}: {status}");
        }
    }
}

fn stated_one(value: &Value) -> Json {
    let all: Json = serde_json::from_str(&stated(std::slice::from_ref(value))).expect("it is JSON");
    all[0].clone()
}

/// Set anywhere, overwritten elsewhere, merged into, deleted.
fn all_do_all(ring: &mut Ring) {
    for own in 0..ring.ours.len() {
        let key = format!("ours {own}");
        let kept = ring.ours[own].put(&key, value(1));
        assert!(matches!(kept, Outcome::Kept { .. }), "{kept:?}");
        ring.all_get(&key, &value(1));
        let real = own % ring.real.len();
        ring.real_set(real, &key, &value(2));
        ring.all_get(&key, &value(2));
        ring.ours[own].put(&key, value(3));
        ring.all_get(&key, &value(3));
        assert!(matches!(ring.ours[own].delete(&key), Outcome::Kept { .. }));
        ring.nobody_gets(&key);
    }
    for real in 0..ring.real.len() {
        let key = format!("real {real}");
        ring.real_set(real, &key, &value(1));
        ring.all_get(&key, &value(1));
        let own = real % ring.ours.len();
        ring.ours[own].put(&key, value(2));
        ring.all_get(&key, &value(2));
        ring.real.ask(real, json!({"do": "delete", "key": key}));
        ring.nobody_gets(&key);
    }
    ring.is_well();
}

#[test]
fn one_of_ours_and_two_real_ones_have_the_same_keys() {
    let Some(mut ring) = Ring::start(2, &[], vec![storing(1)]) else { return };
    all_do_all(&mut ring);
}
