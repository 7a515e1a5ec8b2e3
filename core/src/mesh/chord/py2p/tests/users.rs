//! What users do among nodes of py2p.

use super::*;
use crate::mesh::chord::Failure;

/// A node that stores all of it, and what it is asked is answered so.
fn answer(bench: &mut Bench, conn: ConnId, key: &str, votes: [Option<u64>; 5]) {
    let asked = Table::ALL.map(|table| retrieve(table, key));
    assert_eq!(bench.said(conn), asked);
    for (table, vote) in Table::ALL.into_iter().zip(votes) {
        bench.say(conn, 90, &retrieved(table, key, vote.map_or(Value::Nil, value)));
    }
}

/// By how many nodes of this project a change is kept, and how many stores nobody confirms.
fn copies(outcome: &Outcome) -> (usize, usize) {
    let Outcome::Kept { copies, unconfirmed, .. } = outcome else { panic!("{outcome:?}") };
    (*copies, *unconfirmed)
}

#[test]
fn three_of_five_are_the_value_at_once() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let op = bench.begin(get("key"));
    answer(&mut bench, conn, "key", [Some(1), None, Some(2), Some(1), Some(1)]);
    assert_eq!(bench.ended(op).and_then(found), Some((&value(1), true)));
}

#[test]
fn nil_is_waited_for_and_then_there_is_nothing() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let op = bench.begin(get("key"));
    answer(&mut bench, conn, "key", [None; 5]);
    bench.pass(Duration::from_millis(1_999));
    assert_eq!(bench.ended(op), None);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.ended(op), Some(&Outcome::Absent));
}

#[test]
fn what_most_have_is_uncertain_at_the_end() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let op = bench.begin(get("key"));
    answer(&mut bench, conn, "key", [Some(1), None, Some(2), Some(2), None]);
    for _ in 0..4 {
        bench.pass(Duration::from_secs(2));
        answer(&mut bench, conn, "key", [Some(1), None, Some(2), Some(2), None]);
        assert_eq!(bench.ended(op), None);
    }
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.ended(op).and_then(found), Some((&value(2), false)));
    let op = bench.begin(get("key"));
    bench.pass(TIMEOUT);
    assert_eq!(bench.ended(op), Some(&Outcome::Absent), "nobody says anything, and nothing is kept here");
}

#[test]
fn what_is_put_goes_into_all_tables_and_under_the_name() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let kept = bench.outcome(put("key", value(1)));
    assert_eq!(copies(&kept), (1, 5));
    let mut said = bench.said(conn);
    said.sort_by_key(|said| matches!(said, Message::Notify { .. }));
    let stores = Table::ALL.map(|table| store(table, "key", value(1)));
    assert_eq!(said, [&stores[..], &[added("key")]].concat());
    assert_eq!(bench.own("key"), Some(value(1)));
    // Nobody is told of the same key twice.
    bench.outcome(put("key", value(2)));
    assert_eq!(bench.said(conn), Table::ALL.map(|table| store(table, "key", value(2))));
}

#[test]
fn among_those_that_store_nothing_all_tables_are_here() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Leech);
    assert_eq!(copies(&bench.outcome(put("key", value(1)))), (1, 0));
    bench.said(conn);
    for table in Table::ALL {
        bench.say(conn, 90, &retrieve(table, "key"));
        assert_eq!(bench.said(conn), [retrieved(table, "key", value(1))]);
    }
    assert_eq!(found(&bench.outcome(get("key"))), Some((&value(1), true)));
    assert!(matches!(bench.outcome(delete("key")), Outcome::Kept { copies: 1, unconfirmed: 0, .. }));
    assert_eq!(bench.said(conn), [deleted("key")]);
    assert_eq!(bench.outcome(get("key")), Outcome::Absent);
    assert_eq!(bench.outcome(delete("key")), Outcome::Absent);
    bench.say(conn, 90, &retrieve(Table::Sha512, "key"));
    assert_eq!(bench.said(conn), [retrieved(Table::Sha512, "key", Value::Nil)]);
}

