//! Taking records in, and letting them go.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::wire::{Body, Upt};
use super::super::{Key, NodeId};
use super::departed::{Departed, Last};
use super::entry::Counts;
use super::ledger::Ledger;
use super::{Change, Entry, Index, RECORD_CHARGE, Refusal, Standing, Verdict};
use crate::kernel::Time;

/// How many records a database holds: thirty times the largest overlay measured, and with [`MAX_OCTETS`] a bound on what
/// strangers can make a node keep.
pub const MAX_RECORDS: u32 = 16_384;
/// Octets of bodies that a database holds: enough for 16,384 records of eight links each, or for a full mesh of 1,200.
/// What is kept beside the octets grows with them alone.
pub const MAX_OCTETS: usize = 64 << 20;
/// What one peer may introduce, in octets with [`RECORD_CHARGE`] for each record: 16,384 records of eight links each. What
/// is kept for it in memory is twice that at most.
pub const MAX_INTRODUCED: usize = 15 << 20;

/// The bounds of a [`Database`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// How many records.
    pub records: u32,
    /// How many octets their bodies may have together.
    pub octets: usize,
    /// How many of them one peer may introduce, [`RECORD_CHARGE`] for each record included.
    pub introduced: usize,
}

impl Default for Limits {
    /// [`MAX_RECORDS`], [`MAX_OCTETS`] and [`MAX_INTRODUCED`].
    fn default() -> Self {
        Limits { records: MAX_RECORDS, octets: MAX_OCTETS, introduced: MAX_INTRODUCED }
    }
}

/// The newest record known of each node, this one's own among them.
#[derive(Clone, Debug, Default)]
pub struct Database {
    limits: Limits,
    pub(super) index: Index,
    /// Each at its node's dense index.
    #[expect(clippy::vec_box, reason = "an id that comes or goes moves pointers and no records")]
    pub(super) entries: Vec<Box<Entry>>,
    /// The order alone: when a record expires is said by the record.
    expiry: BTreeSet<(Time, NodeId)>,
    octets: usize,
    ledger: Ledger,
    departed: Departed,
    displaced: Vec<NodeId>,
    /// Over everything; see [`Database::sum`].
    pub(super) digest: u128,
    /// Ids came or went since the links' dense indices were brought up to date.
    pub(super) unresolved: bool,
    /// Reused by [`Database::effective_edges`].
    pub(super) cursors: Vec<u32>,
}

impl Database {
    /// An empty database.
    pub fn new(limits: Limits) -> Self {
        Database { limits, ..Database::default() }
    }

    /// How `upt` compares with what is here: O(log n), and neither its hash nor its body is looked into. Who asks this
    /// first spares verifying and parsing what is known already.
    pub fn standing(&self, upt: &Upt) -> Standing {
        let Some(id) = upt.source.id else { return Standing::Unknown };
        let Some(ours) = self.get(id) else {
            let outdone = self.departed(id).is_some_and(|last| upt.key < last);
            return if outdone { Standing::Departed } else { Standing::Unknown };
        };
        match upt.key.cmp(&ours.key()) {
            core::cmp::Ordering::Less => Standing::Older,
            core::cmp::Ordering::Greater => Standing::Newer,
            core::cmp::Ordering::Equal if upt.hash == ours.hash() => Standing::Same,
            core::cmp::Ordering::Equal => Standing::Conflict,
        }
    }

    /// Takes `upt`, received now and verified, if it is newer than what is here. `body` is what its octets say. Its
    /// octets are kept as they are given; see [`Upt::detach`]. A taken record is not absent,
    /// whatever the one before it was.
    pub fn offer(&mut self, now: Time, upt: Upt, body: &Body) -> Verdict {
        self.offer_from(None, now, upt, body)
    }

