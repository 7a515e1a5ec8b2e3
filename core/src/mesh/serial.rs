//! What of the wire is in commands and events, as serde has it: exact, and short where nobody reads it.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::wire::{Frame, NodeId, Value};

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = Cow::<str>::deserialize(deserializer)?;
            return NodeId::read(text.as_bytes()).map_err(de::Error::custom);
        }
        let octets = Bytes::deserialize(deserializer)?;
        let octets = octets[..].try_into().map_err(|_| de::Error::custom("an id has 48 octets"))?;
        Ok(NodeId(octets))
    }
}

/// A frame as its octets.
impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.whole())
    }
}

/// For a field of values: as the octets of each.
pub mod values {
    use super::{Bytes, Deserialize, Deserializer, Serializer, Value, Vec, de};

    /// Writes them, as one list.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(values: &[Value], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&Value::Array(values.to_vec()).to_octets())
    }

    /// Reads them.
    ///
    /// # Errors
    /// The octets are no list of values that a message could have.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
        match Value::read(Bytes::deserialize(deserializer)?) {
            Ok(Value::Array(values)) => Ok(values),
            Ok(_) => Err(de::Error::custom("the values of a message are a list")),
            Err(why) => Err(de::Error::custom(why)),
        }
    }
}
