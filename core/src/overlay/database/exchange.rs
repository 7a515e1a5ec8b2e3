//! Finding out what two databases do not share.
//!
//! A database in short is the count of its records and the exclusive or of their hashes: the hash of an update covers
//! its source, key and body, and the order in which they are taken together does not matter. Who hears a
//! [`Sum`] that differs from its own answers with the sums of sixteen parts of the range, or, once few records are
//! left, with an [`Ask`]; who is asked sends what it holds newer, and asks back if something of the other's is newer.
//! Keys are all that is asked for. Two records under an equal key leave a difference that is the same each time; then
//! what the smallest ranges hold is sent as well, and the larger hash stays at both ends.

use alloc::vec::Vec;
use core::ops;

use smallvec::SmallVec;

use super::super::wire::{Ask, Digest, Have, Range, Sum};
use super::super::{Key, NodeId};
use super::index::dense;
use super::{Database, Entry};

/// Into how many parts a range that differs is divided.
pub const FANOUT: usize = 16;
/// A range with at most so many records is asked for in full: its ids and keys are shorter than sixteen sums.
pub const SMALL: u32 = 32;

/// How a database compares with another's sum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Compared {
    /// No difference.
    Equal,
    /// They differ: these sums say where.
    Parts(Vec<Sum>),
    /// They differ, and it is time to ask.
    Ask(Ask),
}

impl Database {
    /// A range in short, `None` for everything; that is O(1).
    pub fn sum(&self, range: Option<Range>) -> Sum {
        let (count, digest) = match range {
            None => (self.len(), self.digest),
            Some(range) => {
                let part = &self.entries[self.places(range)];
                (part.len(), part.iter().fold(0, |digest, entry| digest ^ entry.hash().0))
            }
        };
        Sum { range, count: dense(count), digest: Digest(digest) }
    }

    /// What to answer to another's sum.
    pub fn compare(&self, theirs: &Sum) -> Compared {
        let ours = self.sum(theirs.range);
        if ours == *theirs {
            return Compared::Equal;
        }
        let parts = split(theirs.range.unwrap_or(Range::ALL));
        if ours.count.min(theirs.count) <= SMALL || parts.len() < 2 {
            return Compared::Ask(self.ask(theirs.range));
        }
        Compared::Parts(parts.into_iter().map(|part| self.sum(Some(part))).collect())
    }

    /// What is here of a range, `None` for everything. If that is more than an ASK holds, the range ends with the last
    /// record that is named: what follows is for a later comparison.
    pub fn ask(&self, range: Option<Range>) -> Ask {
        let asked = range.unwrap_or(Range::ALL);
        let part = &self.entries[self.places(asked)];
        let have = Have::ascending(part.iter().map(|entry| (entry.id(), entry.key())));
        match have.last() {
            Some((last, _)) if have.len() < part.len() => {
                Ask { range: Range::new(asked.first(), *last), have }
            }
            _ => Ask { range, have },
        }
    }

    /// What the one who asks lacks or has older, in ascending order of ids: O(records in the range + what it has).
    pub fn newer_than<'a>(&'a self, ask: &'a Ask) -> impl Iterator<Item = &'a Entry> + 'a {
        let mut theirs = ask.have.iter().peekable();
        self.entries[self.places(ask.range.unwrap_or(Range::ALL))].iter().map(|entry| &**entry).filter(
            move |entry| {
                while theirs.next_if(|(id, _)| *id < entry.id()).is_some() {}
                let held = theirs.next_if(|(id, _)| *id == entry.id());
                held.is_none_or(|(_, key)| *key < entry.key())
            },
        )
    }

    /// The records of a range, `None` for everything, in ascending order of ids.
    pub fn within(&self, range: Option<Range>) -> impl Iterator<Item = &Entry> {
        self.entries[self.places(range.unwrap_or(Range::ALL))].iter().map(|entry| &**entry)
    }

    /// Whether the one who asks has something that is newer, or missing here.
    pub fn wanted(&self, ask: &Ask) -> bool {
        let newer = |(id, key): &(NodeId, Key)| self.get(*id).is_none_or(|ours| ours.key() < *key);
        ask.have.iter().any(newer)
    }

    /// Where the records of a range are.
    fn places(&self, range: Range) -> ops::Range<usize> {
        let ids = self.index.ids();
        let from = ids.partition_point(|id| *id < range.first());
        let past = ids.partition_point(|id| *id <= range.last());
        from..past
    }
}

/// A range divided into at most [`FANOUT`] parts of equal width, the last one excepted.
pub fn split(range: Range) -> SmallVec<[Range; FANOUT]> {
    let first = range.first().0;
    let span = range.last().0 - first;
    let step = span / FANOUT as u128 + 1;
    let starts = (0..FANOUT as u128).map(|part| part * step).take_while(|from| *from <= span);
    let part = |from| Range::new(NodeId(first + from), NodeId(first + span.min(from + (step - 1))));
    starts.filter_map(part).collect()
}
