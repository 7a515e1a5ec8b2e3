//! All that a node keeps, in memory.

use alloc::collections::BTreeMap;

use super::Record;
use crate::mesh::chord::Place;
use crate::mesh::chord::ring::{Position, Range};

/// The records of a node, in the order of the ring, within a bound.
#[derive(Debug)]
pub struct Shelf {
    records: BTreeMap<(Position, Place), Record>,
    octets: usize,
    max_records: usize,
    max_octets: usize,
}

/// What became of a record that was to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is kept, in place of this one.
    Newer(Option<Record>),
    /// What is there is as new, or newer.
    Older,
    /// There is no room for it.
    Full,
}

impl Shelf {
    /// An empty one, for so many records and octets.
    pub const fn new(max_records: usize, max_octets: usize) -> Self {
        Shelf { records: BTreeMap::new(), octets: 0, max_records, max_octets }
    }

    /// What is kept at a place.
    pub fn get(&self, place: &Place) -> Option<&Record> {
        self.records.get(&(place.position(), *place))
    }

    /// Keeps a record, if it is newer than what is there.
    pub fn take(&mut self, record: Record) -> Taken {
        let key = (record.place.position(), record.place);
        let old = self.records.get(&key);
        if old.is_some_and(|old| old.version >= record.version) {
            return Taken::Older;
        }
        let freed = old.map_or(0, Record::weight);
        let octets = self.octets - freed + record.weight();
        if old.is_none() && self.records.len() >= self.max_records
            || octets > self.max_octets && octets > self.octets
        {
            return Taken::Full;
        }
        self.octets = octets;
        Taken::Newer(self.records.insert(key, record))
    }

    /// Takes a record away.
    pub fn remove(&mut self, place: &Place) -> Option<Record> {
        let gone = self.records.remove(&(place.position(), *place))?;
        self.octets -= gone.weight();
        Some(gone)
    }

    /// What is kept in a range, in order.
    pub fn within(&self, range: Range<Position>) -> impl Iterator<Item = &Record> {
        self.records.values().filter(move |record| range.contains(record.place.position()))
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
