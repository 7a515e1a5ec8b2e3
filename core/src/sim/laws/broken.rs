//! A small machine that keeps every law, and others that each break one: a law that catches nothing holds nothing.

use core::cell::Cell;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

use super::*;
use crate::kernel::{
    Class, CloseHow, ConnId, LineScanner, Loaded, Outbox, StoreError, StoreOp, Terminator, Ticket, Time,
    Timers, Until, Wake, Why,
};

const STARTS: Bytes = Bytes::from_static(b"starts");
const OWN: Why = Why { fault: Fault::Nobody, what: "asked to" };
const LONG: Why = Why { fault: Fault::Peer, what: "a line is too long" };
const SILENT: Why = Why { fault: Fault::Peer, what: "silent" };
const BEAT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(25);
const OVERSLEEP: Duration = Duration::from_secs(1);

std::thread_local! {
    /// What is wrong with the specimens of this thread. (A type for each flaw would have every law compiled for each.)
    static FLAW: Cell<u8> = const { Cell::new(0) };
}

/// Loads and stores a counter of starts, then keeps one connection dialled and answers lines on all: `quit` closes,
/// `stop` turns reading off for a while, `big` asks for much, anything else is echoed. `flaw` is the number of the law
/// that it breaks; 0 for none.
struct Small {
    flaw: u8,
    now: Time,
    outputs: VecDeque<Output<String>>,
    conns: BTreeMap<ConnId, Conn>,
    work: Timers<Work>,
    absence: Timers<ConnId>,
    tickets: u64,
    started: bool,
    dialed: Option<ConnId>,
    one_more_wake: bool,
    /// When something is due by the clock on the wall.
    by_the_wall: Option<Due>,
}

/// A deadline on a wall, and what stood there when it was last looked at.
struct Due {
    unix: Duration,
    seen: (Time, Duration),
}

struct Conn {
    scanner: LineScanner,
    outbox: Outbox,
    reading: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Beat(ConnId),
    Resume(ConnId),
    Dial,
}

/// Added to a flaw: it scans for what it would load.
const SCANS: u8 = 100;
/// It knows how late the deadlines for absence are, and not how late its work is.
const APART: u8 = SCANS + 9;
/// It looks how late it is at a tick alone, when what has arrived has moved deadlines; it says no beats, which are not moved.
const HIDDEN: u8 = 2 * SCANS + 9;
/// It sleeps until a time on the wall.
const SLEEPS_BY_THE_WALL: u8 = 204;
/// It stores under a key that is too long.
const LONG_KEY: u8 = 127;

static ENTROPY: AtomicU64 = AtomicU64::new(0);

impl Small {
    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn advance(&mut self, now: Time) {
        let work = self.work.next().map(|(at, _)| at).filter(|_| self.flaw != APART);
        let next = work.into_iter().chain(self.absence.next().map(|(at, _)| at)).min();
        if self.flaw != 9 && self.flaw != HIDDEN {
            self.forgive(now.since(next.map_or(now, |at| at.max(self.now))));
        }
        self.now = now;
    }

    fn forgive(&mut self, late: Duration) {
        if late > OVERSLEEP {
            self.absence.put_off(late + OVERSLEEP, |_| true);
        }
    }

    fn dial(&mut self) {
        let ticket = self.ticket();
        let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        self.outputs.push_back(Output::Dial { ticket, to, deadline: self.now + BEAT });
    }

    fn tick(&mut self) {
        if self.flaw == HIDDEN {
            let work = self.work.next().map(|(at, _)| at);
            let next = work.into_iter().chain(self.absence.next().map(|(at, _)| at)).min();
            self.forgive(next.map_or(Duration::ZERO, |at| self.now.since(at)));
        }
        for conn in self.absence.fire(self.now) {
            self.close(conn, SILENT);
        }
        for work in self.work.fire(self.now) {
            match work {
                Work::Beat(conn) => {
                    self.beat(conn);
                    self.send(conn, Bytes::from_static(b"beat\n"));
                }
                Work::Resume(conn) => self.read(conn, true),
                Work::Dial => self.dial(),
            }
        }
        self.one_more_wake = self.flaw == 8;
    }

