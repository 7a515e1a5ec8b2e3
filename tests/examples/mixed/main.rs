//! Nodes of gossip-python and of ours in one network, for a while.
//!
//! ```text
//! cargo run --release -p egoist-tests --example mixed -- [SECONDS [MILLISECONDS [leave | kill | kill-real | all-real]]]
//! ```
//!
//! Three real nodes and three of ours, each of ours in a process of its own; each node has a module that finds all valid. Each
//! MILLISECONDS (1,000) one of them announces, in turn. Every half minute one of ours leaves, but for the first, and another
//! takes its place and address after five seconds. With `kill` it is killed instead; with `kill-real` one of the real ones
//! is, and another joins; with `all-real` all six are real, and one of the last three is killed.
//!
//! After SECONDS (600) it prints how many deliveries there should have been between which kinds, how many never came, how
//! many came twice and how long they took, what was lost after each end of a node, which parts of real nodes have died, and
//! the memory of ours. A module counts that was there from three seconds before a message to ten seconds after it.
//!
//! A real node compares each frame with all that it keeps, at some 30 us each, and here it keeps all. At four messages a
//! second two processors are not enough for three of them after some two minutes: what they tell comes ever later, and who
//! leaves one that is behind may end its part for peers.

mod books;
mod network;
mod ours;

use std::env::args;
use std::thread::sleep;
use std::time::{Duration, Instant};

use network::Network;

const LEAVES: Duration = Duration::from_secs(30);
const AWAY: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(5);

/// Which nodes end, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Ours, by leaving.
    Leave,
    /// Ours, by SIGKILL.
    Kill,
    /// Real ones, by SIGKILL.
    KillReal,
    /// The same, and there are none of ours.
    AllReal,
}

impl Ends {
    fn named(word: &str) -> Self {
        match word {
            "leave" => Ends::Leave,
            "kill" => Ends::Kill,
            "kill-real" => Ends::KillReal,
            "all-real" => Ends::AllReal,
            _ => panic!("{word:?} is not leave, kill, kill-real or all-real"),
        }
    }
}

fn main() {
    let args: Vec<String> = args().skip(1).collect();
    if args.first().is_some_and(|word| word == "node") {
        return ours::run(&args[1..]);
    }
    let number =
        |at: usize, usual: u64| args.get(at).map_or(usual, |text| text.parse().expect("a whole number"));
    let ends = args.get(2).map_or(Ends::Leave, |word| Ends::named(word));
    let (length, every) = (Duration::from_secs(number(0, 600)), Duration::from_millis(number(1, 1_000)));
    if let Some(mut network) = Network::start(ends) {
        live(&mut network, length, every);
        network.drain();
        network.print();
    }
}

/// Announces, and ends and begins nodes. Announcements that fall due while a node begins are left out.
fn live(network: &mut Network, length: Duration, every: Duration) {
    let begin = Instant::now();
    // Between two announcements: what is lost with who announced it is not counted.
    let (mut next, mut end, mut returns) = (begin, begin + LEAVES + every / 2, None);
    while begin.elapsed() < length {
        let now = Instant::now();
        if now >= next {
            network.announce();
            next = (next + every).max(now);
        }
        if now >= end {
            let seat = network.end();
            println!("{:.0?}: {} ends; {}", begin.elapsed(), network.name(seat), network.state());
            (end, returns) = (end + LEAVES, Some((seat, now + AWAY)));
        }
        if let Some((seat, _)) = returns.filter(|(_, at)| now >= *at) {
            println!(
                "{:.0?}: {} is back, in {:.1?}",
                begin.elapsed(),
                network.name(seat),
                network.begin(seat)
            );
            returns = None;
        }
        sleep(TICK);
    }
}
