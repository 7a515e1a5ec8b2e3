//! Scripts of inputs, composed by driving a machine.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::Lawful;
use super::bench::Bench;
use crate::kernel::{
    Closed, ConnId, DialError, How, Output, Page, Port, Rng, Seed, StoreError, StoreOp, Streams, Ticket,
    Time, scan,
};

/// One thing that happens at a time.
pub(super) struct Step<C> {
    pub(super) at: Time,
    pub(super) act: Act<C>,
    /// The driver drained the machine after it.
    pub(super) drain: bool,
}

/// What happens; see [`Input`](crate::kernel::Input).
pub(super) enum Act<C> {
    Tick,
    Opened {
        conn: ConnId,
        how: How,
        remote: SocketAddr,
    },
    Bytes {
        conn: ConnId,
        bytes: Vec<u8>,
    },
    Present {
        conn: ConnId,
    },
    Flushed {
        conn: ConnId,
        n: usize,
    },
    Closed {
        conn: ConnId,
        why: Closed,
    },
    DialFailed {
        ticket: Ticket,
        why: DialError,
    },
    Datagram {
        port: Port,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Stored {
        ticket: Ticket,
        result: Result<(), StoreError>,
    },
    Loaded {
        ticket: Ticket,
        value: Load,
    },
    /// `None` where the store could not be read.
    Scanned {
        ticket: Ticket,
        page: Option<Page>,
    },
    WallTime {
        unix: Duration,
    },
    Command(C),
}

/// What a machine asked of its store.
enum Asked {
    Store(Vec<StoreOp>),
    Load(Bytes),
    /// What the keys begin with, and what they are greater than.
    Scan(Bytes, Option<Bytes>),
}

/// What a load found.
pub(super) enum Load {
    Value(Vec<u8>),
    Absent,
    Failed,
}

impl<C> Act<C> {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Act::Tick => "tick",
            Act::Opened { .. } => "opened",
            Act::Bytes { .. } => "bytes",
            Act::Present { .. } => "buffer presented on resume",
            Act::Flushed { .. } => "flushed",
            Act::Closed { .. } => "closed",
            Act::DialFailed { .. } => "dial failed",
            Act::Datagram { .. } => "datagram",
            Act::Stored { .. } => "stored",
            Act::Loaded { .. } => "loaded",
            Act::Scanned { .. } => "scanned",
            Act::WallTime { .. } => "wall time",
            Act::Command(_) => "command",
        }
    }

    /// The connection whose buffer was presented.
    pub(super) const fn fed(&self) -> Option<ConnId> {
        match self {
            Act::Bytes { conn, .. } | Act::Present { conn } => Some(*conn),
            _ => None,
        }
    }
}

/// A script and what the machine made of it.
pub(super) struct Script<M: Lawful> {
    pub(super) steps: Vec<Step<M::Command>>,
    pub(super) outputs: Vec<Output<M::Event>>,
    pub(super) answers: Vec<bool>,
}

impl<M: Lawful> Script<M> {
    /// Runs all of it on a fresh machine.
    pub(super) fn played(&self, bench: Bench<M>) -> Bench<M> {
        self.played_until(bench, self.steps.len())
    }

    /// Runs the first `end` steps of it on a fresh machine.
    pub(super) fn played_until(&self, mut bench: Bench<M>, end: usize) -> Bench<M> {
        for step in &self.steps[..end] {
            bench.apply(step, None);
            bench.drain();
        }
        bench
    }

    /// What each peer says next after so many steps: as the script has it, or more of the kind where that has no more.
    pub(super) fn said_next(&self, cut: usize, rng: &mut Rng) -> BTreeMap<ConnId, Vec<u8>> {
        let (before, after) = self.steps.split_at(cut);
        let mut next = BTreeMap::new();
        for step in after {
            if let Act::Bytes { conn, bytes } = &step.act {
                next.entry(*conn).or_insert_with(|| bytes.clone());
            }
        }
        for step in before {
            if let Act::Opened { conn, how, .. } = &step.act {
                next.entry(*conn).or_insert_with(|| M::stream(*how, rng));
            }
        }
        next
    }
}

/// The script of a number.
pub(super) fn compose<M: Lawful>(number: u64) -> Script<M> {
    let mut composer = Composer::<M>::new(number);
    for _ in 0..20 + composer.rng.index(80) {
        composer.step();
    }
    composer.drain();
    let Bench { outputs, answers, .. } = composer.bench;
    Script { steps: composer.steps, outputs, answers }
}

/// What the clock on the wall shows at first: it is a morning in September 2020.
const CLOCK: Duration = Duration::from_secs(1_600_000_000);

/// Connections open at once.
const MOST_CONNS: usize = 6;

