//! Heartbeats on one link: what was sent, what was heard which way, and what silence means.
//!
//! Datagrams always carry them. The link carries them too where either end misses the other's datagrams: with the first
//! that is overdue, so that its answer comes before anybody is suspected. An end that hears beats on the link alone goes on
//! with these; it trusts datagrams again after a row of them, twice as long each time.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::kernel::{RoundTrip, Time};
use crate::overlay::names::Token;
use crate::overlay::wire::{Beat, Hears};

/// Beats whose sending time is remembered: an echo older than this many beats is no measurement.
const REMEMBERED: usize = 64;
/// A link is suspected after three missed beats ...
const MISSED: u32 = 3;
/// ... a round trip, in which a question on the link is answered, and four of its deviations, but never later than this.
const SUSPECT_AT_MOST: Duration = Duration::from_secs(1);
/// Beats in a row that end a suspicion.
const RECOVERED: u32 = 3;
/// A link is suspected when nothing was heard for this long after the first beat was sent, or four round trips. Beats on
/// the link may be late by as much: one lost segment holds up several.
const BLOCKED: Duration = Duration::from_secs(3);
/// Beats in a row after which datagrams are trusted again, the first time ...
const TRUSTED: u32 = 20;
/// ... and at most: five minutes of the default period.
const TRUSTED_AT_MOST: u32 = 1_200;

/// What carries the beats that are heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Carrier {
    /// Datagrams to the peer's own port.
    Udp,
    /// The link itself, since datagrams do not get through.
    Tcp,
}

/// Whether a beat was looked at when it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It was.
    InTime,
    /// The machine slept, and the beat lay in a buffer for nobody knows how long: it is a sign of life and measures
    /// nothing, neither here nor, by its echo, there.
    Late,
}

/// What was heard by one of the two ways.
#[derive(Clone, Copy, Debug, Default)]
struct Ear {
    number: u64,
    at: Option<Time>,
    row: u32,
}

impl Ear {
    /// Whether the beat is later than those before.
    fn hear(&mut self, now: Time, number: u64) -> bool {
        if number <= self.number {
            return false;
        }
        self.row = if number == self.number + 1 { self.row.saturating_add(1) } else { 1 };
        (self.number, self.at) = (number, Some(now));
        true
    }

    fn forgive(&mut self, now: Time, by: Duration) {
        self.at = self.at.map(|at| (at + by).min(now));
    }
}

/// One link's heartbeats.
#[derive(Clone, Debug)]
pub struct Beats {
    period: Duration,
    started: Time,
    sent: u64,
    times: VecDeque<Time>,
    /// The last number heard, either way.
    heard: u64,
    /// The last number heard padded.
    full: u64,
    /// The last beat heard came in time: an echo of it measures the way.
    echoes: bool,
    datagrams: Ear,
    link: Ear,
    silent: bool,
    /// Since when the peer is to answer on the link, whatever datagrams come.
    asked: Option<Time>,
    carrier: Carrier,
    trusted: u32,
    peer: Hears,
}

impl Beats {
    /// A link that came up at `now` and beats every `period`.
    pub fn new(now: Time, period: Duration) -> Self {
        Beats {
            period,
            started: now,
            sent: 0,
            times: VecDeque::new(),
            heard: 0,
            full: 0,
            echoes: false,
            datagrams: Ear::default(),
            link: Ear::default(),
            silent: false,
            asked: None,
            carrier: Carrier::Udp,
            trusted: TRUSTED,
            peer: Hears::Datagrams,
        }
    }

    /// The next beat to send, with the receiver's `token`; so many octets of the link were `read`.
    pub fn beat(&mut self, now: Time, token: Token, read: Option<u64>) -> Beat {
        self.sent += 1;
        if self.times.len() == REMEMBERED {
            self.times.pop_front();
        }
        self.times.push_back(now);
        let held = self.heard_at().map_or(Duration::ZERO, |at| now.since(at));
        Beat {
            heard: if self.echoes { self.heard } else { 0 },
            held: u64::try_from(held.as_micros()).unwrap_or(u64::MAX),
            hears: self.hears(now),
            full: self.full,
            read,
            ..Beat::first(token, self.sent)
        }
    }

    /// By what the peer hears, as it last said.
    pub fn peer_hears(&self) -> Hears {
        self.peer
    }

