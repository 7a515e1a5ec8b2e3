//! The frames of gossip-python.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::native::{Offer, Probe, Spread};
use super::{Code, Frame, Malformed, MessageHash};

/// The most octets of data in a message.
pub const MAX_DATA: usize = 65_527;
/// An address: IPv4, and a port.
const ADDRESS: usize = 6;

/// A message, as modules and peers announce it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announce {
    /// How far it may go; 0 has no bound.
    pub ttl: u8,
    /// Means nothing, and is passed on.
    pub reserved: u8,
    /// What kind of data.
    pub data_type: u16,
    /// At most [`MAX_DATA`] octets.
    pub data: Bytes,
}

/// Somebody listens, or did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerUpdate {
    /// Where.
    pub addr: SocketAddrV4,
    /// How far it may go; 0 has no bound.
    pub ttl: u8,
    /// 1: found. 0 was meant for lost, and is never said.
    pub kind: u8,
}

/// What a frame says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// 500.
    Announce(Announce),
    /// 501.
    Notify {
        /// Of what kind of data.
        data_type: u16,
    },
    /// 502.
    Notification {
        /// By which the module names it in its verdict.
        id: u16,
        /// What kind of data.
        data_type: u16,
        /// The data.
        data: Bytes,
    },
    /// 503.
    Validation {
        /// Of which message.
        id: u16,
        /// The verdict.
        valid: bool,
    },
    /// 510.
    PeerRequest(SocketAddrV4),
    /// 511.
    PeerResponse(Vec<SocketAddrV4>),
    /// 512.
    PeerUpdate(PeerUpdate),
    /// 513.
    PeerInit(SocketAddrV4),
    /// 515.
    Native(Probe),
    /// 516.
    Spread(Spread),
    /// 517.
    Have(Vec<Offer>),
    /// 518.
    Want(Vec<MessageHash>),
    /// 519.
    Gone(Vec<MessageHash>),
    /// Any other code in the range.
    Unassigned(u16),
}

impl Message {
    /// What a frame says. More octets than a kind needs are left unread, as the original does.
    ///
    /// # Errors
    /// The body is not what the code promises.
    pub fn read(frame: &Frame) -> Result<Message, Malformed> {
        let mut body = frame.body.clone();
        Ok(match frame.code {
            Code::Announce => Message::Announce(Announce::read(body)?),
            Code::Notify => {
                needs(&body, 4)?;
                body.advance(2);
                Message::Notify { data_type: body.get_u16() }
            }
            Code::Notification => {
                needs(&body, 4)?;
                Message::Notification { id: body.get_u16(), data_type: body.get_u16(), data: body }
            }
            Code::Validation => {
                needs(&body, 4)?;
                Message::Validation { id: body.get_u16(), valid: body[1] != 0 }
            }
            Code::PeerRequest => Message::PeerRequest(address(&mut body)?),
            Code::PeerResponse => Message::PeerResponse(entries(body, ADDRESS, address)?),
            Code::PeerUpdate => {
                needs(&body, ADDRESS + 2)?;
                let addr = address(&mut body)?;
                Message::PeerUpdate(PeerUpdate { addr, ttl: body.get_u8(), kind: body.get_u8() })
            }
            Code::PeerInit => Message::PeerInit(address(&mut body)?),
            Code::Native => Message::Native(Probe::read(body)?),
            Code::Spread => Message::Spread(Spread::read(body)?),
            Code::Have => Message::Have(entries(body, Offer::LEN, Offer::read)?),
            Code::Want => Message::Want(entries(body, MessageHash::LEN, hash)?),
            Code::Gone => Message::Gone(entries(body, MessageHash::LEN, hash)?),
            Code::Unassigned(code) => Message::Unassigned(code),
        })
    }
}

impl Announce {
    fn read(mut body: Bytes) -> Result<Announce, Malformed> {
        needs(&body, 4)?;
        Ok(Announce { ttl: body.get_u8(), reserved: body.get_u8(), data_type: body.get_u16(), data: body })
    }
}

/// That so much is there.
pub(super) fn needs(body: &Bytes, octets: usize) -> Result<(), Malformed> {
    if body.len() < octets { Err(Malformed::Body) } else { Ok(()) }
}

fn address(body: &mut Bytes) -> Result<SocketAddrV4, Malformed> {
    needs(body, ADDRESS)?;
    Ok(SocketAddrV4::new(Ipv4Addr::from(body.get_u32()), body.get_u16()))
}

pub(super) fn hash(body: &mut Bytes) -> Result<MessageHash, Malformed> {
    needs(body, MessageHash::LEN)?;
    let mut hash = [0; MessageHash::LEN];
    body.copy_to_slice(&mut hash);
    Ok(MessageHash(hash))
}

