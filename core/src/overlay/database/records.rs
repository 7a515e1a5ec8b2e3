//! Taking records in, and letting them go.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::NodeId;
use super::super::wire::{Body, Upt};
use super::{Change, Entry, Index, Refusal, Standing, Verdict};
use crate::kernel::Time;

/// How many records a database holds: thirty times the largest overlay measured, and with [`MAX_OCTETS`] a bound on what
/// strangers can make a node keep.
pub const MAX_RECORDS: u32 = 16_384;
/// Octets of bodies that a database holds: enough for 16,384 records of eight links each, or for a full mesh of 1,200.
/// What is kept beside the octets grows with them alone.
pub const MAX_OCTETS: usize = 64 << 20;

/// The bounds of a [`Database`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many records.
    pub records: u32,
    /// How many octets their bodies may have together.
    pub octets: usize,
}

impl Default for Limits {
    /// [`MAX_RECORDS`] and [`MAX_OCTETS`].
    fn default() -> Self {
        Limits { records: MAX_RECORDS, octets: MAX_OCTETS }
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
        let Some(ours) = upt.source.id.and_then(|id| self.get(id)) else { return Standing::Unknown };
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
        let Some(id) = upt.source.id else { return Verdict::Refused(Refusal::Anonymous) };
        let standing = self.standing(&upt);
        match standing {
            Standing::Same => return Verdict::Same,
            Standing::Older => return Verdict::Older,
            Standing::Conflict if self.get(id).is_some_and(|ours| ours.hash() > upt.hash) => {
                return Verdict::Conflict { taken: None };
            }
            Standing::Unknown | Standing::Newer | Standing::Conflict => {}
        }
        let Some(entry) = Entry::new(now, id, upt, body) else { return Verdict::Refused(Refusal::Expired) };
        match self.put(entry) {
            None => Verdict::Full,
            taken if standing == Standing::Conflict => Verdict::Conflict { taken },
            Some(change) => Verdict::Newer(change),
        }
    }

    /// Puts a record in its place, within the limits.
    fn put(&mut self, mut entry: Entry) -> Option<Change> {
        let place = self.index.find(entry.id());
        let before = place.ok().map_or(0, |at| self.entries[at].upt().body.len());
        let octets = (self.octets - before).saturating_add(entry.upt().body.len());
        if octets > self.limits.octets || place.is_err() && self.entries.len() >= self.limits.records as usize
        {
            return None;
        }
        self.octets = octets;
        self.digest ^= entry.hash().0;
        self.expiry.insert((entry.expires, entry.id()));
        Some(match place {
            Ok(at) => {
                if !self.unresolved {
                    entry.resolve(&self.index);
                }
                let old = core::mem::replace(&mut *self.entries[at], entry);
                self.digest ^= old.hash().0;
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
        if self.next_expiry().is_none_or(|at| at > now) {
            return Vec::new();
        }
        while self.next_expiry().is_some_and(|at| at <= now) {
            self.expiry.pop_first();
        }
        let Database { entries, index, octets, digest, .. } = self;
        index.retain(|place| entries[place].expires > now);
        let gone: Vec<Box<Entry>> = entries.extract_if(.., |entry| entry.expires <= now).collect();
        for entry in &gone {
            *octets -= entry.upt().body.len();
            *digest ^= entry.hash().0;
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
    }

    /// Marks `id` absent: no destination, no candidate, still here. Whether that is a change.
    pub fn mark_absent(&mut self, id: NodeId) -> bool {
        self.entry_mut(id).is_some_and(|entry| !core::mem::replace(&mut entry.absent, true))
    }

    /// Takes the mark away. Whether there was one.
    pub fn clear_absent(&mut self, id: NodeId) -> bool {
        self.entry_mut(id).is_some_and(|entry| core::mem::replace(&mut entry.absent, false))
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
