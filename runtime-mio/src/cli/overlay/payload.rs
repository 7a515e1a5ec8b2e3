//! Payloads in JSON: as text where they are, else as hexadecimal digits. And how they go.

use clap::ValueEnum;
use egoist_core::overlay::Way;
use serde::{Deserialize, Serialize};

use super::super::hex;

/// How a payload goes from each node to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WayArg {
    /// Over links, in order on each
    #[default]
    Link,
    /// As a datagram, where it is short enough and datagrams get through: sooner, or not at all
    Datagram,
}

impl From<WayArg> for Way {
    fn from(way: WayArg) -> Self {
        match way {
            WayArg::Link => Self::Link,
            WayArg::Datagram => Self::Datagram,
        }
    }
}

/// What a payload holds: `{"text": "hello"}` or `{"hex": "00ff"}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Payload {
    /// UTF-8.
    Text(String),
    /// Anything else, two digits for each octet.
    Hex(String),
}

impl Payload {
    /// A payload of these octets.
    pub(crate) fn new(octets: Vec<u8>) -> Self {
        String::from_utf8(octets)
            .map_or_else(|not_text| Self::Hex(hex::digits(not_text.as_bytes())), Self::Text)
    }

    /// The octets; none if they are written wrongly.
    pub(crate) fn octets(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.as_bytes().to_vec()),
            Self::Hex(digits) => hex::octets(digits),
        }
    }

    /// For a terminal, which must obey nothing in it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text
                .chars()
                .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
                .collect(),
            Self::Hex(digits) => format!("0x{digits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_back() {
        for octets in [b"hello".to_vec(), vec![0, 255, 16], vec![], b"a\xffb".to_vec()] {
            assert_eq!(Payload::new(octets.clone()).octets(), Some(octets));
        }
        assert_eq!(serde_json::to_string(&Payload::new(vec![0xff])).unwrap(), r#"{"hex":"ff"}"#);
        assert_eq!(serde_json::to_string(&Payload::new(b"hi".to_vec())).unwrap(), r#"{"text":"hi"}"#);
        for bad in ["f", "0g", "+1", "ä"] {
            assert_eq!(Payload::Hex(bad.into()).octets(), None, "{bad}");
        }
    }

    #[test]
    fn a_terminal_obeys_no_payload() {
        assert_eq!(Payload::Text("ü\u{1b}[2J\n".into()).shown(), "ü\\u{1b}[2J\\n");
    }
}
