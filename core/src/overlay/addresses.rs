//! Where a peer is reached: its addresses in the order in which they are tried, and an attempt that tries them.
//!
//! A peer may have several: of two interfaces, of two families, inside and outside of a translation. Which of them
//! leads to it depends on who asks, so each node tries them for itself, the one that answered last first, and begins the
//! next a moment after the last instead of waiting for a silent one.

use core::net::SocketAddr;
use core::time::Duration;

use smallvec::SmallVec;

use super::config::AddressFault;
use super::wire::ADDRESSES_LIMIT;

/// From one address of a peer to the next, while none has answered.
pub const STAGGER: Duration = Duration::from_millis(250);
/// The most addresses of a peer: those that a record holds, with that in its name, and the one that it greeted with.
pub const MOST: usize = ADDRESSES_LIMIT + 2;

/// The addresses of a peer, each once, in the order in which they are tried; at most [`MOST`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses(SmallVec<[SocketAddr; 2]>);

impl Addresses {
    /// Adds one behind the others, unless it is there, cannot be dialled, or there are as many as may be.
    pub fn add(&mut self, addr: SocketAddr) {
        if AddressFault::of(addr).is_none() && self.0.len() < MOST && !self.0.contains(&addr) {
            self.0.push(addr);
        }
    }

    /// Puts one of them before the others; another changes nothing.
    pub fn prefer(&mut self, addr: SocketAddr) {
        if let Some(at) = self.0.iter().position(|known| *known == addr) {
            self.0[..=at].rotate_right(1);
        }
    }

    /// The one to try first.
    pub fn first(&self) -> Option<SocketAddr> {
        self.0.first().copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.0.iter().copied()
    }

    fn pop(&mut self) -> Option<SocketAddr> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }
}

impl FromIterator<SocketAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = SocketAddr>>(addrs: I) -> Self {
        let mut all = Addresses::default();
        addrs.into_iter().for_each(|addr| all.add(addr));
        all
    }
}

/// An attempt to reach a peer at one of its addresses. What is under way to an address has a key: a probe's token, a
/// dial's ticket.
#[derive(Clone, Debug)]
pub struct Attempt<K> {
    left: Addresses,
    under_way: SmallVec<[(K, SocketAddr); 2]>,
}

impl<K> Default for Attempt<K> {
    fn default() -> Self {
        Attempt::new(Addresses::default())
    }
}

impl<K> Attempt<K> {
    /// An attempt in which nothing is under way yet.
    pub fn new(addresses: Addresses) -> Self {
        Attempt { left: addresses, under_way: SmallVec::new() }
    }

    /// Takes the address to be tried now.
    pub fn take_next(&mut self) -> Option<SocketAddr> {
        self.left.pop()
    }

    /// Whether an address was not tried yet.
    pub fn has_more(&self) -> bool {
        !self.left.is_empty()
    }

    /// Whether nothing is under way and nothing left.
    pub fn is_over(&self) -> bool {
        self.under_way.is_empty() && self.left.is_empty()
    }

    /// The addresses that are left are not tried.
    pub fn try_no_more(&mut self) {
        self.left = Addresses::default();
    }

    /// Something is under way to `addr`.
    pub fn begun(&mut self, key: K, addr: SocketAddr) {
        self.under_way.push((key, addr));
    }
}

impl<K: Copy + Eq> Attempt<K> {
    /// What was under way got no answer; to which address that was.
    pub fn failed(&mut self, key: K) -> Option<SocketAddr> {
        let at = self.under_way.iter().position(|(known, _)| *known == key)?;
        Some(self.under_way.remove(at).1)
    }

    /// What was under way got an answer: to which address that was, and what else is under way and no more needed. The
    /// addresses of those are left, should the answer be somebody else's.
    pub fn answered(&mut self, key: K) -> Option<(SocketAddr, SmallVec<[K; 2]>)> {
        let addr = self.failed(key)?;
        let others = core::mem::take(&mut self.under_way);
        for (_, other) in others.iter().rev() {
            self.left.0.insert(0, *other);
        }
        Some((addr, others.into_iter().map(|(key, _)| key).collect()))
    }

    /// Ends the attempt: what is under way and no more needed.
    pub fn end(&mut self) -> SmallVec<[K; 2]> {
        self.try_no_more();
        core::mem::take(&mut self.under_way).into_iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn ports(addresses: &Addresses) -> Vec<u16> {
        addresses.iter().map(|addr| addr.port()).collect()
    }

    #[test]
    fn addresses_are_there_once_and_bounded() {
        let bad = ["0.0.0.0:9", "224.0.0.1:9", "255.255.255.255:9", "[::ffff:0.0.0.0]:9"];
        let bad = bad.map(|text| text.parse().unwrap());
        let addresses: Addresses = [at(3), at(1), at(3), at(0)].into_iter().chain(bad).collect();
        assert_eq!((ports(&addresses), addresses.first()), ([3, 1].into(), Some(at(3))));
        let many: Addresses = (1..100).map(at).collect();
        assert_eq!(ports(&many).len(), MOST);
        assert_eq!(Addresses::default().first(), None);
    }

    #[test]
    fn what_answered_last_comes_first_and_the_others_stay_in_order() {
        let mut addresses: Addresses = (1..5).map(at).collect();
        addresses.prefer(at(3));
        assert_eq!(ports(&addresses), [3, 1, 2, 4]);
        addresses.prefer(at(9));
        assert_eq!(ports(&addresses), [3, 1, 2, 4], "another peer's");
    }

    #[test]
    fn an_attempt_tries_each_address_until_one_answers() {
        let mut attempt = Attempt::new((1..5).map(at).collect());
        for (key, port) in [(10, 1), (20, 2), (30, 3)] {
            let addr = attempt.take_next().unwrap();
            assert_eq!(addr, at(port));
            attempt.begun(key, addr);
        }
        assert_eq!((attempt.failed(10), attempt.failed(10)), (Some(at(1)), None));
        assert!(attempt.has_more() && !attempt.is_over());
        let (addr, others) = attempt.answered(30).unwrap();
        assert_eq!((addr, others.as_slice()), (at(3), &[20][..]));
        assert_eq!(attempt.answered(20), None, "it is no more needed");
        assert_eq!(ports(&attempt.left), [2, 4], "where to go on if that was somebody else");
        attempt.begun(40, at(2));
        assert_eq!(attempt.end().as_slice(), [40]);
        assert!(attempt.is_over());
    }
}
