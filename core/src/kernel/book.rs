//! Addresses that may be dialled.

#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::{Awaits, Deadline, Deadlines, Part, Rng, Slack, Time, Wake};

/// By how much a pause is longer or shorter than it should be, in percent, so that nodes that lost each other at once do
/// not dial at once.
const JITTER: u32 = 20;

/// Whether an address can be dialled at all: an IP address of one host, and a port.
pub fn dialable(addr: SocketAddr) -> bool {
    let ip = addr.ip().to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// One spelling for one address: an IPv4 address in IPv6 clothes is an IPv4 address.
pub fn canonical(addr: SocketAddr) -> SocketAddr {
    match (addr, addr.ip().to_canonical()) {
        (SocketAddr::V6(_), ip @ IpAddr::V4(_)) => SocketAddr::new(ip, addr.port()),
        _ => addr,
    }
}

/// The bounds and the pauses of an [`AddressBook`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BookLimits {
    /// The pause after the first failure, a millisecond at least; each further one doubles it.
    pub retry_min: Duration,
    /// The longest pause between two attempts, from `retry_min`.
    pub retry_max: Duration,
    /// A learned address is forgotten after so many failures in a row, from 1.
    pub give_up_after: u32,
    /// Dials, and dialled connections that are not up, at once.
    pub max_dials: usize,
    /// Addresses remembered beside the bootstraps.
    pub max_learned: usize,
}

/// Where an address stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Waits for room to be dialled.
    Ready,
    /// Is being dialled, or its connection is not up.
    Dialing,
    /// Its connection is up.
    Up,
    /// Failed, or answered as this node or one that is connected already; dialled again after a pause.
    Pausing,
    /// A bootstrap where this node was found to answer itself: never dialled again.
    Own,
}

/// What is known of an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known<I> {
    /// The address.
    pub addr: SocketAddr,
    /// Who listens there, as was said last.
    pub id: Option<I>,
    /// Whether the configuration names it: it is never forgotten.
    pub bootstrap: bool,
    /// Dials in a row that brought no peer.
    pub failures: u32,
    /// Where it stands.
    pub phase: Phase,
}

/// Why [`AddressBook::claim`] dials nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum NotDialled {
    /// Unspecified, multicast, broadcast or without a port.
    #[error("nobody can be dialled there: name the IP address and the port of one host")]
    NotDialable,
    /// The address is this node's own.
    #[error("the address is this node's own")]
    Own,
    /// A connection to it is open or being opened.
    #[error("it is connected, or being connected, already")]
    Already,
    /// As many dials, peers or addresses as there may be.
    #[error("as many dials, peers or addresses as are allowed: try again later")]
    NoRoom,
}

/// The addresses that a machine may dial, each once, and when each is dialled next. `I` is what peers call themselves.
///
/// Bootstraps, which a configuration names, are tried for ever. Addresses that peers told are bounded, and forgotten after
/// some dials in a row that brought no peer; an id is as easily said as an address, so that one where this node answers, or
/// a peer that is connected by other means, brought none. Each failure doubles the pause before the next dial. Own
/// addresses, and those that are no single host's, are never dialled.
///
/// How many peers there should be is the machine's business, and so are its connections: it takes addresses out by
/// [`pick`](Self::pick) or [`claim`](Self::claim), dials them, and says what came of each, [`failed`](Self::failed) once
/// the dial or its connection has ended. Addresses are given in their [`canonical`] spelling. The book has deadlines of
/// its own: give it to [`Deadlines::advance`] as a part, [`next`](Self::next) to [`Deadlines::wake`], and call
/// [`tick`](Self::tick) at a tick.
///
/// ```
/// use core::time::Duration;
/// use egoist_core::kernel::*;
///
/// let limits = BookLimits {
///     retry_min: Duration::from_secs(1),
///     retry_max: Duration::from_secs(60),
///     give_up_after: 2,
///     max_dials: 8,
///     max_learned: 100,
/// };
/// let [own, bootstrap, told] = [1, 2, 3].map(|port| ([192, 0, 2, 1], port).into());
/// let retry = Streams::new(Seed::from_u64(1)).named("retry");
/// let mut book = AddressBook::new(limits, Some(own), [bootstrap, own], retry, Time::ZERO);
/// assert!(book.learn(told, Some("anna")) && !book.learn(own, None));
///
/// // Five peers are wanted, and anna is up by other means.
/// assert_eq!(book.pick(5, ["anna"].iter()), Some(bootstrap));
/// assert_eq!(book.pick(5, ["anna"].iter()), None);
///
/// book.failed(bootstrap);
/// let again = book.next().expect("each pauses").at;
/// assert!(again >= Time::from_millis(800) && again <= Time::from_millis(1_200));
/// book.woken(again, Duration::ZERO);
/// book.tick();
/// assert_eq!(book.pick(5, ["anna"].iter()), Some(bootstrap));
/// ```
#[derive(Clone, Debug)]
pub struct AddressBook<I> {
    limits: BookLimits,
    own: Vec<SocketAddr>,
    entries: BTreeMap<SocketAddr, Known<I>>,
    ready: VecDeque<SocketAddr>,
    learned: usize,
    dialing: usize,
    pauses: Deadlines<Redial>,
    retry: Rng,
}

