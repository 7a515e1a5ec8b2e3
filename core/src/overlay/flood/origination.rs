//! How often a node may say something new of itself.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::NodeId;
use crate::kernel::Time;

/// How many records may be originated in a row.
pub const BURST: u32 = 3;
/// How long it takes until one more may be; also the least time between two unlistings of one link that do not wait.
pub const REFILL: Duration = Duration::from_secs(1);
/// How many unlistings are remembered, more than a node has links. Past that, the next one waits like anything else.
pub const UNLISTED_LIMIT: usize = 1_024;

/// Why a node originates a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Urgency {
    /// Anything that may wait for the bucket.
    Routine,
    /// The link to this node is dead or suspected: the whole overlay sends into it until it is unlisted. Goes at once,
    /// at most once a second for each link.
    Unlist(NodeId),
}

/// The bucket that limits originations: it holds [`BURST`], and one more comes each [`REFILL`]. It defers and coalesces
/// and never drops: a record is the node's whole state, so that one origination answers every request before it.
#[derive(Clone, Debug, Default)]
pub struct Origination {
    /// When the bucket is full again.
    full: Time,
    pending: Option<Pending>,
    /// Links unlisted without waiting, the first first.
    unlisted: VecDeque<(Time, NodeId)>,
    /// Links to be unlisted by the next origination.
    unlisting: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    /// The first request since the last origination.
    since: Time,
    due: Time,
}

impl Origination {
    /// A full bucket, nothing requested.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something is to be told. A request while another waits only brings it forward, never puts it off.
    pub fn request(&mut self, now: Time, urgency: Urgency) {
        let due = match urgency {
            Urgency::Routine => self.refilled(now),
            Urgency::Unlist(link) => self.unlist(now, link).min(self.refilled(now)),
        };
        let earlier = self.pending.unwrap_or(Pending { since: now, due });
        self.pending = Some(Pending { since: earlier.since, due: earlier.due.min(due) });
    }

    /// When the next origination is due; `None` if nothing was requested.
    pub fn next(&self) -> Option<Time> {
        self.pending.map(|pending| pending.due)
    }

    /// Whether one is due now.
    pub fn ready(&self, now: Time) -> bool {
        self.next().is_some_and(|due| due <= now)
    }

    /// If an origination is due: takes it from the bucket and says how long the first request has waited, which is the
    /// age that the new record starts with.
    pub fn take(&mut self, now: Time) -> Option<Duration> {
        let pending = self.pending.take_if(|pending| pending.due <= now)?;
        self.forget(now);
        self.unlisted.extend(self.unlisting.drain(..).map(|link| (now, link)));
        self.full = (self.full.max(now) + REFILL).min(now + REFILL * BURST);
        Some(now.since(pending.since))
    }

    /// When the bucket holds one, from now on.
    fn refilled(&self, now: Time) -> Time {
        now.max(self.full - REFILL * (BURST - 1))
    }

    /// When a link may be unlisted without asking the bucket; never, where a request that waits already sees to it.
    fn unlist(&mut self, now: Time, link: NodeId) -> Time {
        self.forget(now);
        let full = self.unlisted.len() + self.unlisting.len() >= UNLISTED_LIMIT;
        if full || self.unlisting.contains(&link) {
            return Time::MAX;
        }
        self.unlisting.push(link);
        self.unlisted.iter().rfind(|(_, unlisted)| *unlisted == link).map_or(now, |(at, _)| *at + REFILL)
    }

