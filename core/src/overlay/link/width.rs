//! Whether a link carries full-size packets: padded beats beside the small ones, and what the peer says it heard.

use core::time::Duration;

use crate::kernel::Time;
use crate::overlay::wire::{Beat, Hears};

/// Padded beats are sent this often, beside a link's beginning and the end of a suspicion ...
const EVERY: Duration = Duration::from_secs(60);
/// ... and this often while long datagrams go the same way.
const EVERY_USED: Duration = Duration::from_secs(5);
/// A datagram of more octets is a long one: beats and probes are shorter.
const LONG: usize = 256;
/// So many small beats heard whose padded twins were not, and one more for a twin that was overtaken.
const LOST: u32 = 3;

/// What is known of a link's width.
#[derive(Clone, Copy, Debug)]
pub struct Width {
    next: Time,
    /// When a padded beat was last known to be heard.
    answered: Time,
    row: Option<Row>,
}

/// A row of padded beats, under way until one is answered.
#[derive(Clone, Copy, Debug)]
struct Row {
    first: u64,
    /// The last small beat of the row that was heard, and how many were.
    last: u64,
    heard: u32,
}

impl Width {
    /// Unknown: the first beat has a padded twin.
    pub fn new(now: Time) -> Self {
        Width { next: now, answered: Time::ZERO, row: None }
    }

    /// There is reason to look again.
    pub fn doubt(&mut self, now: Time) {
        self.next = self.next.min(now);
    }

    /// A datagram of so many octets goes this way.
    pub fn used(&mut self, octets: usize) {
        if octets > LONG {
            self.next = self.next.min(self.answered + EVERY_USED);
        }
    }

    /// Datagrams do not get through at all, or may not: that says nothing about long ones.
    pub fn put_off(&mut self, now: Time) {
        (self.row, self.next) = (None, now);
    }

    /// Whether the beat of this number has a padded twin.
    pub fn pads(&mut self, now: Time, number: u64) -> bool {
        if self.row.is_none() && now >= self.next {
            self.row = Some(Row { first: number, last: 0, heard: 0 });
        }
        self.row.is_some()
    }

    /// The peer says what it heard: whether the link is too narrow, since small beats came and their twins did not.
    pub fn told(&mut self, now: Time, beat: &Beat) -> bool {
        let Some(row) = &mut self.row else { return false };
        if beat.hears != Hears::Datagrams {
            self.put_off(now);
            return false;
        }
        if beat.full >= row.first {
            (self.row, self.next, self.answered) = (None, now + EVERY, now);
            return false;
        }
        if beat.heard >= row.first && beat.heard > row.last {
            (row.last, row.heard) = (beat.heard, row.heard + 1);
        }
        row.heard > LOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::names::Token;

    fn says(heard: u64, full: u64) -> Beat {
        Beat { heard, full, ..Beat::first(Token(1), 1) }
    }

    #[test]
    fn a_padded_beat_that_is_heard_is_enough_for_a_minute() {
        let mut width = Width::new(Time::ZERO);
        assert!(width.pads(Time::ZERO, 1) && width.pads(Time::ZERO, 2));
        assert!(!width.told(Time::from_secs(1), &says(2, 1)));
        assert!(!width.pads(Time::from_secs(60), 3) && width.pads(Time::from_secs(61), 4));
        assert!(!width.told(Time::from_secs(61), &says(4, 4)));
        width.doubt(Time::from_secs(62));
        assert!(width.pads(Time::from_secs(62), 5));
    }

    #[test]
    fn long_datagrams_ask_again_after_five_seconds() {
        for (octets, again) in [(LONG, false), (LONG + 1, true)] {
            let mut width = Width::new(Time::ZERO);
            width.pads(Time::ZERO, 1);
            width.told(Time::from_secs(1), &says(1, 1));
            width.used(octets);
            assert!(!width.pads(Time::from_millis(5_999), 2));
            assert_eq!(width.pads(Time::from_secs(6), 3), again);
        }
    }

    #[test]
    fn three_lost_twins_and_one_for_overtaking_make_a_link_narrow() {
        let mut width = Width::new(Time::ZERO);
        (5..10).for_each(|number| assert!(width.pads(Time::ZERO, number)));
        let heard = [3, 4, 5, 5, 6, 7, 9];
        let narrow = heard.map(|heard| width.told(Time::ZERO, &says(heard, 2)));
        assert_eq!(
            narrow,
            [false, false, false, false, false, false, true],
            "what was heard before says nothing"
        );
    }

    #[test]
    fn where_datagrams_do_not_come_nothing_is_said_of_long_ones() {
        let mut width = Width::new(Time::ZERO);
        width.pads(Time::ZERO, 1);
        for heard in 1..4 {
            assert!(!width.told(Time::ZERO, &says(heard, 0)));
        }
        assert!(!width.told(Time::ZERO, &Beat { hears: Hears::Link, ..says(4, 0) }));
        assert!(!width.told(Time::ZERO, &says(5, 0)), "it begins anew");
    }
}
