//! Care with stale views: two nodes that decide within one propagation time see the same past.
//!
//! Without it, best responses in a directed overlay with slow news tear the overlay apart: everybody leaves the same hub for
//! the same other one at once.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::super::names::NodeId;
use crate::kernel::{Rng, Time};

/// Of how many sources a [`LagEstimator`] remembers a change. A percentile of the last thousand is as good as one of all;
/// about 150 KiB.
const MAX_SAMPLES: usize = 1024;

/// A node that has just seen a change goes on all the same in so many per cent of cases, so that among several who wait for
/// each other somebody moves.
const GO_ANYWAY_PERCENT: u64 = 15;

/// More changes than this within one lag: only one link is changed.
const BUSY_CHANGES: usize = 2;

/// A wait takes time, however small the lag: who is told to wait is not asked again at once.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// How long news of a wiring takes: the 90th percentile of the ages at first arrival of flooded updates that changed a
/// foreign wiring, over the last epoch, at most a quarter of an epoch, and zero if there was none. Each source counts once,
/// with its latest change: who changes its wiring all the time moves the percentile no more than anybody else.
#[derive(Clone, Debug)]
pub struct LagEstimator {
    epoch: Duration,
    /// The latest arrival of each source, and its age.
    samples: BTreeMap<NodeId, (Time, Duration)>,
    /// The same by time.
    order: BTreeSet<(Time, NodeId)>,
    ages: Vec<Duration>,
}

impl LagEstimator {
    /// An estimator for epochs of this length that has seen nothing.
    pub fn new(epoch: Duration) -> Self {
        LagEstimator { epoch, samples: BTreeMap::new(), order: BTreeSet::new(), ages: Vec::new() }
    }

    /// Takes in the first arrival of an update that changed the wiring of `source`, `age` after that decided. Of more than
    /// 1,024 sources within an epoch the latest count.
    pub fn record(&mut self, now: Time, source: NodeId, age: Duration) {
        if let Some((before, _)) = self.samples.insert(source, (now, age)) {
            self.order.remove(&(before, source));
        } else if self.order.len() == MAX_SAMPLES {
            self.forget_oldest();
        }
        self.order.insert((now, source));
    }

    /// The change of `source` that arrived at `at` was no older than `age` then.
    pub fn correct(&mut self, at: Time, source: NodeId, age: Duration) {
        if let Some((_, known)) = self.samples.get_mut(&source).filter(|(arrived, _)| *arrived == at) {
            *known = age.min(*known);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, source)) = self.order.pop_first() {
            self.samples.remove(&source);
        }
    }

    /// The lag as far as known at `now`.
    pub fn estimate(&mut self, now: Time) -> Duration {
        while self.order.first().is_some_and(|&(at, _)| now.since(at) >= self.epoch) {
            self.forget_oldest();
        }
        self.ages.clear();
        self.ages.extend(self.samples.values().map(|&(_, age)| age));
        let rank = (self.ages.len() * 9).div_ceil(10);
        match rank.checked_sub(1) {
            Some(i) => (*self.ages.select_nth_unstable(i).1).min(self.epoch / 4),
            None => Duration::ZERO,
        }
    }

    /// Of how many sources a change arrived less than `window` before `now`.
    fn recent(&self, now: Time, window: Duration) -> usize {
        self.order.iter().rev().take_while(|&&(at, _)| now.since(at) < window).count()
    }
}

/// Whether a node looks for quiet before it decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Caution {
    /// It waits while others rewire.
    #[default]
    Quiet,
    /// It always decides at once: for comparison.
    Off,
}

/// What a node whose epoch has come is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Decide.
    Go,
    /// Decide, but change one link at most.
    GoOneLink,
    /// Ask again at this time.
    Wait(Time),
}

/// Tells a node when its view is fresh enough to decide on.
///
/// A node with no live link, or one that replaces a dead neighbour, does not ask.
#[derive(Clone, Debug)]
pub struct QuietGuard {
    caution: Caution,
    lag: LagEstimator,
}

impl QuietGuard {
    /// A guard for epochs of this length that has seen no change.
    pub fn new(caution: Caution, epoch: Duration) -> Self {
        QuietGuard { caution, lag: LagEstimator::new(epoch) }
    }

    /// Takes in the first arrival of an update that changed the wiring of `source`, `age` after that decided.
    pub fn record(&mut self, now: Time, source: NodeId, age: Duration) {
        self.lag.record(now, source, age);
    }

    /// The change of `source` that arrived at `at` was no older than `age` then, as another copy of it says.
    pub fn correct(&mut self, at: Time, source: NodeId, age: Duration) {
        self.lag.correct(at, source, age);
    }

    /// The [lag](LagEstimator::estimate) as far as known at `now`.
    pub fn lag(&mut self, now: Time) -> Duration {
        self.lag.estimate(now)
    }

