//! What is wrong with a node's driver and host: its clock, how it sleeps, how it reads, how much of the processor it gets.

use alloc::boxed::Box;
use core::time::Duration;

use super::super::clock::Clock;
use super::super::slab::Key;
use super::super::tally::{Kind, Tally};
use super::super::tcp::{EndState, Side};
use super::{Condition, Event, World, short};
use crate::kernel::{Machine, Rng, Seed, Streams, Time};

/// How often a slow reader reads.
const READS: Duration = Duration::from_millis(100);
const READS_PER_SECOND: u64 = 10;

/// When a starved process runs: for `run`, then not for `pause`, and so on. All that arrives meanwhile reaches it at
/// the next slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slices {
    /// How long it runs at a time.
    pub run: Duration,
    /// How long it then waits.
    pub pause: Duration,
}

/// A driver that is not the best there could be, on a host of which the same is true. It outlives processes.
pub(super) struct Driver {
    pub(super) clock: Clock,
    /// A tick comes at most so much late.
    oversleep: Duration,
    /// A first tick comes at most so much before it is due.
    early: Duration,
    /// What the tick in the queue comes too early for, and what one came too early for: the next for the same is not.
    early_for: Option<u64>,
    was_early_for: Option<u64>,
    rng: Rng,
    slices: Option<Slices>,
    /// Whether the process waits for its next slice.
    pub(super) pausing: bool,
    /// Octets a second that are read from connections; `None` for all at once.
    pub(super) reads: Option<u64>,
    /// Numbers of the latest slices and readings: earlier ones in the queue count for nothing.
    slice: u32,
    reading: u32,
}

impl Driver {
    pub(super) fn new(clock: Clock, seed: Seed) -> Self {
        Driver {
            clock,
            oversleep: Duration::ZERO,
            early: Duration::ZERO,
            early_for: None,
            was_early_for: None,
            rng: Streams::new(seed).named("driver"),
            slices: None,
            pausing: false,
            reads: None,
            slice: 0,
            reading: 0,
        }
    }

    /// What the clock shows.
    #[cold]
    pub(super) fn shown(&mut self, now: Time, tally: &mut Tally) -> Time {
        let (shown, again) = self.clock.read(now);
        if again {
            tally.count(Kind::EqualClock);
        }
        shown
    }

    /// When a sleep that should end at `wanted` ends.
    #[cold]
    pub(super) fn sleep(&mut self, now: u64, wanted: u64) -> u64 {
        self.early_for = None;
        if !self.early.is_zero() && self.was_early_for != Some(wanted) && wanted > now {
            let by = micros(self.rng.between(Duration::ZERO, self.early));
            let at = wanted.saturating_sub(by).max(now);
            self.early_for = (at < wanted).then_some(wanted);
            return at;
        }
        wanted.saturating_add(micros(self.rng.between(Duration::ZERO, self.oversleep)))
    }

    /// Whether a tick that comes before `wanted` is meant to.
    pub(super) fn wakes_early(&mut self, wanted: u64) -> bool {
        let early = self.early_for.take() == Some(wanted);
        if early {
            self.was_early_for = Some(wanted);
        }
        early
    }

