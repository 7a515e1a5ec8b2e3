//! Each oracle names what is wrong: with members of different worlds, of different moments, or with some left out.

use alloc::vec;

use super::*;
use crate::kernel::{Seed, Time};
use crate::overlay::config::Config;
use crate::overlay::machine::RouteView;
use crate::overlay::scenario::Scenario;
use crate::overlay::wire::Network;
use crate::sim::{World, address};

type Overlays = World<Overlay>;

/// An overlay of so many nodes, so many seconds after they began.
fn world(nodes: usize, seed: u64, seconds: u64) -> Overlays {
    let mut world =
        Scenario { seed, joins: vec![core::time::Duration::ZERO; nodes], ..Scenario::calm() }.world();
    pass(&mut world, seconds);
    world
}

fn pass(world: &mut Overlays, seconds: u64) {
    world.run_until(world.now() + core::time::Duration::from_secs(seconds), |_, _, _| ());
}

fn member(world: &Overlays, node: usize) -> Member<'_> {
    (node, world.machine(node).expect("a node that runs"))
}

fn members<'a>(world: &'a Overlays, nodes: &[usize]) -> Vec<Member<'a>> {
    nodes.iter().map(|node| member(world, *node)).collect()
}

fn rules() -> Rules {
    Rules { links: LinkMode::Mutual, k: Some(2), in_degree: None, guests: 0, connects: true }
}

/// Two nodes of a world without a link between them.
fn strangers(world: &Overlays) -> [usize; 2] {
    let linked = |a, b| member(world, a).1.neighbors().iter().any(|n| Some(n.id) == member(world, b).1.id());
    let mut pairs = (0..world.len() - 1).flat_map(|a| (0..a).map(move |b| [a, b]));
    pairs.find(|[a, b]| !linked(*a, *b)).expect("not everybody is linked")
}

