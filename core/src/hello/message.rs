//! Lines and what they say.

use alloc::borrow::Cow;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::Bytes;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kernel::Rng;

/// The longest line in octets, its terminator excluded.
pub const MAX_LINE: usize = 16_384;

/// The most rows of an addr that fit in [`MAX_LINE`], whatever they hold.
pub const MAX_ROWS: usize = 120;

/// What a node calls itself: 1 to 64 printable ASCII characters other than `"` and `\`, so that it takes as many octets
/// on the wire as in memory. The article draws a uuid4 at every start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The longest id in octets; a uuid has 36.
    pub const MAX: usize = 64;

    /// An id that a peer claims, copied; `None` if it may not be one.
    pub fn new(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        ((1..=Self::MAX).contains(&text.len()) && text.bytes().all(plain)).then(|| NodeId(text.into()))
    }

    /// A fresh uuid4 (RFC 9562).
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let bits = rng.u128() & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let hex = format!("{bits:032x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        NodeId(parts.join("-").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A row of an addr.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where somebody listens.
    pub addr: SocketAddr,
    /// Who; `None` in a bare `"ip:port"`.
    pub id: Option<NodeId>,
}

/// A line's meaning. Every value can be emitted; with at most [`MAX_ROWS`] rows its line is within [`MAX_LINE`].
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
        /// The rows whose addresses and ids could be read.
        peers: Vec<Row>,
    },
    /// A `msgtype` that this dialect does not know.
    Unknown,
}

/// Why a line is no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Not a JSON object with a text `msgtype`.
    #[error("a line is not a JSON object with a msgtype")]
    NoMessage,
    /// A hello without an id that may be one.
    #[error("a hello names no usable nodeid")]
    NoId,
    /// An addr whose peers are no rows.
    #[error("an addr holds no rows")]
    NoRows,
}

impl Malformed {
    /// The same in a few words.
    pub const fn what(self) -> &'static str {
        match self {
            Malformed::NoMessage => "sent a line that is no message",
            Malformed::NoId => "sent a hello without a usable nodeid",
            Malformed::NoRows => "sent an addr without rows",
        }
    }
}

impl Message {
    /// Reads a line without its terminator.
    ///
    /// # Errors
    /// It is no message.
    pub fn read(line: &[u8]) -> Result<Message, Malformed> {
        let kind: Kind<'_> = serde_json::from_slice(line).map_err(|_| Malformed::NoMessage)?;
        match &*kind.msgtype {
            "hello" => read_hello(line),
            "ping" => Ok(Message::Ping),
            "pong" => Ok(Message::Pong),
            "getaddr" => Ok(Message::GetAddr),
            "addr" => read_addr(line),
            _ => Ok(Message::Unknown),
        }
    }

    /// Its line with the terminator; [`Message::Unknown`] has a `msgtype` of that name.
    pub fn emit(&self) -> Bytes {
        match self {
            Message::Hello { id } => line(&HelloOut { nodeid: id.as_str(), msgtype: "hello" }),
            Message::Ping => Bytes::from_static(b"{\"msgtype\":\"ping\"}\n"),
            Message::Pong => Bytes::from_static(b"{\"msgtype\":\"pong\"}\n"),
            Message::GetAddr => Bytes::from_static(b"{\"msgtype\":\"getaddr\"}\n"),
            Message::Addr { peers } => line(&AddrOut { msgtype: "addr", peers }),
            Message::Unknown => Bytes::from_static(b"{\"msgtype\":\"unknown\"}\n"),
        }
    }
}

fn read_hello(line: &[u8]) -> Result<Message, Malformed> {
    let hello: HelloIn<'_> = serde_json::from_slice(line).map_err(|_| Malformed::NoId)?;
    NodeId::new(&hello.nodeid).map(|id| Message::Hello { id }).ok_or(Malformed::NoId)
}

fn read_addr(line: &[u8]) -> Result<Message, Malformed> {
    let addr: AddrIn = serde_json::from_slice(line).map_err(|_| Malformed::NoRows)?;
    Ok(Message::Addr { peers: addr.peers.into_iter().filter_map(|slot| slot.0).collect() })
}

/// # Panics
/// Never: what is emitted has text keys and no map or number that JSON lacks.
fn line(value: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(value).expect("a message is always JSON");
    text.push(b'\n');
    text.into()
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    msgtype: Cow<'a, str>,
}

#[derive(Deserialize)]
struct HelloIn<'a> {
    #[serde(borrow, alias = "node_id")]
    nodeid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct AddrIn {
    peers: Vec<Slot>,
}

#[derive(Serialize)]
struct HelloOut<'a> {
    nodeid: &'a str,
    msgtype: &'static str,
}

#[derive(Serialize)]
struct AddrOut<'a> {
    msgtype: &'static str,
    peers: &'a [Row],
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(id) = &self.id else { return serializer.collect_str(&self.addr) };
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&format!("{}", self.addr))?;
        pair.serialize_element(id.as_str())?;
        pair.end()
    }
}

/// A place in an addr's list: a row, or what could be one but for its text.
struct Slot(Option<Row>);

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SlotVisitor)
    }
}

struct SlotVisitor;

impl<'de> Visitor<'de> for SlotVisitor {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"ip:port\" or [\"ip:port\", nodeid]")
    }

    fn visit_str<E>(self, addr: &str) -> Result<Slot, E> {
        Ok(Slot(addr.parse().ok().map(|addr| Row { addr, id: None })))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Slot, A::Error> {
        let Text(addr) = seq.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
        let id: Option<Option<Text<'_>>> = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Slot(row(&addr, id.flatten())))
    }
}