    /// The peer's datagrams come from elsewhere: its connection may not have moved with it, and has to be heard on.
    pub fn ask_link(&mut self, now: Time) {
        self.asked.get_or_insert(now);
    }

    /// By what the peer is heard.
    fn hears(&self, now: Time) -> Hears {
        let missing = match self.datagrams.at {
            Some(at) => now.since(at) * 2 >= self.period * MISSED,
            None => now.since(self.started) >= self.period * MISSED,
        };
        match self.carrier {
            _ if self.silent => Hears::Nothing,
            Carrier::Udp if !missing && self.asked.is_none() => Hears::Datagrams,
            Carrier::Udp | Carrier::Tcp => Hears::Link,
        }
    }

    /// Whether the link is to carry beats as well: one of both ends does not hear the other's datagrams.
    pub fn takes_link(&self, now: Time) -> bool {
        self.peer != Hears::Datagrams || self.hears(now) != Hears::Datagrams
    }

    /// Whether a beat was sent after the last one that came as a datagram.
    pub fn is_latest_datagram(&self, beat: &Beat) -> bool {
        beat.number > self.datagrams.number
    }

    /// A beat was heard by one of the ways: the round trip that its echo tells, if it tells a new one.
    pub fn hear(&mut self, now: Time, beat: &Beat, when: Heard, way: Carrier) -> Option<Duration> {
        let ear = match way {
            Carrier::Udp => &mut self.datagrams,
            Carrier::Tcp => &mut self.link,
        };
        if beat.padding > 0 {
            self.full = self.full.max(beat.number);
        }
        // Beats that a connection held back come all at once, and measure nothing.
        let paced = way == Carrier::Udp || ear.at.is_none_or(|at| now.since(at) * 2 >= self.period);
        let measures = paced && !(way == Carrier::Tcp && self.silent);
        if !ear.hear(now, beat.number) {
            return None;
        }
        if way == Carrier::Tcp {
            self.asked = None;
        }
        self.trust(way);
        if beat.number <= self.heard {
            return None;
        }
        self.heard = beat.number;
        self.echoes = when == Heard::InTime && measures;
        if when == Heard::InTime {
            self.peer = beat.hears;
        }
        self.echoes.then(|| self.round_trip(now, beat))?
    }

    /// Which way carries the beats from now on.
    fn trust(&mut self, heard: Carrier) {
        match (self.carrier, heard) {
            (Carrier::Tcp, Carrier::Udp) if self.datagrams.row >= self.trusted => self.carrier = Carrier::Udp,
            (Carrier::Udp, Carrier::Tcp) if self.datagrams.at.is_none() && self.link.row >= RECOVERED => {
                self.carrier = Carrier::Tcp;
            }
            _ => {}
        }
    }

    fn round_trip(&self, now: Time, beat: &Beat) -> Option<Duration> {
        let back = usize::try_from(self.sent.checked_sub(beat.heard)?).ok()?;
        let sent_at = *self.times.get(self.times.len().checked_sub(back + 1)?)?;
        if beat.heard == 0 {
            return None;
        }
        now.since(sent_at).checked_sub(Duration::from_micros(beat.held))
    }

    /// When the link is to be suspected if nothing is heard before.
    pub fn deadline(&self, rtt: Option<&RoundTrip>) -> Time {
        let answered = |asked| asked + self.suspected_after() + rtt.map_or(Duration::ZERO, RoundTrip::mean);
        let heard = self.heard_until(rtt);
        self.asked.map_or(heard, |asked| heard.min(answered(asked)))
    }

    fn heard_until(&self, rtt: Option<&RoundTrip>) -> Time {
        match (self.carrier, self.datagrams.at, self.heard_at()) {
            (Carrier::Udp, Some(at), _) => at + self.patience(rtt),
            (Carrier::Tcp, _, Some(at)) => at + self.blocked(),
            (_, _, at) => at.unwrap_or(self.started) + self.blocked_after(rtt),
        }
    }

    fn patience(&self, rtt: Option<&RoundTrip>) -> Duration {
        let slack = rtt.map_or(Duration::ZERO, |r| r.mean() + r.deviation() * 4);
        (self.period * MISSED + slack).min(self.suspected_after())
    }

    /// [`SUSPECT_AT_MOST`], where beats are not further apart than that.
    fn suspected_after(&self) -> Duration {
        SUSPECT_AT_MOST.max(self.period * MISSED)
    }

