//! What one misbehaving peer can do to a node.
//!
//! ```text
//! cargo build --release && cargo run --release -p egoist-tests --example attack -- machine [CLAIMS]
//! cargo build --release && cargo run --release -p egoist-tests --example attack -- process [SECONDS]
//! ```
//!
//! `machine`: one node with two honest neighbours, who know 50 nodes between them and tell of them all the time, and an
//! attacker that says whatever it says as fast as it is read: CLAIMS (1,000,000) of each kind. Memory is what the
//! allocator has given out. An honest frame's delay is the processor time that the node takes for it, beside that for the
//! attacker's bytes of the same turn: a driver reads 64 KiB at most from each connection in its turn.
//!
//! `process`: the same against a real process on loopback, for SECONDS (20) of each attack. An honest frame's delay is
//! the time from one neighbour's write until the other has read what the node relays. The attacker is a process of its own
//! and of the lowest priority; the line `Work` says what one costs that only keeps a processor busy. The victim is alone
//! on the first processor with `chrt -f 10 taskset -c 1 target/release/examples/attack process`, and nothing that the
//! others' scheduling does is taken for a delay of its.

#![allow(unsafe_code, reason = "an allocator that counts")]
#![allow(clippy::disallowed_types, reason = "time is what is measured")]

mod claims;
mod machine;
mod process;
mod siege;

use std::process::ExitCode;
use std::time::Duration;

/// In microseconds, how long so many in a hundred took at most.
fn at(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(place).map_or(0.0, Duration::as_secs_f64) * 1e6
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    let how_much = args.next().and_then(|n| n.parse().ok());
    match what.as_str() {
        "machine" => machine::measure(how_much.unwrap_or(1_000_000).into()),
        "process" => process::measure(Duration::from_secs(how_much.unwrap_or(20))),
        "besiege" => {
            let [name, to] = [args.next(), args.next()].map(Option::unwrap_or_default);
            siege::attack(&name, &to, Duration::from_secs(how_much.unwrap_or(20)));
        }
        _ => {
            eprintln!("name what is attacked: machine or process");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
