//! What a node's peers and users may say, for the laws.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::native::Word;
use super::wire::{
    Handshake, HostPort, Message, NodeId, Peer as Row, ProtocolId, Stamp, Text, TextKind, Value, Way,
};
use super::{Command, Config, Mesh};
use crate::kernel::{Backlog, Gap, How, Rng, Seed};
use crate::sim::laws::Lawful;

const IN_FLIGHT: usize = 300;
const SUBNET: &str = "laws";

pub(super) fn addr(rng: &mut Rng) -> SocketAddr {
    let port = [0, 1, 5999, 6000, 6001, 6002, 6003][rng.index(7)];
    let ip = if rng.percent(90) { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    SocketAddr::new(ip.into(), port)
}

/// One of few; 5 is the specimen's.
pub(super) fn id(rng: &mut Rng) -> NodeId {
    let mut octets = [0; NodeId::LEN];
    octets[NodeId::LEN - 1] = rng.u64().to_le_bytes()[0] % 6;
    NodeId(octets)
}

pub(super) fn kind(rng: &mut Rng) -> TextKind {
    if rng.percent(80) { TextKind::Bin } else { TextKind::Str }
}

fn text(rng: &mut Rng) -> Text {
    id(rng).text(kind(rng))
}

fn values(rng: &mut Rng) -> Vec<Value> {
    let text = "x".repeat(if rng.percent(95) { rng.index(40) } else { 400 });
    Vec::from([Value::from(rng.below(40)), Value::from(text.as_str())])
}

fn row(rng: &mut Rng) -> Row {
    Row { addr: HostPort::of(addr(rng)), id: text(rng) }
}

/// A handshake of one of few nodes, of which some are in another network.
fn handshake(rng: &mut Rng) -> Message {
    let subnet = if rng.percent(95) { SUBNET } else { "other" };
    let kind = kind(rng);
    Message::Handshake(Handshake {
        id: id(rng).text(kind),
        protocol: ProtocolId::new(subnet, "Plaintext").text(kind),
        addr: HostPort::of(addr(rng)),
        methods: Vec::new(),
    })
}

fn message(rng: &mut Rng) -> (Message, Way) {
    match rng.below(24) {
        0..8 => (Message::Broadcast(values(rng)), Way::Flood),
        8..11 => (Message::Whisper(values(rng)), Way::Link),
        11 => (handshake(rng), Way::Link),
        12..14 => (Message::Peers((0..rng.below(5)).map(|_| row(rng)).collect()), Way::Link),
        14 => (Message::PeersRequest(kind(rng)), Way::Link),
        15..17 => (Message::AddressRequest { request: text(rng), wanted: text(rng) }, Way::Flood),
        17 => (Message::AddressResponse { request: text(rng), peer: row(rng) }, Way::Flood),
        18 => (Message::Compression(Vec::new()), Way::Link),
        19 => (Message::Resend, Way::Link),
        20..23 => {
            let word = [Word::Hello, Word::Ping, Word::Pong][rng.index(3)];
            (Message::Native(word.values()), Way::Link)
        }
        _ => (Message::Retrieve { table: text(rng), key: text(rng) }, Way::Link),
    }
}

pub(super) fn framed(message: &Message, way: Way, rng: &mut Rng) -> Bytes {
    let stamp = Stamp { sender: text(rng), time: 1_600_000_000 - 100 + rng.below(200) };
    message.frame(way, stamp).expect("it is short").whole().clone()
}

/// What a peer says; the first is a handshake.
pub(super) fn first_frame(rng: &mut Rng) -> Bytes {
    let message = handshake(rng);
    framed(&message, Way::Link, rng)
}

/// What a peer says behind its handshake.
pub(super) fn peer_frame(rng: &mut Rng) -> Bytes {
    let (message, way) = message(rng);
    framed(&message, way, rng)
}

/// Small bounds, which are met soon.
pub(super) fn config(seed: u64) -> Config {
    let localhost = |port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let mut own = [0; NodeId::LEN];
    own[NodeId::LEN - 1] = 5;
    Config {
        id: Some(NodeId(own)),
        subnet: SUBNET.into(),
        bootstrap: [6000, 6001].map(localhost).into(),
        want_peers: 2,
        max_peers: 3,
        max_greeting: 2,
        max_lookups: 2,
        seen: 20,
        max_dials: 2,
        max_known: 3,
        max_rows: 3,
        give_up_after: 2,
        gap: Gap { least: Duration::from_millis(2), per_kib: Duration::from_millis(2) },
        backlog: Backlog { in_flight: IN_FLIGHT, control: 1_500, bulk: 3_000 },
        ..Config::new(Seed::from_u64(seed % 4), localhost(5999))
    }
}

impl Lawful for Mesh {
    const IN_FLIGHT: usize = IN_FLIGHT;

    fn specimen(seed: u64) -> Self {
        Mesh::new(config(seed)).expect("it can be lived by")
    }

    fn stream(_: How, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = Vec::new();
        if rng.percent(90) {
            bytes.extend_from_slice(&first_frame(rng));
        }
        for _ in 0..rng.below(30) {
            bytes.extend_from_slice(&peer_frame(rng));
        }
        if rng.percent(20) {
            bytes.extend_from_slice(&[0, 0, 0, 3, 1, 244]);
        }
        bytes
    }

    fn command(rng: &mut Rng) -> Option<Command> {
        Some(match rng.below(20) {
            0..8 => Command::Broadcast { values: values(rng) },
            8..13 => Command::Whisper { to: id(rng), values: values(rng) },
            13..16 => Command::Connect { addr: addr(rng) },
            16 => Command::Disconnect { id: id(rng) },
            17..19 => Command::RequestPeers,
            _ => Command::Leave,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_keeps_every_law() {
        crate::sim::laws::laws::<Mesh>(2_000);
    }
}
