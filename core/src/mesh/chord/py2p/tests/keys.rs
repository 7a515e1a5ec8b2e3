//! Keys, and what becomes of them when nodes of py2p come and go.

use super::*;
use crate::mesh::native::Word;

/// What a leech stores, all tables of it being here.
fn set(bench: &mut Bench, conn: ConnId, key: &str, value: &Value) {
    Table::ALL.iter().for_each(|table| bench.say(conn, 90, &store(*table, key, value.clone())));
}

#[test]
fn what_py2p_stores_has_its_name_once_that_is_told() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Leech);
    set(&mut bench, conn, "key", &value(1));
    assert_eq!(bench.own("key"), None);
    bench.say(conn, 90, &added("key"));
    assert!(bench.node.py2p_keys().eq(["key"]));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.own("key"), Some(value(1)));
    // From now on each store is under the name, whatever its table.
    for (n, table) in (2..).zip(Table::ALL) {
        bench.say(conn, 90, &store(table, "key", value(n)));
        assert_eq!(bench.own("key"), Some(value(n)), "{table:?}");
        bench.say(conn, 90, &store(table, "key", Value::Nil));
        assert_eq!(bench.own("key"), None, "{table:?}");
    }
}

#[test]
fn a_map_that_py2p_merges_is_merged_under_the_name() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Leech);
    bench.outcome(put("key", Value::Map(map(&[("a", 1)]))));
    bench.say(conn, 90, &delta(Table::Sha1, "key", map(&[("b", 2)])));
    assert_eq!(bench.own("key"), Some(Value::Map(map(&[("a", 1), ("b", 2)]))));
}

#[test]
fn who_comes_to_store_is_given_what_is_here() {
    let mut bench = Bench::new(config());
    for n in 0..3 {
        bench.outcome(put(&alloc::format!("key {n}"), value(n)));
    }
    let conn = bench.greeted(90, TextKind::Bin);
    bench.say(conn, 90, &Message::Meta(Role::Storing));
    bench.pass(Duration::from_millis(1_200));
    let asked = bench.said(conn).iter().filter(|said| matches!(said, Message::Retrieve { .. })).count();
    assert_eq!(asked, 15, "it is read before");
    bench.say(conn, 90, &retrieved(Table::Sha1, "key 1", value(9)));
    bench.pass(Duration::from_secs(3));
    let said = bench.said(conn);
    for n in 0..3 {
        let key = alloc::format!("key {n}");
        for table in Table::ALL {
            let is_there = (n, table) == (1, Table::Sha1);
            assert_eq!(said.contains(&store(table, &key, value(n))), !is_there, "{key} {table:?}");
        }
        assert!(said.contains(&added(&key)));
    }
    assert_eq!(said.iter().filter(|said| matches!(said, Message::Store { .. })).count(), 14);
    assert_eq!(bench.own("key 1"), Some(value(1)), "one of five is not right");
}

#[test]
fn what_three_tables_have_is_kept_under_the_name() {
    let mut bench = Bench::new(config());
    bench.outcome(put("key", value(1)));
    let conn = bench.greeted(90, TextKind::Bin);
    bench.say(conn, 90, &Message::Meta(Role::Storing));
    bench.pass(Duration::from_millis(1_200));
    for table in [Table::Sha1, Table::Sha384, Table::Sha512] {
        bench.say(conn, 90, &retrieved(table, "key", value(2)));
    }
    bench.said(conn);
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.own("key"), Some(value(2)));
    let said = bench.said(conn);
    let stores: Vec<_> = said.iter().filter(|said| matches!(said, Message::Store { .. })).collect();
    assert_eq!(stores, [&store(Table::Sha224, "key", value(2)), &store(Table::Sha256, "key", value(2))]);
}

#[test]
fn when_a_node_of_py2p_goes_the_tables_are_filled_here() {
    let mut bench = Bench::new(config());
    let (stores, asks) = (bench.peer(90, Role::Storing), bench.peer(10, Role::Leech));
    bench.outcome(put("key", value(1)));
    bench.lose(stores);
    bench.pass(Duration::from_secs(3));
    bench.said(asks);
    for table in Table::ALL {
        bench.say(asks, 10, &retrieve(table, "key"));
        assert_eq!(bench.said(asks), [retrieved(table, "key", value(1))]);
    }
}

#[test]
fn what_one_of_ours_had_goes_to_the_node_of_py2p_that_has_its_places_next() {
    type Ends = fn(&mut Bench, ConnId);
    let ends: [Ends; 2] = [Bench::lose, |bench, conn| bench.say(conn, 90, &Message::Meta(Role::Leech))];
    for end in ends {
        let mut bench = Bench::new(config());
        let (next, ours) = (bench.peer(80, Role::Storing), bench.peer(90, Role::Storing));
        bench.say(ours, 90, &Message::Native(Word::Hello.values()));
        bench.outcome(put("key", value(1)));
        bench.pass(Duration::from_secs(10));
        assert!(!bench.said(next).contains(&store(Table::Sha1, "key", value(1))), "it has no place yet");
        end(&mut bench, ours);
        bench.pass(Duration::from_secs(5));
        let said = bench.said(next);
        for table in Table::ALL {
            assert!(said.contains(&store(table, "key", value(1))), "{table:?}");
        }
    }
}

#[test]
fn what_was_deleted_where_nobody_here_saw_it_is_gone_here() {
    for (keeps, wanted) in [(Value::Nil, None), (value(1), Some(value(1)))] {
        let mut bench = Bench::new(config());
        let conn = bench.peer(90, Role::Storing);
        bench.outcome(put("key", value(1)));
        bench.pass(Duration::from_secs(5));
        bench.say(conn, 90, &deleted("key"));
        bench.pass(Duration::from_millis(1_200));
        bench.say(conn, 90, &retrieved(Table::Sha224, "key", keeps));
        bench.pass(Duration::from_secs(3));
        assert_eq!(bench.own("key"), wanted);
    }
}

#[test]
fn a_new_neighbour_is_told_of_all_keys_in_portions() {
    let mut bench = Bench::new(config());
    let first = bench.peer(10, Role::Leech);
    (0..100).for_each(|n| bench.say(first, 10, &added(&alloc::format!("key {n}"))));
    let conn = bench.greeted(20, TextKind::Bin);
    bench.say(conn, 20, &Message::Meta(Role::Leech));
    let mut told = |time| {
        bench.pass(Duration::from_millis(time));
        bench.said(conn).iter().filter(|said| matches!(said, Message::Notify { .. })).count()
    };
    assert_eq!([100, 100, 10_000, 10_000].map(&mut told), [16, 16, 68, 0]);
}

#[test]
fn keys_are_bounded() {
    let mut bench = Bench::new(Config { max_py2p_keys: 10, ..config() });
    let conn = bench.peer(90, Role::Leech);
    (0..100).for_each(|n| bench.say(conn, 90, &added(&alloc::format!("key {n}"))));
    assert_eq!(bench.node.py2p_key_count(), 5);
    bench.say(conn, 90, &deleted("key 3"));
    assert_eq!(bench.node.py2p_key_count(), 4);
}
