//! How much a source may have on its way to a destination that is no neighbour.
//!
//! A neighbour's link says by itself when it is full. Behind a relay nothing does: it never stops reading, and sheds what
//! it has no room for. So a source keeps octets under way within a window for each destination. It marks a payload for
//! every quarter of the window, the destination answers marked ones, and an answer says that what was sent before is no
//! more under way. The window grows while answers come, and is halved when a relay says that its queue is crowded, when
//! something was shed, and when no answer comes in time; then what was under way is taken for gone. Whoever lies about
//! any of this slows one source towards one destination, down to [`LEAST`] under way, and for as long as he goes on.

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use super::names::NodeId;
use crate::kernel::{RoundTrip, Time};

/// Destinations whose windows are kept; the one that was used longest ago goes.
const WINDOWS: usize = 1_024;
/// Octets that may be under way at first.
const FIRST: usize = 128 << 10;
/// ... and at least, however often the window is halved.
const LEAST: usize = 16 << 10;
/// ... and at most.
const MOST: usize = 16 << 20;
/// A window grows by as much as is answered until it is so large: half of what a relay's queue holds.
const FAST: usize = 512 << 10;
/// Then by so much for each window that is answered, and by no more than a quarter.
const STEP: usize = 64 << 10;
/// Marked payloads whose answers are waited for. A mark for each quarter makes four or five.
const MARKS: usize = 16;
/// An answer is waited for so long, or four round trips.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a payload's arrival is to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// It is.
    Marked,
    /// It is not.
    Plain,
}

/// A marked payload.
#[derive(Clone, Copy, Debug)]
struct Marked {
    number: u64,
    /// Octets sent up to its end.
    sent: u64,
    at: Time,
}

/// One destination's window.
#[derive(Clone, Debug)]
pub(super) struct Window {
    limit: usize,
    /// Growth is slow from here on.
    threshold: usize,
    /// Octets sent in all, and how many of these are no more under way.
    sent: u64,
    gone: u64,
    /// Octets sent behind the last mark.
    unmarked: usize,
    marks: VecDeque<Marked>,
    /// It was halved when so many octets had been sent: news about those says nothing new.
    halved: u64,
    /// Something was refused since the last answer: the window is what limits.
    refused: bool,
    rtt: Option<RoundTrip>,
    /// When an answer came last, or the first mark after it was sent.
    heard: Time,
    used: Time,
}

impl Window {
    fn new(now: Time) -> Self {
        Window {
            limit: FIRST,
            threshold: FAST,
            sent: 0,
            gone: 0,
            unmarked: 0,
            marks: VecDeque::new(),
            halved: 0,
            refused: false,
            rtt: None,
            heard: now,
            used: now,
        }
    }

    fn under_way(&self) -> u64 {
        self.sent - self.gone
    }

    /// Whether `len` octets may be sent. Without a mark under way there is no answer to wait for, and little else.
    fn admits(&self, len: usize) -> bool {
        self.marks.is_empty() || self.under_way() + len as u64 <= self.limit as u64
    }

    /// Whether a quarter of the window may be sent, and `len` octets at once.
    fn is_roomy(&self, len: usize) -> bool {
        self.admits(len.max(self.limit / 4))
    }

    /// Whether the next payload is to be marked, if it is of `len` octets.
    fn next_mark(&self, len: usize) -> Mark {
        let marked = self.unmarked + len >= self.limit / 4 && self.marks.len() < MARKS;
        if marked { Mark::Marked } else { Mark::Plain }
    }

    /// Something is sent.
    fn send(&mut self, now: Time, number: u64, len: usize) -> Mark {
        let mark = self.next_mark(len);
        self.used = now;
        self.sent += len as u64;
        self.unmarked += len;
        if mark == Mark::Plain {
            return mark;
        }
        if self.marks.is_empty() {
            self.heard = now;
        }
        self.unmarked = 0;
        self.marks.push_back(Marked { number, sent: self.sent, at: now });
        mark
    }

    /// The payload of that number is no more under way; if it was marked, what it says of those before.
    fn take(&mut self, now: Time, number: u64) -> Option<(Marked, u64)> {
        let at = self.marks.iter().position(|mark| mark.number == number)?;
        let mark = self.marks.drain(..=at).next_back()?;
        let answered = mark.sent.saturating_sub(self.gone);
        self.gone = self.gone.max(mark.sent);
        self.heard = now;
        Some((mark, answered))
    }

    /// A marked payload arrived.
    fn arrived(&mut self, now: Time, number: u64) {
        let Some((mark, answered)) = self.take(now, number) else { return };
        RoundTrip::sample(&mut self.rtt, now.since(mark.at));
        let since_halved = mark.sent > self.halved;
        if core::mem::take(&mut self.refused) && since_halved {
            self.grow(answered);
        }
    }

