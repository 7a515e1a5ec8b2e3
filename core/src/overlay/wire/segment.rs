//! Packets in pieces: cut where they are sent, put together where they arrive.

use alloc::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::{SmallVec, smallvec};

use super::super::super::kernel::Time;
use super::WireError;
use super::emit::put_piece_head;
use super::lexis::{inline, whole};
use super::limits::{
    MESSAGE_LIMIT, PIECE_CHARGE, PIECES_LIMIT, PKT_LIMIT, REASSEMBLY_LIMIT, SEG_TIMEOUT, UNFINISHED_LIMIT,
};
use super::value::{Packet, Segment};

const CRLF: &[u8] = b"\r\n";
/// What stands before a piece's octets, index and count counted with the four digits that they may have.
const HEAD: usize = "SEG@4294967295@9999@9999@".len();
/// Octets of a packet in one piece.
const CHUNK: usize = PKT_LIMIT - HEAD;

impl Segment {
    /// A piece.
    ///
    /// # Errors
    /// There are no pieces or more than [`PIECES_LIMIT`], `index` is not below `count`, or `chunk` is empty, longer than a
    /// packet of [`PKT_LIMIT`] octets has room for, or has an end of line.
    pub fn new(message: u32, index: u16, count: u16, chunk: Bytes) -> Result<Self, WireError> {
        if count > PIECES_LIMIT {
            return Err(WireError::Range("a packet has too many pieces"));
        }
        if index >= count {
            return Err(WireError::Range("a piece is beyond the last"));
        }
        if chunk.len() > CHUNK {
            return Err(WireError::Bound("a piece is too long"));
        }
        whole(inline, &chunk)?;
        Ok(Segment { message, index, count, chunk })
    }

    /// Which packet, per link.
    pub const fn message(&self) -> u32 {
        self.message
    }

    /// Which piece, from 0.
    pub const fn index(&self) -> u16 {
        self.index
    }

    /// How many pieces, from 1 to [`PIECES_LIMIT`].
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The octets. Of a piece that was read they may be as many as a line has.
    pub const fn chunk(&self) -> &Bytes {
        &self.chunk
    }
}

/// The frames of a packet, CRLF included: one, or pieces of at most [`PKT_LIMIT`] octets and CRLF each. `message` is the
/// number of the link's last packet in pieces, and goes up for each.
///
/// None if the packet is longer than [`MESSAGE_LIMIT`]: nobody would take it.
pub fn frames(packet: &Packet, message: &mut u32) -> SmallVec<[Bytes; 1]> {
    cut(packet.emit(), message)
}

/// The same for a packet that is emitted already, CRLF included; a short one is answered as it is.
pub fn cut(frame: Bytes, message: &mut u32) -> SmallVec<[Bytes; 1]> {
    let packet = frame.strip_suffix(CRLF).unwrap_or(&frame);
    if packet.len() <= PKT_LIMIT {
        return smallvec![frame];
    }
    if packet.len() > MESSAGE_LIMIT {
        return SmallVec::new();
    }
    *message = message.wrapping_add(1);
    let count = u16::try_from(packet.len().div_ceil(CHUNK)).unwrap_or(u16::MAX);
    (0..count).zip(packet.chunks(CHUNK)).map(|(index, chunk)| piece(*message, index, count, chunk)).collect()
}

fn piece(message: u32, index: u16, count: u16, chunk: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD + chunk.len() + CRLF.len());
    put_piece_head(&mut out, message, index, count);
    out.put_slice(chunk);
    out.put_slice(CRLF);
    out.freeze()
}

/// What a peer did wrong with pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.what())]
#[non_exhaustive]
pub enum SegError {
    /// Two pieces of a packet say different counts.
    Count,
    /// The same piece came twice with different octets.
    Conflict,
    /// More than [`UNFINISHED_LIMIT`] packets are incomplete.
    Packets,
    /// The incomplete packets are above [`REASSEMBLY_LIMIT`].
    Octets,
}

