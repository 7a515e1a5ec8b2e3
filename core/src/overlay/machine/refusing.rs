//! Refusals: those that this node says, those that it is told, and whose fault each is.

use core::net::SocketAddr;

use super::Overlay;
use super::answers::fitting;
use super::calling::Purpose;
use super::streams::{no_fault, peer_fault};
use crate::kernel::{Class, CloseHow, ConnId, Fault, Why};
use crate::overlay::event::Event;
use crate::overlay::wire::{
    Alternatives, Greeting, Nack, NodeName, Packet, Reason, Registration, VERSION, Word,
};
const fn own_fault(what: &'static str) -> Why {
    Why { fault: Fault::Own, what }
}

/// Why a connection ends on which the peer said NACK.
pub(super) fn refused_for(reason: Option<&Reason>) -> Why {
    match reason {
        Some(Reason::Network) => own_fault("refused: the peer is of another network"),
        Some(Reason::Version) => own_fault("refused: the peer speaks another version"),
        Some(Reason::Myself) => own_fault("refused: this node has dialled itself"),
        Some(Reason::Twin) => own_fault("refused: the peer has this node's id"),
        Some(Reason::Nameless | Reason::Role | Reason::Unexpected) => {
            own_fault("refused: the peer takes it for a broken rule")
        }
        Some(Reason::Busy) => own_fault("refused: the peer was asked too much"),
        Some(Reason::Duplicate) => no_fault("refused: a link is open already"),
        Some(Reason::Full | Reason::Watchers) => no_fault("refused: the peer is full"),
        Some(Reason::Narrow) => no_fault("refused: no full-size packets get through"),
        Some(Reason::Leaving) => no_fault("refused: the peer leaves"),
        _ => no_fault("refused by the peer"),
    }
}

/// Whether who says this may be another than was dialled: this node itself, another neighbour, somebody who has this
/// node's id or belongs to another overlay.
const fn may_be_anothers(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::Myself
            | Reason::Duplicate
            | Reason::Twin
            | Reason::Network
            | Reason::Version
            | Reason::Bootstrap
    )
}

impl Overlay {
    /// NACK, and the connection's end.
    pub(super) fn refuse(&mut self, conn: ConnId, word: &str, reason: Reason, nodes: Alternatives) {
        self.nack(conn, word, reason, nodes);
        self.hang_up(conn, CloseHow::Flush, no_fault("refused"));
    }

    /// NACK, with as many names as there is room for. What is no word cannot be refused by name, and is not.
    pub(super) fn nack(&mut self, conn: ConnId, word: &str, reason: Reason, nodes: Alternatives) {
        if let Ok(word) = Word::new(word) {
            let room = self.room_to_answer(conn);
            let nodes = Alternatives::first(fitting(&nodes, room).iter().cloned());
            let nack = Packet::Nack(Nack { word, reason: Some(reason), nodes });
            self.answer_packet(conn, Class::Urgent, &nack);
        }
    }

    /// Whether others dial this node at `address`.
    pub(super) fn is_mine(&self, address: SocketAddr) -> bool {
        address == self.config.address || self.config.more_addresses.contains(&address)
    }

    /// One who says that it has this node's id: this node itself, or another.
    pub(super) fn has_my_id(&mut self, name: NodeName) -> Option<Reason> {
        if self.me().map(|me| me.id) != name.id {
            return None;
        }
        if self.is_mine(name.addr) {
            return Some(Reason::Myself);
        }
        self.twin_found(name.addr);
        Some(Reason::Twin)
    }

    /// Why a newcomer is told nothing.
    pub(super) fn inadmissible(&mut self, registration: &Registration) -> Option<Reason> {
        if registration.network.as_ref() != Some(&self.config.network) {
            return Some(Reason::Network);
        }
        self.has_my_id(registration.node.name)
    }

    /// Whoever lives where `to` was dialled refuses. Another's refusal is not that of `to`, which may live at its next
    /// address.
    pub(super) fn refused_at(&mut self, to: NodeName, reason: Option<&Reason>) {
        if reason.is_some_and(may_be_anothers) {
            self.call_on(to.id, Purpose::Link);
        } else {
            self.suit_refused(to);
        }
    }

    /// A peer says NACK to what this node said at `address`. What happens every day is no news.
    pub(super) fn told_refusal(&mut self, address: SocketAddr, nack: &Nack) {
        let Some(reason) = nack.reason.clone() else { return };
        if reason == Reason::Twin {
            self.twin_found(address);
        }
        if !matches!(reason, Reason::Crossing | Reason::Duplicate | Reason::Full) {
            self.emit(Event::Refused { address, word: nack.word.clone(), reason });
        }
    }

    /// What is wrong with the answer to a greeting for `to`, if anything.
    pub(super) fn unfit_answer(&self, to: NodeName, greeting: &Greeting) -> Option<Why> {
        let id = greeting.node.id;
        if greeting.version != VERSION {
            Some(peer_fault("it answers a greeting in another version"))
        } else if greeting.network != self.config.network {
            Some(peer_fault("it answers a greeting from another network"))
        } else if id == self.me().map(|me| me.id) {
            Some(own_fault("this node has dialled itself, or one with its id"))
        } else if to.id != id {
            Some(no_fault("another node has this address now"))
        } else if id.is_some_and(|id| self.links.contains_key(&id)) {
            Some(no_fault("a link to this peer is open already"))
        } else {
            None
        }
    }
}
