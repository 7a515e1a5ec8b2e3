//! What is kept here and belongs elsewhere.
//!
//! A record is at home on the node that is responsible for it and on those that this one compares with. What is neither
//! goes to whoever is responsible, and once he says that it is kept it goes from here.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::leaving::Life;
use super::machine::{Chord, Due};
use super::place::Place;
use super::question::{Answer, Asker, Question};
use super::ring::{Position, Range, Space as _};
use super::side::position;
use super::store::{Record, Version};
use crate::mesh::wire::NodeId;

/// So many are on their way at once.
const AT_ONCE: usize = 64;
/// Octets of records that are looked at in one go.
const LOOKED_AT: usize = 256 << 10;
/// How soon it is looked on where not all was seen.
const GO_ON: Duration = Duration::from_millis(20);
/// ... and where as much is on its way as may.
const CROWDED: Duration = Duration::from_secs(1);
/// So many nodes compare their ranges with this one, and more than there are replicas are soon forgotten.
const MAX_HOMES: usize = 16;

/// Ranges that others are responsible for, and on their way back to them what is not in one of those.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Whose copies are kept here.
    homes: BTreeMap<NodeId, Range<Position>>,
    /// What is on its way.
    sent: BTreeMap<Place, Version>,
    /// Up to where was looked.
    seen: Option<Position>,
}

impl Strays {
    /// What was on its way is to be here after all.
    pub(super) fn is_home(&mut self, place: &Place) {
        self.sent.remove(place);
    }

    /// Nothing is at home here any more.
    pub(super) fn homeless(&mut self) {
        self.homes.clear();
        self.seen = None;
    }
}

impl Chord {
    /// A node compares what it is responsible for with what is here.
    pub(super) fn is_home_of(&mut self, owner: &NodeId, range: Range<Position>) {
        self.strays.homes.insert(*owner, range);
        self.deadlines.after(Due::Home(*owner), self.config.compare_period * 3);
        // Those whose copies are here are the nearest before this node, whoever else says so.
        let me = self.circle.member.me();
        let furthest = self.strays.homes.keys().max_by_key(|id| position(id).distance(me)).copied();
        if let Some(id) = furthest.filter(|_| self.strays.homes.len() > MAX_HOMES) {
            self.is_home_no_more(&id);
        }
    }

    /// It has not done so for long.
    pub(super) fn is_home_no_more(&mut self, owner: &NodeId) {
        self.strays.homes.remove(owner);
        self.deadlines.cancel(Due::Home(*owner));
    }

    /// Sends on what is not at home here.
    pub(super) fn look_for_strays(&mut self) {
        if self.is_loading() {
            return self.deadlines.after(Due::Strays, self.config.compare_period / 4);
        }
        let me = self.circle.member.me();
        let after = self.strays.seen.take().unwrap_or(me);
        let page = self.shelf.page(Range { after, to: me }, LOOKED_AT);
        let room = AT_ONCE.saturating_sub(self.strays.sent.len());
        let strays = page.records.iter().filter(|record| self.is_stray(record));
        let strays: Vec<Record> = strays.take(room).map(|record| (*record).clone()).collect();
        let is_all = page.to == me;
        // What there was no room for is looked at again.
        self.strays.seen = (!is_all).then_some(if strays.len() < room { page.to } else { after });
        let next = match room {
            0 => CROWDED,
            _ if is_all && strays.len() < room => self.config.compare_period / 4,
            _ => GO_ON,
        };
        self.deadlines.after(Due::Strays, next);
        for record in strays {
            let (place, at) = (record.place, record.place.position());
            self.strays.sent.insert(place, record.version);
            self.ask_ring(Asker::Stray(place), at, Question::Deliver(record));
        }
    }

    fn is_stray(&self, record: &Record) -> bool {
        let at = record.place.position();
        let is_home = self.stores() && self.circle.member.range().contains(at)
            || self.strays.homes.values().any(|range| range.contains(at));
        !is_home && !self.strays.sent.contains_key(&record.place)
    }

    pub(super) fn stray_told(&mut self, place: Place, answer: &Answer) {
        let Some(version) = self.strays.sent.remove(&place) else { return };
        // It may have come home meanwhile.
        let is_same = |record: &Record| record.version == version && self.is_stray(record);
        if self.shelf.get(&place).is_some_and(is_same) && matches!(answer, Answer::Kept { .. }) {
            self.forget_record(&place);
        }
        if self.life != Life::On {
            self.look_for_end();
        }
    }
}