struct Composer<M: Lawful> {
    rng: Rng,
    bench: Bench<M>,
    steps: Vec<Step<M::Command>>,
    now: Time,
    /// Outputs already looked at.
    seen: usize,
    conns: u64,
    /// What each connection's peer has yet to say, backwards.
    unsaid: BTreeMap<ConnId, Vec<u8>>,
    dials: Vec<(Ticket, SocketAddr)>,
    /// What waits for the disk, in the order in which it was asked for.
    asked: VecDeque<(Ticket, Asked)>,
    disk: BTreeMap<Bytes, Bytes>,
    /// What the clock on the wall showed at [`Time::ZERO`], as it is set now.
    wall: Duration,
}

impl<M: Lawful> Composer<M> {
    fn new(number: u64) -> Self {
        let mut composer = Composer {
            rng: Streams::new(Seed::from_u64(number)).named("script"),
            bench: Bench::new(M::specimen(number)),
            steps: Vec::new(),
            now: Time::ZERO,
            seen: 0,
            conns: 0,
            unsaid: BTreeMap::new(),
            dials: Vec::new(),
            asked: VecDeque::new(),
            disk: BTreeMap::new(),
            wall: CLOCK,
        };
        composer.look();
        composer
    }

    fn step(&mut self) {
        if self.rng.percent(30) {
            let most =
                if self.rng.percent(80) { Duration::from_millis(200) } else { Duration::from_secs(20) };
            let pass = self.rng.between(Duration::ZERO, most);
            self.pass_to(self.now + pass);
        }
        if self.bench.done {
            return;
        }
        let Some(act) = self.choose() else { return };
        let step = Step { at: self.now, act, drain: false };
        self.bench.apply(&step, None);
        self.steps.push(step);
        if self.rng.percent(60) {
            self.drain();
        }
    }

    /// Lets time pass; a driver drains before it sleeps.
    fn pass_to(&mut self, at: Time) {
        self.drain();
        self.now = at;
    }

    fn drain(&mut self) {
        self.bench.drain();
        if let Some(last) = self.steps.last_mut() {
            last.drain = true;
        }
        self.look();
    }

    /// Notes what the machine waits for.
    fn look(&mut self) {
        for output in &self.bench.outputs[self.seen..] {
            match output {
                Output::Dial { ticket, to, .. } => self.dials.push((*ticket, *to)),
                Output::Store { ticket, ops, .. } => {
                    self.asked.push_back((*ticket, Asked::Store(ops.clone())));
                }
                Output::Load { ticket, key } => self.asked.push_back((*ticket, Asked::Load(key.clone()))),
                Output::Scan { ticket, prefix, after } => {
                    self.asked.push_back((*ticket, Asked::Scan(prefix.clone(), after.clone())));
                }
                _ => {}
            }
        }
        self.seen = self.bench.outputs.len();
    }

    fn choose(&mut self) -> Option<Act<M::Command>> {
        if let Some((&conn, _)) = self.bench.wires.iter().find(|(_, wire)| wire.resumed && !wire.closing) {
            return Some(Act::Present { conn });
        }
        match self.rng.below(100) {
            0..8 => self.accept(),
            8..20 => self.answer_dial(),
            20..55 => self.say(),
            55..65 => self.flush(),
            65..69 => self.end(),
            69..75 => self.end_closing(),
            75..78 => self.datagram(),
            78..84 => self.answer_storage(),
            84..87 => <M as Lawful>::command(&mut self.rng).map(Act::Command),
            87..94 => self.wake(),
            94..96 => Some(self.look_at_the_wall()),
            96..98 => Some(Act::Tick),
            _ => self.oversleep(),
        }
    }

    fn accept(&mut self) -> Option<Act<M::Command>> {
        let remote = self.remote();
        let how = How::Accepted(self.port()?);
        (self.bench.wires.len() < MOST_CONNS).then(|| self.open(how, remote))
    }

    fn open(&mut self, how: How, remote: SocketAddr) -> Act<M::Command> {
        let conn = ConnId(self.conns);
        self.conns += 1;
        let mut says = M::stream(how, &mut self.rng);
        says.reverse();
        self.unsaid.insert(conn, says);
        Act::Opened { conn, how, remote }
    }

    fn answer_dial(&mut self) -> Option<Act<M::Command>> {
        let (ticket, to) = take_any(&mut self.dials, &mut self.rng)?;
        if self.rng.percent(70) {
            return Some(self.open(How::Dialed(ticket), to));
        }
        let all = [DialError::Refused, DialError::TimedOut, DialError::Unreachable, DialError::Exhausted];
        Some(Act::DialFailed { ticket, why: all[self.rng.index(all.len())] })
    }

    /// A peer says the next piece of what it has to say.
    fn say(&mut self) -> Option<Act<M::Command>> {
        let conn = self.any_conn(|_, wire| wire.is_read())?;
        let unsaid = self.unsaid.get_mut(&conn).filter(|unsaid| !unsaid.is_empty())?;
        let all = self.rng.percent(50);
        let n = if all { unsaid.len() } else { 1 + self.rng.index(unsaid.len().min(300)) };
        let bytes = unsaid.drain(unsaid.len() - n..).rev().collect();
        Some(Act::Bytes { conn, bytes })
    }