/// The pause after a failure is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Redial(SocketAddr);

impl Deadline for Redial {
    fn awaits(&self) -> Awaits {
        Awaits::Nobody
    }

    fn name(&self) -> &'static str {
        "redial"
    }
}

impl<I> Part for AddressBook<I> {
    fn due(&self) -> Option<Time> {
        self.pauses.due()
    }

    fn woken(&mut self, now: Time, late: Duration) {
        self.pauses.woken(now, late);
    }
}

impl<I: Clone + Eq> AddressBook<I> {
    /// The addresses of a configuration, in any spelling: where this node is reached, and whom it dials at once and for
    /// ever. Pauses are drawn from `retry`.
    pub fn new(
        limits: BookLimits,
        own: impl IntoIterator<Item = SocketAddr>,
        bootstraps: impl IntoIterator<Item = SocketAddr>,
        retry: Rng,
        now: Time,
    ) -> Self {
        let mut book = AddressBook {
            limits,
            own: own.into_iter().map(canonical).collect(),
            entries: BTreeMap::new(),
            ready: VecDeque::new(),
            learned: 0,
            dialing: 0,
            // No pause waits for others, so that none is put off.
            pauses: Deadlines::new(Slack::new(Duration::MAX), now),
            retry,
        };
        for addr in bootstraps.into_iter().map(canonical) {
            if book.is_foreign(addr) {
                book.add(addr, None, true);
            }
        }
        book
    }

    /// When the next pause is over.
    pub fn next(&self) -> Option<Wake> {
        self.pauses.next()
    }

    /// At a tick: those whose pause is over wait for room.
    pub fn tick(&mut self) {
        for Redial(addr) in self.pauses.fire() {
            self.set_phase(addr, Phase::Ready);
            self.ready.push_back(addr);
        }
    }

    /// Whether somebody else could listen there.
    pub fn is_foreign(&self, addr: SocketAddr) -> bool {
        dialable(addr) && !self.is_own(addr)
    }

    /// Takes what a peer said; true if it is news. What is known already may gain an id, and never changes one; who
    /// listens at a bootstrap is not for a peer to say, which could keep this node from going there.
    pub fn learn(&mut self, addr: SocketAddr, id: Option<I>) -> bool {
        if let Some(known) = self.entries.get_mut(&addr) {
            if !known.bootstrap {
                known.id = known.id.take().or(id);
            }
            return false;
        }
        self.learned < self.limits.max_learned && self.is_foreign(addr) && self.add(addr, id, false)
    }

    fn add(&mut self, addr: SocketAddr, id: Option<I>, bootstrap: bool) -> bool {
        if self.entries.contains_key(&addr) {
            return false;
        }
        self.learned += usize::from(!bootstrap);
        self.entries.insert(addr, Known { addr, id, bootstrap, failures: 0, phase: Phase::Ready });
        self.ready.push_back(addr);
        true
    }
}

/// What is dialled. `up` are the peers that are up, whoever dialled.
impl<'a, I: Clone + Eq + 'a> AddressBook<I> {
    /// The next address to dial, if fewer than `want` peers are up or dialled; it is then [`Phase::Dialing`]. `up` are the
    /// peers that are up, whoever dialled: the address of one of them is put off.
    pub fn pick(&mut self, want: usize, up: impl Iterator<Item = &'a I> + Clone) -> Option<SocketAddr> {
        while !self.ready.is_empty() && self.has_room(want, up.clone()) {
            let addr = self.ready.pop_front()?;
            if !self.is_up_elsewhere(addr, up.clone()) {
                self.set_phase(addr, Phase::Dialing);
                return Some(addr);
            }
            self.put_aside(addr);
        }
        None
    }

    fn has_room(&self, want: usize, up: impl Iterator<Item = &'a I>) -> bool {
        self.dialing < self.limits.max_dials && up.count() + self.dialing < want
    }

    /// A user wants an address dialled at once, pause or not, unless `most` peers are up; it is then [`Phase::Dialing`].
    ///
    /// # Errors
    /// It is not to be dialled, or not now.
    pub fn claim(
        &mut self,
        addr: SocketAddr,
        most: usize,
        up: impl Iterator<Item = &'a I> + Clone,
    ) -> Result<(), NotDialled> {
        if !dialable(addr) {
            return Err(NotDialled::NotDialable);
        }
        if self.is_own(addr) {
            return Err(NotDialled::Own);
        }
        let phase = self.phase(addr);
        if matches!(phase, Some(Phase::Dialing | Phase::Up)) || self.is_up_elsewhere(addr, up.clone()) {
            return Err(NotDialled::Already);
        }
        let full = self.dialing >= self.limits.max_dials || up.count() >= most;
        if full || phase.is_none() && !self.learn(addr, None) {
            return Err(NotDialled::NoRoom);
        }
        self.ready.retain(|waiting| *waiting != addr);
        self.pauses.cancel(Redial(addr));
        self.set_phase(addr, Phase::Dialing);
        Ok(())
    }

