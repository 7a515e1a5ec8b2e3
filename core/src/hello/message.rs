//! What a line says, whatever dialect it is in.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};

/// What a node calls itself: 1 to 64 printable ASCII characters other than `"` and `\`, so that it takes as many octets
/// on the wire as in memory. It is drawn at every start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(Bytes);

impl NodeId {
    /// The longest id in octets; a uuid has 36.
    pub const MAX: usize = 64;

    /// An id that a peer claims, copied; `None` if it may not be one.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        ((1..=Self::MAX).contains(&text.len()) && text.bytes().all(plain))
            .then(|| NodeId(Bytes::copy_from_slice(text.as_bytes())))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A row of an addr that names where somebody listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where.
    pub addr: SocketAddr,
    /// Who; `None` where the row does not say.
    pub id: Option<NodeId>,
}

/// A line's meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Who I am.
    Hello {
        /// The sender.
        id: NodeId,
    },
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
    /// Whom do you know?
    GetAddr,
    /// These.
    Addr {
        /// The rows whose addresses and ids could be read, and where somebody listens.
        peers: Vec<Row>,
    },
    /// A `msgtype` that the dialect does not act upon.
    Unknown,
}

/// A line's `msgtype`, with which every message of either dialect begins to be read.
pub(super) fn msgtype(line: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        msgtype: Cow<'a, str>,
    }
    serde_json::from_slice(line).map(|Kind { msgtype }| msgtype).map_err(|_| Malformed::NoMessage)
}

/// Why a line is no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not a JSON object with a text `msgtype` and what else belongs to each message.
    #[error("a line is not a JSON object with a msgtype")]
    NoMessage,
    /// A sender is named by nothing that may be an id.
    #[error("a message names no usable nodeid")]
    NoId,
    /// The rows of an addr are none.
    #[error("an addr holds no rows")]
    NoRows,
    /// The checksum is not that of the data.
    #[error("a checksum does not fit the data")]
    Checksum,
}

impl Malformed {
    /// The same in a few words.
    pub const fn what(self) -> &'static str {
        match self {
            Malformed::NoMessage => "sent a line that is no message",
            Malformed::NoId => "sent a message without a usable nodeid",
            Malformed::NoRows => "sent an addr without rows",
            Malformed::Checksum => "sent a checksum that does not fit",
        }
    }
}
