//! Nodes of ours and of py2p in one Chord.

use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_core::mesh::chord::{Chord, Config, Failure, Outcome};
use egoist_core::mesh::wire::{Map, Value};
use egoist_core::mesh::{self, Event};
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

fn map(pairs: &[(&str, u64)]) -> Map {
    let pairs = pairs.iter().map(|(key, n)| (Value::from(*key), Value::from(*n)));
    Map::new(pairs.collect()).expect("keys are texts, each once")
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
        ring.acquaint();
        Some(ring)
    }

    /// Real ones are linked with each other too, and each knows that the others store: of who has dialled it a py2p node
    /// hears that only when that joins once more.
    fn acquaint(&mut self) {
        let real = self.real.len();
        for node in 1..real {
            let earlier: Vec<_> = (0..node).map(|other| self.real.id(other)).collect();
            for (other, id) in earlier.iter().enumerate() {
                if !self.real.peers(node).contains(id) {
                    self.real.connect(node, self.real.addr(other));
                }
            }
            self.real.until_linked(node, &earlier);
        }
        (0..real).for_each(|node| self.join(node));
        for node in 0..real {
            self.real.ask(node, json!({"do": "wait", "storing": real - 1, "timeout": 10}));
        }
        sleep(PEACE);
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

    /// A real one merges into a map.
    fn real_merges(&mut self, key: &str, delta: &[(&str, u64)]) {
        let delta = stated_one(&Value::Map(map(delta)));
        self.real.ask(0, json!({"do": "delta", "key": key, "delta": delta, "timeout": 15}));
    }

    /// Nobody has these any more.
    fn nobody_gets(&mut self, keys: &[&str]) {
        for key in keys {
            for own in &self.ours {
                let (begin, mut got) = (Instant::now(), own.get(key));
                while got != Outcome::Absent {
                    assert!(begin.elapsed() < PATIENCE, "{key} is {got:?}");
                    got = own.get(key);
                }
            }
            let got = self.real.ask(0, json!({"do": "get", "key": key, "timeout": 2}));
            assert_eq!(got["found"], false, "{key}");
        }
    }

    /// No peer of ours was lost, nobody has misbehaved, and a real one that is alone among ours lists no error. Several list
    /// those of connections that they dial to each other and close.
    fn is_well(&mut self) {
        for own in &self.ours {
            let bad = own.take().into_iter().find(|event| {
                use egoist_core::mesh::chord::Event as Told;
                matches!(event, Told::Mesh(Event::PeerDown { .. } | Event::Misbehaved { .. }))
            });
            assert!(bad.is_none(), "{bad:?}");
        }
        if self.real.len() == 1 {
            let status = self.real.ask(0, json!({"do": "status"}));
            assert_eq!(status["errors"], 0, "{status}");
        }
    }
}

fn stated_one(value: &Value) -> Json {
    let all: Json = serde_json::from_str(&stated(std::slice::from_ref(value))).expect("it is JSON");
    all[0].clone()
}

/// Set anywhere, overwritten elsewhere, merged into, deleted.
fn all_do_all(ring: &mut Ring) {
    let (last_own, last_real) = (ring.ours.len() - 1, ring.real.len() - 1);
    let kept = ring.ours[0].put("ours", value(1));
    assert!(matches!(kept, Outcome::Kept { .. }), "{kept:?}");
    ring.all_get("ours", &value(1));
    ring.real_set(last_real, "ours", &value(2));
    ring.all_get("ours", &value(2));
    ring.ours[last_own].put("ours", value(3));
    ring.all_get("ours", &value(3));
    ring.real_set(0, "real", &value(1));
    ring.all_get("real", &value(1));
    ring.ours[0].put("real", value(2));
    ring.all_get("real", &value(2));
    ring.real_merges("map", &[("a", 1)]);
    ring.ours[0].merge("map", map(&[("b", 2)]));
    ring.all_get("map", &Value::Map(map(&[("a", 1), ("b", 2)])));
    assert!(matches!(ring.ours[0].delete("ours"), Outcome::Kept { .. }));
    ring.real.ask(0, json!({"do": "delete", "key": "real"}));
    ring.nobody_gets(&["ours", "real"]);
    ring.is_well();
}

#[test]
fn one_of_ours_and_two_real_ones_have_the_same_keys() {
    let Some(mut ring) = Ring::start(2, &[], vec![storing(1)]) else { return };
    all_do_all(&mut ring);
}

#[test]
fn two_of_ours_and_three_real_ones_have_the_same_keys() {
    let Some(mut ring) = Ring::start(3, &[], vec![storing(1), storing(2)]) else { return };
    all_do_all(&mut ring);
    (0..5).for_each(|n| _ = ring.ours[0].put(&format!("key {n}"), value(n)));
    (5..10).for_each(|n| ring.real_set(1, &format!("key {n}"), &value(n)));
    ring.real.ask(2, json!({"do": "unjoin"}));
    sleep(PEACE);
    (0..10).for_each(|n| ring.all_get(&format!("key {n}"), &value(n)));
    ring.is_well();
}

#[test]
fn what_is_kept_by_ours_alone_is_found_by_a_real_one_that_comes() {
    let Some(mut real) = RealPy2p::start("chord", 1, &[]) else { return };
    let own = Own::chord(storing(1));
    (0..20).for_each(|n| {
        assert!(matches!(own.put(&format!("key {n}"), value(n)), Outcome::Kept { copies: 1, .. }));
    });
    real.ask(0, json!({"do": "join"}));
    real.connect(0, own.addr);
    real.until_linked(0, &[own.id]);
    let mut ring = Ring { ours: vec![own], real };
    ring.real.ask(0, json!({"do": "wait", "keys": 20, "timeout": 10}));
    (0..20).for_each(|n| ring.all_get(&format!("key {n}"), &value(n)));
    ring.real_set(0, "theirs", &value(99));
    ring.all_get("theirs", &value(99));
    ring.is_well();
    // What it had is not gone with it, once ours have it under its name.
    let begin = Instant::now();
    while !ring.ours[0].has_name("theirs") {
        assert!(begin.elapsed() < PATIENCE, "it is not kept under its name");
        sleep(STEP);
    }
    ring.real.kill(0);
    let id = ring.real.id(0);
    ring.ours[0].until("it is no peer", move |node| node.mesh().peers().all(|peer| peer.id != id));
    assert!(has(&ring.ours[0].get("theirs"), &value(99)));
}

#[test]
fn leeches_get_what_others_store() {
    let Some(mut ring) = Ring::start(1, &[], vec![storing(1), leech(2)]) else { return };
    let reader = ring.real.begin();
    ring.link(reader);
    ring.ours[1].put("leech", value(1));
    ring.all_get("leech", &value(1));
    ring.real_set(reader, "reader", &value(2));
    ring.all_get("reader", &value(2));
    ring.is_well();
    let lone = Own::chord(leech(3));
    assert_eq!(lone.get("anything"), Outcome::Failed(Failure::NobodyStores));
}

#[test]
fn among_real_ones_as_shipped_keys_are_found() {
    let Some(mut ring) = Ring::start(2, &["--as-shipped"], vec![storing(1)]) else { return };
    for n in 0..5 {
        let (ours, real) = (format!("ours {n}"), format!("real {n}"));
        ring.ours[0].put(&ours, value(n));
        ring.real_set(0, &real, &value(n));
        ring.all_get(&ours, &value(n));
        ring.all_get(&real, &value(n));
    }
}
