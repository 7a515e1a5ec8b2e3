//! What a node's peers and users may say, for the laws.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::place::{Place, Table};
use super::question::{Answer, Merging, Question, Setting};
use super::ring::{Position, Range};
use super::side::position;
use super::store::{Comparison, Policy, Record, Shelf, Version, reply};
use super::told::{LIST, Told};
use super::word::Word;
use super::{Chord, Command, Config, Contact, Cursor, Failure};
use crate::kernel::{How, Rng};
use crate::mesh::Mesh;
use crate::mesh::lawful as below;
use crate::mesh::wire::{Map, Message, Notice, Role, Text, Value, Way};
use crate::sim::laws::Lawful;

const KEYS: usize = 8;

/// One of few.
fn key(rng: &mut Rng) -> Bytes {
    Bytes::from(alloc::format!("key {}", rng.index(KEYS)))
}

fn place(rng: &mut Rng) -> Place {
    let table = if rng.percent(60) { Table::Sha384 } else { Table::ALL[rng.index(5)] };
    Place::of(table, &key(rng))
}

fn value(rng: &mut Rng) -> Value {
    match rng.below(4) {
        0 => Value::Map(
            Map::new(Vec::from([(Value::from(rng.below(3)), Value::from(rng.below(9)))])).unwrap_or_default(),
        ),
        1 => Value::from("x".repeat(rng.index(300)).as_str()),
        _ => Value::from(rng.below(5)),
    }
}

fn octets(rng: &mut Rng) -> Bytes {
    value(rng).to_octets().into()
}

fn policy(rng: &mut Rng) -> Policy {
    [Policy::Memory, Policy::Written, Policy::Synced][rng.index(3)]
}

fn version(rng: &mut Rng) -> Version {
    let millis = 1_600_000_000_000 - 100_000 + rng.below(200_000);
    Version { millis, count: 0, node: below::id(rng) }
}

fn record(rng: &mut Rng) -> Record {
    let key = key(rng);
    let (place, name) =
        if rng.percent(70) { (Place::of(Table::Sha384, &key), Some(key)) } else { (place(rng), None) };
    let value = rng.percent(80).then(|| octets(rng));
    let expires = (value.is_some() && rng.percent(20)).then(|| 1_600_000_000_000 + rng.below(100_000));
    Record { place, name, version: version(rng), value, expires }
}

fn records(rng: &mut Rng, most: u64) -> Vec<Record> {
    (0..rng.below(most + 1)).map(|_| record(rng)).collect()
}

fn shelf(rng: &mut Rng) -> Shelf {
    let mut shelf = Shelf::new(100, 1 << 20);
    for record in records(rng, 5) {
        shelf.take(record);
    }
    shelf
}

fn at(rng: &mut Rng) -> Position {
    if rng.percent(50) { place(rng).position() } else { position(&below::id(rng)) }
}

fn contact(rng: &mut Rng) -> Contact {
    Contact { id: below::id(rng), addr: below::addr(rng) }
}

/// Half of them in order.
fn told(rng: &mut Rng) -> Told {
    let of = contact(rng);
    let mut list: Vec<Contact> = (0..1 + rng.index(LIST)).map(|_| contact(rng)).collect();
    if rng.percent(50) {
        list.sort_by_key(|node| node.id);
        list.dedup_by_key(|node| node.id);
    }
    Told { of, predecessor: rng.percent(70).then(|| contact(rng)), list }
}

fn question(rng: &mut Rng) -> Question {
    match rng.below(7) {
        0 => Question::Find,
        1 => Question::Admit,
        2 => Question::Get(place(rng)),
        3 => Question::Set(Setting {
            place: Place::of(Table::Sha256, b"key 1"),
            name: rng.percent(50).then(|| Bytes::from_static(b"key 1")),
            value: rng.percent(80).then(|| octets(rng)),
            expires: None,
            policy: policy(rng),
            if_present: rng.percent(30),
        }),
        4 => Question::Merge(Merging {
            place: place(rng),
            name: None,
            delta: octets(rng),
            policy: policy(rng),
        }),
        5 => Question::Deliver(record(rng)),
        _ => Question::Walk { after: at(rng), values: rng.percent(50) },
    }
}

