//! Exact timers.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use smallvec::SmallVec;

use super::Time;

/// A set of timers, one for each key; setting and cancelling cost O(log n), nothing stale ever fires, and timers due at
/// the same time fire in the order of their keys.
///
/// ```
/// use egoist_core::kernel::{Time, Timers};
/// let mut timers = Timers::new();
/// timers.set("beat", Time::from_millis(250));
/// timers.set("probe", Time::from_millis(100));
/// timers.set("beat", Time::from_millis(300)); // moves it
/// assert_eq!(timers.next(), Some((Time::from_millis(100), "probe")));
/// assert_eq!(timers.fire(Time::from_millis(299)).as_slice(), ["probe"]);
/// ```
#[derive(Clone, Debug)]
pub struct Timers<K> {
    at: BTreeMap<K, Time>,
    order: BTreeSet<(Time, K)>,
    fired: Option<Time>,
}

impl<K: Ord + Copy> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// No timers.
    pub const fn new() -> Self {
        Timers { at: BTreeMap::new(), order: BTreeSet::new(), fired: None }
    }

    /// Sets `key`'s timer, in place of the one it had.
    ///
    /// # Panics
    /// In debug builds, if `at` is not after the time last fired: a timer re-armed for the present would spin.
    pub fn set(&mut self, key: K, at: Time) {
        debug_assert!(self.fired.is_none_or(|f| at > f), "a timer was set for a time that has fired already");
        if let Some(old) = self.at.insert(key, at) {
            self.order.remove(&(old, key));
        }
        self.order.insert((at, key));
    }

    /// Sets `key`'s timer unless it is set for an earlier time already.
    pub fn set_earlier(&mut self, key: K, at: Time) {
        if self.at.get(&key).is_none_or(|&t| at < t) {
            self.set(key, at);
        }
    }

    /// Takes `key`'s timer away; whether there was one.
    pub fn cancel(&mut self, key: K) -> bool {
        match self.at.remove(&key) {
            Some(at) => self.order.remove(&(at, key)),
            None => false,
        }
    }

    /// When `key` fires.
    pub fn get(&self, key: K) -> Option<Time> {
        self.at.get(&key).copied()
    }

    /// The timer that fires next.
    pub fn next(&self) -> Option<(Time, K)> {
        self.order.first().copied()
    }

    /// Takes everything due at `now`, in order: a snapshot, so that whatever its handling sets waits for the next call.
    pub fn fire(&mut self, now: Time) -> SmallVec<[K; 8]> {
        let mut due = SmallVec::new();
        while let Some(&(at, key)) = self.order.first() {
            if at > now {
                break;
            }
            self.order.pop_first();
            self.at.remove(&key);
            due.push(key);
        }
        if !due.is_empty() {
            self.fired = Some(now);
        }
        due
    }

    /// Puts off the timers that `which` picks: for a machine that was woken late and must not take its own sleep for
    /// the silence of others.
    pub fn put_off(&mut self, by: Duration, which: impl Fn(&K) -> bool) {
        let moved: SmallVec<[(K, Time); 8]> =
            self.at.iter().filter(|(k, _)| which(k)).map(|(k, t)| (*k, *t + by)).collect();
        for (key, at) in moved {
            self.set(key, at);
        }
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn timers_are_empty_until_one_is_set() {
        let mut timers = Timers::new();
        assert!(timers.is_empty());
        timers.set('a', Time::from_secs(1));
        assert!(!timers.is_empty());
    }

    #[test]
    #[should_panic(expected = "fired already")]
    fn rearming_for_the_present_is_an_error() {
        let mut t = Timers::new();
        t.set(1, Time::from_micros(5));
        t.fire(Time::from_micros(5));
        t.set(1, Time::from_micros(5));
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_list(ops in prop::collection::vec((0u8..6, 0u64..50, any::<bool>()), 0..60)) {
            let (mut timers, mut model) = (Timers::new(), Vec::<(Time, u8)>::new());
            for (key, at, set) in ops {
                model.retain(|(_, k)| *k != key);
                if set {
                    timers.set(key, Time::from_micros(at));
                    model.push((Time::from_micros(at), key));
                } else {
                    timers.cancel(key);
                }
                model.sort_unstable();
                prop_assert_eq!(timers.next(), model.first().copied());
                prop_assert_eq!(timers.len(), model.len());
            }
            let due: Vec<u8> = model.iter().filter(|(t, _)| t.as_micros() <= 25).map(|(_, k)| *k).collect();
            prop_assert_eq!(timers.fire(Time::from_micros(25)).to_vec(), due);
        }
    }

    #[test]
    fn a_timer_is_only_brought_forward() {
        let mut timers = Timers::new();
        let mut next = |secs| {
            timers.set_earlier('a', Time::from_secs(secs));
            timers.next().map(|(at, _)| at)
        };
        let expected = [5, 5, 3, 3].map(|secs| Some(Time::from_secs(secs)));
        assert_eq!([5, 7, 3, 4].map(&mut next), expected);
    }
}