    fn beat(&mut self, conn: ConnId) {
        if self.flaw != HIDDEN {
            self.work.set(Work::Beat(conn), self.now + BEAT);
        }
    }

    fn opened(&mut self, conn: ConnId, how: How) {
        let scanner = LineScanner::new(Terminator::Lf, 60);
        self.conns.insert(conn, Conn { scanner, outbox: Outbox::default(), reading: true });
        if matches!(how, How::Dialed(_)) {
            self.dialed = Some(conn);
        }
        self.absence.set(conn, self.now + SILENCE);
        if self.started {
            self.beat(conn);
        } else {
            self.read(conn, false);
        }
    }

    fn read(&mut self, conn: ConnId, on: bool) {
        if let Some(open) = self.conns.get_mut(&conn) {
            open.reading = on;
            self.outputs.push_back(Output::Reading { conn, on });
        }
    }

    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        if self.flaw == 2 {
            self.outputs.push_back(Output::Event(format!("{} octets", bytes.len())));
        }
        while let Some(open) = self.conns.get_mut(&conn).filter(|open| open.reading) {
            match open.scanner.next_line(bytes) {
                Ok(Some(line)) => self.heard(conn, &line),
                Ok(None) => break,
                Err(_) => self.close(conn, LONG),
            }
            if self.flaw == 6 {
                break;
            }
        }
    }

    fn heard(&mut self, conn: ConnId, line: &[u8]) {
        self.absence.set(conn, self.now + SILENCE);
        match line {
            b"quit" => {
                self.close(conn, OWN);
                if self.flaw == 5 {
                    let frame = Bytes::from_static(b"bye\n");
                    self.outputs.push_back(Output::Send { conn, frame, class: Class::Urgent, solo: false });
                }
            }
            b"stop" => {
                self.read(conn, false);
                self.work.set(Work::Resume(conn), self.now + BEAT / 2);
            }
            b"big" => self.send(conn, Bytes::from(vec![b'x'; 40 << 10])),
            _ => self.echo(conn, line),
        }
    }

    fn echo(&mut self, conn: ConnId, line: &[u8]) {
        if self.flaw == 3 {
            let drawn = ENTROPY.fetch_add(1, Ordering::Relaxed);
            self.outputs.push_back(Output::Event(format!("draws {drawn}")));
        }
        if self.flaw == 1 && self.outputs.is_empty() {
            self.outputs.push_back(Output::Event("the queue was empty".into()));
        }
        self.send(conn, Bytes::copy_from_slice(line));
    }

    fn send(&mut self, conn: ConnId, frame: Bytes) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        if self.flaw == 7 {
            self.outputs.push_back(Output::Send { conn, frame, class: Class::Bulk, solo: false });
            return;
        }
        let _ = open.outbox.push(Class::Bulk, frame, (), |_| ());
        self.pump(conn);
    }

    fn pump(&mut self, conn: ConnId) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        while let Some((class, frame)) = open.outbox.pop() {
            self.outputs.push_back(Output::Send { conn, frame, class, solo: false });
        }
    }

    fn close(&mut self, conn: ConnId, why: Why) {
        if self.conns.contains_key(&conn) {
            self.gone(conn);
            self.outputs.push_back(Output::Close { conn, how: CloseHow::Flush, why });
        }
    }

    fn gone(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
        self.absence.cancel(conn);
        self.work.cancel(Work::Beat(conn));
        self.work.cancel(Work::Resume(conn));
        if self.dialed == Some(conn) {
            self.dialed = None;
            self.work.set(Work::Dial, self.now + BEAT);
        }
    }

    fn loaded(&mut self) {
        let count = if self.flaw == 27 { Ticket::UNANSWERED + 1 } else { 1 };
        (0..count).for_each(|_| self.store());
    }

    fn store(&mut self) {
        let ticket = self.ticket();
        let value = Some(Bytes::from_static(b"1"));
        let key = if self.flaw == LONG_KEY { Bytes::from(vec![b'k'; StoreOp::KEY + 1]) } else { STARTS };
        let ops = vec![StoreOp { key, value }];
        self.outputs.push_back(Output::Store { ticket, ops, until: Until::Synced });
    }

    fn look_at_the_wall(&mut self, unix: Duration) {
        if self.flaw == SLEEPS_BY_THE_WALL {
            let due = self.by_the_wall.as_ref().map_or(unix + BEAT, |due| due.unix);
            self.by_the_wall = Some(Due { unix: due, seen: (self.now, unix) });
        }
    }

    fn stored(&mut self, result: Result<(), StoreError>) {
        if result.is_err() {
            return self.outputs.push_back(Output::Event("cannot keep state".into()));
        }
        self.started = true;
        self.dial();
        for conn in self.conns.keys().copied().collect::<Vec<_>>() {
            self.read(conn, true);
            self.beat(conn);
        }
    }
}

