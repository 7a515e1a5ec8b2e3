//! Three nodes of gossip-python and three of ours in one network, for a while.
//!
//! ```text
//! cargo run --release -p egoist-tests --example mixed -- [SECONDS]
//! ```
//!
//! Each node has a module that finds all valid; four times a second one of them announces, in turn. Every half minute one of
//! ours leaves, and comes back after five seconds. After SECONDS (480; the real ones end after 600) it prints how many
//! deliveries there should have been between which kinds, how many were lost, and how many came twice. A module counts
//! that was there from three seconds before a message to ten seconds after it.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use egoist_core::gossip::{Config, Kind};
use egoist_core::kernel::Seed;
use egoist_mio::gossip::{ClientError, Sender};
use egoist_tests::module::{Module, UNBOUNDED};
use egoist_tests::own_gossip::Own;
use egoist_tests::real_gossip::RealGossip;

const TYPE: u16 = 600;
/// Real nodes, and as many of ours behind them.
const EACH: usize = 3;
/// What the real ones keep: all that there is.
const KEPT: u32 = 4_000;
const EVERY: Duration = Duration::from_millis(250);
const LEAVES: Duration = Duration::from_secs(30);
const AWAY: Duration = Duration::from_secs(5);
const BEFORE: Duration = Duration::from_secs(3);
const AFTER: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(5);

/// A module, from its subscription to its end.
struct Session {
    node: usize,
    begin: Instant,
    end: Option<Instant>,
    sender: Sender,
    told: Arc<Mutex<HashMap<u64, u32>>>,
}

/// A message that was announced.
struct Said {
    by: usize,
    at: Instant,
}

impl Session {
    fn begin(node: usize, api: SocketAddrV4) -> Self {
        let Module { mut notifications, sender } = Module::new(api, &[TYPE]);
        let told = Arc::new(Mutex::new(HashMap::new()));
        let (book, judge) = (Arc::clone(&told), sender.clone());
        thread::spawn(move || {
            loop {
                match notifications.next() {
                    Some(Ok(message)) if message.data_type == TYPE => {
                        let number =
                            message.data.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
                        *book.lock().expect("nobody panics").entry(number).or_default() += 1;
                        let _ = judge.accept(message.id);
                    }
                    Some(Ok(_) | Err(ClientError::Silence)) => {}
                    Some(Err(_)) | None => return,
                }
            }
        });
        Session { node, begin: Instant::now(), end: None, sender, told }
    }

    /// Whether it should have told of a message.
    fn counts(&self, said: &Said) -> bool {
        let until = self.end.unwrap_or_else(Instant::now);
        self.node != said.by && self.begin + BEFORE < said.at && said.at + AFTER < until
    }
}

const fn kind(node: usize) -> &'static str {
    if node < EACH { "real" } else { "ours" }
}

/// The resident memory of this process, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// All nodes, and what their modules did.
struct Network {
    gossip: RealGossip,
    ours: Vec<Option<Own>>,
    addresses: Vec<SocketAddrV4>,
    sessions: Vec<Session>,
    said: Vec<Said>,
    starts: u64,
}

impl Network {
    fn start() -> Option<Self> {
        let gossip = RealGossip::keeping(KEPT)?.with_mesh(EACH);
        let sessions = (0..EACH).map(|node| Session::begin(node, gossip.api_addr(node))).collect();
        let mut network = Network {
            gossip,
            ours: Vec::new(),
            addresses: Vec::new(),
            sessions,
            said: Vec::new(),
            starts: 0,
        };
        for node in 0..EACH {
            network.ours.push(None);
            network.begin(node);
        }
        Some(network)
    }

    /// Starts one of ours, at its address if it had one, and its module once it has its links.
    fn begin(&mut self, node: usize) {
        self.starts += 1;
        let config = Config::auto(Seed::from_u64(self.starts));
        let others = self.ours.iter().flatten().map(|own| own.peers);
        let at: Vec<SocketAddrV4> = (0..EACH).map(|real| self.gossip.peer_addr(real)).chain(others).collect();
        let own = match self.addresses.get(node) {
            Some(address) => Own::start_at(*address, config, &at),
            None => Own::start(config, &at),
        };
        own.until("a link with each real node", |node| {
            node.peers().filter(|peer| peer.kind == Kind::Compatible).count() >= EACH
        });
        if self.addresses.len() == node {
            self.addresses.push(own.peers);
        }
        self.sessions.push(Session::begin(EACH + node, own.api));
        self.ours[node] = Some(own);
    }

    /// One of ours leaves, and its module with it.
    fn end(&mut self, node: usize) {
        let sessions = self.sessions.iter_mut().filter(|session| session.node == EACH + node);
        sessions.for_each(|session| _ = session.end.get_or_insert_with(Instant::now));
        self.ours[node] = None;
    }

    /// The next that is there announces.
    fn announce(&mut self) {
        let number = self.said.len() as u64;
        let all: Vec<&Session> = self.sessions.iter().filter(|session| session.end.is_none()).collect();
        let session = all[self.said.len() % all.len()];
        let announced = session.sender.announce(UNBOUNDED, TYPE, &number.to_be_bytes());
        announced.expect("its node reads");
        let said = Said { by: session.node, at: Instant::now() };
        self.said.push(said);
    }

    fn parts(&mut self) -> [usize; EACH] {
        [0, 1, 2].map(|node| self.gossip.processes(node))
    }

    fn print(&self) {
        println!("{} messages, {} starts of ours", self.said.len(), self.starts);
        for (from, to) in [("ours", "ours"), ("real", "ours"), ("ours", "real"), ("real", "real")] {
            let (mut due, mut lost, mut twice) = (0, 0, 0);
            for session in self.sessions.iter().filter(|session| kind(session.node) == to) {
                let told = session.told.lock().expect("nobody panics");
                for (said, number) in self.said.iter().zip(0..) {
                    if kind(said.by) == from && session.counts(said) {
                        due += 1;
                        lost += u32::from(!told.contains_key(&number));
                        twice += u32::from(told.get(&number).is_some_and(|times| *times > 1));
                    }
                }
            }
            println!("{from} to {to}: {due} deliveries, {lost} lost, {twice} more than once");
        }
    }
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(480, |text| text.parse().expect("a number of seconds"));
    let Some(mut network) = Network::start() else { return };
    let (begin, memory_at_start) = (Instant::now(), memory());
    let (mut next, mut leaves, mut turn) = (begin, begin + LEAVES, 0);
    let mut returns: Option<Instant> = None;
    while begin.elapsed() < Duration::from_secs(seconds) {
        let now = Instant::now();
        if now >= next {
            network.announce();
            next += EVERY;
        }
        if now >= leaves {
            network.end(turn % EACH);
            (leaves, returns) = (leaves + LEAVES, Some(now + AWAY));
            println!("{:.0?}: {:?} processes of the real ones", begin.elapsed(), network.parts());
        }
        if returns.is_some_and(|at| now >= at) {
            network.begin(turn % EACH);
            (returns, turn) = (None, turn + 1);
        }
        sleep(TICK);
    }
    sleep(AFTER + BEFORE);
    network.print();
    println!("memory of this process: {memory_at_start} KiB at the start, {} KiB at the end", memory());
    println!("at the end {:?} processes of the real ones", network.parts());
}
