//! Addresses that may be dialled.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::config::Config;
use super::interface::Refusal;
use super::message::NodeId;
use crate::kernel::{Awaits, Deadline, Deadlines, Part, Rng, Slack, Streams, Time, Wake};

/// Whether an address can be dialled at all: an IP address of one host, and a port.
pub(super) fn dialable(addr: SocketAddr) -> bool {
    let ip = addr.ip().to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// One spelling for one address: an IPv4 address in IPv6 clothes is an IPv4 address.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    match (addr, addr.ip().to_canonical()) {
        (SocketAddr::V6(_), ip @ IpAddr::V4(_)) => SocketAddr::new(ip, addr.port()),
        _ => addr,
    }
}

/// Where an address stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Waits for room to be dialled.
    Ready,
    /// Is being dialled, or its connection has not said hello.
    Dialing,
    /// Its connection is up.
    Up,
    /// Failed, or answered as this node or one that is connected already; dialled again after a pause.
    Pausing,
    /// Is this node, as the configuration says, or as was found where it says that another one listens.
    Own,
}

/// What is known of an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The address.
    pub addr: SocketAddr,
    /// Who listens there, as was said last.
    pub id: Option<NodeId>,
    /// Whether the configuration names it: it is never forgotten.
    pub bootstrap: bool,
    /// Dials in a row that brought no peer.
    pub failures: u32,
    /// Where it stands.
    pub phase: Phase,
}

/// The address book: every address once, those learned from peers bounded, and when each is dialled next.
#[derive(Debug)]
pub(super) struct Book {
    entries: BTreeMap<SocketAddr, Known>,
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

impl Part for Book {
    fn due(&self) -> Option<Time> {
        self.pauses.due()
    }

    fn woken(&mut self, now: Time, late: Duration) {
        self.pauses.woken(now, late);
    }
}

impl Book {
    /// The configuration's addresses.
    pub(super) fn new(config: &Config) -> Self {
        let mut book = Book {
            entries: BTreeMap::new(),
            ready: VecDeque::new(),
            learned: 0,
            dialing: 0,
            pauses: Deadlines::new(Slack::new(config.oversleep), config.start),
            retry: Streams::new(config.seed).named("hello retry"),
        };
        for addr in config.bootstrap.iter().copied().map(canonical) {
            if !book.is_own(config, addr) {
                book.add(addr, None, true);
            }
        }
        book
    }

    /// When the next pause is over.
    pub(super) fn wake(&self) -> Option<Wake> {
        self.pauses.next()
    }

    /// Those whose pause is over wait for room.
    pub(super) fn tick(&mut self) {
        for Redial(addr) in self.pauses.fire() {
            self.set_phase(addr, Phase::Ready);
            self.ready.push_back(addr);
        }
    }

    /// Whether somebody else could listen there.
    pub(super) fn is_foreign(&self, config: &Config, addr: SocketAddr) -> bool {
        dialable(addr) && !self.is_own(config, addr)
    }

    /// Takes what a peer said; true if it is news. What is known already may gain an id, and never changes one; who
    /// listens where the configuration says is not for a peer to say, which could keep this node from going there.
    pub(super) fn learn(&mut self, config: &Config, addr: SocketAddr, id: Option<NodeId>) -> bool {
        if let Some(known) = self.entries.get_mut(&addr) {
            if !known.bootstrap {
                known.id = known.id.take().or(id);
            }
            return false;
        }
        self.learned < config.max_known && self.add(addr, id, false)
    }

    fn add(&mut self, addr: SocketAddr, id: Option<NodeId>, bootstrap: bool) -> bool {
        if self.entries.contains_key(&addr) {
            return false;
        }
        self.learned += usize::from(!bootstrap);
        self.entries.insert(addr, Known { addr, id, bootstrap, failures: 0, phase: Phase::Ready });
        self.ready.push_back(addr);
        true
    }

