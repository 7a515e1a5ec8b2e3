//! What frames mean.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::frame::{Frame, Kind, Stamp, Unfit};
use super::{Map, Method, NotText, Text, TextKind, Value};

mod flag {
    pub(super) const BROADCAST: u64 = 0;
    pub(super) const COMPRESSION: u64 = 1;
    pub(super) const WHISPER: u64 = 2;
    pub(super) const HANDSHAKE: u64 = 5;
    pub(super) const NOTIFY: u64 = 6;
    pub(super) const PEERS: u64 = 7;
    pub(super) const REQUEST: u64 = 8;
    pub(super) const RESEND: u64 = 9;
    pub(super) const RESPONSE: u64 = 10;
    pub(super) const STORE: u64 = 11;
    pub(super) const RETRIEVE: u64 = 12;
    pub(super) const RETRIEVED: u64 = 13;
    pub(super) const DELTA: u64 = 17;
    /// Above the 0x30 that py2p reserves for itself.
    pub(super) const NATIVE: u64 = 0x45;
}

/// What asks for everybody, in place of an id.
const STAR: &str = "*";
/// What a notice says of a key that is gone.
const GONE: &str = "del";

/// A field is not what its flag promises. Nobody passes on such a message: at some of them nodes of py2p close the
/// connection on which it came. It closes nothing here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MessageError {
    /// Of another kind, or out of range.
    #[error("a field of a message with flag {flag} is of the wrong kind")]
    Field {
        /// The message's flag.
        flag: u64,
    },
    /// A text that is too long.
    #[error("a field of a message: {0}")]
    Text(#[from] NotText),
}

/// Where a node listens.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HostPort {
    /// Its IP address, or a name.
    pub host: Text,
    /// Its port.
    pub port: u16,
}

impl HostPort {
    /// The address, `None` if the host is a name.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let host = core::str::from_utf8(self.host.octets()).ok()?;
        host.parse().ok().map(|ip| SocketAddr::new(ip, self.port))
    }

    /// The same in memory of its own: what is kept for long does not keep the whole frame that it came in.
    #[must_use]
    pub fn detach(&self) -> Self {
        HostPort { host: self.host.detach(), port: self.port }
    }

    /// An address as py2p says it, its host as `str`.
    pub fn of(addr: SocketAddr) -> Self {
        HostPort { host: Text::short(TextKind::Str, &addr.ip().to_string()), port: addr.port() }
    }
}

/// Who is at the other end of a connection, and what it is for: the first message each way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// The node's id.
    pub id: Text,
    /// The network's: who says another is not spoken to.
    pub protocol: Text,
    /// Where it listens.
    pub addr: HostPort,
    /// How it may be sent compressed frames, what it likes best first. Who names none gets plain ones.
    pub methods: Vec<Method>,
}

/// A node that somebody is connected with.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Peer {
    /// Where it listens.
    pub addr: HostPort,
    /// Its id.
    pub id: Text,
}

/// What a node of Chord does with data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Role {
    /// It stores some.
    Storing,
    /// It only asks for it.
    Leech,
}

/// What happened to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Notice {
    /// It has a value.
    Added,
    /// It has none any more.
    Deleted,
}

/// Whose value a key of sync has, where it is not that of the message's sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// Who set it.
    pub owner: Text,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// How far a message is to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// To everybody: nodes pass it on.
    Flood,
    /// To one neighbour. [`Message::Compression`] and [`Message::Resend`] go nowhere else, whatever is asked for.
    Link,
}

/// A message whose flag, or number of fields, means nothing to this version. It is counted, and passed on if it floods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownMessage(Vec<Value>);

impl UnknownMessage {
    /// A message of these fields, a flag first; `None` if there is none, or it is known.
    pub fn new(fields: Vec<Value>) -> Option<Self> {
        let known = !fields.is_empty() && matches!(read(&fields), Ok(Message::Unknown(_)));
        known.then_some(UnknownMessage(fields))
    }

    /// The flag and the fields.
    pub fn fields(&self) -> &[Value] {
        &self.0
    }
}

