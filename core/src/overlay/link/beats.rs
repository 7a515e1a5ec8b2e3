//! Heartbeats on one link: what was sent, what was heard, and what silence means.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::smoothed::Smoothed;
use crate::kernel::Time;
use crate::overlay::names::Token;
use crate::overlay::wire::Beat;

/// Beats whose sending time is remembered: an echo older than this many beats is no measurement.
const REMEMBERED: usize = 64;
/// A link is suspected after three missed beats ...
const MISSED: u32 = 3;
/// ... and four deviations of the round trip, but never later than this.
const SUSPECT_AT_MOST: Duration = Duration::from_secs(1);
/// Beats in a row that end a suspicion.
const RECOVERED: u32 = 3;
/// UDP is taken for blocked when nothing was heard for this long after the first beat was sent, or four round trips.
const BLOCKED: Duration = Duration::from_secs(3);

/// What carries the beats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// One link's heartbeats.
#[derive(Clone, Debug)]
pub struct Beats {
    period: Duration,
    started: Time,
    sent: u64,
    times: VecDeque<Time>,
    heard: u64,
    heard_at: Option<Time>,
    /// The last beat heard came in time: an echo of it measures the way.
    echoes: bool,
    in_a_row: u32,
    suspected: bool,
    carrier: Carrier,
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
            heard_at: None,
            echoes: false,
            in_a_row: 0,
            suspected: false,
            carrier: Carrier::Udp,
        }
    }

    /// The next beat to send, with the receiver's `token`.
    pub fn beat(&mut self, now: Time, token: Token) -> Beat {
        self.sent += 1;
        if self.times.len() == REMEMBERED {
            self.times.pop_front();
        }
        self.times.push_back(now);
        let held = self.heard_at.map_or(Duration::ZERO, |at| now.since(at));
        let held = u64::try_from(held.as_micros()).unwrap_or(u64::MAX);
        Beat { token, number: self.sent, heard: if self.echoes { self.heard } else { 0 }, held }
    }

    /// Whether a beat was sent after the last one that was heard.
    pub fn is_news(&self, beat: &Beat) -> bool {
        beat.number > self.heard
    }

    /// A beat was heard: the round trip that its echo tells, if it tells a new one.
    pub fn hear(&mut self, now: Time, beat: &Beat, when: Heard) -> Option<Duration> {
        if !self.is_news(beat) {
            return None;
        }
        let next = beat.number == self.heard + 1;
        self.in_a_row = if next { self.in_a_row.saturating_add(1) } else { 1 };
        self.heard = beat.number;
        self.heard_at = Some(now);
        self.echoes = when == Heard::InTime;
        self.echoes.then(|| self.round_trip(now, beat))?
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
    pub fn deadline(&self, rtt: Option<&Smoothed>) -> Time {
        match (self.heard_at, self.carrier) {
            (Some(at), Carrier::Udp) => at + self.patience(rtt),
            (Some(at), Carrier::Tcp) => at + BLOCKED,
            (None, _) => self.started + self.blocked_after(rtt),
        }
    }

    fn patience(&self, rtt: Option<&Smoothed>) -> Duration {
        let slack = rtt.map_or(Duration::ZERO, |r| r.deviation() * 4);
        (self.period * MISSED + slack).min(SUSPECT_AT_MOST.max(self.period * MISSED))
    }

    fn blocked_after(&self, rtt: Option<&Smoothed>) -> Duration {
        rtt.map_or(BLOCKED, |r| BLOCKED.max(r.mean() * 4))
    }

    /// Nothing was heard since the link came up: carry the beats on the link from now on, and be patient once more.
    pub fn fall_back(&mut self, now: Time) {
        self.carrier = Carrier::Tcp;
        self.started = now;
    }

    /// The peer carries its beats on the link: so do we.
    pub fn answer_in_kind(&mut self) {
        self.carrier = Carrier::Tcp;
    }

    /// Suspects the peer from now on.
    pub fn suspect(&mut self) {
        self.suspected = true;
        self.in_a_row = 0;
    }

    /// Whether enough beats in a row have come to end a suspicion; ends it.
    pub fn recover(&mut self) -> bool {
        let recovered = self.suspected && self.in_a_row >= RECOVERED;
        if recovered {
            self.suspected = false;
        }
        recovered
    }

    /// The machine slept for `by` until `now`: the silence is its own.
    pub fn forgive(&mut self, now: Time, by: Duration) {
        self.started = (self.started + by).min(now);
        self.heard_at = self.heard_at.map(|at| (at + by).min(now));
    }

    /// Whether the last two beats are missing.
    pub fn missed_two(&self, now: Time) -> bool {
        self.heard_at.is_some_and(|at| now.since(at) > self.period * 2)
    }

    /// Whether the peer beats over UDP and has done so lately: small payloads may go the same way.
    pub fn fresh_udp(&self, now: Time) -> bool {
        self.carrier == Carrier::Udp
            && !self.suspected
            && self.heard_at.is_some_and(|at| now.since(at) < SUSPECT_AT_MOST)
    }

    /// Whether the peer is suspected.
    pub fn suspected(&self) -> bool {
        self.suspected
    }

    /// Whether any beat was ever heard.
    pub fn ever_heard(&self) -> bool {
        self.heard_at.is_some()
    }

    /// When the last beat was heard.
    pub fn heard_at(&self) -> Option<Time> {
        self.heard_at
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
            let beat = a.beat(now, Token(1));
            b.hear(now + there, &beat, Heard::InTime);
            let answer = b.beat(now + there + Duration::from_millis(90), Token(2));
            let rtt = a.hear(now + there + Duration::from_millis(90) + back, &answer, Heard::InTime);
            assert_eq!(rtt, Some(there + back));
            now = now + PERIOD;
        }
    }

    #[test]
    fn claims_that_cannot_be_are_no_measurement() {
        let mut a = Beats::new(Time::ZERO, PERIOD);
        a.beat(Time::from_millis(10), Token(1));
        let beat = |number, heard, held| Beat { token: Token(1), number, heard, held };
        assert_eq!(a.hear(Time::from_millis(20), &beat(1, 7, 0), Heard::InTime), None, "never sent");
        assert_eq!(
            a.hear(Time::from_millis(20), &beat(2, 1, u64::MAX), Heard::InTime),
            None,
            "held longer than it was away"
        );
        assert_eq!(a.hear(Time::from_millis(20), &beat(2, 1, 0), Heard::InTime), None, "said before");
        assert_eq!(a.hear(Time::from_millis(20), &beat(u64::MAX, u64::MAX, 0), Heard::InTime), None);
    }

    #[test]
    fn suspicion_takes_three_missed_beats_and_ends_after_three() {
        let mut a = Beats::new(Time::ZERO, PERIOD);
        assert_eq!(a.deadline(None), Time::from_secs(3));
        let beat = |number| Beat { token: Token(1), number, heard: 0, held: 0 };
        a.hear(Time::from_millis(100), &beat(1), Heard::InTime);
        assert_eq!(a.deadline(None), Time::from_millis(850));
        let shaky = Smoothed::first(Duration::from_secs(2));
        assert_eq!(a.deadline(Some(&shaky)), Time::from_millis(1_100), "never later than a second");
        a.suspect();
        for (number, done) in [(2, false), (4, false), (5, false), (6, true)] {
            a.hear(Time::from_millis(900), &beat(number), Heard::InTime);
            assert_eq!(a.recover(), done, "beat {number}");
        }
        assert!(!a.suspected());
    }

    fn heard_at(at: Time, period: Duration) -> Beats {
        let mut beats = Beats::new(Time::ZERO, period);
        beats.hear(at, &Beat { token: Token(1), number: 1, heard: 0, held: 0 }, Heard::InTime);
        beats
    }

    #[test]
    fn patience_is_three_beats_and_four_deviations() {
        let at = Time::from_secs(10);
        let shaky = |rtt| Some(Smoothed::first(Duration::from_millis(rtt)));
        // Period, round trip of which half is the deviation, and the silence that is borne; all in milliseconds.
        for (period, rtt, borne) in [(250, 0, 750), (250, 80, 910), (250, 10_000, 1_000), (500, 100, 1_500)] {
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
    fn beats_on_the_link_are_borne_with_for_longer() {
        let start = Time::from_secs(10);
        let mut unheard = Beats::new(start, PERIOD);
        assert_eq!(
            (unheard.carrier(), unheard.ever_heard(), unheard.heard_at()),
            (Carrier::Udp, false, None)
        );
        unheard.fall_back(start + BLOCKED);
        assert_eq!(unheard.carrier(), Carrier::Tcp);
        assert_eq!(unheard.deadline(None), start + BLOCKED * 2, "patient once more");
        let mut heard = heard_at(start, PERIOD);
        assert_eq!(
            (heard.carrier(), heard.ever_heard(), heard.heard_at()),
            (Carrier::Udp, true, Some(start))
        );
        heard.answer_in_kind();
        assert_eq!(heard.carrier(), Carrier::Tcp);
        assert_eq!(heard.deadline(None), start + BLOCKED, "one lost segment holds up several beats");
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
        let (mut suspected, mut on_link) = (heard.clone(), heard.clone());
        suspected.suspect();
        on_link.answer_in_kind();
        assert!(!suspected.fresh_udp(after(1)) && !on_link.fresh_udp(after(1)));
        assert!(!heard.missed_two(after(500)) && heard.missed_two(after(501)));
    }
}
