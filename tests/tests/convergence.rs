//! Whatever goes wrong in a small overlay, two rewiring periods after everything is right again the oracles hold.
//!
//! Each case has a seed of its own, counted from `EGOIST_FIRST` (0); `EGOIST_CASES=n` runs so many. A failing case is
//! shrunk (`EGOIST_SHRINKS=n` attempts) and printed with its seed: `EGOIST_FIRST=<seed> EGOIST_CASES=1` runs it again.

use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use egoist_core::overlay::scenario::{Scenario, strategies};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// How many cases, unless the environment says otherwise.
const CASES: u64 = 1_000;
/// How often a failing case is made smaller.
const SHRINKS: u32 = 200;

fn number<N: FromStr>(name: &str, otherwise: N) -> N {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}"))
}

/// Runs one case; what it shrank to, and why that fails, if it does.
fn case(seed: u64) -> Option<(Scenario, String)> {
    let shrinks = number("EGOIST_SHRINKS", SHRINKS);
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { cases: 1, failure_persistence: None, max_shrink_iters: shrinks, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &octets));
    let held = runner.run(&strategies::scenarios(), |scenario| {
        scenario.run().map_err(|difference| TestCaseError::fail(difference.to_string()))
    });
    match held {
        Ok(()) => None,
        Err(TestError::Fail(why, scenario)) => Some((scenario, why.to_string())),
        Err(TestError::Abort(why)) => panic!("seed {seed}: {why}"),
    }
}

#[test]
fn oracles_hold_two_periods_after_recovery() {
    let first = number("EGOIST_FIRST", 0);
    let end = first + number("EGOIST_CASES", CASES);
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            if let Some((scenario, why)) = case(seed) {
                failed.lock().unwrap().push((seed, why, scenario));
            }
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| _ = scope.spawn(work));
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_by_key(|(seed, ..)| *seed);
    for (seed, why, scenario) in &failed {
        eprintln!("seed {seed}: {why}\n{scenario:#?}");
    }
    let seeds: Vec<u64> = failed.iter().map(|(seed, ..)| *seed).collect();
    assert!(seeds.is_empty(), "{} of {} cases fail: seeds {seeds:?}", seeds.len(), end - first);
}
