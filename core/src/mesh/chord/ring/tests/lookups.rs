//! Lookups in rings at rest, and past nodes that are dead.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use crate::kernel::{Seed, Streams};
use crate::mesh::chord::ring::network::Still;
use crate::mesh::chord::ring::{Admission, Member, Position, Route, Space};

fn brute_force(nodes: &[u8], key: u8) -> u8 {
    *nodes.iter().min_by_key(|node| key.distance(**node)).expect("some")
}

proptest! {
    #[test]
    fn a_lookup_comes_nearer_and_ends_at_the_owner(nodes in btree_set(any::<u8>(), 1..30), from in any::<prop::sample::Index>(), key: u8) {
        let nodes: Vec<u8> = nodes.into_iter().collect();
        let ring = Still::<u8, 3>::new(nodes.clone());
        let (owner, hops) = ring.look_up(from.index(nodes.len()), key);
        prop_assert_eq!(owner, brute_force(&nodes, key));
        prop_assert!(hops.is_some_and(|hops| hops <= nodes.len()));
    }

    #[test]
    fn fingers_are_the_owners_of_powers(nodes in btree_set(any::<u8>(), 2..30)) {
        let nodes: Vec<u8> = nodes.into_iter().collect();
        for member in Still::<u8, 3>::new(nodes.clone()).members() {
            let (me, first) = (member.me(), member.successors().first());
            let mut fingers: Vec<u8> = (0..8).map(|bit| brute_force(&nodes, me.ahead(bit))).collect();
            fingers.retain(|finger| ![me, first].contains(finger));
            fingers.dedup();
            prop_assert!(member.fingers().eq(fingers));
        }
    }

    /// Whatever is said of fingers, there is one at most for each length of distance.
    #[test]
    fn fingers_are_bounded(me: u8, said in vec((0..8_u32, any::<u8>()), 0..100)) {
        let mut member = Member::<u8, 3>::alone(me);
        for (bit, node) in said {
            member.finger(me.ahead(bit), node);
            let lengths: Vec<u32> = member.fingers().map(|finger| me.distance(finger).bits()).collect();
            prop_assert!(lengths.windows(2).all(|pair| pair[0] < pair[1]) && !lengths.contains(&0), "{:?}", lengths);
        }
    }

    #[test]
    fn replicas_are_the_owner_and_those_behind_it(nodes in btree_set(any::<u8>(), 1..12), key: u8, count in 1..5_usize) {
        let nodes: Vec<u8> = nodes.into_iter().collect();
        let owner = nodes.iter().position(|node| *node == brute_force(&nodes, key)).expect("it is one of them");
        let all: Vec<u8> = nodes.iter().cycle().skip(owner).take(count.min(nodes.len())).copied().collect();
        for member in Still::<u8, 3>::new(nodes.clone()).members() {
            let known = member.replicas_of(key, count);
            let near = member.me() == all[0] || member.successors().nodes().any(|node| node == all[0]);
            prop_assert_eq!(known.is_some(), near);
            let known = known.unwrap_or_default();
            prop_assert!(all.starts_with(&known));
            prop_assert!(member.me() != all[0] || known.len() == all.len().min(4), "the owner knows them");
        }
    }

    #[test]
    fn a_way_around_the_dead_comes_nearer(nodes in btree_set(any::<u8>(), 2..30), dead in btree_set(any::<u8>(), 0..200), key: u8) {
        let ring = Still::<u8, 3>::new(nodes.into_iter().collect());
        for member in ring.members().iter().filter(|member| !dead.contains(&member.me())) {
            match member.route_around(key, |node| dead.contains(&node)) {
                Some(Route::Ask(next)) => prop_assert!(next.between(member.me(), key) && !dead.contains(&next)),
                Some(Route::Owner(owner)) => prop_assert!(!dead.contains(&owner)),
                None => prop_assert!(member.successors().nodes().all(|node| dead.contains(&node))),
            }
        }
    }

    #[test]
    fn who_joins_finds_its_place(nodes in btree_set(any::<u8>(), 1..30), from in any::<prop::sample::Index>(), joining: u8) {
        let nodes: Vec<u8> = nodes.into_iter().collect();
        let ring = Still::<u8, 3>::new(nodes.clone());
        let mut at = &ring.members()[from.index(nodes.len())];
        let place = loop {
            match at.admit(joining) {
                Admission::Here(snapshot) => break Some(snapshot.of()),
                Admission::Taken => break None,
                Admission::Ask(next) => {
                    prop_assert!(next.between(at.me(), joining));
                    at = ring.members().iter().find(|member| member.me() == next).expect("a member");
                }
            }
        };
        let before = nodes.iter().copied().min_by_key(|node| node.distance(joining));
        prop_assert_eq!(place, if nodes.contains(&joining) { None } else { before });
    }
}

#[test]
fn a_lookup_takes_half_the_logarithm_of_steps() {
    let mut rng = Streams::new(Seed::from_u64(1)).named("hops");
    let mut drawn = || Position::of(&[rng.u128(), rng.u128(), rng.u128()].map(u128::to_be_bytes).concat());
    let ring = Still::<Position, 3>::new((0..500).map(|_| drawn()).collect());
    let lookups = (0..5_000).map(|number| (number % 500, drawn()));
    let hops = lookups.map(|(from, key)| {
        let (owner, hops) = ring.look_up(from, key);
        assert_eq!(owner, ring.owner(key));
        hops.expect("each step comes nearer")
    });
    let mean = hops.sum::<usize>() as f64 / 5_000.0;
    assert!((3.0..=500_f64.log2() / 2.0 + 1.0).contains(&mean), "{mean}");
}
