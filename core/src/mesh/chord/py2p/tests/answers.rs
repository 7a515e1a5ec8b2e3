//! What nodes of py2p are answered.

use super::*;
use crate::mesh::chord::MAX_VALUE;

const ABSENT: &str = "absent";

#[test]
fn what_a_peer_stores_it_gets_back_with_the_fields_as_it_said_them() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(10, Role::Storing);
    for (n, table) in (0..).zip(Table::ALL) {
        bench.say(conn, 10, &store(table, "key", value(n)));
        for kind in [TextKind::Bin, TextKind::Str] {
            let as_kind = |text: Text| Text::new(kind, text.octets().clone()).unwrap();
            let (name, key) = fields(table, "key");
            bench.say(conn, 10, &Message::Retrieve { table: as_kind(name), key: as_kind(key) });
            let said = bench.said(conn);
            let [Message::Retrieved { table: name, key, value: got }] = &said[..] else { panic!("{said:?}") };
            assert_eq!((name.kind(), key.kind()), (kind, kind));
            assert_eq!(
                Message::Retrieved { table: name.clone(), key: key.clone(), value: got.clone() },
                retrieved(table, "key", value(n))
            );
        }
        bench.say(conn, 10, &store(table, "key", Value::Nil));
        bench.say(conn, 10, &retrieve(table, "key"));
        bench.say(conn, 10, &retrieve(table, ABSENT));
        assert_eq!(bench.said(conn), ["key", ABSENT].map(|key| retrieved(table, key, Value::Nil)));
    }
}

#[test]
fn tables_that_there_are_not_and_keys_that_are_no_numbers_are_ignored() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(10, Role::Leech);
    let before = bench.node.counters().ignored;
    let (name, key) = fields(Table::Sha1, "key");
    for (table, key) in [(bin(b"md5"), key), (name.clone(), bin(b"no number")), (name, bin(&[b'z'; 89]))] {
        bench.say(conn, 10, &Message::Retrieve { table: table.clone(), key: key.clone() });
        bench.say(conn, 10, &Message::Store { table: table.clone(), key: key.clone(), value: value(1) });
        bench.say(conn, 10, &Message::Delta { table, key, delta: map(&[]) });
    }
    assert_eq!((bench.said(conn), bench.node.counters().ignored - before), (Vec::new(), 9));
    assert!(bench.node.shelf.is_empty());
}

#[test]
fn who_is_nearer_is_asked_and_what_it_answers_goes_to_who_asked() {
    let mut bench = Bench::new(config());
    let (asks, nearer) = (bench.peer(10, Role::Storing), bench.peer(90, Role::Storing));
    bench.say(asks, 10, &retrieve(Table::Sha1, "key"));
    assert_eq!(bench.said(nearer), [retrieve(Table::Sha1, "key")]);
    // It asks on itself, and says nil before.
    for answer in [Value::Nil, value(7), value(8)] {
        bench.say(nearer, 90, &retrieved(Table::Sha1, "key", answer));
    }
    let told = [Value::Nil, value(7)].map(|answer| retrieved(Table::Sha1, "key", answer));
    assert_eq!((bench.said(asks), bench.said(nearer)), (told.into(), Vec::new()));
    for message in [store(Table::Sha1, "key", value(9)), delta(Table::Sha1, "map", map(&[("a", 1)]))] {
        bench.say(asks, 10, &message);
        assert_eq!(bench.said(nearer), [message]);
    }
    assert!(bench.node.shelf.is_empty());
}

#[test]
fn who_asks_is_not_asked_itself() {
    let mut bench = Bench::new(config());
    let nearest = bench.peer(90, Role::Storing);
    bench.say(nearest, 90, &store(Table::Sha1, "key", value(7)));
    bench.say(nearest, 90, &retrieve(Table::Sha1, "key"));
    assert_eq!(bench.said(nearest), [retrieved(Table::Sha1, "key", value(7))]);
}

