//! The nodes behind those of the list, as far as they all have room to be linked: then a question goes straight to whoever is
//! responsible.
//!
//! The last node that is known is asked for its list, and the last of that, until the list comes round to this node. Of a ring that
//! has more nodes than a node has room for nothing is kept; there are fingers for it. What comes of this is not the ring's:
//! nothing is kept or handed over by it, and whoever is asked and is not responsible passes the question to the node before it.

use alloc::vec::Vec;
use core::time::Duration;

use super::ring::{Position, Range, Space as _, Successors};
use super::told::LIST;
use crate::kernel::Time;

/// How long a walk counts before there is another.
const AGAIN: Duration = Duration::from_secs(8);
/// ... where there was no room for all.
const TOO_MANY: Duration = Duration::from_secs(60);

/// The list of a node.
type List = Successors<Position, LIST>;

/// What is known of the nodes behind the list.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    /// All of them, nearest first; none if they are not all known.
    nodes: Vec<Position>,
    /// Those that a walk has come by.
    coming: Vec<Position>,
    /// When there is to be another walk.
    next: Time,
    most: usize,
}

impl Horizon {
    /// For so many nodes at most.
    pub(super) fn new(most: usize) -> Self {
        Horizon { most, ..Horizon::default() }
    }

    /// The nodes that are to be linked.
    pub(super) fn nodes(&self) -> impl Iterator<Item = Position> + '_ {
        self.nodes.iter().copied()
    }

    /// Those whose addresses are needed.
    pub(super) fn coming(&self) -> impl Iterator<Item = Position> + '_ {
        self.coming.iter().copied()
    }

    /// Whom to ask for its list now.
    pub(super) fn due(&mut self, list: &List, now: Time) -> Option<Position> {
        if list.laps() {
            self.nodes.clear();
            return None;
        }
        if now < self.next {
            return None;
        }
        let last = list.nodes().last()?;
        // The list may have grown over those.
        let covered = Range { after: list.owner(), to: last };
        self.coming.retain(|node| !covered.contains(*node));
        self.coming.last().copied().or(Some(last))
    }

    /// A node has this list.
    pub(super) fn told(&mut self, own: &List, its: &List, now: Time) {
        let last = self.coming.last().copied().or_else(|| own.nodes().last());
        if now < self.next || last != Some(its.owner()) {
            return;
        }
        let ahead = |node: &Position| node.between(its.owner(), own.owner());
        self.coming.extend(its.nodes().take_while(ahead));
        if self.coming.len() > self.most {
            self.clear();
            self.next = now + TOO_MANY;
        } else if !its.nodes().all(|node| ahead(&node)) {
            self.nodes = core::mem::take(&mut self.coming);
            self.next = now + AGAIN;
        }
    }

    /// This node is in another place.
    pub(super) fn clear(&mut self) {
        *self = Horizon::new(self.most);
    }

    /// Nobody is there.
    pub(super) fn remove(&mut self, node: Position) {
        self.nodes.retain(|other| *other != node);
        self.coming.retain(|other| *other != node);
    }

    /// Whoever is responsible for a position, as far as is known here.
    pub(super) fn owner(&self, list: &List, at: Position) -> Option<Position> {
        let me = list.owner();
        let known = list.others().chain(self.nodes());
        let behind = known.filter(|node| Range { after: me, to: *node }.contains(at));
        behind.min_by_key(|node| at.distance(*node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Position {
        let mut octets = [0; 48];
        octets[40..].copy_from_slice(&number.to_be_bytes());
        Position::of(&octets)
    }

    /// The list of each of so many nodes, in the order of the ring.
    fn ring(nodes: usize) -> Vec<List> {
        let mut all: Vec<Position> = (0..nodes as u64).map(|number| at(number * 10)).collect();
        let start = all[0];
        all.sort_by_key(|node| start.distance(*node));
        let list = |place: usize| {
            let others: Vec<Position> =
                (1..=nodes.min(LIST)).map(|step| all[(place + step) % nodes]).collect();
            List::checked(all[place], &others).unwrap()
        };
        (0..nodes).map(list).collect()
    }

    /// Asks until nobody is to be asked any more; how many were.
    fn walk(horizon: &mut Horizon, ring: &[List], now: Time) -> usize {
        let mut asked = 0;
        while let Some(node) = horizon.due(&ring[0], now) {
            let its = ring.iter().find(|list| list.owner() == node).unwrap();
            horizon.told(&ring[0], its, now);
            asked += 1;
        }
        asked
    }

    #[test]
    fn all_are_known_if_there_is_room_for_them() {
        for nodes in 1..=40 {
            let (mut horizon, ring) = (Horizon::new(20), ring(nodes));
            let asked = walk(&mut horizon, &ring, Time::ZERO);
            let is_whole = nodes <= 1 + LIST + 20;
            assert!(asked <= 4, "{nodes} nodes: {asked}");
            let others = if is_whole { nodes.saturating_sub(1 + LIST) } else { 0 };
            assert_eq!(horizon.nodes().count(), others, "{nodes} nodes");
            assert_eq!(horizon.coming().count(), 0, "{nodes} nodes");
            for list in ring.iter().skip(1).filter(|_| is_whole) {
                assert_eq!(horizon.owner(&ring[0], list.owner()), Some(list.owner()), "{nodes} nodes");
            }
        }
    }

    #[test]
    fn a_walk_is_repeated_and_finds_who_came() {
        let (mut horizon, before, after) = (Horizon::new(20), ring(15), ring(16));
        assert_eq!(walk(&mut horizon, &before, Time::ZERO), 1);
        assert_eq!(horizon.due(&before[0], Time::ZERO), None);
        let now = Time::ZERO + AGAIN;
        assert_eq!(walk(&mut horizon, &after, now), 1);
        assert_eq!(horizon.nodes().count(), 7);
    }

    #[test]
    fn who_is_gone_is_not_asked() {
        let (mut horizon, ring) = (Horizon::new(20), ring(16));
        walk(&mut horizon, &ring, Time::ZERO);
        let gone = horizon.nodes().next().unwrap();
        horizon.remove(gone);
        assert_ne!(horizon.owner(&ring[0], gone), Some(gone));
    }

    #[test]
    fn a_list_that_nobody_asked_for_is_nothing() {
        let (mut horizon, ring) = (Horizon::new(20), ring(16));
        horizon.told(&ring[0], &ring[3], Time::ZERO);
        assert_eq!(horizon.coming().count() + horizon.nodes().count(), 0);
    }
}
