//! Which of a node's datagram sockets serves an address.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use smallvec::SmallVec;

use crate::kernel::Port;

/// What a node's datagram ports are bound to, by number. Without any there is one that serves every address.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ports(
    #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::list"))] SmallVec<[SocketAddr; 1]>,
);

impl Ports {
    /// The port from which a datagram to `addr` leaves: the first that serves it, or else one of its family.
    pub fn to(&self, addr: SocketAddr) -> Port {
        let first = |which: fn(&SocketAddr, &SocketAddr) -> bool| {
            (0..).zip(&self.0).find(|(_, local)| which(local, &addr)).map(|(port, _)| Port(port))
        };
        first(serves).or_else(|| first(takes_family)).unwrap_or(Port(0))
    }

    /// What they are bound to.
    pub fn bound(&self) -> &[SocketAddr] {
        &self.0
    }

    /// Whether what is sent to `addr` can arrive at one of them, if it is this node's.
    pub fn serve(&self, addr: SocketAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|local| serves(local, &addr))
    }
}

impl FromIterator<SocketAddr> for Ports {
    fn from_iter<I: IntoIterator<Item = SocketAddr>>(bound: I) -> Self {
        Ports(bound.into_iter().collect())
    }
}

/// `[::]` takes IPv4 as well.
fn takes_family(local: &SocketAddr, addr: &SocketAddr) -> bool {
    local.is_ipv4() == addr.is_ipv4() || local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// Nothing goes from a loopback address to another host, or back.
fn serves(local: &SocketAddr, addr: &SocketAddr) -> bool {
    let same_side = local.ip().is_unspecified() || local.ip().is_loopback() == addr.ip().is_loopback();
    same_side && takes_family(local, addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn ports(bound: &[&str]) -> Ports {
        bound.iter().map(|text| at(text)).collect()
    }

    #[test]
    fn a_datagram_leaves_from_a_socket_that_can_send_it() {
        let ports = ports(&["127.0.0.1:1", "[2001:db8::1]:1", "192.0.2.1:1"]);
        assert_eq!(ports.to(at("127.0.0.9:2")), Port(0));
        assert_eq!(ports.to(at("[2001:db8::9]:2")), Port(1));
        assert_eq!(ports.to(at("192.0.2.9:2")), Port(2));
        assert_eq!(ports.to(at("[::1]:2")), Port(1), "of the family at least");
        assert_eq!(Ports::default().to(at("[::1]:2")), Port(0));
    }

    #[test]
    fn both_families_reach_a_socket_on_every_address() {
        assert_eq!(ports(&["192.0.2.1:1", "[::]:1"]).to(at("127.0.0.1:2")), Port(1));
        for (bound, addr, serves) in [
            ("[::]:1", "192.0.2.1:1", true),
            ("[::]:1", "[2001:db8::1]:1", true),
            ("0.0.0.0:1", "[2001:db8::1]:1", false),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("[2001:db8::1]:1", "192.0.2.1:1", false),
            ("127.0.0.1:1", "192.0.2.1:1", false),
            ("127.0.0.1:1", "127.0.0.1:9", true),
        ] {
            assert_eq!(ports(&[bound]).serve(at(addr)), serves, "{bound} {addr}");
        }
        assert!(Ports::default().serve(at("192.0.2.1:1")));
    }
}