    /// [`BLOCKED`], where beats are not further apart than that: after those missed the link takes the next.
    fn blocked(&self) -> Duration {
        BLOCKED.max(self.period * (MISSED + 2))
    }

    fn blocked_after(&self, rtt: Option<&RoundTrip>) -> Duration {
        rtt.map_or(self.blocked(), |r| self.blocked().max(r.mean() * 4))
    }

    /// The deadline has passed: goes on with the beats that the link carries, if they come, or is silent from now on.
    pub fn miss(&mut self, now: Time) {
        let alone =
            |at: Time| self.datagrams.at.is_none_or(|last| at.since(last) * 2 >= self.period * MISSED);
        let heard = self.link.at.is_some_and(|at| now.since(at) < self.period * 2 && alone(at));
        if self.carrier == Carrier::Udp && heard {
            self.take_link();
        } else {
            self.silent = true;
            (self.datagrams.row, self.link.row) = (0, 0);
        }
    }

    /// Datagrams have failed once more.
    fn take_link(&mut self) {
        self.carrier = Carrier::Tcp;
        self.datagrams.row = 0;
        self.trusted = (self.trusted * 2).min(TRUSTED_AT_MOST);
    }

    /// Ends the silence, if enough beats in a row have come either way.
    pub fn recover(&mut self) {
        if !self.silent {
            return;
        }
        if self.datagrams.row >= RECOVERED && self.asked.is_none() {
            (self.silent, self.carrier) = (false, Carrier::Udp);
        } else if self.link.row >= RECOVERED {
            self.silent = false;
            if self.carrier == Carrier::Udp {
                self.take_link();
            }
        }
    }

    /// The machine slept for `by` until `now`: the silence is its own.
    pub fn forgive(&mut self, now: Time, by: Duration) {
        self.started = (self.started + by).min(now);
        self.asked = self.asked.map(|at| (at + by).min(now));
        self.datagrams.forgive(now, by);
        self.link.forgive(now, by);
    }

    /// Whether the last two beats are missing.
    pub fn missed_two(&self, now: Time) -> bool {
        now.since(self.heard_at().unwrap_or(self.started)) > self.period * 2
    }

    /// Whether the peer hears datagrams, and has said so lately: small payloads may go that way.
    pub fn fresh_udp(&self, now: Time) -> bool {
        self.peer == Hears::Datagrams
            && !self.suspected()
            && self.datagrams.at.is_some_and(|at| now.since(at) < self.suspected_after())
    }

    /// Whether the peer is suspected: it is not heard, or says that it hears nothing.
    pub fn suspected(&self) -> bool {
        self.silent || self.peer == Hears::Nothing
    }

    /// When the last beat was heard, either way.
    pub fn heard_at(&self) -> Option<Time> {
        self.datagrams.at.max(self.link.at)
    }

    /// What carries the beats.
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(250);

    #[test]
    fn an_echo_measures_the_round_trip_whatever_was_held() {
        let (mut a, mut b) = (Beats::new(Time::ZERO, PERIOD), Beats::new(Time::ZERO, PERIOD));
        let (there, back) = (Duration::from_millis(30), Duration::from_millis(50));
        let mut now = Time::ZERO;
        for _ in 0..100 {
            let beat = a.beat(now, Token(1), None);
            b.hear(now + there, &beat, Heard::InTime, Carrier::Udp);
            let answer = b.beat(now + there + Duration::from_millis(90), Token(2), None);
            let rtt =
                a.hear(now + there + Duration::from_millis(90) + back, &answer, Heard::InTime, Carrier::Udp);
            assert_eq!(rtt, Some(there + back));
            now = now + PERIOD;
        }
    }

    #[test]
    fn claims_that_cannot_be_are_no_measurement() {
        let mut a = Beats::new(Time::ZERO, PERIOD);
        a.beat(Time::from_millis(10), Token(1), None);
        let beat = |number, heard, held| Beat { heard, held, ..Beat::first(Token(1), number) };
        assert_eq!(
            a.hear(Time::from_millis(20), &beat(1, 7, 0), Heard::InTime, Carrier::Udp),
            None,
            "never sent"
        );
        assert_eq!(
            a.hear(Time::from_millis(20), &beat(2, 1, u64::MAX), Heard::InTime, Carrier::Udp),
            None,
            "held longer than it was away"
        );
        assert_eq!(
            a.hear(Time::from_millis(20), &beat(2, 1, 0), Heard::InTime, Carrier::Udp),
            None,
            "said before"
        );
        assert_eq!(
            a.hear(Time::from_millis(20), &beat(u64::MAX, u64::MAX, 0), Heard::InTime, Carrier::Udp),
            None
        );
    }

