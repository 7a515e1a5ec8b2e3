//! Short cuts: finger i of a node is the first node at or behind the position `2^i` ahead.

use alloc::vec::Vec;

use super::Space;

/// A node's fingers. Distinct ones are few, about the logarithm of the number of nodes, and never more than the circle has
/// bits: one for each length of distance.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Fingers<P> {
    /// Nearest first.
    nodes: Vec<P>,
    /// The finger to look for next.
    next: u32,
}

impl<P: Space> Fingers<P> {
    pub(super) fn none() -> Self {
        Fingers { nodes: Vec::new(), next: 0 }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = P> + '_ {
        self.nodes.iter().copied()
    }

    /// The key whose owner is the next finger to look for; those that the successor is anyhow are left out. `None` if there
    /// is no other.
    pub(super) fn due(&mut self, me: P, successor: P) -> Option<P> {
        let least = me.distance(successor).bits();
        let finger = if self.next < P::BITS { self.next.max(least) } else { least };
        self.next = finger + 1;
        (finger < P::BITS && successor != me).then(|| me.ahead(finger))
    }

    /// `node` owns `key`, so that all fingers from that on which end at it are known. What was known in their places goes.
    pub(super) fn found(&mut self, me: P, key: P, node: P) {
        let finger = me.distance(key).bits().saturating_sub(1);
        if me.ahead(finger) != key {
            return;
        }
        let reach = if node == me { P::BITS } else { me.distance(node).bits() };
        if reach <= finger {
            return;
        }
        self.nodes.retain(|other| {
            let bits = me.distance(*other).bits();
            bits <= finger || bits > reach
        });
        if node != me {
            let place = self.nodes.partition_point(|other| me.distance(*other) < me.distance(node));
            self.nodes.insert(place, node);
        }
        self.next = self.next.max(reach);
    }

    pub(super) fn remove(&mut self, node: P) {
        self.nodes.retain(|other| *other != node);
    }
}
