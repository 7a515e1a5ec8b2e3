//! Oracles: every set of links tried, and each set valued by a search of its own.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::super::graph::{Graph, GraphBuilder};
use super::super::names::Cost;
use super::*;
use crate::kernel::{Rng, Seed, Streams};

/// A problem that owns its parts. Node 0 decides.
#[derive(Clone, Debug)]
struct Case {
    graph: Graph,
    delay: Vec<Option<Cost>>,
    candidate: Vec<bool>,
    destination: Vec<bool>,
    free: Vec<u32>,
    current: Vec<u32>,
    k: usize,
    deviation: Vec<u32>,
}

impl Case {
    fn problem(&self) -> Problem<'_> {
        Problem {
            me: 0,
            graph: &self.graph,
            delay: &self.delay,
            candidate: &self.candidate,
            destination: &self.destination,
            free: &self.free,
            current: &self.current,
            k: self.k,
            deviation: &self.deviation,
            grain: 0,
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    (3..9u32, any::<bool>()).prop_flat_map(|(n, mutual)| {
        let nodes = n as usize;
        let others: Vec<u32> = (1..n).collect();
        let edges = prop::collection::vec((0..n, 0..n, 1..20u64), 0..20);
        let delay =
            prop::collection::vec(prop::option::weighted(0.9, (1..20u64).prop_map(Cost::from_micros)), nodes);
        let flags = |p| prop::collection::vec(prop::bool::weighted(p), nodes);
        let free = if mutual { 0..=nodes / 2 } else { 0..=0 };
        let chosen = || 0..=nodes / 2;
        (
            edges,
            delay,
            flags(0.9),
            flags(0.9),
            subsequence(others.clone(), free),
            subsequence(others, chosen()),
            chosen(),
        )
            .prop_map(move |(edges, delay, candidate, destination, free, current, k)| {
                let graph = graph(n, mutual, &edges);
                Case { graph, delay, candidate, destination, free, current, k, deviation: Vec::new() }
            })
    })
}

fn graph(n: u32, mutual: bool, edges: &[(u32, u32, u64)]) -> Graph {
    let mut builder = GraphBuilder::new();
    builder.reset(n as usize);
    for &(u, v, cost) in edges {
        builder.push(u, v, Cost::from_micros(cost));
        if mutual {
            builder.push(v, u, Cost::from_micros(cost));
        }
    }
    builder.build()
}

fn rng() -> Rng {
    Streams::new(Seed::from_u64(1)).named("wiring")
}

fn policies() -> Vec<Box<dyn Policy>> {
    vec![
        Box::new(BestResponse::new()),
        Box::new(FullMesh::new()),
        Box::new(KClosest::new()),
        Box::new(KRandom::new()),
        Box::new(KRegular::new()),
    ]
}

/// The best value of at most `k` of `hops` together with `links`.
fn brute_force(problem: &Problem<'_>, hops: &[u32], links: &mut Vec<u32>, k: usize) -> Value {
    let mut best = Evaluator::new().value(problem, links);
    if let Some((&hop, rest)) = hops.split_first().filter(|_| links.len() < k) {
        best = best.min(brute_force(problem, rest, links, k));
        links.push(hop);
        best = best.min(brute_force(problem, rest, links, k));
        links.pop();
    }
    best
}

#[test]
fn only_who_is_there_is_a_destination() {
    let case = Case {
        graph: graph(4, false, &[]),
        delay: vec![None; 4],
        candidate: vec![false; 4],
        destination: vec![true, true, false, true],
        free: Vec::new(),
        current: Vec::new(),
        k: 1,
        deviation: Vec::new(),
    };
    assert_eq!(case.problem().destinations().collect::<Vec<_>>(), [1, 3], "and not who decides");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_choice_is_of_k_eligible_links_and_rightly_valued(case in cases()) {
        let problem = case.problem();
        let eligible: Vec<u32> = problem.eligible().collect();
        let held: Vec<u32> = problem.held().collect();
        for mut policy in policies() {
            let choice = policy.choose(&problem, &mut rng());
            let k = if policy.name() == "full-mesh" { eligible.len() } else { case.k };
            prop_assert_eq!(choice.links.len(), k.min(eligible.len()), "{}", policy.name());
            prop_assert!(choice.links.iter().all(|w| eligible.contains(w)), "{}", policy.name());
            for &w in &choice.links {
                let (i, present) = (w as usize, case.current.contains(&w));
                prop_assert!(w != 0 && case.candidate[i] && case.delay[i].is_some(), "{}", policy.name());
                prop_assert!(present || !case.free.contains(&w), "{} chose who chose it", policy.name());
            }
            prop_assert!(choice.links.is_sorted_by(|a, b| a < b), "{}", policy.name());
            prop_assert_eq!(choice.held, held.len());
            prop_assert_eq!(choice.current, Evaluator::new().value(&problem, &held));
            prop_assert_eq!(choice.unswapped, Evaluator::new().value(&problem, &choice.filled));
            prop_assert!(choice.filled.is_sorted_by(|a, b| a < b), "{}", policy.name());
            let (fewer, more) = if held.len() > k { (&choice.filled[..], &held[..]) } else { (&held[..], &choice.filled[..]) };
            let keeps = ["k-closest", "k-regular"].contains(&policy.name()) || fewer.iter().all(|w| more.contains(w));
            prop_assert!(keeps, "{} swaps before it has filled", policy.name());
            prop_assert_eq!(choice.value, Evaluator::new().value(&problem, &choice.links));
        }
    }

    #[test]
    fn best_response_is_between_the_best_and_the_present(case in cases()) {
        let problem = case.problem();
        let choice = BestResponse::new().choose(&problem, &mut rng());
        let eligible: Vec<u32> = problem.eligible().collect();
        prop_assert!(choice.value >= brute_force(&problem, &eligible, &mut vec![], case.k));
        prop_assert!(choice.value <= choice.current || choice.held > case.k);
    }

    #[test]
    fn best_response_is_improved_by_no_swap(case in cases()) {
        let problem = case.problem();
        let choice = BestResponse::new().choose(&problem, &mut rng());
        for slot in 0..choice.links.len() {
            for hop in problem.eligible() {
                let mut swapped = choice.links.clone();
                swapped[slot] = hop;
                prop_assert!(Evaluator::new().value(&problem, &swapped) >= choice.value);
            }
        }
    }

    #[test]
    fn one_link_is_the_best_single_change(case in cases()) {
        let problem = case.problem();
        let choice = BestResponse::new().choose_one_link(&problem, &mut rng());
        let held: Vec<u32> = problem.held().collect();
        let mut changes: Vec<Vec<u32>> = vec![];
        for hop in problem.eligible().filter(|w| !held.contains(w)) {
            if held.len() < case.k {
                changes.push([&held[..], &[hop]].concat());
            }
            if held.len() == case.k {
                changes.extend((0..held.len()).map(|slot| {
                    let mut swapped = held.clone();
                    swapped[slot] = hop;
                    swapped
                }));
            }
        }
        if held.len() > case.k {
            changes.extend((0..held.len()).map(|slot| [&held[..slot], &held[slot + 1..]].concat()));
        } else if held.len() == case.k || changes.is_empty() {
            changes.push(held.clone());
        }
        let best = changes.iter().map(|links| Evaluator::new().value(&problem, links)).min();
        prop_assert_eq!(Some(choice.value), best);
        prop_assert_eq!(Evaluator::new().value(&problem, &choice.links), choice.value);
        prop_assert!(choice.links.iter().filter(|w| !held.contains(w)).count() <= 1);
        prop_assert!(held.iter().filter(|w| !choice.links.contains(w)).count() <= 1);
    }

    #[test]
    fn memory_used_again_changes_nothing(first in cases(), second in cases()) {
        for mut policy in policies() {
            let fresh = policy.choose(&second.problem(), &mut rng());
            policy.choose(&first.problem(), &mut rng());
            prop_assert_eq!(policy.choose(&second.problem(), &mut rng()), fresh);
        }
    }
}

/// `n` nodes in a ring, all of them candidates and destinations, 0 deciding, each as far away as its number says.
fn ring(n: u32) -> Case {
    let edges: Vec<(u32, u32, u64)> = (0..n).map(|u| (u, (u + 1) % n, 7)).collect();
    let everybody = vec![true; n as usize];
    Case {
        graph: graph(n, true, &edges),
        delay: (0..n).map(|u| Some(Cost::from_micros(u64::from(u) + 1))).collect(),
        candidate: everybody.clone(),
        destination: everybody,
        free: vec![],
        current: vec![],
        k: 3,
        deviation: vec![],
    }
}

#[test]
fn a_choice_in_a_large_overlay_is_rightly_valued_and_improved_by_no_swap() {
    let case = Case { current: vec![5, 300, 400], ..ring(600) };
    let problem = case.problem();
    let choice = BestResponse::new().choose(&problem, &mut rng());
    assert_eq!(choice.value, Evaluator::new().value(&problem, &choice.links));
    assert_eq!(choice.current, Evaluator::new().value(&problem, &case.current));
    for (slot, hop) in (0..3).flat_map(|slot| problem.eligible().map(move |hop| (slot, hop))) {
        let mut swapped = choice.links.clone();
        swapped[slot] = hop;
        assert!(Evaluator::new().value(&problem, &swapped) >= choice.value, "{hop}");
    }
}

#[test]
fn memory_is_kept_after_a_small_decision_and_given_back_after_a_large_one() {
    let (small, large) = (ring(64), ring(u32::try_from(KEPT).unwrap() + 1));
    for mut policy in policies() {
        policy.choose(&small.problem(), &mut rng());
        let kept = policy.memory();
        assert!((1..=64 << 10).contains(&kept), "{} keeps {kept}", policy.name());
        policy.choose(&large.problem(), &mut rng());
        let rest = policy.memory();
        assert!(rest <= 16 << 10, "{} keeps {rest}", policy.name());
    }
}

#[test]
fn what_a_value_in_a_large_overlay_took_is_given_back() {
    let (small, large) = (ring(64), ring(u32::try_from(KEPT).unwrap() + 1));
    let mut evaluator = Evaluator::new();
    evaluator.value(&small.problem(), &[1, 2]);
    assert!((1..=16 << 10).contains(&evaluator.memory()));
    evaluator.value(&large.problem(), &[1, 2]);
    assert_eq!(evaluator.memory(), 0);
}

/// Four nodes, all candidates and destinations, 0 deciding; delays 10, 20, 30; a link 1 - 2 of cost 5 both ways.
fn small(k: usize) -> Case {
    Case {
        graph: graph(4, true, &[(1, 2, 5)]),
        delay: [0, 10, 20, 30].map(|d| (d > 0).then(|| Cost::from_micros(d))).to_vec(),
        candidate: vec![true; 4],
        destination: vec![true; 4],
        free: vec![],
        current: vec![],
        k,
        deviation: vec![],
    }
}

#[test]
fn reachability_comes_before_delay() {
    let mut case = small(2);
    case.current = vec![1, 2];
    let choice = BestResponse::new().choose(&case.problem(), &mut rng());
    assert_eq!(choice.links.as_slice(), [1, 3]);
    assert_eq!(choice.current, Value { unreachable: 1, total: 25 });
    assert_eq!(choice.value, Value { unreachable: 0, total: 55 });
    assert_eq!(choice.worth(1_000_000), Some(&choice.links), "no hysteresis keeps a node unreachable");
}

#[test]
fn free_first_hops_cost_nothing_and_are_not_chosen() {
    let mut case = small(1);
    case.free = vec![1];
    let choice = BestResponse::new().choose(&case.problem(), &mut rng());
    assert_eq!(choice.links.as_slice(), [3]);
    assert_eq!(choice.value, Value { unreachable: 0, total: 55 });
}

#[test]
fn edges_of_the_node_itself_lead_nowhere() {
    let mut case = small(1);
    case.graph = graph(4, true, &[(0, 2, 1), (0, 3, 1)]);
    let choice = BestResponse::new().choose(&case.problem(), &mut rng());
    assert_eq!(choice.value, Value { unreachable: 2, total: 10 });
}

#[test]
fn equal_hops_go_to_the_lowest() {
    let mut case = small(2);
    case.graph = graph(4, true, &[]);
    case.delay = vec![Some(Cost::from_micros(7)); 4];
    let choice = BestResponse::new().choose(&case.problem(), &mut rng());
    assert_eq!(choice.links.as_slice(), [1, 2]);
}

#[test]
fn a_regular_wiring_has_the_same_offsets_everywhere() {
    let n = 10;
    let mut case = small(3);
    case.graph = graph(n, true, &[]);
    case.delay = vec![Some(Cost::MIN); 10];
    (case.candidate, case.destination) = (vec![true; 10], vec![true; 10]);
    for me in 0..n {
        let problem = Problem { me, ..case.problem() };
        let mut meant = [1, 3, 6].map(|o| (me + o) % n);
        meant.sort_unstable();
        assert_eq!(KRegular::new().choose(&problem, &mut rng()).links.as_slice(), meant);
    }
}

#[test]
fn random_neighbours_are_kept_and_filled_up() {
    let mut case = small(2);
    case.current = vec![3];
    let mut rng = rng();
    let mut seen = [0; 4];
    for _ in 0..1_000 {
        let choice = KRandom::new().choose(&case.problem(), &mut rng);
        assert!(choice.links.contains(&3));
        choice.links.iter().for_each(|&w| seen[w as usize] += 1);
    }
    assert!((400..600).contains(&seen[1]), "{seen:?}");
}

#[test]
fn hysteresis_applies_to_delay_alone() {
    let value = |unreachable, total| Value { unreachable, total };
    let [links, filled] = [1, 2].map(|link| Links::from_slice(&[link]));
    let swaps = |value, unswapped, eps_ppm| {
        let (links, filled) = (links.clone(), filled.clone());
        let choice = Choice { links, value, current: unswapped, held: 1, filled, unswapped, noise: 0 };
        choice.worth(eps_ppm).is_some_and(|worth| worth[..] == [1])
    };
    assert!(swaps(value(0, 989), value(0, 1_000), 10_000));
    assert!(!swaps(value(0, 990), value(0, 1_000), 10_000));
    assert!(swaps(value(0, 999), value(0, 1_000), 0));
    assert!(!swaps(value(0, 1_000), value(0, 1_000), 0));
    assert!(swaps(value(1, 5_000), value(2, 1_000), 10_000));
    assert!(!swaps(value(2, 1), value(1, 1_000), 0), "never more unreachable");
}

#[test]
fn a_gain_counts_above_what_the_delays_are_known_to() {
    // From 1 (10, and 15 to 2) to 3: node 2 was reached over 1, and is to be reached over 2.
    let mut case = small(1);
    case.graph = graph(4, true, &[(1, 2, 90), (1, 3, 90), (2, 3, 5), (1, 0, 1)]);
    case.current = vec![1];
    let noise = |case: &Case, grain| {
        let problem = Problem { grain, ..case.problem() };
        let choice = BestResponse::new().choose(&problem, &mut rng());
        assert_eq!((choice.links.as_slice(), choice.value.total, choice.current.total), (&[2][..], 155, 210));
        (choice.noise, choice.worth(0).is_some())
    };
    assert_eq!(noise(&case, 0), (0, true));
    assert_eq!(noise(&case, 18), (54, true), "all three destinations");
    assert_eq!(noise(&case, 19), (57, false));
    case.deviation = vec![0, 10, 8, 100];
    assert_eq!(noise(&case, 0), (54, true), "of the hop before and of that after");
    case.deviation = vec![0, 10, 9, 100];
    assert_eq!(noise(&case, 0), (57, false));
}

#[test]
fn a_free_slot_is_filled_whatever_it_gains() {
    let mut case = small(3);
    case.current = vec![1, 3];
    let choice = BestResponse::new().choose(&case.problem(), &mut rng());
    assert_eq!((choice.links.as_slice(), choice.value), (&[1, 2, 3][..], choice.current));
    assert_eq!(choice.worth(10_000), Some(&choice.links));
}

#[test]
fn beside_a_slot_that_is_filled_others_are_swapped_only_if_that_is_worth_it() {
    // Node 1 is held (10) and 3 (30, far from all) fills the free place; 2 in the place of 1 would gain a seventh.
    let mut case = small(2);
    case.graph = graph(5, true, &[(1, 4, 100), (2, 4, 80)]);
    case.delay = [0, 10, 11, 30, 0].map(|d| (d > 0).then(|| Cost::from_micros(d))).to_vec();
    case.candidate = vec![true, true, true, true, false];
    case.destination = vec![true, false, false, true, true];
    case.current = vec![1];
    let choice = BestResponse::new().choose(&case.problem(), &mut rng());
    for (eps, links) in [(0, &choice.links), (500_000, &choice.filled)] {
        assert_eq!(choice.worth(eps), Some(links));
    }
    assert_eq!((choice.filled.as_slice(), choice.unswapped.total), (&[1, 3][..], 140));
    assert_eq!((choice.links.as_slice(), choice.value.total), (&[2, 3][..], 121));
}

#[test]
fn sums_hold_at_the_bounds() {
    let nodes = super::super::graph::MAX_NODES as i64;
    let far = nodes * value::weight(u32::MAX - 1);
    assert_eq!(Value::of_weights(far), Value { unreachable: 0, total: far.cast_unsigned() });
    assert!(far < value::weight(u32::MAX), "one unreachable node outweighs any delay");
    let none = Value::of_weights(nodes * value::weight(u32::MAX));
    assert_eq!(none, Value { unreachable: 16_384, total: 0 });
}