    fn beat(number: u64) -> Beat {
        Beat::first(Token(1), number)
    }

    #[test]
    fn suspicion_takes_three_missed_beats_and_ends_after_three() {
        let mut a = Beats::new(Time::ZERO, PERIOD);
        assert_eq!(a.deadline(None), Time::from_secs(3));
        a.hear(Time::from_millis(100), &beat(1), Heard::InTime, Carrier::Udp);
        assert_eq!(a.deadline(None), Time::from_millis(850));
        let shaky = RoundTrip::first(Duration::from_secs(2));
        assert_eq!(a.deadline(Some(&shaky)), Time::from_millis(1_100), "never later than a second");
        a.miss(Time::from_millis(1_100));
        for (number, done) in [(2, false), (4, false), (5, false), (6, true)] {
            a.hear(Time::from_millis(900), &beat(number), Heard::InTime, Carrier::Udp);
            a.recover();
            assert_eq!(!a.suspected(), done, "beat {number}");
        }
    }

    #[test]
    fn one_who_hears_nothing_is_suspected_until_it_says_otherwise() {
        let mut a = heard_at(Time::ZERO, PERIOD);
        let says = |number, hears| Beat { hears, ..beat(number) };
        a.hear(Time::ZERO, &says(2, Hears::Nothing), Heard::InTime, Carrier::Udp);
        assert!(a.suspected() && a.takes_link(Time::ZERO));
        a.hear(Time::ZERO, &says(3, Hears::Link), Heard::InTime, Carrier::Udp);
        assert!(!a.suspected() && a.takes_link(Time::ZERO) && !a.fresh_udp(Time::ZERO));
        a.hear(Time::ZERO, &says(4, Hears::Datagrams), Heard::InTime, Carrier::Udp);
        assert!(!a.suspected() && !a.takes_link(Time::ZERO) && a.fresh_udp(Time::ZERO));
        a.hear(Time::ZERO, &says(5, Hears::Nothing), Heard::Late, Carrier::Udp);
        assert!(!a.suspected(), "who slept knows nothing of the present");
    }

    /// Says the same beats by the ways that get through, from `first`; the number after the last.
    fn say(a: &mut Beats, now: &mut Time, first: u64, count: u64, ways: &[Carrier]) -> u64 {
        for number in first..first + count {
            *now = *now + PERIOD;
            for way in ways {
                a.hear(*now, &beat(number), Heard::InTime, *way);
            }
            a.recover();
        }
        first + count
    }

    #[test]
    fn what_the_link_carries_ends_a_suspicion_and_datagrams_are_trusted_later_each_time() {
        let (mut a, mut now) = (Beats::new(Time::ZERO, PERIOD), Time::ZERO);
        let mut next = say(&mut a, &mut now, 1, 3, &[Carrier::Udp]);
        for row in [TRUSTED * 2, TRUSTED * 4] {
            a.miss(now + SUSPECT_AT_MOST);
            assert!(a.suspected());
            next = say(&mut a, &mut now, next, 3, &[Carrier::Tcp]);
            assert_eq!((a.suspected(), a.carrier()), (false, Carrier::Tcp));
            next = say(&mut a, &mut now, next, u64::from(row) - 1, &[Carrier::Tcp, Carrier::Udp]);
            assert_eq!(a.carrier(), Carrier::Tcp, "not yet");
            next = say(&mut a, &mut now, next, 1, &[Carrier::Tcp, Carrier::Udp]);
            assert_eq!(a.carrier(), Carrier::Udp);
        }
        next = say(&mut a, &mut now, next, 3, &[Carrier::Tcp]);
        a.miss(now);
        assert_eq!((a.suspected(), a.carrier()), (false, Carrier::Tcp), "the link carried on");
        assert_eq!((next, a.trusted), (a.heard + 1, TRUSTED * 8));
    }

