//! The first neighbours: whoever answers of those known by name, before anything is measured.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Overlay, Timer};
use crate::overlay::database::Entry;
use crate::overlay::link::{Link, Mine};
use crate::overlay::names::NodeId;

/// Bootstraps have this long to name those who are there, before those of an earlier life are asked.
const PATIENCE: Duration = Duration::from_millis(500);
/// Who has not answered after this does not keep others from being asked. It is longer than most round trips, so that
/// first neighbours are mostly a random choice and not the closest: newcomers that chose the closest would form islands.
const WAVE_EVERY: Duration = Duration::from_millis(250);
/// Each wave of questions is so many times the one before ...
const GROWTH: usize = 4;
/// ... up to this. All peers remembered are asked within two seconds.
const WAVE: usize = 32;
/// Nodes asked whose answer is waited for.
const SOUNDED: usize = 256;
/// With nobody left to ask, names are looked through again after this.
const LONELY: Duration = Duration::from_secs(1);
/// How many nodes a bootstrap watches through.
const WATCHED: usize = 2;

/// Who was asked whether it is there, to be a first neighbour.
#[derive(Clone, Debug, Default)]
pub(super) struct Forming {
    sounded: BTreeSet<NodeId>,
    /// How many the last wave could have asked; 0 before the first.
    wave: usize,
}

impl Forming {
    /// The size of the next wave, where the first asks as many as are wanted.
    fn next_wave(&mut self, wanted: usize) -> usize {
        self.wave = if self.wave == 0 { wanted } else { self.wave.saturating_mul(GROWTH) }.min(WAVE);
        self.wave.min(SOUNDED.saturating_sub(self.sounded.len()))
    }

    /// One who was asked is not waited for any more.
    pub(super) fn given_up(&mut self, id: NodeId) {
        self.sounded.remove(&id);
    }

    /// Nobody more is wanted: answers that still come are measurements and no more.
    fn rest(&mut self) {
        *self = Forming::default();
    }
}

impl Overlay {
    pub(super) fn start_forming(&mut self) {
        self.timers.after(Timer::Again, PATIENCE);
    }

    /// The seed's formOverlay: first neighbours, at random, before anything is measured. Some are asked, soon more, and
    /// the first who answer are dialled: nobody waits for the dead.
    pub(super) fn form(&mut self) {
        let places = self.free_places();
        if places == 0 {
            self.forming.rest();
            return self.measure_or_look_again();
        }
        let wave = self.forming.next_wave(places);
        let strangers = self.strangers_by_name().into_iter();
        let asked: Vec<NodeId> =
            strangers.filter(|id| !self.addresses_of(*id).is_empty()).take(wave).collect();
        let more = !asked.is_empty();
        for id in asked {
            self.sound(id);
        }
        self.again_in(if more { WAVE_EVERY } else { LONELY });
    }

    fn measure_or_look_again(&mut self) {
        match self.choosing.measured_at.filter(|at| *at > self.timers.now()) {
            Some(at) => self.timers.set_earlier(Timer::Again, at),
            None => self.again_in(LONELY),
        }
    }

    /// How many first neighbours are neither there nor on their way.
    fn free_places(&self) -> usize {
        let wanted = if self.config.is_watcher() { WATCHED } else { self.config.k };
        // A suspected neighbour may stay silent: its place is filled now.
        let held = |l: &&Link| l.live() && (l.mine == Mine::Chosen || l.watching);
        wanted.saturating_sub(self.links.values().filter(held).count() + self.choosing.suits.len())
    }

    fn sound(&mut self, id: NodeId) {
        if self.answered_lately(id) {
            return self.court_first(id);
        }
        self.forming.sounded.insert(id);
        self.probes.learn(self.timers.now(), id);
        self.probe(id);
    }

    /// One who was asked is there.
    pub(super) fn sounded(&mut self, id: NodeId) {
        if self.forming.sounded.remove(&id) {
            self.court_first(id);
        }
    }

    /// One who was asked does not answer, and is not asked again before the next answer of a bootstrap.
    pub(super) fn sounded_in_vain(&mut self, id: NodeId) {
        if self.forming.sounded.remove(&id) {
            self.choosing.refused.insert(id);
        }
    }

    fn court_first(&mut self, id: NodeId) {
        if self.is_running() && self.free_places() > 0 && !self.links.contains_key(&id) {
            let silent = self.silent_choices().pop();
            self.court(id, silent);
        }
    }

    /// Everybody known by name to whom there is no link, who has not refused and is not asked already: those whom records
    /// and bootstraps name in random order, then those remembered, latest heard first.
    fn strangers_by_name(&mut self) -> Vec<NodeId> {
        let known =
            self.database.entries().filter(|e| e.is_present() && !e.links().is_empty()).map(Entry::id);
        let mut named: Vec<NodeId> = known.chain(self.joining.names()).collect();
        named.sort_unstable();
        named.dedup();
        self.random.sampling.shuffle(&mut named);
        let mut seen: BTreeSet<NodeId> = named.iter().copied().collect();
        named.extend(self.remembered_latest_first().into_iter().filter(|id| seen.insert(*id)));
        named.retain(|id| self.may_be_first(*id));
        named
    }

    fn may_be_first(&self, id: NodeId) -> bool {
        Some(id) != self.id()
            && !self.links.contains_key(&id)
            && !self.choosing.courts(id)
            && !self.choosing.refused.contains(&id)
            && !self.narrow.has(id)
            && !self.forming.sounded.contains(&id)
            && !self.has_left(id)
    }
}