impl SegError {
    /// What is wrong, in a few words without a full stop.
    pub const fn what(self) -> &'static str {
        match self {
            SegError::Count => "the number of a packet's pieces changed",
            SegError::Conflict => "a piece came again with other octets",
            SegError::Packets => "too many packets are incomplete",
            SegError::Octets => "the incomplete packets are too long",
        }
    }
}

/// Puts one link's packets together, from pieces in any order. What it holds is bounded in packets
/// ([`UNFINISHED_LIMIT`]), octets ([`REASSEMBLY_LIMIT`]) and age ([`SEG_TIMEOUT`]).
#[derive(Clone, Debug, Default)]
pub struct Reassembly {
    unfinished: BTreeMap<u32, Unfinished>,
    charged: usize,
}

#[derive(Clone, Debug)]
struct Unfinished {
    since: Time,
    count: u16,
    charged: usize,
    pieces: BTreeMap<u16, Bytes>,
}

impl Reassembly {
    /// Nothing is incomplete.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a piece, and answers the packet if it was the last one missing. The octets are copied; a piece that is
    /// there already changes nothing. Give the answer to [`read_reassembled`](super::read_reassembled).
    ///
    /// # Errors
    /// The peer broke a rule or a bound; close the link. The piece is not kept.
    pub fn push(&mut self, now: Time, segment: Segment) -> Result<Option<Bytes>, SegError> {
        self.expire(now);
        if segment.count == 1 {
            return self.alone(segment);
        }
        let known = self.unfinished.get(&segment.message);
        if known.is_some_and(|packet| packet.count != segment.count) {
            return Err(SegError::Count);
        }
        match known.and_then(|packet| packet.pieces.get(&segment.index)) {
            Some(piece) if *piece == segment.chunk => return Ok(None),
            Some(_) => return Err(SegError::Conflict),
            None if known.is_none() && self.unfinished.len() == UNFINISHED_LIMIT => {
                return Err(SegError::Packets);
            }
            None => {}
        }
        let charge = segment.chunk.len() + PIECE_CHARGE;
        if self.charged + charge > REASSEMBLY_LIMIT {
            return Err(SegError::Octets);
        }
        self.charged += charge;
        Ok(self.keep(now, segment, charge))
    }

    /// Forgets packets that have been incomplete for [`SEG_TIMEOUT`]; how many that were.
    pub fn expire(&mut self, now: Time) -> usize {
        let before = self.unfinished.len();
        let charged = &mut self.charged;
        self.unfinished.retain(|_, packet| {
            let keep = packet.since + SEG_TIMEOUT > now;
            *charged -= if keep { 0 } else { packet.charged };
            keep
        });
        before - self.unfinished.len()
    }

    /// When the next packet is forgotten, if any is incomplete.
    pub fn next_expiry(&self) -> Option<Time> {
        self.unfinished.values().map(|packet| packet.since + SEG_TIMEOUT).min()
    }

    /// A packet of one piece, unless earlier pieces of it said otherwise.
    fn alone(&self, segment: Segment) -> Result<Option<Bytes>, SegError> {
        match self.unfinished.contains_key(&segment.message) {
            true => Err(SegError::Count),
            false => Ok(Some(segment.chunk)),
        }
    }

    fn keep(&mut self, now: Time, segment: Segment, charge: usize) -> Option<Bytes> {
        let Segment { message, index, count, chunk } = segment;
        let packet = self.unfinished.entry(message).or_insert_with(|| Unfinished {
            since: now,
            count,
            charged: 0,
            pieces: BTreeMap::new(),
        });
        packet.charged += charge;
        packet.pieces.insert(index, Bytes::copy_from_slice(&chunk));
        if packet.pieces.len() < usize::from(count) {
            return None;
        }
        let packet = self.unfinished.remove(&message)?;
        self.charged -= packet.charged;
        Some(packet.joined())
    }
}

impl Unfinished {
    fn joined(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.pieces.values().map(Bytes::len).sum());
        for piece in self.pieces.values() {
            whole.put_slice(piece);
        }
        whole.freeze()
    }
}
