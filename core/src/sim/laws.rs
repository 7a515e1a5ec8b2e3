//! The contract of [`Machine`] as laws that any machine can be held to.
//!
//! A machine says what its peers and users may do ([`Lawful`]); [`laws`] makes up scripts of inputs from that, plausible
//! and implausible ones, and holds the machine to every law over each of them. `core/LAWS.md` lists the laws.
//!
//! A script is composed by driving a machine: connections open, dials are answered, bytes arrive in pieces, are flushed,
//! connections end, stores are answered, commands are given, clocks on walls are set, and time passes, on time, early and late. Its inputs
//! depend on the outputs that the driver had seen, so every later run of the same script is one that a driver could
//! make. All of it follows from the case's number: `law 5 …: case 17` is run again by [`case::<M>(17)`](case).

mod bench;
#[cfg(test)]
mod broken;
mod checked;
mod script;
mod trace;

use core::fmt::Debug;
use core::time::Duration;

use std::collections::BTreeMap;

use self::bench::Bench;
use self::script::{Script, compose};
use crate::kernel::{ConnId, Fault, How, Input, Machine, Output, Port, Rng, Seed, Streams, Time};

/// A machine that can be held to the laws.
pub trait Lawful: Machine<Event: Debug + PartialEq, Command: Clone> + Sized {
    /// How often the machine may wake itself in a second of silence, for law 8.
    const WAKES_PER_SECOND: u32 = 200;

    /// Octets of a connection that may be unflushed at the driver, for law 7; a specimen with a smaller bound says so.
    const IN_FLIGHT: usize = 64 << 10;

    /// On how many ports the machine listens: each gets connections, and datagrams.
    const PORTS: u16 = 1;

    /// A machine at [`Time::ZERO`](crate::kernel::Time::ZERO), the same for the same seed. Small bounds and short periods are met sooner.
    fn specimen(seed: u64) -> Self;

    /// The bytes of one connection that came to be in this way, as a good peer or a bad one sends them: who connects to a
    /// listener may speak another language there than at the next, and who is dialled one of its own.
    fn stream(how: How, rng: &mut Rng) -> Vec<u8>;

    /// A datagram for a port, good or bad; `None` if the machine has no use for any there.
    fn datagram(_port: Port, _rng: &mut Rng) -> Option<Vec<u8>> {
        None
    }

    /// Something that a user asks for; `None` if there is nothing to ask.
    fn command(_rng: &mut Rng) -> Option<Self::Command> {
        None
    }
}

/// Holds `M` to every law, over `cases` scripts.
///
/// # Panics
/// A law is broken; the message names it, the case and the step.
pub fn laws<M: Lawful>(cases: u32) {
    for number in 0..u64::from(cases) {
        case::<M>(number);
    }
}

/// Holds `M` to every law over the script of one number.
///
/// # Panics
/// A law is broken.
pub fn case<M: Lawful>(number: u64) {
    let case = Case::<M>::compose(number);
    for (_, law) in all() {
        law(&case);
    }
}

/// A script, and what the machine did when it was composed.
struct Case<M: Lawful> {
    number: u64,
    script: Script<M>,
}

type Law<M> = fn(&Case<M>);

/// The laws and their numbers.
const fn all<M: Lawful>() -> [(u8, Law<M>); 11] {
    [
        (1, draining_seldom_changes_nothing),
        (2, splitting_bytes_changes_nothing),
        (3, same_inputs_same_outputs),
        (4, poll_timeout_is_now_or_later),
        (5, outputs_name_what_is_open),
        (6, no_whole_frame_is_left),
        (7, little_is_in_flight),
        (8, silence_lets_sleep),
        (9, who_slept_convicts_nobody),
        (10, nothing_before_loaded),
        (27, little_is_unanswered),
    ]
}

impl<M: Lawful> Case<M> {
    fn compose(number: u64) -> Self {
        Case { number, script: compose(number) }
    }

    fn rng(&self, purpose: &str) -> Rng {
        Streams::new(Seed::from_u64(self.number)).named(purpose)
    }

    fn bench(&self) -> Bench<M> {
        Bench::new(M::specimen(self.number))
    }

