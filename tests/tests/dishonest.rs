//! Whatever one dishonest neighbour says, a stated time after its end the honest have what each says of itself, reach each
//! other, and nobody has ended; while it lies, none loses another from sight for long.
//!
//! `EGOIST_CASES=n` runs so many cases of each lie (from seed `EGOIST_FIRST`), `EGOIST_LIES=a,b` those lies alone, and prints
//! how often each was told. Cases that fail are made smaller (`EGOIST_SHRINKS=n` runs) and printed as scripts:
//! `EGOIST_SCRIPT=FILE` runs one again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use egoist_core::overlay::dishonest::{Difference, Lie, Scenario, Watch};
use egoist_core::sim::scenario::Shrunk;
use egoist_tests::scenarios::number;

/// How many cases of each lie, unless the environment says otherwise.
const CASES: u64 = 3;
/// By how many runs a failing case is made smaller.
const SHRINKS: u32 = 0;

/// What one case came to.
struct Outcome {
    lie: Lie,
    seed: u64,
    told: u64,
    loss: Duration,
    failed: Option<String>,
}

fn case(lie: Lie, seed: u64) -> Outcome {
    let (scenario, mut watch) = (Scenario::of(lie, seed), Watch::default());
    let failed = scenario.run_watched(&mut watch).err().map(|difference| shrunk(&scenario, difference));
    Outcome { lie, seed, told: watch.told(lie), loss: watch.longest_loss(), failed }
}

fn shrunk(scenario: &Scenario, difference: Difference) -> String {
    let first = difference.to_string();
    let runs = number("EGOIST_SHRINKS", SHRINKS);
    let Shrunk { script, difference, runs } =
        scenario.shrink(difference, runs, |script| script.run().map(drop));
    if runs == 0 { first } else { format!("{first}\n# after {runs} runs: {difference}\n{script}") }
}

/// All cases, on as many threads as there are processors.
fn run_all(cases: &[(Lie, u64)]) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(&(lie, seed)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = case(lie, seed);
            outcomes.lock().unwrap().push(outcome);
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| _ = scope.spawn(work));
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|outcome| (outcome.lie, outcome.seed));
    outcomes
}

/// How many cases of each lie there were, how often it was told, and which failed.
fn print(outcomes: &[Outcome]) {
    let mut of_lie: BTreeMap<Lie, Vec<&Outcome>> = BTreeMap::new();
    outcomes.iter().for_each(|outcome| of_lie.entry(outcome.lie).or_default().push(outcome));
    for (lie, outcomes) in of_lie {
        let told: u64 = outcomes.iter().map(|outcome| outcome.told).sum();
        let failed: Vec<u64> = outcomes.iter().filter(|o| o.failed.is_some()).map(|o| o.seed).collect();
        let loss = outcomes.iter().map(|outcome| outcome.loss).max().unwrap_or_default();
        println!(
            "{}: {} cases, told {told} times, a pair lost for {loss:?} at the most, failed {failed:?}",
            lie.name(),
            outcomes.len()
        );
        for outcome in outcomes {
            if let Some(why) = &outcome.failed {
                println!("  # seed {}: {why}", outcome.seed);
            }
        }
    }
}

fn lies(otherwise: &[Lie]) -> Vec<Lie> {
    let Ok(names) = std::env::var("EGOIST_LIES") else { return otherwise.to_vec() };
    names.split(',').map(|name| Lie::named(name).unwrap_or_else(|| panic!("no lie: {name}"))).collect()
}

#[test]
fn the_honest_hold_whatever_a_neighbour_says() {
    if let Ok(file) = std::env::var("EGOIST_SCRIPT") {
        let script: Scenario = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        return println!("{:?}", script.run().unwrap());
    }
    let (first, cases) = (number("EGOIST_FIRST", 0), number("EGOIST_CASES", CASES));
    let lies = lies(&Lie::ALL);
    let all: Vec<(Lie, u64)> =
        (first..first + cases).flat_map(|seed| lies.iter().map(move |lie| (*lie, seed))).collect();
    let outcomes = run_all(&all);
    print(&outcomes);
    let failed = outcomes.iter().filter(|outcome| outcome.failed.is_some()).count();
    assert_eq!(failed, 0, "of {} cases", outcomes.len());
}
