//! What an overlay does in trouble, measured in simulated time.
//!
//! ```text
//! cargo run --release -p egoist-tests --example trouble -- EXPERIMENT [NODES]
//! ```
//!
//! | experiment | what |
//! |---|---|
//! | `flapping` | the busiest link comes and goes, once a second or slower, for ten minutes |
//! | `churn` | a tenth of the nodes die each minute, for an hour |
//! | `hubs` | the three most chosen nodes die at once |
//! | `cold` | everybody starts at once: until all know all, and until nobody rewires |
//! | `wakes` | what a settled node wakes up for |
//!
//! Nodes are points in a square, with round trips of 2 to 200 ms and a third of them up to twice as long as the distance
//! says; mutual links, default periods.

mod churn;
mod cold;
mod flapping;
mod hubs;
mod overlay;
mod wakes;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let experiment = args.next().unwrap_or_default();
    let nodes = args.next().and_then(|n| n.parse().ok());
    match experiment.as_str() {
        "flapping" => flapping::run(nodes.unwrap_or(50)),
        "churn" => churn::run(nodes.unwrap_or(50)),
        "hubs" => hubs::run(nodes.unwrap_or(50)),
        "cold" => cold::run(nodes.unwrap_or(1_000)),
        "wakes" => wakes::run(nodes.unwrap_or(50)),
        _ => {
            eprintln!("name an experiment: flapping, churn, hubs, cold or wakes");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