    /// Runs the script on a fresh machine and holds what it says, as it says it, against what it said before.
    fn rerun(&self, law: &str, mut split: Option<Rng>, drain: impl Fn(bool) -> bool) -> Bench<M> {
        let mut bench = self.bench();
        self.agree(law, &mut bench, 0);
        for (n, step) in self.script.steps.iter().enumerate() {
            bench.apply(step, split.as_mut());
            if drain(step.drain) {
                bench.drain();
                self.agree(law, &mut bench, n);
            }
        }
        if bench.outputs != self.script.outputs || bench.answers != self.script.answers {
            self.broken(
                law,
                self.script.steps.len(),
                &"something is missing at the end, or a command was answered otherwise",
            );
        }
        bench
    }

    fn agree(&self, law: &str, bench: &mut Bench<M>, step: usize) {
        let (is, was) = (&bench.outputs, &self.script.outputs);
        let from = core::mem::replace(&mut bench.agreed, is.len());
        for (n, output) in is.iter().enumerate().skip(from) {
            if was.get(n) != Some(output) {
                self.broken(law, step, &format_args!("output {n} is {output:?}, was {:?}", was.get(n)));
            }
        }
    }

    /// # Panics
    /// Always.
    fn broken(&self, law: &str, step: usize, what: &dyn core::fmt::Display) -> ! {
        let at = self.script.steps.get(step).map(|step| (step.at, step.act.name()));
        panic!("law {law}: case {}, step {step} {at:?}: {what}", self.number)
    }
}

/// Law 1: draining after each input, or after several inputs of the same time, gives the same outputs.
fn draining_seldom_changes_nothing<M: Lawful>(case: &Case<M>) {
    case.rerun("1 (draining seldom changes nothing)", None, |_| true);
}

/// Law 2: bytes split anywhere give the same outputs.
fn splitting_bytes_changes_nothing<M: Lawful>(case: &Case<M>) {
    case.rerun("2 (splitting bytes changes nothing)", Some(case.rng("law 2")), |drain| drain);
}

/// Law 3: the same seed and the same inputs give the same outputs.
fn same_inputs_same_outputs<M: Lawful>(case: &Case<M>) {
    case.rerun("3 (same inputs, same outputs)", None, |drain| drain);
}

/// Law 4: `poll_timeout` is the last time given while `poll` would return something, and strictly later once drained.
fn poll_timeout_is_now_or_later<M: Lawful>(case: &Case<M>) {
    let mut bench = case.bench();
    for (n, step) in case.script.steps.iter().enumerate() {
        bench.apply(step, None);
        if step.drain {
            bench.drain();
        }
        if let Some(odd) = bench.odd_timeout {
            case.broken("4 (poll_timeout is now or later)", n, &odd);
        }
    }
}

/// Law 5: an output names only what is open: nothing is sent or done to a connection after `Close` or `Closed`, it is
/// closed at most once, and no ticket is used twice. A machine that has ended says nothing more.
fn outputs_name_what_is_open<M: Lawful>(case: &Case<M>) {
    if let Err((step, what)) = trace::names_what_is_open(&trace::record(&case.script, case.bench())) {
        case.broken("5 (outputs name what is open)", step, &what);
    }
}

/// Law 6: no whole frame is left in a buffer while reading is on: presented again as it is, nothing more is taken from
/// it and nothing is said.
fn no_whole_frame_is_left<M: Lawful>(case: &Case<M>) {
    let mut bench = case.bench();
    for (n, step) in case.script.steps.iter().enumerate() {
        bench.apply(step, None);
        bench.drain();
        if let Some(left) = step.act.fed().and_then(|conn| bench.present_again(conn)) {
            case.broken("6 (no whole frame is left)", n, &left);
        }
    }
}

/// Law 7: at most [`Lawful::IN_FLIGHT`] octets of a connection, or one frame if that is larger, are unflushed at the driver.
fn little_is_in_flight<M: Lawful>(case: &Case<M>) {
    if let Err((step, what)) =
        trace::little_is_in_flight(&trace::record(&case.script, case.bench()), M::IN_FLIGHT)
    {
        case.broken("7 (little is in flight)", step, &what);
    }
}

/// Law 8: woken only when it asks to be, in silence, a machine does not spin.
fn silence_lets_sleep<M: Lawful>(case: &Case<M>) {
    let (mut bench, end) = (case.script.played(case.bench()), case.script.steps.len());
    let from = bench.now;
    for _ in 0..M::WAKES_PER_SECOND {
        let Some(wake) = bench.machine.poll_timeout() else { return };
        if wake.at <= bench.now {
            case.broken("8 (silence lets sleep)", end, &format_args!("asks for {wake:?} again"));
        }
        bench.give(wake.at, Input::Tick);
        bench.drain();
    }
    let slept = bench.now.since(from);
    if slept < Duration::from_secs(1) {
        let woken = M::WAKES_PER_SECOND;
        case.broken("8 (silence lets sleep)", end, &format_args!("woken {woken} times within {slept:?}"));
    }
}

