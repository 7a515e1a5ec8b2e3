//! Attacks on a machine alone: what its memory grows by, and what honest frames cost the processor meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use egoist_core::kernel::{Closed, ConnId, How, Input, Loaded, Machine, Output, Port, Seed, Time};
use egoist_core::overlay::wire::{self, Beat, Network, Packet};
use egoist_core::overlay::{Config, Event, Measure, NodeId, Overlay, Token};

use crate::at;
use crate::claims::{Attack, EVIL, address, greeting, registration, upt};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is done by the system's allocator; this only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a driver reads from a connection in a turn.
const TURN: usize = 64 << 10;
const STEP: Duration = Duration::from_millis(50);
const HONEST: [u128; 2] = [1, 2];
const NODES: u128 = 50;
const NETWORK: &str = "attack";

struct World {
    node: Overlay,
    now: Time,
    reading: BTreeSet<ConnId>,
    open: BTreeSet<ConnId>,
    last: u64,
    tokens: Vec<(ConnId, Token)>,
    events: Vec<Event>,
    sent: usize,
}

impl World {
    fn new() -> Self {
        let network = Network::new(NETWORK).expect("a valid name");
        let mut config = Config::new(Seed::from_u64(1), network, address(999));
        config.id = Some(NodeId(999));
        let mut world = World {
            node: Overlay::new(config).expect("a configuration"),
            now: Time::from_secs(1),
            reading: BTreeSet::new(),
            open: BTreeSet::new(),
            last: 0,
            tokens: Vec::new(),
            events: Vec::new(),
            sent: 0,
        };
        world.drain();
        world
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Send { conn, frame, .. } => {
                    self.sent += frame.len();
                    if let Ok(Packet::Lnk(greeting)) = wire::read(&frame.slice(..frame.len() - 2)) {
                        self.tokens.push((conn, greeting.token));
                    }
                    self.node.handle(self.now, Input::Flushed { conn, n: frame.len() });
                }
                Output::Close { conn, .. } => {
                    self.open.remove(&conn);
                    self.reading.remove(&conn);
                    self.tokens.retain(|(held, _)| *held != conn);
                    self.node.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                Output::Reading { conn, on } => {
                    if on {
                        self.reading.insert(conn)
                    } else {
                        self.reading.remove(&conn)
                    };
                }
                Output::Store { ticket, .. } => {
                    self.node.handle(self.now, Input::Stored { ticket, result: Ok(()) });
                }
                Output::Load { ticket, .. } => {
                    self.node.handle(self.now, Input::Loaded { ticket, value: Loaded::Absent });
                }
                Output::Event(event @ Event::OverBudget { .. }) => self.events.push(event),
                Output::Event(_) => {}
                Output::Dial { .. } | Output::Datagram { .. } | Output::Scan { .. } | Output::Done => {}
            }
        }
    }

    fn open(&mut self, from: u128) -> ConnId {
        self.last += 1;
        let conn = ConnId(self.last);
        self.open.insert(conn);
        self.reading.insert(conn);
        self.node
            .handle(self.now, Input::Opened { conn, how: How::Accepted(Port(0)), remote: address(from) });
        self.drain();
        conn
    }

    fn link(&mut self, from: u128, id: u128) -> ConnId {
        let conn = self.open(from);
        self.say(conn, &greeting(NETWORK, id));
        conn
    }

    fn say(&mut self, conn: ConnId, frame: &Bytes) {
        let mut bytes = BytesMut::from(&frame[..]);
        self.node.handle(self.now, Input::Received { conn, bytes: &mut bytes });
        self.drain();
    }

    fn hears(&self, conn: ConnId) -> bool {
        self.open.contains(&conn) && self.reading.contains(&conn)
    }

    /// A step of time; everybody with a link beats.
    fn pass(&mut self, beat: u64) {
        self.now = self.now + STEP;
        self.node.handle(self.now, Input::Tick);
        let live: Vec<Token> =
            self.tokens.iter().filter(|(c, _)| self.open.contains(c)).map(|(_, t)| *t).collect();
        for token in live {
            let beat = Packet::Hb(Beat::first(token, beat)).emit();
            self.node.handle(self.now, Input::Datagram { port: Port(0), from: address(1), bytes: &beat });
        }
        self.drain();
    }
}

struct Outcome {
    growth: usize,
    said: u128,
    honest: Vec<Duration>,
    turns: Vec<Duration>,
    slowed: bool,
    closed: bool,
    accused_honest: usize,
    honest_kept: bool,
    answered: usize,
}

/// Says what it says, as fast as it is read.
struct Attacker {
    attack: Attack,
    claims: u128,
    said: u128,
    link: Option<ConnId>,
}

