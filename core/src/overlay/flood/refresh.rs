//! How often a record is said again, and how long it lives.

use core::time::Duration;

use super::super::database::{MAX_LIFE, MIN_LIFE};
use crate::kernel::{Rng, Time};

/// The shortest time between two refreshes, unless configured.
pub const REFRESH_PERIOD: Duration = Duration::from_secs(60);
/// For each node of the overlay so much, so that a node hears at most four refreshes a second.
const PER_NODE: Duration = Duration::from_millis(250);
/// Of three refreshes that a life spans, two may be lost.
const PERIODS_OF_LIFE: u32 = 3;
/// A refresh may come early by one part in so many of its period, so that nodes that started together do not stay
/// together; it is never late, or the third could miss the end of the life.
const EARLY: u32 = 5;

/// The period of refreshes: n / 4 s and at least the configured one (60 s), never more than a third of the longest life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refresh {
    shortest: Duration,
    pace: u32,
}

impl Default for Refresh {
    fn default() -> Self {
        Refresh::paced(1)
    }
}

impl Refresh {
    /// A period divided by `pace` (0 counts as 1).
    pub const fn paced(pace: u32) -> Self {
        Self::at_least(REFRESH_PERIOD, pace)
    }

    /// The same with another shortest period.
    pub const fn at_least(shortest: Duration, pace: u32) -> Self {
        Refresh { shortest, pace: if pace == 0 { 1 } else { pace } }
    }

    /// The period in an overlay of `nodes`.
    pub fn period(&self, nodes: usize) -> Duration {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        let longest = Duration::from_secs(MAX_LIFE.into()) / PERIODS_OF_LIFE;
        PER_NODE.saturating_mul(nodes).max(self.shortest).min(longest) / self.pace
    }

    /// When a record originated now is said again: after four fifths of the period to the whole of it.
    pub fn next(&self, now: Time, nodes: usize, rng: &mut Rng) -> Time {
        let period = self.period(nodes);
        now + rng.between(period - period / EARLY, period)
    }
}

/// The lives that a node announces: three refresh periods, within [`MIN_LIFE`] and [`MAX_LIFE`], and never ending before
/// an earlier announcement's: an older record must not outlast a newer one somewhere, and come back from there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lifetime {
    promised: Time,
}

impl Lifetime {
    /// Nothing announced.
    pub fn new() -> Self {
        Self::default()
    }

    /// The life, in seconds, of a record decided at `decided`.
    pub fn announce(&mut self, decided: Time, refresh: Refresh, nodes: usize) -> u32 {
        let wanted = (refresh.period(nodes) * PERIODS_OF_LIFE).max(self.promised.since(decided));
        let secs = wanted.as_micros().div_ceil(1_000_000);
        let life = u32::try_from(secs).unwrap_or(MAX_LIFE).clamp(MIN_LIFE, MAX_LIFE);
        self.promised = self.promised.max(decided + Duration::from_secs(life.into()));
        life
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Seed, Streams};
    use proptest::prelude::*;

    #[test]
    fn periods_follow_the_number_of_nodes() {
        let secs = Duration::from_secs;
        for (nodes, period) in [(0, 60), (1, 60), (240, 60), (400, 100), (4_800, 1_200), (usize::MAX, 1_200)]
        {
            assert_eq!(Refresh::default().period(nodes), secs(period), "{nodes}");
        }
        assert_eq!(Refresh::paced(20).period(50), secs(3));
        assert_eq!(Refresh::paced(0), Refresh::default());
    }

    #[test]
    fn lives_are_three_periods_within_bounds() {
        for (nodes, life) in [(0, 180), (50, 180), (400, 300), (4_800, 3_600), (usize::MAX, 3_600)] {
            assert_eq!(Lifetime::new().announce(Time::from_secs(9), Refresh::default(), nodes), life);
        }
        assert_eq!(Lifetime::new().announce(Time::ZERO, Refresh::paced(20), 50), MIN_LIFE);
    }

    proptest! {
        #[test]
        fn no_life_ends_before_an_earlier_one(steps in prop::collection::vec((0u64..2_000_000_000, 0usize..6_000), 1..20)) {
            let (mut lifetime, mut now, mut ends) = (Lifetime::new(), Time::ZERO, Time::ZERO);
            for (micros, nodes) in steps {
                now = now + Duration::from_micros(micros);
                let life = lifetime.announce(now, Refresh::default(), nodes);
                prop_assert!((MIN_LIFE..=MAX_LIFE).contains(&life));
                let end = now + Duration::from_secs(life.into());
                prop_assert!(end >= ends);
                ends = end;
            }
        }

        #[test]
        fn two_refreshes_may_be_lost(nodes in 0usize..20_000, seed: u64) {
            let mut rng = Streams::new(Seed::from_u64(seed)).named("refresh");
            let refresh = Refresh::default();
            let life = Lifetime::new().announce(Time::ZERO, refresh, nodes);
            let mut now = Time::ZERO;
            for _ in 0..3 { now = refresh.next(now, nodes, &mut rng); }
            prop_assert!(now <= Time::from_secs(life.into()));
        }
    }
}