#[test]
fn nil_is_said_only_of_what_was_there() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let op = bench.begin(delete("key"));
    answer(&mut bench, conn, "key", [Some(1), None, Some(2), Some(1), Some(1)]);
    assert_eq!(bench.ended(op), None, "there may be something in the second table");
    bench.pass(Duration::from_secs(2));
    let nils = [Table::Sha1, Table::Sha256, Table::Sha384, Table::Sha512];
    let nils = nils.map(|table| store(table, "key", Value::Nil));
    let mut said = bench.said(conn);
    said.sort_by_key(|said| matches!(said, Message::Notify { .. }));
    assert_eq!(said, [&nils[..], &[deleted("key")]].concat());
    assert_eq!(bench.ended(op).map(copies), Some((0, 4)));
}

#[test]
fn what_is_popped_is_told() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let op = bench.begin(Command::Pop { key: octets("key"), policy: Policy::Memory, timeout: TIMEOUT });
    answer(&mut bench, conn, "key", [Some(1); 5]);
    assert_eq!(bench.ended(op).and_then(found), Some((&value(1), true)));
    assert_eq!(bench.said(conn).len(), 6);
}

#[test]
fn a_difference_goes_where_the_rest_is_and_the_whole_elsewhere() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(90, Role::Storing);
    let op = bench.begin(merge("key", map(&[("b", 2)])));
    assert_eq!(bench.said(conn).len(), 5);
    let has = Value::Map(map(&[("a", 1)]));
    for (table, has) in Table::ALL.into_iter().zip([has.clone(), has.clone(), has, value(9), Value::Nil]) {
        bench.say(conn, 90, &retrieved(table, "key", has));
    }
    bench.pass(Duration::from_secs(2));
    let whole = || Value::Map(map(&[("a", 1), ("b", 2)]));
    let said = bench.said(conn);
    let deltas =
        [Table::Sha1, Table::Sha224, Table::Sha256].map(|table| delta(table, "key", map(&[("b", 2)])));
    let stores = [Table::Sha384, Table::Sha512].map(|table| store(table, "key", whole()));
    let of_tables: Vec<_> = said.into_iter().filter(|said| !matches!(said, Message::Notify { .. })).collect();
    assert_eq!(of_tables, [&deltas[..], &stores].concat());
    assert_eq!(bench.ended(op).map(copies), Some((1, 5)));
    assert_eq!(bench.own("key"), Some(whole()));
    let op = bench.begin(merge("number", map(&[("b", 2)])));
    answer(&mut bench, conn, "number", [Some(1); 5]);
    assert_eq!(bench.ended(op), Some(&Outcome::Failed(Failure::NotAMap)));
}

#[test]
fn a_leech_has_nobody_or_those_of_py2p_that_store() {
    let mut bench = Bench::new(leech());
    let idle = bench.peer(60, Role::Leech);
    for command in [get("key"), put("key", value(1)), delete("key"), merge("key", map(&[]))] {
        assert_eq!(bench.outcome(command), Outcome::Failed(Failure::NobodyStores));
    }
    let conn = bench.peer(90, Role::Storing);
    bench.said(idle);
    assert_eq!(copies(&bench.outcome(put("key", value(1)))), (0, 5));
    assert_eq!(bench.said(conn).len(), 6);
    let op = bench.begin(get("key"));
    answer(&mut bench, conn, "key", [Some(1); 5]);
    assert_eq!(bench.ended(op).and_then(found), Some((&value(1), true)));
    assert!(bench.node.shelf.is_empty());
}

#[test]
fn who_asks_more_than_a_peer_takes_is_told_to_wait() {
    let mut bench = Bench::new(config());
    let mesh = mesh::Config {
        gap: Gap { least: Duration::from_millis(4), per_kib: Duration::ZERO },
        ..config().mesh
    };
    let mut slow = Bench::new(Config { mesh, ..config() });
    for bench in [&mut bench, &mut slow] {
        bench.peer(90, Role::Storing);
    }
    let all = |bench: &mut Bench| {
        (0..500).map(|n| bench.ask(put(&alloc::format!("{n}"), value(n)))).collect::<Vec<_>>()
    };
    assert!(all(&mut bench).iter().all(Result::is_ok));
    let taken = all(&mut slow).iter().filter(|reply| reply.is_ok()).count();
    assert!((50..200).contains(&taken), "{taken}");
    slow.pass(Duration::from_secs(10));
    assert!(slow.ask(put("later", value(1))).is_ok());
}
