//! Frames on a connection.

use alloc::vec::Vec;
use core::fmt::{self, Debug, Display, Formatter};

use bytes::{Bytes, BytesMut};
use rmp::encode::ByteBuf;
use sha2::{Digest, Sha256};

use super::inflate::inflate;
use super::value::{Reader, write_array};
use super::{Int, MAX_DEPTH, MAX_VALUES, Method, NotText, Text, Value, ValueError};
use crate::kernel::{BadLength, LengthPrefix};

/// The most octets of a body. py2p has no bound, and loses what does not fit into a socket's buffer.
pub const MAX_BODY: usize = 1 << 20;
/// A digest, and the shortest array.
const MIN_BODY: usize = MessageId::LEN + 1;
/// The length of a body.
const PREFIX: usize = 4;
/// Where the array begins.
const HEAD: usize = PREFIX + MessageId::LEN;

/// How a peer answers what it cannot read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaction {
    /// It closes the connection, as py2p does: what follows cannot be trusted to be a frame, or no node of py2p passes it on.
    Close,
    /// It goes on as if nothing had come, and passes nothing on: nodes of py2p may have passed it on in good faith.
    Ignore,
}

/// What was wrong with a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// It says that its body has less than a digest and one octet.
    #[error("a frame's body has {0} octets, which is less than a digest and an array")]
    TooShort(usize),
    /// It says that its body has more than [`MAX_BODY`].
    #[error("a frame's body has {0} octets, and {MAX_BODY} are allowed")]
    TooLong(usize),
    /// The digest is not that of what follows it, plain or inflated.
    #[error("a frame's digest is not that of its array")]
    Digest,
    /// It is compressed in a way that is not read here.
    #[error("a frame is compressed with {0}, which is not read here")]
    Unsupported(Method),
    /// It is compressed, and more than [`MAX_BODY`] or [`MAX_RATIO`](super::MAX_RATIO) times as long as it came.
    #[error("a compressed frame says too much for its length")]
    Bomb,
    /// A value in it is none, or beyond a bound.
    #[error("in a frame, {0}")]
    Value(#[from] ValueError),
    /// It is not one array of a type, a sender, a time and at least one field.
    #[error("a frame is not an array of a type, a sender, a time and fields")]
    Shape,
    /// Its sender's name is too long.
    #[error("a frame's sender: {0}")]
    Sender(NotText),
}

impl FrameError {
    /// How a peer answers it.
    pub const fn reaction(&self) -> Reaction {
        match self {
            FrameError::TooShort(_)
            | FrameError::TooLong(_)
            | FrameError::Digest
            | FrameError::Unsupported(_)
            | FrameError::Bomb => Reaction::Close,
            FrameError::Value(value) => value.reaction(),
            FrameError::Shape | FrameError::Sender(_) => Reaction::Ignore,
        }
    }
}

/// What a message cannot be said for: its own values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// Its body would have more than [`MAX_BODY`] octets.
    #[error("a message is longer than {MAX_BODY} octets")]
    TooLong,
    /// Its values stand in each other deeper than [`MAX_DEPTH`].
    #[error("a message's values are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// It has more than [`MAX_VALUES`].
    #[error("a message has more than {MAX_VALUES} values")]
    TooMany,
}

/// A message's name: the SHA-256 of its array. Whoever passes it on keeps its octets, and with them its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; Self::LEN]);

impl MessageId {
    /// Its octets.
    pub const LEN: usize = 32;

    fn of(array: &[u8]) -> Self {
        MessageId(Sha256::digest(array).into())
    }

    /// What 64 hexadecimal digits say; `None` if the text is anything else.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.len() == 2 * Self::LEN && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        let octet = |n: usize| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap_or_default();
        digits.then(|| MessageId(core::array::from_fn(octet)))
    }
}

