//! Two nodes that compare what they have, and one that lies.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{deleted, positions, ranges, records};
use crate::mesh::chord::ring::{Position, Range, Space};
use crate::mesh::chord::store::{
    Ask, CompareError, Comparison, Digest, Part, Record, Reply, Shelf, Step, Verdict, Version, form, reply,
};
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::Value;

fn shelf(records: impl IntoIterator<Item = Record>) -> Shelf {
    let mut shelf = Shelf::new(usize::MAX, usize::MAX);
    records.into_iter().for_each(|record| _ = shelf.take(record));
    shelf
}

/// The whole circle.
fn all() -> Range<Position> {
    let zero = Position::of(&[]);
    Range { after: zero, to: zero }
}

/// Compares over words, and does what each step says. How many questions there were.
fn compare(owner: &mut Shelf, other: &mut Shelf, range: Range<Position>) -> usize {
    let (mut comparison, ask) = Comparison::begin(owner, range);
    let (mut next, mut asked) = (Some(ask), 0);
    while let Some(ask) = next {
        asked += 1;
        let ask = Ask::read(&ask.to_value()).expect("it asks in order");
        let reply = Reply::read(&reply(other, &ask).to_value()).expect("it is within the bounds");
        let step = comparison.heard(&reply, owner).expect("it fits");
        copy(&step.send, owner, other);
        copy(&step.want, other, owner);
        next = step.ask;
    }
    asked
}

fn copy(places: &[Place], from: &Shelf, to: &mut Shelf) {
    for place in places {
        to.take(from.get(place).expect("it has it").clone());
    }
}

fn versions(shelf: &Shelf, range: Range<Position>) -> BTreeMap<Place, Version> {
    shelf.within(range).map(|record| (record.place, record.version)).collect()
}

/// The later of each in the range, and what was there outside of it.
fn expected(own: &Shelf, other: &Shelf, range: Range<Position>) -> BTreeMap<Place, Version> {
    let mut all = versions(own, all());
    for (place, version) in versions(other, range) {
        all.entry(place).and_modify(|own| *own = version.max(*own)).or_insert(version);
    }
    all
}

fn check(own: Vec<Record>, other: Vec<Record>, range: Range<Position>) {
    let (mut own, mut other) = (shelf(own), shelf(other));
    let both = [expected(&own, &other, range), expected(&other, &own, range)];
    compare(&mut own, &mut other, range);
    assert_eq!([versions(&own, all()), versions(&other, all())], both);
}

/// Of many keys those that a node has, some of them in a later version.
fn some(number: u64, missing: u64, later: u64) -> Option<Record> {
    let mut record = deleted(number);
    record.version.count = u32::from(number.is_multiple_of(later));
    (!number.is_multiple_of(missing)).then_some(record)
}

proptest! {
    #[test]
    fn both_have_the_later_ones_in_the_end(
        own in vec(records(), 0..150), other in vec(records(), 0..150), range in ranges(),
    ) {
        check(own, other, range);
    }

    #[test]
    fn both_have_the_later_ones_in_the_end_where_there_are_many(
        counts in (0..1_500u64, 0..1_500u64), missing in (1..400u64, 1..400u64), later in (1..90u64, 1..90u64),
        range in ranges(),
    ) {
        let own = (0..counts.0).filter_map(|number| some(number, missing.0, later.0));
        let other = (0..counts.1).filter_map(|number| some(number, missing.1, later.1));
        check(own.collect(), other.collect(), range);
    }

    #[test]
    fn parts_that_are_taken_overlap_nowhere(ranges in vec(ranges(), 1..4), at in positions()) {
        let part = |range: &Range<Position>| Part { range: *range, digest: Digest::default() };
        let ask = Ask(ranges.iter().map(part).collect());
        let taken = Ask::read(&ask.to_value());
        if taken.is_ok() {
            prop_assert!(ranges.iter().filter(|range| range.contains(at)).count() < 2, "{:?}", ranges);
        } else {
            prop_assert!(ranges.len() > 1 && taken == Err(CompareError::Order), "{:?}", ranges);
        }
    }
}

#[test]
fn few_questions_find_few_differences() {
    let mut own = shelf((0..20_000).map(deleted));
    let mut other = shelf((0..20_000).map(deleted));
    assert_eq!(compare(&mut own, &mut other, all()), 1);
    for (different, most) in [(1, 5), (10, 40)] {
        (0..different).for_each(|number| _ = other.remove(&deleted(number * 999).place));
        let asked = compare(&mut own, &mut other, all());
        assert!(other.len() == 20_000 && asked <= most, "{different} in {asked}");
    }
}

#[test]
fn one_with_nothing_gets_everything_in_few_questions() {
    let full = || shelf((0..20_000).map(deleted));
    for (mut own, mut other, most) in [(full(), shelf([]), 20), (shelf([]), full(), 45)] {
        let asked = compare(&mut own, &mut other, all());
        assert!(own.len() == 20_000 && other.len() == 20_000 && asked <= most, "{asked}");
    }
}

/// Records at one position: their numbers differ above 384 bits.
fn crowd(numbers: core::ops::Range<u64>) -> impl Iterator<Item = Record> {
    numbers.map(|above| {
        let mut number = [7; Place::OCTETS];
        number[..8].copy_from_slice(&above.to_be_bytes());
        Record { place: Place::at(Table::Sha512, number), name: None, ..deleted(above) }
    })
}

