//! All that a node keeps, in memory.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound::{Excluded, Included, Unbounded};
use core::time::Duration;

use super::digest::Cells;
use super::{Digest, Record};
use crate::mesh::chord::ring::{Position, Range};
use crate::mesh::chord::{Place, Table};

/// In the order of the ring.
type Key = (Position, Place);
/// By a time in milliseconds since 1970.
type Times = BTreeSet<(u64, Place)>;

/// The records of a node, in the order of the ring, within a bound.
#[derive(Debug)]
pub struct Shelf {
    records: BTreeMap<Key, Kept>,
    cells: Cells,
    /// Values that are gone of themselves, by when.
    expiring: Times,
    /// What was deleted, by when.
    deleted: Times,
    octets: usize,
    max_records: usize,
    max_octets: usize,
}

#[derive(Debug)]
struct Kept {
    record: Record,
    digest: Digest,
}

/// What became of a record that was to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(clippy::large_enum_variant, reason = "it is returned, and nowhere kept")]
pub enum Taken {
    /// It is kept, in place of this one.
    Newer(Option<Record>),
    /// What is there is as new, or newer.
    Older,
    /// There is no room for it.
    Full,
}

/// A part of what is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordPage<'a> {
    /// Records in the order of the ring.
    pub records: Vec<&'a Record>,
    /// Up to this position, included, there are no others in the range: its end if this was all.
    pub to: Position,
}

impl Shelf {
    /// The most records that one [`sweep`](Self::sweep) drops.
    pub const SWEEP: usize = 256;

    /// An empty one, for so many records and octets.
    pub const fn new(max_records: usize, max_octets: usize) -> Self {
        Shelf {
            records: BTreeMap::new(),
            cells: Cells::new(),
            expiring: BTreeSet::new(),
            deleted: BTreeSet::new(),
            octets: 0,
            max_records,
            max_octets,
        }
    }

    /// What is kept at a place, whatever its time.
    pub fn get(&self, place: &Place) -> Option<&Record> {
        self.records.get(&key(place)).map(|kept| &kept.record)
    }

    /// The record with a value that a place has at this time, in milliseconds since 1970.
    pub fn live(&self, place: &Place, unix_millis: u64) -> Option<&Record> {
        self.get(place).filter(|record| record.is_live(unix_millis))
    }

    /// Keeps a record, if it is newer than what is there. What takes less than the one before always has room.
    pub fn take(&mut self, record: Record) -> Taken {
        let old = self.get(&record.place);
        if old.is_some_and(|old| old.version >= record.version) {
            return Taken::Older;
        }
        let octets = self.octets - old.map_or(0, Record::weight) + record.weight();
        let is_new = old.is_none();
        if is_new && self.records.len() >= self.max_records || octets > self.max_octets {
            return Taken::Full;
        }
        let old = self.remove(&record.place);
        self.insert(record);
        Taken::Newer(old)
    }

    fn insert(&mut self, record: Record) {
        let (key, digest) = (key(&record.place), record.digest());
        self.octets += record.weight();
        self.cells.add(key.0, digest);
        if let Some((set, at)) = self.times(&record) {
            set.insert(at);
        }
        self.records.insert(key, Kept { record, digest });
    }

    /// Takes a record away.
    pub fn remove(&mut self, place: &Place) -> Option<Record> {
        let key = key(place);
        let Kept { record, digest } = self.records.remove(&key)?;
        self.octets -= record.weight();
        self.cells.remove(key.0, digest);
        if let Some((set, at)) = self.times(&record) {
            set.remove(&at);
        }
        Some(record)
    }

    /// Where it is written down that a record does not stay for ever.
    fn times(&mut self, record: &Record) -> Option<(&mut Times, (u64, Place))> {
        match (&record.value, record.expires) {
            (None, _) => Some((&mut self.deleted, (record.version.millis, record.place))),
            (Some(_), Some(expires)) => Some((&mut self.expiring, (expires, record.place))),
            (Some(_), None) => None,
        }
    }

