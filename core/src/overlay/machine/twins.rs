//! Twins: other nodes that live under this node's id. A claim that there is one is looked into, a twin asked again whether
//! it is still there.

use core::net::SocketAddr;

use super::streams::Dial;
use super::{Overlay, UDP};
use crate::kernel::{Class, Time};
use crate::overlay::config::AddressFault;
use crate::overlay::event::Event;
use crate::overlay::names::{NodeId, Token};
use crate::overlay::wire::{self, Contact, Nack, NodeName, Ping, Pong, Reason, Role};

/// A twin of which nothing was heard for so many healing periods is one no more.
const FORGOTTEN: u32 = 12;

/// Another node under this node's id.
#[derive(Clone, Copy, Debug)]
struct Twin {
    address: SocketAddr,
    /// When it last said so.
    said: Time,
}

/// The twin that was heard of last, and when a claim was last looked into.
#[derive(Clone, Debug, Default)]
pub(super) struct Twins {
    known: Option<Twin>,
    challenged: Option<Time>,
    /// The probe with which it is, and where that went.
    asked: Option<(Token, SocketAddr)>,
}

impl Twins {
    /// Where the twin lives, if there is one.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.known.map(|twin| twin.address)
    }

    /// Where a claim was looked into, if this is the answer.
    pub(super) fn answered(&mut self, pong: &Pong) -> Option<SocketAddr> {
        self.asked.take_if(|(token, _)| *token == pong.token).map(|(_, address)| address)
    }
}

impl Overlay {
    /// One who lives at `address` says that it has this node's id.
    pub(super) fn twin_found(&mut self, address: SocketAddr) {
        let news = self.twins.address() != Some(address);
        self.twins.known = Some(Twin { address, said: self.timers.now() });
        if news {
            self.emit(Event::Impostor { address });
        }
    }

    /// A bootstrap may name this node's own id at another address.
    pub(super) fn challenge_twins(&mut self, names: &[Contact]) {
        let me = self.me().map(|me| me.id);
        let named = names.iter().map(|contact| contact.name);
        if let Some(twin) = named.filter(|name| name.id == me).find(|name| !self.is_mine(name.addr)) {
            self.challenge(twin.addr);
        }
    }

    /// Something that anybody may have said, or this node in an earlier life, has its id at another address: whoever lives
    /// there is asked, once in each healing period.
    pub(super) fn challenge(&mut self, address: SocketAddr) {
        let lately =
            self.twins.challenged.is_some_and(|at| self.timers.now().since(at) < self.config.periods.heal);
        if !lately && !self.is_mine(address) {
            self.twins.challenged = Some(self.timers.now());
            self.look_for_twin(address);
        }
    }

    /// Nobody is dialled for what anybody may have said, unless no datagram gets through.
    fn look_for_twin(&mut self, address: SocketAddr) {
        let Some(id) = self.id().filter(|_| self.probes.hears()) else { return self.greet_twin(address) };
        let token = self.token();
        self.twins.asked = Some((token, address));
        self.out.datagram(UDP, address, wire::emit_ping(&Ping::new(token, id)), Class::Urgent);
    }

    /// Somebody lives where a claim has this node's id, and says as whom.
    pub(super) fn challenge_answered(&mut self, address: SocketAddr, id: NodeId) {
        if Some(id) == self.id() {
            self.greet_twin(address);
        }
    }

    /// Greets whoever lives at `address` under this node's own id: if it has the same, it says so.
    fn greet_twin(&mut self, address: SocketAddr) {
        if let Some(me) = self.me().filter(|_| self.is_running() && AddressFault::of(address).is_none()) {
            let to = NodeName { addr: address, id: Some(me.id) };
            self.dial(Dial::Link { to, role: Role::Watcher }, address);
        }
    }

    /// Another says NACK to what this node said at `address` to find out who lives there.
    pub(super) fn challenge_refused(&mut self, address: SocketAddr, nack: &Nack) {
        if nack.reason == Some(Reason::Twin) {
            self.twin_found(address);
        }
    }

    /// A healing period is over: a twin is asked again, and forgotten once it has not said for long that it is there.
    pub(super) fn doubt_twin(&mut self) {
        let Some(twin) = self.twins.known else { return };
        if self.timers.now().since(twin.said) >= self.config.periods.heal * FORGOTTEN {
            self.twins.known = None;
        } else {
            self.greet_twin(twin.address);
        }
    }
}
