//! Nodes in a row, each on an event loop and a thread of its own, and payloads from the first to the last.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::BufMut;
use egoist_core::kernel::{Arena, Seed};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{Command, Config, Event, NodeId, Overlay, Refusal, Reply, Way};
use egoist_mio::{Driver, Host, Key, Setup};

use crate::Outcome;
use crate::fenced::Fenced;

/// A chain has so long to form.
const FORMING: Duration = Duration::from_secs(60);
/// Nothing more comes when nothing has come for so long.
const OVER: Duration = Duration::from_secs(3);
/// Nobody waits longer than this for all.
const LONGEST: Duration = Duration::from_secs(150);

/// How far the chain has come.
const FORM: u8 = 0;
const SEND: u8 = 1;
const END: u8 = 2;

/// What a node's thread tells as it runs.
#[derive(Default)]
struct Counts {
    phase: AtomicU8,
    reachable: AtomicU64,
    sent: AtomicU64,
    delivered: AtomicU64,
    told: AtomicU64,
}

/// What a node's thread tells when it ends.
#[derive(Default)]
struct Report {
    /// Which payloads arrived, or were told to be lost, by number from 0.
    seen: Vec<bool>,
    disordered: u64,
    refused: u64,
    unreachable: u64,
    suspected: u64,
    processor: Duration,
    forwarded: u64,
}

/// What the first node sends.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) count: u64,
    pub(crate) octets: usize,
    pub(crate) way: Way,
}

struct Runner {
    counts: Arc<Counts>,
    thread: JoinHandle<Report>,
}

