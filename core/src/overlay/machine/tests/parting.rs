//! Links that end under load: what was queued, or under way, arrives.

use super::pressure::{relay, send};
use super::*;
use crate::kernel::Machine;
use crate::overlay::event::Command;
use crate::overlay::wire::{DataHead, Flow};

fn data(packet: &Packet) -> bool {
    matches!(packet, Packet::Dat(DataHead { flow: Flow::Data(_), .. }))
}

fn lingering() -> (Bench, [ConnId; 2]) {
    let (mut bench, conns) = Bench::settled(|_| ());
    conns.iter().for_each(|conn| bench.peers.get_mut(conn).unwrap().lingers = true);
    (bench, conns)
}

fn lost(bench: &Bench) -> bool {
    bench.events.iter().any(|event| matches!(event, Event::Undelivered { .. }))
}

#[test]
fn what_the_other_end_had_queued_is_passed_on_after_a_link_is_given_up() {
    let (mut bench, conns) = lingering();
    bench.node.teardown(NodeId(1), Reason::Replaced);
    bench.drain();
    assert!(bench.node.neighbors().iter().all(|n| n.id != NodeId(1)), "no route leads over it");
    for number in 0..100 {
        relay(&mut bench, conns[0], 1, 2, number);
    }
    relay(&mut bench, conns[0], 1, ME, 100);
    assert_eq!(bench.said(conns[1], data), 100);
    assert!(bench.events.iter().any(|event| matches!(event, Event::Delivered { .. })));
    assert!(!bench.closed(conns[0]));
    bench.say(conns[0], &last_word(1));
    assert!(bench.closed(conns[0]));
}

#[test]
fn the_last_word_goes_behind_what_is_queued_and_the_end_waits_for_both() {
    let (mut bench, _) = Bench::settled(|_| ());
    let chooser = bench.accept(50, Role::Chooser);
    bench.record(chooser, 50, &[(ME, ListedRole::Out)], 8);
    bench.pass(BEAT);
    let peer = bench.peers.get_mut(&chooser).unwrap();
    (peer.lingers, peer.stalled) = (true, true);
    for _ in 0..10 {
        send(&mut bench, 50).unwrap();
    }
    bench.tear_down(chooser);
    bench.say(chooser, &last_word(50));
    assert!(!bench.closed(chooser), "the node has something to say");
    bench.read_on(chooser);
    assert!(bench.closed(chooser) && !lost(&bench));
    assert_eq!(bench.said(chooser, data), 7, "the driver had three");
    assert!(bench.peers[&chooser].said.last().is_some_and(is_last_word));
}

#[test]
fn who_never_says_the_last_word_is_waited_for_five_seconds() {
    let (mut bench, conns) = lingering();
    bench.node.teardown(NodeId(1), Reason::Replaced);
    bench.pass(Duration::from_millis(4_900));
    assert!(!bench.closed(conns[0]));
    bench.pass(Duration::from_millis(200));
    assert!(bench.closed(conns[0]));
}

#[test]
fn who_leaves_is_parted_from_though_it_was_chosen() {
    let (mut bench, conns) = lingering();
    bench.say(conns[0], &Packet::Trd(Teardown { node: name(1), reason: Some(Reason::Leaving) }));
    assert_eq!(bench.said(conns[0], is_last_word), 1);
    assert!(bench.node.neighbors().iter().all(|n| n.id != NodeId(1)) && !bench.closed(conns[0]));
    bench.say(conns[0], &last_word(1));
    assert!(bench.closed(conns[0]));
}

#[test]
fn who_has_left_passes_on_what_its_neighbours_had_for_others() {
    let (mut bench, conns) = lingering();
    bench.node.command(bench.now, Command::Leave).unwrap();
    bench.drain();
    relay(&mut bench, conns[0], 1, 2, 1);
    bench.pass(Duration::from_millis(600));
    relay(&mut bench, conns[0], 1, 2, 2);
    assert_eq!(bench.said(conns[1], data), 2);
    for (id, conn) in [(1, conns[0]), (2, conns[1])] {
        assert!(!bench.closed(conn));
        bench.say(conn, &last_word(id));
        assert!(bench.closed(conn));
    }
    assert!(bench.events.contains(&Event::Left));
}

#[test]
fn only_so_many_connections_part_at_a_time() {
    let (mut bench, _) = Bench::settled(|_| ());
    let mut conns = Vec::new();
    for id in 1_000..2_100 {
        let conn = bench.accept(id, Role::Chooser);
        bench.peers.get_mut(&conn).unwrap().lingers = true;
        bench.tear_down(conn);
        conns.push(conn);
    }
    assert_eq!(conns.iter().filter(|conn| !bench.closed(**conn)).count(), 1_024);
    assert!(bench.closed(conns[0]));
}
