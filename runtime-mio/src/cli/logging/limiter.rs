//! How often the same may be said: a few times in a period, and then how many more there were.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

/// From the first of a kind until the number of the others is said.
pub(crate) const PERIOD: Duration = Duration::from_secs(10);

/// Kinds that are told apart in a period, so that nobody who makes up new ones makes much be said.
pub(crate) const KINDS: usize = 256;

/// Counts kinds of things that are said. It has no clock: the time is given to it.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    kinds: BTreeMap<K, Tally>,
}

#[derive(Debug)]
struct Tally {
    since: Instant,
    said: u32,
    held: u64,
}

impl<K: Ord> Limiter<K> {
    pub(crate) const fn new() -> Self {
        Limiter { kinds: BTreeMap::new() }
    }

    /// Whether one of this kind, of which at most `most` are said in a period, is to be said now. Where too many kinds are counted it is one of the kind `wider`.
    pub(crate) fn admit(&mut self, now: Instant, kind: K, most: u32, wider: impl FnOnce(&K) -> K) -> bool {
        let full = self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind);
        let kind = if full { wider(&kind) } else { kind };
        let tally = self.kinds.entry(kind).or_insert(Tally { since: now, said: 0, held: 0 });
        let admitted = tally.said < most;
        tally.said += u32::from(admitted);
        tally.held += u64::from(!admitted);
        admitted
    }

    /// Forgets the kinds whose period is over: those of which more came than were said, and how many more.
    pub(crate) fn take_over(&mut self, now: Instant) -> Vec<(K, u64)> {
        let over = |tally: &Tally| now.saturating_duration_since(tally.since) >= PERIOD;
        self.take(|tally| over(tally))
    }

    /// Forgets all, as if their periods were over.
    pub(crate) fn take_all(&mut self) -> Vec<(K, u64)> {
        self.take(|_| true)
    }

    /// Whether nothing is counted.
    pub(crate) fn is_idle(&self) -> bool {
        self.kinds.is_empty()
    }

    fn take(&mut self, over: impl Fn(&Tally) -> bool) -> Vec<(K, u64)> {
        let (gone, kept) = mem::take(&mut self.kinds).into_iter().partition(|(_, tally)| over(tally));
        self.kinds = kept;
        let gone: BTreeMap<K, Tally> = gone;
        gone.into_iter().filter(|(_, tally)| tally.held > 0).map(|(kind, tally)| (kind, tally.held)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `times` are said, all at once.
    fn said(limiter: &mut Limiter<(u32, u32)>, now: Instant, kind: (u32, u32), times: u32) -> usize {
        (0..times).filter(|_| limiter.admit(now, kind, 5, |kind| (kind.0, 0))).count()
    }

    #[test]
    fn a_few_of_a_kind_are_said_and_then_their_number() {
        let (mut limiter, start) = (Limiter::new(), Instant::now());
        assert_eq!(said(&mut limiter, start, (1, 1), 9_000), 5);
        assert_eq!(said(&mut limiter, start, (1, 2), 3), 3, "another host");
        assert_eq!(said(&mut limiter, start + PERIOD / 2, (2, 1), 6), 5, "another kind");
        assert_eq!(limiter.take_over(start + PERIOD - Duration::from_nanos(1)), []);
        assert_eq!(limiter.take_over(start + PERIOD), [((1, 1), 8_995)]);
        assert_eq!(said(&mut limiter, start + PERIOD, (1, 1), 6), 5, "a new period");
        assert_eq!(limiter.take_all(), [((1, 1), 1), ((2, 1), 1)]);
        assert!(limiter.is_idle());
    }

    #[test]
    fn hosts_without_number_are_one_kind() {
        let (mut limiter, now) = (Limiter::new(), Instant::now());
        let hosts = 1..=100_000;
        let said: usize = hosts.map(|host| said(&mut limiter, now, (1, host), 1)).sum();
        assert_eq!((said, limiter.kinds.len()), (KINDS + 5, KINDS + 1));
        assert_eq!(limiter.take_over(now + PERIOD), [((1, 0), 100_000 - KINDS as u64 - 5)]);
    }
}
