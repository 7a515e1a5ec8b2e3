//! Shortest overlay paths.
//!
//! [`ShortestPaths::tree`] finds a node's routes to everybody, [`ShortestPaths::improve`] distances alone, from several
//! starting points at once and around one node: what a wiring decision asks for.
//!
//! **Ties.** Of several cheapest paths the one whose sequence of nodes is lexicographically lowest is taken. As every edge
//! costs at least 1, any part of such a path is itself the path that is taken between its ends. So no path has a loop, the
//! paths of a source form a tree, and nodes with the same graph (numbered alike) forward hop by hop along exactly the path
//! that the source computed.

mod queue;

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::graph::Graph;
use queue::Queue;

/// The distance where there is no path. A path of [`UNREACHABLE`] microseconds or more (72 minutes) counts as none.
pub const UNREACHABLE: u32 = u32::MAX;

/// No node: the parent of a source and of what it does not reach.
const NOBODY: u32 = u32::MAX;

/// The shortest paths from one source.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Microseconds to each node, [`UNREACHABLE`] without a path.
    pub dist: Vec<u32>,
    /// Each node's first node on the path after the source; meaningless for the source and for unreachable nodes.
    first_hop: Vec<u32>,
    /// Each node's last node on the path before itself.
    parent: Vec<u32>,
    /// How many links each node's path has.
    depth: Vec<u32>,
    /// A node further up each node's path, as far as its depth alone says: with these two paths are climbed in steps that
    /// double (Myers 1983), and a path made up to be long costs its logarithm.
    jump: Vec<u32>,
}

impl Tree {
    /// Microseconds from the source to `to`, if it is reachable; 0 to the source itself.
    pub fn distance(&self, to: u32) -> Option<u32> {
        self.dist.get(to as usize).copied().filter(|&d| d != UNREACHABLE)
    }

    /// The neighbour through which `to` is reached; none for the source and for unreachable nodes.
    pub fn first_hop(&self, to: u32) -> Option<u32> {
        self.first_hop.get(to as usize).copied().filter(|&w| w != NOBODY)
    }

    /// The node before `to` on its path; none for the source and for unreachable nodes.
    pub fn parent(&self, to: u32) -> Option<u32> {
        self.parent.get(to as usize).copied().filter(|&u| u != NOBODY)
    }

    /// How many links the path to `to` has, if there is one.
    pub fn hops(&self, to: u32) -> Option<u32> {
        self.distance(to).map(|_| self.depth[to as usize])
    }

    /// The nodes of the path, source and `to` included, if there is one.
    pub fn path(&self, to: u32) -> Option<Vec<u32>> {
        self.distance(to)?;
        let mut nodes: Vec<u32> = core::iter::successors(Some(to), |&v| self.parent(v)).collect();
        nodes.reverse();
        Some(nodes)
    }

    fn reset(&mut self, nodes: usize) {
        for column in [&mut self.dist, &mut self.first_hop, &mut self.parent, &mut self.depth, &mut self.jump]
        {
            column.clear();
            column.resize(nodes, u32::MAX);
        }
    }

    /// The path to `source` is there: it begins there.
    fn begin(&mut self, source: u32) {
        self.dist[source as usize] = 0;
        self.depth[source as usize] = 0;
        self.jump[source as usize] = source;
    }

    /// The path to `node` is found: none will take its place.
    fn settle(&mut self, node: u32) {
        let parent = self.parent[node as usize];
        let (at, up) = (node as usize, parent as usize);
        self.first_hop[at] = if self.depth[up] == 0 { node } else { self.first_hop[up] };
        self.depth[at] = self.depth[up] + 1;
        let over = self.jump[up];
        let further = self.jump[over as usize];
        let depth = |node: u32| self.depth[node as usize];
        let alike = depth(parent) - depth(over) == depth(over) - depth(further);
        self.jump[at] = if alike { further } else { parent };
    }

