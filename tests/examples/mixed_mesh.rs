//! Three nodes of py2p, repaired, and three of ours in one mesh, for a while.
//!
//! ```text
//! cargo run --release -p egoist-tests --example mixed_mesh -- [SECONDS]
//! ```
//!
//! Twenty times a second one of them broadcasts, in turn. Every half minute one leaves, a real one and one of ours in turn, and
//! another of its kind joins five seconds later. After SECONDS (600) it prints how many deliveries there should have been
//! between which kinds, how many were lost, and how many came twice. What counts is a broadcast between two nodes of which both
//! had been there, with a link, for ten seconds, and were for ten seconds more. py2p says a broadcast anew on each of its
//! connections with the time of its clock: what comes twice with two times is py2p's, and counted apart.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_core::mesh::Event;
use egoist_core::mesh::wire::Value;
use egoist_tests::own_mesh::{Own, config};
use egoist_tests::real_py2p::RealPy2p;

/// Real nodes, and as many of ours.
const EACH: usize = 3;
const EVERY: Duration = Duration::from_millis(50);
const LEAVES: Duration = Duration::from_secs(30);
const AWAY: Duration = Duration::from_secs(5);
/// How long a node has to be there before a broadcast and after it.
const AROUND: Duration = Duration::from_secs(10);
const COLLECTS: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(2);

enum Kind {
    Real(usize),
    Ours(Box<Own>),
    Gone,
}

/// A node, from its first link to its end.
struct Session {
    kind: Kind,
    is_ours: bool,
    addr: SocketAddr,
    begin: Instant,
    end: Option<Instant>,
    /// How often each number came, for each time that it came with.
    told: BTreeMap<u64, BTreeMap<u64, u32>>,
}

/// A broadcast.
struct Said {
    by: usize,
    at: Instant,
}

impl Session {
    fn is_there(&self) -> bool {
        self.end.is_none()
    }

    fn is_settled(&self, at: Instant) -> bool {
        self.begin + AROUND < at && self.end.is_none_or(|end| at + AROUND < end)
    }

    fn note(&mut self, number: Option<u64>, time: u64) {
        let Some(number) = number else { return };
        *self.told.entry(number).or_default().entry(time).or_default() += 1;
    }
}

/// The resident memory of this process, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn number_in(values: &[Value]) -> Option<u64> {
    values.first().and_then(Value::as_u64)
}

/// All nodes, those that have gone among them.
struct Network {
    real: RealPy2p,
    sessions: Vec<Session>,
    said: Vec<Said>,
    refused: usize,
    starts: u64,
}

impl Network {
    fn start() -> Option<Self> {
        let real = RealPy2p::mesh(EACH)?;
        let mut network = Network { real, sessions: Vec::new(), said: Vec::new(), refused: 0, starts: 0 };
        for node in 0..EACH {
            network.add(Kind::Real(node), network.real.addr(node));
        }
        (0..EACH).for_each(|_| network.join_ours());
        Some(network)
    }

    fn add(&mut self, kind: Kind, addr: SocketAddr) {
        let is_ours = matches!(kind, Kind::Ours(_));
        let (begin, told) = (Instant::now(), BTreeMap::new());
        self.sessions.push(Session { kind, is_ours, addr, begin, end: None, told });
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.sessions.iter().filter(|session| session.is_there()).map(|session| session.addr).collect()
    }

    /// One of ours joins at all that are there.
    fn join_ours(&mut self) {
        self.starts += 1;
        let own = Own::start(config(self.starts), &self.addresses());
        own.until("a link", |node| node.peers().next().is_some());
        let addr = own.addr;
        self.add(Kind::Ours(Box::new(own)), addr);
    }

    /// A real one joins at the first that is there.
    fn join_real(&mut self) {
        let node = self.real.begin();
        let first = self.addresses()[0];
        self.real.connect(node, first);
        self.add(Kind::Real(node), self.real.addr(node));
    }

