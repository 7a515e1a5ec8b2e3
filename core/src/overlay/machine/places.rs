//! The places of those whom this node chooses: who has one, who is about to lose it, and what others are told of it.

use alloc::vec::Vec;
use core::time::Duration;

use super::replacements::Stage;
use super::{Overlay, Timer};
use crate::kernel::Time;
use crate::overlay::config::PolicyKind;
use crate::overlay::event::Event;
use crate::overlay::link::{Link, Mine};
use crate::overlay::names::NodeId;
use crate::overlay::wire::{ListedRole, Reason};

/// How long the other end has to list a new link before the choice counts as failed.
const LISTING: Duration = Duration::from_secs(10);

impl Overlay {
    /// The link to `id` takes a place: that of `replaces`, which stays until the new one stands, or a free one. Where all
    /// are taken it is a bridge until the next decision. Whether it has a place.
    pub(super) fn take_place(&mut self, id: NodeId, replaces: Option<NodeId>, announce_at: Time) -> bool {
        let old = replaces.filter(|old| *old != id && self.is_chosen(*old));
        if let Some(old) = old {
            self.set_mine(old, Mine::Leaving);
            self.choosing.replacements.begin(id, old);
            self.settle(id, announce_at);
        }
        let has_place = self.chosen().filter(|chosen| *chosen != id).count() < self.places();
        self.set_mine(id, if has_place { Mine::Chosen } else { Mine::Bridge });
        has_place
    }

    /// How many may be chosen.
    fn places(&self) -> usize {
        if self.config.policy == PolicyKind::FullMesh { usize::MAX } else { self.config.k }
    }

    /// Whom this node chooses, those aside whose replacement is under way.
    pub(super) fn chosen(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.links.values().filter(|link| link.mine == Mine::Chosen).map(|link| link.peer)
    }

    pub(super) fn is_chosen(&self, id: NodeId) -> bool {
        self.links.get(&id).is_some_and(|link| link.mine == Mine::Chosen)
    }

    pub(super) fn set_mine(&mut self, id: NodeId, mine: Mine) {
        if let Some(link) = self.links.get_mut(&id) {
            link.mine = mine;
            self.choosing.stirred = true;
            self.origin.touch();
        }
    }

    /// Tells how the choices changed since that was told.
    pub(super) fn tell_of_choices(&mut self) {
        if !core::mem::take(&mut self.choosing.stirred) {
            return;
        }
        let chosen = self.chosen().collect();
        let before = core::mem::replace(&mut self.choosing.told, chosen);
        let now = &self.choosing.told;
        let added: Vec<NodeId> = now.difference(&before).copied().collect();
        let removed: Vec<NodeId> = before.difference(now).copied().collect();
        if !added.is_empty() || !removed.is_empty() {
            self.emit(Event::Rewired { added, removed });
        }
    }

    fn settle(&mut self, id: NodeId, at: Time) {
        self.timers.set(Timer::Settle(id), at);
    }

    /// The next step of a replacement is due.
    pub(super) fn settled(&mut self, id: NodeId) {
        match self.choosing.replacements.stage(id) {
            None => {}
            Some(Stage::Held) => {
                self.choosing.replacements.advance(id, Stage::Listing);
                self.origin.touch();
                self.settle(id, self.timers.now() + LISTING);
                self.check_settled(id);
            }
            Some(Stage::Listing) => self.never_listed(id),
            Some(Stage::Spreading) => {
                for old in self.choosing.replacements.stands(id) {
                    self.timers.cancel(Timer::Settle(old));
                    if self.links.get(&old).is_some_and(|link| link.mine == Mine::Leaving) {
                        self.teardown(old, Reason::Replaced);
                    }
                }
            }
        }
    }

    /// The record of `source` has changed: it may list a link that waits for that.
    pub(super) fn check_settled(&mut self, source: NodeId) {
        if self.choosing.replacements.stage(source) != Some(Stage::Listing) {
            return;
        }
        let Some(me) = self.life.me().map(|me| me.id) else { return };
        let lists_me = self.database.get(source).and_then(|entry| entry.link(me));
        if lists_me.is_some_and(|link| !self.directed() || link.role != ListedRole::Out) {
            self.choosing.replacements.advance(source, Stage::Spreading);
            let lag = self.choosing.guard.lag(self.timers.now());
            self.settle(source, self.timers.now() + lag);
        }
    }

    /// A new link did not come to stand: it goes, and the old one stays.
    fn never_listed(&mut self, id: NodeId) {
        self.choosing.refused.insert(id);
        self.teardown(id, Reason::NotListed);
        // The old one may be gone as well by now.
        if self.is_running() {
            self.timers.set_earlier(Timer::Repair, self.timers.now() + Duration::from_millis(1));
        }
    }

    /// A link is gone that this node had chosen as `mine`, or its other end is suspected.
    pub(super) fn place_lost(&mut self, id: NodeId, mine: Mine) {
        match mine {
            Mine::No | Mine::Bridge => {}
            Mine::Leaving => self.give_back_place(id),
            Mine::Chosen if self.is_chosen(id) && self.choosing.replacements.stage(id).is_some() => {
                self.never_listed(id);
                self.choice_lost();
            }
            Mine::Chosen => {
                self.give_back_place(id);
                self.choice_lost();
            }
        }
    }

    /// `id` is no choice any more: its place is again that of whom it was to replace, if there was one.
    pub(super) fn give_back_place(&mut self, id: NodeId) {
        self.timers.cancel(Timer::Settle(id));
        if let Some(old) = self.choosing.replacements.gone(id) {
            self.set_mine(old, Mine::Chosen);
        }
    }

    /// Chosen neighbours that are silent and for whom nobody is courted yet: their places are filled first.
    pub(super) fn silent_choices(&self) -> Vec<NodeId> {
        let silent = self.links.values().filter(|link| link.mine == Mine::Chosen && !link.live());
        silent.map(|link| link.peer).filter(|id| !self.choosing.replaces(*id)).collect()
    }

    /// Links that brought parts of the overlay together, and that a decision did not choose, go once nobody is courted.
    pub(super) fn close_bridges(&mut self) {
        if !self.choosing.suits.is_empty() {
            return;
        }
        let bridge = |link: &&Link| link.mine == Mine::Bridge;
        let bridges: Vec<NodeId> = self.links.values().filter(bridge).map(|link| link.peer).collect();
        for id in bridges {
            self.teardown(id, Reason::Surplus);
        }
    }
}