    fn forget(&mut self, now: Time) {
        while self.unlisted.front().is_some_and(|(at, _)| *at + REFILL <= now) {
            self.unlisted.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    const fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn three_at_once_then_one_a_second_and_none_is_lost() {
        let mut bucket = Origination::new();
        for _ in 0..3 {
            bucket.request(at(0), Urgency::Routine);
            assert_eq!(bucket.take(at(0)), Some(Duration::ZERO));
        }
        bucket.request(at(0), Urgency::Routine);
        bucket.request(at(400), Urgency::Routine);
        assert_eq!(bucket.next(), Some(at(1_000)));
        assert_eq!(bucket.take(at(999)), None);
        assert_eq!(bucket.take(at(1_000)), Some(Duration::from_secs(1)), "as old as the first request");
        assert_eq!(bucket.next(), None, "one record answers both");
        bucket.request(at(1_000), Urgency::Routine);
        assert_eq!(bucket.next(), Some(at(2_000)));
    }

    #[test]
    fn a_dead_link_waits_for_no_bucket() {
        let mut bucket = Origination::new();
        let (a, b) = (NodeId(1), NodeId(2));
        for link in [1, 2, 3, 4, 5, 6] {
            bucket.request(at(0), Urgency::Unlist(NodeId(link)));
            assert!(bucket.take(at(0)).is_some(), "{link}");
        }
        bucket.request(at(300), Urgency::Unlist(a));
        bucket.request(at(400), Urgency::Unlist(a));
        assert_eq!(bucket.next(), Some(at(1_000)), "at most once a second");
        bucket.request(at(500), Urgency::Unlist(NodeId(9)));
        assert_eq!(bucket.next(), Some(at(500)), "another link brings it forward");
        assert!(bucket.take(at(500)).is_some());
        bucket.request(at(1_200), Urgency::Unlist(a));
        assert_eq!(bucket.next(), Some(at(1_500)), "it was unlisted at 500 ms again");
        bucket.request(at(1_200), Urgency::Unlist(b));
        assert_eq!(bucket.next(), Some(at(1_200)));
    }

    #[test]
    fn one_link_asks_for_one_place() {
        let mut bucket = Origination::new();
        bucket.full = at(9_000);
        for _ in 0..UNLISTED_LIMIT {
            bucket.request(at(0), Urgency::Unlist(NodeId(1)));
        }
        assert!(bucket.take(at(0)).is_some());
        bucket.request(at(1), Urgency::Unlist(NodeId(2)));
        assert_eq!(bucket.next(), Some(at(1)));
        for link in 0..UNLISTED_LIMIT as u128 {
            bucket.request(at(1), Urgency::Unlist(NodeId(link)));
        }
        assert!(bucket.take(at(1)).is_some());
        bucket.request(at(2), Urgency::Unlist(NodeId(1 << 64)));
        assert!(bucket.next() > Some(at(2)), "past the limit it waits for the bucket");
        assert!(bucket.unlisted.len() <= UNLISTED_LIMIT);
    }

    proptest! {
        #[test]
        fn every_request_is_answered_within_a_second_and_the_rate_is_kept(
            steps in prop::collection::vec((0u64..700, 0u128..6), 1..60)
        ) {
            let (mut bucket, mut now) = (Origination::new(), at(0));
            let (mut oldest, mut taken, mut urgent) = (None, vec![], vec![]);
            for (pass, what) in steps {
                let until = now + Duration::from_millis(pass);
                while let Some(due) = bucket.next().filter(|due| *due <= until) {
                    prop_assert!(due >= now, "an origination is due in the past");
                    prop_assert!(bucket.take(due).is_some());
                    taken.push(due);
                    prop_assert!(due.since(oldest.take().unwrap()) <= REFILL, "a request waits too long");
                }
                now = until;
                oldest.get_or_insert(now);
                if what < 3 {
                    bucket.request(now, Urgency::Routine);
                } else {
                    bucket.request(now, Urgency::Unlist(NodeId(what)));
                    urgent.push(now);
                }
            }
            prop_assert!(bucket.next().is_some());
            for (first, from) in taken.iter().enumerate() {
                let window = from.as_micros()..from.as_micros() + 5_000_000;
                let within = taken[first..].iter().filter(|t| window.contains(&t.as_micros())).count();
                let forced = urgent.iter().filter(|t| window.contains(&t.as_micros())).count();
                prop_assert!(within <= 8 + forced, "{within} in five seconds, {forced} of them forced");
            }
        }

        #[test]
        fn a_link_is_unlisted_at_once_at_most_once_a_second(
            steps in prop::collection::vec((0u64..700, 0u128..3), 1..60)
        ) {
            let (mut bucket, mut now) = (Origination::new(), at(0));
            let (mut last, mut waiting) = ([None::<Time>; 3], [false; 3]);
            // The bucket stays empty, so that nothing goes but what need not wait for it.
            for (pass, link) in steps {
                now = now + Duration::from_millis(pass);
                bucket.full = now + REFILL * BURST;
                bucket.request(now, Urgency::Unlist(NodeId(link)));
                waiting[usize::try_from(link).unwrap()] = true;
                let free = |link: usize| last[link].is_none_or(|at| now.since(at) >= REFILL);
                let due = (0..3).any(|link| waiting[link] && free(link));
                prop_assert_eq!(bucket.ready(now), due);
                if bucket.take(now).is_some() {
                    for link in 0..3 {
                        last[link] = if core::mem::take(&mut waiting[link]) { Some(now) } else { last[link] };
                    }
                }
            }
        }
    }
}
