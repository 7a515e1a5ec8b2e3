//! One input or command as octets.
//!
//! An entry is framed by four octets for its length (three of it, one to check them) and four of check sum, which covers
//! the number of the entry as well: an octet that was altered anywhere is noticed at the entry that it lies in.
//!
//! While it is recorded it is a draft: long octets that were received are kept where they are. Copying them and check sums
//! cost the recorder's thread too much, and are done by [`seal`] where a recording is kept.

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::octets::{Pen, Reader};
use super::recording::Damage;
use crate::kernel::{Closed, ConnId, DialError, How, Input, Loaded, Port, Ticket, Time};

/// The most octets that an entry may have; a longer input ends its recording.
pub const LONGEST: usize = (1 << 24) - 1;

/// Octets before and after an entry's own.
const LENGTH: usize = 4;
const CHECK: usize = 4;

/// What was polled since the entry before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Polled {
    /// How many outputs.
    pub outputs: u64,
    /// Octets of their payloads together: frames, datagrams, what is stored.
    pub octets: u64,
    /// Whether the machine then said that there are no more.
    pub drained: bool,
    /// The hash of them, and of the answer to a command before; `None` if there was nothing, or the recording does not say.
    pub hash: Option<u64>,
}

/// One entry of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Its number, from 0.
    pub number: u64,
    /// When it was given.
    pub at: Time,
    /// What came out before it.
    pub before: Polled,
    /// What was given.
    pub given: Given<'a>,
}

/// What a machine was given. It is an [`Input`] that owns no buffer, a command, or the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given<'a> {
    /// An input other than bytes of a connection; never [`Input::Received`].
    Plain(Plain<'a>),
    /// Bytes of a connection: those that were not there when it was given last.
    Received {
        /// The connection.
        conn: ConnId,
        /// The new ones.
        new: &'a [u8],
    },
    /// A command, as [`write_command`](super::Recordable::write_command) wrote it.
    Command(&'a [u8]),
    /// The machine was dropped; nothing was given.
    End,
}

/// An input that can be copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields of the inputs of the same names")]
pub enum Plain<'a> {
    /// [`Input::Tick`].
    Tick,
    /// [`Input::Opened`].
    Opened { conn: ConnId, how: How, remote: SocketAddr },
    /// [`Input::Flushed`].
    Flushed { conn: ConnId, n: usize },
    /// [`Input::Closed`].
    Closed { conn: ConnId, why: Closed },
    /// [`Input::DialFailed`].
    DialFailed { ticket: Ticket, why: DialError },
    /// [`Input::Datagram`].
    Datagram { port: Port, from: SocketAddr, bytes: &'a [u8] },
    /// [`Input::Stored`].
    Stored { ticket: Ticket, ok: bool },
    /// [`Input::Loaded`].
    Loaded { ticket: Ticket, value: Loaded<'a> },
}

impl<'a> Plain<'a> {
    /// The input.
    pub const fn input(self) -> Input<'a> {
        match self {
            Plain::Tick => Input::Tick,
            Plain::Opened { conn, how, remote } => Input::Opened { conn, how, remote },
            Plain::Flushed { conn, n } => Input::Flushed { conn, n },
            Plain::Closed { conn, why } => Input::Closed { conn, why },
            Plain::DialFailed { ticket, why } => Input::DialFailed { ticket, why },
            Plain::Datagram { port, from, bytes } => Input::Datagram { port, from, bytes },
            Plain::Stored { ticket, ok } => Input::Stored { ticket, ok },
            Plain::Loaded { ticket, value } => Input::Loaded { ticket, value },
        }
    }
}

impl Given<'_> {
    /// Its kind in a word, for people.
    pub const fn kind(&self) -> &'static str {
        match self {
            Given::Plain(Plain::Tick) => "tick",
            Given::Plain(Plain::Opened { .. }) => "opened",
            Given::Plain(Plain::Flushed { .. }) => "flushed",
            Given::Plain(Plain::Closed { .. }) => "closed",
            Given::Plain(Plain::DialFailed { .. }) => "dial failed",
            Given::Plain(Plain::Datagram { .. }) => "datagram",
            Given::Plain(Plain::Stored { .. }) => "stored",
            Given::Plain(Plain::Loaded { .. }) => "loaded",
            Given::Received { .. } => "received",
            Given::Command(_) => "command",
            Given::End => "end",
        }
    }
}