    /// Whether `v` reached over `a` has a lexicographically lower path than over `b`, both at the same cost.
    ///
    /// Both paths are climbed to where they part: first the longer to the length of the other, then both.
    fn precedes(&self, a: u32, b: u32, v: u32) -> bool {
        let depth = |node: u32| self.depth[node as usize];
        match depth(a).cmp(&depth(b)) {
            Ordering::Less => !self.precedes(b, a, v),
            Ordering::Equal => self.parts_lower(a, b),
            Ordering::Greater => {
                let below = self.ancestor(a, depth(b) + 1);
                match self.parent[below as usize] {
                    common if common == b => below < v,
                    beside => self.parts_lower(beside, b),
                }
            }
        }
    }

    /// The same of two nodes whose paths have as many links.
    fn parts_lower(&self, mut a: u32, mut b: u32) -> bool {
        let parent = |node: u32| self.parent[node as usize];
        while parent(a) != parent(b) {
            let over = [a, b].map(|node| self.jump[node as usize]);
            [a, b] = if over[0] == over[1] { [a, b].map(parent) } else { over };
        }
        a < b
    }

    /// The node on the path to `node` whose own path has `depth` links.
    fn ancestor(&self, mut node: u32, depth: u32) -> u32 {
        while self.depth[node as usize] > depth {
            let over = self.jump[node as usize];
            node = if self.depth[over as usize] < depth { self.parent[node as usize] } else { over };
        }
        node
    }
}

/// Dijkstra's algorithm with memory to use again: once it has seen a graph as large, it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct ShortestPaths {
    queue: Queue,
}

impl ShortestPaths {
    /// Working memory that has not grown yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the shortest paths from `source` into `tree`.
    ///
    /// # Panics
    /// If `source` is not a node of the graph.
    pub fn tree(&mut self, graph: &Graph, source: u32, tree: &mut Tree) {
        tree.reset(graph.nodes());
        tree.begin(source);
        self.queue.reset(graph.nodes());
        self.queue.set(source, 0);
        while let Some((u, at)) = self.queue.pop() {
            if u != source {
                tree.settle(u);
            }
            for edge in graph.edges(u) {
                let (v, through) = (edge.to as usize, at.saturating_add(edge.cost));
                if through < tree.dist[v] {
                    tree.dist[v] = through;
                    tree.parent[v] = u;
                    self.queue.set(edge.to, through);
                } else if through == tree.dist[v]
                    && through != UNREACHABLE
                    && tree.precedes(u, tree.parent[v], edge.to)
                {
                    tree.parent[v] = u;
                }
            }
        }
    }

    /// Lowers `dist` to the least of itself and the distances from `starts`, pairs of a node and its own starting distance.
    ///
    /// What is no nearer than `dist` says already is not explored further. That is exact if `dist` holds distances over the
    /// same graph, and it makes two things cheap: going around a node (its entry is 0, so nothing ever enters it), and
    /// asking what one more first hop improves.
    ///
    /// # Panics
    /// If `dist` has not one entry for each node of the graph, or a start is not a node.
    pub fn improve(&mut self, graph: &Graph, starts: impl IntoIterator<Item = (u32, u32)>, dist: &mut [u32]) {
        assert_eq!(dist.len(), graph.nodes(), "one distance for each node");
        self.queue.reset(graph.nodes());
        for (node, at) in starts {
            self.reach(node, at, dist);
        }
        while let Some((u, at)) = self.queue.pop() {
            for edge in graph.edges(u) {
                self.reach(edge.to, at.saturating_add(edge.cost), dist);
            }
        }
    }

    /// Octets of working memory that are kept.
    pub fn memory(&self) -> usize {
        self.queue.memory()
    }

    fn reach(&mut self, node: u32, at: u32, dist: &mut [u32]) {
        let known = &mut dist[node as usize];
        if at < *known {
            *known = at;
            self.queue.set(node, at);
        }
    }
}

#[cfg(test)]
mod tests;
