//! Machines on an emulated network, in simulated time.

mod connections;
mod drain;
mod driver;
mod life;
mod network;
mod wall;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

pub use driver::Slices;
pub use life::Restart;

use super::net::{Network, address};
use super::queue::Wheel;
use super::slab::{Key, Slab};
use super::tcp::{Conn, EndState, Segment, Side};
use super::{Counters, Delays, Jitter, Kind, Tally};
use crate::kernel::{Input, Machine, Output, Page, Rng, Seed, StoreError, Streams, Ticket, Time, Until};
use driver::Driver;
use wall::Wall;

/// How a world's network and hosts are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// What is added to each message's delay.
    pub jitter: Jitter,
    /// Datagrams lost, in a million. Connections are reliable: what they lose is not modelled.
    pub loss_per_million: u32,
    /// How many octets may be on their way or unread in each direction of a connection, from 1.
    pub window: usize,
    /// How many datagrams wait for a frozen process; the host drops what is more.
    pub datagram_backlog: usize,
    /// On how many ports each node listens, for TCP and UDP alike.
    pub ports: u16,
    /// How long a load takes, a scan, or a store that is to be [synced](crate::kernel::Until::Synced).
    pub disk: Duration,
    /// How long a store takes that is to be [written](crate::kernel::Until::Written). Behind others it waits for them: a disk
    /// does one thing after the other.
    pub write: Duration,
    /// How long a host waits for the answer of one with whom the network has forgotten its connection, before it says
    /// that the connection is broken.
    pub patience: Duration,
    /// Each process counts its time from a moment of its own: its clock begins at anything up to this. With zero all
    /// have the world's time.
    pub clocks: Duration,
}

impl Default for Config {
    /// No jitter and no loss, windows of 256 KiB, 256 datagrams of backlog, one port, a millisecond for the disk and 20
    /// microseconds for a write alone, the patience of the loop of `egoist-mio` (20 s; a system left to itself waits a quarter
    /// of an hour), and one time for all.
    fn default() -> Self {
        Config {
            jitter: Jitter::None,
            loss_per_million: 0,
            window: 256 << 10,
            datagram_backlog: 256,
            ports: 1,
            disk: Duration::from_millis(1),
            write: Duration::from_micros(20),
            patience: Duration::from_secs(20),
            clocks: Duration::ZERO,
        }
    }
}

/// What a machine is made from, each time its node starts. What the node stored is not in it: the machine loads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Boot {
    /// The node's index.
    pub node: usize,
    /// From which everything random in it follows; a new one for each start.
    pub seed: Seed,
    /// How often the node has started, this time included.
    pub start: u32,
    /// What its clock shows.
    pub now: Time,
    /// What its clock on the wall shows, since the beginning of 1970.
    pub wall_time: Duration,
    /// Where its `Port(0)` is, for TCP and UDP.
    pub address: SocketAddr,
}

/// How a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The host is there and no process runs: not started, or killed. It refuses connections.
    Down,
    /// The host is silent, as after a power cut.
    Halted,
    /// Its machine runs.
    Running,
    /// Its process is stopped, as by SIGSTOP: the host lives, and what arrives waits.
    Frozen,
}

