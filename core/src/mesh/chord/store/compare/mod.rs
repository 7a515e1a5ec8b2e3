//! Finding out which records of a range two nodes do not share.
//!
//! The owner of a range begins a [`Comparison`]: it says the digests of parts of it, first of the whole. The other answers
//! each with a [`Verdict`] ([`reply`]): the same, or which records it has there if one of the two has few, or else that
//! they differ; then the owner divides the part at its own records. Each step says which records the other lacks and which
//! it has later.
//!
//! With n records, d of which differ, that is about d · log16 n parts, and 16 parts are asked of at once.
//!
//! A lie costs the owner a bounded number of messages, and decides about nothing but which records are exchanged. More than
//! [`Part::SMALL`] records at one position, which only who aims at it brings about, may stay different.

mod words;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::{Digest, Shelf, Version};
use crate::mesh::chord::Place;
use crate::mesh::chord::ring::{Position, Range, Space as _};

/// A part of the circle, and what the one who asks has there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The part.
    pub range: Range<Position>,
    /// Its records in short.
    pub digest: Digest,
}

impl Part {
    /// Where one of both has at most so many records they are listed.
    pub const SMALL: usize = 64;

    fn is_small(digest: Digest) -> bool {
        digest.count <= Part::SMALL as u64
    }
}

/// Whether the other has the same in these parts. They follow each other within one round, so that it looks at no
/// record twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask(pub(super) Vec<Part>);

impl Ask {
    /// The most parts of one.
    pub const PARTS: usize = 16;

    /// The parts.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
}

/// What the other has in a part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The same.
    Same,
    /// Something else, and both have more than [`Part::SMALL`] records there.
    Differs,
    /// These, and no others up to a position.
    Listed {
        /// Places with the versions of what is kept there.
        records: Vec<(Place, Version)>,
        /// The position, included: the end of the part if these are all.
        to: Position,
    },
}

/// A verdict about each of the first parts that were asked of; those about the others are asked for again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply(pub(super) Vec<Verdict>);

impl Reply {
    /// The most records that one lists.
    pub const LISTED: usize = 512;

    /// The verdicts.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.0
    }
}

/// What a node answers that has this.
pub fn reply(shelf: &Shelf, ask: &Ask) -> Reply {
    let (mut verdicts, mut room) = (Vec::new(), Reply::LISTED);
    for part in &ask.0 {
        let own = shelf.digest(part.range);
        verdicts.push(if own == part.digest {
            Verdict::Same
        } else if !Part::is_small(own) && !Part::is_small(part.digest) {
            Verdict::Differs
        } else if room < Part::SMALL {
            break;
        } else {
            let page = shelf.first(part.range, room);
            room -= page.records.len();
            let records = page.records.iter().map(|record| (record.place, record.version));
            Verdict::Listed { records: records.collect(), to: page.to }
        });
    }
    Reply(verdicts)
}

/// What no node of this project says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompareError {
    /// A field is missing, or is something else, or there are more than may be.
    #[error("a word about what is kept without all its fields, or with too many")]
    Form,
    /// Parts overlap, or are out of order.
    #[error("parts of the circle that do not follow each other")]
    Order,
    /// A verdict does not fit what was asked.
    #[error("an answer about what is kept that does not fit the question")]
    Unasked,
}

/// The owner's side. Its parts are in the order of the ring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// What is to be asked of yet.
    rest: VecDeque<Range<Position>>,
    asked: Vec<Part>,
    replies: usize,
}

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// To be asked now; `None` at the end.
    pub ask: Option<Ask>,
    /// What the other lacks or has older: at most 16 · 1,024.
    pub send: Vec<Place>,
    /// What it has later, or what is not here: at most [`Reply::LISTED`].
    pub want: Vec<Place>,
}

impl Comparison {
    /// After so many answers it ends wherever it is; what is left is for the next one.
    pub const REPLIES: usize = 10_000;
    /// The most records that a part of a step sends.
    const SENT: usize = 1_024;

    /// Begins one of a range, and what to ask first.
    pub fn begin(shelf: &Shelf, range: Range<Position>) -> (Self, Ask) {
        let mut comparison = Comparison { rest: [range].into(), asked: Vec::new(), replies: 0 };
        comparison.asked = comparison.ask(shelf);
        let ask = Ask(comparison.asked.clone());
        (comparison, ask)
    }

