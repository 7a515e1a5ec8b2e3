//! What goes over the connections of py2p's mesh and Chord: frames of a length, a digest and one array of MessagePack.
//!
//! [`next_body`] takes a body off a buffer, [`Body::open`] checks its digest and reads its values, and [`Message::read`] says
//! what they mean. [`Message::frame`] is the way back. Errors say how a peer answers what it cannot read ([`Reaction`]).
//!
//! ```
//! use bytes::BytesMut;
//! use egoist_core::mesh::wire::{Accepts, Message, Stamp, Text, Value, Way, next_body};
//!
//! let stamp = Stamp { sender: Text::bin(b"1")?, time: 1_500_000_000 };
//! let said = Message::Broadcast(vec![Value::from("text"), Value::from(7u64)]);
//! let frame = said.frame(Way::Flood, stamp)?;
//!
//! let mut buffer = BytesMut::from(&frame.whole()[..]);
//! let read = next_body(&mut buffer)?.expect("it is there").open(Accepts::Plain)?;
//! assert_eq!((read.id(), read.whole()), (frame.id(), frame.whole()));
//! assert_eq!(Message::read(&read)?, said);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Frames
//!
//! ```text
//! frame  = length body          ; length: four octets, big-endian, that count the body, 33 to MAX_BODY
//! body   = digest array         ; or both compressed as one; nothing says whether and how
//! digest = 32OCTET              ; the SHA-256 of array, which is the message's id
//! array  = [type, sender, time, flag, field*]  ; MessagePack; time in seconds since 1970
//! ```
//!
//! The type says how far a message goes ([`Kind`]), the flag what it is:
//!
//! | flag | message | fields |
//! |---|---|---|
//! | 0 | [`Broadcast`](Message::Broadcast) | any |
//! | 2 | [`Whisper`](Message::Whisper) | any |
//! | 1, with type 1 | [`Compression`](Message::Compression) | list of methods |
//! | 9, with type 1 | [`Resend`](Message::Resend) | |
//! | 5 | [`Handshake`](Message::Handshake) | id, protocol id, [host, port], list of methods |
//! | 5 | [`Meta`](Message::Meta) | "0" or "1" |
//! | 6 | [`Notify`](Message::Notify) | key, or key and "del" |
//! | 7 | [`Peers`](Message::Peers) | list of [[host, port], id] |
//! | 8 | [`PeersRequest`](Message::PeersRequest) | "*" |
//! | 8 | [`AddressRequest`](Message::AddressRequest) | request id, id |
//! | 10 | [`AddressResponse`](Message::AddressResponse) | request id, [[host, port], id] |
//! | 11 | [`Store`](Message::Store) | table, key, value |
//! | 11 | [`SyncStore`](Message::SyncStore) | key, value, or key, value, owner, time |
//! | 12 | [`Retrieve`](Message::Retrieve) | table, key |
//! | 13 | [`Retrieved`](Message::Retrieved) | table, key, value |
//! | 17 | [`Delta`](Message::Delta) | table, key, map |
//! | 17 | [`SyncDelta`](Message::SyncDelta) | key, map |
//! | 69 | [`Native`](Message::Native) | between nodes of this project; py2p ignores it |
//!
//! Any other flag, and a flag with more fields than py2p knows, is [`Unknown`](Message::Unknown).
//!
//! # Text
//!
//! py2p on Python 3 says ids, keys and names as `bin` and hosts as `str`; on Python 2.7 all is `bin`, in js2p all is `str`. A
//! [`Text`] is either, is compared by its octets, and knows which it was, so that an answer can have the same type.
//!
//! # What is refused that py2p would take
//!
//! A relay that passes on what its neighbours cannot read loses its neighbours. So what py2p raises an exception at is
//! refused here too, wherever it stands in a message: text that is not UTF-8, maps with a key twice, dates that are none.
//! Beyond that a message has at most [`MAX_VALUES`] values, [`MAX_DEPTH`] deep, and a name [`MAX_TEXT`] octets. Nodes
//! of py2p pass on what breaks these bounds, so that it is ignored and closes no connection.
//!
//! # What is left out
//!
//! Nothing is sent compressed, and bz2, lzma and snappy are not read: who advertises no method gets plain frames. Renegotiation
//! is read so that it can be ignored. Websockets and the flags 14 to 16 of the unused "ford" module are not there. Sync's
//! messages are read and written, but nothing follows from them.

mod base58;
mod frame;
#[cfg(test)]
mod golden;
mod id;
mod inflate;
mod map;
mod message;
mod number;
#[cfg(feature = "serde")]
mod serial;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use base58::{Base58Error, decode, encode};
pub use frame::{
    Accepts, Body, Frame, FrameError, Kind, MAX_BODY, MessageId, Reaction, Stamp, Unfit, next_body,
};
pub use id::{NodeId, ProtocolId};
pub use inflate::{MAX_RATIO, Method};
pub use map::{BadKey, Map};
pub use message::{
    Handshake, HostPort, Lease, Message, MessageError, Notice, Peer, Role, UnknownMessage, Way,
};
pub use number::{Float, Int};
pub use text::{MAX_TEXT, NotText, Text, TextKind, Utf8};
pub use value::{Ext, MAX_DEPTH, MAX_VALUES, Value, ValueError};