    #[test]
    fn one_whose_datagrams_come_from_elsewhere_has_to_be_heard_on_the_link() {
        for answers in [false, true] {
            let (mut a, mut now) = (heard_at(Time::ZERO, PERIOD), Time::ZERO);
            a.ask_link(now);
            assert_eq!((a.deadline(None), a.takes_link(now)), (Time::from_millis(750), true));
            let ways: &[Carrier] = if answers { &[Carrier::Udp, Carrier::Tcp] } else { &[Carrier::Udp] };
            let next = say(&mut a, &mut now, 2, 4, ways);
            assert_eq!(a.deadline(None), if answers { now + PERIOD * MISSED } else { Time::from_secs(1) });
            if answers {
                continue;
            }
            a.miss(now);
            let next = say(&mut a, &mut now, next, 9, &[Carrier::Udp]);
            assert!(a.suspected(), "whatever datagrams come");
            say(&mut a, &mut now, next, 3, &[Carrier::Tcp]);
            assert!(!a.suspected());
        }
    }

    #[test]
    fn where_no_datagram_ever_came_three_beats_on_the_link_are_enough() {
        let (mut a, mut now) = (Beats::new(Time::ZERO, PERIOD), Time::ZERO);
        assert!(!a.takes_link(Time::from_millis(749)) && a.takes_link(Time::from_millis(750)));
        assert_eq!(a.beat(Time::from_millis(750), Token(1), None).hears, Hears::Link);
        say(&mut a, &mut now, 1, 2, &[Carrier::Tcp]);
        assert_eq!(a.carrier(), Carrier::Udp);
        say(&mut a, &mut now, 3, 1, &[Carrier::Tcp]);
        assert_eq!((a.carrier(), a.deadline(None)), (Carrier::Tcp, now + BLOCKED));
    }

    fn heard_at(at: Time, period: Duration) -> Beats {
        let mut beats = Beats::new(Time::ZERO, period);
        beats.hear(at, &Beat::first(Token(1), 1), Heard::InTime, Carrier::Udp);
        beats
    }

    #[test]
    fn patience_is_three_beats_a_round_trip_and_four_deviations() {
        let at = Time::from_secs(10);
        let shaky = |rtt| Some(RoundTrip::first(Duration::from_millis(rtt)));
        // Period, round trip of which half is the deviation, and the silence that is borne; all in milliseconds.
        for (period, rtt, borne) in [(250, 0, 750), (250, 80, 990), (250, 10_000, 1_000), (500, 100, 1_500)] {
            let beats = heard_at(at, Duration::from_millis(period));
            let deadline = beats.deadline(shaky(rtt).as_ref());
            assert_eq!(deadline.since(at), Duration::from_millis(borne), "{period} {rtt}");
        }
        let unheard = Beats::new(at, PERIOD);
        for (rtt, borne) in [(100, 3_000), (1_000, 4_000)] {
            assert_eq!(unheard.deadline(shaky(rtt).as_ref()).since(at), Duration::from_millis(borne));
        }
    }

    #[test]
    fn own_sleep_is_forgiven_and_never_into_the_future() {
        let [start, woken] = [10, 30].map(Time::from_secs);
        let slept = Duration::from_secs(15);
        let (mut unheard, mut heard) = (Beats::new(start, PERIOD), heard_at(start, PERIOD));
        for beats in [&mut unheard, &mut heard] {
            beats.forgive(woken, slept);
        }
        assert_eq!(heard.heard_at(), Some(start + slept));
        assert_eq!(unheard.deadline(None), start + slept + BLOCKED);
        for beats in [&mut unheard, &mut heard] {
            beats.forgive(woken, slept);
        }
        assert_eq!(heard.heard_at(), Some(woken));
        assert_eq!(unheard.deadline(None), woken + BLOCKED);
    }

    #[test]
    fn a_datagram_is_trusted_to_who_was_heard_within_a_second_over_udp() {
        let start = Time::from_secs(10);
        let after = |millis| start + Duration::from_millis(millis);
        let heard = heard_at(start, PERIOD);
        assert!(heard.fresh_udp(after(999)) && !heard.fresh_udp(after(1_000)));
        assert!(!Beats::new(start, PERIOD).fresh_udp(start), "never heard");
        let mut suspected = heard.clone();
        suspected.miss(after(1));
        assert!(!suspected.fresh_udp(after(1)));
        assert!(!heard.missed_two(after(500)) && heard.missed_two(after(501)));
    }
}