    /// Takes `upt` as [`offer`](Database::offer) does, told by the peer `teller`, at whose expense it is kept. Records that
    /// had to go for it are to be asked for with [`take_displaced`](Database::take_displaced).
    pub fn offer_from(&mut self, teller: Option<NodeId>, now: Time, upt: Upt, body: &Body) -> Verdict {
        let Some(id) = upt.source.id else { return Verdict::Refused(Refusal::Anonymous) };
        self.departed.expire(now);
        let standing = self.standing(&upt);
        match standing {
            Standing::Same => return Verdict::Same,
            Standing::Older => return Verdict::Older,
            Standing::Departed => return Verdict::Refused(Refusal::Departed),
            Standing::Conflict if self.get(id).is_some_and(|ours| ours.hash() > upt.hash) => {
                return Verdict::Conflict { taken: None };
            }
            Standing::Unknown | Standing::Newer | Standing::Conflict => {}
        }
        let since = self.first_taken(id, upt.key);
        let Some(entry) = Entry::new(now, id, upt, body) else { return Verdict::Refused(Refusal::Expired) };
        let Some(entry) = entry.known_since(since.unwrap_or(now)) else {
            return Verdict::Refused(Refusal::Departed);
        };
        if teller.is_some_and(|teller| !self.may_introduce(teller, &entry)) {
            return Verdict::Refused(Refusal::Introduced);
        }
        match self.put(now, teller, entry) {
            None => Verdict::Full,
            taken if standing == Standing::Conflict => Verdict::Conflict { taken },
            Some(change) => Verdict::Newer(change),
        }
    }

    /// When a record of `id` under `key` was taken here first, if there is or was one.
    fn first_taken(&self, id: NodeId, key: Key) -> Option<Time> {
        let here = self.get(id).map(|entry| (entry.key(), entry.since));
        let gone = || self.departed.get(id).map(|last| (last.key, last.since));
        here.or_else(gone).filter(|(known, _)| *known == key).map(|(_, since)| since)
    }

    /// A copy of the record of `id` came that is here already, and claims to be `age` milliseconds old: where that is the
    /// lowest age of any copy it is ours as well. By how much later the record expires for that.
    pub fn lower_age(&mut self, now: Time, id: NodeId, age: u32) -> Duration {
        let Some(entry) = self.entry_mut(id) else { return Duration::ZERO };
        let before = entry.expires;
        entry.lower_age(now, age);
        let after = entry.expires;
        if after != before {
            self.expiry.remove(&(before, id));
            self.expiry.insert((after, id));
        }
        after.since(before)
    }

    /// The key of the last record that was here of one who is gone; for [`MAX_LIFE`](super::MAX_LIFE) from when it went.
    pub fn departed(&self, id: NodeId) -> Option<Key> {
        self.departed.get(id).map(|last| last.key)
    }

    fn may_introduce(&self, teller: NodeId, entry: &Entry) -> bool {
        let before = self.get(entry.id()).filter(|old| old.teller() == Some(teller)).map_or(0, Entry::charge);
        self.ledger.charged(teller) - before + entry.charge() <= self.limits.introduced
    }

    /// Whose records had to go since this was last asked, in the order in which they went.
    pub fn take_displaced(&mut self) -> Vec<NodeId> {
        core::mem::take(&mut self.displaced)
    }

    /// Whether `entry` fits.
    fn has_room_for(&self, entry: &Entry) -> bool {
        let before = self.get(entry.id());
        let octets = self.octets - before.map_or(0, |old| old.upt().body.len()) + entry.upt().body.len();
        octets <= self.limits.octets
            && (before.is_some() || self.entries.len() < self.limits.records as usize)
    }

    /// Lets records of the peer with the largest account go until `entry` fits; whether it does.
    fn make_room(&mut self, now: Time, teller: Option<NodeId>, entry: &Entry) -> bool {
        while !self.has_room_for(entry) {
            let dispensable = self.ledger.dispensable(teller, entry.charge());
            let Some(id) = dispensable.filter(|id| *id != entry.id()) else { return false };
            self.remove(now, id);
            self.displaced.push(id);
        }
        true
    }

    fn remove(&mut self, now: Time, id: NodeId) {
        let Ok(at) = self.index.find(id) else { return };
        self.index.retain(|place| place != at);
        let gone = self.entries.remove(at);
        self.expiry.remove(&(gone.expires, id));
        self.depart(now, &gone);
        self.unresolved = true;
    }

    /// A record is here no more, and its node remembered at the expense of who told of it.
    fn depart(&mut self, now: Time, gone: &Entry) {
        self.forget(gone.counts());
        if let Some(teller) = gone.teller() {
            let last = Last { id: gone.id(), key: gone.key(), since: gone.since };
            self.departed.remember(now, teller, last);
        }
    }

    /// What a record counted for counts no more.
    fn forget(&mut self, gone: Counts) {
        self.octets -= gone.octets;
        self.digest ^= gone.hash.0;
        if let Some((peer, turn)) = gone.told {
            self.ledger.strike(peer, turn, gone.id, gone.octets + RECORD_CHARGE);
        }
    }

