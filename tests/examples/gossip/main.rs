//! Gossip among processes on loopback: how soon all have a message, how many a second, and a burst.
//!
//! ```text
//! cargo run --release -p egoist-tests --example gossip -- [PROCESSES] [DEGREE] [OCTETS] [application | modules]
//! ```
//!
//! PROCESSES (16) nodes with DEGREE (4) links each, one of them in this process, which announces messages of OCTETS (1,024).
//! At every other node its application wants to hear of them and finds each valid at once, or with `modules` a module in a
//! process of its own does. First one message each 10 ms: when had all of them it? Then as many as go, with at most 256
//! that not all have told of: how many a second, and how much processor time for each delivery? Last 20,000 at once, with
//! at most 8,192 under way: does who announces hear "busy" for just as many as are missing?

mod announcer;
mod listener;

use std::env::args;
use std::time::Duration;

use announcer::Announcer;

/// What all messages are.
pub(crate) const TYPE: u16 = 7;

fn main() {
    let args: Vec<String> = args().skip(1).collect();
    let word = |at: usize| args.get(at).map(String::as_str);
    match (word(0), word(1), word(2)) {
        (Some("node"), Some(bootstrap), Some(degree)) => {
            return listener::node(
                bootstrap.parse().expect("an address"),
                number(degree),
                word(3) == Some("modules"),
            );
        }
        (Some("module"), Some(api), _) => return listener::module(api),
        _ => {}
    }
    let [processes, degree, octets] =
        [(0, 16), (1, 4), (2, 1_024)].map(|(at, usual)| word(at).map_or(usual, number));
    let modules = word(3) == Some("modules");
    let mut announcer = Announcer::start(processes, degree, octets, modules);

    let mut times = announcer.one_at_a_time(500, Duration::from_millis(10));
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "one at a time: all have it after {:.2?} (p50), {:.2?} (p99), {:.2?} (max)",
        at(50),
        at(99),
        at(100)
    );

    let flow = announcer.flow(Duration::from_secs(10), 256);
    println!(
        "256 in flight: {:.0} broadcasts a second, {:.1} us of processor time for each delivery, {} times busy",
        flow.per_second, flow.micros_each, flow.busy
    );

    let burst = announcer.burst(20_000, 8_192);
    println!(
        "a burst of 20,000 with 8,192 in flight: {} taken, {} times busy, {} missing somewhere",
        burst.taken, burst.busy, burst.missing
    );
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}
