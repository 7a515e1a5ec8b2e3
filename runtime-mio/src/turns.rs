//! How much processor time the turns of a loop take: while one lasts, nobody else is heard.

use std::collections::VecDeque;
use std::time::Duration;

use egoist_core::kernel::Time;

/// What the last minute is counted in, in seconds.
const PERIOD: u64 = 10;
/// Periods that are remembered: the one that lasts, and a minute before it.
const PERIODS: usize = 7;

/// The longest turns of a loop, in processor time of its thread: each from one return of the poller to the next. Waiting
/// counts nothing; what else the thread does between two turns counts as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LongestTurn {
    /// Since the loop began.
    pub ever: Duration,
    /// Of the last 60 to 70 s; zero if none has ended in them.
    pub lately: Duration,
}

/// Counts turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// The thread's processor time as the turn that lasts began.
    begun: Option<Duration>,
    ever: Option<Duration>,
    /// Of the last periods, each by its number, the longest.
    lately: VecDeque<(u64, Duration)>,
}

impl Turns {
    /// The poller has returned: one turn has ended, and the next one begins. `processor` is the thread's processor time,
    /// where the system counts it.
    pub(crate) fn next(&mut self, now: Time, processor: Option<Duration>) {
        let begun = std::mem::replace(&mut self.begun, processor);
        if let (Some(begun), Some(ended)) = (begun, processor) {
            self.took(period(now), ended.saturating_sub(begun));
        }
    }

    fn took(&mut self, period: u64, time: Duration) {
        self.ever = self.ever.max(Some(time));
        match self.lately.back_mut() {
            Some((of, longest)) if *of == period => *longest = time.max(*longest),
            _ => self.lately.push_back((period, time)),
        }
        if self.lately.len() > PERIODS {
            self.lately.pop_front();
        }
    }

    /// The longest turns by now; `None` if none has ended yet, or the system counts no processor time.
    pub(crate) fn longest(&self, now: Time) -> Option<LongestTurn> {
        let counts = |of: u64| of + PERIODS as u64 > period(now);
        let lately = self.lately.iter().filter(|(of, _)| counts(*of)).map(|(_, longest)| *longest).max();
        self.ever.map(|ever| LongestTurn { ever, lately: lately.unwrap_or_default() })
    }
}

const fn period(now: Time) -> u64 {
    now.as_micros() / 1_000_000 / PERIOD
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_turn_lasts_from_one_return_of_the_poller_to_the_next() {
        let mut turns = Turns::default();
        assert_eq!(turns.longest(Time::ZERO), None);
        turns.next(Time::ZERO, Some(ms(1_000)));
        assert_eq!(turns.longest(Time::ZERO), None, "what was before the first is no turn");
        for (second, processor) in [(1, 1_007), (2, 1_010), (3, 1_010)] {
            turns.next(Time::from_secs(second), Some(ms(processor)));
        }
        let longest = LongestTurn { ever: ms(7), lately: ms(7) };
        assert_eq!(turns.longest(Time::from_secs(3)), Some(longest));
    }

    #[test]
    fn what_was_long_ago_is_not_lately() {
        let mut turns = Turns::default();
        turns.next(Time::ZERO, Some(Duration::ZERO));
        turns.next(Time::from_secs(9), Some(ms(50)));
        for second in 10..69 {
            turns.next(Time::from_secs(second), Some(ms(50 + second)));
        }
        let at = |second| turns.longest(Time::from_secs(second));
        assert_eq!(at(69), Some(LongestTurn { ever: ms(50), lately: ms(50) }));
        assert_eq!(
            at(70),
            Some(LongestTurn { ever: ms(50), lately: ms(10) }),
            "the first of them took 10 ms"
        );
        assert_eq!(at(1_000), Some(LongestTurn { ever: ms(50), lately: Duration::ZERO }));
        assert_eq!(turns.lately.len(), PERIODS);
        turns.next(Time::from_secs(1_000), Some(ms(200)));
        assert_eq!(turns.lately.len(), PERIODS);
        assert_eq!(turns.longest(Time::from_secs(1_000)).unwrap().lately, ms(200 - 118));
    }

    #[test]
    fn a_system_that_counts_no_processor_time_tells_of_none() {
        let mut turns = Turns::default();
        (0..9).for_each(|second| turns.next(Time::from_secs(second), None));
        assert_eq!(turns.longest(Time::from_secs(9)), None);
    }
}