/// As people read it, on one line.
impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match *self {
            Given::Plain(plain) => plain.fmt(f),
            Given::Received { conn, new } => write!(f, " {} \"{}\"", conn.0, new.escape_ascii()),
            Given::Command(octets) => write!(f, " \"{}\"", octets.escape_ascii()),
            Given::End => Ok(()),
        }
    }
}

/// What follows the kind.
impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Plain::Tick => Ok(()),
            Plain::Opened { conn, how: How::Dialed(ticket), remote } => {
                write!(f, " {} to {remote}, ticket {}", conn.0, ticket.0)
            }
            Plain::Opened { conn, how: How::Accepted(port), remote } => {
                write!(f, " {} from {remote}, port {}", conn.0, port.0)
            }
            Plain::Flushed { conn, n } => write!(f, " {} {n} octets", conn.0),
            Plain::Closed { conn, why } => write!(f, " {} {why:?}", conn.0),
            Plain::DialFailed { ticket, why } => write!(f, ", ticket {} {why:?}", ticket.0),
            Plain::Datagram { port, from, bytes } => {
                write!(f, " from {from}, port {} \"{}\"", port.0, bytes.escape_ascii())
            }
            Plain::Stored { ticket, ok } => {
                write!(f, ", ticket {} {}", ticket.0, if ok { "ok" } else { "failed" })
            }
            Plain::Loaded { ticket, value: Loaded::Value(octets) } => {
                write!(f, ", ticket {} \"{}\"", ticket.0, octets.escape_ascii())
            }
            Plain::Loaded { ticket, value } => write!(f, ", ticket {} {value:?}", ticket.0),
        }
    }
}

/// Appends a draft: an entry's own octets, which `write` writes, behind their number. The highest bit of that says that a
/// read follows, of `read` octets. Whether it fits; if not, nothing is appended.
pub(super) fn draft(out: &mut BytesMut, read: Option<usize>, write: impl FnOnce(&mut Pen<'_>)) -> bool {
    let start = out.len();
    out.put_u32_le(0);
    write(&mut Pen::new(out));
    let own = out.len() - start - LENGTH;
    if own.saturating_add(read.unwrap_or(0)) > LONGEST {
        out.truncate(start);
        return false;
    }
    let mut length = length_octets(own);
    length[LENGTH - 1] = if read.is_some() { READ } else { 0 };
    out[start..start + LENGTH].copy_from_slice(&length);
    true
}

/// Frames the [drafts](draft) that stand one after the other, the first of which has the number `first`, with the reads
/// that follow them. What is no whole draft is left out, with all behind it.
pub(super) fn seal(out: &mut Vec<u8>, first: u64, mut drafts: &[u8], reads: &[Bytes]) {
    let (mut reads, mut number) = (reads.iter(), first);
    while let Some((&[a, b, c, read], after)) = drafts.split_first_chunk::<LENGTH>() {
        let own = u32::from_le_bytes([a, b, c, 0]) as usize;
        let Some((own, after)) = after.split_at_checked(own) else { return };
        let read = if read == READ { reads.next() } else { None };
        frame(out, number, [own, read.map_or(&[], |read| &read[..])]);
        number = number.wrapping_add(1);
        drafts = after;
    }
}

/// Stands for a read behind the length of a draft.
const READ: u8 = 0x80;

/// Appends a framed entry that has these octets one after the other, together at most [`LONGEST`].
pub(super) fn frame(out: &mut Vec<u8>, number: u64, parts: [&[u8]; 2]) {
    let start = out.len() + LENGTH;
    out.put_bytes(0, LENGTH);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let [a, b, c, _] = length_octets(out.len() - start);
    out[start - LENGTH..start].copy_from_slice(&[a, b, c, fold([a, b, c])]);
    let check = check(number, &out[start..]);
    out.extend_from_slice(&check);
}

/// A length of at most [`LONGEST`]: the last octet is 0.
fn length_octets(length: usize) -> [u8; LENGTH] {
    let [a, b, c, d, ..] = (length as u64).to_le_bytes();
    [a, b, c, d]
}

/// Any one octet that is altered alters this.
fn fold([a, b, c]: [u8; 3]) -> u8 {
    a ^ b ^ c ^ 0xa5
}

fn check(number: u64, octets: &[u8]) -> [u8; CHECK] {
    let [a, b, c, d, ..] = xxh3_64_with_seed(octets, number).to_le_bytes();
    [a, b, c, d]
}

/// Takes the own octets of the entry of this number off the front.
pub(super) fn unframe<'a>(rest: &mut &'a [u8], number: u64) -> Result<&'a [u8], Damage> {
    let cut = Damage::Cut { number };
    let (field, after) = rest.split_first_chunk::<LENGTH>().ok_or(cut)?;
    let &[a, b, c, folded] = field;
    if fold([a, b, c]) != folded {
        return Err(Damage::Altered { number });
    }
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    let (own, after) = after.split_at_checked(length).ok_or(cut)?;
    let (sum, after) = after.split_first_chunk::<CHECK>().ok_or(cut)?;
    if *sum != check(number, own) {
        return Err(Damage::Altered { number });
    }
    *rest = after;
    Ok(own)
}

