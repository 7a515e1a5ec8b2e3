//! Claims that somebody is gone.

use super::*;
use crate::overlay::wire::Removal;
use ListedRole::Both;

const VICTIM: u128 = 60;

fn removal(reporter: u128, sequence: u32, victim: u128, victim_key: Key) -> Packet {
    let key = Key { incarnation: 1, sequence };
    Packet::Rmv(Removal::originate(key, name(reporter), NodeId(victim), victim_key))
}

fn is_rmv(packet: &Packet) -> bool {
    matches!(packet, Packet::Rmv(_))
}

fn absent(bench: &Bench, id: u128) -> bool {
    bench.node.database().get(NodeId(id)).is_some_and(crate::overlay::database::Entry::is_absent)
}

/// A settled node that also knows a victim without edges, which answers its probes.
fn bench() -> (Bench, [ConnId; 2], Key) {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.record(conns[0], VICTIM, &[(61, Both)], 8);
    let key = bench.node.database().get(NodeId(VICTIM)).unwrap().key();
    (bench, conns, key)
}

#[test]
fn one_reporter_alone_is_not_believed_and_two_are() {
    let (mut bench, conns, key) = bench();
    bench.say(conns[0], &removal(3, 1, VICTIM, key));
    bench.say(conns[1], &removal(3, 2, VICTIM, key));
    assert!(!absent(&bench, VICTIM), "the same reporter over two links is one");
    bench.say(conns[0], &removal(4, 1, VICTIM, key));
    assert!(absent(&bench, VICTIM));
    let duplicates = bench.node.counters().duplicates;
    bench.say(conns[1], &removal(4, 1, VICTIM, key));
    assert_eq!(bench.node.counters().duplicates, duplicates + 1);
    assert_eq!(bench.said(conns[1], is_rmv), 2, "each of the two is passed on once");
    bench.say(conns[0], &removal(1, 1, VICTIM, key));
    assert_eq!(bench.said(conns[1], is_rmv), 2, "and nothing after them");
    bench.record(conns[0], VICTIM, &[(61, Both)], 8);
    assert!(!absent(&bench, VICTIM), "refuted");
}

#[test]
fn strangers_old_news_and_claims_about_those_with_edges_count_for_nothing() {
    let (mut bench, conns, key) = bench();
    for gone in [72, 73] {
        bench.record(conns[0], gone, &[], 8);
    }
    for reporter in [70, 71, 72, 73, VICTIM] {
        bench.say(conns[0], &removal(reporter, 1, VICTIM, key));
    }
    let older = Key { sequence: key.sequence - 1, ..key };
    for reporter in [3, 4] {
        bench.say(conns[0], &removal(reporter, 2, VICTIM, older));
    }
    assert!(!absent(&bench, VICTIM));
    assert_eq!(bench.said(conns[1], is_rmv), 0);
    let key = bench.node.database().get(NodeId(4)).unwrap().key();
    for reporter in [1, 2, 3] {
        bench.say(conns[0], &removal(reporter, 3, 4, key));
    }
    assert!(!absent(&bench, 4), "edges lead to it, and routes go there");
}

#[test]
fn who_answered_lately_is_not_taken_for_absent() {
    let (mut bench, conns, key) = bench();
    bench.pass(Duration::from_secs(36));
    for reporter in [3, 4] {
        bench.say(conns[0], &removal(reporter, 1, VICTIM, key));
    }
    assert!(!absent(&bench, VICTIM));
}

#[test]
fn a_victim_refutes_once_and_not_what_it_has_refuted() {
    let (mut bench, conns, _) = bench();
    bench.pass(Duration::from_secs(5));
    let key = |bench: &Bench| bench.node.database().get(NodeId(ME)).unwrap().key();
    let first = key(&bench);
    let older = Key { sequence: first.sequence - 1, ..first };
    bench.say(conns[0], &removal(3, 40, ME, older));
    assert_eq!(key(&bench), first, "its record says so already");
    bench.say(conns[0], &removal(3, 1, ME, first));
    assert!(key(&bench) > first);
    let refuted = key(&bench);
    for sequence in 2..20 {
        bench.say(conns[0], &removal(3, sequence, ME, first));
        bench.say(conns[0], &removal(4, sequence, ME, refuted));
    }
    assert_eq!(key(&bench), refuted, "once in a while is enough");
}

#[test]
fn who_passes_on_a_claim_pays_for_what_is_said_against_it() {
    let (mut bench, conns, _) = bench();
    bench.pass(Duration::from_secs(5));
    let own = bench.node.database().get(NodeId(ME)).unwrap();
    let (claim, body) = (removal(3, 1, ME, own.key()), own.upt().body.len());
    let before = bench.node.room_to_answer(conns[0]);
    bench.say(conns[0], &claim);
    let after = bench.node.room_to_answer(conns[0]);
    assert!(after + conns.len() * body <= before + 3 * claim.emit().len(), "{before} and {after}");
}

#[test]
fn who_is_silent_without_edges_is_reported_once() {
    let (mut bench, conns, _) = bench();
    bench.silent.insert(VICTIM);
    for _ in 0..30 {
        bench.pass(Duration::from_secs(10));
        bench.record(conns[0], 1, &[(2, Both), (3, Both), (4, Both), (ME, ListedRole::In)], 8);
        while bench.dialled().contains(&VICTIM) {
            bench.refuse_dial(VICTIM);
        }
    }
    assert!(absent(&bench, VICTIM));
    let reports = [bench.said(conns[0], is_rmv), bench.said(conns[1], is_rmv)];
    assert_eq!(reports, [1, 1]);
}

#[test]
fn those_gone_at_once_are_told_of_bit_by_bit() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 200..230 {
        bench.silent.insert(id);
        bench.record(conns[0], id, &[(99, Both)], 8);
    }
    for id in 200..230 {
        bench.node.gone(NodeId(id));
        bench.drain();
    }
    assert_eq!((0..30).filter(|n| absent(&bench, 200 + n)).count(), 30);
    assert_eq!(bench.said(conns[1], is_rmv), 8);
}

#[test]
fn what_enough_have_said_is_not_said_again() {
    let (mut bench, conns, key) = bench();
    // Its answers contradict what is claimed, so that it is not believed yet.
    bench.pass(Duration::from_secs(10));
    bench.say(conns[0], &removal(3, 1, VICTIM, key));
    bench.say(conns[0], &removal(4, 1, VICTIM, key));
    let said = bench.said(conns[1], is_rmv);
    bench.node.gone(NodeId(VICTIM));
    bench.drain();
    assert!(absent(&bench, VICTIM));
    assert_eq!(bench.said(conns[1], is_rmv), said);
}