    /// The next address to dial, if there is room beside the peers that are up; it is then [`Phase::Dialing`]. That of a
    /// peer which is connected by other means is put off.
    pub(super) fn next(&mut self, config: &Config, up: &[&NodeId]) -> Option<SocketAddr> {
        while self.dialing < config.max_dials && up.len() + self.dialing < config.want_peers {
            let addr = self.ready.pop_front()?;
            if !self.is_up_elsewhere(addr, up) {
                self.set_phase(addr, Phase::Dialing);
                return Some(addr);
            }
            self.put_aside(config, addr);
        }
        None
    }

    /// A user wants an address dialled at once; it is then [`Phase::Dialing`].
    pub(super) fn claim(&mut self, config: &Config, addr: SocketAddr, up: &[&NodeId]) -> Result<(), Refusal> {
        if !dialable(addr) {
            return Err(Refusal::NotDialable);
        }
        if self.is_own(config, addr) {
            return Err(Refusal::OwnAddress);
        }
        let phase = self.entries.get(&addr).map(|known| known.phase);
        if matches!(phase, Some(Phase::Dialing | Phase::Up)) || self.is_up_elsewhere(addr, up) {
            return Err(Refusal::Already);
        }
        let full = self.dialing >= config.max_dials || up.len() >= config.max_peers;
        if full || phase.is_none() && !self.learn(config, addr, None) {
            return Err(Refusal::NoRoom);
        }
        self.ready.retain(|waiting| *waiting != addr);
        self.pauses.cancel(Redial(addr));
        self.set_phase(addr, Phase::Dialing);
        Ok(())
    }

    fn is_up_elsewhere(&self, addr: SocketAddr, up: &[&NodeId]) -> bool {
        let id = self.entries.get(&addr).and_then(|known| known.id.as_ref());
        id.is_some_and(|id| up.contains(&id))
    }

    /// Its connection has said hello.
    pub(super) fn is_up(&mut self, addr: SocketAddr, id: &NodeId) {
        self.name(addr, id);
        self.set_phase(addr, Phase::Up);
    }

    /// The peer that listens there has proved itself.
    pub(super) fn proved(&mut self, addr: SocketAddr) {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.failures = 0;
        }
    }

    /// This node answered there, or somebody who says so: an address that was learned has failed once its connection ends.
    pub(super) fn met_itself(&mut self, addr: SocketAddr) {
        if self.entries.get(&addr).is_some_and(|known| known.bootstrap) {
            self.set_phase(addr, Phase::Own);
        }
    }

    /// The peer there is connected by other means.
    pub(super) fn is_connected(&mut self, config: &Config, addr: SocketAddr, id: &NodeId) {
        self.name(addr, id);
        self.put_aside(config, addr);
    }

    /// It is tried again much later. An id is as easily said as an address, so that this counts as a failure of one that
    /// was learned; that which the peer says of itself is kept by its pongs.
    fn put_aside(&mut self, config: &Config, addr: SocketAddr) {
        if self.count_failure(config, addr).is_some() {
            self.put_off(addr, config.retry_max);
        }
    }

    /// A dial or its connection came to an end. It is tried again after a pause that doubles with each failure in a row.
    pub(super) fn failed(&mut self, config: &Config, addr: SocketAddr) {
        let phase = self.entries.get(&addr).map(|known| known.phase);
        if !matches!(phase, Some(Phase::Dialing | Phase::Up)) {
            return;
        }
        if let Some(failures) = self.count_failure(config, addr) {
            let doubled = config.retry_min.saturating_mul(1 << (failures - 1).min(20));
            self.put_off(addr, doubled.min(config.retry_max));
        }
    }

    /// How many failures there are now. An address that was learned is forgotten with too many.
    fn count_failure(&mut self, config: &Config, addr: SocketAddr) -> Option<u32> {
        let known = self.entries.get_mut(&addr)?;
        known.failures = known.failures.saturating_add(1);
        let failures = known.failures;
        if known.bootstrap || failures < config.give_up_after {
            return Some(failures);
        }
        self.set_phase(addr, Phase::Pausing);
        self.entries.remove(&addr);
        self.learned -= 1;
        None
    }

    /// Pauses for about so long, give or take a fifth.
    fn put_off(&mut self, addr: SocketAddr, pause: Duration) {
        self.set_phase(addr, Phase::Pausing);
        self.pauses.after(Redial(addr), self.retry.jittered(pause, 20));
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.ready.clear();
        self.pauses.clear();
        (self.learned, self.dialing) = (0, 0);
    }

