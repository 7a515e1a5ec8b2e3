//! Where nodes are when that is not where their names say: behind a translator, or moved elsewhere, which leaves the
//! translator behind until they come home.

use alloc::collections::BTreeMap;
use core::net::SocketAddr;

use super::net::{self, At};
use crate::kernel::Port;

/// What becomes of the datagram sockets of a node whose address changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sockets {
    /// They are bound to the address that is gone: nothing leaves any more.
    Bound,
    /// They are bound to no address in particular: datagrams leave from the new one.
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Abode {
    /// How often the translator has begun anew.
    translated: Option<u16>,
    moved: Option<Sockets>,
}

/// Who is not, or not only, where its name says.
#[derive(Default)]
pub(super) struct Abodes(BTreeMap<usize, Abode>);

impl Abodes {
    fn of(&self, node: usize) -> Abode {
        if self.0.is_empty() { Abode::default() } else { self.0.get(&node).copied().unwrap_or_default() }
    }

    fn change(&mut self, node: usize, change: impl FnOnce(&mut Abode)) {
        let abode = self.0.entry(node).or_default();
        change(abode);
        if *abode == Abode::default() {
            self.0.remove(&node);
        }
    }

    pub(super) fn translate(&mut self, node: usize) {
        self.change(node, |abode| {
            abode.translated = Some(abode.translated.map_or(0, |turn| (turn + 1) % net::TURNS));
        });
    }

    pub(super) fn translate_no_more(&mut self, node: usize) {
        self.change(node, |abode| abode.translated = None);
    }

    pub(super) fn set_moved(&mut self, node: usize, moved: Option<Sockets>) {
        self.change(node, |abode| abode.moved = moved);
    }

    pub(super) fn is_translated(&self, node: usize) -> bool {
        matches!(self.of(node), Abode { translated: Some(_), moved: None })
    }

    pub(super) fn is_moved(&self, node: usize) -> bool {
        self.of(node).moved.is_some()
    }

    /// From where datagrams of a node's port come; `None` where nothing leaves.
    pub(super) fn source(&self, node: usize, port: Port) -> Option<SocketAddr> {
        match self.of(node) {
            Abode { moved: Some(Sockets::Bound), .. } => None,
            Abode { moved: Some(Sockets::Any), .. } => Some(net::elsewhere(node, port.0 + net::BASE_PORT)),
            Abode { translated: Some(turn), moved: None } => {
                (port.0 < net::SHOWN).then(|| net::translated(node, port, turn))
            }
            Abode { translated: None, moved: None } => Some(net::address_of(node, port)),
        }
    }

    /// From where a connection comes that a node dials.
    pub(super) fn dials_from(&self, node: usize, number: u16) -> SocketAddr {
        match self.of(node) {
            Abode { translated: None, moved: None } => SocketAddr::new(net::ip(node), number),
            Abode { .. } => net::elsewhere(node, number),
        }
    }

    /// Whether what is sent to an address of a node reaches it.
    pub(super) fn is_there(&self, node: usize, at: At) -> bool {
        let abode = self.of(node);
        match at {
            At::Home => abode.moved.is_none(),
            At::Translated(turn) => abode.translated == Some(turn) && abode.moved.is_none(),
            At::Elsewhere => abode.moved.is_some(),
        }
    }
}
