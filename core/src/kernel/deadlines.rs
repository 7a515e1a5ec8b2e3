//! Timers of a machine that may be woken late.

use core::time::Duration;

use smallvec::SmallVec;

use super::{Outputs, Time, Timers, Wake};

/// Whom a deadline waits for, which decides what lateness does to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaits {
    /// Somebody else, who is not to blame for the time that this machine slept: it is put off.
    Others,
    /// Nobody: this machine has something to do then. It is done late.
    Nobody,
}

/// A key of [`Deadlines`]: what there is to do at a time, and about whom.
pub trait Deadline: Ord + Copy {
    /// Whom it waits for.
    fn awaits(&self) -> Awaits;

    /// What for, in a word: [`Wake::why`].
    fn name(&self) -> &'static str;
}

/// A part of a machine that has deadlines of its own, or a machine inside another. A machine is woken at the earliest of
/// all, so that no part can tell alone how long the machine slept: [`Deadlines::advance`] tells them.
pub trait Part {
    /// The earliest of its deadlines, which may be past.
    fn due(&self) -> Option<Time>;

    /// Takes the time before anything is done about an input or a command. The machine was woken so `late`, mostly zero,
    /// and what waits for others is put off by that.
    fn woken(&mut self, now: Time, late: Duration);
}

/// How much lateness is no more than a busy host's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slack {
    /// Nothing is put off for less.
    pub busy: Duration,
    /// So late, a machine was asleep: what waits for others is put off by as much again, since their answers were lost or
    /// are still on their way.
    pub asleep: Duration,
}

impl Slack {
    /// Woken later than that, a machine was asleep.
    pub const fn new(asleep: Duration) -> Self {
        Slack { busy: asleep, asleep }
    }
}

/// The deadlines of a machine, one for each key, and the time last given.
///
/// Whoever was woken late has slept: it must not take its own sleep for the silence of others (law 9). What waits for
/// [others](Awaits::Others) is put off by the lateness; the machine's own schedule is kept. Lateness is what has passed
/// since the earliest deadline of the machine and its [parts](Part). It is dealt with at the first input after the sleep,
/// before that can cancel or move a deadline, and what is set from then on is not put off.
///
/// Call [`advance`](Self::advance) at each input and command, before anything else, [`fire`](Self::fire) at
/// [`Tick`](super::Input::Tick) alone, and answer [`Machine::poll_timeout`](super::Machine::poll_timeout) with
/// [`wake`](Self::wake): law 4 then holds.
///
/// ```
/// use core::time::Duration;
/// use egoist_core::kernel::{Awaits, Deadline, Deadlines, Outputs, Slack, Time};
///
/// #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
/// enum Due {
///     Ping,
///     PongMissing,
/// }
/// impl Deadline for Due {
///     fn awaits(&self) -> Awaits {
///         if *self == Due::PongMissing { Awaits::Others } else { Awaits::Nobody }
///     }
///     fn name(&self) -> &'static str {
///         if *self == Due::PongMissing { "pong missing" } else { "ping" }
///     }
/// }
///
/// let mut deadlines = Deadlines::new(Slack::new(Duration::from_secs(1)), Time::ZERO);
/// deadlines.after(Due::Ping, Duration::from_secs(10));
/// deadlines.after(Due::PongMissing, Duration::from_secs(30));
/// let out: Outputs<()> = Outputs::new();
/// assert_eq!(deadlines.wake(&out, []).unwrap().at, Time::from_secs(10));
///
/// // Woken an hour late: the pong has as much time as it had, and a second more.
/// deadlines.advance(Time::from_secs(3_610), &mut []);
/// assert_eq!(deadlines.fire().as_slice(), [Due::Ping]);
/// assert_eq!(deadlines.get(Due::PongMissing), Some(Time::from_secs(3_631)));
/// ```
#[derive(Clone, Debug)]
pub struct Deadlines<K> {
    timers: Timers<K>,
    slack: Slack,
    now: Time,
    /// The time up to which lateness was dealt with.
    forgiven: Time,
    /// How late it was woken, until a tick comes.
    late: Duration,
    /// By how much was put off since the last tick.
    owed: Duration,
}

