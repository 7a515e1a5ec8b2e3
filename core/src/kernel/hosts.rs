//! How much hosts may do, however many there are.

use alloc::boxed::Box;
use alloc::vec;
use core::hash::{BuildHasher, Hasher};
use core::net::{IpAddr, Ipv6Addr};

use super::{Bucket, KeyedState, Rate, Time};

/// The part of an IPv6 address that says whose it is.
const NETWORK: u128 = !0 << 64;

/// Whose an address is: an IPv4 address, also one mapped into IPv6, is a host, and so is an IPv6 network of 64 bits, in
/// which one machine may take as many addresses as it likes.
pub fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Buckets that all hosts share by a keyed hash of their addresses: no number of hosts needs more memory, and one that
/// floods cannot choose whom it shares its bucket with. What [`host`] says is one host has one bucket.
///
/// ```
/// use egoist_core::kernel::{HostBuckets, KeyedState, Rate, Time};
/// let rate = Rate { burst: 2, per_second: 1 };
/// let mut hosts = HostBuckets::new(128, rate, KeyedState::new(1, 2), Time::ZERO);
/// let host = "192.0.2.1".parse().unwrap();
/// let taken = (0..9).filter(|_| hosts.of(host).take(Time::ZERO)).count();
/// assert_eq!(taken, 2);
/// assert!(!hosts.of("::ffff:192.0.2.1".parse().unwrap()).take(Time::ZERO));
/// ```
#[derive(Clone, Debug)]
pub struct HostBuckets {
    buckets: Box<[Bucket]>,
    hasher: KeyedState,
}

impl HostBuckets {
    /// So many full buckets, one at least.
    pub fn new(buckets: usize, rate: Rate, hasher: KeyedState, now: Time) -> Self {
        HostBuckets { buckets: vec![Bucket::full(rate, now); buckets.max(1)].into_boxed_slice(), hasher }
    }

    /// The bucket of a host, and of others.
    pub fn of(&mut self, address: IpAddr) -> &mut Bucket {
        let octets = match host(address) {
            IpAddr::V4(host) => host.to_ipv6_mapped().octets(),
            IpAddr::V6(host) => host.octets(),
        };
        let mut hasher = self.hasher.build_hasher();
        hasher.write(&octets);
        let at = usize::try_from(hasher.finish() % self.buckets.len() as u64).unwrap_or(0);
        &mut self.buckets[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;

    #[test]
    fn a_host_is_an_address_or_a_network_of_64_bits() {
        let host = |address: &str| host(address.parse().unwrap());
        assert_eq!(host("2001:db8:0:1::1"), host("2001:db8:0:1:ffff::"));
        assert_ne!(host("2001:db8:0:1::1"), host("2001:db8:0:2::1"));
        assert_eq!(host("::ffff:192.0.2.1"), host("192.0.2.1"));
        assert_ne!(host("::ffff:192.0.2.1"), host("::ffff:192.0.2.2"));
    }

    #[test]
    fn few_share_a_bucket_and_the_key_says_who() {
        let rate = Rate { burst: 1, per_second: 1 };
        let others = |key| {
            let mut hosts = HostBuckets::new(128, rate, KeyedState::new(key, 0), Time::ZERO);
            let at = |n: u32| IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n));
            assert!(hosts.of(at(0)).take(Time::ZERO));
            (1..1_280).filter(|n| !hosts.of(at(*n)).holds(1)).collect::<Vec<_>>()
        };
        let (shared, elsewhere) = (others(1), others(2));
        assert!((1..40).contains(&shared.len()), "{}", shared.len());
        assert_ne!(shared, elsewhere);
    }
}