impl Machine for Small {
    type Command = ();
    type Reply = ();
    type Refusal = ();
    type Event = String;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.advance(now);
        match input {
            Input::Tick => self.tick(),
            Input::Opened { conn, how, .. } => self.opened(conn, how),
            Input::Received { conn, bytes } => self.received(conn, bytes),
            Input::Flushed { conn, n } => {
                if let Some(open) = self.conns.get_mut(&conn).filter(|_| self.flaw != 7) {
                    open.outbox.flushed(n);
                    self.pump(conn);
                }
            }
            Input::Closed { conn, .. } => {
                if self.conns.contains_key(&conn) {
                    self.gone(conn);
                }
            }
            Input::DialFailed { .. } => self.work.set(Work::Dial, now + BEAT),
            Input::Loaded { .. } => self.loaded(),
            Input::Stored { result, .. } => self.stored(result),
            Input::Scanned { .. } => self.loaded(),
            Input::WallTime { unix } => self.look_at_the_wall(unix),
            Input::Datagram { .. } => {}
        }
    }

    fn command(&mut self, now: Time, (): ()) -> Result<(), ()> {
        self.advance(now);
        self.outputs.push_back(Output::Event(format!("{} are open", self.conns.len())));
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<String>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        if !self.outputs.is_empty() && self.flaw != 4 {
            return Some(Wake { at: self.now, why: "output" });
        }
        let soon = self.now + Duration::from_micros(1);
        if self.one_more_wake {
            return Some(Wake { at: soon, why: "nothing" });
        }
        if let Some(Due { unix, seen: (at, then) }) = self.by_the_wall {
            return Some(Wake { at: at + unix.saturating_sub(then), why: "wall" });
        }
        let absent = self.absence.next().map(|(at, _)| at);
        let at = self.work.next().map(|(at, _)| at).into_iter().chain(absent).min()?;
        Some(Wake { at: at.max(soon), why: "timer" })
    }
}

impl Lawful for Small {
    fn specimen(_seed: u64) -> Self {
        let mut small = Small {
            flaw: FLAW.get(),
            now: Time::ZERO,
            outputs: VecDeque::new(),
            conns: BTreeMap::new(),
            work: Timers::new(),
            absence: Timers::new(),
            tickets: 0,
            started: false,
            dialed: None,
            one_more_wake: false,
            by_the_wall: None,
        };
        let ticket = small.ticket();
        small.outputs.push_back(if small.flaw < SCANS {
            Output::Load { ticket, key: STARTS }
        } else {
            Output::Scan { ticket, prefix: STARTS, after: None }
        });
        if small.flaw % SCANS == 10 {
            small.dial();
        }
        small
    }

