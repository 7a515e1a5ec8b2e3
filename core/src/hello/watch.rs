//! What a node waits for, and what it misses.

use core::net::SocketAddr;
use core::time::Duration;

use smallvec::SmallVec;

use crate::kernel::{ConnId, Time, Timers, Wake};

/// Something to do at its time, however late that comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// Ping again.
    Ping(ConnId),
    /// The pause after a failure is over.
    Redial(SocketAddr),
}

/// Something that a peer owes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Absent {
    /// Hello.
    Hello(ConnId),
    /// Pong.
    Pong(ConnId),
}

/// A node's timers, kept apart by what lateness means to them.
#[derive(Debug)]
pub(super) struct Watch {
    schedule: Timers<Due>,
    absence: Timers<Absent>,
    oversleep: Duration,
    now: Time,
}

impl Watch {
    pub(super) const fn new(oversleep: Duration, now: Time) -> Self {
        Watch { schedule: Timers::new(), absence: Timers::new(), oversleep, now }
    }

    /// The last time given.
    pub(super) const fn now(&self) -> Time {
        self.now
    }

    /// Takes the time. If the node slept, what others owe it is put off by as much, and a little more for what was on
    /// its way meanwhile.
    pub(super) fn advance(&mut self, now: Time) {
        let asked = self.earliest().map_or(now, |(at, _)| at.max(self.now));
        let late = now.since(asked);
        if late > self.oversleep {
            self.absence.put_off(late + self.oversleep, |_| true);
        }
        self.now = self.now.max(now);
    }

    /// When to tick next, strictly later than now: what is due at this very time and was not asked for yet waits for the
    /// tick that follows.
    pub(super) fn next(&self) -> Option<Wake> {
        let (at, why) = self.earliest()?;
        Some(Wake { at: at.max(self.now + Duration::from_micros(1)), why })
    }

    fn earliest(&self) -> Option<(Time, &'static str)> {
        let due = self.schedule.next().map(|(at, due)| (at, due.name()));
        let absent = self.absence.next().map(|(at, absent)| (at, absent.name()));
        due.into_iter().chain(absent).min_by_key(|(at, _)| *at)
    }

    /// What is missed by now.
    pub(super) fn absent(&mut self) -> SmallVec<[Absent; 8]> {
        self.absence.fire(self.now)
    }

    /// What is to be done by now.
    pub(super) fn due(&mut self) -> SmallVec<[Due; 8]> {
        self.schedule.fire(self.now)
    }

    pub(super) fn schedule(&mut self, due: Due, after: Duration) {
        self.schedule.set(due, self.now + after);
    }

    pub(super) fn cancel(&mut self, due: Due) {
        self.schedule.cancel(due);
    }

    pub(super) fn expect(&mut self, absent: Absent, within: Duration) {
        self.absence.set(absent, self.now + within);
    }

    pub(super) fn expects(&self, absent: Absent) -> bool {
        self.absence.get(absent).is_some()
    }

    pub(super) fn came(&mut self, absent: Absent) {
        self.absence.cancel(absent);
    }

    /// Forgets everything about a connection.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.cancel(Due::Ping(conn));
        self.came(Absent::Hello(conn));
        self.came(Absent::Pong(conn));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Watch::new(self.oversleep, self.now);
    }
}

impl Due {
    const fn name(self) -> &'static str {
        match self {
            Due::Ping(_) => "ping",
            Due::Redial(_) => "redial",
        }
    }
}

impl Absent {
    const fn name(self) -> &'static str {
        match self {
            Absent::Hello(_) => "hello missing",
            Absent::Pong(_) => "pong missing",
        }
    }
}
