//! What a node keeps of others, and that it lets go.

use core::time::Duration;

use super::{Bench, ME, name};
use crate::overlay::names::{Key, NodeId};
use crate::overlay::wire::{ListedRole, Role};

#[test]
fn names_that_lead_nowhere_are_forgotten() {
    let mut bench = Bench::new();
    let names: Vec<_> = (1..40).map(|id| name(id).into()).collect();
    bench.silent.extend(1..40);
    bench.node.learn_names(&names);
    for _ in 0..200 {
        bench.pass(Duration::from_secs(1));
        for id in bench.dialled() {
            bench.refuse_dial(id);
        }
    }
    assert_eq!(bench.node.joining.names().count(), 0);
    assert!((1..40).all(|id| bench.node.probes.get(NodeId(id)).is_none()), "and measured no more");
    assert!(bench.node.choosing.suits.is_empty());
}

#[test]
fn a_name_gives_way_to_the_record() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.node.learn_names(&[name(9).into()]);
    bench.record(conns[0], 9, &[(1, ListedRole::Both)], 8);
    assert!(!bench.node.joining.names().any(|id| id == NodeId(9)));
    assert!(bench.node.addresses_of(NodeId(9)).first().is_some());
}

#[test]
fn an_absent_node_that_answers_is_linked_with_and_its_mark_goes() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.record(conns[0], 9, &[], 8);
    bench.node.mark_absent(NodeId(9));
    bench.pass(bench.node.config.periods.heal * 4);
    assert!(!bench.node.database().get(NodeId(9)).unwrap().is_absent());
    assert_eq!(bench.dialled(), [9], "both databases are to come together");
}

#[test]
fn one_who_came_back_another_way_is_not_linked_with_out_of_turn() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.insert(9);
    bench.record(conns[0], 9, &[], 8);
    bench.node.mark_absent(NodeId(9));
    bench.pass(bench.node.config.periods.heal * 4);
    bench.silent.clear();
    bench.record(conns[0], 1, &[(2, ListedRole::Both), (9, ListedRole::Both), (ME, ListedRole::In)], 8);
    bench.record(conns[0], 9, &[(1, ListedRole::Both)], 8);
    bench.pass(bench.node.config.periods.heal * 2);
    assert_eq!(bench.dialled(), []);
}

#[test]
fn one_who_was_asked_for_and_did_not_answer_is_not_linked_with_whenever_it_does() {
    for (silent, dialled) in [(true, vec![]), (false, vec![9])] {
        let (mut bench, conns) = Bench::settled(|config| config.periods.heal = Duration::from_secs(3_600));
        bench.record(conns[0], 9, &[], 8);
        bench.node.mark_absent(NodeId(9));
        if silent {
            bench.silent.insert(9);
        }
        (0..2).for_each(|_| bench.node.heal());
        bench.drain();
        bench.pass(Duration::from_secs(5));
        bench.silent.clear();
        bench.node.probe(NodeId(9));
        bench.drain();
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.dialled(), dialled);
    }
}

#[test]
fn a_day_of_comers_and_goers_leaves_nothing_behind() {
    let (mut bench, _) = Bench::settled(|_| ());
    for round in 0..60u128 {
        let id = 200 + round;
        let conn = bench.accept(id, Role::Chooser);
        bench.record(conn, id, &[(ME, ListedRole::Out)], 8);
        bench.pass(Duration::from_secs(1));
        bench.silent.insert(id);
        if round % 2 == 0 { bench.hang_up(conn) } else { bench.tear_down(conn) }
    }
    bench.pass(Duration::from_secs(20));
    for id in bench.dialled() {
        bench.refuse_dial(id);
    }
    let node = &bench.node;
    assert!(node.tokens.len() == node.links.len() && node.links.len() < 6, "{}", node.links.len());
    assert!(node.conns.len() < 12 && node.choosing.replacements.is_empty() && node.choosing.suits.len() <= 2);
    assert!(node.timers.len() < 40, "{}", node.timers.len());
}

/// One host greets as always another, and stays for a moment.
#[test]
fn greetings_alone_leave_nobody_to_be_measured() {
    let (mut bench, _) = Bench::settled(|_| ());
    let strangers = 200..3_200;
    for id in strangers.clone() {
        let conn = bench.accept(id, Role::Chooser);
        assert!(bench.node.links.contains_key(&NodeId(id)));
        bench.hang_up(conn);
        if id % 50 == 0 {
            bench.pass(Duration::from_millis(250));
        }
    }
    let measured = strangers.filter(|id| bench.node.probes.get(NodeId(*id)).is_some()).count();
    assert!(measured <= bench.node.config.bounds.remembered, "{measured}");
}

/// All that a node knows, written out: whatever it has of others is in it, but for what is left out of `Choosing`.
fn knows(bench: &Bench) -> usize {
    let choosing = &bench.node.choosing;
    let more = (&choosing.refused, &choosing.told, &choosing.replacements, &choosing.guard);
    alloc::format!("{:?}{more:?}", bench.node).len()
}

/// Links under ids that never come again, as one would open and close them on purpose. Some tell of themselves, in a record
/// of the shortest life.
fn short_links(bench: &mut Bench, ids: core::ops::Range<u128>, tells: bool) {
    for id in ids {
        let role = [Role::Chooser, Role::Guest, Role::Watcher][usize::try_from(id % 3).unwrap()];
        let conn = bench.accept(id, role);
        if tells {
            let key = Key { incarnation: 1, sequence: 1 };
            bench.say(conn, &Bench::bare(key, name(id), 0, 180, &[(ME, ListedRole::Out)]));
        }
        if id % 2 == 0 {
            bench.hang_up(conn);
        } else {
            bench.tear_down(conn);
        }
        if !bench.closed(conn) {
            bench.hang_up(conn);
        }
        if id % 50 == 0 {
            bench.pass(Duration::from_millis(250));
        }
    }
}

#[test]
fn nothing_grows_with_links_under_new_ids() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.extend(200..7_000);
    short_links(&mut bench, 200..1_200, false);
    bench.pass(Duration::from_secs(20));
    let before = knows(&bench);
    short_links(&mut bench, 1_200..6_200, false);
    bench.pass(Duration::from_secs(20));
    let after = knows(&bench);
    assert!(after < before + 10_000, "{before} octets written out, then {after}");
}

#[test]
fn those_who_told_of_themselves_are_forgotten_an_hour_after_they_are_gone() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.extend(200..7_000);
    short_links(&mut bench, 200..1_200, true);
    bench.pass(Duration::from_secs(3_800));
    bench.node.database.expire(bench.now);
    let before = knows(&bench);
    short_links(&mut bench, 1_200..3_200, true);
    bench.pass(Duration::from_secs(200));
    assert_eq!(bench.node.database().departed(NodeId(3_000)), Some(Key { incarnation: 1, sequence: 1 }));
    bench.pass(Duration::from_secs(3_600));
    bench.node.database.expire(bench.now);
    let after = knows(&bench);
    assert!(after < before + 10_000, "{before} octets written out, then {after}");
}

#[test]
fn a_watcher_whom_everybody_refused_asks_again() {
    let mut bench = Bench::with(|config| *config = config.clone().watching());
    bench.node.learn_names(&[name(1).into(), name(2).into()]);
    bench.pass(Duration::from_secs(3));
    for _ in 0..2 {
        assert_eq!(bench.dialled(), [1, 2]);
        [1, 2].into_iter().for_each(|id| bench.refuse_dial(id));
        bench.pass(Duration::from_secs(6));
    }
}
