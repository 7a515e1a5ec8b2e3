//! Rings of a few nodes, and what becomes of what they keep.

use super::*;
use crate::mesh::chord::side::position;

#[test]
fn nodes_become_a_ring_and_keep_what_they_are_given() {
    for nodes in [1, 2, 3, 5, 16] {
        let mut town = Town::new(nodes, 5_000, |_| ());
        town.pass(Duration::from_secs(20));
        assert_eq!(town.is_ideal(), Ok(()), "{nodes} nodes");
        for key in 0..20 {
            let kept = town.put(key % nodes, &alloc::format!("key {key}"), key as u64);
            let Outcome::Kept { copies, .. } = kept else { panic!("{nodes} nodes, {key}: {kept:?}") };
            assert_eq!(copies, nodes.min(3), "{nodes} nodes, {key}");
        }
        for key in 0..20 {
            let got = town.get((key + 3) % nodes, &alloc::format!("key {key}"));
            assert_eq!(found(&got), Some(key as u64), "{nodes} nodes, {key}: {got:?}");
        }
        assert_eq!(town.get(0, "none"), Outcome::Absent);
        let kept: usize = town.living().iter().map(|(_, node)| node.shelf.len()).sum();
        assert_eq!(kept, 20 * nodes.min(3));
    }
}

#[test]
fn two_rings_become_one() {
    let mut town = Town::new(12, 5_000, |_| ());
    town.pass(Duration::from_secs(20));
    town.world.partition(|node| node < 5);
    town.pass(Duration::from_secs(120));
    town.world.heal_all();
    town.pass(Duration::from_secs(60));
    assert_eq!(town.is_ideal(), Ok(()));
}

/// All keys from 0 are what they were set to.
fn all_are_found(town: &mut Town, node: usize, keys: u64) {
    for key in 0..keys {
        let got = town.get(node, &alloc::format!("key {key}"));
        assert_eq!(found(&got), Some(key), "key {key} at node {node}: {got:?}");
    }
}

fn fill(town: &mut Town, nodes: usize, keys: usize) {
    for key in 0..keys {
        let kept = town.put(key % nodes, &alloc::format!("key {key}"), key as u64);
        assert!(matches!(kept, Outcome::Kept { copies: 3, .. }), "{kept:?}");
    }
}

#[test]
fn two_neighbours_die_at_once_and_nothing_is_lost() {
    for round in 0..12 {
        let mut town = Town::new(12, 5_000, |_| ());
        town.pass(Duration::from_secs(20));
        fill(&mut town, 12, 40);
        let mut order: Vec<usize> = (0..12).collect();
        order.sort_by_key(|node| position(&id(*node)));
        let dead = [order[round % 12], order[(round + 1) % 12]];
        for node in dead {
            if round % 2 == 0 { town.world.kill(node) } else { town.world.halt(node) }
        }
        let asker = (0..12).find(|node| !dead.contains(node)).unwrap();
        all_are_found(&mut town, asker, 40);
        town.pass(Duration::from_secs(30));
        assert_eq!(town.is_ideal(), Ok(()), "round {round}");
        for (node, chord) in town.living() {
            assert!(chord.ring().is_in_step, "node {node}");
        }
        // Each key has three copies again, and no other.
        town.pass(Duration::from_secs(300));
        let kept: usize = town.living().iter().map(|(_, node)| node.shelf.len()).sum();
        assert_eq!(kept, 40 * 3, "round {round}");
    }
}

#[test]
fn who_joins_takes_over_and_who_leaves_hands_over() {
    let mut town = Town::new(8, 5_000, |_| ());
    town.pass(Duration::from_secs(20));
    fill(&mut town, 8, 60);
    for node in [5, 3, 6, 7, 2, 1] {
        town.world.command(node, Command::Unjoin).unwrap().unwrap();
        town.pass(Duration::from_millis(1_500));
        all_are_found(&mut town, node, 60);
    }
    assert!(town.living()[5].1.shelf.is_empty());
    town.world.command(4, Command::Leave).unwrap().unwrap();
    town.pass(Duration::from_secs(3));
    all_are_found(&mut town, 0, 60);
    for node in [1, 2, 3] {
        town.world.command(node, Command::Join).unwrap().unwrap();
        town.pass(Duration::from_secs(2));
        all_are_found(&mut town, node, 60);
    }
}

#[test]
fn what_is_set_on_both_sides_of_a_cut_has_one_winner() {
    let mut town = Town::new(10, 5_000, |_| ());
    town.pass(Duration::from_secs(20));
    fill(&mut town, 10, 20);
    town.world.partition(|node| node < 4);
    town.pass(Duration::from_secs(60));
    for key in 0..20 {
        let name = alloc::format!("key {key}");
        let left = town.put(1, &name, 1_000 + key);
        assert!(matches!(left, Outcome::Kept { .. }), "{left:?}");
        if key < 10 {
            town.put(7, &name, 2_000 + key);
        } else {
            let (key, policy) = (Bytes::from(name), store::Policy::Memory);
            let gone = town.ask(7, Command::Delete { key, policy, timeout: TIMEOUT });
            assert!(matches!(gone, Outcome::Kept { .. }), "{gone:?}");
        }
    }
    town.world.heal_all();
    town.pass(Duration::from_secs(300));
    assert_eq!(town.is_ideal(), Ok(()));
    for node in 0..10 {
        for key in 0..20 {
            let got = town.get(node, &alloc::format!("key {key}"));
            assert_eq!(found(&got), (key < 10).then_some(2_000 + key), "key {key} at node {node}: {got:?}");
        }
    }
}