    /// The other has answered what was asked last. The shelf may have changed meanwhile.
    ///
    /// # Errors
    /// No node of this project answers that. There is nothing more to be had of this comparison.
    pub fn heard(&mut self, reply: &Reply, shelf: &Shelf) -> Result<Step, CompareError> {
        let asked = core::mem::take(&mut self.asked);
        if reply.0.is_empty() || reply.0.len() > asked.len() {
            return Err(CompareError::Unasked);
        }
        let (mut step, mut rest) = (Step::default(), Vec::new());
        for (part, verdict) in asked.iter().zip(&reply.0) {
            judge(shelf, part, verdict, &mut step, &mut rest)?;
        }
        rest.extend(asked[reply.0.len()..].iter().map(|part| part.range));
        rest.into_iter().rev().for_each(|range| self.rest.push_front(range));
        self.replies += 1;
        if self.replies < Self::REPLIES {
            self.asked = self.ask(shelf);
        }
        step.ask = (!self.asked.is_empty()).then(|| Ask(self.asked.clone()));
        Ok(step)
    }

    fn ask(&mut self, shelf: &Shelf) -> Vec<Part> {
        let parts = self.rest.len().min(Ask::PARTS);
        let part = |range| Part { range, digest: shelf.digest(range) };
        self.rest.drain(..parts).map(part).collect()
    }
}

/// What follows from a verdict, and which parts are still to be asked of.
fn judge(
    shelf: &Shelf,
    part: &Part,
    verdict: &Verdict,
    step: &mut Step,
    rest: &mut Vec<Range<Position>>,
) -> Result<(), CompareError> {
    match verdict {
        Verdict::Same => {}
        Verdict::Differs if Part::is_small(part.digest) => return Err(CompareError::Unasked),
        Verdict::Differs => divide(shelf, part.range, step, rest),
        Verdict::Listed { records, to } => {
            let covered = Range { to: *to, ..part.range };
            let is_all = *to == part.range.to;
            let fits = records.iter().all(|(place, _)| covered.contains(place.position()));
            if !fits || !part.range.contains(*to) || !is_all && records.is_empty() {
                return Err(CompareError::Unasked);
            }
            if shelf.digest(covered).count <= Comparison::SENT as u64 {
                transfer(shelf, covered, records, step);
            } else {
                divide(shelf, covered, step, rest);
            }
            rest.extend((!is_all).then_some(Range { after: *to, ..part.range }));
        }
    }
    Ok(())
}

/// Parts are asked of. Where most are at the last position all that is there is sent, and only what is before it is asked of.
fn divide(shelf: &Shelf, range: Range<Position>, step: &mut Step, rest: &mut Vec<Range<Position>>) {
    let parts = divided(shelf, range);
    if parts.len() > 1 {
        return rest.extend(parts);
    }
    let before = before(range.to);
    transfer(shelf, Range { after: before, ..range }, &[], step);
    rest.extend((before != range.after).then_some(Range { to: before, ..range }));
}

fn before(position: Position) -> Position {
    let one = position.distance(position).ahead(0);
    one.distance(position)
}

fn transfer(shelf: &Shelf, range: Range<Position>, theirs: &[(Place, Version)], step: &mut Step) {
    let known: BTreeMap<_, _> = theirs.iter().copied().collect();
    let lacks = |place: &Place, version: &Version| known.get(place).is_none_or(|theirs| theirs < version);
    let own = shelf.within(range).take(Comparison::SENT);
    step.send.extend(own.filter(|own| lacks(&own.place, &own.version)).map(|own| own.place));
    let later =
        |(place, version): &(&Place, &Version)| shelf.get(place).is_none_or(|own| own.version < **version);
    step.want.extend(known.iter().filter(later).map(|(place, _)| *place));
}

/// At most [`Ask::PARTS`], with about as many records each.
fn divided(shelf: &Shelf, range: Range<Position>) -> Vec<Range<Position>> {
    let count = usize::try_from(shelf.digest(range).count).unwrap_or(usize::MAX);
    let size = count.div_ceil((count / (Part::SMALL / 2)).clamp(2, Ask::PARTS)).max(1);
    let mut parts = Vec::with_capacity(Ask::PARTS);
    let mut after = range.after;
    for to in shelf.positions(range).skip(size - 1).step_by(size) {
        if to != after && to != range.to {
            parts.push(Range { after, to });
            after = to;
        }
    }
    parts.push(Range { after, to: range.to });
    parts
}
