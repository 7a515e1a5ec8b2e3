//! Where a node that does not ride is found: less than what the overlay's flags can say, by which it is told.

use std::net::{SocketAddr, SocketAddrV4};

use clap::Args;
use egoist_core::gossip::ConfigError;

use super::super::failure::{Failure, Outcome};
use super::super::host_port::HostPort;
use super::super::overlay;
use super::node::key_of;

const IPV4_ALONE: &str = "gossip's nodes tell each other of IPv4 addresses alone";
const AS_IPV4: &str = "write IP:PORT, as in 192.0.2.7:6001";

/// An address that nodes can tell each other of.
fn peer_address(text: &str) -> Result<SocketAddrV4, String> {
    text.parse().map_err(|_| format!("{IPV4_ALONE}: {AS_IPV4}"))
}

/// A name, or such an address.
fn peer_host(text: &str) -> Result<HostPort, String> {
    let host: HostPort = text.parse()?;
    match host.address() {
        Some(SocketAddr::V6(_)) => Err(format!("{IPV4_ALONE}: {AS_IPV4}")),
        _ => Ok(host),
    }
}

/// Where a node that does not ride is found, as keys of the table `[gossip]`.
#[derive(Args, Clone, PartialEq, Debug)]
pub(crate) struct Place {
    /// Where to listen for peers, of IPv4 alone; port 0 takes a free one
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:6001", value_parser = peer_address)]
    pub(crate) listen: SocketAddrV4,

    /// A node to connect to, at its address for peers; repeatable
    #[arg(short, long, value_name = "HOST:PORT", value_parser = peer_host)]
    pub(crate) bootstrap: Vec<HostPort>,

    /// Where peers reach this node [default: where it listens]
    #[arg(long, value_name = "IP:PORT", value_parser = peer_address)]
    pub(crate) advertise: Option<SocketAddrV4>,
}

impl Place {
    /// Of what an overlay's node can have, what one of gossip alone can.
    ///
    /// # Errors
    /// There are several addresses, or one of IPv6.
    pub(crate) fn of(place: &overlay::settings::Place) -> Outcome<Self> {
        let ipv4 = |flag: &str, address: &SocketAddr| match address {
            SocketAddr::V4(address) => Ok(*address),
            SocketAddr::V6(_) => Err(Failure::usage(IPV4_ALONE)
                .at(format!("{flag} {address}"))
                .try_this(format!("{AS_IPV4}; or add --ride, since an overlay has both"))),
        };
        let bootstraps = || place.bootstrap.iter().filter_map(HostPort::address);
        bootstraps().try_for_each(|address| ipv4("--bootstrap", &address).map(drop))?;
        let one = |flag: &str, addresses: &[SocketAddr]| match addresses {
            [] => Ok(None),
            [address] => ipv4(flag, address).map(Some),
            [_, second, ..] => Err(Failure::usage("a node of gossip has one such address without --ride")
                .at(format!("{flag} {second}"))
                .try_this("add --ride, or leave it out")),
        };
        let listen = one("--listen", &place.listen)?;
        Ok(Place {
            listen: listen.ok_or_else(|| Failure::usage("a node listens somewhere").at("--listen"))?,
            advertise: one("--advertise", &place.advertise)?,
            bootstrap: place.bootstrap.clone(),
        })
    }

    /// The key that a field comes from.
    pub(crate) fn key_of(&self, error: &ConfigError) -> &'static str {
        match key_of(error) {
            "address" if self.advertise.is_some() => "advertise",
            "address" => "listen",
            key => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::tests::node;
    use super::*;
    use clap::FromArgMatches as _;

    /// The flags and the keys are the same.
    #[test]
    fn where_a_node_is_found_by_flags_is_where_it_is_by_its_table() {
        let keys = |args: &[&str]| {
            let command = Place::augment_args(clap::Command::new("keys").no_binary_name(true));
            Place::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
        };
        let all =
            ["-l", "127.0.0.1:5", "--advertise", "192.0.2.7:1", "-b", "a.example:3", "-b", "192.0.2.8:2"];
        for args in [&[][..], &all] {
            assert_eq!(Place::of(&node(args).overlay.place).unwrap(), keys(args));
        }
    }

    #[test]
    fn peers_have_addresses_of_ipv4() {
        for flag in ["--listen=[::1]:1", "--advertise=[::1]:1", "--bootstrap=[::1]:1"] {
            let said = Place::of(&node(&[flag]).overlay.place).unwrap_err().to_string();
            assert!(said.contains("IPv4 addresses alone"), "{flag}: {said}");
            assert_eq!((peer_address("[::1]:1").is_err(), peer_host("[::1]:1").is_err()), (true, true));
        }
        for twice in ["--listen=127.0.0.1:1", "--advertise=192.0.2.7:1"] {
            let said = Place::of(&node(&[twice, twice]).overlay.place).unwrap_err().to_string();
            assert!(said.contains("add --ride, or leave it out"), "{twice}: {said}");
        }
        assert!(Place::of(&node(&["--api=[::1]:1", "--bootstrap=localhost:1"]).overlay.place).is_ok());
    }
}
