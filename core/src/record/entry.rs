//! One input or command as octets.
//!
//! An entry is framed by four octets for its length (three of it, one to check them) and four of check sum, which covers
//! the number of the entry as well: an octet that was altered anywhere is noticed at the entry that it lies in.
//!
//! While it is recorded it is a draft. Check sums cost the recorder's thread too much, and are put in by [`seal`] where a
//! recording is kept.

use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{BufMut, BytesMut};
use postcard::Result as Written;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Recordable;
use super::octets::{read, take, write};
use super::recording::Damage;
use crate::kernel::{
    Closed, ConnId, DialError, How, Input, Loaded, Port, Scanned, StoreError, Ticket, Time, address,
};

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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields of the inputs of the same names")]
pub enum Given<'a> {
    /// [`Input::Tick`].
    Tick,
    /// [`Input::Opened`].
    Opened {
        conn: ConnId,
        how: How,
        #[serde(with = "address::one")]
        remote: SocketAddr,
    },
    /// Bytes of a connection: those that were not there when it was given last.
    Received {
        conn: ConnId,
        #[serde(skip)]
        new: &'a [u8],
    },
    /// [`Input::Flushed`].
    Flushed { conn: ConnId, n: usize },
    /// [`Input::Closed`].
    Closed { conn: ConnId, why: Closed },
    /// [`Input::DialFailed`].
    DialFailed { ticket: Ticket, why: DialError },
    /// [`Input::Datagram`].
    Datagram {
        port: Port,
        #[serde(with = "address::one")]
        from: SocketAddr,
        #[serde(skip)]
        bytes: &'a [u8],
    },
    /// [`Input::Stored`].
    Stored { ticket: Ticket, result: Result<(), StoreError> },
    /// [`Input::Loaded`].
    Loaded {
        ticket: Ticket,
        #[serde(borrow)]
        value: Loaded<'a>,
    },
    /// [`Input::Scanned`].
    Scanned {
        ticket: Ticket,
        #[serde(borrow)]
        page: Scanned<'a>,
    },
    /// [`Input::WallTime`].
    WallTime { unix: Duration },
    /// A command's octets; [`command`](Given::command) reads them.
    Command(#[serde(skip)] &'a [u8]),
    /// The machine was dropped; nothing was given.
    End,
}

impl<'a> Given<'a> {
    /// What is given by an input; of received bytes those after the first `left`.
    pub(super) fn of(input: &'a Input<'_>, left: usize) -> Self {
        match *input {
            Input::Tick => Given::Tick,
            Input::Opened { conn, how, remote } => Given::Opened { conn, how, remote },
            Input::Received { conn, ref bytes } => {
                Given::Received { conn, new: bytes.get(left..).unwrap_or_default() }
            }
            Input::Flushed { conn, n } => Given::Flushed { conn, n },
            Input::Closed { conn, why } => Given::Closed { conn, why },
            Input::DialFailed { ticket, why } => Given::DialFailed { ticket, why },
            Input::Datagram { port, from, bytes } => Given::Datagram { port, from, bytes },
            Input::Stored { ticket, result } => Given::Stored { ticket, result },
            Input::Loaded { ticket, value } => Given::Loaded { ticket, value },
            Input::Scanned { ticket, page } => Given::Scanned { ticket, page },
            Input::WallTime { unix } => Given::WallTime { unix },
        }
    }

    /// The input; `None` for bytes of a connection, which are given with those before them, a command, and the end.
    pub const fn input(self) -> Option<Input<'a>> {
        Some(match self {
            Given::Tick => Input::Tick,
            Given::Opened { conn, how, remote } => Input::Opened { conn, how, remote },
            Given::Flushed { conn, n } => Input::Flushed { conn, n },
            Given::Closed { conn, why } => Input::Closed { conn, why },
            Given::DialFailed { ticket, why } => Input::DialFailed { ticket, why },
            Given::Datagram { port, from, bytes } => Input::Datagram { port, from, bytes },
            Given::Stored { ticket, result } => Input::Stored { ticket, result },
            Given::Loaded { ticket, value } => Input::Loaded { ticket, value },
            Given::Scanned { ticket, page } => Input::Scanned { ticket, page },
            Given::WallTime { unix } => Input::WallTime { unix },
            Given::Received { .. } | Given::Command(_) | Given::End => return None,
        })
    }

    /// The command of such a machine; `None` if there is none, or its octets mean none.
    pub fn command<M: Recordable>(&self) -> Option<M::Command> {
        match self {
            Given::Command(octets) => read(octets),
            _ => None,
        }
    }

    /// Its kind in a word, for people.
    pub const fn kind(&self) -> &'static str {
        match self {
            Given::Tick => "tick",
            Given::Opened { .. } => "opened",
            Given::Received { .. } => "received",
            Given::Flushed { .. } => "flushed",
            Given::Closed { .. } => "closed",
            Given::DialFailed { .. } => "dial failed",
            Given::Datagram { .. } => "datagram",
            Given::Stored { .. } => "stored",
            Given::Loaded { .. } => "loaded",
            Given::Scanned { .. } => "scanned",
            Given::WallTime { .. } => "wall time",
            Given::Command(_) => "command",
            Given::End => "end",
        }
    }

    /// Where the octets belong that go to the end of the entry.
    pub(super) const fn tail(&mut self) -> Option<&mut &'a [u8]> {
        match self {
            Given::Received { new: tail, .. }
            | Given::Datagram { bytes: tail, .. }
            | Given::Command(tail) => Some(tail),
            _ => None,
        }
    }
}