    /// In 64 bits: a step times a window is more than 32.
    fn grow(&mut self, answered: u64) {
        let (limit, threshold) = (self.limit as u64, self.threshold as u64);
        let grown = if limit < threshold {
            limit.saturating_add(answered).min(threshold)
        } else {
            limit + (STEP as u64).min(limit / 4) * answered.min(limit) / limit
        };
        self.limit = usize::try_from(grown).unwrap_or(MOST).min(MOST);
    }

    /// A payload was lost for want of room, or waits where there is little.
    fn halve(&mut self) {
        if self.gone < self.halved {
            return;
        }
        self.halved = self.sent;
        self.limit = (self.limit / 2).max(LEAST);
        self.threshold = self.limit;
    }

    /// When the answer is overdue.
    fn overdue(&self) -> Time {
        self.heard + self.rtt.map_or(PATIENCE, |rtt| PATIENCE.max(rtt.mean() * 4))
    }

    /// No answer came in time: nothing is known of what was under way.
    fn expire(&mut self, now: Time) {
        if self.marks.is_empty() || self.overdue() > now {
            return;
        }
        self.marks.clear();
        (self.gone, self.unmarked, self.heard) = (self.sent, 0, now);
        self.halve();
    }
}

/// The windows of all destinations, as many as are kept.
#[derive(Debug, Default)]
pub(super) struct Windows {
    windows: BTreeMap<NodeId, Window>,
}

impl Windows {
    /// Whether `len` octets may be sent to `to`; if not, until when an answer is waited for.
    ///
    /// # Errors
    /// They may not.
    pub(super) fn admit(&mut self, now: Time, to: NodeId, len: usize) -> Result<(), Time> {
        let Some(window) = self.windows.get_mut(&to) else { return Ok(()) };
        window.expire(now);
        if window.admits(len) {
            return Ok(());
        }
        window.refused = true;
        Err(window.overdue())
    }

    /// Whether one who was refused `len` octets should try again; if not, until when an answer is waited for.
    ///
    /// # Errors
    /// He should not.
    pub(super) fn is_roomy(&mut self, now: Time, to: NodeId, len: usize) -> Result<(), Time> {
        let Some(window) = self.windows.get_mut(&to) else { return Ok(()) };
        window.expire(now);
        if window.is_roomy(len) { Ok(()) } else { Err(window.overdue()) }
    }

    /// Whether the next payload to `to`, of `len` octets with its head, is to be marked.
    pub(super) fn next_mark(&self, to: NodeId, len: usize) -> Mark {
        self.windows.get(&to).map_or(Window::new(Time::ZERO).next_mark(len), |window| window.next_mark(len))
    }

    /// A payload of `len` octets with its head is sent.
    pub(super) fn send(&mut self, now: Time, to: NodeId, number: u64, len: usize) -> Mark {
        if !self.windows.contains_key(&to) && self.windows.len() >= WINDOWS {
            let oldest = self.windows.iter().min_by_key(|(_, window)| window.used).map(|(id, _)| *id);
            oldest.map(|id| self.windows.remove(&id));
        }
        self.windows.entry(to).or_insert_with(|| Window::new(now)).send(now, number, len)
    }

    /// The payload of that number arrived there.
    pub(super) fn arrived(&mut self, now: Time, to: NodeId, number: u64) {
        if let Some(window) = self.windows.get_mut(&to) {
            window.arrived(now, number);
        }
    }

    /// The payload of that number was lost on its way there.
    pub(super) fn lost(&mut self, now: Time, to: NodeId, number: u64) {
        if let Some(window) = self.windows.get_mut(&to) {
            window.take(now, number);
            window.halve();
        }
    }

