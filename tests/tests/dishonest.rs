//! Whatever one dishonest neighbour says, a stated time after its end the honest have what each says of itself, reach each
//! other, and nobody has ended; while it lies, none loses another from sight for long.
//!
//! `EGOIST_CASES=n` runs so many cases of each lie and four times as many of all together, from seed `EGOIST_FIRST` on, and
//! prints how often each lie was told; 80 make two thousand cases. `EGOIST_LIES=a,b` takes those lies alone. Cases that fail are made smaller (`EGOIST_SHRINKS=n` runs) and printed as scripts:
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
const CASES: u64 = 2;
/// How many of all lies together for each of those.
const TOGETHER: u64 = 4;
/// So many cases make each lie told so often.
const MANY: usize = 1_500;
const OFTEN: u64 = 100;

/// Lies of these kinds, by a seed.
#[derive(Clone)]
struct Case {
    lies: Vec<Lie>,
    seed: u64,
}

/// What one case came to.
struct Outcome {
    case: Case,
    told: BTreeMap<Lie, u64>,
    loss: Duration,
    failed: Option<String>,
}

impl Case {
    fn name(&self) -> String {
        if let [lie] = self.lies[..] { lie.name().to_string() } else { "together".to_string() }
    }

    fn run(&self) -> Outcome {
        let (scenario, mut watch) = (Scenario::drawn_of(&self.lies, self.seed), Watch::default());
        let failed = scenario.run_watched(&mut watch).err().map(|why| shrunk(&scenario, why));
        let told = Lie::ALL.into_iter().map(|lie| (lie, watch.told(lie))).collect();
        Outcome { case: self.clone(), told, loss: watch.longest_loss(), failed }
    }
}

fn shrunk(scenario: &Scenario, difference: Difference) -> String {
    let (first, runs) = (difference.to_string(), number("EGOIST_SHRINKS", 0));
    if runs == 0 {
        return first;
    }
    let Shrunk { script, difference, runs } =
        scenario.shrink(difference, runs, |script| script.run().map(drop));
    format!("{first}\n# after {runs} runs: {difference}\n{script}")
}

/// All cases, on as many threads as there are processors.
fn run_all(cases: &[Case]) -> Vec<Outcome> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = case.run();
            outcomes.lock().unwrap().push(outcome);
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| _ = scope.spawn(work));
    });
    outcomes.into_inner().unwrap()
}

/// How many cases of each kind there were, and which failed.
fn print(outcomes: &[Outcome]) {
    let mut kinds: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
    outcomes.iter().for_each(|outcome| kinds.entry(outcome.case.name()).or_default().push(outcome));
    for (name, outcomes) in kinds {
        let loss = outcomes.iter().map(|outcome| outcome.loss).max().unwrap_or_default();
        let failed: BTreeMap<u64, &String> =
            outcomes.iter().filter_map(|o| Some((o.case.seed, o.failed.as_ref()?))).collect();
        let of = outcomes.len();
        println!("{name}: {} of {of} cases fail, no pair was lost for longer than {loss:?}", failed.len());
        failed.iter().for_each(|(seed, why)| println!("  # seed {seed}: {why}"));
    }
}

/// How often each lie was told, and in how many cases.
fn told(outcomes: &[Outcome], lie: Lie) -> (u64, usize) {
    let times = outcomes.iter().map(|outcome| outcome.told[&lie]);
    (times.clone().sum(), times.filter(|times| *times > 0).count())
}

/// The lies that the environment asks for, or all.
fn lies() -> Vec<Lie> {
    let Ok(names) = std::env::var("EGOIST_LIES") else { return Lie::ALL.to_vec() };
    names.split(',').map(|name| Lie::named(name).unwrap_or_else(|| panic!("no lie: {name}"))).collect()
}

fn cases(lies: &[Lie]) -> Vec<Case> {
    let (first, each) = (number("EGOIST_FIRST", 0), number("EGOIST_CASES", CASES));
    let alone =
        (first..first + each).flat_map(|seed| lies.iter().map(move |lie| Case { lies: vec![*lie], seed }));
    let together = if lies.len() > 1 { each * TOGETHER } else { 0 };
    let together = (first..first + together).map(|seed| Case { lies: lies.to_vec(), seed });
    alone.chain(together).collect()
}

fn run_script(file: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let script: Scenario = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
    let held = script.run().unwrap_or_else(|difference| panic!("{file}: {difference}"));
    println!("held after {:?}", held.after);
}

#[test]
fn the_honest_hold_whatever_a_neighbor_says() {
    if let Ok(file) = std::env::var("EGOIST_SCRIPT") {
        return run_script(&file);
    }
    let lies = lies();
    let outcomes = run_all(&cases(&lies));
    print(&outcomes);
    for lie in &lies {
        let (times, cases) = told(&outcomes, *lie);
        println!("{}: told {times} times, in {cases} cases", lie.name());
        assert!(times >= OFTEN || outcomes.len() < MANY, "{} is told too seldom", lie.name());
    }
    let failed = outcomes.iter().filter(|outcome| outcome.failed.is_some()).count();
    assert_eq!(failed, 0, "of {} cases", outcomes.len());
}
