//! What each fault of a driver and its host does.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use super::chatter::{Do, Heard};
use super::laws::{Pair, THERE};
use crate::kernel::{Input, Machine, Output, Seed, Time, Wake};
use crate::sim::{Boot, Config, Kind, Restart, Slices, World, address};

const SECOND: Duration = Duration::from_secs(1);
const PERIOD: Duration = Duration::from_millis(100);

/// Wants to be woken every 100 ms of its own time, and notes what time it is told.
struct Sleeper {
    due: Time,
    told: Rc<RefCell<Vec<(Time, Time)>>>,
}

impl Machine for Sleeper {
    type Command = ();
    type Reply = Time;
    type Refusal = ();
    type Event = ();
    fn handle(&mut self, now: Time, input: Input<'_>) {
        assert!(matches!(input, Input::Tick));
        self.told.borrow_mut().push((self.due, now));
        if now >= self.due {
            self.due = now + PERIOD;
        }
    }
    fn command(&mut self, now: Time, (): ()) -> Result<Time, ()> {
        Ok(now)
    }
    fn poll(&mut self) -> Option<Output<()>> {
        None
    }
    fn poll_timeout(&self) -> Option<Wake> {
        Some(Wake { at: self.due, why: "due" })
    }
}

struct Bed {
    world: World<Sleeper>,
    /// When each tick was due and when it came, by the sleeper's clock.
    told: Rc<RefCell<Vec<(Time, Time)>>>,
}

impl Bed {
    fn new(config: Config) -> Self {
        let told = Rc::new(RefCell::new(Vec::new()));
        let mut world = World::new(config, |_: usize, _: usize| 1, Seed::from_u64(3));
        let shared = Rc::clone(&told);
        world.add(move |boot: Boot| Sleeper { due: boot.now + PERIOD, told: Rc::clone(&shared) });
        world.start(0, Time::ZERO);
        let mut bed = Bed { world, told };
        bed.pass(SECOND);
        bed
    }

    /// What the sleeper was told meanwhile.
    fn pass(&mut self, time: Duration) -> Vec<(Time, Time)> {
        self.told.borrow_mut().clear();
        self.world.run_until(self.world.now() + time, |_, _, ()| ());
        self.told.borrow().clone()
    }

    fn shown(&mut self) -> Time {
        self.world.command(0, ()).unwrap().unwrap()
    }

    fn count(&self, kind: Kind) -> u64 {
        self.world.tally().of(kind)
    }
}

/// By how much each tick was late.
fn lateness(told: &[(Time, Time)]) -> Vec<Duration> {
    told.iter().map(|(due, now)| now.since(*due)).collect()
}

#[test]
fn clocks_begin_elsewhere_at_each_start() {
    let clocks = Duration::from_secs(1_000_000);
    let mut bed = Bed::new(Config { clocks, ..Config::default() });
    let first = bed.shown();
    assert!(first > Time::from_secs(1_000) && first < Time::ZERO + clocks);
    assert_eq!(bed.pass(SECOND).len(), 10);
    assert_eq!(bed.shown(), first + SECOND);
    bed.world.restart(0, Restart::Keeping);
    assert_ne!(bed.shown(), first + SECOND);
    assert_eq!((bed.pass(SECOND).len(), bed.count(Kind::Offset)), (10, 2));
}

#[test]
fn a_step_makes_due_what_lay_between() {
    let mut bed = Bed::new(Config::default());
    bed.pass(Duration::from_millis(50));
    bed.world.step_clock(0, Duration::from_secs(60));
    let (_, now) = bed.pass(Duration::from_micros(1))[0];
    assert_eq!(now, Time::from_millis(61_050), "at once");
    assert_eq!(bed.pass(SECOND).len(), 10);
    assert_eq!((bed.shown(), bed.count(Kind::Step)), (Time::from_micros(62_050_001), 1));
}

#[test]
fn a_fast_clock_wakes_more_often_and_a_slow_one_less() {
    for (drift, ticks) in [(200_000, 1_200), (-200_000, 800)] {
        let mut bed = Bed::new(Config::default());
        bed.world.set_drift(0, drift);
        assert_eq!(bed.pass(Duration::from_secs(100)).len(), ticks);
        let (shown, told) = (bed.shown(), bed.told.borrow().clone());
        assert_eq!(shown, Time::from_secs(1 + ticks as u64 / 10));
        assert!(lateness(&told).iter().all(|late| *late <= Duration::from_micros(1)));
        bed.world.calm(0);
        assert_eq!((bed.pass(SECOND).len(), bed.shown(), bed.count(Kind::Drift)), (10, shown + SECOND, 1));
    }
}

#[test]
fn a_coarse_clock_shows_the_same_many_times_and_never_wakes_in_vain() {
    let mut bed = Bed::new(Config::default());
    bed.world.set_grain(0, Duration::from_millis(16));
    let told = bed.pass(Duration::from_secs(10));
    assert!(told.iter().all(|(due, now)| now >= due && now.as_micros().is_multiple_of(16_000)), "{told:?}");
    assert_eq!(told.len(), 10_000 / 112);
    let before = bed.count(Kind::EqualClock);
    let shown: Vec<Time> = (0..16)
        .map(|_| {
            bed.pass(Duration::from_millis(1));
            bed.shown()
        })
        .collect();
    assert!(shown.is_sorted() && bed.count(Kind::EqualClock) >= before + 14, "{shown:?}");
}

