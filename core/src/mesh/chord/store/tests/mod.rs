//! Strategies for records, and what holds of all that is kept.

mod comparing;
mod keeping;
mod log;
mod shelves;

use alloc::string::String;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Record, Version};
use crate::mesh::chord::ring::{Position, Range};
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::{NodeId, Value};

/// One of a few tables and numbers: some share a position, some are next to each other, some far away.
fn places() -> impl Strategy<Value = Place> {
    let table = prop::sample::select(Table::ALL.to_vec());
    let digit = prop::sample::select(alloc::vec![0, 1, 2, 0x10, 0x80, 0xff]);
    (table, digit.clone(), digit.clone(), digit, 0..2u8).prop_map(|(table, high, low, last, beyond)| {
        let mut number = [0; Place::OCTETS];
        let first = Place::OCTETS - Position::OCTETS;
        (number[first], number[first + 1], number[Place::OCTETS - 1]) = (high, low, last);
        number[0] = beyond;
        Place::at(table, number)
    })
}

fn positions() -> impl Strategy<Value = Position> {
    places().prop_map(|place| place.position())
}

fn ranges() -> impl Strategy<Value = Range<Position>> {
    (positions(), positions()).prop_map(|(after, to)| Range { after, to })
}

fn versions() -> impl Strategy<Value = Version> {
    (0..40u64, 0..2u32, 0..3u8).prop_map(|(millis, count, node)| {
        let mut id = [0; NodeId::LEN];
        id[NodeId::LEN - 1] = node;
        Version { millis, count, node: NodeId(id) }
    })
}

fn values() -> impl Strategy<Value = Bytes> {
    "[a-z]{0,20}".prop_map(|text: String| Value::from(&text[..]).to_octets().into())
}

/// A record at a place, with a name only if the place is that name's.
fn records() -> impl Strategy<Value = Record> {
    let named = (prop::sample::select(Table::ALL.to_vec()), "[a-e]{1,2}")
        .prop_map(|(table, name): (_, String)| (Place::of(table, name.as_bytes()), Some(Bytes::from(name))));
    let place = prop_oneof![places().prop_map(|place| (place, None)), named];
    let expires = prop::option::weighted(0.3, 0..60u64);
    (place, versions(), prop::option::weighted(0.8, values()), expires).prop_map(
        |((place, name), version, value, expires)| {
            let expires = expires.filter(|_| value.is_some());
            Record { place, name, version, value, expires }
        },
    )
}

/// That the key of this number was deleted in the millisecond of this number.
fn deleted(number: u64) -> Record {
    let name = Bytes::copy_from_slice(&number.to_be_bytes());
    let version = Version { millis: number, count: 0, node: NodeId([0; NodeId::LEN]) };
    let place = Place::of(Table::Sha384, &name);
    Record { place, name: Some(name), version, value: None, expires: None }
}
