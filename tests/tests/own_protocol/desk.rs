//! A small protocol: peers tell each other words, and whoever asks at the desk hears how many there were.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use egoist_core::kernel::{
    Class, CloseHow, ConnId, Fault, How, Input, Machine, Output, Port, Ticket, Time, Timers, Wake, Why,
};

/// Where lines are asked, `count` alone.
const DESK: Port = Port(0);
/// Where peers connect: words of up to 255 octets behind an octet that says how many.
pub(crate) const PEERS: Port = Port(1);

const AGAIN: Duration = Duration::from_secs(1);
/// Empty words show that a connection is there: the host finds out where it is not.
const BEAT: Duration = Duration::from_secs(5);
/// The longest line at the desk.
const LINE: usize = 64;
/// Octets that somebody may leave unread.
const UNREAD: usize = 4_096;
const WRONG: Why = Why { fault: Fault::Peer, what: "asked for what there is not" };
const TOO_SLOW: Why = Why { fault: Fault::Peer, what: "reads too slowly" };

struct Conn {
    /// What was dialled.
    dialed: Option<SocketAddr>,
    at: Option<Port>,
    in_flight: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Dial(SocketAddr),
    Beat,
}

/// A node. One that is `FLAWED` tells of every read at its second listener, which breaks law 2.
pub(crate) struct Desk<const FLAWED: bool> {
    now: Time,
    heard: u64,
    conns: BTreeMap<ConnId, Conn>,
    dials: BTreeMap<Ticket, SocketAddr>,
    tickets: u64,
    work: Timers<Work>,
    out: VecDeque<Output<String>>,
}

impl<const FLAWED: bool> Desk<FLAWED> {
    /// A node that dials peers, and again whenever one is gone.
    pub(crate) fn new(now: Time, peers: impl IntoIterator<Item = SocketAddr>) -> Self {
        let (conns, dials, mut work) = (BTreeMap::new(), BTreeMap::new(), Timers::new());
        work.set(Work::Beat, now + BEAT);
        let mut desk = Desk { now, heard: 0, conns, dials, tickets: 0, work, out: VecDeque::new() };
        peers.into_iter().for_each(|to| desk.dial(to));
        desk
    }

    /// How many peers are connected, whoever dialled.
    pub(crate) fn peers(&self) -> usize {
        self.conns.values().filter(|conn| conn.at != Some(DESK)).count()
    }

    fn tick(&mut self) {
        for work in self.work.fire(self.now) {
            match work {
                Work::Dial(to) => self.dial(to),
                Work::Beat => {
                    self.work.set(Work::Beat, self.now + BEAT);
                    self.tell(&Bytes::from_static(&[0]));
                }
            }
        }
    }

    /// Sends a frame to every peer; how many there are.
    fn tell(&mut self, frame: &Bytes) -> usize {
        let peers = self.conns.iter().filter(|(_, open)| open.at != Some(DESK));
        let peers: Vec<ConnId> = peers.map(|(conn, _)| *conn).collect();
        peers.iter().for_each(|conn| self.send(*conn, frame.clone()));
        peers.len()
    }

    fn dial(&mut self, to: SocketAddr) {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.dials.insert(ticket, to);
        self.out.push_back(Output::Dial { ticket, to, deadline: self.now + AGAIN * 3 });
    }

    fn opened(&mut self, conn: ConnId, how: How) {
        let (dialed, at) = match how {
            How::Dialed(ticket) => (self.dials.remove(&ticket), None),
            How::Accepted(port) => (None, Some(port)),
        };
        self.conns.insert(conn, Conn { dialed, at, in_flight: 0 });
    }

    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        match self.conns.get(&conn).map(|open| open.at) {
            None => {}
            Some(Some(DESK)) => self.asked(conn, bytes),
            Some(at) => {
                if FLAWED && at == Some(PEERS) {
                    self.out.push_back(Output::Event("read".into()));
                }
                self.told(bytes);
            }
        }
    }

    fn asked(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        while let Some(end) = bytes.iter().take(LINE).position(|octet| *octet == b'\n') {
            let line = bytes.split_to(end + 1);
            if line.trim_ascii() != b"count" {
                return self.close(conn, WRONG);
            }
            self.send(conn, format!("{}\n", self.heard).into());
            if !self.conns.contains_key(&conn) {
                return;
            }
        }
        if bytes.len() >= LINE {
            self.close(conn, WRONG);
        }
    }

    fn told(&mut self, bytes: &mut BytesMut) {
        while let Some(len) = bytes.first().map(|len| usize::from(*len)).filter(|len| bytes.len() > *len) {
            bytes.advance(1);
            self.hear(&bytes.split_to(len));
        }
    }

    fn hear(&mut self, word: &[u8]) {
        if word.is_empty() {
            return;
        }
        self.heard += 1;
        self.out.push_back(Output::Event(String::from_utf8_lossy(word).into_owned()));
    }

    fn send(&mut self, conn: ConnId, frame: Bytes) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        open.in_flight += frame.len();
        if open.in_flight > UNREAD {
            return self.close(conn, TOO_SLOW);
        }
        self.out.push_back(Output::Send { conn, frame, class: Class::Control, solo: false });
    }

    fn close(&mut self, conn: ConnId, why: Why) {
        self.out.push_back(Output::Close { conn, how: CloseHow::Flush, why });
        self.gone(conn);
    }

    fn gone(&mut self, conn: ConnId) {
        if let Some(to) = self.conns.remove(&conn).and_then(|open| open.dialed) {
            self.work.set(Work::Dial(to), self.now + AGAIN);
        }
    }
}

impl<const FLAWED: bool> Machine for Desk<FLAWED> {
    /// A word for every peer; the answer is how many there are.
    type Command = &'static str;
    type Reply = usize;
    type Refusal = ();
    type Event = String;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Tick => self.tick(),
            Input::Opened { conn, how, .. } => self.opened(conn, how),
            Input::Received { conn, bytes } => self.received(conn, bytes),
            Input::Flushed { conn, n } => {
                if let Some(open) = self.conns.get_mut(&conn) {
                    open.in_flight = open.in_flight.saturating_sub(n);
                }
            }
            Input::Closed { conn, .. } => self.gone(conn),
            Input::DialFailed { ticket, .. } => {
                if let Some(to) = self.dials.remove(&ticket) {
                    self.work.set(Work::Dial(to), now + AGAIN);
                }
            }
            Input::Datagram { port: PEERS, bytes, .. } => self.hear(bytes),
            _ => {}
        }
    }

    fn command(&mut self, now: Time, word: &'static str) -> Result<usize, ()> {
        self.now = now;
        let len = u8::try_from(word.len()).map_err(drop)?;
        Ok(self.tell(&[&[len], word.as_bytes()].concat().into()))
    }

    fn poll(&mut self) -> Option<Output<String>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        if !self.out.is_empty() {
            return Some(Wake { at: self.now, why: "output" });
        }
        let (at, _) = self.work.next()?;
        Some(Wake { at: at.max(self.now + Duration::from_micros(1)), why: "work" })
    }
}