#[test]
fn a_clock_that_becomes_coarse_does_not_go_back() {
    let mut bed = Bed::new(Config::default());
    bed.pass(Duration::from_millis(7));
    let before = bed.shown();
    bed.world.set_grain(0, Duration::from_millis(50));
    assert!(bed.shown() >= before);
}

#[test]
fn a_sleeper_oversleeps_by_at_most_so_much() {
    let mut bed = Bed::new(Config::default());
    bed.pass(Duration::from_micros(50_000));
    bed.world.set_oversleep(0, Duration::from_millis(300));
    bed.pass(PERIOD);
    let late = lateness(&bed.pass(Duration::from_secs(100)));
    assert!((360..440).contains(&late.len()), "every 250 ms in the mean: {}", late.len());
    assert!(late.iter().all(|late| *late <= Duration::from_millis(300)));
    assert!(late.iter().filter(|late| **late > Duration::from_millis(200)).count() > 100);
    assert!(bed.count(Kind::Oversleep) + 5 >= late.len() as u64);
    bed.world.calm(0);
    bed.pass(SECOND);
    assert!(lateness(&bed.pass(SECOND)).iter().all(Duration::is_zero));
}

#[test]
fn a_sleeper_is_woken_early_once_and_again_when_it_is_due() {
    let mut bed = Bed::new(Config::default());
    bed.world.set_early_wake(0, Duration::from_millis(40));
    bed.pass(SECOND);
    let told = bed.pass(Duration::from_secs(10));
    let early: Vec<_> = told.iter().filter(|(due, now)| now < due).collect();
    assert!(early.iter().all(|(due, now)| due.since(*now) <= Duration::from_millis(40)));
    assert!(told.iter().all(|(due, now)| now <= due), "never late");
    assert!((95..=101).contains(&early.len()) && (195..=202).contains(&told.len()), "{}", told.len());
    assert!(bed.count(Kind::EarlyWake) >= 95);
}

#[test]
fn a_starved_process_gets_everything_in_bursts() {
    let mut pair = Pair::new(Config::default());
    let slices = Slices { run: Duration::from_millis(10), pause: Duration::from_millis(90) };
    pair.world.starve(1, Some(slices));
    let from = pair.world.now();
    let mut at = Vec::new();
    for _ in 0..100 {
        pair.tell(0, Do::Datagram(address(1), b"x".to_vec()));
        let (now, heard) = (pair.world.now().since(from), pair.pass(7_000));
        at.extend(heard.iter().map(|(after, _, _)| now + Duration::from_micros(*after)));
    }
    let in_slice = |at: &Duration| at.as_millis() % 100 >= 90;
    assert!(at.len() > 85 && at.iter().all(in_slice), "{at:?}");
    let starved = pair.world.tally().of(Kind::Starve);
    assert!((75..=95).contains(&starved), "{starved}");
    pair.pass(150_000);
    pair.world.freeze(1);
    pair.pass(150_000);
    pair.tell(0, Do::Datagram(address(1), b"x".to_vec()));
    assert_eq!(pair.pass(500_000), [], "a stopped process has no slices");
    assert_eq!(pair.world.tally().of(Kind::Freeze), 1);
    pair.world.thaw(1);
    assert_eq!(pair.pass(100_000).len(), 1, "at its next slice");
    pair.world.starve(1, None);
    pair.tell(0, Do::Datagram(address(1), b"x".to_vec()));
    let heard = pair.pass(100_000);
    assert!(matches!(heard[..], [(THERE, 1, Heard::Datagram(..))]), "{heard:?}");
}

#[test]
fn a_disk_can_be_set_back_by_some_starts() {
    let mut pair = Pair::new(Config::default());
    for word in [b"one", b"two"] {
        pair.tell(0, Do::Store(Some(word.to_vec())));
        pair.pass(2_000);
        pair.world.restart(0, Restart::Keeping);
    }
    pair.tell(0, Do::Store(Some(b"six".to_vec())));
    pair.pass(2_000);
    let mut back = |starts| {
        pair.world.restart(0, Restart::Older(starts));
        pair.world.stored(0, "word").map(|word| word.to_vec())
    };
    assert_eq!(back(1), Some(b"two".to_vec()), "as the last start found it");
    assert_eq!(back(2), Some(b"one".to_vec()));
    assert_eq!(back(9), None, "before the first start there was nothing");
    let tally = pair.world.tally();
    assert_eq!((tally.of(Kind::Kept), tally.of(Kind::Restored)), (2, 3));
    pair.world.restart(0, Restart::Forgetting);
    assert_eq!(pair.world.tally().of(Kind::Forgotten), 0, "nothing was there to forget");
}
