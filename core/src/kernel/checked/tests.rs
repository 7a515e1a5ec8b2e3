//! A wrong driver for each mistake, and the sentence that names it; and right ones that look like it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{Checked, Patience};
use crate::kernel::{
    Class, CloseHow, Closed, ConnId, DialError, Fault, How, Input, Loaded, Machine, Output, Port, StoreOp,
    Ticket, Time, Until, Wake, Why,
};

/// Wants what it is told to, and takes whole lines. Its wake stands until a tick.
#[derive(Default)]
struct Told {
    out: VecDeque<Output<()>>,
    wake: Option<Time>,
    now: Time,
}

impl Machine for Told {
    type Command = Output<()>;
    type Reply = ();
    type Refusal = Infallible;
    type Event = ();

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Received { bytes, .. } => {
                let lines = bytes.iter().rposition(|octet| *octet == b'\n').map_or(0, |last| last + 1);
                drop(bytes.split_to(lines));
            }
            Input::Tick => self.wake = self.wake.filter(|at| *at > now),
            _ => {}
        }
    }

    fn command(&mut self, now: Time, output: Output<()>) -> Result<(), Infallible> {
        self.now = now;
        self.out.push_back(output);
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<()>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        if !self.out.is_empty() {
            return Some(Wake { at: self.now, why: "output" });
        }
        let later = self.now + Duration::from_micros(1);
        self.wake.map(|at| Wake { at: at.max(later), why: "told" })
    }
}

const A: ConnId = ConnId(1);
const B: ConnId = ConnId(2);
const T: Ticket = Ticket(7);
const DONE: Why = Why { fault: Fault::Nobody, what: "done" };

/// What the tests' drivers have in common.
struct Desk(Checked<Told>);

fn desk() -> Desk {
    Desk(Checked::new(Told::default()))
}

fn waking(at: Time) -> Desk {
    let mut desk = Desk(Checked::new(Told { wake: Some(at), ..Told::default() }));
    desk.drain();
    desk
}

fn secs(secs: u64) -> Time {
    Time::from_secs(secs)
}

fn remote() -> SocketAddr {
    ([127, 0, 0, 1], 7_000).into()
}

impl Desk {
    fn give(&mut self, now: Time, input: Input<'_>) {
        self.0.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while self.0.poll().is_some() {}
    }

    fn want(&mut self, now: Time, output: Output<()>) {
        self.0.command(now, output).unwrap();
        self.drain();
    }

    fn open(&mut self, now: Time, conn: ConnId) {
        self.give(now, Input::Opened { conn, how: How::Accepted(Port(0)), remote: remote() });
    }

    fn close(&mut self, now: Time, conn: ConnId) {
        self.give(now, Input::Closed { conn, why: Closed::ByPeer });
    }

    fn send(&mut self, now: Time, conn: ConnId, frame: &'static [u8]) {
        let frame = Bytes::from_static(frame);
        self.want(now, Output::Send { conn, frame, class: Class::Bulk, solo: false });
    }

    fn hang_up(&mut self, now: Time, conn: ConnId) {
        self.want(now, Output::Close { conn, how: CloseHow::Flush, why: DONE });
    }

    fn read(&mut self, now: Time, conn: ConnId, bytes: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::from(bytes);
        self.give(now, Input::Received { conn, bytes: &mut bytes });
        bytes
    }

    /// Two datagrams a second for so many seconds, without a tick.
    fn chatter(&mut self, from: u64, secs: u64) {
        for half in 2 * from..2 * (from + secs) {
            let now = Time::from_millis(half * 500);
            self.give(now, Input::Datagram { port: Port(0), from: remote(), bytes: b"news" });
        }
    }

    fn dial(&mut self, now: Time, deadline: Time) {
        self.want(now, Output::Dial { ticket: T, to: remote(), deadline });
    }

    fn store(&mut self, now: Time) {
        self.store_as(now, T);
    }

    fn store_as(&mut self, now: Time, ticket: Ticket) {
        let ops = Vec::from([StoreOp { key: "k".into(), value: None }]);
        self.want(now, Output::Store { ticket, ops, until: Until::Written });
    }
}

#[test]
#[should_panic(expected = "the driver's time went back, from 2.000000s to 1.000000s")]
fn time_that_goes_back() {
    let mut desk = desk();
    desk.give(secs(2), Input::Tick);
    desk.give(secs(1), Input::Tick);
}

#[test]
#[should_panic(expected = "the driver's time went back, from 2.000000s to 1.000000s")]
fn time_that_goes_back_with_a_command() {
    let mut desk = desk();
    desk.give(secs(2), Input::Tick);
    desk.store(secs(1));
}

#[test]
#[should_panic(expected = "the driver told octets of ConnId(1), which was never opened")]
fn a_connection_that_was_never_opened() {
    desk().read(secs(1), A, b"octets");
}

#[test]
#[should_panic(expected = "the driver told a flush of ConnId(1), which has ended")]
fn a_flush_after_the_end() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.send(secs(1), A, b"frame");
    desk.close(secs(2), A);
    desk.give(secs(2), Input::Flushed { conn: A, n: 5 });
}