#[test]
fn nil_goes_only_where_something_is() {
    let mut bench = Bench::new(config());
    let (asks, nearer) = (bench.peer(10, Role::Storing), bench.peer(90, Role::Storing));
    for key in ["key", ABSENT] {
        bench.say(asks, 10, &store(Table::Sha1, key, Value::Nil));
        bench.say(asks, 10, &store(Table::Sha1, key, Value::Nil));
        assert_eq!(bench.said(nearer), [retrieve(Table::Sha1, key), retrieve(Table::Sha1, key)]);
    }
    bench.say(nearer, 90, &retrieved(Table::Sha1, ABSENT, Value::Nil));
    bench.say(nearer, 90, &retrieved(Table::Sha1, "key", value(1)));
    bench.say(nearer, 90, &retrieved(Table::Sha1, "key", value(1)));
    assert_eq!(bench.said(nearer), [store(Table::Sha1, "key", Value::Nil)]);
}

#[test]
fn a_map_is_merged_into_what_is_there() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(10, Role::Storing);
    bench.say(conn, 10, &delta(Table::Sha256, "key", map(&[("a", 1), ("b", 2)])));
    bench.say(conn, 10, &delta(Table::Sha256, "key", map(&[("b", 3)])));
    bench.say(conn, 10, &retrieve(Table::Sha256, "key"));
    let merged = Value::Map(map(&[("a", 1), ("b", 3)]));
    assert_eq!(bench.said(conn), [retrieved(Table::Sha256, "key", merged)]);
}

#[test]
fn what_a_peer_may_have_under_way_is_bounded_and_ends() {
    let mut bench = Bench::new(Config { max_passed_on: 2, ..config() });
    let (asks, nearer) = (bench.peer(10, Role::Storing), bench.peer(90, Role::Storing));
    let ask = |bench: &mut Bench| {
        ["a", "b", "c"].iter().for_each(|key| bench.say(asks, 10, &retrieve(Table::Sha1, key)));
        bench.said(nearer).len()
    };
    assert_eq!((ask(&mut bench), bench.node.counters().excess), (2, 1));
    bench.pass(Duration::from_secs(9));
    assert_eq!(ask(&mut bench), 0);
    bench.pass(Duration::from_secs(1));
    assert_eq!(ask(&mut bench), 2);
    // Who was asked is there no more, and who asked likewise.
    bench.lose(nearer);
    bench.say(asks, 10, &retrieve(Table::Sha1, "d"));
    assert_eq!(bench.said(asks), [retrieved(Table::Sha1, "d", Value::Nil)]);
    let nearer = bench.peer(90, Role::Storing);
    bench.say(asks, 10, &retrieve(Table::Sha1, "e"));
    bench.lose(asks);
    bench.say(nearer, 90, &retrieved(Table::Sha1, "e", value(1)));
    assert_eq!(bench.node.py2p.pending.count(&id(10)), 0);
}

#[test]
fn a_leech_passes_on_and_keeps_nothing() {
    let mut bench = Bench::new(leech());
    let asks = bench.peer(60, Role::Leech);
    bench.say(asks, 60, &store(Table::Sha1, "key", value(1)));
    bench.say(asks, 60, &retrieve(Table::Sha1, "key"));
    assert_eq!(bench.said(asks), [retrieved(Table::Sha1, "key", Value::Nil)]);
    let stores = bench.peer(10, Role::Storing);
    bench.say(asks, 60, &store(Table::Sha1, "key", value(1)));
    assert_eq!(bench.said(stores), [store(Table::Sha1, "key", value(1))]);
    assert!(bench.node.shelf.is_empty());
}

#[test]
fn a_value_is_not_longer_than_may_be() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(10, Role::Storing);
    let long = Value::Bin(alloc::vec![0; MAX_VALUE].into());
    bench.say(conn, 10, &store(Table::Sha1, "key", long));
    assert!(bench.node.shelf.is_empty());
}
