//! Which nodes edges connect, whichever way they lead.

use alloc::vec::Vec;

/// Sets of nodes, over dense indices: at first each node is alone, and each edge joins two sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Components {
    /// The node above each on the way to the one that stands for its set.
    above: Vec<u32>,
    /// How many nodes there are in the set that a node stands for.
    size: Vec<u32>,
}

impl Components {
    /// `nodes` nodes without edges.
    pub(super) fn new(nodes: usize) -> Self {
        Components { above: (0u32..).take(nodes).collect(), size: alloc::vec![1; nodes] }
    }

    /// An edge connects `a` and `b`.
    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (mut a, mut b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        if self.size[a as usize] < self.size[b as usize] {
            (a, b) = (b, a);
        }
        self.above[b as usize] = a;
        self.size[a as usize] += self.size[b as usize];
    }

    /// Whether edges connect `a` and `b`.
    pub(super) fn connected(&self, a: u32, b: u32) -> bool {
        self.root(a) == self.root(b)
    }

    /// How many are connected with `node`, itself included.
    pub(super) fn connected_with(&self, node: u32) -> u32 {
        self.size[self.root(node) as usize]
    }

    /// Whether no edge begins or ends at `node`.
    pub(super) fn is_alone(&self, node: u32) -> bool {
        self.connected_with(node) == 1
    }

    /// At most as many steps as the set's size has bits: the smaller set is always put below the larger.
    fn root(&self, mut node: u32) -> u32 {
        while self.above[node as usize] != node {
            node = self.above[node as usize];
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The model: a label for each node, and each edge relabels one of the two sets.
        #[test]
        fn who_is_connected_has_the_same_label(edges in prop::collection::vec((0u32..20, 0u32..20), 0..30)) {
            let (mut components, mut label) = (Components::new(20), (0u32..20).collect::<Vec<_>>());
            for (a, b) in edges {
                components.join(a, b);
                let (kept, lost) = (label[a as usize], label[b as usize]);
                label.iter_mut().filter(|l| **l == lost).for_each(|l| *l = kept);
            }
            for (a, b) in (0u32..20).flat_map(|a| (0u32..20).map(move |b| (a, b))) {
                prop_assert_eq!(components.connected(a, b), label[a as usize] == label[b as usize]);
            }
            for a in 0u32..20 {
                let others = label.iter().filter(|l| **l == label[a as usize]).count() - 1;
                prop_assert_eq!(components.connected_with(a) as usize, others + 1);
                prop_assert_eq!(components.is_alone(a), others == 0);
            }
        }
    }
}