    /// A queue on the way there is crowded.
    pub(super) fn crowded(&mut self, to: NodeId) {
        if let Some(window) = self.windows.get_mut(&to) {
            window.halve();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const TO: NodeId = NodeId(7);
    const LEN: usize = 1_000;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// Sends until nothing more is admitted: the numbers of those that are marked, and how many were sent.
    fn fill(windows: &mut Windows, now: Time, next: &mut u64) -> (Vec<u64>, usize) {
        let (mut marked, mut sent) = (Vec::new(), 0);
        while windows.admit(now, TO, LEN).is_ok() {
            *next += 1;
            sent += 1;
            if windows.send(now, TO, *next, LEN) == Mark::Marked {
                marked.push(*next);
            }
        }
        (marked, sent)
    }

    fn limit(windows: &Windows) -> usize {
        windows.windows[&TO].limit
    }

    #[test]
    fn so_much_is_under_way_and_an_answer_makes_room_for_as_much() {
        let (mut windows, mut next) = (Windows::default(), 0);
        let (marked, sent) = fill(&mut windows, at(0), &mut next);
        assert_eq!((sent, marked.len()), (FIRST / LEN, 3), "{marked:?}");
        windows.arrived(at(10), TO, marked[1]);
        let (_, more) = fill(&mut windows, at(10), &mut next);
        let answered = usize::try_from(marked[1]).unwrap();
        assert_eq!(
            more,
            sent * 2 - (sent - answered) - (sent - answered),
            "what was answered, twice: it grows"
        );
    }

    #[test]
    fn a_window_that_nothing_is_refused_by_does_not_grow() {
        let mut windows = Windows::default();
        for number in 0..10_000 {
            if windows.send(at(number), TO, number, LEN) == Mark::Marked {
                windows.arrived(at(number), TO, number);
            }
        }
        assert_eq!(limit(&windows), FIRST);
    }

    #[test]
    fn it_grows_fast_then_slowly_and_has_an_end() {
        let (mut windows, mut next) = (Windows::default(), 0);
        let mut limits = Vec::new();
        for round in 0..2_000 {
            let (marked, _) = fill(&mut windows, at(round), &mut next);
            for number in marked {
                windows.arrived(at(round), TO, number);
                windows.windows.get_mut(&TO).unwrap().refused = true;
            }
            limits.push(limit(&windows));
        }
        assert!(limits[4] >= FAST, "{:?}", &limits[..6]);
        assert!(limits[50] < FAST + 60 * STEP, "{}", limits[50]);
        assert_eq!(limits[1_999], MOST);
    }

    #[test]
    fn it_is_halved_once_for_what_was_under_way() {
        let (mut windows, mut next) = (Windows::default(), 0);
        let (marked, _) = fill(&mut windows, at(0), &mut next);
        for _ in 0..9 {
            windows.crowded(TO);
            windows.lost(at(1), TO, 1);
        }
        assert_eq!(limit(&windows), FIRST / 2);
        windows.arrived(at(2), TO, marked[2]);
        let last = next;
        let (marked, _) = fill(&mut windows, at(2), &mut next);
        assert!(next > last);
        windows.crowded(TO);
        assert_eq!(limit(&windows) / 1_000, FIRST / 2 / 1_000, "some of that is still under way");
        windows.arrived(at(3), TO, *marked.last().unwrap());
        windows.crowded(TO);
        assert!(limit(&windows) <= FIRST / 4 + STEP);
    }

    #[test]
    fn lies_leave_the_least_and_time_brings_it_back() {
        let (mut windows, mut next) = (Windows::default(), 0);
        for round in 0..100 {
            let (marked, sent) = fill(&mut windows, at(round), &mut next);
            assert!(sent > 0);
            windows.crowded(TO);
            windows.arrived(at(round), TO, *marked.last().unwrap());
            windows.crowded(TO);
        }
        assert!(limit(&windows) <= LEAST * 3 / 2, "{}", limit(&windows));
        for round in 100..200 {
            let (marked, _) = fill(&mut windows, at(round), &mut next);
            windows.arrived(at(round), TO, *marked.last().unwrap());
        }
        assert!(limit(&windows) > 20 * LEAST, "{}", limit(&windows));
    }

    #[test]
    fn without_an_answer_it_begins_again_after_a_second() {
        let (mut windows, mut next) = (Windows::default(), 0);
        fill(&mut windows, at(0), &mut next);
        assert_eq!(windows.admit(at(999), TO, LEN), Err(at(1_000)));
        assert_eq!(windows.admit(at(1_000), TO, LEN), Ok(()));
        assert_eq!(limit(&windows), FIRST / 2);
        let (marked, sent) = fill(&mut windows, at(1_000), &mut next);
        assert!(sent > 0 && !marked.is_empty());
        windows.arrived(at(1_001), TO, 1);
        assert!(windows.admit(at(1_001), TO, LEN).is_err(), "an answer to what is forgotten");
    }

    #[test]
    fn what_is_longer_than_the_window_goes_alone() {
        let mut windows = Windows::default();
        for _ in 0..4 {
            windows.lost(at(0), TO, 0);
        }
        assert_eq!(windows.send(at(0), TO, 1, 1), Mark::Plain);
        assert_eq!(windows.admit(at(0), TO, 1 << 20), Ok(()));
        assert_eq!(windows.send(at(0), TO, 2, 1 << 20), Mark::Marked);
        assert!(windows.admit(at(0), TO, 1).is_err());
        windows.arrived(at(1), TO, 2);
        assert_eq!(windows.admit(at(1), TO, 1), Ok(()));
    }

    #[test]
    fn the_window_that_was_used_longest_ago_goes() {
        let mut windows = Windows::default();
        for id in 0..WINDOWS as u64 + 10 {
            windows.send(at(id), NodeId(id.into()), id, LEN);
            windows.send(at(id), NodeId(0), id, LEN);
        }
        assert_eq!(windows.windows.len(), WINDOWS);
        assert!(windows.windows.contains_key(&NodeId(0)) && !windows.windows.contains_key(&NodeId(5)));
    }
}