    fn stream(_: How, rng: &mut Rng) -> Vec<u8> {
        let words: [&[u8]; 6] = [b"hello\n", b"quit\n", b"stop\r\n", b"big\n", b"\n", &[b'x'; 50]];
        (0..rng.below(12)).flat_map(|_| words[rng.index(words.len())].iter().copied()).collect()
    }

    fn command(_rng: &mut Rng) -> Option<()> {
        Some(())
    }
}

#[test]
fn a_sound_machine_keeps_every_law() {
    laws::<Small>(1_000);
    FLAW.set(SCANS);
    laws::<Small>(200);
}

/// Holds a machine with one flaw to the law that it breaks, over many scripts.
fn hold(flaw: u8) {
    FLAW.set(flaw);
    let (_, law) = all::<Small>().into_iter().find(|(of, _)| *of == flaw % SCANS).unwrap();
    for number in 0..500 {
        law(&Case::compose(number));
    }
}

macro_rules! caught {
    ($($name:ident: $law:literal $text:literal,)*) => {$(
        #[test]
        #[should_panic(expected = $text)]
        fn $name() {
            hold($law);
        }
    )*};
}

caught! {
    an_event_that_depends_on_the_queue_is_caught: 1 "law 1 (",
    an_event_for_each_read_is_caught: 2 "law 2 (",
    global_entropy_is_caught: 3 "law 3 (",
    a_timer_before_queued_output_is_caught: 4 "law 4 (",
    a_frame_after_close_is_caught: 5 "law 5 (",
    one_line_for_each_read_is_caught: 6 "law 6 (",
    sending_past_the_window_is_caught: 7 "law 7 (",
    a_wake_every_microsecond_is_caught: 8 "law 8 (",
    conviction_after_sleep_is_caught: 9 "law 9 (",
    sleep_that_a_part_does_not_know_is_caught: 109 "law 9 (",
    sleep_that_arrivals_hide_is_caught: 209 "law 9 (",
    a_dial_before_the_state_is_there_is_caught: 10 "law 10 (",
    a_dial_before_the_state_was_scanned_is_caught: 110 "law 10 (",
    more_stores_than_may_wait_are_caught: 27 "law 27 (",
    a_key_that_is_too_long_is_caught: 127 "a key of 1025 octets",
    a_timer_by_the_wall_clock_is_caught: 204 "law 4 (",
}

/// Asks for a key before it stores it, and behind that.
#[derive(Default)]
struct Asker {
    now: Time,
    outputs: VecDeque<Output<()>>,
    answered: u64,
}

impl Asker {
    fn answered(&mut self, ticket: Ticket) {
        assert_eq!(ticket, Ticket(self.answered), "in the order of asking");
        self.answered += 1;
    }
}

impl Machine for Asker {
    type Command = ();
    type Reply = ();
    type Refusal = ();
    type Event = ();

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Loaded { ticket, value } => {
                self.answered(ticket);
                assert!(ticket.0 > 0 || value != Loaded::Value(b"1"), "it is stored later");
            }
            Input::Stored { ticket, .. } | Input::Scanned { ticket, .. } => self.answered(ticket),
            _ => {}
        }
    }

    fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<()>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.outputs.is_empty()).then_some(Wake { at: self.now, why: "output" })
    }
}

impl Lawful for Asker {
    fn specimen(_seed: u64) -> Self {
        let ops = vec![StoreOp { key: STARTS, value: Some(Bytes::from_static(b"1")) }];
        let mut asker = Asker::default();
        asker.outputs.extend([
            Output::Load { ticket: Ticket(0), key: STARTS },
            Output::Store { ticket: Ticket(1), ops, until: Until::Synced },
            Output::Scan { ticket: Ticket(2), prefix: STARTS, after: None },
            Output::Load { ticket: Ticket(3), key: STARTS },
        ]);
        asker
    }

    fn stream(_: How, _: &mut Rng) -> Vec<u8> {
        b"nonsense".to_vec()
    }
}

#[test]
fn what_is_asked_of_the_store_is_answered_in_order() {
    laws::<Asker>(200);
}