/// A list's entries, of so many octets each: as many as have arrived.
fn entries<T>(
    mut body: Bytes,
    len: usize,
    read: impl Fn(&mut Bytes) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    if !body.len().is_multiple_of(len) {
        return Err(Malformed::List);
    }
    (0..body.len() / len).map(|_| read(&mut body)).collect()
}

/// The frames that a node or a module says.
pub mod write {
    use super::super::native;
    use super::{
        ADDRESS, BufMut, Bytes, BytesMut, Code, MessageHash, Offer, PeerUpdate, Probe, SocketAddrV4,
    };

    pub use native::spread;

    /// A frame whose body is written by `fill`, which writes exactly `len` octets.
    pub(in super::super) fn frame(code: Code, len: usize, fill: impl FnOnce(&mut BytesMut)) -> Bytes {
        let mut out = BytesMut::with_capacity(4 + len);
        let whole = u16::try_from(4 + len).expect("what is said fits in a frame");
        out.put_u16(whole);
        out.put_u16(code.number());
        fill(&mut out);
        debug_assert_eq!(out.len(), 4 + len);
        out.freeze()
    }

    fn put_address(out: &mut BytesMut, addr: SocketAddrV4) {
        out.put_slice(&addr.ip().octets());
        out.put_u16(addr.port());
    }

    /// 500.
    ///
    /// # Panics
    /// The data is above [`MAX_DATA`](super::MAX_DATA).
    pub fn announce(ttl: u8, reserved: u8, data_type: u16, data: &[u8]) -> Bytes {
        frame(Code::Announce, 4 + data.len(), |out| {
            out.put_u8(ttl);
            out.put_u8(reserved);
            out.put_u16(data_type);
            out.put_slice(data);
        })
    }

    /// 501.
    pub fn notify(data_type: u16) -> Bytes {
        frame(Code::Notify, 4, |out| {
            out.put_u16(0);
            out.put_u16(data_type);
        })
    }

    /// 502.
    ///
    /// # Panics
    /// The data is above [`MAX_DATA`](super::MAX_DATA).
    pub fn notification(id: u16, data_type: u16, data: &[u8]) -> Bytes {
        frame(Code::Notification, 4 + data.len(), |out| {
            out.put_u16(id);
            out.put_u16(data_type);
            out.put_slice(data);
        })
    }

    /// 503.
    pub fn validation(id: u16, valid: bool) -> Bytes {
        frame(Code::Validation, 4, |out| {
            out.put_u16(id);
            out.put_u8(0);
            out.put_u8(u8::from(valid));
        })
    }

    /// 510.
    pub fn peer_request(own: SocketAddrV4) -> Bytes {
        frame(Code::PeerRequest, ADDRESS + 2, |out| {
            put_address(out, own);
            out.put_u16(0);
        })
    }

    /// 511.
    ///
    /// # Panics
    /// There are more addresses than fit, which are 10,921.
    pub fn peer_response(all: &[SocketAddrV4]) -> Bytes {
        frame(Code::PeerResponse, all.len() * ADDRESS, |out| {
            all.iter().for_each(|addr| put_address(out, *addr));
        })
    }

    /// 512.
    pub fn peer_update(update: PeerUpdate) -> Bytes {
        frame(Code::PeerUpdate, ADDRESS + 2, |out| {
            put_address(out, update.addr);
            out.put_u8(update.ttl);
            out.put_u8(update.kind);
        })
    }

    /// 513.
    pub fn peer_init(own: SocketAddrV4) -> Bytes {
        frame(Code::PeerInit, ADDRESS, |out| put_address(out, own))
    }

    /// 515.
    pub fn native(probe: Probe) -> Bytes {
        frame(Code::Native, Probe::LEN, |out| probe.write(out))
    }

    /// 517.
    ///
    /// # Panics
    /// There are more than fit, which are 3,854.
    pub fn have(offers: &[Offer]) -> Bytes {
        frame(Code::Have, offers.len() * Offer::LEN, |out| {
            for offer in offers {
                out.put_slice(&offer.hash.0);
                out.put_u8(offer.ttl);
            }
        })
    }

    /// 518.
    ///
    /// # Panics
    /// There are more than fit, which are 4,095.
    pub fn want(hashes: &[MessageHash]) -> Bytes {
        put_hashes(Code::Want, hashes)
    }

    /// 519.
    ///
    /// # Panics
    /// There are more than fit, which are 4,095.
    pub fn gone(hashes: &[MessageHash]) -> Bytes {
        put_hashes(Code::Gone, hashes)
    }

    fn put_hashes(code: Code, hashes: &[MessageHash]) -> Bytes {
        frame(code, hashes.len() * MessageHash::LEN, |out| {
            hashes.iter().for_each(|hash| out.put_slice(&hash.0));
        })
    }
}