/// The least time that can pass.
const MOMENT: Duration = Duration::from_micros(1);

impl<K: Deadline> Deadlines<K> {
    /// No deadlines.
    pub const fn new(slack: Slack, now: Time) -> Self {
        let (late, owed) = (Duration::ZERO, Duration::ZERO);
        Deadlines { timers: Timers::new(), slack, now, forgiven: now, late, owed }
    }

    /// Takes the time, and puts off what waits for others if the machine was woken late. One that goes back is not taken.
    /// `parts` are all that have deadlines of their own, those whose wakes [`wake`](Self::wake) is given: they are told.
    pub fn advance(&mut self, now: Time, parts: &mut [&mut dyn Part]) {
        let late = parts
            .iter()
            .filter_map(|part| part.due())
            .min()
            .map_or(Duration::ZERO, |due| self.since(due, now));
        let late = late.max(self.lateness_at(now));
        self.woken(now, late);
        parts.iter_mut().for_each(|part| part.woken(now, late));
    }

    fn lateness_at(&self, now: Time) -> Duration {
        self.due().map_or(Duration::ZERO, |due| self.since(due, now))
    }

    /// What has passed since then and was not dealt with.
    fn since(&self, due: Time, now: Time) -> Duration {
        now.since(due.max(self.forgiven))
    }

    /// The time last given.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Sets `key`'s deadline, in place of the one it had, at the time last given and so much later.
    pub fn after(&mut self, key: K, after: Duration) {
        self.set(key, self.now + after);
    }

    /// Sets `key`'s deadline, in place of the one it had. One that is past is due at the next time given.
    pub fn set(&mut self, key: K, at: Time) {
        self.timers.set(key, at.max(self.soonest()));
    }

    /// Sets `key`'s deadline unless it has an earlier one.
    pub fn set_earlier(&mut self, key: K, at: Time) {
        self.timers.set_earlier(key, at.max(self.soonest()));
    }

    /// Takes `key`'s deadline away; whether there was one.
    pub fn cancel(&mut self, key: K) -> bool {
        self.timers.cancel(key)
    }

    /// When `key` is due.
    pub fn get(&self, key: K) -> Option<Time> {
        self.timers.get(key)
    }

    /// Takes all deadlines away.
    pub fn clear(&mut self) {
        self.timers = Timers::new();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.timers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.timers.is_empty()
    }

    /// How late the machine was woken, until the tick that ends it: what arrives in between lay in buffers.
    pub const fn lateness(&self) -> Duration {
        self.late
    }

    /// At a tick, before [`fire`](Self::fire): by how much what waits for others was put off since the last one, mostly
    /// zero, for what the machine knows of the silence of others elsewhere.
    pub fn forgive(&mut self) -> Duration {
        self.forgiven = self.now;
        self.late = Duration::ZERO;
        core::mem::take(&mut self.owed)
    }

    /// Takes everything due, in order of time and key: a snapshot, so that whatever its handling sets waits for the next
    /// call. An entry may be about something that the handling of one before it has ended.
    pub fn fire(&mut self) -> SmallVec<[K; 8]> {
        self.forgive();
        self.timers.fire(self.now)
    }

    fn put_off(&mut self, late: Duration) {
        if late <= self.slack.busy {
            return;
        }
        let by = if late >= self.slack.asleep { late + self.slack.asleep } else { late };
        self.timers.put_off(by, |key| key.awaits() == Awaits::Others);
        self.forgiven = self.now;
        self.owed += by;
    }

    fn soonest(&self) -> Time {
        self.now + MOMENT
    }

    /// When the first is due, later than the time last given: what is due at this very time waits for the next tick.
    pub fn next(&self) -> Option<Wake> {
        let (at, key) = self.timers.next()?;
        Some(Wake { at: at.max(self.soonest()), why: key.name() })
    }

