//! Whatever goes wrong in a small overlay, a stated time after everything is right again the oracles hold.
//!
//! Each case has a seed of its own, counted from `EGOIST_FIRST` (0); `EGOIST_CASES=n` runs so many, and prints how often
//! which kind of fault took effect and how long the oracles took to hold. A failing case is shrunk (`EGOIST_SHRINKS=n`
//! attempts) and printed with its seed, as a script: `EGOIST_SCRIPT=FILE` runs one again, and so does
//! `EGOIST_FIRST=<seed> EGOIST_CASES=1`.

use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use egoist_core::overlay::scenario::{Held, Scenario, strategies};
use egoist_core::sim::{Kind, Tally};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

/// How many cases, unless the environment says otherwise.
const CASES: u64 = 1_000;
/// How often a failing case is made smaller.
const SHRINKS: u32 = 400;
/// In so many of 1,000 cases each kind of fault takes effect at least; about a quarter more are expected.
const HIT: u64 = 40;

fn number<N: FromStr>(name: &str, otherwise: N) -> N {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}"))
}

/// Runs one case; what it shrank to, and why that fails, if it does.
fn case(seed: u64) -> Result<Held, Box<(Scenario, String)>> {
    let shrinks = number("EGOIST_SHRINKS", SHRINKS);
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { cases: 1, failure_persistence: None, max_shrink_iters: shrinks, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &octets));
    let held = Mutex::new(None);
    let outcome = runner.run(&strategies::scenarios(), |scenario| {
        let run = scenario.run().map_err(|difference| TestCaseError::fail(difference.to_string()))?;
        *held.lock().unwrap() = Some(run);
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(held.into_inner().unwrap().expect("a case was run")),
        Err(TestError::Fail(why, scenario)) => Err(Box::new((scenario, why.to_string()))),
        Err(TestError::Abort(why)) => panic!("seed {seed}: {why}"),
    }
}

/// What all cases together have shown.
#[derive(Default)]
struct Shown {
    /// When the oracles held, and in which case.
    held: Vec<(Duration, u64)>,
    /// In how many cases each kind of fault took effect.
    cases: [usize; Kind::ALL.len()],
    tally: Tally,
    failed: Vec<(u64, Box<(Scenario, String)>)>,
}

impl Shown {
    fn add(&mut self, seed: u64, outcome: Result<Held, Box<(Scenario, String)>>) {
        match outcome {
            Ok(held) => {
                self.held.push((held.after, seed));
                self.tally += &held.tally;
                for (kind, _) in held.tally.iter().filter(|(_, n)| *n > 0) {
                    self.cases[kind as usize] += 1;
                }
            }
            Err(failure) => self.failed.push((seed, failure)),
        }
    }

    fn print(&mut self) {
        self.held.sort();
        for kind in Kind::ALL {
            println!("{kind:?}: in {} cases, {} times", self.cases[kind as usize], self.tally.of(kind));
        }
        let last = self.held.len().saturating_sub(1);
        for (name, place) in [("half", last / 2), ("99 %", last * 99 / 100), ("all", last)] {
            if let Some((after, seed)) = self.held.get(place) {
                println!("{name} held within {after:?} (seed {seed})");
            }
        }
        self.failed.sort_by_key(|(seed, _)| *seed);
        for (seed, failure) in &self.failed {
            let (scenario, why) = &**failure;
            eprintln!("# seed {seed}: {why}\n# {} actions\n{scenario}", scenario.faults.len());
        }
    }
}

fn run_script(file: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let scenario: Scenario = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
    match scenario.run() {
        Ok(held) => println!("held after {:?}: {:?}", held.after, held.tally),
        Err(difference) => panic!("{file}: {difference}"),
    }
}

/// Overlays that broke a law once.
#[test]
fn what_failed_once_holds() {
    let scripts = [
        ("outdegree", include_str!("convergence/outdegree.txt")),
        ("databases", include_str!("convergence/databases.txt")),
        ("moved", include_str!("convergence/moved.txt")),
        ("stranded", include_str!("convergence/stranded.txt")),
    ];
    for (name, text) in scripts {
        let scenario: Scenario = text.parse().unwrap();
        assert!(scenario.run().is_ok(), "{name}: {}", scenario.run().unwrap_err());
    }
}

#[test]
fn oracles_hold_a_stated_time_after_recovery() {
    if let Ok(file) = std::env::var("EGOIST_SCRIPT") {
        return run_script(&file);
    }
    let first = number("EGOIST_FIRST", 0);
    let cases: u64 = number("EGOIST_CASES", CASES);
    let (next, shown) = (AtomicU64::new(first), Mutex::new(Shown::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + cases {
                return;
            }
            let outcome = case(seed);
            shown.lock().unwrap().add(seed, outcome);
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| _ = scope.spawn(work));
    });
    let mut shown = shown.into_inner().unwrap();
    shown.print();
    let seeds: Vec<u64> = shown.failed.iter().map(|(seed, ..)| *seed).collect();
    assert!(seeds.is_empty(), "{} of {cases} cases fail: seeds {seeds:?}", seeds.len());
    let seldom = |kind: &Kind| (shown.cases[*kind as usize] as u64) < HIT * (cases / 1_000);
    let seldom: Vec<Kind> = Kind::ALL.into_iter().filter(seldom).collect();
    assert!(seldom.is_empty(), "too seldom: {seldom:?}");
}
