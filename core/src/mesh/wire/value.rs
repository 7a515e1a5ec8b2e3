//! Values of MessagePack: read within bounds, and written in the fewest octets.

use alloc::vec::Vec;

use bytes::{Buf, Bytes, TryGetError};
use rmp::Marker;
use rmp::encode::{self, ByteBuf};

use super::{BadKey, Float, Int, Map, Reaction, Text, TextKind, Utf8};

/// How deep arrays and maps may stand in each other, the one that is the message included. The deepest that py2p makes
/// itself, a list of peers, is 4.
pub const MAX_DEPTH: usize = 16;
/// The most values in a message: 13,000 peers in a list. A value takes up to 48 octets of memory where it may have come
/// in one.
pub const MAX_VALUES: usize = 65_536;

const _: () = assert!(size_of::<Value>() <= 48, "what MAX_VALUES says of memory");

/// What is no value, or none that is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueError {
    /// The octets end within it.
    #[error("the octets end within a value")]
    Truncated,
    /// It begins with the octet that means nothing.
    #[error("a value begins with 0xc1")]
    Reserved,
    /// More octets follow.
    #[error("octets follow a value")]
    Trailing,
    /// A `str` is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A map has bad keys.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// An extension says that it is a date, and has not the octets of one or lies outside of the years 1 to 9999.
    #[error("a date that is none")]
    Date,
    /// Values stand in each other deeper than [`MAX_DEPTH`].
    #[error("values are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// There are more than [`MAX_VALUES`].
    #[error("a message has more than {MAX_VALUES} values")]
    TooMany,
}

impl ValueError {
    /// How a peer answers it: py2p closes at what it cannot read, and passes on what is beyond a bound of ours alone.
    pub const fn reaction(&self) -> Reaction {
        match self {
            ValueError::Truncated
            | ValueError::Reserved
            | ValueError::NotUtf8
            | ValueError::Key(BadKey::Twice)
            | ValueError::Date => Reaction::Close,
            ValueError::Trailing
            | ValueError::Key(BadKey::Kind | BadKey::TooLong(_))
            | ValueError::TooDeep
            | ValueError::TooMany => Reaction::Ignore,
        }
    }
}

impl From<TryGetError> for ValueError {
    fn from(_: TryGetError) -> Self {
        ValueError::Truncated
    }
}

/// A value. What is read shares the memory of the frame that it came in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Value {
    /// Nothing; as the value of a key, that there is none.
    #[default]
    Nil,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(Int),
    /// A number with a fraction.
    Float(Float),
    /// Text.
    Str(Utf8),
    /// Octets.
    Bin(Bytes),
    /// A list.
    Array(Vec<Value>),
    /// Keys with their values.
    Map(Map),
    /// An extension.
    Ext(Ext),
}

/// An extension: a number that says of what kind it is, and octets. It means nothing here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ext {
    kind: i8,
    data: Bytes,
}

impl Ext {
    /// The kind that is MessagePack's own, a date.
    pub const DATE: i8 = -1;
    /// Years 1 to 9999, as seconds since 1970, less the seconds that the fraction of a date may say.
    const DATES: core::ops::Range<i64> = -62_135_596_800..253_402_300_795;

    /// An extension of a kind.
    ///
    /// # Errors
    /// It says that it is a date, and py2p would find none in it.
    pub fn new(kind: i8, data: Bytes) -> Result<Self, ValueError> {
        if kind == Self::DATE && !Self::is_date(&data) {
            Err(ValueError::Date)
        } else {
            Ok(Ext { kind, data })
        }
    }

    /// Of what kind it is.
    pub const fn kind(&self) -> i8 {
        self.kind
    }

    /// Its octets.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    fn is_date(mut data: &[u8]) -> bool {
        match data.len() {
            4 | 8 => true,
            12 => {
                data.advance(4);
                Self::DATES.contains(&data.get_i64())
            }
            _ => false,
        }
    }
}

impl Value {
    /// The value that octets are, all of them.
    ///
    /// # Errors
    /// They are none, or more follow, or it would not fit into a message.
    pub fn read(octets: Bytes) -> Result<Value, ValueError> {
        let mut reader = Reader::new(octets);
        let value = reader.value(2)?;
        if reader.is_done() { Ok(value) } else { Err(ValueError::Trailing) }
    }

