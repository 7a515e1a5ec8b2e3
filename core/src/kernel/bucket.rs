//! How much may be done in a time.

use core::time::Duration;

use super::Time;

/// So many tokens at once, and so many more each second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rate {
    /// What a full bucket holds.
    pub burst: u32,
    /// What comes back each second, from 1.
    pub per_second: u32,
}

/// Parts of a token that a bucket counts in: a microsecond brings `per_second` of them.
const PARTS: i64 = 1_000_000;

/// A token bucket. It may be overdrawn by what was not foreseen, and then gives nothing until it has come up again.
///
/// ```
/// use egoist_core::kernel::{Bucket, Rate, Time};
/// let mut bucket = Bucket::full(Rate { burst: 3, per_second: 2 }, Time::ZERO);
/// assert_eq!(bucket.spend(Time::ZERO, 2), Ok(()));
/// assert_eq!(bucket.spend(Time::ZERO, 2), Err(Time::from_millis(500)));
/// bucket.charge(Time::ZERO, 5); // it was done already
/// assert!(bucket.is_overdrawn() && bucket.settled_at() == Time::from_secs(2));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    rate: Rate,
    level: i64,
    at: Time,
}

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, now: Time) -> Self {
        Bucket { rate, level: i64::from(rate.burst) * PARTS, at: now }
    }

    /// Takes `tokens`, whether they are there or not.
    pub fn charge(&mut self, now: Time, tokens: u64) {
        self.refill(now);
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS);
        self.level = self.level.saturating_sub(tokens);
    }

    /// Takes one token if there is one.
    pub fn take(&mut self, now: Time) -> bool {
        self.refill(now);
        let there = self.level >= PARTS;
        if there {
            self.level -= PARTS;
        }
        there
    }

    /// Takes `tokens` if they are there.
    ///
    /// # Errors
    /// They are not; when they are, unless that is more than the bucket holds.
    pub fn spend(&mut self, now: Time, tokens: u64) -> Result<(), Time> {
        self.refill(now);
        let parts = i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS);
        let missing = u64::try_from(parts.saturating_sub(self.level)).unwrap_or(0);
        if missing > 0 {
            return Err(now + Duration::from_micros(missing.div_ceil(u64::from(self.rate.per_second.max(1)))));
        }
        self.level -= parts;
        Ok(())
    }

    /// How many tokens there are that leave no more than `most` taken.
    pub fn spare(&mut self, now: Time, most: u64) -> u64 {
        self.refill(now);
        let most = i64::try_from(most).unwrap_or(i64::MAX).saturating_mul(PARTS);
        let floor = (i64::from(self.rate.burst) * PARTS).saturating_sub(most).max(0);
        u64::try_from(self.level.saturating_sub(floor) / PARTS).unwrap_or(0)
    }

    /// Whether so many tokens are there.
    pub fn holds(&self, tokens: u64) -> bool {
        self.level >= i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS)
    }

    /// Whether more was taken than there was.
    pub fn is_overdrawn(&self) -> bool {
        self.level < 0
    }

    /// Whether more than half of the burst is there.
    pub fn is_over_half(&self) -> bool {
        self.level > i64::from(self.rate.burst) * PARTS / 2
    }

    /// Whether nothing has been taken that has not come back.
    pub fn is_full(&self) -> bool {
        self.level >= i64::from(self.rate.burst) * PARTS
    }

    /// When it is no more overdrawn; in the past if it is not.
    pub fn settled_at(&self) -> Time {
        let micros = self.level.min(0).unsigned_abs().div_ceil(u64::from(self.rate.per_second.max(1)));
        self.at + Duration::from_micros(micros)
    }

    /// Brings the level up to `now`.
    pub fn refill(&mut self, now: Time) {
        let passed = i64::try_from(now.since(self.at).as_micros()).unwrap_or(i64::MAX);
        let grown = self.level.saturating_add(passed.saturating_mul(i64::from(self.rate.per_second)));
        self.level = grown.min(i64::from(self.rate.burst) * PARTS);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_burst_is_not_more_than_half() {
        let mut bucket = Bucket::full(Rate { burst: 10, per_second: 1 }, Time::ZERO);
        let more_than_half: [bool; 7] = core::array::from_fn(|_| {
            let over = bucket.is_over_half();
            bucket.take(Time::ZERO);
            over
        });
        assert_eq!(more_than_half, [true, true, true, true, true, false, false]);
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(Rate { burst: 3, per_second: 2 }, Time::ZERO);
        let given = (0..10).filter(|_| bucket.take(Time::ZERO)).count();
        assert_eq!(given, 3);
        assert!(!bucket.take(Time::from_millis(499)) && bucket.take(Time::from_millis(500)));
        bucket.charge(Time::from_millis(500), 5);
        assert_eq!(bucket.settled_at(), Time::from_millis(3_000));
        bucket.refill(Time::from_secs(60));
        assert!(bucket.is_full() && !bucket.is_overdrawn());
    }

    #[test]
    fn what_is_to_spare_leaves_no_more_taken_than_may_be() {
        let mut bucket = Bucket::full(Rate { burst: 10, per_second: 1 }, Time::ZERO);
        let mut spare = |secs, most| bucket.spare(Time::from_secs(secs), most);
        assert_eq!([spare(0, 0), spare(0, 4), spare(0, 10), spare(0, u64::MAX)], [0, 4, 10, 10]);
        bucket.charge(Time::ZERO, 12);
        let mut spare = |secs, most| bucket.spare(Time::from_secs(secs), most);
        assert_eq!([spare(0, 10), spare(5, 10), spare(5, 8), spare(5, 6)], [0, 3, 1, 0]);
    }

    proptest! {
        /// In any time a bucket gives no more than its burst and what came back meanwhile, whatever is asked for.
        #[test]
        fn no_more_is_given_than_the_rate_allows(
            burst in 0u32..50, per_second in 1u32..1_000, steps in prop::collection::vec((0u64..200_000, 0u8..20), 1..100),
        ) {
            let mut bucket = Bucket::full(Rate { burst, per_second }, Time::ZERO);
            let (mut now, mut given) = (Time::ZERO, 0u64);
            for (micros, asked) in steps {
                now = now + Duration::from_micros(micros);
                given += (0..asked).filter(|_| bucket.take(now)).count() as u64;
                prop_assert!(given * 1_000_000 <= u64::from(burst) * 1_000_000 + now.as_micros() * u64::from(per_second));
            }
        }

        #[test]
        fn an_overdrawn_bucket_settles_when_it_says(burst in 0u32..50, per_second in 0u32..1_000, taken in 0u64..1 << 40, at in 0u64..1 << 50) {
            let mut bucket = Bucket::full(Rate { burst, per_second: per_second.max(1) }, Time::ZERO);
            bucket.charge(Time::from_micros(at), taken);
            let settled = bucket.settled_at();
            if bucket.is_overdrawn() && settled > Time::from_micros(at) {
                let mut before = bucket;
                before.refill(settled - Duration::from_micros(1));
                prop_assert!(before.is_overdrawn());
            }
            bucket.refill(settled);
            prop_assert!(!bucket.is_overdrawn());
        }

        /// What is refused is there when the bucket says, and no earlier.
        #[test]
        fn a_refusal_says_when(burst in 1u32..50, per_second in 1u32..1_000, taken in 0u64..200, share in 0u32..=100) {
            let mut bucket = Bucket::full(Rate { burst, per_second }, Time::ZERO);
            bucket.charge(Time::ZERO, taken);
            let wanted = u64::from(burst * share / 100);
            if let Err(at) = bucket.spend(Time::ZERO, wanted) {
                let mut before = bucket;
                prop_assert!(before.spend(at - Duration::from_micros(1), wanted).is_err());
                prop_assert_eq!(bucket.spend(at, wanted), Ok(()));
            }
        }
    }
}
