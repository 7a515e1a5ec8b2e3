//! What is kept at one place.

use alloc::vec::Vec;
use core::hash::Hasher;

use bytes::Bytes;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::form::{self, Fields};
use super::{Digest, Version};
use crate::kernel::StoreOp;
use crate::mesh::chord::{MAX_KEY, MAX_VALUE, Place};
use crate::mesh::wire::Value;

/// What is kept at a place: a value, or that it was deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Where. If `name` is known it is that key's place.
    pub place: Place,
    /// The user's key, if it is known: nodes of py2p say its hashes alone.
    pub name: Option<Bytes>,
    /// When it was set.
    pub version: Version,
    /// The value in MessagePack; `None` if it was deleted.
    pub value: Option<Bytes>,
    /// Milliseconds since 1970 at which it is gone of itself; never of what was deleted.
    pub expires: Option<u64>,
}

/// What is no record, or none that is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// A field is missing, or is something else.
    #[error("a record without all its fields")]
    Form,
    /// The user's key is longer than [`MAX_KEY`].
    #[error("a record's key has more than {MAX_KEY} octets")]
    Key,
    /// The value is longer than [`MAX_VALUE`], or empty, or nil.
    #[error("a record's value is none, or has more than {MAX_VALUE} octets")]
    Value,
    /// It is kept under another place's name.
    #[error("a record under the name of another")]
    Place,
}

/// Nil in MessagePack.
const NIL: [u8; 1] = [0xc0];

impl Record {
    /// What names in the log begin with.
    pub const PREFIX: &[u8] = b"chord/";

    /// Octets that it counts as.
    pub fn weight(&self) -> usize {
        let octets = |octets: &Option<Bytes>| octets.as_ref().map_or(0, Bytes::len);
        size_of::<Record>() + octets(&self.name) + octets(&self.value)
    }

    /// Whether there is a value at this time, in milliseconds since 1970.
    pub fn is_live(&self, unix_millis: u64) -> bool {
        self.value.is_some() && self.expires.is_none_or(|expires| expires > unix_millis)
    }

    /// It, as a field of a word: an array of eight, in which the place is said by the key if that is known.
    pub fn to_value(&self) -> Value {
        let octets = |octets: &Option<Bytes>| octets.clone().map_or(Value::Nil, Value::Bin);
        let number = if self.name.is_some() { Value::Nil } else { form::integer(self.place.number()) };
        let [millis, count, node] = form::version(&self.version);
        Value::Array(Vec::from([
            form::table(self.place.table),
            number,
            octets(&self.name),
            millis,
            count,
            node,
            octets(&self.value),
            self.expires.map_or(Value::Nil, Value::from),
        ]))
    }

    /// What a field of a word says, in memory of its own. Whether the value is MessagePack is for those who want to know
    /// what it is.
    ///
    /// # Errors
    /// It is no record, or one beyond the bounds.
    pub fn read(value: &Value) -> Result<Record, RecordError> {
        let record = fields(value).ok_or(RecordError::Form)??;
        Ok(Record { name: detached(record.name), value: detached(record.value), ..record })
    }

    /// The change of the log that keeps it.
    pub fn keeping(&self) -> StoreOp {
        StoreOp { key: log_key(&self.place), value: Some(self.to_value().to_octets().into()) }
    }

    /// The change of the log that forgets what is kept at a place.
    pub fn forgetting(place: &Place) -> StoreOp {
        StoreOp { key: log_key(place), value: None }
    }

    /// What the log has under a name, in memory of its own.
    ///
    /// # Errors
    /// It is damaged.
    pub fn from_log(key: &[u8], octets: &[u8]) -> Result<Record, RecordError> {
        let value = Value::read(Bytes::copy_from_slice(octets)).map_err(|_| RecordError::Form)?;
        let record = fields(&value).ok_or(RecordError::Form)??;
        if log_key(&record.place) == key { Ok(record) } else { Err(RecordError::Place) }
    }

    /// That of its place and version, with which two nodes find out whether they have the same.
    pub fn digest(&self) -> Digest {
        let Version { millis, count, node } = &self.version;
        let mut hasher = SipHasher13::new();
        hasher.write(&[self.place.table as u8]);
        hasher.write(self.place.number());
        hasher.write(&millis.to_be_bytes());
        hasher.write(&count.to_be_bytes());
        hasher.write(&node.0);
        Digest { sum: hasher.finish128().as_u128(), count: 1 }
    }
}

/// The record that shares the fields' memory.
fn fields(value: &Value) -> Option<Result<Record, RecordError>> {
    let mut fields = Fields::of(value)?;
    let (table, number) = (fields.table()?, fields.octets_or_nil()?);
    let (name, version) = (fields.octets_or_nil()?, fields.version()?);
    let (value, expires) = (fields.octets_or_nil()?, fields.number_or_nil()?);
    if name.is_some_and(|name| name.len() > MAX_KEY) {
        return Some(Err(RecordError::Key));
    }
    if value.is_some_and(|value| value.len() > MAX_VALUE || value.is_empty() || value[..] == NIL) {
        return Some(Err(RecordError::Value));
    }
    let place = match (name, number) {
        (Some(name), None) => Place::of(table, name),
        (None, Some(number)) => Place::at(table, form::padded(number)?),
        _ => return None,
    };
    let expires = expires.filter(|_| value.is_some());
    Some(Ok(Record { place, name: name.cloned(), version, value: value.cloned(), expires }))
}

fn detached(octets: Option<Bytes>) -> Option<Bytes> {
    octets.map(|octets| Bytes::copy_from_slice(&octets))
}

fn log_key(place: &Place) -> Bytes {
    let mut key = Vec::from(Record::PREFIX);
    key.push(place.table as u8);
    key.extend_from_slice(place.number());
    key.into()
}