    fn is_up_elsewhere(&self, addr: SocketAddr, mut up: impl Iterator<Item = &'a I>) -> bool {
        let id = self.entries.get(&addr).and_then(|known| known.id.as_ref());
        id.is_some_and(|id| up.any(|peer| peer == id))
    }
}

/// What comes of it.
impl<I: Clone + Eq> AddressBook<I> {
    /// The connection that was dialled there is up, with this peer.
    pub fn met(&mut self, addr: SocketAddr, id: &I) {
        self.name(addr, id);
        self.set_phase(addr, Phase::Up);
    }

    /// The peer that listens there has proved itself.
    pub fn proved(&mut self, addr: SocketAddr) {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.failures = 0;
        }
    }

    /// This node answered there, or somebody who says so: an address that was learned has failed once its connection ends.
    pub fn met_itself(&mut self, addr: SocketAddr) {
        if self.entries.get(&addr).is_some_and(|known| known.bootstrap) {
            self.set_phase(addr, Phase::Own);
        }
    }

    /// The peer that answered there is connected by other means.
    pub fn met_elsewhere(&mut self, addr: SocketAddr, id: &I) {
        self.name(addr, id);
        self.put_aside(addr);
    }

    /// It is tried again much later, and one that was learned comes closer to be forgotten: what the peer says of itself is
    /// kept by [`proved`](Self::proved).
    fn put_aside(&mut self, addr: SocketAddr) {
        if self.count_failure(addr).is_some() {
            self.put_off(addr, self.limits.retry_max);
        }
    }

    /// A dial or its connection came to an end. It is tried again after a pause that doubles with each failure in a row.
    pub fn failed(&mut self, addr: SocketAddr) {
        if !matches!(self.phase(addr), Some(Phase::Dialing | Phase::Up)) {
            return;
        }
        if let Some(failures) = self.count_failure(addr) {
            self.put_off(addr, self.pause_after(failures));
        }
    }

    /// The last connection with a peer is no more: where it listens, and was not dialled since it was connected by other
    /// means, is tried again after no longer a pause than after so many failures.
    pub fn lost(&mut self, id: &I) {
        let put_off = |known: &&Known<I>| known.phase == Phase::Pausing && known.id.as_ref() == Some(id);
        let all: Vec<_> = self.entries.values().filter(put_off).map(|it| (it.addr, it.failures)).collect();
        for (addr, failures) in all {
            let pause = self.retry.jittered(self.pause_after(failures), JITTER);
            self.pauses.set_earlier(Redial(addr), self.pauses.now() + pause);
        }
    }

    fn pause_after(&self, failures: u32) -> Duration {
        let doubled = self.limits.retry_min.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.limits.retry_max)
    }

    /// How many failures there are now. An address that was learned is forgotten with too many.
    fn count_failure(&mut self, addr: SocketAddr) -> Option<u32> {
        let known = self.entries.get_mut(&addr)?;
        known.failures = known.failures.saturating_add(1);
        let failures = known.failures;
        if known.bootstrap || failures < self.limits.give_up_after {
            return Some(failures);
        }
        self.set_phase(addr, Phase::Pausing);
        self.entries.remove(&addr);
        self.learned -= 1;
        None
    }

    fn put_off(&mut self, addr: SocketAddr, pause: Duration) {
        self.set_phase(addr, Phase::Pausing);
        self.pauses.after(Redial(addr), self.retry.jittered(pause, JITTER));
    }

    /// Forgets every address.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.ready.clear();
        self.pauses.clear();
        (self.learned, self.dialing) = (0, 0);
    }

    /// Every address, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Known<I>> {
        self.entries.values()
    }

    /// Whether an address is known to be this node's.
    fn is_own(&self, addr: SocketAddr) -> bool {
        self.phase(addr) == Some(Phase::Own) || self.own.contains(&addr)
    }

    fn phase(&self, addr: SocketAddr) -> Option<Phase> {
        self.entries.get(&addr).map(|known| known.phase)
    }

    fn name(&mut self, addr: SocketAddr, id: &I) {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.id = Some(id.clone());
        }
    }

    fn set_phase(&mut self, addr: SocketAddr, phase: Phase) {
        if let Some(known) = self.entries.get_mut(&addr) {
            self.dialing -= usize::from(known.phase == Phase::Dialing);
            self.dialing += usize::from(phase == Phase::Dialing);
            known.phase = phase;
        }
    }
}
