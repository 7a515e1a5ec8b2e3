//! The bounds of a decision: whom it is about where more are known than it can be about.
//!
//! Up to the bounds it is about everybody. Past them those come first who have been reached the longest, so that nodes made
//! up by the thousand are behind everybody who was there before them; one place in [`DRAWN`] is drawn among the others,
//! anew for each decision, so that newcomers have their chance. Of the first hops one in [`NEAREST`] is taken because it is
//! near: that is measured and not told, and the best first hops are mostly among them. Without, a choice among 512 of 2,000
//! costs 3.6 % more than one among all, with them 0.1 %.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::super::names::Cost;
use crate::kernel::{Rng, Time};

/// The most nodes that a decision wants to reach: twice the largest overlay measured.
pub const DESTINATIONS: usize = 1_024;
/// The most first hops that it chooses among. With as many destinations they are a matrix of 2 MiB.
pub const HOPS: usize = 512;
/// The most nodes of the graph in which it looks for paths: the destinations, the first hops, those on the way, and others.
/// What is left out makes a new first hop look dearer than it is, never cheaper.
pub const NODES: usize = 2_048;
/// One place in so many is drawn.
pub const DRAWN: usize = 8;

/// One first hop in so many is one of the nearest.
pub const NEAREST: usize = 4;

/// How long a node has been there for the one that decides. The less, the longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seniority {
    /// Since when it has been known to be reached; `None` if it never was.
    pub reached: Option<Time>,
    /// Among those reached since the same decision: the how manieth it was of all that were ever heard of.
    pub heard: u64,
}

impl Ord for Seniority {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |s: &Self| (s.reached.is_none(), s.reached, s.heard);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Seniority {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// At most `limit` of `nodes`. All of them as they are if there are no more, and nothing is drawn; otherwise those reached
/// the longest, in the order of seniority, and then such as were drawn among the others.
pub fn longest_first(
    mut nodes: Vec<u32>,
    limit: usize,
    seniority: impl Fn(u32) -> Seniority,
    rng: &mut Rng,
) -> Vec<u32> {
    if nodes.len() <= limit {
        return nodes;
    }
    nodes.sort_by_cached_key(|&node| (seniority(node), node));
    let reached = nodes.partition_point(|&node| seniority(node).reached.is_some());
    for place in reached.min(limit - limit / DRAWN)..limit {
        let drawn = place + rng.index(nodes.len() - place);
        nodes.swap(place, drawn);
    }
    nodes.truncate(limit);
    nodes
}

/// At most `limit` of `nodes` to choose among: the nearest by `delay` of those reached, and of the others the
/// [longest first](longest_first). All of them as they are if there are no more, and nothing is drawn.
pub fn first_hops(
    mut nodes: Vec<u32>,
    limit: usize,
    seniority: impl Fn(u32) -> Seniority,
    delay: impl Fn(u32) -> Option<Cost>,
    rng: &mut Rng,
) -> Vec<u32> {
    if nodes.len() <= limit {
        return nodes;
    }
    nodes.sort_by_cached_key(|&node| (seniority(node).reached.is_none(), delay(node), node));
    let others = nodes.split_off(limit / NEAREST);
    nodes.extend(longest_first(others, limit - limit / NEAREST, seniority, rng));
    nodes
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::kernel::{Seed, Streams};

    fn rng(seed: u64) -> Rng {
        Streams::new(Seed::from_u64(seed)).named("sampling")
    }

    /// Node n was heard of as the n-th; the first 500 have been reached for long, those below 10,000 since later, and the
    /// others never.
    fn seniority(node: u32) -> Seniority {
        let reached = match node {
            0..500 => Some(Time::from_secs(10)),
            500..10_000 => Some(Time::from_secs(20)),
            _ => None,
        };
        Seniority { reached, heard: node.into() }
    }

    #[test]
    fn up_to_the_bound_everybody_is_taken_and_nothing_is_drawn() {
        let (nodes, mut drawn) = ((0..64).rev().collect::<Vec<u32>>(), rng(1));
        assert_eq!(longest_first(nodes.clone(), 64, seniority, &mut drawn), nodes);
        assert_eq!(drawn.u64(), rng(1).u64());
    }

    #[test]
    fn past_it_those_reached_the_longest_come_first_and_one_place_in_eight_is_drawn() {
        let taken = longest_first((0..14_000).rev().collect(), 1_024, seniority, &mut rng(1));
        assert_eq!(taken.len(), 1_024);
        assert!(taken[..896].iter().copied().eq(0..896));
        let drawn = &taken[896..];
        assert!(drawn.iter().all(|&node| node >= 896));
        assert!(
            (20..60).contains(&drawn.iter().filter(|&&node| node >= 10_000).count()),
            "of all others alike"
        );
        let mut once = taken.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), taken.len());
    }

    #[test]
    fn seniority_and_no_id_says_who_comes_first() {
        let since = |node: u32| Time::from_secs(u64::from(1_000 - node));
        let seniority = |node: u32| Seniority { reached: Some(since(node)), heard: node.into() };
        let taken = longest_first((0..1_000).collect(), 64, seniority, &mut rng(1));
        assert!(taken[..56].iter().copied().eq((944..1_000).rev()));
        let heard = |node: u32| Seniority { reached: Some(Time::ZERO), heard: (1_000 - node).into() };
        let taken = longest_first((0..1_000).collect(), 64, heard, &mut rng(1));
        assert!(taken[..56].iter().copied().eq((944..1_000).rev()), "reached since the same decision");
    }

    #[test]
    fn who_was_never_reached_is_drawn_or_is_not_taken() {
        let others: Vec<u32> = (0..100).chain(10_000..14_000).collect();
        let taken = |seed| longest_first(others.clone(), 512, seniority, &mut rng(seed));
        assert!(taken(1)[..100].iter().copied().eq(0..100));
        assert!(taken(1)[100..].iter().all(|&node| node >= 10_000));
        assert!(taken(1) == taken(1) && taken(1) != taken(2), "by the seed");
    }

    #[test]
    fn among_the_first_hops_are_the_nearest_of_those_reached() {
        let delay = |node: u32| Some(Cost::from_micros((20_000 - node).into()));
        let taken = first_hops((0..14_000).collect(), 512, seniority, delay, &mut rng(1));
        assert!(
            taken[..128].iter().copied().eq((9_872..10_000).rev()),
            "the others are nearer and never reached"
        );
        assert!(taken[128..464].iter().copied().eq(0..336));
        assert_eq!(taken.len(), 512);
        assert_eq!(first_hops(vec![3, 1], 2, seniority, delay, &mut rng(1)), [3, 1]);
    }
}