    /// Puts a record in its place, within the limits.
    fn put(&mut self, now: Time, teller: Option<NodeId>, mut entry: Entry) -> Option<Change> {
        if !self.make_room(now, teller, &entry) {
            return None;
        }
        self.departed.forget(entry.id());
        let place = self.index.find(entry.id());
        let known = place.ok().map(|at| self.entries[at].counts());
        if let Some(known) = known {
            self.forget(known);
        }
        entry.told = teller.map(|teller| {
            let turn = known.and_then(|known| known.told).map(|(_, turn)| turn);
            (teller, turn.unwrap_or_else(|| self.ledger.turn()))
        });
        if let Some((peer, turn)) = entry.told {
            self.ledger.enter(peer, turn, entry.id(), entry.charge());
        }
        self.octets += entry.upt().body.len();
        self.digest ^= entry.hash().0;
        self.expiry.insert((entry.expires, entry.id()));
        Some(match place {
            Ok(at) => {
                if !self.unresolved {
                    entry.resolve(&self.index);
                }
                entry.reached = self.entries[at].reached;
                let old = core::mem::replace(&mut *self.entries[at], entry);
                if old.expires != self.entries[at].expires {
                    self.expiry.remove(&(old.expires, old.id()));
                }
                Change::between(&old, &self.entries[at])
            }
            Err(at) => {
                let change = Change::first(&entry);
                self.unresolved = true;
                self.index.insert(at, entry.id());
                self.entries.insert(at, Box::new(entry));
                change
            }
        })
    }

    /// When the next record expires.
    pub fn next_expiry(&self) -> Option<Time> {
        self.expiry.first().map(|(at, _)| *at)
    }

    /// Drops what has expired and says whose records they were, in ascending order.
    pub fn expire(&mut self, now: Time) -> Vec<NodeId> {
        self.departed.expire(now);
        if self.next_expiry().is_none_or(|at| at > now) {
            return Vec::new();
        }
        while self.next_expiry().is_some_and(|at| at <= now) {
            self.expiry.pop_first();
        }
        let Database { entries, index, .. } = self;
        index.retain(|place| entries[place].expires > now);
        let gone: Vec<Box<Entry>> = entries.extract_if(.., |entry| entry.expires <= now).collect();
        for entry in &gone {
            self.depart(now, entry);
        }
        self.unresolved = true;
        gone.iter().map(|entry| entry.id()).collect()
    }

    /// Puts every expiry off: for a node that slept, and must not take its own sleep for the silence of others. Ages go
    /// on, so that nobody else takes what is kept longer here.
    pub fn put_off(&mut self, by: Duration) {
        for entry in &mut self.entries {
            entry.expires = entry.expires + by;
        }
        self.expiry = self.entries.iter().map(|entry| (entry.expires, entry.id())).collect();
        self.departed.put_off(by);
    }

    /// Marks `id` absent: no destination, no candidate, still here. Whether that is a change.
    pub fn mark_absent(&mut self, id: NodeId) -> bool {
        self.entry_mut(id).is_some_and(|entry| !core::mem::replace(&mut entry.absent, true))
    }

    /// Takes the mark away. Whether there was one.
    pub fn clear_absent(&mut self, id: NodeId) -> bool {
        self.entry_mut(id).is_some_and(|entry| core::mem::replace(&mut entry.absent, false))
    }

    /// Links lead to those for whose dense index `is_reached`, as far as is known since now or earlier.
    pub fn mark_reached(&mut self, now: Time, is_reached: impl Fn(u32) -> bool) {
        for (at, entry) in (0..).zip(&mut self.entries).filter(|(_, entry)| entry.reached.is_none()) {
            entry.reached = Some(now).filter(|_| is_reached(at));
        }
    }

    fn entry_mut(&mut self, id: NodeId) -> Option<&mut Entry> {
        self.index.find(id).ok().map(|at| &mut *self.entries[at])
    }

    /// The record of `id`.
    pub fn get(&self, id: NodeId) -> Option<&Entry> {
        self.index.find(id).ok().map(|at| &*self.entries[at])
    }

    /// The record of the node with this dense index.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn at(&self, dense: u32) -> &Entry {
        &self.entries[dense as usize]
    }

    /// Every record, in ascending order of ids.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> + DoubleEndedIterator {
        self.entries.iter().map(|entry| &**entry)
    }

    /// The dense indices.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// How many records there are, those marked absent included.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Octets of the bodies of all records.
    pub const fn octets(&self) -> usize {
        self.octets
    }
}
