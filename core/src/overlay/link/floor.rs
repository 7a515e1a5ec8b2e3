//! What the way to a neighbour takes at the least.
//!
//! A beat says itself for how long its sender had held the one that it answers. Whoever says too much seems near, and draws
//! traffic. A probe's answer says nothing of the kind: no round trip of a beat counts for less than the quickest probe.

use core::time::Duration;

use smallvec::SmallVec;

use crate::kernel::Time;
use crate::overlay::names::Token;

/// From one probe of a neighbour to the next.
const EVERY: Duration = Duration::from_secs(60);
/// The same for a new link, until there are [`FIRST`] answers: the first one alone may have been slow.
const SOON: Duration = Duration::from_secs(5);
const FIRST: usize = 3;
/// For how long a probe counts: a way that has become shorter is believed after this.
const WINDOW: Duration = Duration::from_secs(600);
/// Answers that are kept: as many as come within the window.
const MOST: usize = FIRST + 10;

/// The answers to the latest probes of a neighbour.
#[derive(Clone, Debug)]
pub struct Floor {
    next: Time,
    asked: Option<(Token, Time)>,
    answers: SmallVec<[(Time, Duration); MOST]>,
}

impl Floor {
    /// Of a link that comes up now.
    pub fn new(now: Time) -> Self {
        Floor { next: now, asked: None, answers: SmallVec::new() }
    }

    /// Whether a probe is to be sent now.
    pub fn is_due(&self, now: Time) -> bool {
        self.next <= now
    }

    /// A probe with this token is sent. One before it that was not answered is waited for no more.
    pub fn asked(&mut self, now: Time, token: Token) {
        self.asked = Some((token, now));
        self.next = now + if self.answers.len() < FIRST { SOON } else { EVERY };
    }

    /// An answer came: the round trip, if it is that to the last probe.
    pub fn answered(&mut self, now: Time, token: Token) -> Option<Duration> {
        let (_, sent) = self.asked.take_if(|(asked, _)| *asked == token)?;
        Some(now.since(sent))
    }

    /// A probe took so long.
    pub fn took(&mut self, now: Time, rtt: Duration) {
        self.answers.retain(|(at, _)| now.since(*at) < WINDOW);
        if self.answers.len() == MOST {
            self.answers.remove(0);
        }
        self.answers.push((now, rtt));
    }

    /// The shortest round trip of a probe in the window; zero where none was answered.
    pub fn least(&self, now: Time) -> Duration {
        let recent = self.answers.iter().filter(|(at, _)| now.since(*at) < WINDOW);
        recent.map(|(_, rtt)| *rtt).min().unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_answer_of_ten_minutes_counts() {
        let mut floor = Floor::new(Time::ZERO);
        let (mut asked, mut now) = (0, Time::ZERO);
        while now < Time::from_secs(1_200) {
            if floor.is_due(now) {
                asked += 1;
                floor.asked(now, Token(asked));
                let rtt = Duration::from_millis(if asked == 2 { 20 } else { 30 });
                assert_eq!(floor.answered(now + rtt, Token(0)), None, "another token");
                assert_eq!(floor.answered(now + rtt, Token(asked)), Some(rtt));
                assert_eq!(floor.answered(now + rtt, Token(asked)), None, "it was answered");
                floor.took(now + rtt, rtt);
                assert!(floor.answers.len() <= MOST);
            }
            now = now + Duration::from_millis(250);
            let least = if asked == 1 || now > Time::from_secs(605) { 30 } else { 20 };
            assert_eq!(floor.least(now), Duration::from_millis(least), "{now:?}");
        }
        assert_eq!(asked, 23, "four soon, then one a minute");
    }
}
