//! What a fuzzer tries: a node fed whatever octets say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::vec::Vec;

use core::net::SocketAddr;
use core::time::Duration;

use bytes::BytesMut;

use super::lawful::{line, message};
use super::{Command, Config, Dialect, Event, Hello};
use crate::kernel::{
    Backlog, Checked, Closed, ConnId, DialError, How, Input, Machine, Output, Patience, Port, Rng, Seed,
    Streams, Ticket, Time,
};
use crate::record::{Piece, Recorder, Recording, Replay};

/// The most connections at once.
const CONNECTIONS: usize = 8;

/// Drives a node of one of the dialects by a script of octets: connections, raw octets and right lines on them, ends, time,
/// commands. The contract is kept by both sides, and the node's recording is replayed without a difference.
///
/// # Panics
/// One of that is not so.
pub fn node(octets: &[u8]) {
    let (first, script) = octets.split_first().unwrap_or((&0, &[]));
    let dialect = if first.is_multiple_of(2) { Dialect::Article } else { Dialect::Ncpoc };
    let tape = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&tape);
    let sink = move |piece: Piece| piece.seal(&mut kept.borrow_mut());
    let machine = Recorder::<Hello, _>::new(config(dialect, *first), sink).expect("it can be lived by");
    let mut driver = Driver::new(Checked::with_patience(machine, Patience::ENDLESS), dialect);
    driver.drain();
    let mut script = script.iter();
    while !driver.done && driver.step(&mut script).is_some() {
        driver.drain();
    }
    drop(driver);
    let tape = tape.borrow();
    let recording = Recording::read(&tape).expect("it was just written");
    let mut replay = Replay::<Hello>::new(recording).expect("it was built before");
    while replay.step(|_| ()).expect("the same again").is_some() {}
}

/// Small bounds, which are met soon.
fn config(dialect: Dialect, seed: u8) -> Config {
    let usual = match dialect {
        Dialect::Article => Config::article,
        Dialect::Ncpoc => Config::ncpoc,
    };
    Config {
        address: Some(localhost(5999)),
        bootstrap: [localhost(6000), localhost(6001)].into(),
        give_up_after: 2,
        max_peers: 4,
        max_greeting: 3,
        max_dials: 2,
        max_known: 5,
        max_rows: 4,
        backlog: Backlog { in_flight: 1_500, control: 3_000, bulk: 0 },
        ..usual(Seed::from_u64(seed.into()))
    }
}

fn localhost(port: u16) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), port)
}

/// A right driver, whose network does what the script says.
struct Driver<M> {
    machine: M,
    dialect: Dialect,
    rng: Rng,
    now: Time,
    conns: u64,
    /// What each open connection's buffer holds, and how much is unflushed.
    open: BTreeMap<ConnId, (BytesMut, usize)>,
    dials: Vec<(Ticket, SocketAddr)>,
    done: bool,
}

impl<M: Machine<Command = Command, Event = Event>> Driver<M> {
    fn new(machine: M, dialect: Dialect) -> Self {
        let rng = Streams::new(Seed::from_u64(0)).named("lines");
        let (open, dials) = (BTreeMap::new(), Vec::new());
        Driver { machine, dialect, rng, now: Time::ZERO, conns: 0, open, dials, done: false }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Dial { ticket, to, .. } => self.dials.push((ticket, to)),
                Output::Send { conn, frame, .. } => {
                    self.open.get_mut(&conn).expect("it names what is open").1 += frame.len();
                }
                Output::Close { conn, .. } => {
                    self.open.remove(&conn);
                    self.machine.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                Output::Done => self.done = true,
                _ => {}
            }
        }
    }

    /// Does what the next octets say; `None` at their end.
    fn step<'a>(&mut self, script: &mut impl Iterator<Item = &'a u8>) -> Option<()> {
        let (act, with) = (*script.next()?, *script.next()?);
        match act % 8 {
            0 => self.open(How::Accepted(Port(0)), localhost(40_000)),
            1 => self.answer_dial(with),
            2 => {
                let octets: Vec<u8> = script.take((act / 8).into()).copied().collect();
                self.say(with, &octets);
            }
            3 => {
                let message = message(&mut self.rng);
                let line = line(&message, self.dialect, &mut self.rng);
                self.say(with, &line);
            }
            4 => self.flush(with),
            5 => self.end(with),
            6 => self.pass(Duration::from_millis(u64::from(with) * u64::from(with) * u64::from(act / 8 + 1))),
            _ => self.ask(with),
        }
        Some(())
    }

    fn open(&mut self, how: How, remote: SocketAddr) {
        if self.open.len() < CONNECTIONS {
            let conn = ConnId(self.conns);
            self.conns += 1;
            self.open.insert(conn, (BytesMut::new(), 0));
            self.machine.handle(self.now, Input::Opened { conn, how, remote });
        }
    }

    fn answer_dial(&mut self, with: u8) {
        let Some((ticket, to)) = (!self.dials.is_empty()).then(|| self.dials.remove(0)) else { return };
        if with.is_multiple_of(3) || self.open.len() >= CONNECTIONS {
            self.machine.handle(self.now, Input::DialFailed { ticket, why: DialError::Refused });
        } else {
            self.open(How::Dialed(ticket), to);
        }
    }

    fn picked(&self, with: u8) -> Option<ConnId> {
        self.open.keys().nth(usize::from(with) % self.open.len().max(1)).copied()
    }

    fn say(&mut self, with: u8, octets: &[u8]) {
        let Some(conn) = self.picked(with) else { return };
        let Some((buffer, _)) = self.open.get_mut(&conn) else { return };
        buffer.extend_from_slice(octets);
        self.machine.handle(self.now, Input::Received { conn, bytes: buffer });
    }

    fn flush(&mut self, with: u8) {
        let Some(conn) = self.picked(with) else { return };
        let n = self.open.get_mut(&conn).map_or(0, |(_, unflushed)| core::mem::take(unflushed));
        if n > 0 {
            self.machine.handle(self.now, Input::Flushed { conn, n });
        }
    }

    fn end(&mut self, with: u8) {
        let Some(conn) = self.picked(with) else { return };
        self.open.remove(&conn);
        self.machine.handle(self.now, Input::Closed { conn, why: Closed::ByPeer });
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.machine.handle(self.now, Input::Tick);
    }

    fn ask(&mut self, with: u8) {
        let command = match with {
            0..4 => Command::Leave,
            4..200 => Command::Connect { addr: localhost(6_000 + u16::from(with % 8)) },
            _ => {
                let unix = Duration::from_secs(u64::from(with) << 40);
                return self.machine.handle(self.now, Input::WallTime { unix });
            }
        };
        // Whether it is refused is the node's business.
        let _ = self.machine.command(self.now, command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_to_a_node_it_keeps_the_contract_and_is_replayed() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("scripts");
        for _ in 0..500 {
            let script: Vec<u8> = (0..rng.index(400)).map(|_| rng.u64().to_le_bytes()[0]).collect();
            node(&script);
        }
    }
}