    /// Its octets, in memory of their own.
    ///
    /// # Panics
    /// A text or a list in it has 2^32 octets or more.
    pub fn to_octets(&self) -> Vec<u8> {
        let mut out = ByteBuf::new();
        self.write(&mut out);
        out.into_vec()
    }

    /// The text that it is.
    pub(super) fn as_text(&self) -> Option<(TextKind, &Bytes)> {
        match self {
            Value::Bin(octets) => Some((TextKind::Bin, octets)),
            Value::Str(text) => Some((TextKind::Str, text.octets())),
            _ => None,
        }
    }

    /// The whole number from 0 that it is.
    pub fn as_u64(&self) -> Option<u64> {
        if let Value::Int(number) = self { number.as_u64() } else { None }
    }

    pub(super) fn write(&self, out: &mut ByteBuf) {
        match self {
            Value::Nil => written(encode::write_nil(out)),
            Value::Bool(is) => written(encode::write_bool(out, *is)),
            Value::Int(number) => write_int(out, *number),
            Value::Float(Float::F32(bits)) => written(encode::write_f32(out, f32::from_bits(*bits))),
            Value::Float(Float::F64(bits)) => written(encode::write_f64(out, f64::from_bits(*bits))),
            Value::Str(text) => {
                written(encode::write_str_len(out, len(text.octets())));
                out.as_mut_vec().extend_from_slice(text.octets());
            }
            Value::Bin(octets) => written(encode::write_bin(out, octets)),
            Value::Array(values) => write_array(out, values),
            Value::Map(map) => {
                written(encode::write_map_len(out, len(map.pairs())));
                map.pairs().iter().flat_map(|(key, value)| [key, value]).for_each(|value| value.write(out));
            }
            Value::Ext(Ext { kind, data }) => {
                written(encode::write_ext_meta(out, len(data), *kind));
                out.as_mut_vec().extend_from_slice(data);
            }
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Int(number.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<&Text> for Value {
    fn from(text: &Text) -> Self {
        let octets = text.octets().clone();
        match text.kind() {
            TextKind::Bin => Value::Bin(octets),
            TextKind::Str => Value::Str(Utf8::new(octets).expect("a text of this kind was checked")),
        }
    }
}

fn write_int(out: &mut ByteBuf, number: Int) {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => written(encode::write_uint(out, number)),
        (None, Some(number)) => written(encode::write_sint(out, number)),
        (None, None) => unreachable!("a whole number is one of the two"),
    }
}

pub(super) fn write_array(out: &mut ByteBuf, values: &[Value]) {
    written(encode::write_array_len(out, len(values)));
    values.iter().for_each(|value| value.write(out));
}

/// Memory takes all that is written to it.
fn written<T, E: core::fmt::Debug>(result: Result<T, E>) {
    result.expect("memory takes what is written");
}

fn len<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).expect("lengths are below 2^32")
}

/// Reads the values of one message.
pub(super) struct Reader {
    rest: Bytes,
    /// How many more values there may be.
    budget: usize,
}

impl Reader {
    pub(super) fn new(octets: Bytes) -> Self {
        Reader { rest: octets, budget: MAX_VALUES }
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The length of the array that begins here; `None` if something else does.
    pub(super) fn array(&mut self) -> Result<Option<usize>, ValueError> {
        let len = match Marker::from_u8(self.rest.try_get_u8()?) {
            Marker::FixArray(len) => len.into(),
            Marker::Array16 => self.len(2)?,
            Marker::Array32 => self.len(4)?,
            _ => return Ok(None),
        };
        Ok(Some(len))
    }

    /// The value that begins here; an array or a map would be the `depth`th of those that stand in each other.
    pub(super) fn value(&mut self, depth: usize) -> Result<Value, ValueError> {
        self.budget = self.budget.checked_sub(1).ok_or(ValueError::TooMany)?;
        Ok(match Marker::from_u8(self.rest.try_get_u8()?) {
            Marker::Null => Value::Nil,
            Marker::False => Value::Bool(false),
            Marker::True => Value::Bool(true),
            Marker::FixPos(number) => u64::from(number).into(),
            Marker::FixNeg(number) => i64::from(number).into(),
            Marker::U8 => self.rest.try_get_uint(1)?.into(),
            Marker::U16 => self.rest.try_get_uint(2)?.into(),
            Marker::U32 => self.rest.try_get_uint(4)?.into(),
            Marker::U64 => self.rest.try_get_uint(8)?.into(),
            Marker::I8 => i64::from(self.rest.try_get_i8()?).into(),
            Marker::I16 => i64::from(self.rest.try_get_i16()?).into(),
            Marker::I32 => i64::from(self.rest.try_get_i32()?).into(),
            Marker::I64 => self.rest.try_get_i64()?.into(),
            Marker::F32 => Value::Float(Float::F32(self.rest.try_get_u32()?)),
            Marker::F64 => Value::Float(Float::F64(self.rest.try_get_u64()?)),
            Marker::FixStr(len) => self.text(len.into())?,
            Marker::Str8 => self.len(1).and_then(|len| self.text(len))?,
            Marker::Str16 => self.len(2).and_then(|len| self.text(len))?,
            Marker::Str32 => self.len(4).and_then(|len| self.text(len))?,
            Marker::Bin8 => self.len(1).and_then(|len| self.take(len)).map(Value::Bin)?,
            Marker::Bin16 => self.len(2).and_then(|len| self.take(len)).map(Value::Bin)?,
            Marker::Bin32 => self.len(4).and_then(|len| self.take(len)).map(Value::Bin)?,
            Marker::FixArray(len) => self.list(len.into(), depth)?,
            Marker::Array16 => self.len(2).and_then(|len| self.list(len, depth))?,
            Marker::Array32 => self.len(4).and_then(|len| self.list(len, depth))?,
            Marker::FixMap(len) => self.map(len.into(), depth)?,
            Marker::Map16 => self.len(2).and_then(|len| self.map(len, depth))?,
            Marker::Map32 => self.len(4).and_then(|len| self.map(len, depth))?,
            Marker::FixExt1 => self.ext(1)?,
            Marker::FixExt2 => self.ext(2)?,
            Marker::FixExt4 => self.ext(4)?,
            Marker::FixExt8 => self.ext(8)?,
            Marker::FixExt16 => self.ext(16)?,
            Marker::Ext8 => self.len(1).and_then(|len| self.ext(len))?,
            Marker::Ext16 => self.len(2).and_then(|len| self.ext(len))?,
            Marker::Ext32 => self.len(4).and_then(|len| self.ext(len))?,
            Marker::Reserved => return Err(ValueError::Reserved),
        })
    }

    /// A length of so many octets.
    fn len(&mut self, octets: usize) -> Result<usize, ValueError> {
        let len = self.rest.try_get_uint(octets)?;
        usize::try_from(len).map_err(|_| ValueError::Truncated)
    }

    fn take(&mut self, len: usize) -> Result<Bytes, ValueError> {
        if len > self.rest.len() { Err(ValueError::Truncated) } else { Ok(self.rest.split_to(len)) }
    }

    fn text(&mut self, len: usize) -> Result<Value, ValueError> {
        Utf8::new(self.take(len)?).map(Value::Str).ok_or(ValueError::NotUtf8)
    }

    fn ext(&mut self, len: usize) -> Result<Value, ValueError> {
        let kind = self.rest.try_get_i8()?;
        Ext::new(kind, self.take(len)?).map(Value::Ext)
    }

    /// The values in the `depth`th array or map. A claim of more than there can be is refused before they are read.
    pub(super) fn values(&mut self, count: usize, depth: usize) -> Result<Vec<Value>, ValueError> {
        if depth > MAX_DEPTH {
            return Err(ValueError::TooDeep);
        }
        if count > self.rest.len() {
            return Err(ValueError::Truncated);
        }
        if count > self.budget {
            return Err(ValueError::TooMany);
        }
        (0..count).map(|_| self.value(depth + 1)).collect()
    }

    fn list(&mut self, count: usize, depth: usize) -> Result<Value, ValueError> {
        self.values(count, depth).map(Value::Array)
    }

    fn map(&mut self, pairs: usize, depth: usize) -> Result<Value, ValueError> {
        let mut all = self.values(pairs.saturating_mul(2), depth)?.into_iter();
        let pairs = core::iter::from_fn(|| all.next().zip(all.next())).collect();
        Ok(Value::Map(Map::new(pairs)?))
    }
}
