//! Where a node is reached, when its host loses that address as it runs.

use std::net::SocketAddr;

use egoist_core::overlay::{Config, Overlay};
use egoist_mio::{Presence, source_towards};

/// The addresses that a node names, and where it listens.
pub(crate) struct Whereabouts {
    presence: Presence,
    listens: Vec<SocketAddr>,
}

impl Whereabouts {
    pub(crate) fn new(config: &Config) -> Self {
        let named = std::iter::once(config.address).chain(config.more_addresses.iter().copied());
        Whereabouts {
            presence: Presence::new(named.map(|address| address.ip())),
            listens: config.ports.bound().to_vec(),
        }
    }

    /// Looks whether the host still has the addresses, and says which it has lost; what the node is to name from now on, if
    /// it is reached elsewhere. Worth asking when a neighbour has fallen silent, which may be this host's own fault.
    pub(crate) fn look(&mut self, node: &Overlay) -> Option<Vec<SocketAddr>> {
        for address in self.presence.gone() {
            tracing::error!(
                %address,
                "this host no longer has the address that the node names, and nobody reaches it there: unless it \
                 listens at every address, start it again with --listen and --advertise as it is reached now"
            );
        }
        let missing: Vec<SocketAddr> = self.missing(node).collect();
        let instead = |address| missing.contains(&address).then(|| self.instead(address, node)).flatten();
        let now: Vec<SocketAddr> = node.addresses().map(|at| instead(at).unwrap_or(at)).collect();
        (!node.addresses().eq(now.iter().copied())).then_some(now)
    }

    /// The node names these from now on.
    pub(crate) fn named(&mut self, addresses: &[SocketAddr]) {
        self.presence = Presence::new(addresses.iter().map(SocketAddr::ip));
    }

    /// Those of the addresses that a node names that the host had lost when it was last looked.
    pub(crate) fn missing<'a>(&'a self, node: &'a Overlay) -> impl Iterator<Item = SocketAddr> + 'a {
        node.addresses().filter(|address| self.presence.is_missing(address.ip()))
    }

    /// Where the node is reached in the place of an address, if it listens there: at the one from which its host speaks to
    /// others.
    fn instead(&self, address: SocketAddr, node: &Overlay) -> Option<SocketAddr> {
        let neighbours = node.neighbors().into_iter().map(|neighbour| neighbour.address);
        let others = neighbours.chain(node.bootstraps().into_iter().map(|bootstrap| bootstrap.address));
        let mut others = others.filter(|other| other.is_ipv4() == address.is_ipv4());
        let here = SocketAddr::new(others.find_map(source_towards)?, address.port());
        let is_new = node.addresses().all(|known| known != here);
        (is_new && self.listens.iter().any(|at| takes_any(*at, here))).then_some(here)
    }
}

/// Whether who listens at `at` is reached at whatever address of its host.
fn takes_any(at: SocketAddr, address: SocketAddr) -> bool {
    at.ip().is_unspecified() && at.port() == address.port() && (at.is_ipv6() || address.is_ipv4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_at_every_address_is_reached_at_a_new_one() {
        let at = |text: &str| text.parse().unwrap();
        for (listens, address, reached) in [
            ("0.0.0.0:7", "192.0.2.1:7", true),
            ("0.0.0.0:7", "192.0.2.1:8", false),
            ("0.0.0.0:7", "[2001:db8::1]:7", false),
            ("[::]:7", "[2001:db8::1]:7", true),
            ("[::]:7", "192.0.2.1:7", true),
            ("192.0.2.9:7", "192.0.2.1:7", false),
        ] {
            assert_eq!(takes_any(at(listens), at(address)), reached, "{listens} {address}");
        }
    }
}
