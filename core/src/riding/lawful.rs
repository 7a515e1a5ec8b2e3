//! How riding nodes are tried by the [laws](crate::sim::laws): by what overlays and modules say, and by neighbours that ride.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::{Command, Config, Riding};
use crate::gossip::{self, Gossip, MODULES, PEERS};
use crate::kernel::{How, Port, Rng};
use crate::overlay::wire::{ChannelOctets, Packet, put_channel};
use crate::overlay::{Overlay, lawful};
use crate::sim::laws::Lawful;

/// The specimen has one port for the overlay.
const OF_MODULES: Port = Port(1);

/// A neighbour that rides: its greeting, and what gossip peers say in pieces of any length, with an end or credit between.
fn rider(rng: &mut Rng) -> Vec<u8> {
    let channel = super::rides::channel();
    let mut bytes = BytesMut::from(&lawful::rider(rng, channel)[..]);
    for _ in 0..rng.below(4) {
        let said = <Gossip as Lawful>::stream(How::Accepted(PEERS), rng);
        let mut rest = &said[..];
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(1 + rng.index(60_000)));
            put_channel(channel, piece, &mut bytes);
            rest = more;
        }
        match rng.below(8) {
            0 => Packet::End(channel).emit_into(&mut bytes),
            1 => Packet::Crd(ChannelOctets { channel, octets: 65_536 }).emit_into(&mut bytes),
            _ => {}
        }
    }
    bytes.to_vec()
}

impl Lawful for Riding {
    const WAKES_PER_SECOND: u32 = Overlay::WAKES_PER_SECOND + Gossip::WAKES_PER_SECOND;
    const PORTS: u16 = 2;

    /// Every second one watches.
    fn specimen(seed: u64) -> Self {
        let overlay = lawful::specimen(seed);
        let overlay = if seed.is_multiple_of(2) { overlay } else { overlay.watching() };
        let gossip = gossip::Config {
            cache_size: 6,
            known_size: 20,
            max_peers: 4,
            max_modules: 3,
            max_types: 2,
            ..gossip::Config::auto(overlay.seed)
        };
        Riding::new(Config { overlay, gossip }).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn stream(how: How, rng: &mut Rng) -> Vec<u8> {
        match how {
            How::Accepted(OF_MODULES) => <Gossip as Lawful>::stream(How::Accepted(MODULES), rng),
            _ if rng.percent(60) => rider(rng),
            _ => <Overlay as Lawful>::stream(how, rng),
        }
    }

    fn datagram(port: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        (port != OF_MODULES).then(|| <Overlay as Lawful>::datagram(port, rng)).flatten()
    }

    fn command(rng: &mut Rng) -> Option<Command> {
        if rng.percent(40) {
            <Overlay as Lawful>::command(rng).map(Command::Overlay)
        } else {
            <Gossip as Lawful>::command(rng).map(Command::Gossip)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Checked;
    use crate::sim::laws::laws;

    #[test]
    fn a_riding_node_keeps_the_laws() {
        laws::<Riding>(1_000);
    }

    #[test]
    fn the_laws_scripts_are_a_right_driver_of_it() {
        laws::<Checked<Riding>>(100);
    }

    #[test]
    fn a_node_that_would_find_peers_elsewhere_is_told_who_they_are() {
        let riding = Riding::specimen(0);
        let config = riding.gossip().config();
        assert!(config.address.is_none() && config.bootstrap.is_empty() && config.max_known == 0);
        assert!(config.seed != lawful::specimen(0).seed, "their random numbers are not the same");
    }
}