    /// The one of a kind that has been there for longest leaves.
    fn leave(&mut self, is_ours: bool) {
        self.collect();
        let of_kind = |session: &&mut Session| session.is_there() && session.is_ours == is_ours;
        let session = self.sessions.iter_mut().find(of_kind).expect("there are three of each kind");
        session.end = Some(Instant::now());
        if let Kind::Real(node) = std::mem::replace(&mut session.kind, Kind::Gone) {
            self.real.kill(node);
        }
    }

    /// The next that is there broadcasts.
    fn broadcast(&mut self, turn: usize) {
        let there = self.sessions.iter().enumerate().filter(|(_, session)| session.is_there());
        let there: Vec<usize> = there.map(|(by, _)| by).collect();
        let by = there[turn % there.len()];
        let values = [(self.said.len() as u64).into()];
        let at = Instant::now();
        match &self.sessions[by].kind {
            Kind::Real(node) => self.real.broadcast(*node, &values),
            Kind::Ours(own) if own.broadcast(&values).is_ok() => {}
            Kind::Ours(_) | Kind::Gone => return self.refused += 1,
        }
        self.said.push(Said { by, at });
    }

    /// Notes what all were told.
    fn collect(&mut self) {
        for session in &mut self.sessions {
            match &session.kind {
                Kind::Real(node) => {
                    for heard in self.real.take(*node) {
                        let number = heard.args.strip_prefix('[').and_then(|args| args.strip_suffix(']'));
                        session.note(number.and_then(|number| number.parse().ok()), heard.time);
                    }
                }
                Kind::Ours(own) => {
                    for event in own.take() {
                        if let Event::Message { sent, values, .. } = event {
                            session.note(number_in(&values), sent);
                        }
                    }
                }
                Kind::Gone => {}
            }
        }
    }

    fn print(&self) {
        println!("{} broadcasts, {} refused by ours", self.said.len(), self.refused);
        for (from, to) in [(true, true), (false, true), (true, false), (false, false)] {
            let (mut due, mut lost, mut twice, mut anew) = (0, 0, 0, 0);
            for (at, session) in self.sessions.iter().enumerate().filter(|(_, it)| it.is_ours == to) {
                for (number, said) in (0..).zip(&self.said) {
                    let by = &self.sessions[said.by];
                    let both = session.is_settled(said.at) && by.is_settled(said.at);
                    if by.is_ours == from && said.by != at && both {
                        due += 1;
                        let told = session.told.get(&number);
                        lost += u32::from(told.is_none());
                        twice += u32::from(told.is_some_and(|told| told.values().any(|times| *times > 1)));
                        anew += u32::from(told.is_some_and(|told| told.len() > 1));
                    }
                }
            }
            let name = |is_ours| if is_ours { "ours" } else { "real" };
            let (from, to) = (name(from), name(to));
            println!(
                "{from} to {to}: {due} deliveries, {lost} lost, {twice} twice, {anew} said anew by py2p"
            );
        }
    }
}

fn main() {
    let seconds = std::env::args().nth(1).map_or(600, |text| text.parse().expect("a number of seconds"));
    let Some(mut network) = Network::start() else { return };
    let (begin, memory_at_start) = (Instant::now(), memory());
    let (mut next, mut collects, mut leaves) = (begin, begin + COLLECTS, begin + LEAVES);
    let (mut turn, mut is_ours) = (0, false);
    let mut joins: Option<Instant> = None;
    while begin.elapsed() < Duration::from_secs(seconds) {
        let now = Instant::now();
        if now >= next {
            network.broadcast(turn);
            (turn, next) = (turn + 1, next + EVERY);
        }
        if now >= collects {
            network.collect();
            collects = now + COLLECTS;
        }
        if now >= leaves {
            network.leave(is_ours);
            (leaves, joins) = (leaves + LEAVES, Some(now + AWAY));
        }
        if joins.is_some_and(|at| now >= at) {
            if is_ours {
                network.join_ours();
            } else {
                network.join_real();
            }
            (joins, is_ours) = (None, !is_ours);
        }
        sleep(TICK);
    }
    sleep(AROUND);
    network.collect();
    network.print();
    println!("memory of this process: {memory_at_start} KiB at the start, {} KiB at the end", memory());
}