/// Law 9: a machine that is woken late, by two seconds or by hours, closes nobody for absence (a fault of the peer or the
/// network) at that very wake, whatever arrived meanwhile: a driver reads before it tells the time.
fn who_slept_convicts_nobody<M: Lawful>(case: &Case<M>) {
    let mut rng = case.rng("law 9");
    let cut = rng.index(case.script.steps.len() + 1);
    let mut bench = case.asleep(cut);
    let Some(wake) = bench.machine.poll_timeout() else { return };
    let mut heard = case.script.said_next(cut, &mut rng);
    heard.retain(|_, _| rng.percent(50));
    let at = case.late(cut, wake.at, &heard, &mut rng);
    bench.hear(at, &heard);
    let said = bench.outputs.len();
    bench.give(at, Input::Tick);
    bench.drain();
    if let Some(closed) = bench.outputs[said..].iter().find(|output| convicts(output)) {
        case.broken(
            "9 (who slept convicts nobody)",
            cut,
            &format_args!("{closed:?} at {at:?} after {wake:?}"),
        );
    }
}

impl<M: Lawful> Case<M> {
    /// After so many steps, drained and flushed.
    fn asleep(&self, cut: usize) -> Bench<M> {
        let mut bench = self.script.played_until(self.bench(), cut);
        bench.flush_all();
        bench
    }

    /// When a machine that asks for `wake` is woken: hours late, minutes, or just when it would have closed somebody had it
    /// been awake and heard that, where only what it knows of its own sleep keeps it from that.
    fn late(&self, cut: usize, wake: Time, heard: &Heard, rng: &mut Rng) -> Time {
        match rng.below(4) {
            0 => wake + rng.between(HOUR, 12 * HOUR),
            1 => wake + rng.between(LATE, 60 * LATE),
            _ => {
                let closes = conviction(self.asleep(cut), heard).unwrap_or(wake);
                closes.max(wake + LATE) + rng.between(Duration::ZERO, Duration::from_secs(1))
            }
        }
    }
}

/// When a machine that hears that and is always woken in time closes somebody for absence, if it does so soon.
fn conviction<M: Lawful>(mut bench: Bench<M>, heard: &Heard) -> Option<Time> {
    bench.hear(bench.now, heard);
    for _ in 0..WAKES {
        let said = bench.outputs.len();
        bench.give(bench.machine.poll_timeout()?.at, Input::Tick);
        bench.drain();
        if bench.outputs[said..].iter().any(convicts) {
            return Some(bench.now);
        }
    }
    None
}

/// What peers have said meanwhile.
type Heard = BTreeMap<ConnId, Vec<u8>>;

const fn convicts<E>(output: &Output<E>) -> bool {
    matches!(output, Output::Close { why, .. } if matches!(why.fault, Fault::Peer | Fault::Network))
}

/// Woken so late, a machine must know that it was.
const LATE: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(3_600);
/// How often a machine is woken in search of its first conviction.
const WAKES: usize = 64;

/// Law 10: a machine that asks for its state at construction sends and dials nothing before that has come, and before
/// what it stores upon it is durable.
fn nothing_before_loaded<M: Lawful>(case: &Case<M>) {
    if let Err((step, what)) = trace::nothing_before_loaded(&trace::record(&case.script, case.bench())) {
        case.broken("10 (nothing before loaded)", step, &what);
    }
}

/// Law 27: at most [`Ticket::UNANSWERED`](crate::kernel::Ticket::UNANSWERED) stores, loads and scans wait for their answers,
/// with at most [`StoreOp::UNANSWERED`](crate::kernel::StoreOp::UNANSWERED) octets to be stored, and no key is longer than
/// [`StoreOp::KEY`](crate::kernel::StoreOp::KEY).
fn little_is_unanswered<M: Lawful>(case: &Case<M>) {
    if let Err((step, what)) = trace::little_is_unanswered(&trace::record(&case.script, case.bench())) {
        case.broken("27 (little is unanswered)", step, &what);
    }
}
