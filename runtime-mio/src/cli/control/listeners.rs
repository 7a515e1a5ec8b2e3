//! Clients that are told what happens, as it happens.

use egoist_mio::control::{Refusal, Responder, codes, tell_all};
use serde::Serialize;

use super::ask::Ended;

/// Those who listen.
#[derive(Default)]
pub(crate) struct Listeners(Vec<Responder>);

impl Listeners {
    /// One more, unless its client listens already.
    pub(crate) fn join(&mut self, responder: Responder) -> Option<&Responder> {
        self.0.retain(Responder::is_open);
        if self.0.iter().any(|other| other.shares_client_with(&responder)) {
            responder.refuse(Refusal::new(codes::BUSY, "this client listens already"));
            return None;
        }
        self.0.push(responder);
        self.0.last()
    }

    /// Whether nobody listens.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells all of them.
    pub(crate) fn tell(&mut self, event: impl Serialize) {
        tell_all(&mut self.0, event);
    }

    /// There is nothing more to tell.
    pub(crate) fn end(&mut self) {
        self.0.drain(..).for_each(|listener| listener.ok(Ended {}));
    }
}