    /// Whether addresses wait to be dialled.
    pub(super) fn is_waiting(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Every address, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.entries.values()
    }

    /// Whether an address is known to be this node's.
    fn is_own(&self, config: &Config, addr: SocketAddr) -> bool {
        let met = self.entries.get(&addr).is_some_and(|known| known.phase == Phase::Own);
        met || config.address.is_some_and(|own| canonical(own) == addr)
    }

    fn name(&mut self, addr: SocketAddr, id: &NodeId) {
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::kernel::Seed;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn some_addresses_are_nobodys() {
        for text in
            ["0.0.0.0:1", "[::]:1", "[::ffff:0.0.0.0]:1", "1.2.3.4:0", "224.0.0.1:1", "255.255.255.255:1"]
        {
            assert!(!dialable(addr(text)), "{text}");
        }
        assert!(dialable(addr("127.0.0.1:1")) && dialable(addr("[::1]:1")));
        assert_eq!(canonical(addr("[::ffff:1.2.3.4]:5")), addr("1.2.3.4:5"));
    }

    #[test]
    fn learned_addresses_are_bounded_and_given_up() {
        let bootstrap = alloc::vec![addr("1.1.1.1:1")];
        let config =
            Config { bootstrap, max_known: 1, give_up_after: 2, ..Config::article(Seed::from_u64(1)) };
        let mut book = Book::new(&config);
        assert!(book.learn(&config, addr("1.1.1.1:2"), None));
        assert!(!book.learn(&config, addr("1.1.1.1:3"), None), "no room");
        for n in 1..4 {
            let mut dialled: Vec<_> = core::iter::from_fn(|| book.next(&config, &[])).collect();
            dialled.sort_unstable();
            let both = [addr("1.1.1.1:1"), addr("1.1.1.1:2")];
            assert_eq!(dialled, if n < 3 { &both[..] } else { &both[..1] });
            for port in [2, 1, 1] {
                book.failed(&config, SocketAddr::new([1, 1, 1, 1].into(), port));
            }
            let failures: Vec<_> = book.iter().map(|known| known.failures).collect();
            assert_eq!(failures, if n < 2 { alloc::vec![n, n] } else { alloc::vec![n] }, "each ended once");
            while let Some(wake) = book.wake() {
                book.woken(wake.at, Duration::ZERO);
                book.tick();
            }
        }
        assert!(book.learn(&config, addr("1.1.1.1:3"), None), "room again");
    }

    #[test]
    fn a_peer_that_is_connected_otherwise_is_not_dialled() {
        let bootstrap = alloc::vec![addr("1.1.1.1:1"), addr("1.1.1.1:2")];
        let config = Config { bootstrap, want_peers: 2, ..Config::article(Seed::from_u64(1)) };
        let mut book = Book::new(&config);
        let id = NodeId::new("a").unwrap();
        book.is_connected(&config, addr("1.1.1.1:1"), &id);
        assert_eq!(book.next(&config, &[&id]), Some(addr("1.1.1.1:2")));
        assert_eq!(book.next(&config, &[&id]), None, "as many as are wanted");
        assert_eq!(book.claim(&config, addr("1.1.1.1:1"), &[&id]), Err(Refusal::Already));
        assert_eq!(book.claim(&config, addr("1.1.1.1:1"), &[]), Ok(()));
        assert_eq!(book.wake(), None);
    }

    #[test]
    fn nobody_says_who_listens_at_a_bootstrap_but_who_answers_there() {
        let bootstrap = alloc::vec![addr("1.1.1.1:1")];
        let config = Config { bootstrap, ..Config::article(Seed::from_u64(1)) };
        let mut book = Book::new(&config);
        let id = NodeId::new("a").unwrap();
        assert!(!book.learn(&config, addr("1.1.1.1:1"), Some(id.clone())), "it is known already");
        assert_eq!(book.next(&config, &[&id]), Some(addr("1.1.1.1:1")), "whoever is connected");
    }
}
