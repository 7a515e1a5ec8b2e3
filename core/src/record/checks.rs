//! What must hold whatever the octets: for fuzzers, and for tests of machines from outside.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use bytes::BytesMut;
use serde::Serialize;

use super::entry::{Entry, Given, write_given, write_start};
use super::octets::{take, write};
use super::{Piece, Recordable, Recorder, Recording, Replay};
use crate::kernel::{ConnId, How, Input, Machine, Output, Ticket, Time};

/// Inputs that are made of one lot of octets: what comes behind is left out.
const MOST: usize = 4_096;

/// What a recording's reader makes of any octets, as a recording and as one entry's own: nothing, or what is written as it
/// was.
///
/// # Panics
/// It is written otherwise.
pub fn recording(octets: &[u8]) {
    if let Ok(recording) = Recording::read(octets) {
        let good = recording.entries().map_while(Result::ok);
        good.for_each(|entry| drop(entry.given.to_string()));
    }
    let Some(entry) = Entry::read(0, octets) else { return };
    let mut again = BytesMut::new();
    let written =
        write_start(&mut again, entry.at, entry.before).and_then(|()| write_given(&mut again, entry.given));
    assert!(written.is_ok(), "what was read can be written");
    assert_eq!(Entry::read(0, &again), Some(entry), "what was read is written as it was");
}

/// Gives a machine the inputs and commands that the octets mean, in any order and at any time: of connections that are open,
/// and of what it asked for, as a driver must. Records that, and repeats it.
///
/// # Panics
/// The machine does, or it does something else when it is given the same again.
pub fn any_inputs<M: Recordable>(setup: M::Setup, octets: &[u8]) {
    // Of a setup that it refuses there is nothing to try.
    let _ = repeated::<M>(setup, |machine| {
        let mut feeder = Feeder::new(machine);
        let mut rest = octets;
        for _ in 0..MOST {
            let Some((&how, after)) = rest.split_first() else { break };
            rest = after;
            let Some(given) = next(&mut rest) else { break };
            feeder.give::<M>(how, given);
        }
    });
}

/// Records what `drive` does with a machine, and repeats it.
///
/// # Errors
/// The setup is none to build a machine from.
///
/// # Panics
/// The machine does something else when it is given the same again.
pub fn repeated<M: Recordable>(
    setup: M::Setup,
    drive: impl FnOnce(Recorder<M, Box<dyn FnMut(Piece)>>),
) -> Result<(), M::Unfit> {
    let tape = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&tape);
    let sink: Box<dyn FnMut(Piece)> = Box::new(move |piece: Piece| piece.seal(&mut kept.borrow_mut()));
    drive(Recorder::new(setup, sink)?);
    let tape = tape.borrow();
    let recording = Recording::read(&tape).expect("a recording was written");
    let mut replay = Replay::<M>::new(recording).expect("the machine can be built again");
    while replay.step(|_| ()).expect("the same inputs give the same outputs").is_some() {}
    Ok(())
}

/// The next thing to give: as a recording holds it, and behind it, where there is a tail, its length and its octets.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Given<'a>> {
    let mut given: Given<'a> = take(rest)?;
    if let Some(tail) = given.tail() {
        let length: u16 = take(rest)?;
        let (octets, after) = rest.split_at_checked(usize::from(length))?;
        (*tail, *rest) = (octets, after);
    }
    Some(given)
}

/// How much later something is given than what was before, by the low bits of an octet.
const STEPS: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_micros(1),
    Duration::from_millis(1),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(20),
    Duration::from_secs(600),
    Duration::from_secs(36_000),
];

/// A connection as a driver keeps it.
#[derive(Default)]
struct Wire {
    buffer: BytesMut,
    in_flight: usize,
    paused: bool,
    closing: bool,
}

/// The driver of a machine that is given anything.
struct Feeder<R> {
    machine: R,
    now: Time,
    wires: BTreeMap<ConnId, Wire>,
    /// The names of connections that were ever open: none is given twice.
    named: BTreeSet<ConnId>,
    dials: BTreeSet<Ticket>,
    stores: VecDeque<Ticket>,
    loads: BTreeSet<Ticket>,
    scans: BTreeSet<Ticket>,
    done: bool,
}

impl<R: Machine> Feeder<R> {
    const fn new(machine: R) -> Self {
        Feeder {
            machine,
            now: Time::ZERO,
            wires: BTreeMap::new(),
            named: BTreeSet::new(),
            dials: BTreeSet::new(),
            stores: VecDeque::new(),
            loads: BTreeSet::new(),
            scans: BTreeSet::new(),
            done: false,
        }
    }