/// What a frame says. Values and texts share its memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Whatever users say, to everybody.
    Broadcast(Vec<Value>),
    /// Whatever users say, to one neighbour.
    Whisper(Vec<Value>),
    /// How the sender wants to be sent compressed frames from now on; what it likes best first.
    Compression(Vec<Method>),
    /// Asks for the last message once more. py2p answers with another; it is best ignored.
    Resend,
    /// Who is there.
    Handshake(Handshake),
    /// What the sender does with data, from now on.
    Meta(Role),
    /// What happened to a key: to everybody, or what keys there are, to a new neighbour.
    Notify {
        /// The key, as users say it.
        key: Text,
        /// What happened.
        notice: Notice,
    },
    /// With whom the sender is connected.
    Peers(Vec<Peer>),
    /// Asks for [`Peers`](Message::Peers); the star's kind is the field. py2p on Python 3 sends `str` and takes `bin` alone.
    PeersRequest(TextKind),
    /// Asks everybody where a node listens.
    AddressRequest {
        /// What the answer is to name.
        request: Text,
        /// The node's id.
        wanted: Text,
    },
    /// Where it listens.
    AddressResponse {
        /// That of the request.
        request: Text,
        /// The node.
        peer: Peer,
    },
    /// A value for a key; nil deletes it.
    Store {
        /// A hash's name, such as `sha1`.
        table: Text,
        /// The hash of the user's key, in base 58.
        key: Text,
        /// The value.
        value: Value,
    },
    /// Asks for the value of a key.
    Retrieve {
        /// As in [`Store`](Message::Store).
        table: Text,
        /// Likewise.
        key: Text,
    },
    /// The value of a key; nil if there is none, or none yet.
    Retrieved {
        /// As it was asked for, kind of text included.
        table: Text,
        /// Likewise.
        key: Text,
        /// The value.
        value: Value,
    },
    /// What of a key's value, which is a map, is to become another.
    Delta {
        /// As in [`Store`](Message::Store).
        table: Text,
        /// Likewise.
        key: Text,
        /// What to merge into it.
        delta: Map,
    },
    /// Sync's value for a key; nil deletes it.
    SyncStore {
        /// The key, as users say it.
        key: Text,
        /// The value.
        value: Value,
        /// Whose it is, when a new neighbour is told.
        lease: Option<Lease>,
    },
    /// Sync's [`Delta`](Message::Delta).
    SyncDelta {
        /// The key, as users say it.
        key: Text,
        /// What to merge into its value.
        delta: Map,
    },
    /// Said between nodes of this project; it has no meaning yet.
    Native(Vec<Value>),
    /// Any other.
    Unknown(UnknownMessage),
}

impl Message {
    /// What a frame says. Its flag decides, whatever its [`Kind`], but for those two that are about compression.
    ///
    /// # Errors
    /// A field is not what the flag promises.
    pub fn read(frame: &Frame) -> Result<Message, MessageError> {
        let fields = frame.fields();
        let renegotiation = if frame.kind() == Kind::Renegotiate { renegotiation(fields)? } else { None };
        renegotiation.map_or_else(|| read(fields), Ok)
    }

    /// The frame that says it.
    ///
    /// # Errors
    /// A user's values, or a list, are too much for one message.
    pub fn frame(&self, way: Way, stamp: Stamp) -> Result<Frame, Unfit> {
        let kind = match (self, way) {
            (Message::Compression(_) | Message::Resend, _) => Kind::Renegotiate,
            (_, Way::Flood) => Kind::Broadcast,
            (_, Way::Link) => Kind::Whisper,
        };
        Frame::new(kind, stamp, self.fields())
    }

