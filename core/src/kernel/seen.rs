//! The bounded duplicate cache.

use alloc::collections::VecDeque;
use core::hash::Hash;
use core::time::Duration;

use hashbrown::HashSet;

use super::{KeyedState, Time};

/// Remembers what was seen lately: at most `limit` keys, each for at most `keep`. Asking and adding are O(1); when it is
/// full the oldest goes. It saves work and decides nothing: with a limit of zero it remembers nothing.
#[derive(Clone, Debug)]
pub struct SeenCache<K> {
    keys: HashSet<K, KeyedState>,
    order: VecDeque<(Time, K)>,
    limit: usize,
    keep: Duration,
}

impl<K: Hash + Eq + Copy> SeenCache<K> {
    /// An empty cache.
    pub fn new(limit: usize, keep: Duration, hasher: KeyedState) -> Self {
        SeenCache { keys: HashSet::with_hasher(hasher), order: VecDeque::new(), limit, keep }
    }

    /// Whether `key` was added within the time kept.
    pub fn contains(&mut self, now: Time, key: &K) -> bool {
        self.expire(now);
        self.keys.contains(key)
    }

    /// Adds `key`; false if it was there already (its time is not renewed).
    pub fn insert(&mut self, now: Time, key: K) -> bool {
        self.expire(now);
        if self.limit == 0 || !self.keys.insert(key) {
            return self.limit == 0;
        }
        if self.order.len() == self.limit {
            self.drop_oldest();
        }
        self.order.push_back((now, key));
        true
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn expire(&mut self, now: Time) {
        while self.order.front().is_some_and(|(at, _)| *at + self.keep <= now) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_list(limit in 0usize..5, keep in 1u64..8, ops in prop::collection::vec((0u64..3, 0u8..9), 0..80)) {
            let mut cache = SeenCache::new(limit, Duration::from_micros(keep), KeyedState::new(1, 2));
            let (mut now, mut model) = (Time::ZERO, Vec::<(Time, u8)>::new());
            for (pass, key) in ops {
                now = now + Duration::from_micros(pass);
                model.retain(|(at, _)| now.since(*at) < Duration::from_micros(keep));
                let known = model.iter().any(|(_, k)| *k == key);
                prop_assert_eq!(cache.contains(now, &key), known);
                prop_assert_eq!(cache.insert(now, key), !known);
                if !known && limit > 0 {
                    if model.len() == limit { model.remove(0); }
                    model.push((now, key));
                }
                prop_assert_eq!(cache.len(), model.len());
                prop_assert_eq!(cache.is_empty(), model.is_empty());
            }
        }
    }
}
