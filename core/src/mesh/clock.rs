//! What a clock on the wall shows.

use core::time::Duration;

use crate::kernel::Time;

/// A clock on the wall, as it was last told. Messages carry its seconds; it may be wrong, and may step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    told: Option<(Time, Duration)>,
}

impl Clock {
    /// It shows this now, since the beginning of 1970, or nobody knows.
    pub(super) fn new(now: Time, unix: Option<Duration>) -> Self {
        Clock { told: unix.map(|unix| (now, unix)) }
    }

    /// It shows this, since the beginning of 1970.
    pub(super) const fn set(&mut self, now: Time, unix: Duration) {
        self.told = Some((now, unix));
    }

    /// Seconds since the beginning of 1970; `None` if nobody has told yet.
    pub(super) fn seconds(&self, now: Time) -> Option<u64> {
        self.shows(now).map(|unix| unix.as_secs())
    }

    /// What it shows, since the beginning of 1970; `None` if nobody has told yet.
    pub(super) fn shows(&self, now: Time) -> Option<Duration> {
        let (at, unix) = self.told?;
        Some(unix.saturating_add(now.since(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_what_was_told_last() {
        let mut clock = Clock::new(Time::ZERO, None);
        assert_eq!(clock.seconds(Time::from_secs(9)), None);
        clock.set(Time::from_secs(10), Duration::from_millis(1_000_900));
        assert_eq!(clock.seconds(Time::from_millis(10_200)), Some(1_001));
        clock.set(Time::from_secs(20), Duration::from_secs(5));
        assert_eq!(clock.seconds(Time::from_secs(21)), Some(6));
    }
}
