//! What is known of a connection's other end, and what is due about it.

use alloc::collections::{BTreeSet, VecDeque};
use core::net::{SocketAddr, SocketAddrV4};

use super::cache::Serial;
use super::config::Config;
use super::interface::{Kind, ModuleInfo, PeerInfo};
use super::parting::{Refused, Settling};
use super::slot::Slot;
use super::wire::{MessageHash, Offer};
use crate::kernel::{Awaits, Bucket, Conn, ConnId, Conns, Deadline, Time};

/// What there is to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// A verdict is missing.
    Verdict(u16),
    /// A peer has not said what it is.
    Greeting(ConnId),
    /// What was asked of a peer is missing.
    Fetch(ConnId),
    /// A peer is told where others listen.
    Answer(ConnId),
    /// A pong is missing.
    Pong(ConnId),
    /// Nothing was heard of a peer for a while.
    Ping(ConnId),
    /// A peer that said too much that is invalid is read from again.
    Forgive(ConnId),
    /// The end of a connection too many does no harm any more, or it was waited for long enough.
    Refuse(ConnId),
    /// It is time for another link.
    Explore,
    /// Who was held up looks again.
    Room,
    /// The end of no connection does harm any more, or it was waited for long enough.
    Leave,
}

impl Deadline for Due {
    fn awaits(&self) -> Awaits {
        match self {
            Due::Verdict(_) | Due::Greeting(_) | Due::Fetch(_) | Due::Pong(_) => Awaits::Others,
            Due::Answer(_)
            | Due::Ping(_)
            | Due::Forgive(_)
            | Due::Refuse(_)
            | Due::Explore
            | Due::Room
            | Due::Leave => Awaits::Nobody,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::Verdict(_) => "verdict missing",
            Due::Greeting(_) => "greeting missing",
            Due::Fetch(_) => "message missing",
            Due::Answer(_) => "answer",
            Due::Pong(_) => "pong missing",
            Due::Ping(_) => "ping",
            Due::Forgive(_) => "forgive",
            Due::Refuse(_) => "refuse",
            Due::Explore => "explore",
            Due::Room => "room",
            Due::Leave => "leave",
        }
    }
}

/// An open connection's other end.
#[derive(Debug)]
pub(super) enum Side {
    Module(Module),
    Peer(Peer),
    /// A peer that is not heard: its connection is closed as soon as that does it no harm.
    Refused(Refused),
}

/// A module of this host.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) types: BTreeSet<u16>,
    /// The last message that it was told of, or that it does not want to hear of.
    pub(super) cursor: Serial,
    /// Up to here it is told even of what it announced itself.
    pub(super) replayed: Serial,
    pub(super) announced: u64,
    pub(super) told: u64,
    pub(super) is_held: bool,
}

/// Why a peer is not read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hold {
    /// Too many of its messages wait for a verdict.
    Verdicts = 1,
    /// Too many of its messages were invalid.
    Invalid = 2,
    /// It offers more than can be asked for.
    Offers = 4,
}

/// A node at the other end.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) slot: Slot,
    pub(super) kind: Kind,
    /// Where it does, as it said, or where it was dialled.
    pub(super) listens: Option<SocketAddr>,
    /// What it drew at start, once it has said so.
    pub(super) nonce: Option<u64>,
    pub(super) since: Time,
    /// When the end of its connection does it no harm.
    pub(super) settling: Settling,
    /// When something was last heard of it.
    pub(super) heard: Time,
    /// Whether it was asked since whether it is still there.
    pub(super) is_probed: bool,
    /// Whether it is told of messages.
    pub(super) is_served: bool,
    /// The last message, in the order in which they were found valid, that it was told of or has.
    pub(super) cursor: Serial,
    /// When it last took something.
    pub(super) moved: Time,
    /// What it asked for.
    pub(super) wants: VecDeque<MessageHash>,
    /// What it offered and was not asked for.
    pub(super) offers: VecDeque<Offer>,
    /// How many times it is to be told where others listen.
    pub(super) owed: u8,
    /// How many messages it was asked for.
    pub(super) asked: usize,
    pub(super) holds: u8,
    pub(super) invalid: Bucket,
    pub(super) updates: Bucket,
    pub(super) first: u64,
    pub(super) again: u64,
    pub(super) sent: u64,
    pub(super) missed: u64,
    pub(super) invalid_told: u64,
}