/// As people read it, on one line.
impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match *self {
            Given::Tick | Given::End => Ok(()),
            Given::Opened { conn, how: How::Dialed(ticket), remote } => {
                write!(f, " {} to {remote}, ticket {}", conn.0, ticket.0)
            }
            Given::Opened { conn, how: How::Accepted(port), remote } => {
                write!(f, " {} from {remote}, port {}", conn.0, port.0)
            }
            Given::Received { conn, new } => write!(f, " {} \"{}\"", conn.0, new.escape_ascii()),
            Given::Flushed { conn, n } => write!(f, " {} {n} octets", conn.0),
            Given::Closed { conn, why } => write!(f, " {} {why:?}", conn.0),
            Given::DialFailed { ticket, why } => write!(f, ", ticket {} {why:?}", ticket.0),
            Given::Datagram { port, from, bytes } => {
                write!(f, " from {from}, port {} \"{}\"", port.0, bytes.escape_ascii())
            }
            Given::Stored { ticket, result: Ok(()) } => write!(f, ", ticket {} ok", ticket.0),
            Given::Stored { ticket, result: Err(why) } => write!(f, ", ticket {}: {why}", ticket.0),
            Given::Loaded { ticket, value: Loaded::Value(octets) } => {
                write!(f, ", ticket {} \"{}\"", ticket.0, octets.escape_ascii())
            }
            Given::Loaded { ticket, value } => write!(f, ", ticket {} {value:?}", ticket.0),
            Given::Scanned { ticket, page: Scanned::Failed } => write!(f, ", ticket {} failed", ticket.0),
            Given::Scanned { ticket, page: Scanned::Page { entries, more } } => {
                let (n, more) = (entries.count(), if more { ", more follow" } else { "" });
                write!(f, ", ticket {} {n} entries{more}", ticket.0)
            }
            Given::WallTime { unix } => write!(f, " {}.{:06} s", unix.as_secs(), unix.subsec_micros()),
            Given::Command(octets) => write!(f, " \"{}\"", octets.escape_ascii()),
        }
    }
}

/// Appends a draft: an entry's own octets, which `write` writes, behind their number. Whether it was written and fits; if
/// not, nothing is appended.
pub(super) fn draft(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Written<()>) -> bool {
    let start = out.len();
    out.put_u32_le(0);
    let written = write(out);
    let own = out.len() - start - LENGTH;
    if written.is_err() || own > LONGEST {
        out.truncate(start);
        return false;
    }
    out[start..start + LENGTH].copy_from_slice(&length_octets(own));
    true
}

/// Frames the [drafts](draft) that stand one after the other, the first of which has the number `first`. What is no whole
/// draft is left out, with all behind it.
pub(super) fn seal(out: &mut Vec<u8>, first: u64, mut drafts: &[u8]) {
    let mut number = first;
    while let Some((length, after)) = drafts.split_first_chunk::<LENGTH>() {
        let Some((own, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize) else { return };
        frame(out, number, own);
        number = number.wrapping_add(1);
        drafts = after;
    }
}

/// Appends a framed entry that has these octets, at most [`LONGEST`].
pub(super) fn frame(out: &mut Vec<u8>, number: u64, own: &[u8]) {
    let [a, b, c, _] = length_octets(own.len());
    out.extend_from_slice(&[a, b, c, fold([a, b, c])]);
    out.extend_from_slice(own);
    out.extend_from_slice(&check(number, own));
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

/// Writes when, and what came out before. What is given follows.
pub(super) fn write_start(out: &mut BytesMut, at: Time, before: Polled) -> Written<()> {
    let polled = before.outputs << 2 | u64::from(before.hash.is_some()) << 1 | u64::from(before.drained);
    write(out, &(at, polled))?;
    if before.outputs > 0 {
        write(out, &before.octets)?;
    }
    before.hash.map_or(Ok(()), |hash| write(out, &hash.to_le_bytes()))
}

/// Writes what is given. More octets of its end may follow.
pub(super) fn write_given(out: &mut BytesMut, mut given: Given<'_>) -> Written<()> {
    write(out, &given)?;
    out.extend_from_slice(given.tail().map_or(&[], |tail| *tail));
    Ok(())
}

impl<'a> Entry<'a> {
    /// Reads an entry's own octets.
    pub(super) fn read(number: u64, mut own: &'a [u8]) -> Option<Self> {
        let rest = &mut own;
        let (at, polled): (_, u64) = take(rest)?;
        let outputs = polled >> 2;
        let octets = if outputs == 0 { 0 } else { take(rest)? };
        let hash = if polled & 2 == 0 { None } else { Some(u64::from_le_bytes(take(rest)?)) };
        let before = Polled { outputs, octets, drained: polled & 1 == 1, hash };
        let mut given: Given<'a> = take(rest)?;
        if let Some(tail) = given.tail() {
            *tail = core::mem::take(rest);
        }
        rest.is_empty().then_some(Entry { number, at, before, given })
    }
}
