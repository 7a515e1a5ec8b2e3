//! The overlay as a graph of effective edges, over dense indices.
//!
//! Nodes are numbered from 0. Ties everywhere go to the lowest index, so whoever numbers the nodes does it in the order
//! of their ids: then every node breaks ties alike.

use alloc::vec::Vec;
use core::ops::Range;

use super::names::Cost;

/// The most nodes of a graph: as many as a database holds records.
pub const MAX_NODES: usize = 16_384;

/// A usable edge, seen from where it starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Where it leads.
    pub to: u32,
    /// What it costs, in microseconds, from 1 to [`Cost::MAX`].
    pub cost: u32,
}

/// Directed edges in compressed sparse rows: the edges of a node lie side by side, ordered by where they lead.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Where the edges of each node begin, and one entry more for the end.
    starts: Vec<u32>,
    edges: Vec<Edge>,
}

impl Graph {
    /// How many nodes it has.
    pub fn nodes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// How many directed edges it has.
    pub fn edge_count(&self) -> usize {
        self.edges.len()
    }

    /// The edges that start at `node`, by ascending end.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn edges(&self, node: u32) -> &[Edge] {
        &self.edges[self.row(node)]
    }

    /// What the edge from `from` to `to` costs, if there is one.
    ///
    /// # Panics
    /// If there is no node `from`.
    pub fn cost(&self, from: u32, to: u32) -> Option<u32> {
        let edges = self.edges(from);
        edges.binary_search_by_key(&to, |e| e.to).ok().map(|i| edges[i].cost)
    }

    /// Octets kept.
    pub fn memory(&self) -> usize {
        self.starts.capacity() * size_of::<u32>() + self.edges.capacity() * size_of::<Edge>()
    }

    fn row(&self, node: u32) -> Range<usize> {
        self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize
    }
}

/// Collects edges in any order and builds a [`Graph`]; used again, it allocates nothing once it has grown.
///
/// The graph depends on the set of edges alone, not on the order of pushing: of parallel edges the cheapest stays.
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    nodes: usize,
    pushed: Vec<Directed>,
    by_end: Vec<Directed>,
    offsets: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Directed {
    from: u32,
    edge: Edge,
}

impl GraphBuilder {
    /// A builder of graphs; call [`reset`](Self::reset) before the first push.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all edges and expects those of a graph of `nodes` nodes.
    ///
    /// # Panics
    /// If there are more than [`MAX_NODES`].
    pub fn reset(&mut self, nodes: usize) {
        assert!(nodes <= MAX_NODES, "at most {MAX_NODES} nodes");
        self.nodes = nodes;
        self.pushed.clear();
    }

    /// Adds the edge from `from` to `to`. An edge from a node to itself is left out: no shortest path has one.
    ///
    /// # Panics
    /// If one of them is not a node.
    pub fn push(&mut self, from: u32, to: u32, cost: Cost) {
        assert!((from.max(to) as usize) < self.nodes, "no node {from} or {to} among {}", self.nodes);
        if from != to {
            self.pushed.push(Directed { from, edge: Edge { to, cost: cost.micros() } });
        }
    }

    /// Octets of working memory that are kept.
    pub fn memory(&self) -> usize {
        let edges = self.pushed.capacity() + self.by_end.capacity();
        edges * size_of::<Directed>() + self.offsets.capacity() * size_of::<u32>()
    }

    /// The graph of the edges pushed since [`reset`](Self::reset).
    pub fn build(&mut self) -> Graph {
        let mut graph = Graph::default();
        self.build_into(&mut graph);
        graph
    }

    /// As [`build`](Self::build), into the memory of a graph that is no longer needed.
    pub fn build_into(&mut self, graph: &mut Graph) {
        let blank = Directed { from: 0, edge: Edge { to: 0, cost: 0 } };
        self.by_end.clear();
        self.by_end.resize(self.pushed.len(), blank);
        count_sort(self.nodes, &self.pushed, &mut self.by_end, &mut self.offsets, |e| e.edge.to);
        count_sort(self.nodes, &self.by_end, &mut self.pushed, &mut self.offsets, |e| e.from);
        graph.starts.clear();
        graph.edges.clear();
        graph.starts.push(0);
        let mut edges = self.pushed.iter().peekable();
        for node in 0..self.nodes {
            let begin = graph.edges.len();
            while let Some(next) = edges.next_if(|e| e.from as usize == node) {
                push_cheapest(&mut graph.edges, begin, next.edge);
            }
            graph.starts.push(index(graph.edges.len()));
        }
    }
}

/// Appends `edge` to the row that begins at `begin`, or merges it with a parallel one.
fn push_cheapest(edges: &mut Vec<Edge>, begin: usize, edge: Edge) {
    match edges[begin..].last_mut() {
        Some(last) if last.to == edge.to => last.cost = last.cost.min(edge.cost),
        _ => edges.push(edge),
    }
}

/// Sorts `from` into `to` by a key below `keys`, keeping the order of equal ones.
fn count_sort(
    keys: usize,
    from: &[Directed],
    to: &mut [Directed],
    offsets: &mut Vec<u32>,
    key: impl Fn(&Directed) -> u32,
) {
    offsets.clear();
    offsets.resize(keys + 1, 0);
    for e in from {
        offsets[key(e) as usize + 1] += 1;
    }
    for i in 1..offsets.len() {
        offsets[i] += offsets[i - 1];
    }
    for e in from {
        let place = &mut offsets[key(e) as usize];
        to[*place as usize] = *e;
        *place += 1;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "edges are counted in 32 bits: pushing 2^32 exhausts memory first"
)]
fn index(i: usize) -> u32 {
    i as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn holds_the_cheapest_of_what_was_pushed(
            mut pushed in prop::collection::vec((0..8u32, 0..8u32, 1..5u64), 0..60),
            rotate in 0..60usize,
        ) {
            let mut expected = BTreeMap::new();
            for &(from, to, cost) in pushed.iter().filter(|(from, to, _)| from != to) {
                let least = expected.entry((from, to)).or_insert(cost);
                *least = cost.min(*least);
            }
            let mid = rotate % pushed.len().max(1);
            pushed.rotate_left(mid);
            let mut builder = GraphBuilder::new();
            let mut graph = Graph::default();
            for _reuse in 0..2 {
                builder.reset(8);
                pushed.iter().for_each(|&(from, to, cost)| builder.push(from, to, Cost::from_micros(cost)));
                builder.build_into(&mut graph);
            }
            let held: Vec<_> = (0..8)
                .flat_map(|u| graph.edges(u).iter().map(move |e| ((u, e.to), u64::from(e.cost))))
                .collect();
            prop_assert_eq!(graph.edge_count(), expected.len());
            for (from, to) in (0..8).flat_map(|from| (0..8).map(move |to| (from, to))) {
                prop_assert_eq!(graph.cost(from, to).map(u64::from), expected.get(&(from, to)).copied());
            }
            prop_assert_eq!(held, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "no node 3")]
    fn refuses_a_node_it_does_not_have() {
        let mut builder = GraphBuilder::new();
        builder.reset(3);
        builder.push(3, 0, Cost::MIN);
    }

    #[test]
    fn an_empty_graph_has_no_nodes() {
        assert_eq!(Graph::default().nodes(), 0);
        assert_eq!(GraphBuilder::new().build().nodes(), 0);
    }
}