    /// What a node whose epoch has come, or who has waited as told, is to do. After a change within the last lag it mostly
    /// waits for 0.5 to 2.5 lags, drawn anew each time.
    pub fn verdict(&mut self, now: Time, rng: &mut Rng) -> Verdict {
        if self.caution == Caution::Off {
            return Verdict::Go;
        }
        let lag = self.lag.estimate(now);
        match self.lag.recent(now, lag) {
            0 => Verdict::Go,
            changes if rng.percent(GO_ANYWAY_PERCENT) => {
                if changes > BUSY_CHANGES {
                    Verdict::GoOneLink
                } else {
                    Verdict::Go
                }
            }
            _ => Verdict::Wait(now + rng.between(lag / 2, lag.saturating_mul(5) / 2).max(LEAST_WAIT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Seed, Streams};

    const EPOCH: Duration = Duration::from_secs(60);

    fn rng() -> Rng {
        Streams::new(Seed::from_u64(1)).named("guard")
    }

    #[test]
    fn the_lag_is_the_ninetieth_percentile_of_the_last_epoch() {
        let mut lag = LagEstimator::new(EPOCH);
        assert_eq!(lag.estimate(Time::ZERO), Duration::ZERO);
        for i in 1..=20u32 {
            let age = Duration::from_millis(u64::from(i) * 100);
            lag.record(Time::from_secs(u64::from(i)), NodeId(i.into()), age);
        }
        assert_eq!(lag.estimate(Time::from_secs(20)), Duration::from_millis(1800));
        assert_eq!(lag.estimate(Time::from_secs(79)), Duration::from_millis(2000), "the last alone is left");
        assert_eq!(lag.estimate(Time::from_secs(80)), Duration::ZERO);
    }

    #[test]
    fn the_lag_is_at_most_a_quarter_of_an_epoch() {
        let mut lag = LagEstimator::new(EPOCH);
        lag.record(Time::ZERO, NodeId(1), Duration::MAX);
        assert_eq!(lag.estimate(Time::ZERO), EPOCH / 4);
    }

    #[test]
    fn a_flood_of_changes_takes_bounded_memory() {
        let mut lag = LagEstimator::new(EPOCH);
        for i in 0..10_000 {
            lag.record(Time::from_micros(i), NodeId(i.into()), Duration::from_micros(i));
        }
        assert_eq!((lag.samples.len(), lag.order.len()), (MAX_SAMPLES, MAX_SAMPLES));
        assert_eq!(lag.estimate(Time::ZERO), Duration::from_micros(10_000 - 1024 + 921));
    }

    #[test]
    fn a_source_counts_once_whatever_it_says() {
        let mut lag = LagEstimator::new(EPOCH);
        for source in 0..10 {
            lag.record(Time::ZERO, NodeId(source), Duration::from_millis(100));
        }
        for i in 0..1_000 {
            lag.record(Time::from_millis(i), NodeId(99), Duration::from_secs(14));
        }
        assert_eq!(lag.estimate(Time::from_secs(1)), Duration::from_millis(100));
        assert_eq!(lag.recent(Time::from_secs(1), Duration::from_secs(1)), 1, "and as one change");
        assert_eq!(lag.order.len(), 11);
    }

    #[test]
    fn a_younger_copy_corrects_the_sample_of_its_own_change_alone() {
        let (mut lag, source) = (LagEstimator::new(EPOCH), NodeId(1));
        lag.record(Time::from_secs(1), source, Duration::from_secs(9));
        lag.correct(Time::from_secs(2), source, Duration::from_secs(1));
        lag.correct(Time::from_secs(1), NodeId(2), Duration::from_secs(1));
        assert_eq!(lag.estimate(Time::from_secs(3)), Duration::from_secs(9));
        for age in [3, 5] {
            lag.correct(Time::from_secs(1), source, Duration::from_secs(age));
            assert_eq!(lag.estimate(Time::from_secs(3)), Duration::from_secs(3));
        }
    }

    /// A guard that saw `changes` at one time, with a lag of 2 s; how often each verdict comes `after` that time.
    fn verdicts(caution: Caution, changes: usize, after: Duration) -> [usize; 3] {
        let (mut guard, mut rng, seen) = (QuietGuard::new(caution, EPOCH), rng(), Time::from_secs(100));
        let sources = (0..changes).map(|source| NodeId(source as u128));
        sources.for_each(|source| guard.record(seen, source, Duration::from_secs(2)));
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            match guard.verdict(seen + after, &mut rng) {
                Verdict::Go => counts[0] += 1,
                Verdict::GoOneLink => counts[1] += 1,
                Verdict::Wait(until) => {
                    let wait = until.since(seen + after);
                    assert!((Duration::from_secs(1)..=Duration::from_secs(5)).contains(&wait), "{wait:?}");
                    counts[2] += 1;
                }
            }
        }
        counts
    }

    #[test]
    fn a_quiet_overlay_stops_nobody() {
        assert_eq!(verdicts(Caution::Quiet, 0, Duration::ZERO), [10_000, 0, 0]);
        assert_eq!(verdicts(Caution::Quiet, 5, Duration::from_secs(2)), [10_000, 0, 0]);
        assert_eq!(verdicts(Caution::Off, 5, Duration::ZERO), [10_000, 0, 0]);
    }

    #[test]
    fn after_a_change_fifteen_in_a_hundred_go_on() {
        let [go, one, wait] = verdicts(Caution::Quiet, 2, Duration::from_millis(1_999));
        assert!((1_400..1_600).contains(&go) && one == 0 && go + wait == 10_000, "{go} {one} {wait}");
        let [go, one, wait] = verdicts(Caution::Quiet, 3, Duration::ZERO);
        assert!((1_400..1_600).contains(&one) && go == 0 && one + wait == 10_000, "{go} {one} {wait}");
    }

    #[test]
    fn waits_are_drawn_from_half_to_two_and_a_half_lags() {
        let (mut guard, mut rng) = (QuietGuard::new(Caution::Quiet, EPOCH), rng());
        guard.record(Time::ZERO, NodeId(1), Duration::from_secs(2));
        let waits: Vec<Time> = (0..1_000)
            .filter_map(|_| match guard.verdict(Time::ZERO, &mut rng) {
                Verdict::Wait(until) => Some(until),
                _ => None,
            })
            .collect();
        assert!(waits.iter().any(|&t| t < Time::from_millis(1_100)));
        assert!(waits.iter().any(|&t| t > Time::from_millis(4_900)));
    }
}
