//! Records as words and the log have them.

use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::{deleted, records};
use crate::kernel::StoreOp;
use crate::mesh::chord::store::{Record, RecordError, Version, merged};
use crate::mesh::chord::{Failure, MAX_KEY, MAX_VALUE, Place, Table};
use crate::mesh::wire::{Map, Value, strategies};

fn kept(record: &Record) -> (Bytes, Bytes) {
    let StoreOp { key, value } = record.keeping();
    (key, value.expect("it is kept"))
}

fn fields_of(record: &Record) -> Vec<Value> {
    let Value::Array(fields) = record.to_value() else { panic!("an array") };
    fields
}

proptest! {
    #[test]
    fn what_is_said_is_read(record in records()) {
        prop_assert_eq!(Record::read(&record.to_value()), Ok(record.clone()));
        let (key, octets) = kept(&record);
        prop_assert!(key.starts_with(Record::PREFIX) && key.len() <= StoreOp::KEY);
        prop_assert_eq!(Record::from_log(&key, &octets), Ok(record.clone()));
        prop_assert_eq!(Record::forgetting(&record.place), StoreOp { key, value: None });
    }

    #[test]
    fn more_fields_are_for_later_versions(record in records(), more in strategies::values()) {
        let mut fields = fields_of(&record);
        fields.push(more);
        prop_assert_eq!(Record::read(&Value::Array(fields)), Ok(record));
    }

    #[test]
    fn other_fields_are_refused_and_nothing_panics(record in records(), at in 0..8usize, other in strategies::values()) {
        let mut fields = fields_of(&record);
        fields[at] = other;
        if let Ok(read) = Record::read(&Value::Array(fields.clone())) {
            prop_assert_eq!(Record::read(&read.to_value()), Ok(read));
        }
        fields.truncate(at);
        prop_assert_eq!(Record::read(&Value::Array(fields)), Err(RecordError::Form));
    }

    #[test]
    fn damage_is_an_error(record in records(), at in any::<prop::sample::Index>(), flip in 1..=255u8, cut in any::<bool>()) {
        let (key, octets) = kept(&record);
        let (mut octets, at) = (octets.to_vec(), at.index(octets.len()));
        if cut { octets.truncate(at) } else { octets[at] ^= flip }
        if let Ok(read) = Record::from_log(&key, &octets) {
            prop_assert!(!cut && read.place == record.place);
        }
    }

    #[test]
    fn a_merge_is_that_of_maps(old in prop::option::of(strategies::maps()), delta in strategies::maps()) {
        let octets = |map: &Map| Bytes::from(Value::Map(map.clone()).to_octets());
        let result = merged(old.as_ref().map(octets).as_ref(), &octets(&delta)).expect("they are short");
        let mut all = old.unwrap_or_default();
        all.merge(delta);
        prop_assert_eq!(Value::read(result), Ok(Value::Map(all)));
    }
}

#[test]
fn what_is_beyond_a_bound_is_refused() {
    let key = Bytes::from(alloc::vec![7; MAX_KEY]);
    let value = Bytes::from(alloc::vec![0xa1; MAX_VALUE]);
    let record = |key: &Bytes, value: &Bytes| Record {
        place: Place::of(Table::Sha384, key),
        name: Some(key.clone()),
        value: Some(value.clone()),
        ..deleted(1)
    };
    let read = |record: Record| Record::read(&record.to_value()).map(drop);
    let longer = |octets: &Bytes| Bytes::from([octets, &[0][..]].concat());
    assert_eq!(read(record(&key, &value)), Ok(()));
    assert_eq!(read(record(&longer(&key), &value)), Err(RecordError::Key));
    for none in [longer(&value), Bytes::new(), Value::Nil.to_octets().into()] {
        assert_eq!(read(record(&key, &none)), Err(RecordError::Value));
    }
    let late = Version { millis: u64::MAX, ..record(&key, &value).version };
    assert_eq!(read(Record { version: late, ..record(&key, &value) }), Err(RecordError::Form));
}

#[test]
fn what_is_kept_has_memory_of_its_own() {
    let name = Bytes::from_static(b"a");
    let said = Value::Array(alloc::vec![
        3u64.into(),
        Value::Nil,
        Value::Bin(name.clone()),
        1u64.into(),
        0u64.into(),
        Value::Bin(name.clone()),
        Value::Bin(name.clone()),
        Value::Nil,
    ]);
    let record = Record::read(&said).expect("it is one");
    for kept in [record.name, record.value] {
        assert!(kept.is_some_and(|kept| kept == name && kept.as_ptr() != name.as_ptr()));
    }
}

#[test]
fn another_names_record_in_the_log_is_refused() {
    let ((_, octets), (key, _)) = (kept(&deleted(1)), kept(&deleted(2)));
    assert_eq!(Record::from_log(&key, &octets), Err(RecordError::Place));
}

#[test]
fn only_maps_are_merged_and_no_more_than_a_value() {
    let octets = |value: Value| Bytes::from(value.to_octets());
    let map = |length: usize| {
        let pair = (Value::from(length as u64), Value::Bin(alloc::vec![0; length].into()));
        octets(Value::Map(Map::new([pair].into()).expect("one key")))
    };
    let one = octets(1u64.into());
    assert_eq!(merged(Some(&one), &map(1)), Err(Failure::NotAMap));
    assert_eq!(merged(None, &one), Err(Failure::NotAMap));
    assert_eq!(merged(Some(&map(40_000)), &map(25_600)), Err(Failure::NotAMap));
    assert!(merged(Some(&map(40_000)), &map(25_000)).is_ok());
}
