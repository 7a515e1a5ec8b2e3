//! What a liar makes up.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::lie::Lie;
use super::neighbor::Victim;
use super::network;
use crate::kernel::Rng;
use crate::overlay::database::{Entry, MAX_LIFE};
use crate::overlay::machine::Overlay;
use crate::overlay::names::{Cost, Key, NodeId, Token};
use crate::overlay::wire::{
    Attributes, Body, Capabilities, Digest, Greeting, LinkAttributes, Links, Listed, ListedRole, NodeName,
    Others, Packet, Registration, Removal, Role, Sum, Update, Upt, VERSION,
};
use crate::sim;

/// Nodes that it makes up at once.
const MADE_UP: usize = 200;
/// Nobody is ever at the addresses from here on.
const NOWHERE: u32 = 0x0afc_0000;
/// How long a record lives on that is passed on as about to expire.
const LEFT: Duration = Duration::from_millis(100);
/// What a node says of its own measurements that tells nothing of them.
const USUAL: Cost = Cost::from_micros(20_000);

/// Makes things up.
pub(super) struct Forger {
    rng: Rng,
    claims: u32,
}

impl Forger {
    pub(super) const fn new(rng: Rng) -> Self {
        Forger { rng, claims: 0 }
    }

    /// The lies that are said on every link.
    pub(super) fn frames(&mut self, lie: Lie, victim: Victim, overlay: &Overlay) -> Vec<Bytes> {
        match lie {
            Lie::Accusation => self.accusations(victim, overlay),
            Lie::CheapLinks | Lie::DearLinks => own(lie, overlay, &[]).into_iter().collect(),
            Lie::MadeUpNodes => self.made_up(None),
            Lie::MadeUpNeighbors => self.made_up_neighbors(victim, overlay),
            _ => forged(lie, victim, overlay).into_iter().collect(),
        }
    }

    /// A greeting on a connection of the liar's own.
    pub(super) fn greeting(&mut self, lie: Lie, victim: Victim, overlay: &Overlay) -> Option<Bytes> {
        let start = overlay.database().get(victim.id)?.key().incarnation;
        let stale = lie == Lie::StaleImpersonation;
        let start = if stale { start.saturating_sub(1) } else { start.saturating_add(1) };
        let role = if lie == Lie::UnfitImpersonation { Role::Chosen } else { Role::Chooser };
        let greeting = Greeting {
            version: VERSION,
            network: network(),
            node: victim.name(),
            role,
            token: Token(self.rng.u64()),
            caps: Capabilities { start: Some(start), ..Capabilities::default() },
        };
        Some(Packet::Lnk(greeting).emit())
    }

    /// A registration of somebody whom nobody ever reaches.
    pub(super) fn registration(&mut self) -> Bytes {
        let node = NodeName { addr: self.nowhere(), id: Some(NodeId(self.rng.u128())) };
        let (network, other) = (Some(network()), Others::default());
        Packet::Reg(Registration { node: node.into(), k: 2, network, all: false, over: false, other }).emit()
    }

    /// By everybody that the liar knows of.
    fn accusations(&mut self, victim: Victim, overlay: &Overlay) -> Vec<Bytes> {
        let Some(accused) = overlay.database().get(victim.id) else { return Vec::new() };
        self.claims += 1;
        let key = Key { incarnation: u32::MAX, sequence: self.claims };
        let reporters = overlay.database().entries().filter(|entry| entry.id() != victim.id);
        let claim =
            |reporter: NodeName| Packet::Rmv(Removal::originate(key, reporter, victim.id, accused.key()));
        reporters.map(|entry| claim(*entry.name()).emit()).collect()
    }

