//! Addresses that may be dialled.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::{IpAddr, SocketAddr};

use super::message::NodeId;

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
    /// Failed, or was connected already; dialled again after a pause.
    Pausing,
    /// Is this node.
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
    /// Failures in a row.
    pub failures: u32,
    /// Where it stands.
    pub phase: Phase,
}

/// The address book: every address once, those learned from peers bounded.
#[derive(Debug)]
pub(super) struct Book {
    entries: BTreeMap<SocketAddr, Known>,
    ready: VecDeque<SocketAddr>,
    learned: usize,
    max_learned: usize,
    give_up_after: u32,
}

impl Book {
    pub(super) const fn new(max_learned: usize, give_up_after: u32) -> Self {
        Book { entries: BTreeMap::new(), ready: VecDeque::new(), learned: 0, max_learned, give_up_after }
    }

    /// Adds an address of the configuration.
    pub(super) fn bootstrap(&mut self, addr: SocketAddr) {
        self.add(addr, None, true);
    }

    /// Takes what a peer said; true if it is news. What is known already may gain an id, and never changes one.
    pub(super) fn learn(&mut self, addr: SocketAddr, id: Option<NodeId>) -> bool {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.id = known.id.take().or(id);
            return false;
        }
        self.learned < self.max_learned && self.add(addr, id, false)
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

    /// The next address to dial, which is then [`Phase::Dialing`].
    pub(super) fn take_ready(&mut self) -> Option<&Known> {
        let addr = self.ready.pop_front()?;
        let known = self.entries.get_mut(&addr)?;
        known.phase = Phase::Dialing;
        Some(known)
    }

    /// An address is to be dialled at once, learned or not; false if there is no room to remember it.
    pub(super) fn dial_now(&mut self, addr: SocketAddr) -> bool {
        if !self.entries.contains_key(&addr) && !self.learn(addr, None) {
            return false;
        }
        self.ready.retain(|waiting| *waiting != addr);
        self.set_phase(addr, Phase::Dialing);
        true
    }

    /// A pause is over.
    pub(super) fn ready(&mut self, addr: SocketAddr) {
        if self.get(addr).is_some_and(|known| known.phase == Phase::Pausing) {
            self.set_phase(addr, Phase::Ready);
            self.ready.push_back(addr);
        }
    }

    /// Its connection has said hello.
    pub(super) fn is_up(&mut self, addr: SocketAddr, id: &NodeId) {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.id = Some(id.clone());
            known.phase = Phase::Up;
        }
    }

    /// Its peer has proved itself.
    pub(super) fn proved(&mut self, addr: SocketAddr) {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.failures = 0;
        }
    }

    /// This node answered there.
    pub(super) fn is_own(&mut self, addr: SocketAddr) {
        self.set_phase(addr, Phase::Own);
    }

    /// The peer there is connected by other means.
    pub(super) fn is_connected(&mut self, addr: SocketAddr, id: &NodeId) {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.id = Some(id.clone());
            known.phase = Phase::Pausing;
        }
    }

    /// A dial or its connection came to an end. How many failures there were, or `None` if that was one too many, or
    /// there is nothing to try again.
    pub(super) fn failed(&mut self, addr: SocketAddr) -> Option<u32> {
        let known = self.entries.get_mut(&addr)?;
        if !matches!(known.phase, Phase::Dialing | Phase::Up) {
            return None;
        }
        known.failures = known.failures.saturating_add(1);
        known.phase = Phase::Pausing;
        if known.failures >= self.give_up_after && !known.bootstrap {
            self.entries.remove(&addr);
            self.learned -= 1;
            return None;
        }
        Some(known.failures)
    }

    pub(super) fn get(&self, addr: SocketAddr) -> Option<&Known> {
        self.entries.get(&addr)
    }

    /// Every address, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.entries.values()
    }

    fn set_phase(&mut self, addr: SocketAddr, phase: Phase) {
        if let Some(known) = self.entries.get_mut(&addr) {
            known.phase = phase;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut book = Book::new(1, 2);
        book.bootstrap(addr("1.1.1.1:1"));
        assert!(book.learn(addr("1.1.1.1:2"), None));
        assert!(!book.learn(addr("1.1.1.1:3"), None), "no room");
        for n in 1..4 {
            assert_eq!(book.take_ready().unwrap().addr, addr("1.1.1.1:1"));
            if n < 3 {
                assert_eq!(book.take_ready().unwrap().addr, addr("1.1.1.1:2"));
                assert_eq!(book.failed(addr("1.1.1.1:2")), (n < 2).then_some(n));
            }
            assert_eq!(book.failed(addr("1.1.1.1:1")), Some(n));
            assert_eq!(book.failed(addr("1.1.1.1:1")), None, "it has ended already");
            book.ready(addr("1.1.1.1:1"));
            book.ready(addr("1.1.1.1:2"));
        }
        assert!(book.learn(addr("1.1.1.1:3"), None), "room again");
    }
}
