//! How overlay nodes and bootstraps are tried by the [laws](crate::sim::laws).

use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::config::{Bounds, Config, Periods};
use super::event::{ChannelOrder, Command};
use super::machine::Overlay;
use super::names::{Cost, Key, NodeId, Token};
use super::wire::{
    Ask, Attributes, Beat, Body, Capabilities, ChannelName, ChannelNames, ChannelOctets, DataHead, Digest,
    Flow, Greeting, Have, Hears, LinkAttributes, Links, Listed, ListedRole, Nack, Network, NodeName, Nodes,
    Others, Packet, Ping, Pong, Range, Reason, Registration, Removal, Role, Sum, Teardown, UnknownLine,
    Update, Upt, Way, Word, emit_data, emit_datagram, put_channel,
};
use crate::kernel::{How, Port, Rng, Seed};
use crate::sim::laws::Lawful;

/// So few peers that they meet themselves, each other and the specimen.
const PEERS: u64 = 6;
/// The specimen's own id is one of the peers'.
const OWN: NodeId = NodeId(3);

fn address(id: NodeId) -> SocketAddr {
    let port = 7_000 + u16::try_from(id.0).unwrap_or(0);
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

fn name(id: NodeId) -> NodeName {
    NodeName { addr: address(id), id: Some(id) }
}

fn network() -> Network {
    Network::new("law").unwrap_or_else(|_| unreachable!("a valid name"))
}

pub(crate) fn specimen(seed: u64) -> Config {
    Config {
        id: Some(OWN),
        k: 2,
        bootstraps: vec![address(NodeId(90)), address(NodeId(91))],
        periods: Periods {
            ping: Duration::from_secs(5),
            rewiring: Duration::from_secs(8),
            remove: Duration::from_secs(6),
            ..Periods::default()
        },
        bounds: Bounds {
            in_degree: Some(2),
            guests: 1,
            watchers: 1,
            strangers: 2,
            hashes: 8,
            ..Bounds::default()
        },
        ..Config::new(Seed::from_u64(seed), network(), address(OWN))
    }
}

fn id(rng: &mut Rng) -> NodeId {
    NodeId(u128::from(rng.below(PEERS)))
}

fn key(rng: &mut Rng) -> Key {
    let number = |rng: &mut Rng| [1, 2, 3, u32::MAX - 1, u32::MAX][rng.index(5)];
    Key { incarnation: number(rng), sequence: number(rng) }
}

fn token(rng: &mut Rng) -> Token {
    Token(rng.below(3))
}

fn role(rng: &mut Rng) -> Role {
    [Role::Chooser, Role::Chooser, Role::Guest, Role::Chosen, Role::Watcher][rng.index(5)]
}

fn greeting(rng: &mut Rng, peer: NodeId) -> Packet {
    Packet::Lnk(Greeting {
        version: if rng.percent(95) { 1 } else { 2 },
        network: if rng.percent(95) {
            network()
        } else {
            Network::new("other").unwrap_or_else(|_| network())
        },
        node: name(peer),
        role: role(rng),
        token: token(rng),
        caps: Capabilities {
            start: rng.percent(80).then(|| key(rng).incarnation),
            rides: if rng.percent(20) { ChannelNames::default() } else { rides() },
            ..Capabilities::default()
        },
    })
}

fn channel(rng: &mut Rng) -> ChannelName {
    let name = if rng.percent(90) { ["a", "b"][rng.index(2)] } else { "c" };
    ChannelName::new(name).unwrap_or_else(|_| unreachable!("a valid name"))
}

/// What the specimen rides, and most of its peers.
fn rides() -> ChannelNames {
    let names = ["a", "b"].into_iter().filter_map(|name| ChannelName::new(name).ok());
    ChannelNames::new(names).unwrap_or_default()
}

/// Mostly few octets, so that a window is passed only now and then.
fn channel_octets(rng: &mut Rng) -> usize {
    [1, 30, 900, 9_000, 30_000, 65_536][rng.index(6)]
}

fn credit(rng: &mut Rng) -> ChannelOctets {
    let octets = u32::try_from(channel_octets(rng)).unwrap_or(1);
    ChannelOctets { channel: channel(rng), octets }
}

/// The greeting of a neighbour that rides a channel.
#[cfg(feature = "gossip")]
pub(crate) fn rider(rng: &mut Rng, channel: ChannelName) -> Bytes {
    let peer = id(rng);
    let Packet::Lnk(mut greeting) = greeting(rng, peer) else { return Bytes::new() };
    greeting.caps.rides = ChannelNames::new([channel]).unwrap_or_default();
    Packet::Lnk(greeting).emit()
}

fn body(rng: &mut Rng, source: NodeId) -> Body {
    let ids = (0..PEERS).map(|n| NodeId(u128::from(n))).filter(|id| *id != source);
    let links = ids.filter(|_| rng.percent(40)).collect::<Vec<_>>();
    let links = links.into_iter().map(|id| Listed {
        id,
        cost: Cost::from_micros(rng.below(200_000)),
        role: [ListedRole::Out, ListedRole::In, ListedRole::Both][rng.index(3)],
        attributes: LinkAttributes { bye: rng.percent(10), other: Others::NONE },
    });
    let links = Links::first(links);
    let attributes = Attributes { life: Some(180), free: Some(2), k: Some(2), ..Attributes::default() };
    Body::of(Update { attributes, links })
}

fn update(rng: &mut Rng) -> Packet {
    let source = id(rng);
    let mut upt = Upt::originate(key(rng), name(source), 5, &body(rng, source));
    if rng.percent(3) {
        upt.hash.0 ^= 1;
    }
    Packet::Upt(upt)
}

fn beat(rng: &mut Rng) -> Beat {
    let hears = [Hears::Datagrams, Hears::Link, Hears::Nothing][rng.index(3)];
    let padding = if rng.percent(20) { 1_000 } else { 0 };
    let (heard, held, full) = (rng.below(9), rng.below(1_000), rng.below(9));
    let read = rng.percent(80).then(|| rng.below(9_000));
    Beat { heard, held, hears, full, read, padding, ..Beat::first(token(rng), rng.below(9)) }
}

fn head(rng: &mut Rng) -> DataHead {
    let number = rng.below(4);
    let flows = [
        Flow::Data(number),
        Flow::Marked(number),
        Flow::Echo(number),
        Flow::Reply(number),
        Flow::Arrived(number),
        Flow::Unreachable(number),
        Flow::Expired(number),
        Flow::Busy(number),
        Flow::Crowded(number),
    ];
    let ttl = [0, 1, 2, 32, 255][rng.index(5)];
    let way = if rng.percent(70) { Way::Link } else { Way::Datagram };
    DataHead { ttl, way, flow: flows[rng.index(flows.len())], source: id(rng), destination: id(rng), len: 0 }
}

fn ping(rng: &mut Rng) -> Ping {
    let padding = if rng.percent(20) { 1_000 } else { 0 };
    Ping { padding, ..Ping::new(token(rng), id(rng)) }
}

fn pong(rng: &mut Rng) -> Pong {
    Pong { token: token(rng), id: id(rng) }
}

fn range(rng: &mut Rng) -> Option<Range> {
    rng.percent(50).then(|| id(rng)).and_then(|last| Range::new(NodeId(0), last))
}

fn packet(rng: &mut Rng, peer: NodeId) -> Packet {
    let digest = Digest(rng.u128());
    match rng.below(28) {
        0..9 => update(rng),
        9 => Packet::Sum(Sum { range: range(rng), count: 3, digest }),
        10 => Packet::Ask(Ask { range: range(rng), have: Have::ascending([(id(rng), key(rng))]) }),
        11..14 => Packet::Hb(beat(rng)),
        14 => Packet::Trd(Teardown { node: name(peer), reason: None }),
        15 => greeting(rng, peer),
        16 => Packet::Nack(Nack {
            word: Word::new("LNK").unwrap_or_else(|_| unreachable!("a word")),
            reason: [None, Some(Reason::Full), Some(Reason::Twin), Some(Reason::Network)][rng.index(4)]
                .clone(),
            nodes: [name(id(rng)).into()].into(),
        }),
        17 => Packet::Rmv(Removal::originate(key(rng), name(peer), id(rng), key(rng))),
        18 => Packet::Ping(ping(rng)),
        19 => Packet::Pong(pong(rng)),
        20 => Packet::Net(Nodes::first((0..rng.below(5)).map(|_| name(id(rng)).into()))),
        21 => Packet::Unknown(
            UnknownLine::new(Bytes::from_static(b"NEW")).unwrap_or_else(|_| unreachable!("a word")),
        ),
        22..24 => Packet::Crd(credit(rng)),
        24..26 => Packet::End(channel(rng)),
        _ => Packet::Reg(Registration {
            node: name(peer).into(),
            k: 2,
            network: Some(network()).filter(|_| rng.percent(90)),
            all: rng.percent(50),
            over: true,
            other: Others::NONE,
        }),
    }
}

/// Seldom a report that is malformed, since it has a payload.
fn payload(rng: &mut Rng) -> (DataHead, Vec<u8>) {
    let (head, len) = (head(rng), [0usize, 1, 900, 3_000][rng.index(4)]);
    let report = head.flow.is_report() && rng.percent(95);
    let way = if report { Way::Link } else { head.way };
    (DataHead { way, ..head }, vec![b'p'; if report { 0 } else { len }])
}

/// One connection's bytes: mostly a greeting first, then whatever a neighbour may say, seldom rubbish.
fn stream(rng: &mut Rng) -> Vec<u8> {
    let peer = id(rng);
    let mut bytes = Vec::new();
    if rng.percent(90) {
        bytes.extend_from_slice(&greeting(rng, peer).emit());
    }
    for _ in 0..rng.below(12) {
        match rng.below(30) {
            0 => bytes.extend_from_slice(b"UPT@nonsense\r\n"),
            1 => bytes.extend_from_slice(&vec![b'x'; 16_380 + rng.index(8)]),
            2..5 => {
                let (head, payload) = payload(rng);
                bytes.extend_from_slice(&emit_data(&head, &payload));
            }
            5..9 => {
                let mut frame = BytesMut::new();
                put_channel(channel(rng), &vec![b'r'; channel_octets(rng)], &mut frame);
                bytes.extend_from_slice(&frame);
            }
            _ => bytes.extend_from_slice(&packet(rng, peer).emit()),
        }
    }
    bytes
}

fn datagram(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    match rng.below(8) {
        0..3 => bytes.extend_from_slice(&Packet::Hb(beat(rng)).emit()),
        3 => bytes.extend_from_slice(&Packet::Ping(ping(rng)).emit()),
        4 => bytes.extend_from_slice(&Packet::Pong(pong(rng)).emit()),
        5..7 => {
            let (head, payload) = payload(rng);
            bytes.extend_from_slice(&emit_datagram(token(rng), &head, &payload));
        }
        _ => bytes.extend_from_slice(b"HB@0"),
    }
    bytes
}

fn channel_order(rng: &mut Rng) -> ChannelOrder {
    match rng.below(8) {
        0..3 => ChannelOrder::Say(vec![b'o'; channel_octets(rng)].into()),
        3..5 => ChannelOrder::Take(channel_octets(rng)),
        5 => ChannelOrder::Open,
        6 => ChannelOrder::Finish,
        _ => ChannelOrder::Abort,
    }
}

fn command(rng: &mut Rng) -> Command {
    let payload = Bytes::from(vec![b'c'; [0, 1, 65_536, 65_537][rng.index(4)]]);
    let way = if rng.percent(70) { Way::Link } else { Way::Datagram };
    match rng.below(24) {
        14.. => Command::Channel { peer: id(rng), channel: channel(rng), order: channel_order(rng) },
        0..6 => Command::Send { to: id(rng), payload, way },
        6..11 => Command::Echo { to: id(rng), payload, way },
        11 => Command::Bootstraps(vec![address(NodeId(90 + u128::from(rng.below(3))))]),
        12 => Command::Advertise(vec![address(NodeId(90 + u128::from(rng.below(3))))]),
        _ => Command::Leave,
    }
}

impl Lawful for Overlay {
    /// Every second one is a bootstrap, and two of four ride channels.
    fn specimen(seed: u64) -> Self {
        let config = specimen(seed);
        let config = if seed.is_multiple_of(2) { config } else { config.watching() };
        let rides = if seed % 4 < 2 { rides() } else { ChannelNames::default() };
        Overlay::riding(config, rides).unwrap_or_else(|error| unreachable!("{error}"))
    }

    fn stream(_: How, rng: &mut Rng) -> Vec<u8> {
        stream(rng)
    }

    fn datagram(_: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        Some(datagram(rng))
    }

    fn command(rng: &mut Rng) -> Option<Command> {
        Some(command(rng))
    }
}

#[cfg(test)]
mod configured;
#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::format;
    use alloc::string::String;

    use super::*;
    use crate::kernel::{Checked, Seed, Streams};
    use crate::sim::laws::laws;

    /// How often each word was said first in a line of what `what` makes, in 4,000 times.
    fn words(what: fn(&mut Rng) -> Vec<u8>) -> BTreeMap<String, usize> {
        let mut rng = Streams::new(Seed::from_u64(1)).named("words");
        let mut words = BTreeMap::new();
        for _ in 0..4_000 {
            for line in what(&mut rng).split(|octet| *octet == b'\n').filter(|line| line.len() >= 4) {
                let word = line[..4].split(|octet| !octet.is_ascii_uppercase()).next().unwrap_or_default();
                *words.entry(String::from_utf8_lossy(word).into_owned()).or_insert(0) += 1;
            }
        }
        words
    }

    #[test]
    fn an_overlay_node_keeps_the_laws() {
        laws::<Overlay>(2_000);
    }

    #[test]
    fn the_laws_scripts_are_a_right_driver() {
        laws::<Checked<Overlay>>(300);
    }

    #[test]
    fn the_laws_are_asked_of_every_word() {
        let said = words(stream);
        for word in [
            "ASK", "CHN", "CRD", "DAT", "END", "HB", "LNK", "NACK", "NET", "NEW", "PING", "PONG", "REG",
            "RMV", "SUM", "TRD", "UPT",
        ] {
            assert!(said.get(word).is_some_and(|n| *n > 300), "{word}: {said:?}");
        }
        let said = words(datagram);
        for word in ["DAT", "HB", "PING", "PONG"] {
            assert!(said.get(word).is_some_and(|n| *n > 300), "{word}: {said:?}");
        }
    }

    #[test]
    fn the_laws_are_asked_of_every_command() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("commands");
        let mut said = BTreeMap::new();
        for _ in 0..1_000 {
            let text = format!("{:?}", Overlay::command(&mut rng).expect("a command"));
            let word = text.split([' ', '(']).next().unwrap_or_default();
            *said.entry(String::from(word)).or_insert(0) += 1;
        }
        for word in ["Advertise", "Bootstraps", "Channel", "Echo", "Leave", "Send"] {
            assert!(said.get(word).is_some_and(|n| *n > 20), "{word}: {said:?}");
        }
    }
}
