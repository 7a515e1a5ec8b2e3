//! Whether the host still has the addresses that a node names.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses that the host had when a node began to name them. One that it never had, as in front of a translator, is
/// nothing to watch.
#[derive(Debug)]
pub struct Presence {
    watched: Vec<(IpAddr, bool)>,
}

impl Presence {
    /// Watches those of the addresses that the host has now.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let here = addresses.into_iter().filter(|address| is_here(*address));
        Presence { watched: here.map(|address| (address, true)).collect() }
    }

    /// Looks again: those that are gone since the last time. Worth asking when a neighbour has fallen silent.
    pub fn gone(&mut self) -> Vec<IpAddr> {
        self.gone_by(is_here)
    }

    /// Whether an address is watched and was gone when it was last looked.
    pub fn is_missing(&self, address: IpAddr) -> bool {
        self.watched.iter().any(|(watched, here)| *watched == address && !here)
    }

    fn gone_by(&mut self, is_here: impl Fn(IpAddr) -> bool) -> Vec<IpAddr> {
        let mut gone = Vec::new();
        for (address, was_here) in &mut self.watched {
            let here = is_here(*address);
            if *was_here && !here {
                gone.push(*address);
            }
            *was_here = here;
        }
        gone
    }
}

/// The address of this host from which it speaks to another. Nothing is sent. `None` where no way leads there, or none out
/// of the host.
pub fn source_towards(other: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if other.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(other).ok()?;
    let source = socket.local_addr().ok()?.ip();
    (!source.is_unspecified() && !source.is_loopback()).then_some(source)
}

/// Only an address of the host can be bound. Any other failure says nothing about it.
fn is_here(address: IpAddr) -> bool {
    !matches!(UdpSocket::bind((address, 0)), Err(error) if error.kind() == ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_told_once_each_time_and_what_never_was_here_is_not() {
        let [loopback, documentation] = ["127.0.0.1", "192.0.2.1"].map(|ip| ip.parse().unwrap());
        let mut presence = Presence::new([loopback, documentation]);
        assert_eq!(presence.gone(), [] as [IpAddr; 0]);
        let looks = [false, false, true, false].map(|here| presence.gone_by(|_| here).len());
        assert_eq!(looks, [1, 0, 0, 1]);
        assert!(presence.is_missing(loopback) && !presence.is_missing(documentation));
    }

    #[test]
    fn nothing_leaves_the_host_from_loopback() {
        assert_eq!(source_towards("127.0.0.1:9".parse().unwrap()), None);
    }
}
