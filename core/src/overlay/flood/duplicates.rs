//! What was seen, and what was answered, a short while ago.

use core::time::Duration;

use super::super::NodeId;
use super::super::wire::Hash;
use crate::kernel::{ConnId, KeyedState, SeenCache, Time};

/// How many hashes the duplicate cache remembers: the seed's bound on the packet ids it keeps.
pub const PKT_IDS_LIMIT: usize = 5_000;
/// How long it remembers each: the seed empties its whole table that often, five rewiring periods.
pub const ERASE_HASH: Duration = Duration::from_secs(300);
/// Older news from one source over one link is answered at most that often.
pub const OLDER_REPLY_PERIOD: Duration = Duration::from_secs(1);
/// How many of these answers are remembered; past that, the one answered first may be answered again too soon.
pub const OLDER_REPLIES: usize = 1_024;

/// The duplicate cache. It saves the work of hashing claims, and of answering old news that comes by many ways; and it never
/// decides: a hash that was forgotten, or a cache of size zero, leads to the same databases. What a record is to the
/// database is asked first, and a copy of one that is there may have a lower age; see
/// [`Database::lower_age`](super::super::database::Database::lower_age).
///
/// ```
/// use egoist_core::kernel::{Seed, Streams, Time};
/// use egoist_core::overlay::{flood::Duplicates, wire::Hash};
/// let mut duplicates = Duplicates::new(Streams::new(Seed::from_u64(1)).keyed("duplicates"));
/// assert!(!duplicates.contains(Time::ZERO, Hash(7)));
/// duplicates.insert(Time::ZERO, Hash(7));
/// assert!(duplicates.contains(Time::from_secs(299), Hash(7)));
/// assert!(!duplicates.contains(Time::from_secs(300), Hash(7)));
/// ```
#[derive(Clone, Debug)]
pub struct Duplicates(SeenCache<Hash>);

impl Duplicates {
    /// An empty cache with the seed's bounds.
    pub fn new(hasher: KeyedState) -> Self {
        Self::with_bounds(PKT_IDS_LIMIT, ERASE_HASH, hasher)
    }

    /// An empty cache of at most `limit` hashes, each for at most `keep`.
    pub fn with_bounds(limit: usize, keep: Duration, hasher: KeyedState) -> Self {
        Duplicates(SeenCache::new(limit, keep, hasher))
    }

    /// Whether an update with this hash was dealt with lately. The hash may be a mere claim: who claims another's hash
    /// has only his own packet dropped.
    pub fn contains(&mut self, now: Time, claimed: Hash) -> bool {
        self.0.contains(now, &claimed)
    }

    /// An update was dealt with. Only a hash that was verified may be added, or a forger could keep the true update
    /// out, and only after a verdict that [is settled](super::super::database::Verdict::is_settled), or the cache would
    /// decide.
    pub fn insert(&mut self, now: Time, verified: Hash) {
        self.0.insert(now, verified);
    }

    /// How many hashes are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Limits how often older news is answered with our newer copy. An answer that is left out needs no later one: the one
/// before it went over the same reliable link, and whatever is newer than that was flooded over it since.
#[derive(Clone, Debug)]
pub struct OlderReplies(SeenCache<(NodeId, ConnId)>);

impl OlderReplies {
    /// Nothing answered yet.
    pub fn new(hasher: KeyedState) -> Self {
        OlderReplies(SeenCache::new(OLDER_REPLIES, OLDER_REPLY_PERIOD, hasher))
    }

    /// Whether older news of `source` that came over `link` is to be answered now; it is then taken as answered.
    pub fn admit(&mut self, now: Time, source: NodeId, link: ConnId) -> bool {
        self.0.insert(now, (source, link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASHER: KeyedState = KeyedState::new(1, 2);

    #[test]
    fn a_cache_of_size_zero_knows_nothing() {
        let mut duplicates = Duplicates::with_bounds(0, ERASE_HASH, HASHER);
        duplicates.insert(Time::ZERO, Hash(1));
        assert!(!duplicates.contains(Time::ZERO, Hash(1)));
        assert!(duplicates.is_empty());
    }

    #[test]
    fn the_cache_is_bounded() {
        let mut duplicates = Duplicates::new(HASHER);
        for n in 0..=PKT_IDS_LIMIT as u128 {
            duplicates.insert(Time::ZERO, Hash(n));
        }
        assert!(duplicates.len() == PKT_IDS_LIMIT && !duplicates.is_empty());
        assert!(!duplicates.contains(Time::ZERO, Hash(0)), "the oldest went");
        assert!(duplicates.contains(Time::ZERO, Hash(1)));
    }

    #[test]
    fn older_news_is_answered_once_a_second_for_each_source_and_link() {
        let mut replies = OlderReplies::new(HASHER);
        let (a, b) = (NodeId(1), NodeId(2));
        assert!(replies.admit(Time::ZERO, a, ConnId(1)));
        assert!(!replies.admit(Time::from_millis(999), a, ConnId(1)));
        assert!(replies.admit(Time::from_millis(999), a, ConnId(2)));
        assert!(replies.admit(Time::from_millis(999), b, ConnId(1)));
        assert!(replies.admit(Time::from_millis(1_000), a, ConnId(1)));
    }
}