const TICK: u8 = 0;
const DIALED: u8 = 1;
const ACCEPTED: u8 = 2;
const RECEIVED: u8 = 3;
const FLUSHED: u8 = 4;
const CLOSED: u8 = 5;
const DIAL_FAILED: u8 = 6;
const DATAGRAM: u8 = 7;
const STORED: u8 = 8;
const LOADED: u8 = 9;
const COMMAND: u8 = 10;
const END: u8 = 11;

/// Writes when, and what came out before. The kind follows.
pub(super) fn write_start(pen: &mut Pen<'_>, at: Time, before: Polled) {
    pen.number(at.as_micros());
    pen.number(before.outputs << 2 | u64::from(before.hash.is_some()) << 1 | u64::from(before.drained));
    if before.outputs > 0 {
        pen.number(before.octets);
    }
    if let Some(hash) = before.hash {
        pen.plain(&hash.to_le_bytes());
    }
}

/// Writes the kind of a command; its octets follow to the end of the entry.
pub(super) fn write_command(pen: &mut Pen<'_>) {
    pen.octet(COMMAND);
}

/// Writes the end.
pub(super) fn write_end(pen: &mut Pen<'_>) {
    pen.octet(END);
}

/// Writes that octets were received; they follow to the end of the entry.
pub(super) fn write_received(pen: &mut Pen<'_>, conn: ConnId) {
    pen.octet(RECEIVED);
    pen.number(conn.0);
}

/// Writes an input; of received bytes those after the first `left`.
pub(super) fn write_input(pen: &mut Pen<'_>, input: &Input<'_>, left: usize) {
    match input {
        Input::Tick => pen.octet(TICK),
        Input::Opened { conn, how, remote } => {
            let (kind, number) = match how {
                How::Dialed(ticket) => (DIALED, ticket.0),
                How::Accepted(port) => (ACCEPTED, port.0.into()),
            };
            pen.octet(kind);
            pen.number(conn.0);
            pen.number(number);
            pen.address(*remote);
        }
        Input::Received { conn, bytes } => {
            write_received(pen, *conn);
            pen.plain(bytes.get(left..).unwrap_or_default());
        }
        Input::Flushed { conn, n } => {
            pen.octet(FLUSHED);
            pen.number(conn.0);
            pen.size(*n);
        }
        Input::Closed { conn, why } => {
            pen.octet(CLOSED);
            pen.number(conn.0);
            pen.octet(code(&CLOSES, why));
        }
        Input::DialFailed { ticket, why } => {
            pen.octet(DIAL_FAILED);
            pen.number(ticket.0);
            pen.octet(code(&DIAL_ERRORS, why));
        }
        Input::Datagram { port, from, bytes } => {
            pen.octet(DATAGRAM);
            pen.number(port.0.into());
            pen.address(*from);
            pen.plain(bytes);
        }
        Input::Stored { ticket, ok } => {
            pen.octet(STORED);
            pen.number(ticket.0);
            pen.yes(*ok);
        }
        Input::Loaded { ticket, value } => {
            pen.octet(LOADED);
            pen.number(ticket.0);
            match value {
                Loaded::Absent => pen.octet(0),
                Loaded::Failed => pen.octet(1),
                Loaded::Value(octets) => {
                    pen.octet(2);
                    pen.plain(octets);
                }
            }
        }
    }
}