/// A world: nodes, each with a machine while it runs, on an emulated network.
///
/// Nodes are named by index in the order of [`add`](World::add); node i has the address [`address`]`(i)`. Everything
/// that happens follows from the seed and the calls. Things due at the same microsecond happen in the order in which
/// they were caused; what arrives then in one direction of a connection arrives together.
///
/// **Network.** A message from i to j takes [`Delays::one_way`] plus jitter. Datagrams may be lost and, with jitter,
/// overtake each other. A connection is set up in three messages: the dialler has it after a round trip, the acceptor
/// another half later. A living host without a process refuses; a silent one, or an address in 10.0.0.0/7 that no node
/// has, lets the dial run into its deadline; any other address is unreachable at once. Bytes arrive in order, each frame
/// for itself (cut in two where the window ends), and are flushed when they leave the sender: at once, or when the
/// receiver's reading makes room in the window. Over a cut nothing goes that is sent after the cut: datagrams vanish,
/// connections wait until it heals.
///
/// **Ends.** `Close` with `Flush` sends what is queued (within five seconds, else it resets), then FIN, discards what the
/// peer still says, and reports the end when the peer has closed too, after a second at the latest. The peer sees
/// `ByPeer` once it has read everything. `Abort` resets: the peer sees `Broken` after what had left before.
pub struct World<M: Machine> {
    now: Time,
    config: Config,
    seed: Seed,
    queue: Wheel<Event>,
    nodes: Vec<Node<M>>,
    conns: Slab<Conn>,
    packets: Slab<Packet>,
    jobs: Slab<Job>,
    net: Network,
    ends_rng: Rng,
    clocks_rng: Rng,
    tally: Tally,
    dials: u64,
    events: VecDeque<(Time, usize, M::Event)>,
    follow_ups: VecDeque<FollowUp>,
    scratch: BytesMut,
    observer: Option<Observer<M>>,
}

type Observer<M> = Box<dyn FnMut(Time, usize, &Output<<M as Machine>::Event>)>;

struct Node<M> {
    machine: Option<M>,
    /// The machine has ended: it can be asked, and is told nothing.
    done: bool,
    make: Box<dyn FnMut(Boot) -> M>,
    condition: Condition,
    starts: u32,
    /// When the machine wants to be woken, and what for; `u64::MAX` for never.
    wanted: u64,
    why: &'static str,
    /// The earliest tick in the queue that counts, and its number: those before it were overtaken.
    scheduled: u64,
    tick: u32,
    inbox: VecDeque<Delivery>,
    datagrams_waiting: usize,
    disk: BTreeMap<Bytes, Bytes>,
    /// What was synced under each key that is written otherwise.
    unsynced: BTreeMap<Bytes, Option<Bytes>>,
    /// What each store comes to, if to nothing.
    disk_fails: Option<StoreError>,
    /// When all that was asked of it is done.
    disk_free: Time,
    /// What was on it before each of the latest starts, the last first.
    snapshots: VecDeque<BTreeMap<Bytes, Bytes>>,
    /// Stopped, as by SIGSTOP.
    stopped: bool,
    /// What is wrong with its driver and host; nothing until it is asked for.
    driver: Option<Box<Driver>>,
    /// The clock on the wall that its machine is told of, if it is.
    wall: Option<Wall>,
    counters: Counters,
}

/// What is to happen.
#[derive(Clone, Copy)]
enum Event {
    Boot { node: u32 },
    Tick { node: u32, tick: u32 },
    Datagram { to: u32, packet: Key },
    Segment { conn: Key, from: Side },
    Deadline { conn: Key },
    Linger { conn: Key, side: Side },
    Disk { node: u32, job: Key },
    GiveUp { conn: Key, side: Side },
    Slice { node: u32, slice: u32 },
    Read { node: u32, reading: u32 },
    Wall { node: u32, number: u32 },
}

/// What reaches a process, at once or when it thaws.
enum Delivery {
    Datagram(Packet),
    Segment {
        conn: Key,
        to: Side,
        segment: Segment,
    },
    Deadline {
        conn: Key,
    },
    Linger {
        conn: Key,
        side: Side,
    },
    GiveUp {
        conn: Key,
        side: Side,
    },
    Stored {
        ticket: Ticket,
        result: Result<(), StoreError>,
    },
    /// `None` where the disk failed.
    Loaded {
        ticket: Ticket,
        value: Option<Option<Bytes>>,
    },
    /// Likewise.
    Scanned {
        ticket: Ticket,
        page: Option<Page>,
    },
}

/// What a drained machine hears at once of what it just asked for.
enum FollowUp {
    Flushed { conn: Key, side: Side, n: usize },
    Present { conn: Key, side: Side },
    Closed { conn: Key, side: Side },
    Unreachable { ticket: Ticket },
}