#[test]
fn what_was_written_outlives_all_processes_at_once() {
    let mut town = Town::new(6, 5_000, |config| config.durable = true);
    town.pass(Duration::from_secs(20));
    for key in 0..40 {
        let name = alloc::format!("key {key}");
        let command = Command::Put {
            key: Bytes::from(name),
            value: Value::from(key as u64),
            lives: None,
            policy: store::Policy::Written,
            timeout: TIMEOUT,
        };
        let kept = town.ask(key % 6, command);
        assert!(matches!(kept, Outcome::Kept { copies: 3, .. }), "{kept:?}");
    }
    for node in 0..6 {
        town.world.restart(node, sim::Restart::Keeping);
    }
    town.pass(Duration::from_secs(20));
    all_are_found(&mut town, 3, 40);
}

/// A node that starts again finds its ring, and is none of its own meanwhile: what it was given would be kept by it alone.
/// The first one has no address, and begins a ring wherever it starts.
#[test]
fn who_starts_again_is_never_a_ring_of_its_own() {
    for together in 1..4 {
        let mut town = Town::new(16, 5_000, |_| ());
        town.pass(Duration::from_secs(60));
        for first in 1..16 {
            let started: Vec<usize> = (first..16).step_by(4).take(together).collect();
            started.iter().for_each(|node| town.world.restart(*node, sim::Restart::Forgetting));
            for tenth in 0..100 {
                town.pass(Duration::from_millis(100));
                for (node, chord) in town.living() {
                    let is_alone = chord.stores() && chord.circle.member.successors().is_alone();
                    assert!(!is_alone, "node {node} of {started:?} is alone after {tenth} tenths");
                    assert!(tenth < 15 || chord.stores(), "node {node} of {started:?} is in no ring");
                }
            }
        }
        assert_eq!(town.is_ideal(), Ok(()));
    }
}

/// Nodes take no version of a time that has not come. What one with a wrong clock gave is taken back, so that nobody finds
/// what was not acknowledged; and nothing of it is left once the clock is right.
#[test]
fn a_clock_that_is_an_hour_ahead_and_is_set_right() {
    let mut town = Town::new(8, 5_000, |_| ());
    let is_right = |town: &mut Town, node: usize| {
        let shown = town.world.wall_time(0);
        town.world.set_wall_time(node, shown);
    };
    (0..8).for_each(|node| is_right(&mut town, node));
    town.pass(Duration::from_secs(20));
    fill(&mut town, 8, 20);
    let ahead = town.world.wall_time(2) + Duration::from_secs(3_600);
    town.world.set_wall_time(2, ahead);
    let mut refused = Vec::new();
    for key in 0..40 {
        let outcome = town.put(0, &alloc::format!("key {key}"), 1_000 + key);
        if outcome == Outcome::Failed(Failure::Clocks) {
            refused.push(key);
        } else {
            assert!(matches!(outcome, Outcome::Kept { copies: 3, .. }), "key {key}: {outcome:?}");
        }
    }
    assert!(!refused.is_empty() && refused.len() < 20, "{refused:?}");
    town.pass(Duration::from_secs(150));
    for (node, chord) in town.living() {
        assert!(chord.is_in_step(), "node {node}");
    }
    for key in &refused {
        let got = town.get(5, &alloc::format!("key {key}"));
        assert_eq!(found(&got), (*key < 20).then_some(*key), "key {key}: {got:?}");
    }
    is_right(&mut town, 2);
    for key in refused {
        let kept = town.put(4, &alloc::format!("key {key}"), key);
        assert!(matches!(kept, Outcome::Kept { copies: 3, .. }), "key {key}: {kept:?}");
    }
}

/// It is asked for what is kept behind it, and asks those who have it.
#[test]
fn a_node_without_room_finds_what_others_keep() {
    let mut town = Town::new(3, 5_000, |config| {
        if config.mesh.id == Some(id(2)) {
            config.max_records = 5;
        }
    });
    town.pass(Duration::from_secs(5));
    town.world.kill(2);
    town.pass(Duration::from_secs(20));
    for key in 0..30 {
        let kept = town.put(0, &alloc::format!("key {key}"), key);
        assert!(matches!(kept, Outcome::Kept { copies: 2, .. }), "{kept:?}");
    }
    town.world.start(2, town.world.now());
    for seconds in [5, 30, 90] {
        town.pass(Duration::from_secs(seconds));
        (0..3).for_each(|node| all_are_found(&mut town, node, 30));
        let all = town.ask(0, Command::Walk { from: None, values: false, timeout: TIMEOUT });
        assert_eq!(all, Outcome::Failed(Failure::Full));
    }
}
