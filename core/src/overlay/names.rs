//! What nodes, records and links are called.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

/// A node's identity, 16 octets, written as 32 hexadecimal digits. It is not an address: a node keeps it when it moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u128);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}..", self.0 >> 96)
    }
}

/// A text is not a node's id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a node id is 32 hexadecimal digits")]
pub struct IdError;

impl FromStr for NodeId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        let digits = s.len() == 32 && s.bytes().all(|b| b.is_ascii_hexdigit());
        if digits { u128::from_str_radix(s, 16).map(NodeId).map_err(|_| IdError) } else { Err(IdError) }
    }
}

/// Digits in formats for people, a number in others.
#[cfg(feature = "serde")]
mod serial {
    use alloc::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::NodeId;

    impl Serialize for NodeId {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.collect_str(self)
            } else {
                self.0.serialize(serializer)
            }
        }
    }

    impl<'de> Deserialize<'de> for NodeId {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if !deserializer.is_human_readable() {
                return u128::deserialize(deserializer).map(NodeId);
            }
            Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        }
    }
}

/// A record's freshness: the incarnation (how often its node has started), then the sequence within it. Compared in
/// that order, strictly greater wins; nothing wraps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Key {
    /// Counter of starts, from 1.
    pub incarnation: u32,
    /// Counter of records within the incarnation, from 1.
    pub sequence: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.sequence)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a link costs: its smoothed round trip in microseconds, from 1 to [`Cost::MAX`]. Unmeasured is `None`, never a
/// huge number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Cost(u32);

impl Cost {
    /// The least cost, a microsecond.
    pub const MIN: Cost = Cost(1);
    /// The greatest cost, about 134 seconds: the sum over a path of 32 links (the TTL) stays within 32 bits.
    pub const MAX: Cost = Cost((1 << 27) - 1);

    /// A cost of so many microseconds, brought within the bounds.
    pub const fn from_micros(micros: u64) -> Self {
        if micros >= Self::MAX.0 as u64 {
            Self::MAX
        } else if micros == 0 {
            Self::MIN
        } else {
            #[allow(clippy::cast_possible_truncation, reason = "below MAX")]
            Cost(micros as u32)
        }
    }

    /// A duration as a cost.
    pub fn from_duration(d: Duration) -> Self {
        Self::from_micros(u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
    }

    /// Microseconds.
    pub const fn micros(self) -> u32 {
        self.0
    }
}

/// What a node draws for one link or one probe, so that only who was told it can answer: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn names_are_written_as_the_wire_has_them() {
        let id = NodeId(0xab << 120 | 1);
        assert_eq!(format!("{id} {id:?}"), "ab000000000000000000000000000001 ab000000..");
        let key = Key { incarnation: 3, sequence: 14 };
        assert_eq!(format!("{key} {key:?}"), "3.14 3.14");
        assert_eq!(format!("{} {:?}", Token(255), Token(255)), "00000000000000ff 00000000000000ff");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn an_id_is_text_where_people_read_it() {
        let id = NodeId(0xab << 120 | 1);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"ab000000000000000000000000000001\"");
        assert_eq!(serde_json::from_str::<NodeId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<NodeId>("\"ab\"").is_err());
    }

    #[test]
    fn an_id_has_32_hexadecimal_digits_and_no_sign() {
        let id = "ab000000000000000000000000000001";
        assert_eq!(id.parse(), Ok(NodeId(0xab << 120 | 1)));
        for wrong in [
            &id[1..],
            &format!("{id}0"),
            "+b000000000000000000000000000001",
            "xb000000000000000000000000000001",
        ] {
            assert_eq!(wrong.parse::<NodeId>(), Err(IdError), "{wrong}");
        }
    }
}