    /// A ring of nodes that nobody is, all at one address or each at one where nobody is.
    fn made_up(&mut self, at: Option<SocketAddr>) -> Vec<Bytes> {
        let ids: Vec<NodeId> = (0..MADE_UP).map(|_| NodeId(self.rng.u128())).collect();
        let mut frames = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            let around = [ids[(place + 1) % MADE_UP], ids[(place + MADE_UP - 1) % MADE_UP]];
            let addr = at.unwrap_or_else(|| self.nowhere());
            frames.push(record(
                Key { incarnation: 1, sequence: 1 },
                NodeName { addr, id: Some(*id) },
                &around,
            ));
        }
        frames
    }

    fn nowhere(&mut self) -> SocketAddr {
        let host = NOWHERE + u32::try_from(self.rng.below(1 << 16)).unwrap_or(0);
        SocketAddr::from((Ipv4Addr::from(host), sim::BASE_PORT))
    }

    /// Nodes that link to the liar and that the liar links to.
    fn made_up_neighbors(&mut self, victim: Victim, overlay: &Overlay) -> Vec<Bytes> {
        let Some(me) = overlay.id() else { return Vec::new() };
        let ids: Vec<NodeId> = (0..MADE_UP).map(|_| NodeId(self.rng.u128())).collect();
        let key = Key { incarnation: 1, sequence: 1 };
        let made_up = |id: &NodeId| record(key, NodeName { addr: victim.at, id: Some(*id) }, &[me]);
        let mut frames: Vec<Bytes> = ids.iter().map(made_up).collect();
        frames.extend(own(Lie::CheapLinks, overlay, &ids));
        frames
    }
}

impl Victim {
    fn name(&self) -> NodeName {
        NodeName { addr: self.at, id: Some(self.id) }
    }
}

/// An age at which a record of this life is about to expire.
pub(super) fn last_age(life: Duration) -> u32 {
    u32::try_from(life.saturating_sub(LEFT).as_millis()).unwrap_or(u32::MAX)
}

/// A summary of nothing.
pub(super) fn empty_sum() -> Bytes {
    Packet::Sum(Sum { range: None, count: 0, digest: Digest(0) }).emit()
}

/// A record under the victim's id.
fn forged(lie: Lie, victim: Victim, overlay: &Overlay) -> Option<Bytes> {
    let Key { incarnation, sequence } = overlay.database().get(victim.id)?.key();
    let key = match lie {
        Lie::SameKey => Key { incarnation, sequence },
        Lie::LastSequence => Key { incarnation, sequence: u32::MAX - 1 },
        Lie::NextIncarnation => Key { incarnation: incarnation.saturating_add(1), sequence: 1 },
        Lie::GreatestKey => Key { incarnation: u32::MAX, sequence: u32::MAX },
        _ => Key { incarnation, sequence: sequence.saturating_add(1) },
    };
    let attributes = Attributes { life: Some(MAX_LIFE), left: lie == Lie::Farewell, ..Attributes::default() };
    Some(said(key, victim.name(), attributes, Links::default()))
}

/// A record of the liar's own that lists everybody that it knows, and some more.
fn own(lie: Lie, overlay: &Overlay, more: &[NodeId]) -> Option<Bytes> {
    let me = overlay.database().get(overlay.id()?)?;
    let cost = if lie == Lie::DearLinks { Cost::MAX } else { Cost::MIN };
    let known = overlay.database().entries().map(Entry::id).filter(|id| *id != me.id());
    let links = Links::first(known.chain(more.iter().copied()).map(|id| listed(id, cost)));
    let key = Key { sequence: me.key().sequence.saturating_add(1), ..me.key() };
    let attributes = Attributes { life: Some(MAX_LIFE), free: Some(8), ..Attributes::default() };
    Some(said(key, *me.name(), attributes, links))
}

fn record(key: Key, name: NodeName, links: &[NodeId]) -> Bytes {
    let links = Links::first(links.iter().map(|id| listed(*id, USUAL)));
    let attributes = Attributes { life: Some(MAX_LIFE), free: Some(8), ..Attributes::default() };
    said(key, name, attributes, links)
}

fn said(key: Key, name: NodeName, attributes: Attributes, links: Links) -> Bytes {
    Packet::Upt(Upt::originate(key, name, 0, &Body::of(Update { attributes, links }))).emit()
}

fn listed(id: NodeId, cost: Cost) -> Listed {
    Listed { id, cost, role: ListedRole::Both, attributes: LinkAttributes::default() }
}