    fn flush(&mut self) -> Option<Act<M::Command>> {
        let conn = self.any_conn(|_, wire| wire.in_flight > 0)?;
        let all = self.bench.wires[&conn].in_flight;
        let n = if self.rng.percent(50) { all } else { 1 + self.rng.index(all) };
        Some(Act::Flushed { conn, n })
    }

    fn end(&mut self) -> Option<Act<M::Command>> {
        let conn = self.any_conn(|_, _| true)?;
        let why = if self.rng.percent(50) { Closed::ByPeer } else { Closed::Broken };
        Some(Act::Closed { conn, why })
    }

    fn end_closing(&mut self) -> Option<Act<M::Command>> {
        let conn = self.any_conn(|_, wire| wire.closing)?;
        Some(Act::Closed { conn, why: Closed::ByUs })
    }

    fn datagram(&mut self) -> Option<Act<M::Command>> {
        let port = self.port()?;
        let bytes = M::datagram(port, &mut self.rng)?;
        Some(Act::Datagram { port, from: self.remote(), bytes })
    }

    /// The disk answers what was asked for first, so that it is as what came before leaves it.
    fn answer_storage(&mut self) -> Option<Act<M::Command>> {
        let (ticket, asked) = self.asked.pop_front()?;
        Some(match asked {
            Asked::Store(ops) => Act::Stored { ticket, result: self.store(ops) },
            Asked::Load(key) => Act::Loaded { ticket, value: self.load(&key) },
            Asked::Scan(prefix, after) => {
                let found = scan(&self.disk, &prefix, after.as_ref());
                Act::Scanned { ticket, page: self.rng.percent(95).then(|| Page::of(found)) }
            }
        })
    }

    fn store(&mut self, ops: Vec<StoreOp>) -> Result<(), StoreError> {
        match self.rng.below(20) {
            0 => return Err(StoreError::Full),
            1 => return Err(StoreError::Broken),
            _ => self.keep(ops),
        }
        Ok(())
    }

    fn load(&mut self, key: &Bytes) -> Load {
        match (self.rng.below(20), self.disk.get(key)) {
            (0, _) => Load::Failed,
            (1, _) => Load::Value(M::stream(How::Accepted(Port(0)), &mut self.rng)),
            (_, Some(octets)) => Load::Value(octets.to_vec()),
            (_, None) => Load::Absent,
        }
    }

    fn keep(&mut self, ops: Vec<StoreOp>) {
        for op in ops {
            match op.value {
                Some(octets) => self.disk.insert(op.key, octets),
                None => self.disk.remove(&op.key),
            };
        }
    }

    /// The clock on the wall is read; one time in two it was set before, which it may be to anything.
    fn look_at_the_wall(&mut self) -> Act<M::Command> {
        self.wall = match self.rng.below(8) {
            0 => Duration::ZERO,
            1 => Duration::MAX / 2,
            2 => CLOCK + self.rng.between(Duration::ZERO, 48 * super::HOUR),
            3 => CLOCK.saturating_sub(self.rng.between(Duration::ZERO, 48 * super::HOUR)),
            _ => self.wall,
        };
        Act::WallTime { unix: self.wall + self.now.since(Time::ZERO) }
    }

    /// The machine is woken when it asks to be.
    fn wake(&mut self) -> Option<Act<M::Command>> {
        self.drain();
        let wake = self.bench.machine.poll_timeout()?;
        self.pass_to(self.now.max(wake.at));
        Some(Act::Tick)
    }

    /// The machine is woken late.
    fn oversleep(&mut self) -> Option<Act<M::Command>> {
        let tick = self.wake()?;
        let most = if self.rng.percent(50) { Duration::from_secs(2) } else { 6 * super::HOUR };
        let late = self.rng.between(Duration::ZERO, most);
        self.pass_to(self.now + late);
        Some(tick)
    }

    fn any_conn(&mut self, which: impl Fn(&ConnId, &super::bench::Wire) -> bool) -> Option<ConnId> {
        let all: Vec<ConnId> =
            self.bench.wires.iter().filter(|(conn, wire)| which(conn, wire)).map(|(conn, _)| *conn).collect();
        (!all.is_empty()).then(|| all[self.rng.index(all.len())])
    }

    /// One of the machine's ports.
    fn port(&mut self) -> Option<Port> {
        let port = if M::PORTS > 1 { self.rng.below(M::PORTS.into()) } else { 0 };
        (M::PORTS > 0).then(|| Port(u16::try_from(port).unwrap_or(0)))
    }

    fn remote(&mut self) -> SocketAddr {
        let [.., port] = self.rng.u64().to_be_bytes();
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 40_000 + u16::from(port))
    }
}

fn take_any<T>(from: &mut Vec<T>, rng: &mut Rng) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(rng.index(from.len())))
}
