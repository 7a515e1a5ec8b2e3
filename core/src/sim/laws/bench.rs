//! A driver without sockets: it keeps what a driver keeps of each connection, and no more.

use core::fmt;

use std::collections::BTreeMap;

use bytes::BytesMut;

use super::Lawful;
use super::script::{Act, Load, Step};
use crate::kernel::{ConnId, Input, Loaded, Output, Page, Rng, Scanned, Time};

/// A machine and its driver's state.
pub(super) struct Bench<M: Lawful> {
    pub(super) machine: M,
    /// The last time given.
    pub(super) now: Time,
    pub(super) wires: BTreeMap<ConnId, Wire>,
    /// Everything polled so far.
    pub(super) outputs: Vec<Output<M::Event>>,
    /// The machine has ended: it is told nothing more.
    pub(super) done: bool,
    /// How many outputs have been compared.
    pub(super) agreed: usize,
    /// Which commands were accepted.
    pub(super) answers: Vec<bool>,
    /// The first answer of `poll_timeout` that was not what it must be.
    pub(super) odd_timeout: Option<OddTimeout>,
}

/// A connection as the driver sees it.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) buffer: BytesMut,
    /// The machine turned reading off.
    pub(super) paused: bool,
    /// Reading was turned on again, and the buffer not presented yet.
    pub(super) resumed: bool,
    /// The machine closed it.
    pub(super) closing: bool,
    pub(super) in_flight: usize,
}

impl Wire {
    /// Whether what arrives is handed over.
    pub(super) const fn is_read(&self) -> bool {
        !self.paused && !self.closing
    }
}

/// What `poll_timeout` should not have said.
#[derive(Clone, Copy)]
pub(super) struct OddTimeout {
    now: Time,
    wake: Option<Time>,
    queued: bool,
}

impl fmt::Display for OddTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OddTimeout { now, wake, queued } = self;
        let state = if *queued { "output is queued" } else { "it is drained" };
        write!(f, "at {now:?}, while {state}, it asks for {wake:?}")
    }
}

impl<M: Lawful> Bench<M> {
    /// A machine just made, drained.
    pub(super) fn new(machine: M) -> Self {
        let mut bench = Bench {
            machine,
            now: Time::ZERO,
            wires: BTreeMap::new(),
            outputs: Vec::new(),
            done: false,
            agreed: 0,
            answers: Vec::new(),
            odd_timeout: None,
        };
        bench.drain();
        bench
    }

    /// Hands over an input as it is; nothing once the machine has ended, which may be sooner than in the run of which the
    /// script was made, where it was drained later.
    pub(super) fn give(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        if !self.done {
            self.machine.handle(now, input);
        }
    }

    /// Does what a step says, as far as a driver in this state would; its bytes split at random if there is a `split`.
    pub(super) fn apply(&mut self, step: &Step<M::Command>, split: Option<&mut Rng>) {
        self.now = step.at;
        match &step.act {
            Act::Tick => self.give(step.at, Input::Tick),
            Act::Opened { conn, how, remote } => {
                self.wires.insert(*conn, Wire::default());
                self.give(step.at, Input::Opened { conn: *conn, how: *how, remote: *remote });
            }
            Act::Bytes { conn, bytes } => self.arrive(*conn, bytes, split),
            Act::Present { conn } => self.present(*conn),
            Act::Flushed { conn, n } => self.flush(*conn, *n),
            Act::Closed { conn, why } => {
                self.wires.remove(conn);
                self.give(step.at, Input::Closed { conn: *conn, why: *why });
            }
            Act::DialFailed { ticket, why } => {
                self.give(step.at, Input::DialFailed { ticket: *ticket, why: *why });
            }
            Act::Datagram { port, from, bytes } => {
                self.give(step.at, Input::Datagram { port: *port, from: *from, bytes });
            }
            Act::Stored { ticket, result } => {
                self.give(step.at, Input::Stored { ticket: *ticket, result: *result });
            }
            Act::Scanned { ticket, page } => {
                let page = page.as_ref().map_or(Scanned::Failed, Page::scanned);
                self.give(step.at, Input::Scanned { ticket: *ticket, page });
            }
            Act::Loaded { ticket, value } => {
                let value = match value {
                    Load::Value(octets) => Loaded::Value(octets),
                    Load::Absent => Loaded::Absent,
                    Load::Failed => Loaded::Failed,
                };
                self.give(step.at, Input::Loaded { ticket: *ticket, value });
            }
            Act::WallTime { unix } => self.give(step.at, Input::WallTime { unix: *unix }),
            Act::Command(command) => {
                let answer = self.machine.command(step.at, command.clone());
                self.answers.push(answer.is_ok());
            }
        }
    }