    /// Drops what is gone of itself by now, in milliseconds since 1970, and what was deleted `tombstones_last` ago: at most
    /// [`SWEEP`](Self::SWEEP) records, which it returns. There may be others if it is as many.
    pub fn sweep(&mut self, unix_millis: u64, tombstones_last: Duration) -> Vec<Record> {
        let last = u64::try_from(tombstones_last.as_millis()).unwrap_or(u64::MAX);
        let expired = self.expiring.iter().take_while(|(at, _)| *at <= unix_millis);
        let forgotten = self.deleted.iter().take_while(|(at, _)| at.saturating_add(last) <= unix_millis);
        let places: Vec<Place> =
            expired.chain(forgotten).map(|(_, place)| *place).take(Self::SWEEP).collect();
        places.iter().filter_map(|place| self.remove(place)).collect()
    }

    /// What is kept in a range, in the order of the ring.
    pub fn within(&self, range: Range<Position>) -> impl Iterator<Item = &Record> {
        self.kept(range).map(|kept| &kept.record)
    }

    /// Where what is kept in a range is, in the order of the ring.
    pub(super) fn positions(&self, range: Range<Position>) -> impl Iterator<Item = Position> {
        self.entries(range).map(|((position, _), _)| *position)
    }

    fn kept(&self, range: Range<Position>) -> impl Iterator<Item = &Kept> {
        self.entries(range).map(|(_, kept)| kept)
    }

    fn entries(&self, range: Range<Position>) -> impl Iterator<Item = (&Key, &Kept)> {
        let (after, to) = (Excluded(past(range.after)), Included(past(range.to)));
        let wraps = range.after >= range.to;
        let first = self.records.range((after, if wraps { Unbounded } else { to }));
        let second = wraps.then(|| self.records.range((Unbounded, to)));
        first.chain(second.into_iter().flatten())
    }

    /// What is kept in a range, in short. It visits few of the records.
    pub fn digest(&self, range: Range<Position>) -> Digest {
        let cut = self.cells.cut(range);
        let ends = cut.ends.into_iter().flatten();
        cut.whole + ends.flat_map(|end| self.kept(end)).map(|kept| kept.digest).sum()
    }

    /// The first records in a range, of at most so many octets or one; never some of those at a position without the
    /// others, unless a page does not hold them: then the rest of them is on none.
    pub fn page(&self, range: Range<Position>, max_octets: usize) -> RecordPage<'_> {
        let mut octets = 0;
        self.while_fitting(range, |record| {
            octets += record.weight();
            octets <= max_octets
        })
    }

    /// Likewise, of at most so many records.
    pub(super) fn first(&self, range: Range<Position>, max_records: usize) -> RecordPage<'_> {
        let mut records = 0;
        self.while_fitting(range, |_| {
            records += 1;
            records <= max_records
        })
    }

    fn while_fitting(&self, range: Range<Position>, mut fits: impl FnMut(&Record) -> bool) -> RecordPage<'_> {
        let mut page = RecordPage { records: Vec::new(), to: range.to };
        for record in self.within(range) {
            if !fits(record) && !page.records.is_empty() {
                page.end_before(record.place.position());
                break;
            }
            page.records.push(record);
        }
        page
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Their octets.
    pub const fn octets(&self) -> usize {
        self.octets
    }
}

impl RecordPage<'_> {
    /// The next record, at this position, does not fit.
    fn end_before(&mut self, next: Position) {
        let at = |record: &&Record| record.place.position();
        let whole = self.records.iter().rposition(|record| at(record) != next);
        match whole {
            Some(last) => {
                self.records.truncate(last + 1);
                self.to = at(&self.records[last]);
            }
            None => self.to = next,
        }
    }
}

fn key(place: &Place) -> Key {
    (place.position(), *place)
}

/// Nothing at a position is behind this.
const fn past(position: Position) -> Key {
    (position, Place::at(Table::Sha512, [0xff; Place::OCTETS]))
}