    /// Flag and fields.
    fn fields(&self) -> Vec<Value> {
        let say = |flag: u64, fields: &[Value]| [&[flag.into()], fields].concat();
        match self {
            Message::Broadcast(values) => say(flag::BROADCAST, values),
            Message::Whisper(values) => say(flag::WHISPER, values),
            Message::Compression(all) => say(flag::COMPRESSION, &[list_of_methods(all)]),
            Message::Resend => say(flag::RESEND, &[]),
            Message::Handshake(Handshake { id, protocol, addr, methods }) => {
                say(flag::HANDSHAKE, &[id.into(), protocol.into(), addr.into(), list_of_methods(methods)])
            }
            Message::Meta(role) => say(flag::HANDSHAKE, &[role.text().into()]),
            Message::Notify { key, notice: Notice::Added } => say(flag::NOTIFY, &[key.into()]),
            Message::Notify { key, notice: Notice::Deleted } => {
                say(flag::NOTIFY, &[key.into(), (&Text::short(key.kind(), GONE)).into()])
            }
            Message::Peers(peers) => {
                say(flag::PEERS, &[Value::Array(peers.iter().map(Value::from).collect())])
            }
            Message::PeersRequest(kind) => say(flag::REQUEST, &[(&Text::short(*kind, STAR)).into()]),
            Message::AddressRequest { request, wanted } => {
                say(flag::REQUEST, &[request.into(), wanted.into()])
            }
            Message::AddressResponse { request, peer } => say(flag::RESPONSE, &[request.into(), peer.into()]),
            Message::Store { table, key, value } => {
                say(flag::STORE, &[table.into(), key.into(), value.clone()])
            }
            Message::Retrieve { table, key } => say(flag::RETRIEVE, &[table.into(), key.into()]),
            Message::Retrieved { table, key, value } => {
                say(flag::RETRIEVED, &[table.into(), key.into(), value.clone()])
            }
            Message::Delta { table, key, delta } => {
                say(flag::DELTA, &[table.into(), key.into(), Value::Map(delta.clone())])
            }
            Message::SyncStore { key, value, lease: None } => say(flag::STORE, &[key.into(), value.clone()]),
            Message::SyncStore { key, value, lease: Some(lease) } => {
                say(flag::STORE, &[key.into(), value.clone(), (&lease.owner).into(), lease.time.into()])
            }
            Message::SyncDelta { key, delta } => say(flag::DELTA, &[key.into(), Value::Map(delta.clone())]),
            Message::Native(values) => say(flag::NATIVE, values),
            Message::Unknown(message) => message.0.clone(),
        }
    }
}

/// What fields of the kind that is about compression say, if it is that.
fn renegotiation(fields: &[Value]) -> Result<Option<Message>, MessageError> {
    Ok(match (fields[0].as_u64(), &fields[1..]) {
        (Some(flag::COMPRESSION), [all]) => Some(Message::Compression(methods(flag::COMPRESSION, all)?)),
        (Some(flag::RESEND), []) => Some(Message::Resend),
        _ => None,
    })
}

/// What a flag and fields say that are not about compression.
fn read(fields: &[Value]) -> Result<Message, MessageError> {
    let unknown = || Message::Unknown(UnknownMessage(fields.to_vec()));
    let Some(flag) = fields[0].as_u64() else { return Ok(unknown()) };
    let text = |value: &Value| text(flag, value);
    Ok(match (flag, &fields[1..]) {
        (flag::BROADCAST, values) => Message::Broadcast(values.to_vec()),
        (flag::WHISPER, values) => Message::Whisper(values.to_vec()),
        (flag::HANDSHAKE, [id, protocol, addr, all]) => Message::Handshake(Handshake {
            id: text(id)?,
            protocol: text(protocol)?,
            addr: host_port(flag, addr)?,
            methods: methods(flag, all)?,
        }),
        (flag::HANDSHAKE, [role]) => Message::Meta(Role::read(role)?),
        (flag::NOTIFY, [key]) => Message::Notify { key: text(key)?, notice: Notice::Added },
        (flag::NOTIFY, [key, gone]) if is(gone, GONE) => {
            Message::Notify { key: text(key)?, notice: Notice::Deleted }
        }
        (flag::PEERS, [Value::Array(all)]) => {
            Message::Peers(all.iter().map(|value| peer(flag, value)).collect::<Result<_, _>>()?)
        }
        (flag::REQUEST, [star]) if is(star, STAR) => Message::PeersRequest(text(star)?.kind()),
        (flag::REQUEST, [request, wanted]) => {
            Message::AddressRequest { request: text(request)?, wanted: text(wanted)? }
        }
        (flag::RESPONSE, [request, node]) => {
            Message::AddressResponse { request: text(request)?, peer: peer(flag, node)? }
        }
        (flag::STORE, [table, key, value]) => {
            Message::Store { table: text(table)?, key: text(key)?, value: value.clone() }
        }
        (flag::STORE, [key, value]) => {
            Message::SyncStore { key: text(key)?, value: value.clone(), lease: None }
        }
        (flag::STORE, [key, value, owner, time]) => {
            let time = time.as_u64().ok_or(MessageError::Field { flag })?;
            let lease = Some(Lease { owner: text(owner)?, time });
            Message::SyncStore { key: text(key)?, value: value.clone(), lease }
        }
        (flag::RETRIEVE, [table, key]) => Message::Retrieve { table: text(table)?, key: text(key)? },
        (flag::RETRIEVED, [table, key, value]) => {
            Message::Retrieved { table: text(table)?, key: text(key)?, value: value.clone() }
        }
        (flag::DELTA, [table, key, Value::Map(delta)]) => {
            Message::Delta { table: text(table)?, key: text(key)?, delta: delta.clone() }
        }
        (flag::DELTA, [key, Value::Map(delta)]) => {
            Message::SyncDelta { key: text(key)?, delta: delta.clone() }
        }
        (flag::NATIVE, values) => Message::Native(values.to_vec()),
        (flag::NOTIFY, [_, _]) | (flag::PEERS | flag::REQUEST, [_]) | (flag::DELTA, [_, _] | [_, _, _]) => {
            return Err(MessageError::Field { flag });
        }
        _ => unknown(),
    })
}