#[test]
#[should_panic(expected = "the driver gave the name ConnId(1) to a second connection")]
fn a_name_of_an_open_connection_given_again() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.open(secs(2), A);
}

#[test]
#[should_panic(expected = "the driver gave the name ConnId(1) to a second connection")]
fn a_name_of_a_closed_connection_given_again() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.close(secs(1), A);
    desk.open(secs(2), A);
}

#[test]
#[should_panic(expected = "the driver closed ConnId(1) twice")]
fn an_end_told_twice() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.close(secs(1), A);
    desk.close(secs(1), A);
}

#[test]
#[should_panic(expected = "the driver closed ConnId(1), which was never opened")]
fn an_end_of_what_never_began() {
    desk().close(secs(1), A);
}

#[test]
#[should_panic(
    expected = "has not told that ConnId(1) is closed: the machine closed it at 1.000000s, and it is 13"
)]
fn an_end_that_is_not_told() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.hang_up(secs(1), A);
    desk.chatter(2, 20);
}

#[test]
fn an_end_told_once_flushed_and_drained() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.send(secs(1), A, b"last words");
    desk.hang_up(secs(1), A);
    desk.chatter(2, 5);
    desk.give(secs(7), Input::Closed { conn: A, why: Closed::ByUs });
    desk.chatter(8, 100);
}

#[test]
#[should_panic(expected = "the driver answered Ticket(7) twice")]
fn a_ticket_answered_twice() {
    let mut desk = desk();
    desk.store(secs(1));
    desk.give(secs(1), Input::Stored { ticket: T, result: Ok(()) });
    desk.give(secs(1), Input::Stored { ticket: T, result: Ok(()) });
}

#[test]
#[should_panic(expected = "the driver answered Ticket(7) twice")]
fn a_dial_that_failed_and_opened() {
    let mut desk = desk();
    desk.dial(secs(1), secs(10));
    desk.give(secs(2), Input::DialFailed { ticket: T, why: DialError::Refused });
    desk.give(secs(2), Input::Opened { conn: A, how: How::Dialed(T), remote: remote() });
}

#[test]
#[should_panic(expected = "the driver answered Ticket(7), a store, as if it were a load")]
fn a_ticket_answered_as_something_else() {
    let mut desk = desk();
    desk.store(secs(1));
    desk.give(secs(1), Input::Loaded { ticket: T, value: Loaded::Absent });
}

#[test]
#[should_panic(expected = "the driver answered Ticket(7), which was never given as that of a dial")]
fn a_ticket_that_was_never_given() {
    desk().give(secs(1), Input::Opened { conn: A, how: How::Dialed(T), remote: remote() });
}

#[test]
#[should_panic(expected = "the driver has not answered Ticket(7), a store of 1.000000s, and it is 63")]
fn a_store_that_is_not_answered() {
    let mut desk = desk();
    desk.store(secs(1));
    desk.chatter(2, 100);
}

#[test]
#[should_panic(expected = "the driver has not answered Ticket(7), a dial of 1.000000s, and it is 3")]
fn a_dial_that_is_not_answered() {
    let mut desk = desk();
    desk.dial(secs(1), secs(30));
    desk.chatter(2, 100);
}

#[test]
fn a_dial_answered_after_a_long_time_that_was_allowed() {
    let mut desk = desk();
    desk.dial(secs(1), secs(300));
    desk.chatter(2, 298);
    desk.give(secs(300), Input::DialFailed { ticket: T, why: DialError::TimedOut });
    desk.chatter(300, 100);
}

#[test]
#[should_panic(expected = "the driver flushed 6 octets of ConnId(1), where 5 are in flight")]
fn more_flushed_than_sent() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.open(secs(1), B);
    desk.send(secs(1), A, b"frame");
    desk.send(secs(1), B, b"frame");
    desk.give(secs(2), Input::Flushed { conn: A, n: 6 });
}

#[test]
#[should_panic(expected = "the driver flushed nothing since 1.000000s, while 10 octets are in flight")]
fn nothing_flushed() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.send(secs(1), A, b"frame");
    desk.send(secs(30), A, b"frame");
    desk.chatter(31, 100);
}

#[test]
fn one_peer_that_does_not_read_beside_one_who_does() {
    let mut desk = desk();
    desk.open(secs(0), A);
    desk.open(secs(0), B);
    desk.send(secs(0), A, b"frame");
    for minute in 0..5 {
        let now = secs(50 * minute);
        desk.send(now, B, b"frame");
        desk.give(now, Input::Flushed { conn: B, n: 5 });
        desk.chatter(50 * minute, 50);
    }
    desk.hang_up(secs(250), A);
    desk.close(secs(255), A);
    desk.chatter(256, 100);
}

#[test]
#[should_panic(expected = "lost octets of ConnId(1): 4 were left, and the 5 presented begin otherwise")]
fn a_buffer_that_begins_anew() {
    let mut desk = desk();
    desk.open(secs(1), A);
    assert_eq!(desk.read(secs(1), A, b"line\nhalf")[..], b"half"[..]);
    desk.read(secs(2), A, b"line\n");
}

