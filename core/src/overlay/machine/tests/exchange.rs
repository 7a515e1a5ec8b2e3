//! Databases compared with a neighbour's.

use super::*;
use crate::overlay::database::{Database, Limits, SMALL, Verdict};

/// A record of `id` under the first key, that says so many are free.
fn record(id: u128, free: u32) -> Upt {
    let attributes = Attributes { life: Some(1_800), free: Some(free), ..Attributes::default() };
    let body = Body::of(Update { attributes, links: Links::default() });
    Upt::originate(Key { incarnation: 1, sequence: 1 }, name(id), 0, &body)
}

/// The neighbour at the other end of `conn`, which has `theirs`, tells its sum once and hears what the node says then.
fn compare(bench: &mut Bench, conn: ConnId, theirs: &mut Database) {
    let from = bench.peers[&conn].said.len();
    bench.say(conn, &Packet::Sum(theirs.sum(None)));
    let said: Vec<Packet> = bench.peers[&conn].said[from..].to_vec();
    for packet in said {
        if let Packet::Upt(upt) = packet {
            let body = upt.parse_body().unwrap();
            let source = upt.source.id.unwrap();
            if let Verdict::Conflict { taken: None } = theirs.offer(bench.now, upt, &body) {
                let ours = theirs.get(source).unwrap().upt().clone();
                bench.say(conn, &Packet::Upt(ours));
            }
        }
    }
}

#[test]
fn records_under_an_equal_key_become_one_by_comparison() {
    for (ours, theirs, all) in [(1, 2, 6), (2, 1, 6), (1, 2, SMALL as usize)] {
        let (mut bench, conns) = Bench::settled(|_| ());
        bench.say(conns[0], &Packet::Upt(record(50, ours)));
        let others = (60..).take(all - bench.node.database().len());
        others.for_each(|id| bench.say(conns[0], &Packet::Upt(record(id, 8))));
        assert_eq!(bench.node.database().len(), all);
        let mut other = Database::new(Limits::default());
        let alike = bench.node.database().entries().filter(|entry| entry.id() != NodeId(50));
        for upt in alike.map(|entry| entry.upt().clone()).chain([record(50, theirs)]) {
            let body = upt.parse_body().unwrap();
            other.offer(bench.now, upt, &body);
        }
        compare(&mut bench, conns[1], &mut other);
        assert_ne!(other.sum(None), bench.node.database().sum(None), "news may be on its way");
        compare(&mut bench, conns[1], &mut other);
        assert_eq!(other.sum(None), bench.node.database().sum(None));
        let kept = bench.node.database().get(NodeId(50)).unwrap().hash();
        assert_eq!(kept, record(50, 1).hash.max(record(50, 2).hash), "the larger stays on both sides");
    }
}

#[test]
fn who_has_nothing_is_asked_for_nothing_and_who_has_little_for_all_of_it() {
    use crate::overlay::wire::{Ask, Digest, Sum};
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 0..100 {
        bench.record(conns[0], 1_000 + id, &[(2, ListedRole::Out)], 8);
    }
    let mut asked = |count| {
        let from = bench.peers[&conns[1]].said.len();
        bench.say(conns[1], &Packet::Sum(Sum { range: None, count, digest: Digest(count.into()) }));
        bench.peers[&conns[1]].said[from..].to_vec()
    };
    assert_eq!(asked(0), []);
    assert_eq!(asked(SMALL), [Packet::Ask(Ask { range: None, have: Have::default() })]);
    assert!(asked(SMALL + 1).iter().all(|packet| matches!(packet, Packet::Sum(_))));
}

#[test]
fn what_is_on_its_way_is_no_conflict() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let upts = |bench: &Bench| bench.said(conns[0], |p| matches!(p, Packet::Upt(_)));
    let mut theirs = bench.node.database().sum(None);
    let before = upts(&bench);
    for news in 1..20 {
        theirs.digest.0 ^= news;
        bench.say(conns[0], &Packet::Sum(theirs.clone()));
    }
    assert_eq!(upts(&bench), before);
}