    /// The process has ended: what concerned it alone does no more.
    pub(super) fn process_ended(&mut self) {
        self.slices = None;
        self.pausing = false;
        self.slice = self.slice.wrapping_add(1);
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

/// Faults of drivers and hosts.
impl<M: Machine> World<M> {
    /// A node's clock steps forward, as after a host has slept. (A monotonic clock never goes back.)
    pub fn step_clock(&mut self, node: usize, by: Duration) {
        let now = self.now;
        self.driver(node).clock.step(now, by);
        if self.nodes[node].machine.is_some() && !by.is_zero() {
            self.tally.count(Kind::Step);
        }
        self.wake_anew(node);
    }

    /// From now on a node's clock gains so much of a million; negative where it is slow, 500,000 at the most.
    pub fn set_drift(&mut self, node: usize, per_million: i32) {
        let now = self.now;
        self.driver(node).clock.set_drift(now, per_million);
        if self.nodes[node].machine.is_some() && per_million != 0 {
            self.tally.count(Kind::Drift);
        }
        self.wake_anew(node);
    }

    /// From now on a node's clock shows multiples of `grain` only.
    pub fn set_grain(&mut self, node: usize, grain: Duration) {
        self.driver(node).clock.set_grain(grain);
        self.wake_anew(node);
    }

    /// From now on a node's ticks come late, by anything up to `most`.
    pub fn set_oversleep(&mut self, node: usize, most: Duration) {
        self.driver(node).oversleep = most;
    }

    /// From now on a node is woken before it is due as well, by anything up to `most`, once for each time it asks for.
    pub fn set_early_wake(&mut self, node: usize, most: Duration) {
        self.driver(node).early = most;
    }

    /// From now on a node's process runs in slices only, beginning with a pause; `None` for all the time.
    pub fn starve(&mut self, node: usize, slices: Option<Slices>) {
        let now = self.now;
        let driver = self.driver(node);
        driver.slices = slices;
        driver.slice = driver.slice.wrapping_add(1);
        let was_pausing = core::mem::replace(&mut driver.pausing, false);
        if let Some(slices) = slices {
            driver.pausing = true;
            let slice = driver.slice;
            self.at(now + slices.pause, Event::Slice { node: short(node), slice });
            if self.nodes[node].condition == Condition::Running {
                self.nodes[node].condition = Condition::Frozen;
            }
        } else if was_pausing {
            self.go_on(node);
        }
    }

    /// From now on a node's process reads so many octets a second from its connections, or everything at once.
    /// Datagrams reach it as before.
    pub fn set_reading_rate(&mut self, node: usize, octets: Option<u64>) {
        let driver = self.driver(node);
        driver.reads = octets;
        driver.reading = driver.reading.wrapping_add(1);
        let reading = driver.reading;
        self.at(self.now, Event::Read { node: short(node), reading });
    }

    /// Nothing is wrong with a node's driver and host any more. What its clock shows goes on from there.
    pub fn calm(&mut self, node: usize) {
        let Some(driver) = &mut self.nodes[node].driver else { return };
        (driver.oversleep, driver.early) = (Duration::ZERO, Duration::ZERO);
        let (starved, slow) = (driver.slices.is_some(), driver.reads.is_some());
        self.set_drift(node, 0);
        self.set_grain(node, Duration::ZERO);
        if starved {
            self.starve(node, None);
        }
        if slow {
            self.set_reading_rate(node, None);
        }
    }

    /// A node's driver, with the least that can be wrong with it.
    fn driver(&mut self, node: usize) -> &mut Driver {
        let (now, seed) = (self.now, self.seed.child(node as u64));
        self.nodes[node].driver.get_or_insert_with(|| Box::new(Driver::new(Clock::new(now, now), seed)))
    }

    /// A process starts: where its clock begins, if the world says that this differs.
    pub(super) fn begin_clock(&mut self, node: usize) {
        if self.config.clocks.is_zero() {
            return;
        }
        let shown = Time::ZERO + self.clocks_rng.between(Duration::ZERO, self.config.clocks);
        self.tally.count(Kind::Offset);
        let now = self.now;
        self.driver(node).clock.begin(now, shown);
    }

    /// What a node's clock shows.
    pub(super) fn shown(&mut self, node: usize) -> Time {
        match &mut self.nodes[node].driver {
            None => self.now,
            Some(driver) => driver.shown(self.now, &mut self.tally),
        }
    }

    /// The time at which a node's clock shows `shown`: now, if it has.
    pub(super) fn when(&self, node: usize, shown: Time) -> Time {
        match &self.nodes[node].driver {
            None => shown.max(self.now),
            Some(driver) => Time::from_micros(driver.clock.when(shown)).max(self.now),
        }
    }

    /// The clock has changed: what the machine waits for comes at another time.
    fn wake_anew(&mut self, node: usize) {
        if self.nodes[node].condition == Condition::Running {
            self.schedule(node);
        }
    }

    /// A slice begins or ends.
    pub(super) fn slice(&mut self, node: usize, slice: u32) {
        let now = self.now;
        let n = &mut self.nodes[node];
        let Some(driver) = n.driver.as_mut().filter(|driver| driver.slice == slice) else { return };
        let Some(slices) = driver.slices else { return };
        driver.pausing = !driver.pausing;
        if driver.pausing {
            if n.condition == Condition::Running {
                n.condition = Condition::Frozen;
            }
            self.at(now + slices.pause, Event::Slice { node: short(node), slice });
        } else {
            self.at(now + slices.run, Event::Slice { node: short(node), slice });
            self.go_on(node);
        }
    }

    /// A slow reader reads what it can, one connection after another.
    pub(super) fn read(&mut self, node: usize, reading: u32) {
        let n = &self.nodes[node];
        let Some(driver) = n.driver.as_ref().filter(|driver| driver.reading == reading) else { return };
        let (rate, stopped) = (driver.reads, n.condition == Condition::Frozen);
        if rate.is_some() || stopped {
            self.at(self.now + READS, Event::Read { node: short(node), reading });
        }
        if stopped {
            return;
        }
        let each = |rate: u64| usize::try_from(rate.div_ceil(READS_PER_SECOND)).unwrap_or(usize::MAX);
        let mut budget = rate.map_or(usize::MAX, each);
        for key in self.conns.keys() {
            for side in Side::BOTH {
                if budget > 0 && self.has_unread(key, side, node) {
                    budget -= self.present(key, side, budget);
                    self.drain(node);
                }
            }
        }
    }

    fn has_unread(&self, key: Key, side: Side, node: usize) -> bool {
        self.conns.get(key).is_some_and(|c| {
            let end = c.end(side);
            c.node(side) == node && end.state == EndState::Open && end.reading && end.unread > 0
        })
    }

    /// Whether a node's process reads whatever has arrived.
    pub(super) fn reads_at_once(&self, node: usize) -> bool {
        self.nodes[node].driver.as_ref().is_none_or(|driver| driver.reads.is_none())
    }
}
