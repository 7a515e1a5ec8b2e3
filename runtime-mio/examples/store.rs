//! What a store costs: how many puts a second are answered, and whether a machine's timers stay on time meanwhile.
//!
//! `cargo run --release -p egoist-mio --no-default-features --example store [FOLDER]`: the folder is on the disk that is
//! measured, and is made below; without one it is where temporary files are.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use egoist_core::kernel::{Input, Machine, Output, StoreOp, Ticket, Time, Until, Wake};
use egoist_mio::{Driver, Key, Setup, State};

/// How long each row is measured.
const ROW: Duration = Duration::from_secs(3);
/// How often beats are measured with and without a load, in turn.
const TURNS: usize = 3;
/// Between two beats.
const BEAT: Duration = Duration::from_millis(10);
/// Octets of a value.
const VALUE: usize = 100;
/// Keys that are stored in turn.
const KEYS: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let below = env::args_os().nth(1).map_or_else(env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(below)?;
    let at = |name: &str| folder.path().join(name);
    println!("puts of {VALUE} octets, answered in {ROW:?}:\n");
    println!("store  until    at once    puts/s   median      99 %       max");
    for (name, state) in [("log", State::Log as fn(_) -> _), ("file", State::File)] {
        for until in [Until::Written, Until::Synced] {
            for at_once in [1, 16] {
                let took = puts(state(at(&format!("{name}-{until:?}-{at_once}"))), until, at_once)?;
                print!("{name:<6} {:<8} {at_once:>7}", format!("{until:?}"));
                print!("{:>10.0}", took.len() as f64 / ROW.as_secs_f64());
                print_times(took);
            }
        }
    }
    println!("\nlateness of a beat each {BEAT:?}, in turn with and without 16 puts at once into a log:\n");
    println!("load         beats   median      99 %       max");
    beats(&at("beside"))
}

/// How long each put took that was answered in a row's time.
fn puts(state: State, until: Until, at_once: usize) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut driver = Driver::new()?;
    let putter = add_putter(&mut driver, state)?;
    let Ok(()) = driver.command(putter, Load { until, at_once });
    run(&mut driver)?;
    Ok(driver.machine(putter).took.clone())
}

fn add_putter(driver: &mut Driver, state: State) -> Result<Key<Putter>, Box<dyn Error>> {
    let bound = driver.bind(&Setup { state, ..Setup::default() })?;
    Ok(driver.add(bound, Putter::default(), |_, _| ()))
}

fn run(driver: &mut Driver) -> Result<(), Box<dyn Error>> {
    let end = Instant::now() + ROW;
    while Instant::now() < end {
        driver.turn(Some(Duration::from_millis(50)))?;
    }
    Ok(())
}

/// Both kinds of load, each in turn with none, on one loop.
fn beats(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new()?;
    let bound = driver.bind(&Setup::default())?;
    let beats = Beats { due: driver.now() + BEAT, late: Vec::new() };
    let beats = driver.add(bound, beats, |_, _| ());
    let putter = add_putter(&mut driver, State::Log(folder.to_owned()))?;
    let loads = [("none", Until::Written, 0), ("written", Until::Written, 16), ("synced", Until::Synced, 16)];
    let mut late = loads.map(|_| Vec::new());
    for _ in 0..TURNS {
        for (late, (_, until, at_once)) in late.iter_mut().zip(loads) {
            let Ok(()) = driver.command(putter, Load { until, at_once });
            let before = driver.machine(beats).late.len();
            run(&mut driver)?;
            late.extend_from_slice(&driver.machine(beats).late[before..]);
        }
    }
    for (late, (name, ..)) in late.into_iter().zip(loads) {
        print!("{name:<10} {:>7}", late.len());
        print_times(late);
    }
    Ok(())
}

fn print_times(mut times: Vec<Duration>) {
    times.sort_unstable();
    let part = |hundredths: usize| times.get(times.len() * hundredths / 100).or(times.last());
    let micros = |time: Option<&Duration>| time.map_or(0, Duration::as_micros);
    let (median, most, max) = (micros(part(50)), micros(part(99)), micros(times.last()));
    println!(" {median:>6} us {most:>6} us {max:>6} us");
}

/// How much is to be stored from now on.
struct Load {
    until: Until,
    /// Puts that wait for their answer at a time.
    at_once: usize,
}

/// Puts again and again.
#[derive(Default)]
struct Putter {
    now: Time,
    load: Option<Load>,
    next: u64,
    waiting: BTreeMap<Ticket, Time>,
    out: VecDeque<Output<Infallible>>,
    took: Vec<Duration>,
}

impl Putter {
    fn put(&mut self) {
        let Some(Load { until, at_once }) = self.load else { return };
        while self.waiting.len() < at_once {
            let ticket = Ticket(self.next);
            self.next += 1;
            let key = Bytes::from(format!("key {}", ticket.0 % KEYS));
            let value = Some(Bytes::from(vec![b'v'; VALUE]));
            self.waiting.insert(ticket, self.now);
            self.out.push_back(Output::Store { ticket, ops: vec![StoreOp { key, value }], until });
        }
    }
}

impl Machine for Putter {
    type Command = Load;
    type Reply = ();
    type Refusal = Infallible;
    type Event = Infallible;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        if let Input::Stored { ticket, result } = input {
            result.expect("the disk has room, and works");
            let asked = self.waiting.remove(&ticket).expect("it was asked for");
            self.took.push(now.since(asked));
            self.put();
        }
    }

    fn command(&mut self, now: Time, load: Load) -> Result<(), Infallible> {
        (self.now, self.load) = (now, Some(load));
        self.put();
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<Infallible>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.out.is_empty()).then_some(Wake { at: self.now, why: "puts" })
    }
}

/// Wants to be woken at each beat, and notes how late it is.
struct Beats {
    due: Time,
    late: Vec<Duration>,
}

impl Machine for Beats {
    type Command = Infallible;
    type Reply = Infallible;
    type Refusal = Infallible;
    type Event = Infallible;

    fn handle(&mut self, now: Time, _: Input<'_>) {
        if now >= self.due {
            self.late.push(now.since(self.due));
            self.due = now + BEAT;
        }
    }

    fn command(&mut self, _: Time, command: Infallible) -> Result<Infallible, Infallible> {
        match command {}
    }

    fn poll(&mut self) -> Option<Output<Infallible>> {
        None
    }

    fn poll_timeout(&self) -> Option<Wake> {
        Some(Wake { at: self.due, why: "beat" })
    }
}
