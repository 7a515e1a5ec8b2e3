//! Chord nodes, at length.
//!
//! ```text
//! cargo run --release -p egoist-tests --example chord -- hops 16 64 256 500
//! cargo run --release -p egoist-tests --example chord -- neighbours 300
//! cargo run --release -p egoist-tests --example chord -- schedules 0 1000
//! ```
//!
//! `hops` has so many simulated nodes become a ring, and counts over how many nodes questions go and how many frames that
//! takes; `neighbours` kills two neighbours at once in rings of 12, so many times, and asks for every key; `schedules`
//! draws so many scenarios of at least 60 steps, from a seed on, and holds all laws over them.

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
        ("schedules", Some([first, count])) => simulated::schedules(*first as u64, *count as u64),
        _ => {
            eprintln!("usage: chord hops NODES… | chord neighbours TIMES | chord schedules FIRST COUNT");
            exit(2);
        }
    }
}
