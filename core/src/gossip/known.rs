//! Messages that are known again after they have left the cache.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use hashbrown::HashMap;

use super::slot::Slot;
use super::wire::MessageHash;
use crate::kernel::{KeyedState, Time};

/// A bounded number of hashes, each for a bounded time. When it is full the oldest goes of whoever told of most.
#[derive(Debug)]
pub(super) struct Known {
    since: HashMap<MessageHash, Time, KeyedState>,
    shelves: Vec<VecDeque<MessageHash>>,
    size: usize,
    keep: Duration,
}

impl Known {
    pub(super) fn new(size: usize, keep: Duration, hasher: KeyedState) -> Self {
        let shelves = vec![VecDeque::new(); Slot::COUNT];
        Known { since: HashMap::with_hasher(hasher), shelves, size, keep }
    }

    pub(super) fn contains(&self, now: Time, hash: &MessageHash) -> bool {
        self.since.get(hash).is_some_and(|since| now.since(*since) < self.keep)
    }

    /// Takes one that is not known.
    pub(super) fn insert(&mut self, now: Time, hash: MessageHash, teller: Slot) {
        self.expire(now, teller);
        if self.since.insert(hash, now).is_none() {
            self.shelves[teller.index()].push_back(hash);
        }
        while self.since.len() > self.size {
            self.drop_oldest();
        }
    }

    fn expire(&mut self, now: Time, teller: Slot) {
        let shelf = &mut self.shelves[teller.index()];
        while let Some(hash) = shelf.front()
            && self.since.get(hash).is_none_or(|since| now.since(*since) >= self.keep)
        {
            self.since.remove(hash);
            shelf.pop_front();
        }
    }

    fn drop_oldest(&mut self) {
        let fullest = self.shelves.iter_mut().rev().max_by_key(|shelf| shelf.len());
        if let Some(hash) = fullest.and_then(VecDeque::pop_front) {
            self.since.remove(&hash);
        }
    }
}