    fn give<M: Recordable<Command = R::Command>>(&mut self, how: u8, given: Given<'_>) {
        self.now = self.now + STEPS[usize::from(how & 7)];
        match given {
            _ if self.done => {}
            Given::Received { conn, new } => self.receive(conn, new),
            Given::Flushed { conn, n } => self.flush(conn, n),
            Given::Command(_) => {
                if let Some(command) = given.command::<M>() {
                    let _ = self.machine.command(self.now, command);
                }
            }
            given => self.tell(given),
        }
        if how & 8 == 0 {
            self.drain();
        }
    }

    fn receive(&mut self, conn: ConnId, new: &[u8]) {
        let Some(wire) = self.wires.get_mut(&conn).filter(|wire| !wire.closing) else { return };
        wire.buffer.extend_from_slice(new);
        if !wire.paused {
            self.machine.handle(self.now, Input::Received { conn, bytes: &mut wire.buffer });
        }
    }

    fn flush(&mut self, conn: ConnId, n: usize) {
        let Some(wire) = self.wires.get_mut(&conn).filter(|wire| !wire.closing) else { return };
        let n = n.min(wire.in_flight);
        wire.in_flight -= n;
        if n > 0 {
            self.machine.handle(self.now, Input::Flushed { conn, n });
        }
    }

    /// What names a connection or a ticket is given if that is open, a new connection if its name is new.
    fn tell(&mut self, given: Given<'_>) {
        let Some(mut input) = given.input() else { return };
        let fits = match &mut input {
            Input::Opened { conn, how, .. } => {
                let asked = matches!(how, How::Accepted(_)) || self.takes_dial(*how);
                asked && self.named.insert(*conn) && self.wires.insert(*conn, Wire::default()).is_none()
            }
            Input::Closed { conn, .. } => self.wires.remove(conn).is_some(),
            Input::DialFailed { ticket, .. } => self.dials.remove(ticket),
            Input::Stored { ticket, .. } => {
                self.stores.pop_front().inspect(|first| *ticket = *first).is_some()
            }
            Input::Loaded { ticket, .. } => self.loads.remove(ticket),
            Input::Scanned { ticket, .. } => self.scans.remove(ticket),
            _ => true,
        };
        if fits {
            self.machine.handle(self.now, input);
        }
    }

    fn takes_dial(&mut self, how: How) -> bool {
        matches!(how, How::Dialed(ticket) if self.dials.remove(&ticket))
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { conn, frame, .. } => self.change(conn, |wire| wire.in_flight += frame.len()),
                Output::Reading { conn, on } => self.read(conn, on),
                Output::Close { conn, .. } => self.change(conn, |wire| wire.closing = true),
                Output::Dial { ticket, .. } => _ = self.dials.insert(ticket),
                Output::Store { ticket, .. } => self.stores.push_back(ticket),
                Output::Load { ticket, .. } => _ = self.loads.insert(ticket),
                Output::Scan { ticket, .. } => _ = self.scans.insert(ticket),
                Output::Done => self.done = true,
                Output::Datagram { .. } | Output::Event(_) => {}
            }
        }
    }

    fn change(&mut self, conn: ConnId, change: impl FnOnce(&mut Wire)) {
        self.wires.entry(conn).and_modify(change);
    }

    /// When reading is turned on again the buffer is presented again.
    fn read(&mut self, conn: ConnId, on: bool) {
        let Some(wire) = self.wires.get_mut(&conn).filter(|wire| !wire.closing) else { return };
        let resumed = wire.paused && on;
        wire.paused = !on;
        if resumed {
            self.machine.handle(self.now, Input::Received { conn, bytes: &mut wire.buffer });
        }
    }
}

/// A recording's inputs as octets that [`any_inputs`] makes about the same of: for a corpus.
///
/// # Panics
/// A command refuses to be serialised.
pub fn inputs_of(recording: &Recording<'_>) -> Vec<u8> {
    let (mut out, mut last) = (BytesMut::new(), Time::ZERO);
    for Entry { at, mut given, .. } in recording.entries().map_while(Result::ok) {
        if given == Given::End {
            break;
        }
        let step = STEPS.iter().rposition(|step| *step <= at.since(last)).unwrap_or(0);
        last = at;
        let tail = given.tail().map(core::mem::take);
        put(&mut out, &u8::try_from(step).unwrap_or(0));
        put(&mut out, &given);
        if let Some(tail) = tail {
            let length = u16::try_from(tail.len()).unwrap_or(u16::MAX);
            put(&mut out, &length);
            out.extend_from_slice(&tail[..usize::from(length)]);
        }
    }
    out.to_vec()
}

fn put(out: &mut BytesMut, value: &impl Serialize) {
    write(out, value).expect("it was read from octets");
}
