//! What has a rule of its own as serde has it: the parts that it is made of, checked where they are read.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Ext, Frame, Int, Map, MessageId, NodeId, Text, TextKind, Utf8, Value};

macro_rules! checked {
    ($name:ty, $parts:ty, |$this:ident| $apart:expr, $build:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $this = self;
                $apart.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let build: fn($parts) -> Result<$name, _> = $build;
                build(<$parts>::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    };
}

checked!(Utf8, String, |text| text.as_str(), |text| Ok::<_, &str>(text.into()));
checked!(Text, (TextKind, Bytes), |text| (text.kind(), text.octets()), |(kind, octets)| Text::new(
    kind, octets
));
checked!(Ext, (i8, Bytes), |ext| (ext.kind(), ext.data()), |(kind, data)| Ext::new(kind, data));
checked!(Map, Vec<(Value, Value)>, |map| map.pairs(), Map::new);
checked!(Int, i128, |int| int.get(), |number| Int::new(number).ok_or("a number that MessagePack has not"));
checked!(NodeId, String, |id| id.to_string(), |text| NodeId::read(text.as_bytes()));
checked!(MessageId, String, |id| id.to_string(), |text| MessageId::read(&text).ok_or("no message's id"));

/// A frame as its octets: it is told, and never asked for.
impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.whole())
    }
}