fn text(flag: u64, value: &Value) -> Result<Text, MessageError> {
    let (kind, octets) = value.as_text().ok_or(MessageError::Field { flag })?;
    Ok(Text::new(kind, octets.clone())?)
}

/// Whether a value is this text, of either kind.
fn is(value: &Value, text: &str) -> bool {
    value.as_text().is_some_and(|(_, octets)| octets == text.as_bytes())
}

fn host_port(flag: u64, value: &Value) -> Result<HostPort, MessageError> {
    let wrong = MessageError::Field { flag };
    let Value::Array(pair) = value else { return Err(wrong) };
    let [host, port] = &pair[..] else { return Err(wrong) };
    let port = port.as_u64().and_then(|port| port.try_into().ok()).ok_or(wrong)?;
    Ok(HostPort { host: text(flag, host)?, port })
}

fn peer(flag: u64, value: &Value) -> Result<Peer, MessageError> {
    let Value::Array(pair) = value else { return Err(MessageError::Field { flag }) };
    let [addr, id] = &pair[..] else { return Err(MessageError::Field { flag }) };
    Ok(Peer { addr: host_port(flag, addr)?, id: text(flag, id)? })
}

fn methods(flag: u64, value: &Value) -> Result<Vec<Method>, MessageError> {
    let Value::Array(all) = value else { return Err(MessageError::Field { flag }) };
    all.iter().map(|id| id.as_u64().map(Method).ok_or(MessageError::Field { flag })).collect()
}

fn list_of_methods(all: &[Method]) -> Value {
    Value::Array(all.iter().map(|method| method.0.into()).collect())
}

impl Role {
    fn read(value: &Value) -> Result<Role, MessageError> {
        let digit = |digit: u64, text| value.as_u64() == Some(digit) || is(value, text);
        match () {
            () if digit(0, "0") => Ok(Role::Storing),
            () if digit(1, "1") => Ok(Role::Leech),
            () => Err(MessageError::Field { flag: flag::HANDSHAKE }),
        }
    }

    /// As py2p on Python 3 says it; all read it in any kind.
    const fn text(self) -> &'static str {
        match self {
            Role::Storing => "0",
            Role::Leech => "1",
        }
    }
}

impl From<&HostPort> for Value {
    fn from(addr: &HostPort) -> Self {
        Value::Array([(&addr.host).into(), u64::from(addr.port).into()].into())
    }
}

impl From<&Peer> for Value {
    fn from(peer: &Peer) -> Self {
        Value::Array([(&peer.addr).into(), (&peer.id).into()].into())
    }
}
