//! A peer over its budget is slowed, then closed; what it took is remembered when it comes again.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::streams::{Kind, peer_fault};
use super::{Overlay, Timer};
use crate::kernel::{ConnId, HostBuckets, KeyedState, Output, Time};
use crate::overlay::budget::{Budget, Budgets, Measure, Meter};
use crate::overlay::event::Event;

/// One who is slowed is not read from for so long at least: that costs less than turning it on and off for each frame.
const PAUSE: Duration = Duration::from_millis(250);
/// Hosts of peers who left before their buckets were full again: what they took still counts when they come back.
const DEPARTED: usize = 128;
/// Buckets that all hosts share.
const HOSTS: usize = 128;

/// Who took how much.
#[derive(Clone, Debug)]
pub(super) struct Policing {
    departed: VecDeque<(IpAddr, Meter)>,
    datagrams: HostBuckets,
    introductions: HostBuckets,
    probes: HostBuckets,
}

impl Policing {
    pub(super) fn new(budgets: &Budgets, hasher: KeyedState) -> Self {
        let hosts = |rate| HostBuckets::new(HOSTS, rate, hasher, Time::ZERO);
        Policing {
            departed: VecDeque::new(),
            datagrams: hosts(budgets.datagrams),
            introductions: hosts(budgets.introductions),
            probes: hosts(budgets.probes),
        }
    }

    /// The buckets of a peer at `remote`: as somebody from there left them, or full.
    pub(super) fn meter(&mut self, now: Time, budgets: &Budgets, remote: SocketAddr) -> Meter {
        let known = self.departed.iter().position(|(host, _)| *host == remote.ip());
        let kept = known.and_then(|at| self.departed.remove(at)).map(|(_, meter)| meter);
        kept.unwrap_or_else(|| Meter::new(budgets, now))
    }

    /// A peer's connection is gone.
    pub(super) fn departed(&mut self, now: Time, remote: SocketAddr, mut meter: Meter) {
        if meter.is_full(now) {
            return;
        }
        self.departed.retain_mut(|(_, kept)| !kept.is_full(now));
        if self.departed.len() == DEPARTED {
            self.departed.pop_front();
        }
        self.departed.push_back((remote.ip(), meter));
    }

    /// Whether one more datagram that belongs to no link is read from `remote`.
    pub(super) fn hears(&mut self, now: Time, remote: SocketAddr) -> bool {
        self.datagrams.of(remote.ip()).take(now)
    }

    /// Whether one more round of probes may include a node at `remote`.
    pub(super) fn measures(&mut self, now: Time, remote: SocketAddr) -> bool {
        self.probes.of(remote.ip()).take(now)
    }

    /// Whether a stranger at `remote` is told who is there.
    pub(super) fn introduces(&mut self, now: Time, remote: SocketAddr) -> bool {
        let bucket = self.introductions.of(remote.ip());
        bucket.refill(now);
        !bucket.is_overdrawn()
    }

    /// A stranger at `remote` was told so many octets.
    pub(super) fn introduced(&mut self, now: Time, remote: SocketAddr, octets: usize) {
        self.introductions.of(remote.ip()).charge(now, octets as u64);
    }
}

impl Overlay {
    pub(super) fn charge(&mut self, conn: ConnId, budget: Budget, tokens: usize) {
        let now = self.timers.now();
        if let Some(state) = self.conns.get_mut(&conn) {
            state.meter.charge(now, budget, tokens as u64);
        }
    }

    /// Looks after each frame whether its peer is within its budgets.
    pub(super) fn police(&mut self, conn: ConnId) {
        let now = self.timers.now();
        let Some(state) = self.conns.get_mut(&conn) else { return };
        if state.slowed.is_some() || state.kind == Kind::Closing {
            return;
        }
        let Some((budget, settled)) = state.meter.overdrawn() else { return };
        state.slowed = Some((now, budget));
        let first = state.meter.is_patient(now);
        self.out.push(Output::Reading { conn, on: false });
        self.timers.set(Timer::Resume(conn), settled.max(now + PAUSE));
        if first {
            self.accuse(conn, budget, Measure::Slowed);
        }
    }

    /// One who was slowed is read from again, unless patience is at its end.
    pub(super) fn resume(&mut self, conn: ConnId) {
        let now = self.timers.now();
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let Some((since, budget)) = state.slowed.take() else { return };
        if state.kind == Kind::Closing {
            return;
        }
        if state.meter.slowed(now, now.since(since)) {
            self.accuse(conn, budget, Measure::Closed);
            return self.misbehaved(conn, peer_fault("over its budget for too long"));
        }
        self.out.push(Output::Reading { conn, on: true });
    }

    fn accuse(&mut self, conn: ConnId, budget: Budget, done: Measure) {
        let Some(state) = self.conns.get(&conn) else { return };
        let peer = match state.kind {
            Kind::Link(id) => Some(id),
            Kind::Greeting { to, .. } => to.id,
            _ => None,
        };
        let address = state.remote;
        self.emit(Event::OverBudget { peer, address, budget, done });
    }
}
