//! Gossip among processes on loopback.
//!
//! ```text
//! cargo run --release -p egoist-tests --example gossip -- speed [PROCESSES] [DEGREE] [OCTETS] [application | modules]
//! cargo run --release -p egoist-tests --example gossip -- stopped [SECONDS]
//! cargo run --release -p egoist-tests --example gossip -- million [COUNT]
//! cargo run --release -p egoist-tests --example gossip -- flood [SECONDS]
//! ```
//!
//! `speed`: PROCESSES (16) nodes with DEGREE (4) links each, one of them in this process, which announces messages of OCTETS
//! (1,024). At every other node its application wants to hear of them and finds each valid at once, or with `modules` a
//! module in a process of its own does. First one message each 10 ms: when had all of them it? Then as many as go, with at
//! most 256 that not all have told of: how many a second, and how much processor time for each delivery? Last 20,000 at
//! once, with at most 8,192 under way: does who announces hear "busy" for just as many as are missing?
//!
//! `stopped`: one of 16 is stopped for SECONDS (60), with a message each 10 ms: when had the others it? And the same where
//! nobody is stopped, and a process takes a processor.
//!
//! `million`: COUNT (1,000,000) messages through one node to another: is each told of once, and what memory has the one?
//!
//! `flood`: a peer of one of 16 sends invalid messages and offers of new hashes as fast as it can for SECONDS (20), with a
//! valid message each 10 ms: when had all it? And the same beside a process that takes a processor.

mod announcer;
mod attacker;
mod listener;

use std::env::args;
use std::time::Duration;

use announcer::{Announcer, Burst, Flow, memory};

/// What all messages are.
pub(crate) const TYPE: u16 = 7;
/// The usual number of processes, of links, and of octets.
const PROCESSES: usize = 16;
const DEGREE: usize = 4;
const OCTETS: usize = 1_024;
const EVERY: Duration = Duration::from_millis(10);

fn main() {
    let args: Vec<String> = args().skip(1).collect();
    let word = |at: usize| args.get(at).map(String::as_str);
    let figure = |at: usize, usual: usize| word(at).map_or(usual, number);
    match word(0) {
        Some("speed") => {
            let modules = word(4) == Some("modules");
            speed(Announcer::start(figure(1, PROCESSES), figure(2, DEGREE), figure(3, OCTETS), modules));
        }
        Some("stopped") => stopped(figure(1, 60)),
        Some("million") => million(figure(1, 1_000_000)),
        Some("flood") => flood(figure(1, 20)),
        Some("node") => {
            let bootstrap = word(1).and_then(|text| text.parse().ok()).expect("an address");
            listener::node(bootstrap, figure(2, DEGREE), word(3) == Some("modules"));
        }
        Some("module") => listener::module(word(1).expect("an address")),
        Some("spin") => attacker::spin(),
        Some("attack") => attacker::attack(word(1).expect("an address")),
        _ => eprintln!("one of speed, stopped, million and flood is wanted"),
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("not a number: {text}"))
}

fn speed(mut announcer: Announcer) {
    show("one at a time: all have it", announcer.one_at_a_time(500, EVERY));
    let Flow { per_second, micros_each, busy } = announcer.flow(Duration::from_secs(10), 256);
    println!(
        "256 in flight: {per_second:.0} broadcasts a second, {micros_each:.1} us of processor time a delivery, {busy} times busy"
    );
    let Burst { taken, busy, missing } = announcer.burst(20_000, 8_192);
    println!(
        "a burst of 20,000, 8,192 in flight: {taken} taken, {busy} times busy, {missing} missing somewhere"
    );
}

/// Sorts times and prints some of them.
fn show(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |thousandths: usize| times[(times.len() - 1) * thousandths / 1_000];
    let [half, most, nearly, all] = [500, 990, 999, 1_000].map(at);
    println!("{what} after {half:.2?} (p50), {most:.2?} (p99), {nearly:.2?} (p99.9), {all:.2?} (max)");
}

fn stopped(seconds: usize) {
    let mut announcer = Announcer::start(PROCESSES, DEGREE, OCTETS, false);
    let count = seconds * 100;
    announcer.signal(3, "STOP");
    announcer.ignore(3);
    show("one of 16 is stopped: the others have it", announcer.one_at_a_time(count, EVERY));
    announcer.signal(3, "CONT");
    announcer.pass(Duration::from_secs(5));
    let told = announcer.heed(3);
    println!("going on, it tells of {told} of {count} that came while it was stopped, within 5 s");
    let _spinner = announcer::spawn(&["spin"]);
    show("a processor is taken instead: all have it", announcer.one_at_a_time(count.min(2_000), EVERY));
}

fn million(count: usize) {
    let mut announcer = Announcer::line(64);
    for tenth in 1..=10 {
        announcer.send(count / 10, 1_024);
        println!(
            "{} messages: {} KiB at the node in the middle",
            count / 10 * tenth,
            memory(announcer.node(0))
        );
    }
    println!("told of at the end: {}", announcer.account(1));
}

fn flood(seconds: usize) {
    let mut announcer = Announcer::start(PROCESSES, DEGREE, OCTETS, false);
    let count = seconds * 100;
    show("nobody floods: all have it", announcer.one_at_a_time(count.min(500), EVERY));
    let spinner = announcer::spawn(&["spin"]);
    show("a processor is taken: all have it", announcer.one_at_a_time(count, EVERY));
    drop(spinner);
    // Who came last has the fewest links, and room for another.
    let attacker = announcer::spawn(&["attack", &announcer.peers(PROCESSES - 2)]);
    show("a peer floods: all have it", announcer.one_at_a_time(count, EVERY));
    println!("it has sent {} frames", attacker.0.count());
}