#[test]
fn a_database_too_large_for_one_answer_comes_in_several_and_waits_for_its_reader() {
    use crate::overlay::wire::Ask;
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 0..12_000 {
        bench.record(conns[0], 1_000 + id, &[(2, ListedRole::Out)], 8);
    }
    bench.hang_up(conns[1]);
    let conn = bench.accept(2, Role::Chooser);
    let mut have = 0;
    let mut range = None;
    let mut answers = 0;
    loop {
        let from = bench.peers[&conn].said.len();
        bench.say(conn, &Packet::Ask(Ask { range, have: Have::default() }));
        let said = &bench.peers[&conn].said[from..];
        have += said.iter().filter(|p| matches!(p, Packet::Upt(_))).count();
        answers += 1;
        match said.iter().find_map(|p| if let Packet::Sum(sum) = p { sum.range } else { None }) {
            Some(rest) => range = Some(rest),
            None => break,
        }
    }
    assert_eq!(have, bench.node.database().len(), "all of it and nothing twice, in {answers} answers");
    assert!((3..20).contains(&answers), "{answers}");
    // One who asks and does not read is owed a comparison, and nothing more is queued for it.
    bench.peers.get_mut(&conn).unwrap().stalled = true;
    for _ in 0..100 {
        bench.say(conn, &Packet::Ask(Ask { range: None, have: Have::default() }));
    }
    assert!(!bench.closed(conn));
    assert!(bench.node.conns[&conn].outbox.waiting() < 1 << 20);
}

#[test]
fn databases_are_compared_every_minute() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let sums = |bench: &Bench| bench.said(conns[0], |p| matches!(p, Packet::Sum(_)));
    let before = sums(&bench);
    bench.pass(Duration::from_secs(50));
    assert_eq!(sums(&bench), before + 1, "within a minute of the start");
    bench.pass(Duration::from_secs(600));
    assert!((9..=12).contains(&(sums(&bench) - before)));
}

#[test]
fn who_asked_while_it_read_nothing_gets_a_comparison_once_it_reads_unless_it_was_told_too_much() {
    use crate::overlay::wire::Ask;
    for too_much in [false, true] {
        let (mut bench, conns) = Bench::settled(|_| ());
        for id in 0..6_000 {
            bench.record(conns[0], 1_000 + id, &[(2, ListedRole::Out)], 8);
        }
        bench.hang_up(conns[1]);
        let conn = bench.accept(2, Role::Chooser);
        bench.peers.get_mut(&conn).unwrap().stalled = true;
        for _ in 0..9 {
            bench.say(conn, &Packet::Ask(Ask { range: None, have: Have::default() }));
        }
        if too_much {
            bench.node.answered_with(conn, 1 << 30);
        }
        let sums = |bench: &Bench| bench.said(conn, |p| matches!(p, Packet::Sum(sum) if sum.range.is_none()));
        let before = sums(&bench);
        bench.read_on(conn);
        assert_eq!(sums(&bench) > before, !too_much);
    }
}

#[test]
fn records_that_keys_do_not_tell_apart_are_sent_as_far_as_there_is_room() {
    let told = |room: Option<usize>| {
        let (mut bench, conns) = Bench::settled(|_| ());
        let others = (60..).take(SMALL as usize - bench.node.database().len());
        others.for_each(|id| bench.say(conns[0], &Packet::Upt(record(id, 8))));
        let mut theirs = bench.node.database().sum(None);
        theirs.digest.0 ^= 1;
        bench.say(conns[1], &Packet::Sum(theirs.clone()));
        if let Some(room) = room {
            let all = bench.node.room_to_answer(conns[1]);
            bench.node.answered_with(conns[1], all - room);
        }
        let upts = |bench: &Bench| bench.said(conns[1], |p| matches!(p, Packet::Upt(_)));
        let before = upts(&bench);
        bench.say(conns[1], &Packet::Sum(theirs));
        upts(&bench) - before
    };
    assert_eq!(told(None), SMALL as usize);
    assert!(told(Some(1)) <= 2, "{}", told(Some(1)));
}