fn answer(rng: &mut Rng) -> Answer {
    match rng.below(9) {
        0 => Answer::Found { node: contact(rng), hops: 1 },
        1 => Answer::Behind(told(rng)),
        2 => Answer::Taken,
        3 => Answer::Record(records(rng, 1).pop()),
        4 => {
            let version = rng.percent(80).then(|| version(rng));
            Answer::Kept { copies: 2, version, before: records(rng, 1).pop() }
        }
        5 => Answer::Page { records: records(rng, 3), to: at(rng) },
        6 => Answer::Failed(Failure::Full),
        7 => Answer::Unplaced,
        _ => Answer::Lost,
    }
}

/// A number that may well be one that is waited for.
fn number(rng: &mut Rng) -> u64 {
    1 + rng.below(8)
}

pub(super) fn word(rng: &mut Rng) -> Word {
    let n = number(rng);
    match rng.below(20) {
        0 => Word::Look { n },
        1..3 => Word::Seen { n, told: told(rng) },
        3..5 => Word::Notify,
        5 => Word::Goodbye { before: rng.percent(50).then(|| contact(rng)) },
        6 => Word::Elsewhere { node: contact(rng) },
        7..10 => {
            let (hops, is_last) = ([0, 1, 64][rng.index(3)], rng.percent(50));
            Word::Request { n, hops, is_last, at: at(rng), question: question(rng) }
        }
        10..12 => Word::Response { n, answer: answer(rng) },
        12 => Word::Copy { n, policy: policy(rng), records: records(rng, 3) },
        13 => Word::Copied { n, result: if rng.percent(80) { Ok(()) } else { Err(Failure::Full) } },
        14 => Word::Read { n, place: place(rng) },
        15 => Word::ReadBack { n, record: records(rng, 1).pop() },
        16 => {
            let (range, shelf) = (Range { after: at(rng), to: position(&below::id(rng)) }, shelf(rng));
            Word::Compare { n, range, ask: Comparison::begin(&shelf, range).1 }
        }
        17 => {
            let range = Range { after: at(rng), to: at(rng) };
            let ask = Comparison::begin(&shelf(rng), range).1;
            Word::Compared { n, reply: reply(&shelf(rng), &ask) }
        }
        18 if rng.percent(50) => Word::Want { n, places: (0..rng.below(4)).map(|_| place(rng)).collect() },
        19 => Word::Unplaced { n },
        _ => Word::Wanted { n, records: records(rng, 3) },
    }
}

fn table(rng: &mut Rng, place: &Place) -> Text {
    let name = if rng.percent(95) { place.table.name() } else { "md5" };
    Text::new(below::kind(rng), Bytes::from(name)).expect("it is short")
}

fn number_of(rng: &mut Rng, place: &Place) -> Text {
    Text::new(below::kind(rng), place.text().into()).expect("it is short")
}

/// What nodes of py2p say.
fn py2p(rng: &mut Rng) -> (Message, Way) {
    let place = place(rng);
    let (table, key) = (table(rng, &place), number_of(rng, &place));
    match rng.below(8) {
        0..2 => (
            Message::Store { table, key, value: if rng.percent(80) { value(rng) } else { Value::Nil } },
            Way::Link,
        ),
        2..4 => (Message::Retrieve { table, key }, Way::Link),
        4..6 => (
            Message::Retrieved { table, key, value: if rng.percent(50) { value(rng) } else { Value::Nil } },
            Way::Link,
        ),
        6 => (Message::Delta { table, key, delta: Map::default() }, Way::Link),
        _ => {
            let notice = if rng.percent(80) { Notice::Added } else { Notice::Deleted };
            let key = Text::new(below::kind(rng), self::key(rng)).expect("it is short");
            (Message::Notify { key, notice }, if rng.percent(50) { Way::Flood } else { Way::Link })
        }
    }
}

