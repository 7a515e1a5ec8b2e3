//! Records as they come: passed on once, answered where they are old, and gone in time.

use super::*;
use crate::overlay::database::Limits;
use ListedRole::{Both, Out};

fn key(incarnation: u32, sequence: u32) -> Key {
    Key { incarnation, sequence }
}

/// The keys under which a peer heard records of `id`.
fn heard(bench: &Bench, conn: ConnId, id: u128) -> Vec<Key> {
    let of = |packet: &Packet| match packet {
        Packet::Upt(upt) if upt.source.id == Some(NodeId(id)) => Some(upt.key),
        _ => None,
    };
    bench.peers[&conn].said.iter().filter_map(of).collect()
}

#[test]
fn news_goes_once_to_everybody_but_its_teller() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let source = bench.accept(50, Role::Chooser);
    let before = *bench.node.counters();
    let news = Bench::bare(key(1, 1), name(50), 0, 1_800, &[(1, Both)]);
    for conn in [conns[0], conns[1], conns[1]] {
        bench.say(conn, &news);
    }
    assert_eq!([conns[0], conns[1], source].map(|conn| heard(&bench, conn, 50).len()), [0, 1, 1]);
    let after = bench.node.counters();
    assert_eq!((after.taken - before.taken, after.duplicates - before.duplicates), (1, 2));
}

#[test]
fn old_news_is_answered_with_the_newer_once_a_second_and_that_of_oneself_never() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.say(conns[1], &Bench::bare(key(1, 40), name(60), 0, 1_800, &[(1, Both)]));
    bench.say(conns[0], &Bench::bare(key(1, 50), name(60), 0, 1_800, &[(1, Both)]));
    let before = (heard(&bench, conns[1], 60).len(), heard(&bench, conns[0], ME).len());
    for old in 1..5 {
        bench.say(conns[1], &Bench::bare(key(1, old), name(60), 0, 1_800, &[]));
        bench.say(conns[0], &Bench::bare(key(1, 1), name(ME), 0, 1_800, &[]));
    }
    assert_eq!(heard(&bench, conns[1], 60).len(), before.0 + 1);
    assert_eq!(heard(&bench, conns[1], 60).last(), Some(&key(1, 50)));
    assert!(heard(&bench, conns[0], ME).len() == before.1 && !bench.closed(conns[0]));
    bench.pass(Duration::from_millis(1_100));
    bench.say(conns[1], &Bench::bare(key(1, 9), name(60), 0, 1_800, &[]));
    assert_eq!(heard(&bench, conns[1], 60).len(), before.0 + 2);
}

#[test]
fn a_record_that_is_not_taken_is_answered_with_nothing() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.say(conns[0], &Bench::bare(key(1, 50), name(60), 0, 180, &[(1, Both)]));
    let before = heard(&bench, conns[1], 60);
    bench.say(conns[1], &Bench::bare(key(1, 51), name(60), 180_000, 180, &[(1, Both)]));
    assert_eq!(bench.node.database().get(NodeId(60)).unwrap().key(), key(1, 50), "its life is over");
    assert_eq!(heard(&bench, conns[1], 60), before, "it is not old news");
}

#[test]
fn of_two_records_under_one_key_the_larger_hash_is_told_to_who_has_the_other() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let mut both = [1, 2].map(|to| Bench::bare(key(1, 1), name(60), 0, 1_800, &[(to, Both)]));
    both.sort_by_key(|packet| if let Packet::Upt(upt) = packet { Some(upt.hash) } else { None });
    bench.say(conns[0], &both[1]);
    let before = heard(&bench, conns[1], 60).len();
    bench.say(conns[1], &both[0]);
    assert_eq!(heard(&bench, conns[1], 60).len(), before + 1);
    let Packet::Upt(larger) = &both[1] else { unreachable!() };
    assert_eq!(bench.node.database().get(NodeId(60)).unwrap().hash(), larger.hash);
}

#[test]
fn a_record_under_the_nodes_own_id_is_outdone_and_its_address_looked_at() {
    for (at, asked) in [(ME, false), (77, true)] {
        let (mut bench, conns) = Bench::settled(|_| ());
        bench.pass(Duration::from_secs(5));
        bench.events.clear();
        bench.lives.insert(77, ME);
        let node = NodeName { addr: address(at), id: Some(NodeId(ME)) };
        bench.say(conns[0], &Bench::bare(key(1, 1_000), node, 0, 1_800, &[]));
        assert!(!bench.events.iter().any(|event| matches!(event, Event::Impostor { .. })));
        assert_eq!(bench.dialled().contains(&77), asked);
        assert_eq!(heard(&bench, conns[0], ME).last(), Some(&key(1, 1_001)));
    }
}

#[test]
fn a_record_goes_when_its_life_is_over_and_what_was_measured_with_it() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.say(conns[0], &Bench::bare(key(1, 1), name(60), 0, 180, &[(1, Out)]));
    bench.pass(Duration::from_secs(178));
    assert!(bench.node.database().get(NodeId(60)).is_some());
    bench.pass(Duration::from_secs(4));
    assert!(bench.node.database().get(NodeId(60)).is_none());
    assert!(bench.node.probes.get(NodeId(60)).is_none());
}

#[test]
fn what_goes_for_something_new_is_measured_no_more() {
    let (mut bench, conns) =
        Bench::settled(|config| config.bounds.database = Limits { records: 12, ..Limits::default() });
    for id in 60..70 {
        bench.record(conns[0], id, &[(1, Out)], 8);
    }
    for id in 70..73 {
        bench.record(conns[1], id, &[(1, Out)], 8);
    }
    let known = |id: &u128| bench.node.database().get(NodeId(*id)).is_some();
    let (kept, gone): (Vec<u128>, Vec<u128>) = (60..73).partition(known);
    assert!(kept.len() == 7 && kept.ends_with(&[70, 71, 72]), "{kept:?}");
    assert!(gone.iter().all(|id| bench.node.probes.get(NodeId(*id)).is_none()), "{gone:?}");
}

#[test]
fn a_peer_that_introduces_more_than_its_share_pays_for_each_try() {
    use crate::kernel::Rate;
    use crate::overlay::budget::Budget;
    let (mut bench, conns) = Bench::settled(|config| {
        config.bounds.database = Limits { introduced: 20_000, ..Limits::default() };
        config.bounds.budgets.ids = Rate { burst: 300, per_second: 1 };
    });
    for id in 0..400 {
        bench.record(conns[0], 1_000 + id, &[], 8);
    }
    assert!(bench.node.database().len() < 200, "{}", bench.node.database().len());
    let slowed = |event: &Event| matches!(event, Event::OverBudget { budget: Budget::Ids, .. });
    assert!(bench.events.iter().any(slowed));
}