/// What the calling thread has cost of a processor; other programs do not count. Nothing where the system does not say.
pub(crate) fn processor_time() -> Duration {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(said.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn id(place: usize) -> NodeId {
    NodeId(place as u128 + 1)
}

/// Runs a chain with so many relays between its ends and has the first node send to the last.
pub(crate) fn run(relays: usize, task: Task) -> Outcome {
    let (tell, told) = mpsc::channel();
    let starters: Vec<_> =
        (0..relays + 2).map(|place| start(place, relays + 2, task, tell.clone())).collect();
    let mut addresses: Vec<(usize, SocketAddr)> = told.iter().take(relays + 2).collect();
    addresses.sort_unstable();
    let addresses: Vec<SocketAddr> = addresses.into_iter().map(|(_, address)| address).collect();
    let runners: Vec<Runner> = starters
        .into_iter()
        .map(|(runner, all)| {
            all.send(addresses.clone()).expect("the thread waits");
            runner
        })
        .collect();
    let took = conduct(&runners, task.count);
    let counts: Vec<Arc<Counts>> = runners.iter().map(|runner| Arc::clone(&runner.counts)).collect();
    let reports: Vec<Report> =
        runners.into_iter().map(|runner| runner.thread.join().expect("a node ends well")).collect();
    outcome(&counts, &reports, took)
}

fn outcome(counts: &[Arc<Counts>], reports: &[Report], took: Duration) -> Outcome {
    let (first, last) = (&reports[0], &reports[reports.len() - 1]);
    let sent = counts[0].sent.load(Relaxed);
    let lost = last.seen.iter().zip(&first.seen).take(usize::try_from(sent).unwrap_or(0));
    Outcome {
        sent,
        delivered: counts[counts.len() - 1].delivered.load(Relaxed),
        told: counts[0].told.load(Relaxed),
        untold: lost.filter(|(arrived, told)| arrived == told).count() as u64,
        disordered: last.disordered,
        refused: first.refused,
        unreachable: first.unreachable,
        suspected: reports.iter().map(|report| report.suspected).sum(),
        took,
        relay: reports[1..reports.len() - 1].first().map(|relay| (relay.processor, relay.forwarded)),
    }
}

/// Waits until the chain has formed, has the first node send, and waits until nothing more comes; how long that took.
fn conduct(runners: &[Runner], count: u64) -> Duration {
    let phase = |phase| runners.iter().for_each(|runner| runner.counts.phase.store(phase, Relaxed));
    let (first, last) = (&runners[0].counts, &runners[runners.len() - 1].counts);
    let begun = Instant::now();
    let all = runners.len() as u64 - 1;
    while runners.iter().any(|runner| runner.counts.reachable.load(Relaxed) < all) {
        assert!(begun.elapsed() < FORMING, "the chain has not formed");
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_secs(2));
    phase(SEND);
    let (start, mut known, mut news) = (Instant::now(), 0, Instant::now());
    while start.elapsed() < LONGEST && news.elapsed() < OVER {
        thread::sleep(Duration::from_millis(2));
        let heard = last.delivered.load(Relaxed) + first.told.load(Relaxed);
        if heard > known {
            (known, news) = (heard, Instant::now());
        }
        if first.sent.load(Relaxed) == count && heard >= count {
            break;
        }
    }
    phase(END);
    news - start
}

type Starter = (Runner, mpsc::Sender<Vec<SocketAddr>>);

fn start(place: usize, nodes: usize, task: Task, tell: mpsc::Sender<(usize, SocketAddr)>) -> Starter {
    let counts = Arc::new(Counts::default());
    let (all, addresses) = mpsc::channel();
    let shared = Arc::clone(&counts);
    let thread = thread::spawn(move || {
        let mut driver = Driver::new().expect("an event loop");
        let at = ([127, 0, 0, 1], 0).into();
        let setup = Setup::at(at);
        let bound = driver.bind(&setup).expect("loopback");
        tell.send((place, bound.listeners()[0])).expect("somebody listens");
        let addresses: Vec<SocketAddr> = addresses.recv().expect("all addresses");
        let node = node(place, &addresses);
        let to = (place == 0).then(|| id(nodes - 1));
        let talk = Rc::new(RefCell::new(Talk::new(shared, task, to)));
        let heard = Rc::clone(&talk);
        let key = driver.add(bound, node, move |host, event| heard.borrow_mut().hear(host, event));
        talk.borrow_mut().key = Some(key);
        live(&mut driver, key, &talk)
    });
    (Runner { counts, thread }, all)
}

fn node(place: usize, addresses: &[SocketAddr]) -> Fenced {
    let network = Network::new("payloads").expect("a name");
    let near = |step: isize| place.checked_add_signed(step).and_then(|at| addresses.get(at)).copied();
    let reaches: Vec<SocketAddr> = [near(-1), near(1)].into_iter().flatten().collect();
    let config = Config {
        id: Some(id(place)),
        k: 2,
        bootstraps: near(-1).into_iter().collect(),
        ..Config::new(Seed::from_u64(place as u64), network, addresses[place])
    };
    Fenced::new(Overlay::new(config).expect("a configuration to live by"), reaches)
}

/// What a node hears, and what its thread makes of it.
struct Talk {
    counts: Arc<Counts>,
    task: Task,
    report: Report,
    /// The number of the last payload that arrived.
    last: Option<u64>,
    /// The number that the node gave the first payload.
    first_number: Option<u64>,
    key: Option<Key<Fenced>>,
    /// Whom to send to, and the next number.
    to: Option<NodeId>,
    next: u64,
    arena: Arena,
}

impl Talk {
    fn new(counts: Arc<Counts>, task: Task, to: Option<NodeId>) -> Self {
        let seen = vec![false; usize::try_from(task.count).unwrap_or(0)];
        let report = Report { seen, ..Report::default() };
        let (last, first_number, key, next, arena) = (None, None, None, 0, Arena::default());
        Talk { counts, task, report, last, first_number, key, to, next, arena }
    }

    fn see(&mut self, number: u64) {
        if let Some(seen) = usize::try_from(number).ok().and_then(|at| self.report.seen.get_mut(at)) {
            *seen = true;
        }
    }

    fn hear(&mut self, host: &mut Host, event: Event) {
        match event {
            Event::Delivered { payload, .. } => {
                let number = payload.first_chunk().map_or(0, |octets| u64::from_le_bytes(*octets));
                self.see(number);
                self.report.disordered += u64::from(self.last.is_some_and(|last| last >= number));
                self.last = Some(number);
                self.counts.delivered.fetch_add(1, Relaxed);
            }
            Event::Undelivered { number, .. } => {
                self.see(number - self.first_number.unwrap_or(number));
                self.counts.told.fetch_add(1, Relaxed);
            }
            Event::Room { .. } => self.pump(host),
            Event::Suspected { .. } if self.counts.phase.load(Relaxed) == SEND => self.report.suspected += 1,
            _ => {}
        }
    }

    /// Sends until the node refuses.
    fn pump(&mut self, host: &mut Host) {
        let (Some(to), Some(key)) = (self.to, self.key) else { return };
        let Task { count, octets, way } = self.task;
        while self.next < count {
            let payload = self.arena.frame(octets, |out| {
                out.put_u64_le(self.next);
                out.put_bytes(7, octets - 8);
            });
            match host.command(key, Command::Send { to, payload, way }) {
                Ok(Reply::Sent(number)) => {
                    self.first_number.get_or_insert(number);
                    self.next += 1;
                }
                Err(Refusal::Busy) => {
                    self.report.refused += 1;
                    break;
                }
                _ => {
                    self.report.unreachable += 1;
                    break;
                }
            }
        }
        self.counts.sent.store(self.next, Relaxed);
    }
}

/// Turns the loop until the end; who has somebody to send to sends whenever it is not refused.
fn live(driver: &mut Driver, key: Key<Fenced>, talk: &RefCell<Talk>) -> Report {
    let counts = Arc::clone(&talk.borrow().counts);
    let mut begun = None;
    loop {
        match counts.phase.load(Relaxed) {
            FORM => {
                let reachable = driver.machine(key).node.status().reachable as u64;
                counts.reachable.store(reachable, Relaxed);
            }
            SEND if begun.is_none() => {
                begun = Some((processor_time(), driver.machine(key).node.counters().forwarded));
                talk.borrow_mut().pump(driver);
            }
            SEND => {}
            _ => break,
        }
        driver.turn(Some(Duration::from_millis(5))).expect("a turn");
    }
    let mut report = std::mem::take(&mut talk.borrow_mut().report);
    let (processor, forwarded) = begun.unwrap_or_default();
    report.processor = processor_time().saturating_sub(processor);
    report.forwarded = driver.machine(key).node.counters().forwarded - forwarded;
    report
}
