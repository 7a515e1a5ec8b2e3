//! Choices: who is courted when, and what is given up for whom.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Bench, ME, is_trd, name};
use crate::kernel::Machine;
use crate::overlay::database::LinkMode;
use crate::overlay::names::NodeId;
use crate::overlay::wire::{ListedRole, Packet, Role};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_lost_neighbour_is_replaced_within_a_second() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.hang_up(conns[0]);
    assert_eq!(bench.lists(), [2], "unlisted at once");
    bench.pass(SECOND + Duration::from_millis(10));
    assert_eq!(bench.dialled().len(), 1);
    bench.refuse_dial(bench.dialled()[0]);
    bench.pass(SECOND);
    assert_eq!(bench.dialled().len(), 1, "the next best gets the place");
    bench.answer(bench.dialled()[0]);
    assert_eq!(bench.chosen().len(), 2);
}

#[test]
fn who_has_lost_all_is_a_guest_at_once() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.extend([1, 2]);
    bench.pass(Duration::from_secs(2));
    let courted = bench.dialled();
    assert_eq!(courted, [3, 4], "suspected neighbours keep no place");
    let conn = bench.reach(courted[0]);
    let role = bench.peers[&conn].said.iter().find_map(|p| match p {
        Packet::Lnk(greeting) => Some(greeting.role),
        _ => None,
    });
    assert_eq!(role, Some(Role::Guest));
    assert!(!bench.closed(conns[0]), "they may come back");
}

#[test]
fn a_node_that_nobody_chose_for_two_periods_makes_itself_known() {
    let (mut bench, conns) = Bench::settled(|config| config.links = LinkMode::Directed);
    let sums = |bench: &Bench| bench.said(conns[0], |p| matches!(p, Packet::Sum(_)));
    let before = (bench.node.counters().originated, sums(&bench));
    bench.node.choosing.unchosen = 1;
    bench.node.epoch();
    bench.node.originate_if_due();
    bench.drain();
    assert_eq!((bench.node.counters().originated, sums(&bench)), (before.0 + 1, before.1 + 1));
    bench.accept(50, Role::Chooser);
    bench.node.epoch();
    assert_eq!(bench.node.choosing.unchosen, 0);
}

#[test]
fn with_few_nodes_everybody_is_chosen_and_newcomers_as_they_come() {
    let mut bench = Bench::with(|config| config.k = 3);
    bench.node.learn_names(&[name(1).into()]);
    bench.pass(Duration::from_secs(3));
    let first = bench.answer(1);
    bench.record(first, 1, &[(ME, ListedRole::In)], 8);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.chosen(), [1]);
    bench.record(first, 1, &[(ME, ListedRole::In), (2, ListedRole::Out)], 8);
    bench.record(first, 2, &[(1, ListedRole::In)], 8);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [2], "without waiting for the epoch");
    bench.answer(2);
    assert_eq!(bench.chosen(), [1, 2]);
    bench.record(first, 3, &[(1, ListedRole::Both)], 8);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [3], "as many as it chooses");
}

#[test]
fn a_refused_choice_goes_to_the_second_best() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.hang_up(conns[0]);
    bench.pass(SECOND + Duration::from_millis(10));
    let first = bench.dialled()[0];
    let conn = bench.reach(first);
    bench.nack(conn, &[60]);
    bench.pass(SECOND);
    let second = bench.dialled()[0];
    assert_ne!(first, second);
    assert!(bench.node.addresses_of(NodeId(60)).first().is_some(), "an alternative is remembered");
    bench.answer(second);
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.chosen().len(), 2);
    assert!(!bench.dialled().contains(&first), "not asked again before the next epoch");
}

/// The node swaps 1 for 3; the connection to 3, and that to 1.
fn swapping() -> (Bench, crate::kernel::ConnId, crate::kernel::ConnId) {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    bench.pass(Duration::from_millis(300));
    let new = bench.answer(3);
    (bench, new, conns[0])
}

#[test]
fn the_old_link_stays_until_the_other_end_lists_the_new_one() {
    let (mut bench, new, old) = swapping();
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.lists(), [1, 2, 3], "both are listed");
    assert_eq!(bench.said(old, is_trd), 0);
    bench.record(new, 3, &[(ME, ListedRole::In), (2, ListedRole::Both), (4, ListedRole::Both)], 8);
    bench.pass(Duration::from_secs(1));
    assert!(bench.said(old, is_trd) == 1 && bench.closed(old));
    assert_eq!(bench.chosen(), [2, 3]);
}

#[test]
fn a_new_link_that_is_never_listed_gives_way_to_the_old_one() {
    let (mut bench, new, old) = swapping();
    bench.pass(Duration::from_secs(12));
    assert!(bench.closed(new) && !bench.closed(old));
    assert_eq!(bench.chosen(), [1, 2]);
}

#[test]
fn a_new_link_that_breaks_gives_way_to_the_old_one() {
    let (mut bench, new, old) = swapping();
    bench.hang_up(new);
    bench.pass(Duration::from_secs(1));
    assert!(!bench.closed(old));
    assert_eq!(bench.chosen(), [1, 2]);
    assert!(bench.node.choosing.replacements.is_empty());
}

#[test]
fn a_node_that_others_chose_first_measures_and_decides() {
    let mut bench = Bench::with(|config| config.links = LinkMode::Directed);
    let conn = bench.accept(1, Role::Chooser);
    bench.record(conn, 1, &[(ME, ListedRole::Out)], 8);
    bench.pass(Duration::from_secs(6));
    let asked = bench.said(conn, |p| matches!(p, Packet::Lnk(g) if g.role == Role::Chooser));
    assert_eq!(asked, 1, "on the link that is open");
    bench.greet(conn, Role::Chooser);
    assert_eq!(bench.chosen(), [1]);
}

#[test]
fn a_watcher_is_no_company() {
    let mut bench = Bench::new();
    bench.accept(50, Role::Watcher);
    bench.node.learn_names(&[name(1).into()]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [1]);
    let conn = bench.reach(1);
    assert!(bench.said(conn, |p| matches!(p, Packet::Lnk(g) if g.role == Role::Guest)) == 1);
    assert!(bench.node.remembered_contact(NodeId(50)).is_none(), "nobody finds back through a watcher");
}

#[test]
fn nothing_is_asked_for_in_the_past() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.hang_up(conns[0]);
    bench.hang_up(conns[1]);
    for _ in 0..200 {
        bench.pass(Duration::from_millis(330));
        assert!(bench.node.poll_timeout().is_some_and(|wake| wake.at > bench.now));
        for id in bench.dialled() {
            bench.refuse_dial(id);
        }
    }
}

#[test]
fn who_left_or_is_absent_is_no_first_neighbour() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 10..60 {
        bench.record(conns[0], id, &[], 8);
        bench.record(conns[0], id + 100, &[(1, ListedRole::Both)], 8);
        bench.node.mark_absent(NodeId(id + 100));
    }
    bench.silent.extend(110..160);
    conns.into_iter().for_each(|conn| bench.hang_up(conn));
    bench.node.form();
    bench.pass(Duration::from_millis(100));
    let courted: Vec<u128> = bench.node.choosing.suits.keys().map(|id| id.0).collect();
    assert!(courted.len() == 2 && courted.iter().all(|id| *id <= 4), "{courted:?}");
}

#[test]
fn a_second_link_does_not_put_the_first_decision_off() {
    let (mut bench, _) = Bench::settled(|_| ());
    let measured = bench.node.choosing.measured_at;
    bench.accept(50, Role::Chooser);
    assert_eq!(bench.node.choosing.measured_at, measured);
}