impl Peer {
    /// One of which nothing is known yet.
    pub(super) fn new(slot: Slot, listens: Option<SocketAddr>, config: &Config, now: Time) -> Self {
        Peer {
            slot,
            kind: Kind::Unknown,
            listens,
            nonce: None,
            since: now,
            settling: Settling::opened(now),
            heard: now,
            is_probed: false,
            is_served: false,
            cursor: 0,
            moved: now,
            wants: VecDeque::new(),
            offers: VecDeque::new(),
            owed: 0,
            asked: 0,
            holds: 0,
            invalid: Bucket::full(config.invalid, now),
            updates: Bucket::full(config.updates, now),
            first: 0,
            again: 0,
            sent: 0,
            missed: 0,
            invalid_told: 0,
        }
    }

    /// Where it listens, if there is a frame with room for that.
    pub(super) fn listens_v4(&self) -> Option<SocketAddrV4> {
        match self.listens? {
            SocketAddr::V4(addr) => Some(addr),
            SocketAddr::V6(_) => None,
        }
    }

    pub(super) fn is_native(&self) -> bool {
        self.kind == Kind::Native
    }
}

/// The peers, in the order in which their connections opened.
pub(super) fn peers(conns: &Conns<Side>) -> impl Iterator<Item = (ConnId, &Peer)> + Clone {
    conns.iter().filter_map(|(conn, open)| match &open.state {
        Side::Peer(peer) => Some((conn, peer)),
        _ => None,
    })
}

/// Where they listen.
pub(super) fn listening(conns: &Conns<Side>) -> impl Iterator<Item = &SocketAddr> + Clone {
    peers(conns).filter_map(|(_, peer)| peer.listens.as_ref())
}

/// Those that are nodes of this project.
pub(super) fn natives(conns: &Conns<Side>) -> impl Iterator<Item = ConnId> {
    peers(conns).filter(|(_, peer)| peer.is_native()).map(|(conn, _)| conn)
}

/// Those that an early end of the connection may harm.
pub(super) fn fragile(conns: &Conns<Side>) -> impl Iterator<Item = (ConnId, &Peer)> {
    peers(conns).filter(|(_, peer)| !peer.is_native())
}

/// The modules, likewise.
pub(super) fn modules(conns: &Conns<Side>) -> impl Iterator<Item = (ConnId, &Module)> {
    conns.iter().filter_map(|(conn, open)| match &open.state {
        Side::Module(module) => Some((conn, module)),
        _ => None,
    })
}

pub(super) fn peer_mut(conns: &mut Conns<Side>, conn: ConnId) -> Option<&mut Peer> {
    match &mut conns.get_mut(conn)?.state {
        Side::Peer(peer) => Some(peer),
        _ => None,
    }
}

pub(super) fn module_mut(conns: &mut Conns<Side>, conn: ConnId) -> Option<&mut Module> {
    match &mut conns.get_mut(conn)?.state {
        Side::Module(module) => Some(module),
        _ => None,
    }
}

impl PeerInfo {
    pub(super) fn of(conn: ConnId, open: &Conn<Side, SocketAddr>, head: Serial) -> Option<Self> {
        let Side::Peer(peer) = &open.state else { return None };
        Some(PeerInfo {
            conn,
            remote: open.remote(),
            listens: peer.listens_v4(),
            kind: peer.kind,
            dialed: open.origin().dialed().is_some(),
            since: peer.since,
            first: peer.first,
            again: peer.again,
            sent: peer.sent,
            missed: peer.missed,
            invalid: peer.invalid_told,
            behind: head.saturating_sub(peer.cursor),
            held: peer.holds != 0,
        })
    }
}

impl ModuleInfo {
    pub(super) fn of(conn: ConnId, open: &Conn<Side, SocketAddr>) -> Option<Self> {
        let Side::Module(module) = &open.state else { return None };
        Some(ModuleInfo {
            conn,
            remote: open.remote(),
            types: module.types.len(),
            announced: module.announced,
            told: module.told,
            held: module.is_held,
        })
    }
}
