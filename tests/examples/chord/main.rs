//! Chord nodes, at length.
//!
//! ```text
//! cargo run --release -p egoist-tests --example chord -- hops 16 64 256 500
//! cargo run --release -p egoist-tests --example chord -- neighbours 300
//! cargo run --release -p egoist-tests --example chord -- schedules 0 1000
//! cargo run --release -p egoist-tests --example chord -- cuts 10
//! cargo build --release && cargo run --release -p egoist-tests --example chord -- speed
//! cargo build --release && cargo run --release -p egoist-tests --example chord -- kills 10
//! ```
//!
//! `hops` has so many simulated nodes become a ring, and counts over how many nodes questions go and how many frames that
//! takes; `neighbours` kills two neighbours at once in rings of 12, so many times, and asks for every key; `schedules`
//! draws so many scenarios of at least 60 steps, from a seed on, and holds all laws over them; `cuts` halts the hosts of all nodes
//! at once while keys are put that are to be synced, so many times, and asks for what was acknowledged.
//!
//! `speed` and `kills` are about 16 processes of the program: puts and gets a second by one node's control socket, beside what
//! the disk syncs; and 10,000 puts for each round in which five nodes are killed at once.

mod client;
mod processes;
mod simulated;

use std::env;
use std::process::exit;

fn main() {
    let mut args = env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    let numbers: Option<Vec<usize>> = args.map(|number| number.parse().ok()).collect();
    match (mode.as_str(), numbers.as_deref()) {
        ("hops", Some(counts @ [_, ..])) => counts.iter().for_each(|count| simulated::hops(*count)),
        ("neighbours", Some([times])) => simulated::neighbours(*times),
        ("cuts", Some([times])) => simulated::cuts(*times),
        ("speed", Some([])) => processes::speed(folder().path()),
        ("kills", Some([times])) => processes::kills(folder().path(), *times),
        ("schedules", Some([first, count])) => simulated::schedules(*first as u64, *count as u64),
        _ => {
            eprintln!(
                "usage: chord hops NODES… | chord neighbours TIMES | chord schedules FIRST COUNT | chord cuts TIMES | chord speed | chord kills TIMES"
            );
            exit(2);
        }
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for the states")
}