const CLOSES: [Closed; 3] = [Closed::ByPeer, Closed::Broken, Closed::ByUs];
const DIAL_ERRORS: [DialError; 4] =
    [DialError::Refused, DialError::TimedOut, DialError::Unreachable, DialError::Exhausted];

/// Where a value stands among all of its kind.
#[allow(clippy::cast_possible_truncation, reason = "there are few")]
fn code<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).unwrap_or_default() as u8
}

impl<'a> Entry<'a> {
    /// Reads an entry's own octets.
    pub(super) fn read(number: u64, own: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(own);
        let at = Time::from_micros(reader.number()?);
        let polled = reader.number()?;
        let outputs = polled >> 2;
        let octets = if outputs == 0 { 0 } else { reader.number()? };
        let hash = if polled & 2 == 0 { None } else { Some(u64::from_le_bytes(reader.array()?)) };
        let before = Polled { outputs, octets, drained: polled & 1 == 1, hash };
        let given = read_given(&mut reader)?;
        reader.is_empty().then_some(Entry { number, at, before, given })
    }
}

fn read_given<'a>(reader: &mut Reader<'a>) -> Option<Given<'a>> {
    let conn = |reader: &mut Reader<'a>| reader.number().map(ConnId);
    let ticket = |reader: &mut Reader<'a>| reader.number().map(Ticket);
    let plain = match reader.octet()? {
        TICK => Plain::Tick,
        DIALED => {
            let (conn, how) = (conn(reader)?, How::Dialed(ticket(reader)?));
            Plain::Opened { conn, how, remote: reader.address()? }
        }
        ACCEPTED => {
            let (conn, how) = (conn(reader)?, How::Accepted(Port(reader.narrow()?)));
            Plain::Opened { conn, how, remote: reader.address()? }
        }
        RECEIVED => return Some(Given::Received { conn: conn(reader)?, new: reader.rest() }),
        FLUSHED => Plain::Flushed { conn: conn(reader)?, n: reader.narrow()? },
        CLOSED => Plain::Closed { conn: conn(reader)?, why: *CLOSES.get(usize::from(reader.octet()?))? },
        DIAL_FAILED => {
            let ticket = ticket(reader)?;
            Plain::DialFailed { ticket, why: *DIAL_ERRORS.get(usize::from(reader.octet()?))? }
        }
        DATAGRAM => {
            let (port, from) = (Port(reader.narrow()?), reader.address()?);
            Plain::Datagram { port, from, bytes: reader.rest() }
        }
        STORED => Plain::Stored { ticket: ticket(reader)?, ok: reader.yes()? },
        LOADED => {
            let ticket = ticket(reader)?;
            let value = match reader.octet()? {
                0 => Loaded::Absent,
                1 => Loaded::Failed,
                2 => Loaded::Value(reader.rest()),
                _ => return None,
            };
            Plain::Loaded { ticket, value }
        }
        COMMAND => return Some(Given::Command(reader.rest())),
        END => return Some(Given::End),
        _ => return None,
    };
    Some(Given::Plain(plain))
}
