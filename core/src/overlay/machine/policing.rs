//! A peer over its budget is slowed, then closed, and is not answered; what it took is remembered when it comes again.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::streams::{Kind, peer_fault};
use super::{Overlay, Timer};
use crate::kernel::{Bucket, Class, ConnId, HostBuckets, KeyedState, Output, Time, host};
use crate::overlay::budget::{Budget, Budgets, Measure, Meter};
use crate::overlay::event::Event;
use crate::overlay::wire::{self, Packet};

/// One who is slowed is not read from for so long at least: that costs less than turning it on and off for each frame.
const PAUSE: Duration = Duration::from_millis(250);
/// Hosts of peers who left before their buckets were full again: what they took still counts when they come back.
const DEPARTED: usize = 128;
/// Buckets that all hosts share.
const HOSTS: usize = 128;

/// What a link may be told beside the whole database, so that small ones are compared as well: sixteen sums of parts, or
/// as many keys, take 2 KiB.
const COMPARING: u64 = 16 << 10;
/// How many links of a host may be told all that at once.
const LINKS: u64 = 16;
/// What the strangers of a host may be told beside the whole graph: a hundred newcomers a sample of nodes each.
const SAMPLES: u64 = 512 << 10;
/// What a record takes on the wire beside its body.
const HEAD: usize = 128;

/// How much is lent to a connection.
#[derive(Clone, Copy, Debug)]
struct Loan {
    /// To this connection alone.
    most: u64,
    /// To all of its host.
    host: u64,
}

/// Whether it is one of the links of its host, rather than one of the strangers.
const fn is_link(kind: Kind) -> bool {
    matches!(kind, Kind::Link(_) | Kind::Parting(_))
}

/// Who took how much.
#[derive(Clone, Debug)]
pub(super) struct Policing {
    departed: VecDeque<(IpAddr, Meter)>,
    datagrams: HostBuckets,
    answers: HostBuckets,
    introductions: HostBuckets,
    probes: HostBuckets,
}

impl Policing {
    pub(super) fn new(budgets: &Budgets, hasher: KeyedState) -> Self {
        let hosts = |rate| HostBuckets::new(HOSTS, rate, hasher, Time::ZERO);
        Policing {
            departed: VecDeque::new(),
            datagrams: hosts(budgets.datagrams),
            answers: hosts(budgets.answers),
            introductions: hosts(budgets.introductions),
            probes: hosts(budgets.probes),
        }
    }

    /// The buckets of a peer at `remote`: as somebody from there left them, or full.
    pub(super) fn meter(&mut self, now: Time, budgets: &Budgets, remote: SocketAddr) -> Meter {
        let known = self.departed.iter().position(|(known, _)| *known == host(remote.ip()));
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
        self.departed.push_back((host(remote.ip()), meter));
    }

    /// Whether one more datagram that belongs to no link is read from `remote`.
    pub(super) fn hears(&mut self, now: Time, remote: SocketAddr) -> bool {
        self.datagrams.of(remote.ip()).take(now)
    }

    /// Whether one more round of probes may include a node at `remote`.
    pub(super) fn measures(&mut self, now: Time, remote: SocketAddr) -> bool {
        self.probes.of(remote.ip()).take(now)
    }

    /// A connection is gone: what it was told and neither earned nor lent counts for its host, where it would have been lent.
    pub(super) fn settle(&mut self, now: Time, kind: Kind, remote: SocketAddr, debt: u64) {
        self.lender(kind, remote).charge(now, debt);
    }

    /// What is lent to connections of a host: its links have a bucket, and its strangers.
    fn lender(&mut self, kind: Kind, remote: SocketAddr) -> &mut Bucket {
        let bucket = if is_link(kind) { &mut self.answers } else { &mut self.introductions };
        bucket.of(remote.ip())
    }
}

impl Overlay {
    pub(super) fn charge(&mut self, conn: ConnId, budget: Budget, tokens: usize) {
        let now = self.timers.now();
        if let Some(state) = self.conns.get_mut(&conn) {
            state.meter.charge(now, budget, tokens as u64);
        }
    }

    /// A link's peer said so many octets, on its connection or as a beat: it may be told three times as many.
    pub(super) fn earn(&mut self, conn: ConnId, octets: usize) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.earnings.earn(octets);
        }
    }

    /// What is lent to a connection at the most: the database as it is sent and something more, for a link and for the
    /// strangers of a host once, for the links of a host some times.
    fn loan(&self, kind: Kind) -> Loan {
        let database = self.database_as_sent();
        if is_link(kind) {
            let most = database + COMPARING;
            return Loan { most, host: LINKS * most };
        }
        Loan { most: database + SAMPLES, host: database + SAMPLES }
    }

    /// About how many octets the whole database takes on the wire.
    pub(super) fn database_as_sent(&self) -> u64 {
        (self.database.octets() + self.database.len() * HEAD) as u64
    }

    /// How many octets may be said in answer on a connection now. That one is not answered is told once.
    pub(super) fn room_to_answer(&mut self, conn: ConnId) -> usize {
        let now = self.timers.now();
        let Some(kind) = self.conns.get(&conn).map(|state| state.kind) else { return 0 };
        let loan = self.loan(kind);
        let Some(state) = self.conns.get_mut(&conn) else { return 0 };
        let spare = self.policing.lender(kind, state.remote).spare(now, loan.host);
        let room = state.earnings.room(spare, loan.most);
        if room == 0 && is_link(kind) && !core::mem::replace(&mut state.unanswered, true) {
            self.accuse(conn, Budget::Answers, Measure::Unanswered);
        }
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// So many octets are said in answer on a connection.
    pub(super) fn answered_with(&mut self, conn: ConnId, octets: usize) {
        let now = self.timers.now();
        let Some(kind) = self.conns.get(&conn).map(|state| state.kind) else { return };
        let loan = self.loan(kind);
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let lent = state.earnings.spend(octets, loan.most);
        self.policing.lender(kind, state.remote).charge(now, lent);
    }

    /// Sends what the peer asked for, at its expense.
    pub(super) fn answer_packet(&mut self, conn: ConnId, class: Class, packet: &Packet) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        for frame in wire::frames(packet, &mut state.message) {
            self.answered_with(conn, frame.len());
            self.send(conn, class, frame);
        }
    }

    /// Sends a packet that is encoded already and that the peer asked for, at its expense.
    pub(super) fn answer_encoded(&mut self, conn: ConnId, class: Class, packet: &Bytes) {
        self.answered_with(conn, packet.len());
        self.send_encoded(conn, class, packet);
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
