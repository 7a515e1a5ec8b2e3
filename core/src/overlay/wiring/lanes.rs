//! Distances from many first hops at once, over a graph too large for a search from each.
//!
//! Of every node the distances from [`LANES`] hops lie side by side: an edge is followed for all of them in a few
//! instructions, and followed again where that shortened something, until nothing does. That is the work of one search
//! for a dozen of them.

use alloc::vec::Vec;

use super::super::graph::Graph;
use super::super::routes::UNREACHABLE;

/// How many hops are followed at once.
pub(super) const LANES: usize = 64;
/// Edges followed for one such group of hops at most: ten times those of 2,048 nodes with six links each. Past it
/// distances stay longer than they are, never shorter: a hop may be passed over, and none is chosen for what it does not
/// offer.
const FOLLOWED: usize = 1 << 17;
/// What is as far away as this (18 minutes) is out of reach. No sum with the cost of an edge overflows.
const FAR: i32 = 1 << 30;

type Lane = [i32; LANES];

/// Working memory: 256 octets for each node of the graph.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    dist: Vec<Lane>,
    /// Nodes whose edges are to be followed (again).
    stirred: Vec<bool>,
    /// The nodes in the order in which they are gone through, forth and back.
    order: Vec<u32>,
}

impl Lanes {
    /// Makes ready for a graph whose nodes are as far as `near` says from where most paths pass: going through them in
    /// that order, paths are followed inwards on the way back and outwards on the way forth.
    pub(super) fn prepare(&mut self, near: &[u32]) {
        self.order.clear();
        self.order.extend((0u32..).take(near.len()));
        self.order.sort_unstable_by_key(|&v| (near[v as usize], v));
        self.stirred.clear();
        self.stirred.resize(near.len(), false);
    }

    /// Finds the distances from up to [`LANES`] `starts`, pairs of a node and its own starting distance, where those are
    /// lower than `known`, distances over the same graph.
    pub(super) fn spread(&mut self, graph: &Graph, known: &[u32], starts: impl Iterator<Item = (u32, u32)>) {
        self.dist.clear();
        self.dist.extend(known.iter().map(|&d| [near(d); LANES]));
        for (lane, (node, at)) in starts.take(LANES).enumerate() {
            let dist = &mut self.dist[node as usize][lane];
            if near(at) < *dist {
                *dist = near(at);
                self.stirred[node as usize] = true;
            }
        }
        let mut left = FOLLOWED;
        while left > 0 && self.stirred.contains(&true) {
            left = self.go_through(graph, left, 0..self.order.len());
            left = self.go_through(graph, left, (0..self.order.len()).rev());
        }
        self.stirred.fill(false);
    }

    /// Follows the edges of all that were stirred; how many more may be followed then.
    fn go_through(&mut self, graph: &Graph, mut left: usize, places: impl Iterator<Item = usize>) -> usize {
        for place in places {
            let from = self.order[place];
            if !core::mem::take(&mut self.stirred[from as usize]) {
                continue;
            }
            let edges = graph.edges(from);
            left = left.saturating_sub(edges.len());
            if left == 0 {
                break;
            }
            let at = self.dist[from as usize];
            for edge in edges {
                let shortened = shorten(&mut self.dist[edge.to as usize], &at, edge.cost);
                self.stirred[edge.to as usize] |= shortened;
            }
        }
        left
    }

    /// The distance from the start of `lane` to `node`.
    pub(super) fn distance(&self, node: u32, lane: usize) -> u32 {
        let dist = self.dist[node as usize][lane];
        if dist >= FAR { UNREACHABLE } else { dist.cast_unsigned() }
    }

    /// Octets kept.
    pub(super) fn memory(&self) -> usize {
        self.dist.capacity() * size_of::<Lane>() + self.stirred.capacity() + self.order.capacity() * 4
    }
}

/// A distance that no sum makes overflow.
fn near(dist: u32) -> i32 {
    i32::try_from(dist).map_or(FAR, |d| d.min(FAR))
}

/// Lowers `to` to what leads there over an edge from `from`; whether that changes anything.
fn shorten(to: &mut Lane, from: &Lane, cost: u32) -> bool {
    let cost = near(cost);
    let mut shorter = 0;
    for (to, from) in to.iter_mut().zip(from) {
        let through = from + cost;
        shorter |= i32::from(through < *to);
        *to = through.min(*to);
    }
    shorter != 0
}

#[cfg(test)]
mod tests {
    use super::super::super::graph::GraphBuilder;
    use super::super::super::names::Cost;
    use super::super::super::routes::ShortestPaths;
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn graph(nodes: u32, edges: impl IntoIterator<Item = (u32, u32, u64)>) -> Graph {
        let mut builder = GraphBuilder::new();
        builder.reset(nodes as usize);
        edges.into_iter().for_each(|(u, v, cost)| builder.push(u, v, Cost::from_micros(cost)));
        builder.build()
    }

    proptest! {
        /// The oracle is a search from each start. Nothing enters node 0.
        #[test]
        fn distances_are_those_of_a_search_from_each_start(
            edges in prop::collection::vec((0..30u32, 0..30u32, 1..50u64), 0..120),
            free in prop::option::of((1..30u32, 0..50u32)),
            starts in prop::collection::vec((1..30u32, 0..50u32), 1..LANES),
            again in any::<bool>(),
        ) {
            let (graph, mut paths, mut lanes) = (graph(30, edges), ShortestPaths::new(), Lanes::default());
            let mut known = vec![UNREACHABLE; 30];
            known[0] = 0;
            paths.improve(&graph, free, &mut known);
            lanes.prepare(&known);
            if again {
                lanes.spread(&graph, &known, [(7, 1), (8, 2)].into_iter());
            }
            lanes.spread(&graph, &known, starts.iter().copied());
            for (lane, start) in starts.into_iter().enumerate() {
                let mut dist = known.clone();
                paths.improve(&graph, [start], &mut dist);
                let found: Vec<u32> = (0..30).map(|node| lanes.distance(node, lane)).collect();
                prop_assert_eq!(found, dist);
            }
        }
    }

    /// A ladder whose rungs come in the least favourable order: there is an end to the work, and no distance is too short.
    #[test]
    fn a_graph_made_up_to_prolong_the_work_is_left_before_the_end() {
        let nodes = 16_384;
        let scattered = |place: u32| place * 1_657 % nodes;
        let rungs = (0..nodes - 1)
            .flat_map(|place| (1..9).map(move |far| (place, (place + far).min(nodes - 1), far)));
        let graph = graph(nodes, rungs.map(|(u, v, far)| (scattered(u), scattered(v), u64::from(far * far))));
        let (mut lanes, known) = (Lanes::default(), vec![UNREACHABLE; nodes as usize]);
        lanes.prepare(&known);
        lanes.spread(&graph, &known, [(scattered(0), 1)].into_iter());
        let distances: Vec<u32> = (0..nodes).map(|place| lanes.distance(scattered(place), 0)).collect();
        assert!((0u32..).zip(&distances).all(|(place, &found)| found > place));
        assert!(distances.contains(&UNREACHABLE), "the work has an end");
    }
}
