//! From a choice to a link: probe once more, dial, greet; then the link that it replaces goes.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::calling::Purpose;
use super::choosing::Choosing;
use super::{Overlay, Timer};
use crate::kernel::Time;
use crate::overlay::link::{Link, Mine};
use crate::overlay::names::NodeId;
use crate::overlay::wire::{NodeName, Reason, Role};

/// An answer so old needs no further probe before the dial.
const FRESH: Duration = Duration::from_secs(3);
/// Refusals after which nobody else is tried until the next epoch.
const TRIES: usize = 8;

/// How far a suit has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Waits for the answer to a probe.
    Probing,
    /// Dialled or greeted.
    Dialed,
    /// Asked on a link that is open.
    Asked,
}

/// A choice on its way to become a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suit {
    stage: Stage,
    role: Role,
    replaces: Option<NodeId>,
    decided: Time,
}

impl Choosing {
    /// How many suits will fill a place that is free: all but those that replace a link still there.
    pub(super) fn places_courted(&self, links: &BTreeMap<NodeId, Link>) -> usize {
        let holds = |id: NodeId| links.get(&id).is_some_and(|l| l.live() && l.mine == Mine::Chosen);
        self.suits.values().filter(|suit| !suit.replaces.is_some_and(holds)).count()
    }

    /// Whether somebody is courted for the place of `old`.
    pub(super) fn replaces(&self, old: NodeId) -> bool {
        self.suits.values().any(|suit| suit.replaces == Some(old))
    }
}

impl Overlay {
    /// Begins a suit; when it succeeds, the link to `replaces` goes.
    pub(super) fn court(&mut self, id: NodeId, replaces: Option<NodeId>) {
        let role = match self.has_company() {
            _ if self.config.is_watcher() => Role::Watcher,
            true => Role::Chooser,
            false => Role::Guest,
        };
        self.court_as(id, role, replaces);
    }

    /// Begins a suit as `role`.
    pub(super) fn court_as(&mut self, id: NodeId, role: Role, replaces: Option<NodeId>) {
        if self.choosing.courts(id) || self.narrow.has(id) {
            return;
        }
        let fresh = self
            .probes
            .get(id)
            .and_then(|p| p.answered)
            .is_some_and(|at| self.timers.now().since(at) <= FRESH);
        let open = self.links.contains_key(&id);
        let stage = if open {
            Stage::Asked
        } else if fresh {
            Stage::Dialed
        } else {
            Stage::Probing
        };
        self.choosing.suits.insert(id, Suit { stage, role, replaces, decided: self.timers.now() });
        let patience = self.config.periods.greeting * 2 + self.config.periods.ping_timeout * 2;
        self.timers.after(Timer::Suit(id), patience);
        match stage {
            // The other end knows that it is chosen.
            Stage::Asked if self.links.get(&id).is_some_and(|l| l.mine == Mine::Bridge) => {
                self.suit_succeeded(id);
            }
            Stage::Asked => self.ask_role(id),
            Stage::Dialed => self.dial_suit(id),
            Stage::Probing => {
                self.probes.learn(self.timers.now(), id);
                self.probe(id);
            }
        }
    }

    /// Whether a connection to `id` that is to become a link is on its way.
    pub(super) fn dials_suit(&self, id: NodeId) -> bool {
        self.choosing.suits.get(&id).is_some_and(|s| s.stage == Stage::Dialed)
    }

    fn dial_suit(&mut self, id: NodeId) {
        self.call(id, Purpose::Link);
    }

    /// As what `id` is courted.
    pub(super) fn suit_role(&self, id: NodeId) -> Option<Role> {
        self.choosing.suits.get(&id).map(|suit| suit.role)
    }

    pub(super) fn suit_reached(&mut self, id: NodeId) {
        if let Some(suit) = self.choosing.suits.get_mut(&id).filter(|s| s.stage == Stage::Probing) {
            suit.stage = Stage::Dialed;
            self.dial_suit(id);
        }
    }

    pub(super) fn suit_unreached(&mut self, id: NodeId) {
        if self.choosing.suits.get(&id).is_some_and(|s| s.stage == Stage::Probing) {
            self.suit_lost(id);
        }
    }

    pub(super) fn suit_overdue(&mut self, id: NodeId) {
        self.suit_lost(id);
    }

    /// The link on which a role was asked for is gone: the question goes over a connection of its own.
    pub(super) fn ask_elsewhere(&mut self, id: NodeId) {
        if !self.is_running() {
            return;
        }
        if let Some(suit) = self.choosing.suits.get_mut(&id).filter(|s| s.stage == Stage::Asked) {
            suit.stage = Stage::Dialed;
            self.dial_suit(id);
        }
    }

    /// No connection to one whom we courted came to anything.
    pub(super) fn suit_failed(&mut self, id: NodeId) {
        self.suit_lost(id);
    }

    pub(super) fn suit_refused(&mut self, to: NodeName) {
        if let Some(id) = to.id {
            self.suit_lost(id);
        }
    }

    /// A role asked for on an open link is granted. What is granted after the suit was given up is given back: the
    /// other end counts this node among those who chose it.
    pub(super) fn role_confirmed(&mut self, id: NodeId) {
        if self.choosing.suits.get(&id).is_some_and(|s| s.stage == Stage::Asked) {
            self.suit_succeeded(id);
        } else if self.links.get(&id).is_some_and(|link| link.mine == Mine::No) {
            self.teardown(id, Reason::TooLate);
        }
    }

    pub(super) fn role_refused(&mut self, id: NodeId) {
        if self.choosing.suits.get(&id).is_some_and(|s| s.stage == Stage::Asked) {
            self.suit_lost(id);
        }
    }

    /// The choice came to nothing: the next best gets the place.
    fn suit_lost(&mut self, id: NodeId) {
        let Some(suit) = self.choosing.suits.remove(&id) else { return };
        self.call_ended(id, Purpose::Link);
        self.timers.cancel(Timer::Suit(id));
        self.choosing.refused.insert(id);
        if !self.is_running() || self.choosing.refused.len() > TRIES {
            return;
        }
        match suit.replaces.filter(|old| self.links.get(old).is_some_and(Link::live)) {
            Some(old) => self.next_best(old),
            None => self.timers.set_earlier(Timer::Repair, self.timers.now() + Duration::from_millis(1)),
        }
    }

    /// The link that we chose is up.
    pub(super) fn suit_succeeded(&mut self, id: NodeId) {
        let suit = self.choosing.suits.remove(&id);
        self.call_ended(id, Purpose::Link);
        self.timers.cancel(Timer::Suit(id));
        if self.config.is_watcher() {
            return;
        }
        let Some(suit) = suit else { return self.teardown(id, Reason::TooLate) };
        let announce_at = suit.decided + self.config.periods.announce_delay;
        if let Some(link) = self.links.get_mut(&id) {
            link.decided = suit.decided;
            link.announce_at = announce_at;
        }
        if self.take_place(id, suit.replaces, announce_at) {
            self.counters.rewirings += 1;
            self.counters.rewired_links += 1;
        }
        self.start_measuring();
    }
}