#[test]
#[should_panic(expected = "lost octets of ConnId(1): 4 were left, and the 2 presented begin otherwise")]
fn a_buffer_that_was_cut() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.read(secs(1), A, b"half");
    desk.read(secs(2), A, b"ha");
}

#[test]
#[should_panic(expected = "lost octets of ConnId(1): 20000 were left")]
fn a_buffer_that_lost_an_octet_in_its_middle() {
    let mut desk = desk();
    desk.open(secs(1), A);
    let mut long: Vec<u8> = (b'a'..=b'y').cycle().take(20_000).collect();
    desk.read(secs(1), A, &long);
    long.remove(10_000);
    long.extend_from_slice(b"and more\n");
    desk.read(secs(2), A, &long);
}

#[test]
fn a_buffer_presented_as_it_was_left() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.read(secs(1), A, b"line\nhalf");
    desk.read(secs(1), A, b"half");
    assert_eq!(desk.read(secs(1), A, b"half a line\nra")[..], b"ra"[..]);
    desk.read(secs(1), A, b"rather\n");
    desk.read(secs(1), A, b"other\n");
}

#[test]
#[should_panic(expected = "went on reading ConnId(1) after the machine had turned that off")]
fn reading_that_goes_on() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.want(secs(1), Output::Reading { conn: A, on: false });
    desk.read(secs(2), A, b"octets");
}

#[test]
fn reading_turned_on_again() {
    let mut desk = desk();
    desk.open(secs(1), A);
    desk.read(secs(1), A, b"half");
    desk.want(secs(1), Output::Reading { conn: A, on: false });
    desk.want(secs(2), Output::Reading { conn: A, on: true });
    desk.read(secs(2), A, b"half");
}

#[test]
#[should_panic(expected = "the driver gave no Tick: one was asked for at 5.000000s (told), and it is 7")]
fn no_tick_while_much_arrives() {
    let mut desk = waking(secs(5));
    for n in 0..200 {
        let now = Time::from_millis(n * 50);
        desk.give(now, Input::Datagram { port: Port(0), from: remote(), bytes: b"news" });
    }
}

#[test]
#[should_panic(expected = "the driver gave no Tick: one was asked for at 5.000000s (told), and it is 8")]
fn no_tick_while_little_arrives() {
    waking(secs(5)).chatter(0, 60);
}

#[test]
fn a_tick_within_a_second() {
    let mut desk = waking(secs(5));
    desk.chatter(0, 6);
    desk.give(secs(6), Input::Tick);
    desk.chatter(6, 100);
}

#[test]
fn a_process_that_was_stopped_hands_over_what_arrived_first() {
    let mut desk = waking(secs(5));
    desk.open(secs(1), A);
    desk.send(secs(1), A, b"frame");
    desk.store(secs(1));
    desk.open(secs(1), B);
    desk.hang_up(secs(1), B);
    // Stopped for an hour, and once more for another while it catches up.
    for now in [3_600, 7_200].map(secs) {
        desk.give(now, Input::Datagram { port: Port(0), from: remote(), bytes: b"news" });
        desk.read(now, A, b"line\n");
    }
    let now = secs(7_200);
    desk.give(now, Input::Flushed { conn: A, n: 5 });
    desk.give(now, Input::Stored { ticket: T, result: Ok(()) });
    desk.give(now, Input::Closed { conn: B, why: Closed::ByUs });
    desk.give(now, Input::Tick);
    desk.chatter(7_201, 100);
}

#[test]
fn who_may_take_any_time_is_never_late() {
    let mut desk = Desk(Checked::with_patience(Told::default(), Patience::ENDLESS));
    desk.open(secs(1), A);
    desk.send(secs(1), A, b"frame");
    desk.store(secs(1));
    desk.open(secs(1), B);
    desk.hang_up(secs(1), B);
    desk.chatter(2, 10_000);
}

#[test]
fn names_of_the_past_are_forgotten_in_the_end() {
    let mut desk = desk();
    for name in 0..5_000 {
        desk.open(secs(1), ConnId(name));
        desk.close(secs(1), ConnId(name));
    }
    desk.open(secs(2), A);
    assert!(desk.0.machine().out.is_empty() && desk.0.into_inner().wake.is_none());
}

#[test]
#[should_panic(expected = "the driver answered the store of Ticket(8) before that of Some(Ticket(7))")]
fn stores_that_are_answered_in_another_order() {
    let mut desk = desk();
    desk.store(secs(1));
    desk.store_as(secs(1), Ticket(8));
    desk.give(secs(2), Input::Stored { ticket: Ticket(8), result: Ok(()) });
}

#[test]
#[should_panic(expected = "the driver went on after the machine had ended, with Tick")]
fn a_tick_after_the_end() {
    let mut desk = desk();
    desk.want(secs(1), Output::Done);
    desk.give(secs(2), Input::Tick);
}
