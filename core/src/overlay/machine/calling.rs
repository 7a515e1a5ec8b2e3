//! Dialling a peer: one of its addresses after another, each a moment after the last, until one is connected.

use alloc::collections::BTreeMap;
use core::net::SocketAddr;

use super::streams::Dial;
use super::{Overlay, Timer};
use crate::kernel::Ticket;
use crate::overlay::addresses::{Attempt, STAGGER};
use crate::overlay::names::NodeId;
use crate::overlay::wire::NodeName;

/// What a peer is dialled for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Purpose {
    /// To be a neighbour.
    Link,
    /// To measure the way.
    Probe,
}

/// Whom this node dials, and at which addresses. That of a link is kept until it stands or the suit is over: who answers
/// there may be somebody else.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(BTreeMap<(NodeId, Purpose), Attempt<Ticket>>);

impl Calls {
    fn of(&mut self, id: Option<NodeId>, purpose: Purpose) -> Option<&mut Attempt<Ticket>> {
        self.0.get_mut(&(id?, purpose))
    }
}

impl Overlay {
    /// Dials `id`.
    pub(super) fn call(&mut self, id: NodeId, purpose: Purpose) {
        let addresses = self.addresses_of(id);
        self.calls.0.insert((id, purpose), Attempt::new(addresses));
        self.call_next(id, purpose);
    }

    /// Dials the next address, or gives up where none is left.
    pub(super) fn call_next(&mut self, id: NodeId, purpose: Purpose) {
        let Some(attempt) = self.calls.of(Some(id), purpose) else { return };
        match attempt.take_next() {
            Some(to) => self.call_at(id, purpose, to),
            None if attempt.is_over() => self.call_over(id, purpose),
            None => {}
        }
    }

    fn call_at(&mut self, id: NodeId, purpose: Purpose, to: SocketAddr) {
        let dial = match (purpose, self.suit_role(id)) {
            (Purpose::Probe, _) => Dial::Probe { id },
            (Purpose::Link, Some(role)) => Dial::Link { to: NodeName { addr: to, id: Some(id) }, role },
            (Purpose::Link, None) => return,
        };
        let ticket = self.dial(dial, to);
        let Some(attempt) = self.calls.of(Some(id), purpose) else { return };
        attempt.begun(ticket, to);
        if attempt.has_more() {
            self.timers.after(Timer::Call(id, purpose), STAGGER);
        }
    }

    /// A dial is connected: no other is needed.
    pub(super) fn call_answered(&mut self, id: Option<NodeId>, purpose: Purpose, ticket: Ticket) {
        let Some((_, others)) = self.calls.of(id, purpose).and_then(|attempt| attempt.answered(ticket))
        else {
            return;
        };
        for other in others {
            self.dials.insert(other, Dial::Abandoned);
        }
        id.map(|id| self.timers.cancel(Timer::Call(id, purpose)));
    }

    /// A dial has failed: the next begins at once.
    pub(super) fn call_failed(&mut self, id: Option<NodeId>, purpose: Purpose, ticket: Ticket) {
        if let Some(attempt) = self.calls.of(id, purpose) {
            attempt.failed(ticket);
            self.call_on(id, purpose);
        }
    }

    /// What was under way to `id` came to nothing: it is tried at the addresses that are left.
    pub(super) fn call_on(&mut self, id: Option<NodeId>, purpose: Purpose) {
        if let Some(id) = id {
            self.call_next(id, purpose);
        }
    }

    fn call_over(&mut self, id: NodeId, purpose: Purpose) {
        self.calls.0.remove(&(id, purpose));
        match purpose {
            Purpose::Link => self.suit_failed(id),
            Purpose::Probe => self.unreached(id),
        }
    }

    /// Whether `id` is dialled for this.
    pub(super) fn is_called(&self, id: NodeId, purpose: Purpose) -> bool {
        self.calls.0.contains_key(&(id, purpose))
    }

    /// Nobody needs to be dialled any more.
    pub(super) fn call_ended(&mut self, id: NodeId, purpose: Purpose) {
        let Some(mut attempt) = self.calls.0.remove(&(id, purpose)) else { return };
        self.timers.cancel(Timer::Call(id, purpose));
        for ticket in attempt.end() {
            self.dials.insert(ticket, Dial::Abandoned);
        }
    }
}