/// What a peer says behind its handshake.
pub(super) fn peer_frame(rng: &mut Rng) -> Bytes {
    let (message, way) = match rng.below(10) {
        0 => (Message::Meta(if rng.percent(70) { Role::Storing } else { Role::Leech }), Way::Link),
        1..3 => return below::peer_frame(rng),
        3..8 => (Message::Native(word(rng).values()), Way::Link),
        _ => py2p(rng),
    };
    below::framed(&message, way, rng)
}

/// A handshake, and mostly that it is a node of this project that stores.
pub(super) fn first_frames(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = below::first_frame(rng).to_vec();
    if rng.percent(70) {
        bytes.extend_from_slice(&below::framed(
            &Message::Native(Vec::from([Value::from(0u64)])),
            Way::Link,
            rng,
        ));
    }
    if rng.percent(80) {
        bytes.extend_from_slice(&below::framed(&Message::Meta(Role::Storing), Way::Link, rng));
    }
    bytes
}

/// Small bounds, which are met soon.
pub(super) fn config(seed: u64) -> Config {
    let mesh = below::config(seed);
    Config {
        stores: seed % 4 != 3,
        durable: seed % 2 == 1,
        stabilise_period: Duration::from_millis(500),
        unify_period: Duration::from_secs(3),
        settle: Duration::from_millis(300),
        compare_period: Duration::from_secs(2),
        max_records: 6,
        max_octets: 3_000,
        max_begun: 3,
        max_passed_on: 3,
        max_py2p_keys: 4,
        mesh: mesh.clone(),
        ..Config::new(mesh.seed, mesh.address)
    }
}

pub(super) fn command(rng: &mut Rng) -> Command {
    let (key, policy, timeout) = (key(rng), policy(rng), Duration::from_millis(1 + rng.below(5_000)));
    match rng.below(24) {
        0..5 => Command::Get { key, timeout },
        5..10 => {
            let value = if rng.percent(95) { value(rng) } else { Value::Nil };
            let lives = rng.percent(20).then(|| Duration::from_secs(1 + rng.below(60)));
            Command::Put { key, value, lives, policy, timeout }
        }
        10..12 => Command::Delete { key, policy, timeout },
        12 => Command::Pop { key, policy, timeout },
        13 => Command::Merge { key, delta: Map::default(), policy, timeout },
        14..16 => {
            let from = rng.percent(50).then(|| Cursor { after: below::id(rng), until: below::id(rng) });
            Command::Walk { from, values: rng.percent(50), timeout }
        }
        16..18 => Command::Find { number: below::id(rng), timeout },
        18 => Command::Join,
        19 => Command::Unjoin,
        20 => Command::Leave,
        _ => Command::Mesh(<Mesh as Lawful>::command(rng).expect("it has commands")),
    }
}

impl Lawful for Chord {
    const IN_FLIGHT: usize = Mesh::IN_FLIGHT;

    fn specimen(seed: u64) -> Self {
        Chord::new(config(seed)).expect("it can be lived by")
    }

    fn stream(_: How, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = if rng.percent(90) { first_frames(rng) } else { Vec::new() };
        for _ in 0..rng.below(30) {
            bytes.extend_from_slice(&peer_frame(rng));
        }
        if rng.percent(20) {
            bytes.extend_from_slice(&[0, 0, 0, 3, 1, 244]);
        }
        bytes
    }

    fn command(rng: &mut Rng) -> Option<Command> {
        Some(command(rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Seed, Streams};

    #[test]
    fn a_chord_node_keeps_every_law() {
        crate::sim::laws::laws::<Chord>(1_000);
    }

    #[test]
    fn a_word_is_read_as_it_was_said() {
        let mut rng = Streams::new(Seed::from_u64(7)).named("words");
        for _ in 0..5_000 {
            let word = word(&mut rng);
            let fields = word.values();
            // An address that nobody can dial is none.
            if !alloc::format!("{word:?}").contains("addr: 0.0.0.0")
                && !alloc::format!("{word:?}").contains(":0 }")
            {
                assert_eq!(Word::read(&fields).as_ref(), Some(&word), "{fields:?}");
            }
            for len in 0..fields.len() {
                assert_eq!(Word::read(&fields[..len]), None, "{word:?}");
            }
        }
    }
}
