//! Writing a recording.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use bytes::{Bytes, BytesMut};
use postcard::Result as Written;
use serde::Serialize;

use super::Recordable;
use super::digest::{Digest, Outputs, length};
use super::entry::{Given, Polled, draft, seal, write_given, write_start};
use super::octets::write;
use super::recording::write_head;
use crate::kernel::{ConnId, Input, Machine, Output, Time, Wake};

/// Octets after which a piece is handed to the sink. One that holds a long input has more.
pub const PIECE: usize = 64 << 10;

/// How old a piece may get before the next input hands it over.
pub const SOONEST: Duration = Duration::from_secs(1);

/// Octets of a buffer that several pieces share; one that holds a long input has more.
const BUFFER: usize = 4 * PIECE;

/// What an entry takes beside the octets that were received.
const AROUND: usize = 128;

/// Some whole entries of a recording, one after the other. The head of the recording comes alone, as the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The number of the first entry in it; `None` for the head.
    pub first: Option<u64>,
    /// The head as it is to be kept; or drafts of entries, to be [sealed](Self::seal).
    pub octets: Bytes,
}

impl Piece {
    /// Appends what is to be kept: entries with check sums, computed here, so that the machine's thread need
    /// not.
    pub fn seal(&self, out: &mut Vec<u8>) {
        match self.first {
            Some(first) => seal(out, first, &self.octets),
            None => out.extend_from_slice(&self.octets),
        }
    }
}

/// Keeps a recording, or as much of it as it likes.
pub trait Sink {
    /// Takes the next piece. It should not make the machine wait.
    fn piece(&mut self, piece: Piece);

    /// What the recording is to say of outputs; asked once, before the first piece. Hashes cost time for every octet that
    /// is put out, which is wasted on a recording that will hardly be replayed.
    fn outputs(&self) -> Outputs {
        Outputs::Hashed
    }

    /// A buffer of pieces that are no longer kept, if there is one: memory that was used lately costs less than new one.
    fn spare(&mut self) -> Option<BytesMut> {
        None
    }
}

impl<F: FnMut(Piece)> Sink for F {
    fn piece(&mut self, piece: Piece) {
        self(piece);
    }
}

/// A machine whose run is recorded. To a driver it is the machine that it holds.
///
/// The recording is handed to the sink in pieces: when one has [`PIECE`] octets, when one is [`SOONEST`] old, and when
/// this is dropped. An input is written before the machine is given it.
#[derive(Debug)]
pub struct Recorder<M: Recordable, S: Sink> {
    machine: M,
    tape: Tape<S>,
}

impl<M: Recordable, S: Sink> Recorder<M, S> {
    /// Builds the machine and begins its recording.
    ///
    /// # Errors
    /// The setup is none to build a machine from; nothing is recorded.
    ///
    /// # Panics
    /// The setup refuses to be serialised, or has 16 MiB.
    pub fn new(setup: M::Setup, mut sink: S) -> Result<Self, M::Unfit> {
        let outputs = sink.outputs();
        let head = write_head(M::KIND, outputs, &setup);
        let machine = M::build(setup)?;
        sink.piece(Piece { first: None, octets: head.into() });
        Ok(Recorder { machine, tape: Tape::new(sink, outputs) })
    }

    /// The machine, for questions.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// The sink.
    pub const fn sink(&self) -> &S {
        &self.tape.sink
    }
}

impl<M: Recordable, S: Sink> Drop for Recorder<M, S> {
    fn drop(&mut self) {
        let at = self.tape.last;
        self.tape.entry(at, 0, |out| write_given(out, Given::End));
        self.tape.hand_over();
    }
}

impl<M: Recordable, S: Sink> Machine for Recorder<M, S> {
    type Command = M::Command;
    type Reply = M::Reply;
    type Refusal = M::Refusal;
    type Event = M::Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.tape.input(now, &input);
        let Input::Received { conn, bytes } = input else { return self.machine.handle(now, input) };
        self.machine.handle(now, Input::Received { conn, bytes: &mut *bytes });
        self.tape.left_over(conn, bytes.len());
    }

    fn command(&mut self, now: Time, command: M::Command) -> Result<M::Reply, M::Refusal> {
        self.tape.entry(now, 0, |out| {
            write_given(out, Given::Command(&[]))?;
            write(out, &command)
        });
        let answer = self.machine.command(now, command);
        self.tape.hash(&answer);
        answer
    }

    fn poll(&mut self) -> Option<Output<M::Event>> {
        let output = self.machine.poll();
        match &output {
            Some(output) => self.tape.output(output),
            None => self.tape.polled.drained = true,
        }
        output
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.machine.poll_timeout()
    }
}

