//! A shelf, beside a list that is looked through.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{deleted, ranges, records};
use crate::mesh::chord::Place;
use crate::mesh::chord::ring::{Position, Range, Space};
use crate::mesh::chord::store::{Digest, Record, Shelf, Taken};

/// What is kept, however.
type Model = BTreeMap<Place, Record>;

#[derive(Clone, Debug)]
enum Act {
    Take(Record),
    Remove(Place),
    Sweep(u64),
}

const TOMBSTONES: u64 = 10;

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => records().prop_map(Act::Take),
        1 => records().prop_map(|record| Act::Remove(record.place)),
        1 => (0..80u64).prop_map(Act::Sweep),
    ];
    vec(act, 0..120)
}

fn is_over(record: &Record, now: u64) -> bool {
    match (&record.value, record.expires) {
        (None, _) => record.version.millis + TOMBSTONES <= now,
        (Some(_), expires) => expires.is_some_and(|at| at <= now),
    }
}

fn act(shelf: &mut Shelf, model: &mut Model, act: Act) {
    match act {
        Act::Take(record) => {
            let old = model.get(&record.place).cloned();
            let expected = match &old {
                Some(old) if old.version >= record.version => Taken::Older,
                _ => Taken::Newer(old),
            };
            if let Taken::Newer(_) = expected {
                model.insert(record.place, record.clone());
            }
            assert_eq!(shelf.take(record), expected);
        }
        Act::Remove(place) => assert_eq!(shelf.remove(&place), model.remove(&place)),
        Act::Sweep(now) => {
            let mut gone = shelf.sweep(now, Duration::from_millis(TOMBSTONES));
            gone.sort_by_key(|record| record.place);
            let over: Vec<Record> = model.values().filter(|record| is_over(record, now)).cloned().collect();
            model.retain(|_, record| !is_over(record, now));
            assert_eq!(gone, over);
        }
    }
}

fn both(acts: Vec<Act>) -> (Shelf, Model) {
    let (mut shelf, mut model) = (Shelf::new(1_000, 1 << 20), Model::new());
    acts.into_iter().for_each(|one| act(&mut shelf, &mut model, one));
    (shelf, model)
}

/// In the order of the ring, from behind the range's beginning.
fn within(model: &Model, range: Range<Position>) -> Vec<&Record> {
    let mut all: Vec<&Record> =
        model.values().filter(|record| range.contains(record.place.position())).collect();
    let way = |at: Position| (at == range.after, range.after.distance(at));
    all.sort_by_key(|record| (way(record.place.position()), record.place));
    all
}

proptest! {
    #[test]
    fn it_keeps_the_later_ones_and_drops_what_is_over(acts in acts()) {
        let (shelf, model) = both(acts);
        prop_assert_eq!(shelf.len(), model.len());
        prop_assert_eq!(shelf.octets(), model.values().map(Record::weight).sum::<usize>());
        for record in model.values() {
            prop_assert_eq!(shelf.get(&record.place), Some(record));
            for now in [0, 20, 40] {
                let live = shelf.live(&record.place, now).is_some();
                prop_assert_eq!(live, record.value.is_some() && !is_over(record, now));
            }
        }
    }

    #[test]
    fn a_range_is_told_in_order_and_in_short(acts in acts(), ranges in vec(ranges(), 1..20)) {
        let (shelf, model) = both(acts);
        for range in ranges {
            let expected = within(&model, range);
            prop_assert_eq!(shelf.within(range).collect::<Vec<_>>(), expected.clone());
            let digest: Digest = expected.iter().map(|record| record.digest()).sum();
            prop_assert_eq!(shelf.digest(range), digest);
        }
    }

    #[test]
    fn pages_are_a_range(acts in acts(), range in ranges(), max_octets in 0..4_000usize) {
        let (shelf, model) = both(acts);
        let expected = within(&model, range);
        let (mut at, mut told) = (range, Vec::new());
        loop {
            let page = shelf.page(at, max_octets);
            let octets: usize = page.records.iter().map(|record| record.weight()).sum();
            prop_assert!(octets <= max_octets || page.records.len() == 1);
            told.extend(page.records);
            if page.to == range.to {
                break;
            }
            prop_assert!(page.to.between(at.after, range.to));
            at.after = page.to;
        }
        let positions = |records: &[&Record]| {
            let mut all: Vec<_> = records.iter().map(|record| record.place.position()).collect();
            all.dedup();
            all
        };
        prop_assert_eq!(positions(&told), positions(&expected));
        let most = expected.chunk_by(|a, b| a.place.position() == b.place.position());
        let fits = |records: &[&Record]| records.iter().map(|record| record.weight()).sum::<usize>() <= max_octets;
        prop_assert!(told == expected || !most.into_iter().all(fits), "none is left out where a page holds a position");
    }

    #[test]
    fn it_stays_within_its_bounds(records in vec(records(), 0..80), max_records in 0..8usize, max_octets in 0..3_000usize) {
        let mut shelf = Shelf::new(max_records, max_octets);
        for record in records {
            let (place, weight) = (record.place, record.weight());
            let old = shelf.get(&place).map(Record::weight);
            let taken = shelf.take(record);
            prop_assert!(shelf.len() <= max_records && shelf.octets() <= max_octets);
            if taken == Taken::Full {
                prop_assert!(old.is_none_or(|old| weight > old), "what shrinks has room");
            }
        }
    }
}

#[test]
fn a_sweep_has_a_bound_and_goes_on() {
    let mut shelf = Shelf::new(1_000, 1 << 20);
    (0..300).for_each(|number| _ = shelf.take(deleted(number)));
    let mut swept = || shelf.sweep(1_009, Duration::from_millis(710)).len();
    assert_eq!([swept(), swept(), swept()], [256, 44, 0]);
}
