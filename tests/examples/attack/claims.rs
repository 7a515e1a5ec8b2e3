//! What an attacker claims.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use egoist_core::overlay::wire::{
    Ask, Attributes, Body, Capabilities, Greeting, Have, LinkAttributes, Links, Listed, ListedRole, Network,
    NodeName, Others, Packet, Ping, Registration, Role, Segment, Update, Upt,
};
use egoist_core::overlay::{Cost, Key, NodeId, Token};

/// The attacker's id.
pub(crate) const EVIL: u128 = 666;

/// Where the node of an id says it is: on loopback, so that whoever probes it stays on this machine.
pub(crate) fn address(id: u128) -> SocketAddr {
    let host = u32::try_from(id % (1 << 16)).expect("16 bits");
    SocketAddr::new(Ipv4Addr::from(0x7f01_0000 | host).into(), 7_000)
}

fn name(id: u128) -> NodeName {
    NodeName { addr: address(id), id: Some(NodeId(id)) }
}

/// A record as its source makes it.
pub(crate) fn upt(id: u128, sequence: u32, links: &[u128]) -> Packet {
    let listed = |id: &u128| Listed {
        id: NodeId(*id),
        cost: Cost::from_micros(10_000),
        role: ListedRole::Both,
        attributes: LinkAttributes::default(),
    };
    let attributes = Attributes { life: Some(3_600), free: Some(8), ..Attributes::default() };
    let body = Body::of(Update { attributes, links: Links::first(links.iter().map(listed)) });
    Packet::Upt(Upt::originate(Key { incarnation: 1, sequence }, name(id), 0, &body))
}

/// What somebody says who wants to be a neighbour.
pub(crate) fn greeting(network: &str, id: u128) -> Bytes {
    let network = Network::new(network).expect("a valid name");
    let caps = Capabilities { start: Some(1), ..Capabilities::default() };
    let token = Token(u64::try_from(id).expect("64 bits"));
    Packet::Lnk(Greeting { version: 1, network, node: name(id), role: Role::Chooser, token, caps }).emit()
}

/// What somebody says who wants to be known.
pub(crate) fn registration(network: &str, id: u128) -> Bytes {
    let network = Network::new(network).ok();
    Packet::Reg(Registration {
        node: name(id).into(),
        k: 3,
        network,
        all: true,
        over: true,
        other: Others::NONE,
    })
    .emit()
}

/// What the attacker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attack {
    Nothing,
    /// It keeps a processor busy and says nothing: what others lose by that alone.
    Work,
    /// Each record of another source.
    Ids,
    /// Each record of another source, and as long as records may be.
    LongRecords,
    /// Each record of one source, with another hash.
    Hashes,
    /// Each link with another id, from one host.
    Links,
    /// Connections that say nothing.
    HalfOpen,
    Asks,
    Pings,
    Registrations,
    /// Packets in pieces of which one never comes.
    Pieces,
}

impl Attack {
    pub(crate) const ALL: [Attack; 11] = [
        Attack::Nothing,
        Attack::Work,
        Attack::Ids,
        Attack::LongRecords,
        Attack::Hashes,
        Attack::Links,
        Attack::HalfOpen,
        Attack::Asks,
        Attack::Pings,
        Attack::Registrations,
        Attack::Pieces,
    ];

    /// The `n`-th thing that it says on a link.
    pub(crate) fn says(self, n: u128) -> Option<Bytes> {
        let sequence = u32::try_from(n + 1).expect("32 bits");
        Some(match self {
            Attack::Ids => upt(1_000 + n, 1, &[EVIL, 1]).emit(),
            Attack::LongRecords => {
                let links: Vec<u128> = (0..150).map(|l| (n << 64) + l).collect();
                upt(1_000 + n, 1, &links).emit()
            }
            Attack::Hashes => upt(EVIL, sequence, &[n, 1]).emit(),
            Attack::Asks => Packet::Ask(Ask { range: None, have: Have::default() }).emit(),
            Attack::Pings => Packet::Ping(Ping::new(Token(sequence.into()), NodeId(1))).emit(),
            Attack::Pieces => {
                let chunk = Bytes::from(vec![b'x'; 8_000]);
                Packet::Seg(Segment::new(sequence, 1, 2, chunk).expect("a piece")).emit()
            }
            _ => return None,
        })
    }
}
