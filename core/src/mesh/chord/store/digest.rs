//! Many records in short.

use alloc::collections::BTreeMap;
use core::ops::{Add, Sub};

use crate::mesh::chord::ring::{Position, Range};

/// Some records in short: whoever has the same ones, whatever their order, has the same digest.
///
/// Others than the same may be made to have it by somebody who tries. Then they are taken for the same, and differ until
/// the next change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Digest {
    /// The sum of their hashes modulo 2^128.
    pub sum: u128,
    /// How many there are.
    pub count: u64,
}

impl Add for Digest {
    type Output = Digest;

    fn add(self, other: Digest) -> Digest {
        Digest { sum: self.sum.wrapping_add(other.sum), count: self.count.wrapping_add(other.count) }
    }
}

impl Sub for Digest {
    type Output = Digest;

    fn sub(self, other: Digest) -> Digest {
        Digest { sum: self.sum.wrapping_sub(other.sum), count: self.count.wrapping_sub(other.count) }
    }
}

impl core::iter::Sum for Digest {
    fn sum<I: Iterator<Item = Digest>>(digests: I) -> Digest {
        digests.fold(Digest::default(), Add::add)
    }
}

/// The circle in equal cells, and a digest for each in which there is something: a range's digest need not visit all its
/// records.
#[derive(Debug, Default)]
pub(super) struct Cells(BTreeMap<u16, Digest>);

/// A range: what is before its first whole cell, the whole cells, and what is behind the last.
pub(super) struct Cut {
    pub(super) ends: [Option<Range<Position>>; 2],
    pub(super) whole: Digest,
}

impl Cells {
    pub(super) const fn new() -> Self {
        Cells(BTreeMap::new())
    }

    const BITS: u32 = 12;
    const MASK: u16 = (1 << Self::BITS) - 1;

    pub(super) fn add(&mut self, at: Position, digest: Digest) {
        let cell = self.0.entry(cell(at)).or_default();
        *cell = *cell + digest;
    }

    pub(super) fn remove(&mut self, at: Position, digest: Digest) {
        let cell = cell(at);
        let rest = self.0.get(&cell).map_or(digest, |all| *all) - digest;
        if rest.count == 0 {
            self.0.remove(&cell);
        } else {
            self.0.insert(cell, rest);
        }
    }

    /// The way goes from greater integers to smaller ones: a cell comes before the one below it.
    pub(super) fn cut(&self, range: Range<Position>) -> Cut {
        let Range { after, to } = range;
        let (first, last) = (cell(after), cell(to));
        let end = end(first);
        let head = (after != end).then_some(Range { after, to: end });
        if head.is_some_and(|head| head.contains(to)) {
            return Cut { ends: [Some(range), None], whole: Digest::default() };
        }
        let tail = Range { after: self::end(last.wrapping_add(1) & Self::MASK), to };
        Cut { ends: [head, Some(tail)], whole: self.between(last, first) }
    }

    /// All behind `last` and before `first`, around the circle.
    fn between(&self, last: u16, first: u16) -> Digest {
        let sum = |cells: &mut dyn Iterator<Item = (&u16, &Digest)>| cells.map(|(_, digest)| *digest).sum();
        if last < first {
            return sum(&mut self.0.range(last + 1..first));
        }
        sum(&mut self.0.range(last + 1..).chain(self.0.range(..first)))
    }
}

/// The first bits of the integer there.
fn cell(at: Position) -> u16 {
    let [high, low, ..] = at.integer();
    u16::from_be_bytes([high, low]) >> (16 - Cells::BITS)
}

/// The last position of a cell.
fn end(cell: u16) -> Position {
    let mut integer = [0; Position::OCTETS];
    integer[..2].copy_from_slice(&(cell << (16 - Cells::BITS)).to_be_bytes());
    Position::of(&integer)
}
