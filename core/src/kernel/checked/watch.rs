//! Time as it was seen to pass, and what is missed by it.

use core::time::Duration;

use super::Patience;
use crate::kernel::Time;

/// The last time told, and how much time was seen to pass until then.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Watch {
    pub(super) now: Time,
    seen: Duration,
}

impl Watch {
    /// # Panics
    /// Time goes back.
    pub(super) fn pass(&mut self, now: Time) {
        assert!(now >= self.now, "the driver's time went back, from {:?} to {now:?}", self.now);
        self.seen += now.since(self.now).min(Patience::STRIDE);
        self.now = now;
    }
}

/// Something that a driver is to have done by a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    by: Time,
    /// How much time had been seen to pass when it was first found overdue.
    overdue: Option<Duration>,
}

impl Due {
    pub(super) const fn new(by: Time) -> Self {
        Due { by, overdue: None }
    }

    /// Whether it is overdue, and the driver had the time to see to it since that was found.
    pub(super) fn is_missed(&mut self, watch: &Watch) -> bool {
        if watch.now <= self.by {
            return false;
        }
        let found = *self.overdue.get_or_insert(watch.seen);
        watch.seen - found >= Patience::GRACE
    }
}
