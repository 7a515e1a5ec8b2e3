//! Whether anybody reaches this node at the address that it tells. Everybody measures the ways to those who are no
//! neighbours once in PING_PERIOD, and dials whom it chooses: a node that others know and that hears neither a probe nor
//! a dial in two periods is not where it says.

use core::time::Duration;

use super::Overlay;
use crate::kernel::Time;
use crate::overlay::event::Event;

/// Whether somebody came of their own accord, and since when somebody should.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reached {
    ever: bool,
    expected: Option<Time>,
    told: bool,
}

impl Reached {
    /// Somebody dialled or probed.
    pub(super) fn came(&mut self) {
        *self = Reached { ever: true, ..Reached::default() };
    }

    /// This node has slept for so long.
    pub(super) fn forgive(&mut self, now: Time, late: Duration) {
        self.expected = self.expected.map(|since| now.min(since + late));
    }

    /// Whether it is to be told now that nobody came within `patience` though somebody should.
    fn overdue(&mut self, now: Time, somebody_should: bool, patience: Duration) -> bool {
        if self.ever || self.told || !somebody_should {
            self.expected = None;
            return false;
        }
        let since = *self.expected.get_or_insert(now);
        self.told = now.since(since) >= patience;
        self.told
    }

    /// Nobody came, and that was told.
    pub(super) const fn nobody_came(&self) -> bool {
        self.told
    }
}

impl Overlay {
    /// Tells once that nobody comes, where somebody who is no neighbour knows this node.
    pub(super) fn check_reached(&mut self) {
        let periods = self.config.periods;
        let patience = periods.ping * 2 + periods.ping_timeout * 2;
        let me = self.me().map(|me| me.id);
        let stranger = self.database.entries().any(|e| {
            Some(e.id()) != me && e.is_present() && !e.links().is_empty() && !self.links.contains_key(&e.id())
        });
        let should = stranger && self.has_company() && !self.config.is_watcher();
        if self.reached.overdue(self.timers.now(), should, patience) {
            self.emit(Event::Unreached { address: self.config.address });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_missed_before_somebody_should_have_come() {
        let (mut reached, patience) = (Reached::default(), Duration::from_secs(10));
        let mut overdue = |secs, should| reached.overdue(Time::from_secs(secs), should, patience);
        assert!(!overdue(0, false) && !overdue(100, true) && !overdue(109, true));
        assert!(!overdue(109, false) && !overdue(110, true), "from then on, again");
        assert!(overdue(120, true) && !overdue(121, true), "once");
        assert!(reached.nobody_came());
        reached.came();
        assert!(!reached.nobody_came() && !reached.overdue(Time::from_secs(999), true, patience));
    }

    #[test]
    fn who_slept_has_missed_nobody() {
        let (mut reached, patience) = (Reached::default(), Duration::from_secs(10));
        assert!(!reached.overdue(Time::ZERO, true, patience));
        reached.forgive(Time::from_secs(3_600), Duration::from_secs(3_600));
        assert!(!reached.overdue(Time::from_secs(3_600), true, patience));
        assert!(reached.overdue(Time::from_secs(3_610), true, patience));
    }
}