#[test]
fn a_crowd_at_one_position_is_sent_and_what_is_elsewhere_is_found() {
    let mut own = shelf(crowd(0..300).chain((0..300).map(deleted)));
    let mut other = shelf(crowd(200..500).chain((200..500).map(deleted)));
    compare(&mut own, &mut other, all());
    assert_eq!(other.len(), 500 + 500);
    assert!((0..500).all(|number| own.get(&deleted(number).place).is_some()));
}

/// How somebody answers who has never looked.
#[derive(Clone, Copy, Debug)]
enum Lie {
    Same,
    Differs,
    Nothing,
    /// One record so far ahead, and more behind it.
    One(u32),
    /// One that is elsewhere.
    Elsewhere,
    /// The end is elsewhere.
    Beyond,
    Silent,
    Short,
}

fn lie(lie: Lie, part: &Part) -> Option<Verdict> {
    let Range { after, to } = part.range;
    let version = Version { millis: Version::LAST_MILLIS, ..deleted(1).version };
    let record = |at: Position| {
        let number = form::padded(&at.integer()).expect("it is shorter");
        Vec::from([(Place::at(Table::Sha1, number), version)])
    };
    Some(match lie {
        Lie::Same => Verdict::Same,
        Lie::Differs => Verdict::Differs,
        Lie::Nothing => Verdict::Listed { records: Vec::new(), to },
        Lie::One(bit) => Verdict::Listed { records: record(after.ahead(bit)), to: after.ahead(bit) },
        Lie::Elsewhere => Verdict::Listed { records: record(to.ahead(0)), to },
        Lie::Beyond => Verdict::Listed { records: Vec::new(), to: to.ahead(0) },
        Lie::Short => Verdict::Listed { records: Vec::new(), to: after.ahead(0) },
        Lie::Silent => return None,
    })
}

/// How many answers the owner takes, and what its last step was.
fn lied_to(shelf: &Shelf, range: Range<Position>, lies: &[Lie]) -> (usize, Result<Step, CompareError>) {
    let (mut comparison, ask) = Comparison::begin(shelf, range);
    let (mut next, mut replies, mut lies) = (ask, 0, lies.iter().cycle());
    loop {
        let verdicts = next.parts().iter().zip(&mut lies).map_while(|(part, told)| lie(*told, part));
        let step = comparison.heard(&Reply(verdicts.collect()), shelf);
        replies += 1;
        match step {
            Ok(Step { ask: Some(ask), send, want }) => {
                assert!(send.len() <= 16 * 1_024 && want.len() <= Reply::LISTED);
                assert!(Ask::read(&ask.to_value()).is_ok(), "{ask:?}");
                next = ask;
            }
            end => return (replies, end),
        }
    }
}

proptest! {
    #[test]
    fn who_lies_keeps_nobody_for_ever(
        count in 0..1_500u64,
        range in ranges(),
        lies in vec(
            prop_oneof![
                4 => Just(Lie::Same), 8 => Just(Lie::Differs), 4 => Just(Lie::Nothing),
                4 => prop::sample::select(alloc::vec![383, 382, 380]).prop_map(Lie::One),
                1 => Just(Lie::Elsewhere), 1 => Just(Lie::Beyond), 1 => Just(Lie::Silent), 1 => Just(Lie::Short),
            ],
            1..40,
        ),
    ) {
        let (replies, _) = lied_to(&shelf((0..count).map(deleted)), range, &lies);
        prop_assert!(replies <= Comparison::REPLIES);
    }
}

#[test]
fn what_fits_no_question_ends_it() {
    let (few, many) = (shelf((0..64).map(deleted)), shelf((0..65).map(deleted)));
    let part = Range { after: Position::of(&[0x80; 48]), to: Position::of(&[]) };
    for told in [Lie::Elsewhere, Lie::Beyond, Lie::Silent, Lie::Short] {
        assert_eq!(lied_to(&many, part, &[told]), (1, Err(CompareError::Unasked)), "{told:?}");
    }
    assert_eq!(lied_to(&few, all(), &[Lie::Differs]), (1, Err(CompareError::Unasked)));
    assert_eq!(lied_to(&many, all(), &[Lie::Differs]), (2, Err(CompareError::Unasked)));
    let (mut comparison, _) = Comparison::begin(&many, all());
    let twice = Reply(Vec::from([Verdict::Same, Verdict::Same]));
    assert_eq!(comparison.heard(&twice, &many), Err(CompareError::Unasked));
}

#[test]
fn who_always_has_more_is_heard_so_often() {
    let (replies, end) = lied_to(&shelf([]), all(), &[Lie::One(0)]);
    assert!(replies == Comparison::REPLIES && end.is_ok_and(|step| step.ask.is_none()));
}

#[test]
fn a_reply_lists_so_many() {
    let listed = |count: usize| {
        let record = (deleted(1).place, deleted(1).version);
        let verdict = || Verdict::Listed { records: alloc::vec![record; count / 2], to: all().to };
        Reply::read(&Reply(Vec::from([verdict(), verdict()])).to_value()).map(drop)
    };
    assert_eq!(listed(Reply::LISTED), Ok(()));
    assert_eq!(listed(Reply::LISTED + 2), Err(CompareError::Form));
    assert_eq!(Ask::read(&Value::Array(Vec::new())), Err(CompareError::Form));
    let same = |count| Reply::read(&Reply(alloc::vec![Verdict::Same; count]).to_value()).map(drop);
    assert_eq!([same(16), same(17)], [Ok(()), Err(CompareError::Form)]);
}
