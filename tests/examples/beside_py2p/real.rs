//! py2p.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_tests::real_py2p::{Asked, Heard, RealPy2p};
use serde_json::{Value as Json, json};

use super::{BURSTS, GETS, LENGTH, PAUSE, WHISPERS, median};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_micros(200);

/// What was answered; `None` if that is an error.
fn answer(real: &mut RealPy2p, asked: Asked) -> Option<Json> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(answer) = real.answer(asked) {
            return answer.ok();
        }
        sleep(STEP);
    }
    None
}

fn ask(real: &mut RealPy2p, node: usize, request: Json) -> Option<Json> {
    let asked = real.begin_ask(node, request);
    answer(real, asked)
}

/// A node dials another one.
fn dial(real: &mut RealPy2p, node: usize, to: usize) -> Option<Json> {
    let (addr, id) = (real.addr(to), real.id(to));
    ask(real, node, json!({"do": "connect", "to": addr.to_string(), "peer": id.to_string()}))
}

/// Nodes of the mesh that know the first, and whom they heard of from it.
fn mesh(flags: &[&str], count: usize) -> Option<RealPy2p> {
    let mut real = RealPy2p::start("mesh", count, flags)?;
    for node in 1..count {
        dial(&mut real, node, 0)?;
        ask(&mut real, node, json!({"do": "wait", "peers": 1, "timeout": 10}))?;
        sleep(PAUSE);
    }
    Some(real)
}

/// Three nodes that store.
fn ring(flags: &[&str]) -> Option<RealPy2p> {
    let mut real = RealPy2p::start("chord", 3, flags)?;
    for node in 0..3 {
        ask(&mut real, node, json!({"do": "join"}))?;
        (0..node).try_for_each(|to| dial(&mut real, node, to).map(drop))?;
        ask(&mut real, node, json!({"do": "wait", "peers": node, "timeout": 10}))?;
    }
    (0..3).try_for_each(|node| ask(&mut real, node, json!({"do": "join"})).map(drop))?;
    (0..3).try_for_each(|node| {
        ask(&mut real, node, json!({"do": "wait", "storing": 2, "timeout": 10})).map(drop)
    })?;
    sleep(Duration::from_secs(1));
    Some(real)
}

/// Broadcasts a second, in bursts of one node's.
pub(crate) fn broadcasts(flags: &[&str], nodes: usize, size: usize) -> Option<f64> {
    let mut real = mesh(flags, nodes)?;
    let rates = (0..BURSTS).map(|burst| {
        sleep(PAUSE);
        one_burst(&mut real, nodes, size, burst)
    });
    rates.collect::<Option<Vec<_>>>().map(median)
}

fn one_burst(real: &mut RealPy2p, nodes: usize, size: usize, burst: usize) -> Option<f64> {
    let begin = Instant::now();
    let args = json!([burst, "x".repeat(LENGTH)]);
    let says = real.begin_ask(0, json!({"do": "burst", "args": args, "times": size}));
    let recv = json!({"do": "recv", "min": size, "timeout": PATIENCE.as_secs() / 2});
    let hear: Vec<_> = (1..nodes).map(|node| (node, real.begin_ask(node, recv.clone()))).collect();
    for (node, first) in hear {
        let mut heard: BTreeSet<String> = numbers(&answer(real, first)?);
        // What came twice has been counted for what is still to come.
        while heard.len() < size {
            if begin.elapsed() > PATIENCE {
                return None;
            }
            let more = ask(real, node, json!({"do": "recv", "min": 1, "timeout": 1}))?;
            heard.extend(numbers(&more));
        }
    }
    let took = begin.elapsed();
    answer(real, says)?;
    Some(size as f64 / took.as_secs_f64())
}

fn numbers(heard: &Json) -> BTreeSet<String> {
    Heard::all(heard).into_iter().map(|heard| heard.args).collect()
}

/// Milliseconds.
pub(crate) fn whisper(flags: &[&str]) -> Option<f64> {
    let mut real = mesh(flags, 2)?;
    ask(&mut real, 1, json!({"do": "echo"}))?;
    let to = real.id(1).to_string();
    let took = ask(&mut real, 0, json!({"do": "ping", "to": to, "times": WHISPERS}))?;
    let seconds = took["seconds"].as_array()?.iter().filter_map(Json::as_f64);
    Some(median(seconds.map(|seconds| seconds * 1e3).collect()))
}

/// Milliseconds.
pub(crate) fn get(flags: &[&str]) -> Option<f64> {
    let mut real = ring(flags)?;
    for n in 0..GETS {
        ask(&mut real, 0, json!({"do": "set", "key": format!("key {n}"), "value": n}))?;
        sleep(PAUSE / 10);
    }
    sleep(PAUSE);
    let times = (0..GETS).map(|n| {
        let got = ask(&mut real, n % 3, json!({"do": "get", "key": format!("key {n}"), "timeout": 10}))?;
        (got["found"] == true).then_some(got["seconds"].as_f64()? * 1e3)
    });
    times.collect::<Option<Vec<_>>>().map(median)
}

/// Milliseconds. A key that is not found is asked for up to three times.
pub(crate) fn set(flags: &[&str]) -> Option<f64> {
    let mut real = ring(flags)?;
    let times = (0..GETS).map(|n| {
        let (key, begin) = (format!("key {n}"), Instant::now());
        ask(&mut real, 0, json!({"do": "set", "key": key, "value": n}))?;
        let get = json!({"do": "get", "key": key, "timeout": 10});
        let is_there = |_| ask(&mut real, 1, get.clone()).is_some_and(|got| got["found"] == true);
        (0..3).any(is_there).then_some(begin.elapsed().as_secs_f64() * 1e3)
    });
    times.collect::<Option<Vec<_>>>().map(median)
}
