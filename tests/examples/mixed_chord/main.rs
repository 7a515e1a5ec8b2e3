//! Three nodes of py2p's Chord, repaired, and three of ours in one ring, for a while.
//!
//! ```text
//! cargo run --release -p egoist-tests --example mixed_chord -- [SECONDS [leave | kill]]
//! ```
//!
//! All store. Each half minute the one that has been there for longest leaves, a real one and one of ours in turn, and
//! another of its kind joins five seconds later under a port of its own; with `kill` (the usual is `leave`) real ones do not
//! unjoin before. Twenty times a second one of them broadcasts, in turn. Once a second one that is drawn sets a new key, and
//! another one gets a key that is drawn of those set: three times, ten seconds each, a second apart, before it counts as not
//! found; then all are asked whether they find it. After SECONDS (300) every key that was not lost is read once more at a
//! real one and at one of ours.
//!
//! A broadcast counts between two nodes of which both had been in the network for ten seconds, and were for ten seconds more.
//! A `set` of py2p confirms nothing.

mod broadcasts;
mod keys;
mod network;

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use broadcasts::Broadcasts;
use keys::Keys;
use network::{Network, Told};

const SAYS: Duration = Duration::from_millis(50);
const SETS: Duration = Duration::from_secs(1);
const LEAVES: Duration = Duration::from_secs(30);
const AWAY: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(2);

/// Something that is done every so often; what falls due twice at once is done once.
struct Every {
    period: Duration,
    next: Instant,
}

impl Every {
    fn new(period: Duration) -> Self {
        Every { period, next: Instant::now() + period }
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = now >= self.next;
        if is_due {
            self.next = (self.next + self.period).max(now);
        }
        is_due
    }
}

/// The resident memory of this process, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

struct Run {
    network: Network,
    broadcasts: Broadcasts,
    keys: Keys,
}

impl Run {
    /// Whoever is about to come or go does, and what all told is noted.
    fn turn(&mut self) {
        for told in self.network.turn() {
            match told {
                Told::Heard { by, number, time } => self.broadcasts.heard(by, number, time),
                Told::Ended { op, outcome } => self.keys.ended(&mut self.network, op, outcome),
            }
        }
        self.keys.turn(&mut self.network);
        self.broadcasts.judge(&self.network);
        sleep(TICK);
    }

    fn live(&mut self, length: Duration) {
        let (mut says, mut sets, mut leaves) = (Every::new(SAYS), Every::new(SETS), Every::new(LEAVES));
        let (begin, mut leaves_ours, mut joins) = (Instant::now(), false, None);
        while begin.elapsed() < length {
            if says.is_due() {
                self.broadcasts.say(&mut self.network);
            }
            if sets.is_due() {
                self.keys.set_one(&mut self.network);
                self.keys.read_one(&mut self.network);
            }
            if leaves.is_due() {
                self.network.leave(leaves_ours);
                joins = Some(Instant::now() + AWAY);
            }
            if joins.take_if(|at| Instant::now() >= *at).is_some() {
                self.network.join(leaves_ours);
                leaves_ours = !leaves_ours;
            }
            self.turn();
        }
    }

    /// What is under way ends, and every key is read once more.
    fn end(&mut self) {
        let begin = Instant::now();
        while !self.keys.are_idle() || begin.elapsed() < broadcasts::JUDGED {
            self.turn();
        }
        self.keys.read_all(&self.network);
        while !self.keys.are_idle() {
            self.turn();
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let seconds = args.first().map_or(300, |text| text.parse().expect("a number of seconds"));
    let unjoins = match args.get(1).map_or("leave", String::as_str) {
        "leave" => true,
        "kill" => false,
        word => panic!("{word:?} is not leave or kill"),
    };
    let Some(network) = Network::start(unjoins) else { return };
    let mut run = Run { network, broadcasts: Broadcasts::default(), keys: Keys::new() };
    let memory_at_start = memory();
    run.live(Duration::from_secs(seconds));
    let memory_after = memory();
    run.end();
    run.broadcasts.print();
    run.keys.print();
    run.network.print();
    println!(
        "{}; {}; this process and ours in it: {memory_at_start} KiB at the start, {memory_after} KiB after {seconds} s",
        run.broadcasts.summary(),
        run.keys.summary()
    );
}
