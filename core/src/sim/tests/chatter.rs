//! A machine that uses everything a driver offers and tells all that it hears.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use crate::kernel::{
    Class, CloseHow, Closed, ConnId, DialError, Fault, How, Input, Loaded, Machine, Output, Port, Rng,
    Scanned, StoreOp, Streams, Ticket, Time, Until, Wake, Why,
};
use crate::sim::Boot;

const WORD: Bytes = Bytes::from_static(b"word");

/// What a machine hears, and what it does.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub(in crate::sim) enum Heard {
    Started(u32),
    Opened(ConnId, How, SocketAddr),
    Received(ConnId, Vec<u8>),
    Flushed(ConnId, usize),
    Closed(ConnId, Closed),
    DialFailed(Ticket, DialError),
    Datagram(SocketAddr, Vec<u8>),
    Stored(bool),
    Loaded(Option<Vec<u8>>),
    Scanned(Vec<Vec<u8>>, bool),
    WallTime(u64),
    Tick,
    Sent(ConnId, Vec<u8>),
}

/// What a test may have it do.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Do {
    Dial(SocketAddr, Time),
    Send(ConnId, Vec<u8>),
    Datagram(SocketAddr, Vec<u8>),
    Reading(ConnId, bool),
    Close(ConnId, CloseHow),
    Store(Option<Vec<u8>>),
    /// Under another key, and no longer than until it is written.
    Draft(&'static str),
    Load,
    Scan(&'static str),
    Done,
    WakeAt(Time),
    /// Read everything, say one last word on every connection, and fall silent.
    Hush,
}

/// Says nothing by itself, or (with a period) talks at random to all it knows.
pub(in crate::sim) struct Chatter {
    out: VecDeque<Output<Heard>>,
    tickets: u64,
    conns: Vec<ConnId>,
    wake: Option<Time>,
    period: Option<(Duration, usize, Rng)>,
    said: u32,
}

impl Chatter {
    pub(in crate::sim) fn quiet(boot: Boot) -> Self {
        let mut chatter = Chatter {
            out: VecDeque::new(),
            tickets: 0,
            conns: Vec::new(),
            wake: None,
            period: None,
            said: 0,
        };
        chatter.out.push_back(Output::Event(Heard::Started(boot.start)));
        chatter
    }

    /// Talks to the first `nodes` nodes about every `period`.
    pub(super) fn talking(boot: Boot, nodes: usize, period: Duration) -> Self {
        let mut chatter = Chatter::quiet(boot);
        chatter.period = Some((period, nodes, Streams::new(boot.seed).named("chat")));
        chatter.wake = Some(boot.now + period);
        chatter
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn tell(&mut self, heard: Heard) {
        self.out.push_back(Output::Event(heard));
    }

    fn act(&mut self, what: Do) {
        let output = match what {
            Do::Dial(to, deadline) => Output::Dial { ticket: self.ticket(), to, deadline },
            Do::Send(conn, bytes) => {
                self.tell(Heard::Sent(conn, bytes.clone()));
                Output::Send { conn, frame: bytes.into(), class: Class::Control, solo: false }
            }
            Do::Datagram(to, bytes) => {
                Output::Datagram { port: Port(0), to, payload: bytes.into(), class: Class::Urgent }
            }
            Do::Reading(conn, on) => Output::Reading { conn, on },
            Do::Close(conn, how) => {
                self.conns.retain(|c| *c != conn);
                Output::Close { conn, how, why: Why { fault: Fault::Nobody, what: "asked to" } }
            }
            Do::Store(value) => self.store(WORD, value.map(Bytes::from), Until::Synced),
            Do::Draft(value) => self.store("draft".into(), Some(value.into()), Until::Written),
            Do::Scan(prefix) => Output::Scan { ticket: self.ticket(), prefix: prefix.into(), after: None },
            Do::Done => Output::Done,
            Do::Load => Output::Load { ticket: self.ticket(), key: WORD },
            Do::WakeAt(at) => return self.wake = Some(at),
            Do::Hush => return self.hush(),
        };
        self.out.push_back(output);
    }

    fn store(&mut self, key: Bytes, value: Option<Bytes>, until: Until) -> Output<Heard> {
        Output::Store { ticket: self.ticket(), ops: [StoreOp { key, value }].into(), until }
    }

    fn hush(&mut self) {
        (self.period, self.wake) = (None, None);
        for conn in self.conns.clone() {
            self.act(Do::Reading(conn, true));
            self.act(Do::Send(conn, b"hush".to_vec()));
        }
    }

    fn chat(&mut self, now: Time) {
        let Some((period, nodes, mut rng)) = self.period.take() else { return };
        self.said += 1;
        let to = crate::sim::address(rng.index(nodes));
        let words = alloc::format!("{:08}", self.said).into_bytes().repeat(1 + rng.index(4));
        let conn = (!self.conns.is_empty()).then(|| self.conns[rng.index(self.conns.len())]);
        self.act(match (rng.below(12), conn) {
            (0..3, Some(conn)) => Do::Send(conn, words),
            (3, Some(conn)) => Do::Reading(conn, false),
            (4, Some(conn)) => Do::Reading(conn, true),
            (5, Some(conn)) => Do::Close(conn, CloseHow::Flush),
            (6, Some(conn)) => Do::Close(conn, CloseHow::Abort),
            (7, _) => Do::Store(Some(words)),
            (8, _) => Do::Load,
            (9, _) => Do::Datagram(to, words),
            _ => Do::Dial(to, now + rng.between(Duration::ZERO, period * 4)),
        });
        self.wake = Some(now + rng.jittered(period, 90).max(Duration::from_micros(1)));
        self.period = Some((period, nodes, rng));
    }
}

impl Machine for Chatter {
    type Command = Do;
    type Reply = ();
    type Refusal = ();
    type Event = Heard;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        let heard = match input {
            Input::Tick => {
                if self.wake.is_some_and(|at| at <= now) {
                    self.wake = None;
                    self.chat(now);
                }
                Heard::Tick
            }
            Input::Opened { conn, how, remote } => {
                self.conns.push(conn);
                Heard::Opened(conn, how, remote)
            }
            Input::Received { conn, bytes } => {
                // An odd octet stays until the next: whole pairs are this machine's frames.
                Heard::Received(conn, bytes.split_to(bytes.len() / 2 * 2).to_vec())
            }
            Input::Flushed { conn, n } => Heard::Flushed(conn, n),
            Input::Closed { conn, why } => {
                self.conns.retain(|c| *c != conn);
                Heard::Closed(conn, why)
            }
            Input::DialFailed { ticket, why } => Heard::DialFailed(ticket, why),
            Input::Datagram { from, bytes, .. } => Heard::Datagram(from, bytes.to_vec()),
            Input::Stored { result, .. } => Heard::Stored(result.is_ok()),
            Input::Scanned { page: Scanned::Page { entries, more }, .. } => {
                Heard::Scanned(entries.map(|(key, value)| [key, value].concat()).collect(), more)
            }
            Input::Scanned { page: Scanned::Failed, .. } => Heard::Scanned(Vec::new(), true),
            Input::WallTime { unix } => Heard::WallTime(unix.as_secs()),
            Input::Loaded { value, .. } => Heard::Loaded(match value {
                Loaded::Value(value) => Some(value.to_vec()),
                Loaded::Absent | Loaded::Failed => None,
            }),
        };
        self.tell(heard);
    }

    fn command(&mut self, _: Time, what: Do) -> Result<(), ()> {
        self.act(what);
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<Heard>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.wake.map(|at| Wake { at, why: "chat" })
    }
}