/// The recording while it is written.
#[derive(Debug)]
struct Tape<S: Sink> {
    sink: S,
    /// The number of the next entry.
    number: u64,
    /// The piece to come, the number of its first entry, and when that was given.
    piece: BytesMut,
    first: u64,
    began: Time,
    /// The last time given.
    last: Time,
    polled: Polled,
    /// What was put out since the last entry, if that is hashed.
    digest: Digest,
    hashed: bool,
    /// What the machine left of connections' bytes; of those where it ever left some, until they are closed.
    left: BTreeMap<ConnId, usize>,
    /// Whether something given could not be written or was too long, which ends the recording.
    ended: bool,
}

impl<S: Sink> Tape<S> {
    fn new(sink: S, outputs: Outputs) -> Self {
        Tape {
            sink,
            number: 0,
            piece: BytesMut::new(),
            first: 0,
            began: Time::ZERO,
            last: Time::ZERO,
            polled: Polled::default(),
            digest: Digest::default(),
            hashed: outputs == Outputs::Hashed,
            left: BTreeMap::new(),
            ended: false,
        }
    }

    fn input(&mut self, now: Time, input: &Input<'_>) {
        let (left, long) = match input {
            Input::Received { conn, bytes } => (self.left.get(conn).copied().unwrap_or(0), bytes.len()),
            Input::Closed { conn, .. } => (self.left.remove(conn).unwrap_or(0), 0),
            Input::Datagram { bytes, .. } => (0, bytes.len()),
            _ => (0, 0),
        };
        self.entry(now, long.saturating_sub(left), |out| write_given(out, Given::of(input, left)));
    }

    /// Notes what the machine did not take.
    fn left_over(&mut self, conn: ConnId, octets: usize) {
        if octets > 0 {
            self.left.insert(conn, octets);
        } else if let Some(left) = self.left.get_mut(&conn) {
            *left = 0;
        }
    }

    /// Writes an entry that has about `long` octets.
    fn entry(&mut self, now: Time, long: usize, write: impl FnOnce(&mut BytesMut) -> Written<()>) {
        self.last = now;
        if self.ended {
            return;
        }
        self.make_room(now, long.saturating_add(AROUND));
        let hash = self.digest.hash();
        let before = Polled { hash, ..mem::take(&mut self.polled) };
        self.digest.clear();
        let fits = draft(&mut self.piece, |out| {
            write_start(out, now, before)?;
            write(out)
        });
        self.number += 1;
        self.ended = !fits;
    }

    /// Hands over what is there if it is much or old, or if an entry would not fit behind it without moving it.
    fn make_room(&mut self, now: Time, octets: usize) {
        let held = self.piece.len();
        let full = held >= PIECE || held + octets > self.piece.capacity();
        if held > 0 && (full || now.since(self.began) >= SOONEST) {
            self.hand_over();
        }
        if self.piece.is_empty() {
            self.first = self.number;
            self.began = now;
            if self.piece.capacity() < octets {
                self.piece = self.sink.spare().unwrap_or_default();
                self.piece.clear();
                self.piece.reserve(octets.max(BUFFER));
            }
        }
    }

    fn hand_over(&mut self) {
        if !self.piece.is_empty() {
            self.sink.piece(Piece { first: Some(self.first), octets: self.piece.split().freeze() });
        }
    }

    fn output<E: Serialize>(&mut self, output: &Output<E>) {
        self.polled.outputs += 1;
        self.polled.octets += length(output);
        self.hash(output);
    }

    /// Adds an output, or an answer to a command.
    fn hash(&mut self, said: &impl Serialize) {
        if self.hashed && !self.ended {
            self.digest.add(said);
        }
    }
}
