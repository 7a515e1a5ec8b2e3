//! Addresses that nodes give before the one at which they are reached.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};

use super::Scenario;
use crate::kernel::{Port, Rng};
use crate::sim;

/// Nobody is ever at the addresses from here on.
const NOWHERE: u32 = 0x0af0_0000;
/// A port on which no node listens.
const CLOSED: u16 = 50;
/// The most stale addresses of a node.
const MOST: u64 = 3;

/// An address that leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stale {
    /// Nobody answers there.
    Silent,
    /// The node's host refuses connections there.
    Refused,
}

impl Scenario {
    /// The addresses that a node gives: those that are stale, and last the one at which it is reached.
    pub(super) fn addresses(&self, node: usize) -> Vec<SocketAddr> {
        let stale = (0..).zip(&self.plan.stale).filter(|(_, (of, _))| *of == node);
        let stale = stale.map(|(at, (_, stale))| match stale {
            Stale::Silent => SocketAddr::from((Ipv4Addr::from(NOWHERE + at), sim::BASE_PORT)),
            Stale::Refused => sim::address_of(node, Port(CLOSED + u16::try_from(at).unwrap_or(0))),
        });
        stale.chain([sim::address(node)]).collect()
    }
}

/// Half of the nodes have some.
pub(super) fn draw(nodes: usize, rng: &mut Rng) -> Vec<(usize, Stale)> {
    let mut stale = Vec::new();
    for node in 0..nodes {
        let count = if rng.percent(50) { rng.below(MOST) + 1 } else { 0 };
        for _ in 0..count {
            stale.push((node, if rng.percent(50) { Stale::Silent } else { Stale::Refused }));
        }
    }
    stale
}