#[derive(Clone)]
struct Packet {
    payload: Bytes,
    from: u32,
    source: SocketAddr,
    port: u16,
}

struct Job {
    start: u32,
    ticket: Ticket,
    what: Disk,
}

enum Disk {
    Store { ops: Vec<crate::kernel::StoreOp>, until: Until },
    Load(Bytes),
    Scan { prefix: Bytes, after: Option<Bytes> },
}

impl<M: Machine> World<M> {
    /// An empty world at time 0.
    ///
    /// # Panics
    /// If the window is zero.
    pub fn new(config: Config, delays: impl Delays + 'static, seed: Seed) -> Self {
        assert!(config.window > 0, "a connection without a window carries nothing");
        World {
            now: Time::ZERO,
            config,
            seed,
            queue: Wheel::new(),
            nodes: Vec::new(),
            conns: Slab::new(),
            packets: Slab::new(),
            jobs: Slab::new(),
            net: Network::new(Box::new(delays), config.jitter, config.loss_per_million, seed),
            ends_rng: Streams::new(seed).named("ends"),
            clocks_rng: Streams::new(seed).named("clocks"),
            tally: Tally::default(),
            dials: 0,
            events: VecDeque::new(),
            follow_ups: VecDeque::new(),
            scratch: BytesMut::new(),
            observer: None,
        }
    }