fn row(addr: &str, id: Option<Text<'_>>) -> Option<Row> {
    let addr = addr.parse().ok()?;
    match id {
        Some(Text(id)) => Some(Row { addr, id: Some(NodeId::new(&id)?) }),
        None => Some(Row { addr, id: None }),
    }
}

/// A text, borrowed from the line where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Seed, Streams};
    use core::net::IpAddr;
    use proptest::prelude::*;

    fn ids() -> impl Strategy<Value = NodeId> {
        "[!#-\\[\\]-~]{1,64}".prop_map(|text| NodeId::new(&text).expect("made of what is allowed"))
    }

    fn rows() -> impl Strategy<Value = Row> {
        let addr = (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port));
        (addr, prop::option::of(ids())).prop_map(|(addr, id)| Row { addr, id })
    }

    fn messages() -> impl Strategy<Value = Message> {
        prop_oneof![
            ids().prop_map(|id| Message::Hello { id }),
            Just(Message::Ping),
            Just(Message::Pong),
            Just(Message::GetAddr),
            Just(Message::Unknown),
            prop::collection::vec(rows(), 0..MAX_ROWS).prop_map(|peers| Message::Addr { peers }),
        ]
    }

    fn rows_of(line: &str) -> Result<Vec<Row>, Malformed> {
        Message::read(line.as_bytes()).map(|message| match message {
            Message::Addr { peers } => peers,
            other => panic!("{other:?} is no addr"),
        })
    }

    #[test]
    fn reads_what_the_article_prints() {
        let hello = br#"{"nodeid": "0a1b", "msgtype": "hello", "port": 5999}"#;
        let id = NodeId::new("0a1b").unwrap();
        assert_eq!(Message::read(hello), Ok(Message::Hello { id: id.clone() }));
        let other = br#"{"msgtype": "hello", "node_id": "0a1b"}"#;
        assert_eq!(Message::read(other), Ok(Message::Hello { id: id.clone() }));
        assert_eq!(Message::read(br#" {"msgtype": "ping"} "#), Ok(Message::Ping));
        assert_eq!(Message::read(br#"{"msgtype": "getblocks", "peers": 5}"#), Ok(Message::Unknown));
        let addr: SocketAddr = "127.0.0.1:5998".parse().unwrap();
        let both = r#"{"msgtype": "addr", "peers": [["127.0.0.1:5998", "0a1b"], "127.0.0.1:5998"]}"#;
        assert_eq!(rows_of(both), Ok(alloc::vec![Row { addr, id: Some(id) }, Row { addr, id: None }]));
    }

    #[test]
    fn rows_are_skipped_for_their_text_and_refused_for_their_shape() {
        let skipped =
            r#"{"msgtype":"addr","peers":[["localhost:1","a"],"x",["1.2.3.4:5",""],["1.2.3.4:5","a b"]]}"#;
        assert_eq!(rows_of(skipped), Ok(Vec::new()));
        assert_eq!(
            rows_of(r#"{"msgtype":"addr","peers":[["1.2.3.4:5"],["1.2.3.4:5",null,7]]}"#).unwrap().len(),
            2
        );
        for peers in ["5", "[5]", "[[]]", "[[5]]", r#"[["1.2.3.4:5",5]]"#, "null", "{}"] {
            let line = format!(r#"{{"msgtype":"addr","peers":{peers}}}"#);
            assert_eq!(rows_of(&line), Err(Malformed::NoRows), "{peers}");
        }
    }

    #[test]
    fn refuses_what_is_no_message() {
        for text in ["", "{", "[]", "5", "{}", r#"{"msgtype":5}"#, "{\"msgtype\":\"ping\"} x", "\u{0}"] {
            assert_eq!(Message::read(text.as_bytes()), Err(Malformed::NoMessage), "{text}");
        }
        for id in ["5", "\"\"", "null", r#""a\"b""#, r#""a\nb""#, "\"\u{e9}\""] {
            let line = format!(r#"{{"msgtype":"hello","nodeid":{id}}}"#);
            assert_eq!(Message::read(line.as_bytes()), Err(Malformed::NoId), "{id}");
        }
        assert_eq!(NodeId::new(&"x".repeat(65)), None);
    }

    #[test]
    fn the_longest_addr_fits_in_a_line() {
        let text = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535";
        let row = Row { addr: text.parse().unwrap(), id: NodeId::new(&"x".repeat(NodeId::MAX)) };
        assert_eq!(format!("{}", row.addr).len(), text.len());
        let line = Message::Addr { peers: alloc::vec![row; MAX_ROWS] }.emit();
        assert!(line.len() <= MAX_LINE + 1, "{}", line.len());
    }

    #[test]
    fn ids_are_uuid4() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("t");
        for _ in 0..100 {
            let id = NodeId::draw(&mut rng);
            let text = id.as_str();
            assert_eq!(text.len(), 36);
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
            assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        }
    }

    proptest! {
        #[test]
        fn every_message_is_read_back(message in messages()) {
            let line = message.emit();
            prop_assert!(line.ends_with(b"\n") && !line[..line.len() - 1].contains(&b'\n'));
            prop_assert_eq!(Message::read(&line[..line.len() - 1]), Ok(message));
        }

        #[test]
        fn reading_is_total(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::read(&line);
        }

        #[test]
        fn reading_damaged_lines_is_total(message in messages(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let mut line = message.emit().to_vec();
            let at = at.index(line.len());
            line[at] = with;
            if let Ok(read) = Message::read(&line) {
                let again = read.emit();
                prop_assert_eq!(Message::read(&again[..again.len() - 1]), Ok(read));
            }
        }
    }
}
