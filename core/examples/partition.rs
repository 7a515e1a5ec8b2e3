//! How long two halves of an overlay take to become one after the network between them is whole again.
//!
//! ```text
//! cargo run --release -p egoist-core --features sim --example partition -- [NODES] [MINUTES] [RUNS] [forget]
//! ```
//!
//! NODES (16) settle for four minutes; then half of them are cut off from the others for MINUTES (60), the bootstrap with
//! the first half. With `forget` nobody of one half remembers anybody of the other: all start again in the middle of the
//! partition, without what they had stored. The time from the end of the partition until every database is the same and
//! every node reaches every other, over RUNS (200) seeds.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use egoist_core::kernel::Time;
use egoist_core::overlay::scenario::{Plan, Scenario};
use egoist_core::overlay::{LinkMode, Overlay, oracle};
use egoist_core::sim::{Restart, World};

const SETTLING: Duration = Duration::from_secs(240);
const STEP: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(600);

fn scenario(nodes: usize, seed: u64) -> Scenario {
    Scenario {
        seed,
        joins: (0..nodes).map(|node| Duration::from_millis(500 * node as u64)).collect(),
        plan: Plan { k: 3, ..Plan::default() },
        ..Scenario::calm()
    }
}

fn is_one(world: &World<Overlay>, nodes: usize) -> bool {
    let members: Vec<_> = (0..nodes).filter_map(|node| Some((node, world.machine(node)?))).collect();
    members.len() == nodes
        && oracle::databases(&members).is_ok()
        && oracle::reachability(&members, LinkMode::Mutual).is_ok()
}

fn cut(world: &mut World<Overlay>, nodes: usize) {
    let second = |node: usize| node >= nodes / 2 && node < nodes;
    for a in 0..=nodes {
        for b in (0..=nodes).filter(|b| second(*b) != second(a)) {
            world.cut(a, b);
        }
    }
}

/// The time from healing until both halves are one; `None` if they are not within ten minutes.
fn run(nodes: usize, time: Duration, forget: bool, seed: u64) -> Option<Duration> {
    let scenario = scenario(nodes, seed);
    let mut world = scenario.world();
    world.run_until(Time::ZERO + SETTLING, |_, _, _| ());
    cut(&mut world, nodes);
    // The moment of healing falls anywhere between two attempts.
    let time = time + Duration::from_millis(seed * 7_919 % 10_000);
    world.run_until(world.now() + time / 2, |_, _, _| ());
    if forget {
        for node in 0..=nodes {
            world.restart(node, Restart::Forgetting);
        }
    }
    world.run_until(world.now() + time / 2, |_, _, _| ());
    world.heal_all();
    let healed = world.now();
    while world.now() < healed + PATIENCE {
        world.run_until(world.now() + STEP, |_, _, _| ());
        if is_one(&world, nodes) {
            return Some(world.now().since(healed));
        }
    }
    None
}

/// What came of so many seeds, on every processor, by the time until both halves were one.
fn run_all(runs: u64, one: impl Fn(u64) -> Option<Duration> + Sync) -> Vec<Option<Duration>> {
    let (next, outcomes) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > runs {
                return;
            }
            let outcome = one(seed);
            let mut outcomes = outcomes.lock().expect("nobody panics");
            outcomes.push(outcome);
            let took = outcome.map_or("never".to_owned(), |time| format!("{time:.2?}"));
            eprint!("\r{} of {runs} runs, the last one after {took:<8}", outcomes.len());
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        (0..workers).for_each(|_| _ = scope.spawn(work));
    });
    eprintln!();
    outcomes.into_inner().expect("nobody panics")
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize, default: u64| args.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (nodes, minutes, runs) = (number(0, 16), number(1, 60), number(2, 200));
    let forget = args.iter().any(|arg| arg == "forget");
    let nodes = usize::try_from(nodes).expect("few nodes");
    let outcomes = run_all(runs, |seed| run(nodes, Duration::from_secs(minutes * 60), forget, seed));
    let mut times: Vec<Duration> = outcomes.iter().copied().flatten().collect();
    let apart = outcomes.len() - times.len();
    times.sort();
    let at = |percent: usize| {
        times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
    };
    println!("{nodes} nodes, {minutes} minutes apart, {runs} runs, forgetting: {forget}");
    println!(
        "until one: p50 {:.2?}, p90 {:.2?}, p99 {:.2?}, max {:.2?}; never: {apart}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
}
