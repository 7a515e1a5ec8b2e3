//! Many scenarios of a protocol: run, counted, and those that fail made smaller and printed as scripts.

use std::ops::Range;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use egoist_core::sim::scenario::{Held, Protocol, Script, Shrunk};
use egoist_core::sim::{Kind, Tally};

/// By how many runs a failing case is made smaller, unless the environment says otherwise.
const SHRINKS: u32 = 400;
/// In so many of 1,000 cases each kind of fault takes effect at least; about a quarter more are expected.
const HIT: u64 = 40;

/// A number of the environment.
///
/// # Panics
/// It is no number.
pub fn number<N: FromStr>(name: &str, otherwise: N) -> N {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}"))
}

/// Runs one case; what it shrank to, if it fails.
fn case<P: Protocol>(script: &Script<P>) -> Result<Held, Box<Shrunk<P>>> {
    script.run().map_err(|difference| {
        let runs = number("EGOIST_SHRINKS", SHRINKS);
        Box::new(script.shrink(difference, runs, |script| script.run().map(drop)))
    })
}

/// What all cases together have shown.
struct Shown<P: Protocol> {
    /// When the oracles held, and in which case.
    held: Vec<(Duration, u64)>,
    /// In how many cases each kind of fault took effect.
    cases: [u64; Kind::ALL.len()],
    tally: Tally,
    failed: Vec<(u64, Box<Shrunk<P>>)>,
}

impl<P: Protocol> Default for Shown<P> {
    fn default() -> Self {
        Shown { held: Vec::new(), cases: [0; Kind::ALL.len()], tally: Tally::default(), failed: Vec::new() }
    }
}

impl<P: Protocol> Shown<P> {
    fn add(&mut self, seed: u64, outcome: Result<Held, Box<Shrunk<P>>>) {
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
            let Shrunk { script, difference, runs } = &**failure;
            eprintln!(
                "# seed {seed}: {difference}\n# {} steps, after {runs} runs\n{script}",
                script.steps.len()
            );
        }
    }
}

/// Runs the scenarios of as many seeds as the environment says (`EGOIST_FIRST`, `EGOIST_CASES`), or `cases` from 0 on; each
/// that fails is made smaller (`EGOIST_SHRINKS` runs) and printed as a script. `EGOIST_SCRIPT=FILE` runs one script instead,
/// if it is one of this protocol.
///
/// # Panics
/// A scenario fails; or, where no fewer than `cases` are run, one of these kinds of faults takes effect too seldom.
pub fn hold<P>(cases: u64, drawn: impl Fn(u64) -> Script<P> + Sync, kinds: &[Kind])
where
    P: Protocol<Order: Send, Difference: Send> + Send,
{
    if let Ok(file) = std::env::var("EGOIST_SCRIPT") {
        return run_script::<P>(&file);
    }
    let first = number("EGOIST_FIRST", 0);
    let (enough, cases) = (cases, number("EGOIST_CASES", cases));
    let mut shown = run_all(first..first + cases, drawn);
    shown.print();
    let seeds: Vec<u64> = shown.failed.iter().map(|(seed, ..)| *seed).collect();
    assert!(seeds.is_empty(), "{} of {cases} cases fail: seeds {seeds:?}", seeds.len());
    let least = if cases < enough { 0 } else { HIT * cases / 1_000 };
    let seldom: Vec<&Kind> = kinds.iter().filter(|kind| shown.cases[**kind as usize] < least).collect();
    assert!(seldom.is_empty(), "too seldom: {seldom:?}");
}

/// Runs the scenarios of these seeds, on as many threads as there are processors.
fn run_all<P>(seeds: Range<u64>, drawn: impl Fn(u64) -> Script<P> + Sync) -> Shown<P>
where
    P: Protocol<Order: Send, Difference: Send> + Send,
{
    let (next, shown) = (AtomicU64::new(seeds.start), Mutex::new(Shown::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = case(&drawn(seed));
            shown.lock().unwrap().add(seed, outcome);
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| _ = scope.spawn(work));
    });
    shown.into_inner().unwrap()
}

fn run_script<P: Protocol>(file: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let of_another = |line: &str| line.strip_prefix("protocol ").is_some_and(|name| name != P::NAME);
    if text.lines().any(of_another) {
        return println!("{file} is of another protocol than {}", P::NAME);
    }
    let script: Script<P> = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
    match script.run() {
        Ok(held) => println!("held after {:?}: {:?}", held.after, held.tally),
        Err(difference) => panic!("{file}: {difference}"),
    }
}
