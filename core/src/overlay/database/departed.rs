//! Who is gone, and the greatest key that was known of it: no older record brings it back.
//!
//! A relay may lie about an age, which no hash covers, so that age alone does not keep an old record out. What is
//! remembered of one who is gone is its key and when the record under it was taken here first: a copy of that very record
//! may still come back as long as it could have stayed, since what made it go may have been a lie as well.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::super::{Key, NodeId};
use super::MAX_LIFE;
use super::ledger::{Ledger, Turn};
use crate::kernel::Time;

/// How many who are gone are remembered: as many as a database holds records.
pub const MAX_DEPARTED: usize = 16_384;
/// How long each is: as long as the longest life of a record, so that no honest copy is left anywhere.
const REMEMBERED: Duration = Duration::from_secs(MAX_LIFE as u64);

/// A record that was here and is no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Last {
    pub(super) id: NodeId,
    pub(super) key: Key,
    /// When it was taken here first.
    pub(super) since: Time,
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    last: Last,
    until: Time,
    told: (NodeId, Turn),
}

/// The last records of those who are gone, each at the expense of the peer that told of it. When there are too many, that
/// of the peer with most goes which was remembered last: who tells of many gets in nobody's way but its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Departed {
    memories: BTreeMap<NodeId, Memory>,
    order: BTreeSet<(Time, NodeId)>,
    ledger: Ledger,
}

impl Departed {
    /// `last`, which `teller` told of, is here no more. Under the greatest incarnation it is not remembered: its node
    /// could not outdo it.
    pub(super) fn remember(&mut self, now: Time, teller: NodeId, last: Last) {
        self.forget(last.id);
        if last.key.incarnation == u32::MAX || !self.make_room(teller) {
            return;
        }
        let (until, turn) = (now + REMEMBERED, self.ledger.turn());
        self.order.insert((until, last.id));
        self.ledger.enter(teller, turn, last.id, 1);
        self.memories.insert(last.id, Memory { last, until, told: (teller, turn) });
    }

    fn make_room(&mut self, teller: NodeId) -> bool {
        while self.memories.len() >= MAX_DEPARTED {
            let Some(id) = self.ledger.dispensable(Some(teller), 1) else { return false };
            self.forget(id);
        }
        true
    }

    /// `id` is back.
    pub(super) fn forget(&mut self, id: NodeId) {
        let Some(memory) = self.memories.remove(&id) else { return };
        self.order.remove(&(memory.until, id));
        let (peer, turn) = memory.told;
        self.ledger.strike(peer, turn, id, 1);
    }

    /// What is remembered of `id`.
    pub(super) fn get(&self, id: NodeId) -> Option<Last> {
        self.memories.get(&id).map(|memory| memory.last)
    }

    /// Forgets those who have been gone for long enough.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some((_, id)) = self.order.first().copied().filter(|(until, _)| *until <= now) {
            self.forget(id);
        }
    }

    /// The node slept for so long: what others still have, they have for as much longer.
    pub(super) fn put_off(&mut self, by: Duration) {
        for memory in self.memories.values_mut() {
            memory.until = memory.until + by;
        }
        self.order = self.memories.values().map(|memory| (memory.until, memory.last.id)).collect();
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.memories.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIAR: NodeId = NodeId(1);
    const HONEST: NodeId = NodeId(2);

    fn last(id: u128, incarnation: u32) -> Last {
        Last { id: NodeId(id), key: Key { incarnation, sequence: 7 }, since: Time::ZERO }
    }

    #[test]
    fn each_is_remembered_for_the_longest_life() {
        let mut departed = Departed::default();
        departed.remember(Time::from_secs(10), HONEST, last(9, 1));
        departed.remember(Time::from_secs(20), HONEST, last(8, 1));
        departed.expire(Time::from_secs(3_609));
        assert_eq!(departed.get(NodeId(9)), Some(last(9, 1)));
        departed.expire(Time::from_secs(3_610));
        assert_eq!((departed.get(NodeId(9)), departed.len()), (None, 1));
        departed.put_off(Duration::from_secs(100));
        departed.expire(Time::from_secs(3_719));
        assert_eq!(departed.len(), 1, "the node slept");
        departed.forget(NodeId(8));
        departed.expire(Time::from_secs(9_999));
        assert!(departed.len() == 0 && departed.order.is_empty() && departed.ledger.charged(HONEST) == 0);
    }

    #[test]
    fn who_tells_of_many_loses_its_own() {
        let mut departed = Departed::default();
        (0..100).for_each(|id| departed.remember(Time::ZERO, HONEST, last(id, 1)));
        (100..20_000).for_each(|id| departed.remember(Time::ZERO, LIAR, last(id, 1)));
        assert_eq!(departed.len(), MAX_DEPARTED);
        (20_000..20_100).for_each(|id| departed.remember(Time::ZERO, HONEST, last(id, 1)));
        assert_eq!(departed.len(), MAX_DEPARTED);
        let kept = |ids: core::ops::Range<u128>| ids.filter(|id| departed.get(NodeId(*id)).is_some()).count();
        assert_eq!((kept(0..100), kept(20_000..20_100)), (100, 100));
        assert_eq!(departed.ledger.charged(LIAR), MAX_DEPARTED - 200);
    }

    #[test]
    fn a_key_that_cannot_be_outdone_is_not_remembered() {
        let mut departed = Departed::default();
        departed.remember(Time::ZERO, LIAR, last(9, u32::MAX));
        assert_eq!(departed.len(), 0);
    }
}