    /// What [`Machine::poll_timeout`](super::Machine::poll_timeout) answers: the time last given while outputs are queued,
    /// otherwise the earliest of these deadlines and of `others`, which are those of the parts and of machines inside
    /// (whose outputs have been taken), and strictly later.
    pub fn wake<E>(&self, out: &Outputs<E>, others: impl IntoIterator<Item = Option<Wake>>) -> Option<Wake> {
        if !out.is_empty() {
            return Some(Wake { at: self.now, why: "output" });
        }
        let first = others.into_iter().chain([self.next()]).flatten().min_by_key(|wake| wake.at)?;
        Some(Wake { at: first.at.max(self.soonest()), ..first })
    }
}

impl<K: Deadline> Part for Deadlines<K> {
    fn due(&self) -> Option<Time> {
        self.timers.next().map(|(at, _)| at)
    }

    fn woken(&mut self, now: Time, late: Duration) {
        if now <= self.now {
            return;
        }
        let late = late.max(self.lateness_at(now));
        self.now = now;
        // With nothing due the sleep is over, though no tick came.
        self.late = if late.is_zero() { late } else { late.max(self.late) };
        self.put_off(late);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// Even ones wait for others.
    impl Deadline for u8 {
        fn awaits(&self) -> Awaits {
            if self & 1 == 0 { Awaits::Others } else { Awaits::Nobody }
        }

        fn name(&self) -> &'static str {
            "test"
        }
    }

    const SLACK: Slack = Slack { busy: Duration::from_micros(5), asleep: Duration::from_micros(20) };

    fn at(micros: u64) -> Time {
        Time::from_micros(micros)
    }

    #[test]
    fn what_is_put_off_once_is_not_put_off_again_at_the_same_time() {
        let mut deadlines = Deadlines::new(SLACK, at(0));
        deadlines.set(1, at(10));
        deadlines.set(2, at(12));
        deadlines.advance(at(40), &mut []);
        assert_eq!((deadlines.forgive(), deadlines.forgive()), (Duration::from_micros(50), Duration::ZERO));
        assert_eq!(deadlines.fire().as_slice(), [1]);
        assert_eq!(deadlines.get(2), Some(at(62)));
    }

    #[test]
    fn what_arrives_first_hides_no_sleep_and_what_is_set_after_it_is_not_put_off() {
        let mut deadlines = Deadlines::new(SLACK, at(0));
        deadlines.set(2, at(60));
        deadlines.set(4, at(100));
        deadlines.advance(at(101), &mut []);
        assert!(deadlines.cancel(2));
        deadlines.set(6, at(110));
        assert_eq!(deadlines.lateness(), Duration::from_micros(41));
        assert!(deadlines.fire().is_empty());
        let due = [4, 6].map(|key| deadlines.get(key));
        assert_eq!(due, [Some(at(161)), Some(at(110))]);
        assert_eq!(deadlines.lateness(), Duration::ZERO);
    }

    #[test]
    fn no_tick_need_follow_and_no_sleep_is_counted_twice() {
        let mut deadlines = Deadlines::new(SLACK, at(0));
        deadlines.set(2, at(10));
        deadlines.set(4, at(500));
        // In time, or nearly: nothing is put off, and what was cancelled leaves nothing behind.
        deadlines.advance(at(12), &mut []);
        assert!(deadlines.cancel(2));
        deadlines.advance(at(400), &mut []);
        assert_eq!((deadlines.lateness(), deadlines.get(4)), (Duration::ZERO, Some(at(500))));
        for (now, due) in [(510, 510), (550, 570), (551, 570), (575, 570)] {
            deadlines.advance(at(now), &mut []);
            deadlines.advance(at(now), &mut []);
            assert_eq!(deadlines.get(4), Some(at(due)), "at {now}");
        }
        assert_eq!(deadlines.forgive(), Duration::from_micros(10 + 60));
    }

    #[test]
    fn parts_know_how_late_all_of_them_are() {
        let mut own = Deadlines::new(SLACK, at(0));
        let mut part = own.clone();
        part.set(1, at(10));
        own.set(2, at(100));
        own.advance(at(99), &mut [&mut part]);
        assert!(own.fire().is_empty());
        assert_eq!(part.fire().as_slice(), [1]);
        part.set(2, at(150));
        own.set(1, at(110));
        own.advance(at(140), &mut [&mut part]);
        assert_eq!((own.get(2), part.get(2)), (Some(at(100 + 109 + 50)), Some(at(150 + 50))));
    }

