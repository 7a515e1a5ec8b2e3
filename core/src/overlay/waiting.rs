//! Payloads that were refused: how long each is, and what it waits for.
//!
//! Room is looked for by the length that was refused. Until it is taken, shorter payloads for the same destination wait
//! behind it: they would fill whatever room there is, and the long one would never go.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::names::NodeId;
use super::wire::Way;
use crate::kernel::Time;

/// Destinations that are told when there is room again; the first of more is told at once, and may be refused again.
const REFUSED: usize = 1_024;
/// Room that was told of is kept for so long for the length that was refused.
const KEPT: Duration = Duration::from_millis(50);

/// Where a payload goes, and how.
pub(super) type Target = (NodeId, Way);

/// The longest payload for a target that was refused.
#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    len: usize,
    /// The neighbour whose queue is too full; `None` where it waits for something else.
    hop: Option<NodeId>,
    /// It was told that there is room, and has it until then.
    kept: Option<Time>,
    /// Shorter ones were refused since.
    behind: bool,
}

/// Who waits for room.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    refused: BTreeMap<Target, Refused>,
    /// Those that wait for a neighbour's queue.
    queues: BTreeMap<NodeId, BTreeSet<Target>>,
}

impl Waiting {
    /// Whether a payload of `len` octets may be taken before a longer one that was refused.
    ///
    /// # Errors
    /// It may not: until when, where that is known.
    pub(super) fn pass(&mut self, now: Time, target: Target, len: usize) -> Result<(), Option<Time>> {
        match self.refused.get_mut(&target) {
            Some(longer) if longer.len > len && longer.kept.is_none_or(|until| now < until) => {
                longer.behind = true;
                Err(longer.kept)
            }
            _ => Ok(()),
        }
    }

    /// A payload was refused, for want of room in the queue of `hop` or for something else. Whom to tell in its place if
    /// too many wait.
    pub(super) fn refuse(&mut self, target: Target, len: usize, hop: Option<NodeId>) -> Option<Target> {
        let refused = self.refused.entry(target).or_default();
        refused.len = if refused.kept.take().is_some() { len } else { len.max(refused.len) };
        self.wait(target, hop);
        let first = self.refused.first_key_value().map(|(first, _)| *first);
        let crowded = self.refused.len() > REFUSED;
        first.filter(|_| crowded).inspect(|first| self.forget(*first))
    }

    /// A payload was taken; whether others wait behind it.
    pub(super) fn taken(&mut self, target: Target) -> bool {
        let behind = self.refused.get(&target).is_some_and(|refused| refused.behind);
        self.forget(target);
        behind
    }

    /// What `target` waits for.
    pub(super) fn wait(&mut self, target: Target, hop: Option<NodeId>) {
        let Some(refused) = self.refused.get_mut(&target) else { return };
        let before = core::mem::replace(&mut refused.hop, hop);
        if before == hop {
            return;
        }
        self.leave_queue(target, before);
        if let Some(hop) = hop {
            self.queues.entry(hop).or_default().insert(target);
        }
    }

    /// There is room, and `target` was told; until when it is kept.
    pub(super) fn told(&mut self, now: Time, target: Target) -> Time {
        self.wait(target, None);
        let until = now + KEPT;
        if let Some(refused) = self.refused.get_mut(&target) {
            refused.kept = Some(until);
        }
        until
    }

    /// For how many octets room is looked for; `None` while nobody waits.
    pub(super) fn wanted(&mut self, now: Time, target: Target) -> Option<usize> {
        let refused = self.refused.get_mut(&target)?;
        match refused.kept {
            None => Some(refused.len),
            Some(until) if now < until => None,
            Some(_) if refused.behind => {
                *refused = Refused::default();
                Some(0)
            }
            Some(_) => {
                self.refused.remove(&target);
                None
            }
        }
    }

    /// Who waits for the queue of `hop`.
    pub(super) fn at(&self, hop: NodeId) -> Vec<Target> {
        self.queues.get(&hop).map(|targets| targets.iter().copied().collect()).unwrap_or_default()
    }

    /// Who waits for anything.
    pub(super) fn all(&self) -> Vec<Target> {
        self.refused.keys().copied().collect()
    }

    fn forget(&mut self, target: Target) {
        if let Some(refused) = self.refused.remove(&target) {
            self.leave_queue(target, refused.hop);
        }
    }

    fn leave_queue(&mut self, target: Target, hop: Option<NodeId>) {
        if let Some(hop) = hop
            && let Some(targets) = self.queues.get_mut(&hop)
        {
            targets.remove(&target);
            if targets.is_empty() {
                self.queues.remove(&hop);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: Target = (NodeId(7), Way::Link);

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn shorter_ones_wait_behind_a_longer_one_until_it_is_taken_or_late() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.pass(at(0), TO, 1), Ok(()));
        assert_eq!(waiting.refuse(TO, 100, None), None);
        assert_eq!((waiting.pass(at(1), TO, 99), waiting.pass(at(1), TO, 100)), (Err(None), Ok(())));
        assert_eq!(waiting.wanted(at(1), TO), Some(100));
        assert_eq!(waiting.told(at(10), TO), at(60));
        assert_eq!((waiting.wanted(at(59), TO), waiting.pass(at(59), TO, 1)), (None, Err(Some(at(60)))));
        assert_eq!((waiting.pass(at(60), TO, 1), waiting.wanted(at(60), TO)), (Ok(()), Some(0)));
        waiting.told(at(60), TO);
        assert_eq!(waiting.wanted(at(110), TO), None);
        assert_eq!(waiting.all(), []);
    }

    #[test]
    fn who_is_taken_says_whether_others_wait() {
        let mut waiting = Waiting::default();
        waiting.refuse(TO, 100, None);
        assert!(!waiting.taken(TO) && !waiting.taken(TO));
        waiting.refuse(TO, 100, None);
        assert!(waiting.pass(at(0), TO, 1).is_err() && waiting.taken(TO));
    }

    #[test]
    fn a_queue_names_those_alone_that_wait_for_it() {
        let mut waiting = Waiting::default();
        let other = (NodeId(8), Way::Link);
        waiting.refuse(TO, 1, Some(NodeId(1)));
        waiting.refuse(other, 1, Some(NodeId(1)));
        assert_eq!(waiting.at(NodeId(1)), [TO, other]);
        waiting.wait(TO, Some(NodeId(2)));
        waiting.told(at(0), other);
        assert_eq!((waiting.at(NodeId(1)).len(), waiting.at(NodeId(2))), (0, alloc::vec![TO]));
        waiting.taken(TO);
        assert!(waiting.queues.is_empty());
    }

    #[test]
    fn so_many_wait() {
        let mut waiting = Waiting::default();
        let out = (0..REFUSED as u128 + 3).filter_map(|to| waiting.refuse((NodeId(to), Way::Link), 1, None));
        assert_eq!(out.map(|(to, _)| to.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(waiting.all().len(), REFUSED);
    }
}