impl Display for MessageId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl Debug for MessageId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// How far a message goes: the first number of its array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// 0: to everybody. A node that has not seen it passes it on.
    Broadcast,
    /// 1: to one neighbour, about compression.
    Renegotiate,
    /// 2: to one neighbour.
    Whisper,
    /// Any other, which to py2p is as good as 2.
    Other(Int),
}

impl Kind {
    fn of(number: Int) -> Kind {
        match number.as_u64() {
            Some(0) => Kind::Broadcast,
            Some(1) => Kind::Renegotiate,
            Some(2) => Kind::Whisper,
            _ => Kind::Other(number),
        }
    }

    fn number(self) -> Int {
        match self {
            Kind::Broadcast => 0u64.into(),
            Kind::Renegotiate => 1u64.into(),
            Kind::Whisper => 2u64.into(),
            Kind::Other(number) => number,
        }
    }
}

/// Who says a message, and when. Nobody can check either.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// The id of the node where it began, not of the neighbour that it comes from.
    pub sender: Text,
    /// Seconds since 1970.
    pub time: u64,
}

/// What a receiver takes on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accepts {
    /// Plain frames: before the handshake, nobody has a reason to compress.
    Plain,
    /// Plain frames, and such as are compressed with zlib or gzip, whatever was agreed on: py2p compresses a little longer
    /// than it was asked to.
    Compressed,
}

/// A frame's octets as they arrived, of which nothing but the length was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    whole: Bytes,
}

/// Takes the next body off a buffer; `None` until more arrives, for which no room is made.
///
/// # Errors
/// The length at the front of the buffer is out of bounds, whether or not its body has arrived. The buffer is left as it is.
pub fn next_body(buffer: &mut BytesMut) -> Result<Option<Body>, FrameError> {
    if let Some(len) = buffer.first_chunk::<PREFIX>().map(|len| u32::from_be_bytes(*len) as usize)
        && len < MIN_BODY
    {
        return Err(FrameError::TooShort(len));
    }
    let frame = prefix().next_frame(buffer).map_err(|why| match why {
        BadLength::TooLong { len, .. } => FrameError::TooLong(len),
        BadLength::TooShort { len } => FrameError::TooShort(len),
    })?;
    Ok(frame.map(|frame| Body { whole: frame.whole }))
}

fn prefix() -> LengthPrefix {
    LengthPrefix::u32_exclusive(MAX_BODY)
}

impl Body {
    /// The id that it says it has, so that a message known already need not be hashed. That of a compressed one is no
    /// message's. Who says another's id has nothing but his own message dropped.
    pub fn claimed(&self) -> MessageId {
        claimed(&self.whole)
    }

    /// The frame that it is.
    ///
    /// # Errors
    /// It is none.
    pub fn open(self, accepts: Accepts) -> Result<Frame, FrameError> {
        if MessageId::of(&self.whole[HEAD..]) == self.claimed() {
            return Frame::read(self.whole);
        }
        match accepts {
            Accepts::Plain => Err(FrameError::Digest),
            Accepts::Compressed => self.inflated(),
        }
    }

    fn inflated(&self) -> Result<Frame, FrameError> {
        let body = inflate(&self.whole[PREFIX..])?;
        let whole = prefix().frame(&body).map_err(|_| FrameError::Bomb)?;
        if body.len() < MIN_BODY || MessageId::of(&whole[HEAD..]) != claimed(&whole) {
            return Err(FrameError::Digest);
        }
        Frame::read(whole)
    }
}

fn claimed(whole: &[u8]) -> MessageId {
    let mut id = MessageId([0; MessageId::LEN]);
    id.0.copy_from_slice(&whole[PREFIX..HEAD]);
    id
}

/// A message on the wire: what it says, and the octets that say it. Both are made once, however many neighbours it goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    kind: Kind,
    stamp: Stamp,
    fields: Vec<Value>,
    whole: Bytes,
}

