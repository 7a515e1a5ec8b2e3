//! How much there was lately.

use core::time::Duration;

use super::Time;

/// How much came within the last window, of octets or frames or anything else that is counted. It keeps two numbers: what
/// came in this window and in the one before, of which as much counts as the last window's length still covers, as if it
/// had come evenly. So the answer is exact for what comes evenly, and never more than what came in two windows.
///
/// ```
/// use core::time::Duration;
/// use egoist_core::kernel::{Meter, Time};
/// let mut meter = Meter::new(Duration::from_secs(10), Time::ZERO);
/// for second in 0..60 {
///     meter.add(Time::from_secs(second), 1_500);
/// }
/// assert_eq!(meter.within(Time::from_secs(60)), 15_000);
/// assert_eq!(meter.per_second(Time::from_secs(60)), 1_500);
/// assert_eq!(meter.within(Time::from_secs(65)), 7_500);
/// assert_eq!(meter.within(Time::from_secs(80)), 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meter {
    window: Duration,
    /// When the current window began.
    began: Time,
    current: u64,
    before: u64,
}

impl Meter {
    /// Nothing came. A window lasts from a microsecond to a day.
    pub fn new(window: Duration, now: Time) -> Self {
        let window = window.clamp(Duration::from_micros(1), Duration::from_secs(86_400));
        Meter { window, began: now, current: 0, before: 0 }
    }

    /// So much came.
    pub fn add(&mut self, now: Time, amount: u64) {
        *self = self.at(now);
        self.current = self.current.saturating_add(amount);
    }

    /// How much came within the last window.
    pub fn within(&self, now: Time) -> u64 {
        let meter = self.at(now);
        let window = meter.window.as_micros();
        let covered = window.saturating_sub(now.since(meter.began).as_micros());
        let before = u128::from(meter.before) * covered / window;
        meter.current.saturating_add(u64::try_from(before).unwrap_or(u64::MAX))
    }

    /// The same for each second of it.
    pub fn per_second(&self, now: Time) -> u64 {
        let each = u128::from(self.within(now)) * 1_000_000 / self.window.as_micros();
        u64::try_from(each).unwrap_or(u64::MAX)
    }

    /// With windows that are over moved on.
    fn at(&self, now: Time) -> Meter {
        let over = now.since(self.began).as_micros() / self.window.as_micros();
        match over {
            0 => *self,
            1 => Meter { began: self.began + self.window, current: 0, before: self.current, ..*self },
            _ => Meter::new(self.window, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        /// The model is a list of all that came.
        #[test]
        fn it_is_between_what_came_lately_and_twice_as_long_ago(
            window in 1u64..50, steps in prop::collection::vec((0u64..60, 0u64..1_000), 1..60),
        ) {
            let mut meter = Meter::new(Duration::from_micros(window), Time::ZERO);
            let (mut now, mut came) = (0u64, Vec::<(u64, u64)>::new());
            for (pass, amount) in steps {
                now += pass;
                meter.add(Time::from_micros(now), amount);
                came.push((now, amount));
                let since = |ago: u64| came.iter().filter(|(at, _)| at + ago > now).map(|(_, amount)| amount).sum::<u64>();
                let within = meter.within(Time::from_micros(now));
                prop_assert!(within <= since(2 * window) && within >= amount);
                prop_assert_eq!(meter.within(Time::from_micros(now + 2 * window)), 0);
            }
        }

        /// What comes evenly is told to within what comes at a time.
        #[test]
        fn what_comes_evenly_is_exact(every in 1u64..20, rounds in 5u64..40, amount in 0u64..1 << 40, ask in 0u64..20) {
            let window = every * 5;
            let mut meter = Meter::new(Duration::from_micros(window), Time::ZERO);
            (0..rounds * 5).for_each(|n| meter.add(Time::from_micros(n * every), amount));
            let now = Time::from_micros((rounds * 5 - 1) * every + ask % every);
            prop_assert!(meter.within(now).abs_diff(amount * 5) <= amount);
        }
    }

    #[test]
    fn nothing_overflows() {
        let mut meter = Meter::new(Duration::ZERO, Time::ZERO);
        meter.add(Time::ZERO, u64::MAX);
        meter.add(Time::ZERO, u64::MAX);
        assert_eq!((meter.within(Time::ZERO), meter.per_second(Time::ZERO)), (u64::MAX, u64::MAX));
        assert_eq!(meter.within(Time::MAX), 0);
    }
}