    fn arrive(&mut self, conn: ConnId, bytes: &[u8], split: Option<&mut Rng>) {
        let Some(rng) = split else { return self.arrive_whole(conn, bytes) };
        let (mut rest, longest) = (bytes, if rng.percent(20) { 1 } else { bytes.len() });
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + rng.index(longest.min(rest.len())));
            self.arrive_whole(conn, piece);
            if rng.percent(30) {
                self.drain();
            }
            rest = after;
        }
    }

    fn arrive_whole(&mut self, conn: ConnId, bytes: &[u8]) {
        // Drained more often than in the run of which the script was made, it may know that reading is off, and not yet
        // that it is on again.
        if self.wires.get(&conn).is_some_and(|wire| wire.paused) {
            self.drain();
        }
        if let Some(wire) = self.wires.get_mut(&conn).filter(|wire| !wire.closing) {
            wire.buffer.extend_from_slice(bytes);
            self.present(conn);
        }
    }

    /// Hands over what has arrived by then, and does what the machine says to it, until nothing is in flight.
    pub(super) fn hear(&mut self, now: Time, arrived: &BTreeMap<ConnId, Vec<u8>>) {
        for (conn, bytes) in arrived {
            self.now = now;
            self.arrive_whole(*conn, bytes);
            self.flush_all();
        }
    }

    fn present(&mut self, conn: ConnId) {
        if let Some(wire) = self.wires.get_mut(&conn).filter(|wire| wire.is_read() && !self.done) {
            wire.resumed = false;
            self.machine.handle(self.now, Input::Received { conn, bytes: &mut wire.buffer });
        }
    }

    /// Presents a buffer once more; what is wrong with what the machine makes of it.
    pub(super) fn present_again(&mut self, conn: ConnId) -> Option<String> {
        let wire = self.wires.get(&conn).filter(|wire| wire.is_read() && !wire.buffer.is_empty())?;
        let len = wire.buffer.len();
        self.present(conn);
        let left = self.wires.get(&conn).map_or(0, |wire| wire.buffer.len());
        if left != len {
            return Some(format!(
                "of {len} octets left it takes {} when they are presented again",
                len - left
            ));
        }
        let said = self.outputs.len();
        self.drain();
        self.outputs.get(said).map(|output| format!("{output:?} when nothing new is presented"))
    }

    fn flush(&mut self, conn: ConnId, n: usize) {
        if let Some(wire) = self.wires.get_mut(&conn) {
            wire.in_flight = wire.in_flight.saturating_sub(n);
        }
        self.give(self.now, Input::Flushed { conn, n });
    }

    /// Flushes every connection until nothing is in flight.
    pub(super) fn flush_all(&mut self) {
        self.drain();
        while let Some((&conn, wire)) = self.wires.iter().find(|(_, wire)| wire.in_flight > 0) {
            self.flush(conn, wire.in_flight);
            self.drain();
        }
    }

    /// Polls until there is no more.
    pub(super) fn drain(&mut self) {
        loop {
            let wake = self.machine.poll_timeout().map(|wake| wake.at);
            let output = self.machine.poll();
            self.judge(wake, output.is_some());
            let Some(output) = output else { return };
            self.done |= matches!(output, Output::Done);
            self.obey(&output);
            self.outputs.push(output);
        }
    }

    fn judge(&mut self, wake: Option<Time>, queued: bool) {
        let right = if queued { wake == Some(self.now) } else { wake.is_none_or(|at| at > self.now) };
        if !right {
            self.odd_timeout.get_or_insert(OddTimeout { now: self.now, wake, queued });
        }
    }

    fn obey(&mut self, output: &Output<M::Event>) {
        let (Output::Send { conn, .. } | Output::Reading { conn, .. } | Output::Close { conn, .. }) = output
        else {
            return;
        };
        let Some(wire) = self.wires.get_mut(conn) else { return };
        match output {
            Output::Send { frame, .. } => wire.in_flight += frame.len(),
            Output::Reading { on, .. } => {
                wire.resumed = wire.paused && *on;
                wire.paused = !on;
            }
            _ => wire.closing = true,
        }
    }
}
