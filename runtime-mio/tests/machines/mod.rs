//! Two machines to try a driver with: one that answers, and one that does what it is told and tells what it sees.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use egoist_core::kernel::{
    Class, CloseHow, Closed, ConnId, DialError, Fault, How, Input, LineScanner, Loaded, Machine, Output,
    Port, Scanned, StoreError, Terminator, Ticket, Time, Wake, Why,
};

pub(crate) const DONE: Why = Why { fault: Fault::Nobody, what: "done" };

/// Sends every line and every datagram back. After the line `bye` it closes, with that line as its last words.
#[derive(Default)]
pub(crate) struct Echo {
    lines: BTreeMap<ConnId, LineScanner>,
    out: VecDeque<Output<String>>,
    now: Time,
}

impl Machine for Echo {
    type Command = Infallible;
    type Reply = Infallible;
    type Refusal = Infallible;
    type Event = String;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        assert!(now >= self.now, "time went back");
        self.now = now;
        match input {
            Input::Opened { conn, .. } => {
                assert!(self.lines.insert(conn, LineScanner::new(Terminator::Lf, 100_000)).is_none());
            }
            Input::Received { conn, bytes } => self.answer(conn, bytes),
            Input::Closed { conn, .. } => {
                assert!(self.lines.remove(&conn).is_some(), "{conn:?} was closed twice");
                self.out.push_back(Output::Event(format!("closed {}", conn.0)));
            }
            Input::Datagram { port, from, bytes } => {
                let payload = Bytes::copy_from_slice(bytes);
                self.out.push_back(Output::Datagram { port, to: from, payload, class: Class::Urgent });
            }
            _ => {}
        }
    }

    fn command(&mut self, _: Time, command: Infallible) -> Result<Infallible, Infallible> {
        match command {}
    }

    fn poll(&mut self) -> Option<Output<String>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.out.is_empty()).then_some(Wake { at: self.now, why: "output" })
    }
}

impl Echo {
    fn answer(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        let lines = self.lines.get_mut(&conn).expect("bytes come between Opened and Closed");
        while let Some(line) = lines.next_line(bytes).unwrap() {
            let frame = Bytes::from([&line, &b"\n"[..]].concat());
            let solo = line.len() % 3 == 0;
            self.out.push_back(Output::Send { conn, frame, class: Class::Control, solo });
            if line == "bye" {
                self.out.push_back(Output::Close { conn, how: CloseHow::Flush, why: DONE });
                bytes.clear();
                return;
            }
        }
    }
}

/// What a [`Puppet`] saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Opened(ConnId, How, SocketAddr),
    Received(ConnId, Bytes),
    Flushed(ConnId, usize),
    Closed(ConnId, Closed),
    DialFailed(Ticket, DialError),
    Datagram(Port, SocketAddr, Bytes),
    Stored(Ticket, Result<(), StoreError>),
    /// The keys and values of a page and whether there are more; none where the store could not be read.
    Scanned(Ticket, Option<(Vec<(Bytes, Bytes)>, bool)>),
    WallTime(Duration),
    Loaded(Ticket, Option<Result<Bytes, ()>>),
}

/// Its commands are outputs, its events are inputs. It wakes when told to.
#[derive(Default)]
pub(crate) struct Puppet {
    out: VecDeque<Output<(Time, Seen)>>,
    wake: Option<Time>,
    pub(crate) ticks: Vec<Time>,
    pub(crate) seen: Vec<Seen>,
    now: Time,
}

impl Machine for Puppet {
    type Command = Output<(Time, Seen)>;
    type Reply = ();
    type Refusal = Infallible;
    type Event = (Time, Seen);

    fn handle(&mut self, now: Time, input: Input<'_>) {
        assert!(now >= self.now, "time went back");
        self.now = now;
        let seen = match input {
            Input::Tick => {
                self.ticks.push(now);
                self.wake = None;
                return;
            }
            Input::Opened { conn, how, remote } => Seen::Opened(conn, how, remote),
            Input::Received { conn, bytes } => Seen::Received(conn, bytes.split().freeze()),
            Input::Flushed { conn, n } => Seen::Flushed(conn, n),
            Input::Closed { conn, why } => Seen::Closed(conn, why),
            Input::DialFailed { ticket, why } => Seen::DialFailed(ticket, why),
            Input::Datagram { port, from, bytes } => {
                Seen::Datagram(port, from, Bytes::copy_from_slice(bytes))
            }
            Input::Stored { ticket, result } => Seen::Stored(ticket, result),
            Input::Scanned { ticket, page } => Seen::Scanned(ticket, scanned(page)),
            Input::WallTime { unix } => Seen::WallTime(unix),
            Input::Loaded { ticket, value } => Seen::Loaded(
                ticket,
                match value {
                    Loaded::Value(octets) => Some(Ok(Bytes::copy_from_slice(octets))),
                    Loaded::Absent => None,
                    Loaded::Failed => Some(Err(())),
                },
            ),
        };
        self.seen.push(seen.clone());
        self.out.push_back(Output::Event((now, seen)));
    }

    fn command(&mut self, _: Time, command: Self::Command) -> Result<(), Infallible> {
        self.out.push_back(command);
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<(Time, Seen)>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        if self.out.is_empty() {
            self.wake.map(|at| Wake { at, why: "told" })
        } else {
            Some(Wake { at: self.now, why: "output" })
        }
    }
}

impl Puppet {
    /// One that wants to be woken.
    pub(crate) fn waking(at: Time) -> Self {
        Puppet { wake: Some(at), ..Puppet::default() }
    }

    /// All bytes received on a connection.
    pub(crate) fn received(&self, conn: ConnId) -> Vec<u8> {
        let of_conn = |seen: &Seen| match seen {
            Seen::Received(c, bytes) if *c == conn => Some(bytes.to_vec()),
            _ => None,
        };
        self.seen.iter().filter_map(of_conn).flatten().collect()
    }

    /// The connection that answered a dial.
    pub(crate) fn dialed(&self, ticket: u64) -> Option<ConnId> {
        self.seen.iter().find_map(|seen| match seen {
            Seen::Opened(conn, How::Dialed(t), _) if t.0 == ticket => Some(*conn),
            _ => None,
        })
    }

    /// How a connection ended, if it has; more than once is an error.
    pub(crate) fn closed(&self, conn: ConnId) -> Option<Closed> {
        let ends: Vec<Closed> = self
            .seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Closed(c, why) if *c == conn => Some(*why),
                _ => None,
            })
            .collect();
        assert!(ends.len() <= 1, "{conn:?} ended {} times", ends.len());
        ends.first().copied()
    }
}

fn scanned(page: Scanned<'_>) -> Option<(Vec<(Bytes, Bytes)>, bool)> {
    let Scanned::Page { entries, more } = page else { return None };
    let copy = |(key, value)| (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
    Some((entries.map(copy).collect(), more))
}

pub(crate) fn dial(ticket: u64, to: SocketAddr, deadline: Time) -> Output<(Time, Seen)> {
    Output::Dial { ticket: Ticket(ticket), to, deadline }
}

pub(crate) fn send(conn: ConnId, frame: impl Into<Bytes>) -> Output<(Time, Seen)> {
    Output::Send { conn, frame: frame.into(), class: Class::Bulk, solo: false }
}

pub(crate) fn close(conn: ConnId, how: CloseHow) -> Output<(Time, Seen)> {
    Output::Close { conn, how, why: DONE }
}
