//! One node.

use crate::kernel::{Seed, Streams};
use crate::mesh::chord::ring::network::{Network, Queries, Step};
use crate::mesh::chord::ring::{Action, Disorder, Member, Range, Snapshot, Successors};

type Small = Member<u8, 3>;

fn list(owner: u8, nodes: &[u8]) -> Successors<u8, 3> {
    Successors::checked(owner, nodes).expect("a list")
}

fn snapshot(owner: u8, predecessor: u8, nodes: &[u8]) -> Snapshot<u8, 3> {
    Snapshot { predecessor: Some(predecessor), successors: list(owner, nodes) }
}

/// Behind 10 in a ring of four.
fn member() -> Small {
    let mut member = Small::alone(20);
    let range = Range { after: 20, to: 20 };
    let joined = member.join(&snapshot(10, 200, &[100, 200, 10]));
    assert_eq!(joined[..], [Action::Range(range, Range { after: 10, to: 20 })]);
    member
}

#[test]
fn lists_that_no_node_has_are_refused() {
    let checked = Successors::<u8, 3>::checked;
    assert_eq!(checked(0, &[]), Err(Disorder::Empty));
    assert_eq!(checked(0, &[1, 2, 3, 4]), Err(Disorder::Long(3)));
    for nodes in [&[2, 1][..], &[1, 1], &[0, 1], &[1, 0, 2], &[0, 0]] {
        assert_eq!(checked(0, nodes), Err(Disorder::Order), "{nodes:?}");
    }
    for nodes in [&[0][..], &[1], &[1, 0], &[200, 0], &[1, 2, 3], &[1, 2, 0]] {
        assert!(checked(0, nodes).is_ok_and(|list| list.nodes().eq(nodes.iter().copied())), "{nodes:?}");
    }
}

#[test]
fn a_list_ends_where_it_comes_round() {
    assert_eq!(*member().successors(), list(20, &[100, 200, 10]));
    let mut second = Small::alone(20);
    second.join(&snapshot(10, 10, &[10]));
    assert_eq!(*second.successors(), list(20, &[10, 20]), "two in all");
    second.stabilise();
    second.answered(&snapshot(10, 10, &[100, 10]));
    assert_eq!(*second.successors(), list(20, &[10, 20]), "100 is behind 10 and ahead of it: it was passed");
}

#[test]
fn nothing_is_joined_where_there_is_no_place() {
    let mut member = Small::alone(20);
    assert!(member.join(&snapshot(30, 10, &[100, 200])).is_empty());
    assert!(member.join(&snapshot(20, 10, &[100, 200])).is_empty());
    assert_eq!(member, Small::alone(20));
}

#[test]
fn a_predecessor_is_replaced_by_a_nearer_one_or_when_it_is_dead() {
    let mut member = member();
    let range = |after| Range { after, to: 20 };
    assert_eq!(member.notified(15)[..], [Action::Range(range(10), range(15))]);
    assert_eq!(member.notified(12)[..], [Action::Ask(15)], "is it still there?");
    assert_eq!(member.notified(11)[..], [Action::Ask(15)]);
    let (mut living, mut dead) = (member.clone(), member);
    living.answered(&snapshot(15, 12, &[20, 100]));
    assert_eq!(living.failed(15)[..], [], "nobody waits for its place");
    assert_eq!((living.predecessor(), living.range()), (None, range(15)));
    assert_eq!(living.notified(11)[..], [Action::Range(range(15), range(11))]);
    assert_eq!(dead.failed(15)[..], [Action::Range(range(15), range(12))], "12 is nearer than 11");
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    let mut member = member();
    let before = member.clone();
    assert!(member.answered(&snapshot(100, 50, &[150, 200])).is_empty());
    assert_eq!(member, before);
    assert_eq!(member.stabilise()[..], [Action::Ask(100)]);
    assert!(member.answered(&snapshot(99, 50, &[150, 200])).is_empty());
    assert_eq!(member.answered(&snapshot(100, 50, &[150, 200]))[..], [Action::Ask(50)]);
    assert_eq!(member.stabilise()[..], [Action::Ask(50)], "the same again");
    assert!(member.answered(&snapshot(100, 30, &[110, 120])).is_empty());
    assert_eq!(member.answered(&snapshot(50, 20, &[100, 150]))[..], [Action::Notify(50)]);
    assert_eq!(*member.successors(), list(20, &[50, 100, 150]));
}

#[test]
fn who_leaves_hands_over_and_tells_both_neighbours() {
    let range = Range { after: 10, to: 20 };
    let actions = member().leave();
    assert_eq!(
        actions[..],
        [Action::HandOver(100, range), Action::Goodbye(100, Some(10)), Action::Goodbye(10, None)]
    );
    assert!(Small::alone(20).leave().is_empty());
    let mut next = Small::alone(100);
    next.join(&snapshot(20, 10, &[200, 10, 20]));
    let actions = next.departed(20, Some(10));
    assert_eq!(actions[..], [Action::Range(Range { after: 20, to: 100 }, Range { after: 10, to: 100 })]);
}

#[test]
fn who_loses_all_successors_says_so_and_goes_on_with_a_finger() {
    let mut member = Small::alone(20);
    member.join(&snapshot(10, 200, &[100, 110, 120]));
    member.finger(20_u8.wrapping_add(128), 160);
    member.failed(100);
    member.failed(120);
    assert_eq!(member.failed(110)[..], [Action::Lost, Action::Notify(160)]);
    assert_eq!(*member.successors(), list(20, &[160]));
    assert_eq!(member.failed(160)[..], [Action::Lost, Action::Notify(10)], "its predecessor is left");
    let whole = Range { after: 20, to: 20 };
    assert_eq!(member.failed(10)[..], [Action::Lost, Action::Range(Range { after: 10, to: 20 }, whole)]);
    assert!(member.successors().is_alone() && member.predecessor().is_none());
}

/// What no promise holds for: living nodes that others take for dead. A ring of which each list still has an entry heals.
#[test]
fn who_was_taken_for_dead_comes_back() {
    let mut rng = Streams::new(Seed::from_u64(1)).named("suspected");
    let (mut ideal, cases) = (0, 2_000);
    for _ in 0..cases {
        let mut network = Network::<u8, 3>::grown(&[0, 30, 60, 90, 120, 150, 180], Queries::Messages);
        for _ in 0..4 {
            let nodes: Vec<u8> = network.nodes().collect();
            let (node, suspect) = (nodes[rng.index(7)], nodes[rng.index(7)]);
            network.take(Step::Hear(node, suspect));
        }
        ideal += u32::from(network.settle().is_some() && network.is_ideal());
    }
    assert_eq!(ideal, cases);
}
