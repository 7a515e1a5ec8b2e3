//! Suits: whom the node asks for a link, how long it waits, and who comes next.

use super::*;
use crate::overlay::database::LinkMode;

const PATIENCE: Duration = Duration::from_secs(16);

#[test]
fn who_answered_lately_is_dialled_at_once_and_others_are_probed_first() {
    let (mut bench, conns) = Bench::settled(|config| config.links = LinkMode::Directed);
    bench.record(conns[0], 9, &[(1, ListedRole::Both)], 8);
    bench.silent.insert(9);
    bench.pass(Duration::from_secs(2));
    bench.node.court(NodeId(9), None);
    bench.drain();
    assert_eq!(bench.dialled(), [], "it has not answered yet");
    bench.silent.clear();
    bench.node.probe(NodeId(3));
    bench.drain();
    bench.pass(Duration::from_secs(2));
    bench.silent.insert(3);
    bench.node.court(NodeId(3), None);
    bench.drain();
    assert!(bench.dialled().contains(&3), "its answer is fresh");
    bench.silent.insert(4);
    bench.pass(Duration::from_secs(4));
    bench.node.court(NodeId(4), None);
    bench.drain();
    assert!(!bench.dialled().contains(&4), "its answer is old");
}

#[test]
fn a_suit_without_an_answer_is_over_after_its_patience() {
    let (mut bench, _) = Bench::settled(|config| config.links = LinkMode::Directed);
    bench.node.court(NodeId(3), None);
    bench.drain();
    bench.pass(PATIENCE - Duration::from_millis(300));
    assert!(bench.node.choosing.courts(NodeId(3)));
    bench.pass(Duration::from_millis(400));
    assert!(!bench.node.choosing.courts(NodeId(3)) && bench.node.choosing.refused.contains(&NodeId(3)));
}

#[test]
fn a_role_refused_on_an_open_link_ends_the_suit_and_not_the_link() {
    let (mut bench, _) = Bench::settled(|config| config.links = LinkMode::Directed);
    let conn = bench.accept(50, Role::Chooser);
    bench.node.court(NodeId(50), None);
    bench.nack(conn, &[]);
    assert!(!bench.node.choosing.courts(NodeId(50)) && !bench.closed(conn));
    assert_eq!(bench.chosen(), [1, 2]);
    bench.greet(conn, Role::Chosen);
    assert_eq!(bench.said(conn, is_trd), 1, "granted after all, and too late");
}

#[test]
fn after_so_many_refusals_nobody_is_tried_until_the_epoch() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 10..40 {
        bench.record(conns[1], id, &[(2, ListedRole::Both), (3, ListedRole::Both)], 8);
    }
    bench.node.choosing.refused.clear();
    bench.hang_up(conns[0]);
    let mut refusals = 0;
    for _ in 0..50 {
        bench.pass(Duration::from_millis(200));
        for id in bench.dialled() {
            bench.refuse_dial(id);
            refusals += 1;
        }
    }
    assert_eq!(refusals, 9);
}

#[test]
fn a_place_that_is_courted_for_is_not_filled_twice() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.hang_up(conns[0]);
    bench.pass(Duration::from_secs(2));
    let courted = bench.dialled();
    assert_eq!(courted.len(), 1);
    bench.node.repair();
    bench.drain();
    assert_eq!(bench.dialled(), courted);
    bench.hang_up(conns[1]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled().len(), 2, "each lost place is courted for once");
}

#[test]
fn a_suit_that_replaces_a_living_link_fills_no_lost_place() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.hang_up(conns[1]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [2, 3], "one for the living link and one for the lost one");
}

#[test]
fn a_suit_that_replaces_a_silent_neighbour_fills_its_place() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.silent.insert(1);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [3], "there is one place");
}

#[test]
fn a_new_link_is_told_of_once_that_is_allowed() {
    let delay = Duration::from_secs(4);
    let (mut bench, _) = Bench::settled(|config| config.periods.announce_delay = delay);
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    bench.answer(3);
    bench.pass(delay - Duration::from_millis(100));
    assert_eq!(bench.lists(), [1, 2]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.lists(), [1, 2, 3]);
}

#[test]
fn with_directed_links_the_other_end_lists_only_who_chose_it() {
    let (mut bench, conns) = Bench::settled(|config| config.links = LinkMode::Directed);
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    let new = bench.answer(3);
    bench.pass(Duration::from_secs(1));
    bench.record(new, 3, &[(ME, ListedRole::Out)], 8);
    bench.pass(Duration::from_secs(3));
    assert!(!bench.closed(conns[0]), "that 3 chose this node says nothing of this node's choice");
    bench.record(new, 3, &[(ME, ListedRole::Both)], 8);
    bench.pass(Duration::from_secs(3));
    assert!(bench.closed(conns[0]));
}
