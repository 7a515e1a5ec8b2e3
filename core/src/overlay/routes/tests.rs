//! Oracles: Bellman and Ford for distances, every simple path for ties.

use alloc::vec;

use proptest::prelude::*;

use super::super::graph::GraphBuilder;
use super::super::names::Cost;
use super::*;

const NODES: u32 = 7;

/// Few different costs, so that ties abound.
fn graphs() -> impl Strategy<Value = Graph> {
    prop::collection::vec((0..NODES, 0..NODES, 1..4u64), 0..40).prop_map(|edges| {
        let mut builder = GraphBuilder::new();
        builder.reset(NODES as usize);
        edges.iter().for_each(|&(u, v, cost)| builder.push(u, v, Cost::from_micros(cost)));
        builder.build()
    })
}

fn bellman_ford(graph: &Graph, without: Option<u32>, starts: &[(u32, u32)]) -> Vec<u32> {
    let mut dist = vec![UNREACHABLE; graph.nodes()];
    for &(node, at) in starts.iter().filter(|s| Some(s.0) != without) {
        dist[node as usize] = dist[node as usize].min(at);
    }
    for _ in 0..graph.nodes() {
        for u in (0..NODES).filter(|&u| Some(u) != without) {
            for e in graph.edges(u).iter().filter(|e| Some(e.to) != without) {
                dist[e.to as usize] = dist[e.to as usize].min(dist[u as usize].saturating_add(e.cost));
            }
        }
    }
    dist
}

/// The lexicographically lowest among the cheapest simple paths, by trying all.
fn lowest_path(graph: &Graph, path: &mut Vec<u32>, cost: u32, to: u32, best: &mut Option<(u32, Vec<u32>)>) {
    let end = path[path.len() - 1];
    if end == to {
        let found = (cost, path.clone());
        if best.as_ref().is_none_or(|b| found < *b) {
            *best = Some(found);
        }
        return;
    }
    for e in graph.edges(end) {
        if !path.contains(&e.to) {
            path.push(e.to);
            lowest_path(graph, path, cost + e.cost, to, best);
            path.pop();
        }
    }
}

fn trees(graph: &Graph) -> Vec<Tree> {
    let mut paths = ShortestPaths::new();
    (0..NODES)
        .map(|u| {
            let mut tree = Tree::default();
            paths.tree(graph, u, &mut tree);
            tree
        })
        .collect()
}

proptest! {
    #[test]
    fn distances_are_those_of_bellman_and_ford(graph in graphs()) {
        for (u, tree) in (0..).zip(trees(&graph)) {
            prop_assert_eq!(tree.dist, bellman_ford(&graph, None, &[(u, 0)]));
        }
    }

    #[test]
    fn paths_are_the_lexicographically_lowest(graph in graphs()) {
        for (u, tree) in (0..).zip(trees(&graph)) {
            for v in 0..NODES {
                let mut best = None;
                lowest_path(&graph, &mut vec![u], 0, v, &mut best);
                prop_assert_eq!(tree.path(v), best.map(|b| b.1), "from {} to {}", u, v);
            }
        }
    }

    #[test]
    fn forwarding_hop_by_hop_follows_the_path_of_the_source(graph in graphs()) {
        let trees = trees(&graph);
        for u in 0..NODES {
            for v in 0..NODES {
                let Some(path) = trees[u as usize].path(v) else { continue };
                let next = |at: &u32| trees[*at as usize].first_hop(v);
                let walked: Vec<u32> = core::iter::successors(Some(u), next).take(path.len() + 1).collect();
                prop_assert_eq!(walked, path);
            }
        }
    }

    #[test]
    fn improving_goes_around_a_node_and_never_raises(
        graph in graphs(),
        without in 0..NODES,
        first in prop::collection::vec((0..NODES, 0..6u32), 0..3),
        second in prop::collection::vec((0..NODES, 0..6u32), 0..3),
    ) {
        let mut paths = ShortestPaths::new();
        let mut dist = vec![UNREACHABLE; graph.nodes()];
        dist[without as usize] = 0;
        paths.improve(&graph, first.clone(), &mut dist);
        paths.improve(&graph, second.clone(), &mut dist);
        let mut expected = bellman_ford(&graph, Some(without), &[first, second].concat());
        expected[without as usize] = 0;
        prop_assert_eq!(dist, expected);
    }
}

#[test]
fn a_path_too_long_to_count_is_none() {
    let mut builder = GraphBuilder::new();
    builder.reset(40);
    (0..39).for_each(|u| builder.push(u, u + 1, Cost::MAX));
    let mut tree = Tree::default();
    ShortestPaths::new().tree(&builder.build(), 0, &mut tree);
    assert_eq!(tree.distance(32), Some(32 * Cost::MAX.micros()));
    assert_eq!(tree.distance(33), None);
    assert_eq!(tree.path(39), None);
}

#[test]
fn a_source_alone_reaches_itself() {
    let mut builder = GraphBuilder::new();
    builder.reset(2);
    let mut tree = Tree::default();
    ShortestPaths::new().tree(&builder.build(), 1, &mut tree);
    assert_eq!((tree.path(1), tree.first_hop(1), tree.path(0)), (Some(vec![1]), None, None));
}
