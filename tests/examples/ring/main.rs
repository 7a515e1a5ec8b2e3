//! The Chord ring, at length.
//!
//! ```text
//! cargo run --release -p egoist-tests --example ring -- walk
//! cargo run --release -p egoist-tests --example ring -- schedules 1000000
//! cargo run --release -p egoist-tests --example ring -- hops
//! ```
//!
//! `walk` goes through every state of small rings and counts them; `schedules` draws so many schedules, on as many threads as
//! there are processors, and checks all invariants after each step; `hops` counts the steps of lookups in rings at rest.

use std::env;
use std::num::NonZero;
use std::process::exit;
use std::thread;
use std::time::Instant;

use egoist_core::kernel::{Seed, Streams};
use egoist_core::mesh::chord::ring::Position;
use egoist_core::mesh::chord::ring::network::{Network, Outcome, Plan, Queries, Still, numbered, walk};

/// Nodes that are there, nodes that may join, and how many may fail.
const PLANS: [(Queries, &[u8], &[u8], u32); 8] = [
    (Queries::Atomic, &[0], &[80, 160], 1),
    (Queries::Atomic, &[0], &[80, 160, 40], 1),
    (Queries::Atomic, &[0, 80, 160], &[40], 1),
    (Queries::Atomic, &[0, 80, 160], &[40, 60], 1),
    (Queries::Atomic, &[0, 80, 160], &[40, 120], 1),
    (Queries::Atomic, &[0, 80, 160], &[40], 2),
    (Queries::Messages, &[0], &[80, 160], 1),
    (Queries::Messages, &[0, 80, 160], &[40], 1),
];
const LOOKUPS: u64 = 100_000;

fn main() {
    let mut args = env::args().skip(1);
    match (args.next().as_deref(), args.next().map(|count| count.parse())) {
        (Some("walk"), None) => walks(),
        (Some("schedules"), Some(Ok(count))) => schedules(count),
        (Some("hops"), None) => [10, 100, 1_000, 10_000].into_iter().for_each(hops),
        _ => {
            eprintln!("usage: ring walk | ring schedules COUNT | ring hops");
            exit(2);
        }
    }
}

fn walks() {
    for (queries, there, joining, failures) in PLANS {
        let begin = Instant::now();
        let network = Network::<u8, 2>::grown(there, queries);
        let plan = Plan { network, joining: joining.to_vec(), failures, base: 1 };
        let found = walk(plan);
        println!(
            "{queries:?}, {there:?}, {joining:?} join, {failures} fail: {found:?} in {:.1?}",
            begin.elapsed()
        );
        if found.is_err() {
            exit(1);
        }
    }
}

fn schedules(count: u64) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let begin = Instant::now();
    let part =
        |first: usize| (first as u64..count).step_by(threads).map(one).fold(Outcome::default(), |a, b| a + b);
    let parts = thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        parts.into_iter().map(|part| part.join().unwrap_or_else(|_| exit(1))).collect::<Vec<_>>()
    });
    let sum = parts.into_iter().fold(Outcome::default(), |a, b| a + b);
    println!("{count} schedules hold in {:.1?}: {sum:?}", begin.elapsed());
}

fn one(number: u64) -> Outcome {
    numbered(number).unwrap_or_else(|found| {
        println!("schedule {number}: {found}");
        exit(1)
    })
}

fn hops(count: usize) {
    let mut rng = Streams::new(Seed::from_u64(count as u64)).named("hops");
    let mut drawn = || Position::of(&[rng.u128(), rng.u128(), rng.u128()].map(u128::to_be_bytes).concat());
    let ring = Still::<Position, 3>::new((0..count).map(|_| drawn()).collect());
    let keys: Vec<Position> = (0..LOOKUPS).map(|_| drawn()).collect();
    let (mut sum, mut most) = (0, 0);
    for key in keys {
        let (owner, hops) = ring.look_up(rng.index(count), key);
        let hops = hops.expect("each step comes nearer");
        assert_eq!(owner, ring.owner(key), "the owner of {key:?}");
        (sum, most) = (sum + hops, most.max(hops));
    }
    let fingers: usize = ring.members().iter().map(|member| member.fingers().count()).sum();
    let (mean, each) = (sum as f64 / LOOKUPS as f64, fingers as f64 / count as f64);
    println!("{count} nodes: {mean:.2} hops on average, at most {most}; {each:.1} distinct fingers each");
    assert!(mean <= (count as f64).log2() / 2.0 + 1.0, "more hops than half the logarithm and one");
}
