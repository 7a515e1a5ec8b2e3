//! Decisions about more nodes than they have room for, most of them made up.

use super::*;
use crate::overlay::wiring::{DESTINATIONS, HOPS, NODES};
use ListedRole::{Both, In};

const MADE_UP: core::ops::Range<u128> = 1_000..15_000;

/// 1 tells of 14,000 nodes, in a ring of which each links with the eight next to it; with `led`, it owns to a link with one
/// of them.
fn flood(bench: &mut Bench, conn: ConnId, led: bool) {
    let (first, count) = (MADE_UP.start, MADE_UP.end - MADE_UP.start);
    for id in MADE_UP {
        let beside = |off: u128| first + (id - first + count + off - 4) % count;
        let mut links: Vec<_> = (0..9).filter(|off| *off != 4).map(|off| (beside(off), Both)).collect();
        if led && id == first {
            links.push((1, Both));
        }
        bench.record(conn, id, &links, 8);
    }
    if led {
        bench.record(conn, 1, &[(2, Both), (3, Both), (4, Both), (ME, In), (first, Both)], 8);
    }
    assert_eq!(bench.node.database().len(), 14_005);
}

/// 600 of those made up have answered, and those who are there.
fn measure(bench: &mut Bench) {
    for id in (1..5).chain(MADE_UP.take(600)) {
        bench.node.probes.learn(bench.now, NodeId(id));
        bench.node.probe(NodeId(id));
        bench.drain();
    }
}

/// How many nodes the next decision is about: in its graph, destinations, first hops.
fn counts(bench: &mut Bench) -> [usize; 3] {
    let view = bench.node.view().unwrap();
    let count = |flags: &[bool]| flags.iter().filter(|set| **set).count();
    [view.scope.nodes().len(), count(&view.destination), count(&view.candidate)]
}

fn destinations(bench: &mut Bench) -> Vec<u128> {
    let view = bench.node.view().unwrap();
    let places = (0u32..).zip(&view.destination).filter(|(_, set)| **set);
    places.map(|(place, _)| bench.node.database().at(view.scope.dense(place)).id().0).collect()
}

#[test]
fn a_decision_about_everybody_is_about_all_that_are_known() {
    let (mut bench, _) = Bench::settled(|_| ());
    assert_eq!(counts(&mut bench), [5, 4, 4]);
}

#[test]
fn fourteen_thousand_made_up_nodes_are_decided_about_within_the_bounds() {
    let (mut bench, conns) = Bench::settled(|_| ());
    flood(&mut bench, conns[0], true);
    measure(&mut bench);
    let [nodes, wanted, hops] = counts(&mut bench);
    assert!(nodes <= NODES && (DESTINATIONS / 8 * 7..=DESTINATIONS).contains(&wanted));
    assert_eq!(hops, HOPS);
    assert!(destinations(&mut bench).starts_with(&[1, 2, 3, 4]), "who was there before them is there still");
    let before = bench.node.counters().decisions;
    bench.node.decide();
    bench.node.decide_one_link();
    bench.node.refill();
    bench.drain();
    assert!(bench.node.counters().decisions >= before + 2);
    let (kept, routes) = (bench.node.choosing.memory(), bench.node.routing.memory());
    assert!(kept <= 64 << 10 && routes <= 64 << 10, "{kept} and {routes} octets are kept");
}

#[test]
fn who_comes_after_nodes_that_nothing_leads_to_is_decided_about_at_once() {
    let (mut bench, conns) = Bench::settled(|_| ());
    flood(&mut bench, conns[0], false);
    bench.record(conns[1], 9, &[(2, Both)], 8);
    bench.record(conns[1], 2, &[(1, Both), (3, Both), (4, Both), (ME, In), (9, Both)], 8);
    for _ in 0..10 {
        assert!(destinations(&mut bench).starts_with(&[1, 2, 3, 4, 9]));
    }
}

#[test]
fn who_is_cut_off_keeps_its_place_before_those_who_came_later() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let island = 20..25u128;
    for id in island.clone() {
        let links: Vec<_> = island.clone().filter(|other| *other != id).map(|other| (other, Both)).collect();
        bench.record(conns[0], id, &links, 8);
    }
    bench.record(conns[1], 20, &[(2, Both), (21, Both), (22, Both), (23, Both), (24, Both)], 8);
    bench.record(conns[1], 2, &[(1, Both), (3, Both), (4, Both), (ME, In), (20, Both)], 8);
    bench.node.view();
    bench.record(conns[1], 2, &[(1, Both), (3, Both), (4, Both), (ME, In)], 8);
    flood_beside(&mut bench, conns[0]);
    for _ in 0..10 {
        assert!(destinations(&mut bench).starts_with(&[1, 2, 3, 4, 20, 21, 22, 23, 24]));
    }
}

fn flood_beside(bench: &mut Bench, conn: ConnId) {
    for id in MADE_UP.take(2_500) {
        bench.record(conn, id, &[(id - 1, Both), (id + 1, Both)], 8);
    }
}

#[test]
fn of_many_without_an_edge_not_always_the_same_are_asked() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 1_000..1_300 {
        bench.record(conns[0], id, &[(99, Both)], 8);
    }
    let asked: BTreeSet<NodeId> = (0..10).flat_map(|_| bench.node.edgeless()).collect();
    assert!(asked.len() > 200, "{}", asked.len());
    assert_eq!(bench.node.edgeless().len(), 64);
}