#[test]
fn an_overlay_at_rest_is_as_it_should_be() {
    let world = world(8, 1, 180);
    let everybody = members(&world, &[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(all(&everybody, &rules()), Ok(()));
    assert_eq!(views(&everybody, LinkMode::Mutual), Ok(()));
}

#[test]
fn whoever_does_not_run_is_named() {
    let network = Network::new("idle").unwrap();
    let overlay = Overlay::new(Config::new(Seed::from_u64(1), network, address(0))).unwrap();
    assert_eq!(databases(&[(4, &overlay)]), Err(Difference::Idle { node: 4 }));
    assert_eq!(all(&[(4, &overlay)], &rules()), Err(Difference::Idle { node: 4 }));
}

#[test]
fn a_missing_record_is_named() {
    let (one, other) = (world(2, 1, 30), world(2, 2, 30));
    let apart = [member(&one, 0), member(&other, 1)];
    assert_eq!(databases(&apart), Err(Difference::Missing { node: 0, of: 1 }));
    assert_eq!(routes(&apart, LinkMode::Mutual), Err(Difference::Missing { node: 0, of: 1 }));
    assert_eq!(reachability(&apart, LinkMode::Mutual), Err(Difference::Unreachable { from: 0, to: 1 }));
}

#[test]
fn an_older_record_is_named() {
    let (early, late) = (world(4, 1, 100), world(4, 1, 200));
    let found = databases(&[member(&early, 0), member(&late, 1)]);
    let Err(Difference::Record { node, of, has, own }) = found else { panic!("{found:?}") };
    assert_eq!((node, of), (0, 1));
    assert!(has.0 < own.0, "{has:?} {own:?}");
}

/// The record of one who is gone may be older in one database than in another, for a moment.
#[test]
fn different_records_of_one_who_is_gone_are_named() {
    let (mut early, mut late) = (world(4, 1, 100), world(4, 1, 101));
    let gone = (0..90).find_map(|_| {
        let found = databases(&[member(&early, 0), member(&late, 1)]);
        pass(&mut early, 1);
        pass(&mut late, 1);
        matches!(found, Err(Difference::Gone { .. })).then_some(found)
    });
    let Some(Err(Difference::Gone { one, other, gone })) = gone else { panic!("{gone:?}") };
    assert_eq!((one, other), (0, 1));
    assert!([2, 3].map(|node| member(&early, node).1.id()).contains(&Some(gone)));
}

#[test]
fn one_who_is_marked_absent_is_named() {
    let (before, mut after) = (world(4, 1, 100), world(4, 1, 100));
    after.halt(3);
    let found = (0..200).map(|_| {
        pass(&mut after, 1);
        databases(&[member(&after, 0), member(&before, 3)])
    });
    let absent = Err(Difference::Absent { node: 0, of: 3 });
    assert!(found.into_iter().any(|found| found == absent));
}

#[test]
fn members_without_a_path_between_them_are_named() {
    let world = world(8, 1, 180);
    let [a, b] = strangers(&world);
    let apart = members(&world, &[a, b]);
    assert_eq!(reachability(&apart, LinkMode::Mutual), Err(Difference::Unreachable { from: a, to: b }));
    let found = routes(&apart, LinkMode::Mutual);
    assert!(
        matches!(found, Err(Difference::Route { from, to, told: Some(_), shortest: None }) if [from, to] == [a, b]),
        "{found:?}"
    );
}

/// Links that are used both ways are not all used if each were used one way alone.
#[test]
fn a_path_that_is_not_the_shortest_is_named() {
    let world = world(8, 1, 180);
    let everybody = members(&world, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let found = views(&everybody, LinkMode::Directed);
    assert!(matches!(found, Err(Difference::View { .. })), "{found:?}");
    let found = routes(&everybody, LinkMode::Directed);
    assert!(matches!(found, Err(Difference::Route { .. })), "{found:?}");
    let found = all(&everybody, &Rules { links: LinkMode::Directed, ..rules() });
    assert!(found.is_err(), "{found:?}");
}

/// Somebody whose routes cost something else than they would if links were used one way alone, and all begin as they would.
#[test]
fn a_wrong_cost_is_named_where_the_first_hop_is_right() {
    let found = (1..40).any(|seed| {
        let world = world(6, seed, 120);
        (0..6).any(|node| {
            let (_, one) = member(&world, node);
            let truth = Paths::among(one.database().entries().collect(), LinkMode::Directed);
            let at = |id: NodeId| truth.ids.iter().position(|other| *other == id).expect("a record");
            let me = at(one.id().expect("it runs"));
            let right = |route: &RouteView| truth.begins_shortest(me, at(route.id), route.next_hop);
            let routes = one.routes();
            let wrong = routes.iter().any(|route| route.cost != truth.distances[me][at(route.id)]);
            let suits = wrong && routes.iter().all(right);
            assert!(!suits || views(&[(node, one)], LinkMode::Directed).is_err(), "seed {seed}, node {node}");
            suits
        })
    });
    assert!(found, "nobody to try it with");
}

#[test]
fn too_many_links_are_named() {
    let world = world(8, 1, 180);
    let everybody = members(&world, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let chosen = |node: &Member<'_>| node.1.neighbors().iter().filter(|n| n.mine == Mine::Chosen).count();
    let choosers = |node: &Member<'_>| node.1.neighbors().iter().filter(|n| chose_me(n)).count();
    let most = everybody.iter().map(chosen).max().unwrap();
    let of = |k| degrees(&everybody, &Rules { k: Some(k), ..rules() });
    assert_eq!(of(most), Ok(()));
    let found = of(most - 1);
    assert!(
        matches!(found, Err(Difference::OutDegree { chosen, allowed, .. }) if chosen == most && allowed + 1 == most)
    );
    let most = everybody.iter().map(choosers).max().unwrap();
    let of = |cap| degrees(&everybody, &Rules { in_degree: Some(cap), ..rules() });
    assert_eq!(of(most), Ok(()));
    let found = of(most - 1);
    assert!(
        matches!(found, Err(Difference::InDegree { choosers, guests: 0, .. }) if choosers == most),
        "{found:?}"
    );
}

#[test]
fn a_link_to_one_who_is_no_member_is_named() {
    let world = world(8, 1, 180);
    let found = agreement(&members(&world, &[0]));
    let Err(Difference::Stranger { node: 0, peer }) = found else { panic!("{found:?}") };
    assert!(member(&world, 0).1.neighbors().iter().any(|n| n.id == peer));
}

#[test]
fn two_ends_that_disagree_are_named() {
    let (settled, begun) = (world(2, 1, 60), world(2, 1, 0));
    let found = agreement(&[member(&settled, 0), member(&begun, 1)]);
    assert!(matches!(found, Err(Difference::Stranger { .. })), "{found:?}");
    let mut begun = begun;
    while member_id(&begun, 1).is_none() {
        begun.step(Time::from_secs(1));
    }
    let found = agreement(&[member(&settled, 0), member(&begun, 1)]);
    assert!(
        matches!(found, Err(Difference::Disagreement { node: 0, peer: 1, heard: false, .. })),
        "{found:?}"
    );
}

fn member_id(world: &Overlays, node: usize) -> Option<NodeId> {
    member(world, node).1.id()
}

#[test]
fn the_oracle_finds_the_way_around() {
    let edges = vec![vec![None, Some(10), Some(50)], vec![None, None, Some(10)], vec![Some(7), None, None]];
    let ids = vec![NodeId(1), NodeId(2), NodeId(3)];
    let mut paths = Paths { ids, distances: edges.clone(), edges };
    paths.floyd_warshall();
    assert_eq!(paths.distances[0], [Some(0), Some(10), Some(20)]);
    assert_eq!(paths.distances[1], [Some(17), Some(0), Some(10)]);
    assert!(paths.begins_shortest(0, 2, Some(NodeId(2))));
    assert!(!paths.begins_shortest(0, 2, Some(NodeId(3))), "the direct edge is longer");
    assert!(!paths.begins_shortest(0, 2, None));
}