    /// Adds a node; `make` makes its machine at each start. Its host lives from now on.
    ///
    /// # Panics
    /// With more than 2^24 - 2 nodes.
    pub fn add(&mut self, make: impl FnMut(Boot) -> M + 'static) -> usize {
        let node = self.nodes.len();
        let _ = address(node);
        self.nodes.push(Node {
            machine: None,
            done: false,
            make: Box::new(make),
            condition: Condition::Down,
            starts: 0,
            wanted: u64::MAX,
            why: "",
            scheduled: u64::MAX,
            tick: 0,
            inbox: VecDeque::new(),
            datagrams_waiting: 0,
            disk: BTreeMap::new(),
            unsynced: BTreeMap::new(),
            disk_fails: None,
            disk_free: Time::ZERO,
            snapshots: VecDeque::new(),
            stopped: false,
            driver: None,
            wall: None,
            counters: Counters::default(),
        });
        node
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many nodes were added.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's machine, for questions; `None` where no process is.
    pub fn machine(&self, node: usize) -> Option<&M> {
        self.nodes[node].machine.as_ref()
    }

    /// How a node is.
    pub fn condition(&self, node: usize) -> Condition {
        self.nodes[node].condition
    }

    /// What a node has done, all its starts together.
    pub fn counters(&self, node: usize) -> &Counters {
        &self.nodes[node].counters
    }

    /// What all nodes have done together.
    pub fn totals(&self) -> Counters {
        self.nodes.iter().fold(Counters::default(), |mut sum, node| {
            sum += &node.counters;
            sum
        })
    }

    /// Which faults took effect, and how often.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts a fault that is none of the world's own.
    pub(super) fn note(&mut self, kind: Kind) {
        self.tally.count(kind);
    }

    /// The nodes by how many connections they have open, most first.
    pub fn most_connected(&self) -> Vec<usize> {
        let mut open = alloc::vec![0usize; self.nodes.len()];
        for c in self.conns.keys().into_iter().filter_map(|key| self.conns.get(key)) {
            for side in Side::BOTH.into_iter().filter(|side| c.end(*side).state == EndState::Open) {
                open[c.node(side)] += 1;
            }
        }
        let mut nodes: Vec<usize> = (0..open.len()).collect();
        nodes.sort_by_key(|node| core::cmp::Reverse(open[*node]));
        nodes
    }

    /// Connections of which at least one end is there.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// What a node has stored under a key.
    pub fn stored(&self, node: usize, key: &str) -> Option<&Bytes> {
        self.nodes[node].disk.get(key.as_bytes())
    }

    /// Has everything shown to `observer` that machines do from now on, before it is done.
    pub fn observe(&mut self, observer: impl FnMut(Time, usize, &Output<M::Event>) + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// Gives a machine a command; `None` if it does not run.
    pub fn command(&mut self, node: usize, command: M::Command) -> Option<Result<M::Reply, M::Refusal>> {
        self.ask(node, |machine, now| machine.command(now, command))
    }

    /// Has a machine answer, and takes what comes of it; `None` if it does not run.
    pub(super) fn ask<A>(&mut self, node: usize, what: impl FnOnce(&mut M, Time) -> A) -> Option<A> {
        if self.nodes[node].condition != Condition::Running {
            return None;
        }
        let now = self.shown(node);
        let answer = what(self.nodes[node].machine.as_mut()?, now);
        self.drain(node);
        Some(answer)
    }

    /// Lets the next thing happen, if it is due by `limit`; false if nothing is (the time stays).
    pub fn step(&mut self, limit: Time) -> bool {
        let Some((at, event)) = self.queue.pop(limit.as_micros()) else { return false };
        self.now = Time::from_micros(at);
        match event {
            Event::Tick { node, tick } => self.tick(node as usize, tick),
            Event::Datagram { to, packet } => self.datagram(to as usize, packet),
            Event::Segment { conn, from } => self.arrivals(conn, from),
            Event::Boot { node } => self.boot(node as usize),
            Event::Deadline { conn } => self.at_process(conn, Side::Dialler, Delivery::Deadline { conn }),
            Event::Linger { conn, side } => self.at_process(conn, side, Delivery::Linger { conn, side }),
            Event::Disk { node, job } => self.disk_done(node as usize, job),
            Event::GiveUp { conn, side } => self.at_process(conn, side, Delivery::GiveUp { conn, side }),
            Event::Slice { node, slice } => self.slice(node as usize, slice),
            Event::Read { node, reading } => self.read(node as usize, reading),
            Event::Wall { node, number } => self.wall(node as usize, number),
        }
        true
    }

    /// Lets everything happen that is due by `until`, and hands over what machines tell their users.
    pub fn run_until(&mut self, until: Time, mut sink: impl FnMut(Time, usize, M::Event)) {
        self.drain_events(&mut sink);
        while self.step(until) {
            self.drain_events(&mut sink);
        }
        self.now = self.now.max(until);
    }

    /// Runs until `done`, asked now and after every `every`, says so, or until `limit`; when it said so.
    ///
    /// # Panics
    /// If `every` is zero.
    pub fn run_until_done(
        &mut self,
        limit: Time,
        every: Duration,
        mut done: impl FnMut(&Self) -> bool,
        mut sink: impl FnMut(Time, usize, M::Event),
    ) -> Option<Time> {
        assert!(!every.is_zero(), "asking again takes time");
        while !done(self) {
            if self.now >= limit {
                return None;
            }
            self.run_until((self.now + every).min(limit), &mut sink);
        }
        Some(self.now)
    }

    /// Hands over what machines have told their users since the last time, in order.
    pub fn drain_events(&mut self, mut sink: impl FnMut(Time, usize, M::Event)) {
        while let Some((at, node, event)) = self.events.pop_front() {
            sink(at, node, event);
        }
    }

    fn at(&mut self, at: Time, event: Event) {
        self.queue.push(at.max(self.now).as_micros(), event);
    }

    /// Gives the machine one thing and takes what comes of it.
    fn feed(&mut self, node: usize, input: Input<'_>) {
        let n = &mut self.nodes[node];
        let now = match &mut n.driver {
            None => self.now,
            Some(driver) => driver.shown(self.now, &mut self.tally),
        };
        if let Some(machine) = n.awake() {
            machine.handle(now, input);
            self.drain(node);
        }
    }
}

/// An index as events carry it.
fn short(node: usize) -> u32 {
    u32::try_from(node).expect("nodes have addresses of 24 bits")
}
