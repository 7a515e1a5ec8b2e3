//! What the clock of a node shows.

use core::time::Duration;

use crate::kernel::Time;

/// A million: what a rate is counted in.
const MILLION: i64 = 1_000_000;
/// A clock that runs faster or slower than this is no clock.
const DRIFT_LIMIT: i32 = 500_000;

/// A monotonic clock beside the world's time: it may have begun elsewhere, run at another rate, step forward, and be coarse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Clock {
    /// The world's time from which the line below counts, and what the clock would show then if it were fine.
    since: u64,
    shown: u64,
    /// How much faster than the world, in a million.
    drift: i32,
    /// It shows multiples of this, from 1.
    grain: u64,
    /// What it showed last, and when.
    last: u64,
    read_at: u64,
}

impl Clock {
    /// One that shows `shown` now and goes with the world's time.
    pub(super) fn new(now: Time, shown: Time) -> Self {
        let (since, shown) = (now.as_micros(), shown.as_micros());
        Clock { since, shown, drift: 0, grain: 1, last: shown, read_at: u64::MAX }
    }

    /// What it shows, and whether it showed that at an earlier time already.
    pub(super) fn read(&mut self, now: Time) -> (Time, bool) {
        let now = now.as_micros();
        let fine = self.line(now);
        let shows = (fine - fine % self.grain).max(self.last);
        let again = shows == self.last && now > self.read_at;
        (self.last, self.read_at) = (shows, now);
        (Time::from_micros(shows), again)
    }

    /// The first time at which it shows at least `shown`.
    pub(super) fn when(&self, shown: Time) -> u64 {
        let fine = shown.as_micros().div_ceil(self.grain).saturating_mul(self.grain);
        let Some(ahead) = fine.checked_sub(self.shown) else { return self.since };
        let rate = u128::from(self.rate());
        let ahead = (u128::from(ahead) * u128::from(MILLION.unsigned_abs())).div_ceil(rate);
        self.since.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX))
    }

    /// It goes forward by so much at once.
    pub(super) fn step(&mut self, now: Time, by: Duration) {
        self.rebase(now);
        self.shown = self.shown.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX));
    }

    /// From now on it gains so much of a million.
    pub(super) fn set_drift(&mut self, now: Time, drift: i32) {
        self.rebase(now);
        self.drift = drift.clamp(-DRIFT_LIMIT, DRIFT_LIMIT);
    }

    /// From now on it shows multiples of this.
    pub(super) fn set_grain(&mut self, grain: Duration) {
        self.grain = u64::try_from(grain.as_micros()).unwrap_or(u64::MAX).max(1);
    }

    /// A process starts and counts from `shown`.
    pub(super) fn begin(&mut self, now: Time, shown: Time) {
        (self.since, self.shown, self.last) = (now.as_micros(), shown.as_micros(), 0);
    }

    fn rebase(&mut self, now: Time) {
        (self.shown, self.since) = (self.line(now.as_micros()), now.as_micros());
    }

    fn rate(&self) -> u64 {
        (MILLION + i64::from(self.drift)).unsigned_abs()
    }

    fn line(&self, now: u64) -> u64 {
        let gone = u128::from(now.saturating_sub(self.since)) * u128::from(self.rate());
        let gone = gone / u128::from(MILLION.unsigned_abs());
        self.shown.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Change {
        Pass(u64),
        Step(u64),
        Drift(i32),
        Grain(u64),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let change = prop_oneof![
            (0u64..100_000).prop_map(Change::Pass),
            (0u64..100_000).prop_map(Change::Step),
            (-600_000i32..600_000).prop_map(Change::Drift),
            (0u64..20_000).prop_map(Change::Grain),
        ];
        prop::collection::vec(change, 0..20)
    }

    proptest! {
        #[test]
        fn never_goes_back_and_a_sleeper_is_woken_as_soon_as_it_is_due(changes in changes(), start: u32, ahead in 0u64..200_000) {
            let mut now = Time::from_micros(77);
            let mut clock = Clock::new(now, Time::from_micros(u64::from(start)));
            let mut before = Time::from_micros(u64::from(start));
            for change in changes {
                match change {
                    Change::Pass(us) => now = now + Duration::from_micros(us),
                    Change::Step(us) => clock.step(now, Duration::from_micros(us)),
                    Change::Drift(ppm) => clock.set_drift(now, ppm),
                    Change::Grain(us) => clock.set_grain(Duration::from_micros(us)),
                }
                let (shows, _) = clock.read(now);
                prop_assert!(shows >= before);
                before = shows;
                let due = shows + Duration::from_micros(1 + ahead);
                let at = clock.when(due);
                prop_assert!(at > now.as_micros(), "what is not due yet is due later");
                let shown_at = |at| clock.clone().read(Time::from_micros(at)).0;
                prop_assert!(shown_at(at) >= due);
                prop_assert!(shown_at(at - 1) < due, "and not earlier than need be");
            }
        }
    }

    #[test]
    fn a_coarse_clock_says_the_same_twice() {
        let mut clock = Clock::new(Time::ZERO, Time::ZERO);
        clock.set_grain(Duration::from_millis(10));
        let read = |clock: &mut Clock, ms| clock.read(Time::from_millis(ms));
        assert_eq!(read(&mut clock, 21), (Time::from_millis(20), false));
        assert_eq!(read(&mut clock, 21), (Time::from_millis(20), false), "no time has passed");
        assert_eq!(read(&mut clock, 29), (Time::from_millis(20), true));
        assert_eq!(read(&mut clock, 30), (Time::from_millis(30), false));
    }

    #[test]
    fn the_end_of_time_stays_the_end() {
        let mut clock = Clock::new(Time::from_secs(5), Time::from_secs(1));
        clock.set_drift(Time::from_secs(5), 100);
        assert!(clock.when(Time::MAX) > Time::from_secs(1 << 40).as_micros());
        clock.step(Time::from_secs(6), Duration::MAX);
        assert_eq!(clock.read(Time::from_secs(7)).0, Time::MAX);
    }
}
