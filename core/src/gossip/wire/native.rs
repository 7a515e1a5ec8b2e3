//! The frames that nodes of this project say to each other.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::message::{hash, needs, write};
use super::{Code, Malformed, MessageHash};

/// The version of these frames.
pub const PROTOCOL: u8 = 1;
/// Above so many octets of data a message is offered, and not sent unasked.
pub const SMALL: usize = 4 << 10;

/// What a native frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// Says that a node of this project is at this end.
    Hello {
        /// Drawn at start: who hears its own is at both ends.
        nonce: u64,
    },
    /// Asks whether the other end is still there.
    Ping,
    /// It is.
    Pong,
}

impl Probe {
    /// Version, what it is, six octets that mean nothing yet, nonce.
    pub(super) const LEN: usize = 16;

    pub(super) fn read(mut body: Bytes) -> Result<Probe, Malformed> {
        needs(&body, Self::LEN)?;
        if body.get_u8() != PROTOCOL {
            return Err(Malformed::Version);
        }
        let kind = body.get_u8();
        body.advance(6);
        match kind {
            0 => Ok(Probe::Hello { nonce: body.get_u64() }),
            1 => Ok(Probe::Ping),
            2 => Ok(Probe::Pong),
            _ => Err(Malformed::Version),
        }
    }

    pub(super) fn write(self, out: &mut BytesMut) {
        let (kind, nonce) = match self {
            Probe::Hello { nonce } => (0, nonce),
            Probe::Ping => (1, 0),
            Probe::Pong => (2, 0),
        };
        out.put_u8(PROTOCOL);
        out.put_u8(kind);
        out.put_bytes(0, 6);
        out.put_u64(nonce);
    }
}

/// A message of at most [`SMALL`] octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spread {
    /// How many more links it may cross, this one included; 0 has no bound.
    pub ttl: u8,
    /// What its announcer said.
    pub origin_ttl: u8,
    /// Means nothing, and is passed on.
    pub reserved: u8,
    /// What kind of data.
    pub data_type: u16,
    /// The data.
    pub data: Bytes,
}

impl Spread {
    pub(super) fn read(mut body: Bytes) -> Result<Spread, Malformed> {
        needs(&body, 5)?;
        Ok(Spread {
            ttl: body.get_u8(),
            origin_ttl: body.get_u8(),
            reserved: body.get_u8(),
            data_type: body.get_u16(),
            data: body,
        })
    }
}

/// A message that can be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Which.
    pub hash: MessageHash,
    /// As in [`Spread::ttl`].
    pub ttl: u8,
}

impl Offer {
    pub(super) const LEN: usize = MessageHash::LEN + 1;

    pub(super) fn read(body: &mut Bytes) -> Result<Offer, Malformed> {
        needs(body, Self::LEN)?;
        Ok(Offer { hash: hash(body)?, ttl: body.get_u8() })
    }
}

/// 516.
///
/// # Panics
/// The data does not fit in a frame.
pub fn spread(message: &Spread) -> Bytes {
    write::frame(Code::Spread, 5 + message.data.len(), |out| {
        out.put_u8(message.ttl);
        out.put_u8(message.origin_ttl);
        out.put_u8(message.reserved);
        out.put_u16(message.data_type);
        out.put_slice(&message.data);
    })
}
