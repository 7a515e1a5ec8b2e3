//! A priority queue of nodes in which a node's key can be lowered.

use alloc::vec::Vec;

/// How many children a node of the heap has: measured at 490 nodes, four with keys lowered in place takes two thirds of the
/// time of a binary or radix heap with stale entries.
const ARITY: usize = 4;

const ABSENT: u32 = u32::MAX;

/// An indexed heap. Entries are a key above a node in one integer, so equal keys leave in the order of nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    heap: Vec<u64>,
    /// Where each node is in the heap.
    place: Vec<u32>,
}

impl Queue {
    /// Makes ready for `nodes` nodes, empty.
    pub(super) fn reset(&mut self, nodes: usize) {
        self.heap.clear();
        self.place.clear();
        self.place.resize(nodes, ABSENT);
    }

    /// Puts `node` in with `key`, or lowers its key to that.
    pub(super) fn set(&mut self, node: u32, key: u32) {
        let entry = u64::from(key) << 32 | u64::from(node);
        let at = match self.place[node as usize] {
            ABSENT => {
                self.heap.push(entry);
                self.heap.len() - 1
            }
            at => at as usize,
        };
        self.rise(at, entry);
    }

    /// Takes out the node with the lowest key, of several the lowest node.
    pub(super) fn pop(&mut self) -> Option<(u32, u32)> {
        let last = self.heap.pop()?;
        let top = match self.heap.first() {
            Some(&top) => {
                self.sink(last);
                top
            }
            None => last,
        };
        self.place[node(top)] = ABSENT;
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of an entry")]
        Some((top as u32, (top >> 32) as u32))
    }

    /// Octets kept.
    pub(super) fn memory(&self) -> usize {
        self.heap.capacity() * size_of::<u64>() + self.place.capacity() * size_of::<u32>()
    }

    /// Places `entry` at `at` or nearer to the top.
    fn rise(&mut self, mut at: usize, entry: u64) {
        while at > 0 {
            let above = (at - 1) / ARITY;
            if self.heap[above] <= entry {
                break;
            }
            self.put(at, self.heap[above]);
            at = above;
        }
        self.put(at, entry);
    }

    /// Places `entry`, taken from the end, at the top or further down.
    fn sink(&mut self, entry: u64) {
        let mut at = 0;
        while let Some((below, least)) = self.least_child(at) {
            if least >= entry {
                break;
            }
            self.put(at, least);
            at = below;
        }
        self.put(at, entry);
    }

    fn least_child(&self, at: usize) -> Option<(usize, u64)> {
        let first = ARITY * at + 1;
        let children = self.heap.get(first..self.heap.len().min(first + ARITY))?;
        let (mut least, rest) = ((first, *children.first()?), &children[1..]);
        for (i, &child) in (first + 1..).zip(rest) {
            if child < least.1 {
                least = (i, child);
            }
        }
        Some(least)
    }

    fn put(&mut self, at: usize, entry: u64) {
        self.heap[at] = entry;
        #[expect(clippy::cast_possible_truncation, reason = "no more entries than nodes, which have 32 bits")]
        {
            self.place[node(entry)] = at as u32;
        }
    }
}

/// The node of an entry.
#[expect(clippy::cast_possible_truncation, reason = "the lower half of an entry")]
fn node(entry: u64) -> usize {
    entry as u32 as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        /// Whatever was put in and lowered, the lowest comes out first, of equal ones the lowest node.
        #[test]
        fn the_lowest_comes_out_first(steps in prop::collection::vec(prop::option::weighted(0.7, (0u32..60, 0u32..40)), 0..200)) {
            let mut queue = Queue::default();
            queue.reset(60);
            let mut model: BTreeMap<u32, u32> = BTreeMap::new();
            let lowest = |model: &mut BTreeMap<u32, u32>| {
                let found = model.iter().map(|(node, key)| (*key, *node)).min().map(|(key, node)| (node, key));
                found.inspect(|(node, _)| { model.remove(node); })
            };
            for step in steps {
                match step {
                    Some((node, key)) if model.get(&node).is_none_or(|old| key <= *old) => {
                        queue.set(node, key);
                        model.insert(node, key);
                    }
                    Some(_) => {}
                    None => prop_assert_eq!(queue.pop(), lowest(&mut model)),
                }
            }
            while let Some(next) = lowest(&mut model) {
                prop_assert_eq!(queue.pop(), Some(next));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }
}
