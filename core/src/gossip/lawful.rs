//! What a node's peers and modules may say, for the laws.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::time::Duration;

use bytes::Bytes;

use super::wire::{MessageHash, Offer, PeerUpdate, Probe, SMALL, Spread, write};
use super::{Command, Config, Gossip, MODULES};
use crate::kernel::{Backlog, Gap, How, Rng, Seed};
use crate::sim::laws::Lawful;

const IN_FLIGHT: usize = 300;

fn addr(rng: &mut Rng) -> SocketAddrV4 {
    let port = [0, 1, 5999, 6000, 6001, 6002, 6003][rng.index(7)];
    let ip = if rng.percent(90) { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    SocketAddrV4::new(ip, port)
}

fn data_type(rng: &mut Rng) -> u16 {
    u16::try_from(rng.below(3)).unwrap_or(0)
}

fn data(rng: &mut Rng) -> Bytes {
    let len = if rng.percent(95) { rng.index(30) } else { SMALL + rng.index(3) };
    Bytes::from(alloc::vec![rng.u64().to_le_bytes()[0] % 16; len])
}

fn ttl(rng: &mut Rng) -> u8 {
    [0, 1, 2, 9][rng.index(4)]
}

fn hash(rng: &mut Rng) -> MessageHash {
    MessageHash::of(data_type(rng), &data(rng))
}

fn announce(rng: &mut Rng) -> Bytes {
    write::announce(ttl(rng), 0, data_type(rng), &data(rng))
}

fn spread(rng: &mut Rng) -> Bytes {
    let (ttl, origin_ttl) = (ttl(rng), ttl(rng));
    write::spread(&Spread { ttl, origin_ttl, reserved: 0, data_type: data_type(rng), data: data(rng) })
}

/// What a module says.
pub(super) fn module_frame(rng: &mut Rng) -> Bytes {
    match rng.below(10) {
        0..4 => announce(rng),
        4..7 => write::notify(data_type(rng)),
        _ => write::validation(u16::try_from(rng.below(20)).unwrap_or(0), rng.percent(70)),
    }
}

/// What a peer says.
pub(super) fn peer_frame(rng: &mut Rng) -> Bytes {
    match rng.below(24) {
        0..8 => announce(rng),
        8..10 => write::peer_request(addr(rng)),
        10 => write::peer_response(&(0..rng.below(5)).map(|_| addr(rng)).collect::<Vec<_>>()),
        11 => write::peer_update(PeerUpdate { addr: addr(rng), ttl: ttl(rng), kind: 1 }),
        12 => write::peer_init(addr(rng)),
        13..15 => write::native(Probe::Hello { nonce: rng.below(3) }),
        15 => write::native([Probe::Ping, Probe::Pong][rng.index(2)]),
        16..19 => spread(rng),
        19..21 => {
            let offer = |_| Offer { hash: hash(rng), ttl: 3 };
            write::have(&(0..5).map(offer).collect::<Vec<_>>())
        }
        21..23 => write::want(&[hash(rng), hash(rng)]),
        _ => write::gone(&[hash(rng)]),
    }
}

/// Small bounds, which are met soon. Every third node is a compatible one.
pub(super) fn config(seed: u64) -> Config {
    let localhost = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let mode = if seed.is_multiple_of(3) { Config::compatible } else { Config::auto };
    Config {
        address: Some(localhost(5999)),
        bootstrap: [6000, 6001].map(|port| SocketAddr::V4(localhost(port))).into(),
        degree: 2,
        cache_size: 6,
        known_size: 20,
        max_peers: 4,
        max_modules: 3,
        max_types: 2,
        max_dials: 2,
        max_known: 3,
        max_rows: 3,
        give_up_after: 2,
        verdict_timeout: Duration::from_secs(5),
        gap: Gap { least: Duration::from_millis(2), per_kib: Duration::from_millis(2) },
        backlog: Backlog { in_flight: IN_FLIGHT, control: 600, bulk: 70_000 },
        ..mode(Seed::from_u64(seed % 4))
    }
}

impl Lawful for Gossip {
    const IN_FLIGHT: usize = IN_FLIGHT;
    const PORTS: u16 = 2;

    fn specimen(seed: u64) -> Self {
        Gossip::new(config(seed)).expect("it can be lived by")
    }

    fn stream(how: How, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..rng.below(30) {
            let frame = if how == How::Accepted(MODULES) { module_frame(rng) } else { peer_frame(rng) };
            bytes.extend_from_slice(&frame);
        }
        if rng.percent(20) {
            bytes.extend_from_slice(&[0, 3, 1, 244]);
        }
        bytes
    }

    fn command(rng: &mut Rng) -> Option<Command> {
        Some(match rng.below(20) {
            0..7 => Command::Announce { ttl: ttl(rng), data_type: data_type(rng), data: data(rng) },
            7..10 => Command::Subscribe { data_type: data_type(rng) },
            10 => Command::Unsubscribe { data_type: data_type(rng) },
            11..16 => {
                Command::Validate { id: u16::try_from(rng.below(20)).unwrap_or(0), valid: rng.percent(70) }
            }
            16..19 => Command::Connect { addr: addr(rng).into() },
            _ => Command::Leave,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gossip_keeps_every_law() {
        crate::sim::laws::laws::<Gossip>(2_000);
    }
}