impl Attacker {
    /// As much as a driver reads in a turn.
    fn turn(&mut self, world: &mut World) {
        let mut octets = 0;
        while octets < TURN && self.said < self.claims {
            let Some(more) = self.say(world) else { return };
            octets += more;
        }
    }

    /// One claim: its octets; `None` if it is not read.
    fn say(&mut self, world: &mut World) -> Option<usize> {
        let octets = match self.attack {
            Attack::Nothing | Attack::Work => return None,
            Attack::Links => {
                world.link(EVIL, 1_000_000 + self.said);
                200
            }
            Attack::HalfOpen => {
                world.open(EVIL);
                64
            }
            Attack::Registrations => self.register(world),
            _ => return self.say_on_link(world),
        };
        self.said += 1;
        Some(octets)
    }

    fn register(&self, world: &mut World) -> usize {
        let conn = world.open(EVIL);
        let frame = registration(NETWORK, 1_000 + self.said);
        world.say(conn, &frame);
        frame.len()
    }

    fn say_on_link(&mut self, world: &mut World) -> Option<usize> {
        let conn = *self.link.get_or_insert_with(|| world.link(EVIL, EVIL));
        if !world.open.contains(&conn) {
            // Closed: it comes again at once.
            self.link = None;
            return Some(200);
        }
        if !world.hears(conn) {
            return None;
        }
        let frame = self.attack.says(self.said)?;
        self.said += 1;
        world.say(conn, &frame);
        Some(frame.len())
    }
}

fn run(attack: Attack, claims: u128) -> Outcome {
    let mut world = World::new();
    let honest = HONEST.map(|id| world.link(id, id));
    let record =
        |id: u128, sequence| upt(id, sequence, &[id % NODES + 1, (id + NODES - 2) % NODES + 1]).emit();
    for id in 1..=NODES {
        world.say(honest[0], &record(id, 1));
    }
    let baseline = HELD.load(Ordering::Relaxed);
    PEAK.store(baseline, Ordering::Relaxed);
    let mut attacker = Attacker { attack, claims, said: 0, link: None };
    let (mut honest_times, mut turns, mut sequence) = (Vec::new(), Vec::new(), 1u32);
    world.sent = 0;
    for step in 0..2_400u64 {
        world.pass(step);
        let begun = Instant::now();
        attacker.turn(&mut world);
        turns.push(begun.elapsed());
        sequence += 1;
        let frame = record(u128::from(step) % NODES + 1, sequence);
        let begun = Instant::now();
        world.say(honest[usize::from(step % 2 == 1)], &frame);
        honest_times.push(begun.elapsed());
    }
    let peak = PEAK.load(Ordering::Relaxed);
    let over = |which: Measure| {
        world.events.iter().any(|e| matches!(e, Event::OverBudget { done, .. } if *done == which))
    };
    let honest_named = world
        .events
        .iter()
        .filter(|e| matches!(e, Event::OverBudget { peer: Some(id), .. } if HONEST.contains(&id.0)));
    let kept = (1..=NODES).all(|id| world.node.database().get(NodeId(id)).is_some());
    Outcome {
        growth: peak.saturating_sub(baseline),
        said: attacker.said,
        honest: honest_times,
        turns,
        slowed: over(Measure::Slowed),
        closed: over(Measure::Closed),
        accused_honest: honest_named.count(),
        honest_kept: kept && honest.iter().all(|conn| world.hears(*conn)),
        answered: world.sent,
    }
}

/// So many claims of each kind.
pub(crate) fn measure(claims: u128) {
    println!("two minutes, one honest frame every 50 ms; times are of the processor, in microseconds");
    println!(
        "{:<14} {:>9} {:>10} {:>10} {:>8} {:>8} {:>9} {:>9} {:>7} {:>7} {:>7}",
        "attack",
        "heard",
        "grown KiB",
        "sent KiB",
        "frame",
        "p99",
        "turn",
        "p99",
        "slowed",
        "closed",
        "honest"
    );
    for attack in Attack::ALL.into_iter().filter(|attack| *attack != Attack::Work) {
        let mut o = run(attack, claims);
        println!(
            "{:<14} {:>9} {:>10} {:>10} {:>8.1} {:>8.1} {:>9.1} {:>9.1} {:>7} {:>7} {:>7}",
            format!("{attack:?}"),
            o.said,
            o.growth >> 10,
            o.answered >> 10,
            at(&mut o.honest, 50),
            at(&mut o.honest, 99),
            at(&mut o.turns, 50),
            at(&mut o.turns, 99),
            o.slowed,
            o.closed,
            if o.honest_kept && o.accused_honest == 0 { "well" } else { "HARMED" },
        );
    }
}
