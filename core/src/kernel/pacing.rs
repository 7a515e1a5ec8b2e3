//! Frames one at a time, with pauses.

use core::time::Duration;

use super::Time;

/// The pause after a frame, for peers that take what one read brings for one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Gap {
    /// After any frame.
    pub least: Duration,
    /// ... and for each begun KiB of it.
    pub per_kib: Duration,
}

impl Gap {
    /// No pause: each frame is only a write of its own.
    pub const NONE: Gap = Gap { least: Duration::ZERO, per_kib: Duration::ZERO };

    /// The pause after a frame of so many octets.
    pub fn after(&self, octets: usize) -> Duration {
        let kib = u32::try_from(octets.div_ceil(1_024)).unwrap_or(u32::MAX);
        self.least.saturating_add(self.per_kib.saturating_mul(kib))
    }
}

/// When the next frame may leave.
///
/// ```
/// use core::time::Duration;
/// use egoist_core::kernel::{Gap, Pacing, Time};
/// let gap = Gap { least: Duration::from_millis(2), per_kib: Duration::from_millis(1) };
/// let mut pacing = Pacing::new(gap);
/// assert!(pacing.is_open(Time::ZERO));
/// pacing.sent(Time::ZERO, 1_500);
/// assert_eq!(pacing.next(), Time::from_millis(4));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pacing {
    gap: Gap,
    next: Time,
}

impl Pacing {
    /// The first frame may leave at once.
    pub const fn new(gap: Gap) -> Self {
        Pacing { gap, next: Time::ZERO }
    }

    /// Nothing leaves before `until`.
    pub fn hold(&mut self, until: Time) {
        self.next = self.next.max(until);
    }

    /// When the next frame may leave; it may be past.
    pub const fn next(&self) -> Time {
        self.next
    }

    /// Whether a frame may leave now.
    pub fn is_open(&self, now: Time) -> bool {
        self.next <= now
    }

    /// A frame of so many octets left.
    pub fn sent(&mut self, now: Time, octets: usize) {
        self.hold(now + self.gap.after(octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn the_latest_hold_counts() {
        let mut pacing = Pacing::new(Gap::NONE);
        pacing.hold(Time::from_secs(2));
        pacing.hold(Time::from_secs(1));
        assert_eq!(pacing.next(), Time::from_secs(2));
    }

    #[test]
    fn no_length_overflows_a_pause() {
        let gap = Gap { least: Duration::MAX, per_kib: Duration::MAX };
        assert_eq!(gap.after(usize::MAX), Duration::MAX);
        assert_eq!(
            Gap { per_kib: Duration::from_micros(3), ..Gap::NONE }.after(1_025),
            Duration::from_micros(6)
        );
    }

    proptest! {
        /// Whenever one asks, two frames are as far apart as the first one's length asks for.
        #[test]
        fn frames_keep_their_distance(
            least in 0u64..50, per_kib in 0u64..50, hold in 0u64..200, steps in prop::collection::vec((0u64..40, 0usize..5_000), 1..80),
        ) {
            let gap = Gap { least: Duration::from_micros(least), per_kib: Duration::from_micros(per_kib) };
            let (mut pacing, mut now, mut left) = (Pacing::new(gap), Time::ZERO, Vec::<(Time, usize)>::new());
            pacing.hold(Time::from_micros(hold));
            for (pass, len) in steps {
                now = now + Duration::from_micros(pass);
                let pause = |(at, len): &(Time, usize)| now >= *at + Duration::from_micros(least + per_kib * (*len as u64).div_ceil(1_024));
                let free = now >= Time::from_micros(hold) && left.last().is_none_or(pause);
                prop_assert_eq!(pacing.is_open(now), free);
                if free {
                    pacing.sent(now, len);
                    left.push((now, len));
                }
            }
        }
    }
}