    #[test]
    fn a_wake_is_the_earliest_of_all_and_never_the_past() {
        let mut deadlines = Deadlines::new(SLACK, at(0));
        let mut out = Outputs::<()>::new();
        assert_eq!(deadlines.wake(&out, [None]), None);
        deadlines.set(1, at(10));
        let part = |micros| Some(Wake { at: at(micros), why: "part" });
        assert_eq!(deadlines.wake(&out, [part(7), None]), part(7));
        assert_eq!(deadlines.wake(&out, [part(11)]), Some(Wake { at: at(10), why: "test" }));
        deadlines.advance(at(30), &mut []);
        assert_eq!(deadlines.wake(&out, [part(7)]), part(31));
        deadlines.advance(at(20), &mut []);
        out.event(());
        assert_eq!(deadlines.wake(&out, []), Some(Wake { at: at(30), why: "output" }));
    }

    #[test]
    fn now_means_the_next_tick() {
        let mut deadlines = Deadlines::new(SLACK, at(0));
        deadlines.after(1, Duration::ZERO);
        assert!(deadlines.fire().is_empty());
        deadlines.advance(at(1), &mut []);
        assert_eq!(deadlines.fire().as_slice(), [1]);
        deadlines.after(1, Duration::ZERO);
        deadlines.clear();
        assert!(deadlines.is_empty() && deadlines.next().is_none());
    }

    proptest! {
        /// The model: a sorted list of what is due, from which lateness is taken by hand.
        #[test]
        fn agrees_with_a_list(
            ops in prop::collection::vec((0u8..6, 0u64..40, 0u8..7), 0..80),
        ) {
            let mut deadlines = Deadlines::new(SLACK, at(0));
            let (mut model, mut now, mut last, mut owed) = (Vec::<(u64, u8)>::new(), 0, 0, 0);
            for (key, amount, op) in ops {
                match op {
                    0 => {
                        deadlines.after(key, Duration::from_micros(amount));
                        model.retain(|(_, k)| *k != key);
                        model.push((now + amount.max(1), key));
                    }
                    4 => {
                        deadlines.set(key, at(amount));
                        model.retain(|(_, k)| *k != key);
                        model.push((amount.max(now + 1), key));
                    }
                    5 => {
                        deadlines.set_earlier(key, at(amount));
                        let due = amount.max(now + 1);
                        let earlier = model.iter().find(|(_, k)| *k == key).map_or(due, |(old, _)| due.min(*old));
                        model.retain(|(_, k)| *k != key);
                        model.push((earlier, key));
                    }
                    1 => {
                        let there = model.iter().any(|(_, k)| *k == key);
                        model.retain(|(_, k)| *k != key);
                        prop_assert_eq!(deadlines.cancel(key), there);
                    }
                    2 => {
                        now += amount;
                        deadlines.advance(at(now), &mut []);
                        let late = model.iter().map(|(due, _)| now.saturating_sub((*due).max(last))).max().unwrap_or(0);
                        let by = if late >= 20 { late + 20 } else if late > 5 { late } else { 0 };
                        model.iter_mut().filter(|(_, k)| k % 2 == 0).for_each(|(due, _)| *due += by);
                        last = if by > 0 { now } else { last };
                        owed += by;
                    }
                    _ => {
                        last = now;
                        if op == 6 {
                            prop_assert_eq!(deadlines.forgive(), Duration::from_micros(owed));
                        }
                        owed = 0;
                        let due: Vec<u8> = model.iter().filter(|(due, _)| *due <= now).map(|(_, k)| *k).collect();
                        model.retain(|(due, _)| *due > now);
                        prop_assert_eq!(deadlines.fire().to_vec(), due);
                    }
                }
                model.sort_unstable();
                prop_assert_eq!(deadlines.len(), model.len());
                prop_assert_eq!(deadlines.next().map(|wake| wake.at), model.first().map(|(due, _)| at((*due).max(now + 1))));
            }
        }
    }
}