impl Frame {
    /// What octets say whose digest holds.
    fn read(whole: Bytes) -> Result<Frame, FrameError> {
        let mut reader = Reader::new(whole.slice(HEAD..));
        let len = reader.array()?.filter(|len| *len > 3).ok_or(FrameError::Shape)?;
        let mut fields = reader.values(len, 1)?;
        if !reader.is_done() {
            return Err(ValueError::Trailing.into());
        }
        let rest = fields.split_off(3);
        let [Value::Int(kind), sender, time] = &fields[..] else { return Err(FrameError::Shape) };
        let (text, octets) = sender.as_text().ok_or(FrameError::Shape)?;
        let sender = Text::new(text, octets.clone()).map_err(FrameError::Sender)?;
        let time = time.as_u64().ok_or(FrameError::Shape)?;
        Ok(Frame { kind: Kind::of(*kind), stamp: Stamp { sender, time }, fields: rest, whole })
    }

    /// A frame of these fields, a flag first.
    pub(super) fn new(kind: Kind, stamp: Stamp, fields: Vec<Value>) -> Result<Frame, Unfit> {
        let mut array: Vec<Value> =
            [Value::Int(kind.number()), (&stamp.sender).into(), stamp.time.into()].into();
        array.extend(fields);
        Room::whole().take_all(&array, 1)?;
        let mut out = ByteBuf::from_vec(alloc::vec![0; HEAD]);
        write_array(&mut out, &array);
        let whole = sealed(out.into_vec()).ok_or(Unfit::TooLong)?;
        Ok(Frame { kind, stamp, fields: array.split_off(3), whole })
    }

    /// Its name.
    pub fn id(&self) -> MessageId {
        claimed(&self.whole)
    }

    /// How far it goes.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Who says it, and when.
    pub const fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Its flag and its fields; there is at least one.
    pub fn fields(&self) -> &[Value] {
        &self.fields
    }

    /// Its octets, length and digest included: what is sent, and passed on. They are plain even if they came compressed, and
    /// otherwise as they came.
    pub const fn whole(&self) -> &Bytes {
        &self.whole
    }
}

/// With its length and digest put in the room left for them; `None` if it is too long.
fn sealed(mut whole: Vec<u8>) -> Option<Bytes> {
    let body = whole.len() - PREFIX;
    let len = u32::try_from(body).ok().filter(|_| body <= MAX_BODY)?;
    let id = MessageId::of(&whole[HEAD..]);
    whole[..PREFIX].copy_from_slice(&len.to_be_bytes());
    whole[PREFIX..HEAD].copy_from_slice(&id.0);
    Some(whole.into())
}

/// What is left for values before they are written.
struct Room {
    octets: usize,
    values: usize,
}

impl Room {
    const fn whole() -> Self {
        Room { octets: MAX_BODY, values: MAX_VALUES }
    }

    /// Takes room for the values in the `depth`th array or map.
    fn take_all<'a>(&mut self, all: impl IntoIterator<Item = &'a Value>, depth: usize) -> Result<(), Unfit> {
        if depth > MAX_DEPTH {
            return Err(Unfit::TooDeep);
        }
        all.into_iter().try_for_each(|value| self.take(value, depth + 1))
    }

    fn take(&mut self, value: &Value, depth: usize) -> Result<(), Unfit> {
        self.values = self.values.checked_sub(1).ok_or(Unfit::TooMany)?;
        match value {
            Value::Str(text) => self.take_octets(text.octets()),
            Value::Bin(octets) => self.take_octets(octets),
            Value::Ext(ext) => self.take_octets(ext.data()),
            Value::Array(values) => self.take_all(values, depth),
            Value::Map(map) => self.take_all(map.pairs().iter().flat_map(|(key, value)| [key, value]), depth),
            Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Float(_) => Ok(()),
        }
    }

    fn take_octets(&mut self, octets: &[u8]) -> Result<(), Unfit> {
        self.octets = self.octets.checked_sub(octets.len()).ok_or(Unfit::TooLong)?;
        Ok(())
    }
}
