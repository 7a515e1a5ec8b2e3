//! Whether the host still has the addresses that a node names.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};

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
    }
}
