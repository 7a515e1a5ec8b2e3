//! Lines of signed JSON.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::message::{Malformed, Message, NodeId, Row, msgtype};
use super::super::rows;

/// The longest line heard in octets, its terminator excluded: a row has 62 to 72 octets, and a process that may open 1,024
/// files lists no more than about 1,000 peers.
pub const MAX_LINE: usize = 128 << 10;

/// The longest line sent in octets, its terminator included. A hello of 190 and an addr behind it are in one segment on
/// every path that carries IPv6 (1,280 octets, of which headers take 72).
pub const MAX_SENT: usize = 1_000;

/// A node's part in a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It dialled.
    Speaker,
    /// It accepted.
    Listener,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Speaker => "SPEAKER",
            Kind::Listener => "LISTENER",
        }
    }
}

/// A row of an addr that is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Whom the sender is connected with.
    pub id: NodeId,
    /// The other end of that connection.
    pub addr: SocketAddr,
    /// The sender's part in it.
    pub kind: Kind,
    /// When the peer was last heard, since 1970; told to the microsecond, and as the nearest time from 1970 to the year 2242
    /// where it is none.
    pub heard: Duration,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Node { id, addr, kind, heard } = self;
        write!(f, "[\"{id}\", \"{addr}\", \"{}\", {}]", kind.name(), seconds(*heard))
    }
}

/// Seconds as Python writes a float: with as many digits as tell it from every other one. Microseconds are those digits
/// from 100 µs, below which Python writes an exponent, to 2³³ s, above which floats are further apart.
fn seconds(time: Duration) -> String {
    let time = time.clamp(Duration::from_secs(1), Duration::from_secs((1 << 33) - 1));
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    let digits = text.trim_end_matches('0');
    format!("{digits}{}", if digits.ends_with('.') { "0" } else { "" })
}

/// The line of a hello with its terminator; `nonce` is 64 hex digits that were in no line before.
pub fn write_hello(id: &NodeId, nonce: &str) -> Bytes {
    line("hello", id, nonce, "\"version\": 0, ")
}

/// The line of a ping; see [`write_hello`].
pub fn write_ping(id: &NodeId, nonce: &str) -> Bytes {
    line("ping", id, nonce, "")
}

/// The line of a pong; see [`write_hello`].
pub fn write_pong(id: &NodeId, nonce: &str) -> Bytes {
    line("pong", id, nonce, "")
}

/// The line of an addr with as many of the rows, from the first on, as fit in [`MAX_SENT`] octets; see [`write_hello`].
pub fn write_addr(id: &NodeId, nonce: &str, nodes: impl IntoIterator<Item = Node>) -> Bytes {
    let addr = |rows: &str| line("addr", id, nonce, &format!("\"nodes\": [{rows}], "));
    let room = MAX_SENT.saturating_sub(addr("").len());
    let mut rows = String::new();
    for node in nodes {
        let row = format!("{}{node}", if rows.is_empty() { "" } else { ", " });
        if rows.len() + row.len() > room {
            break;
        }
        rows.push_str(&row);
    }
    addr(&rows)
}

fn line(msgtype: &str, id: &NodeId, nonce: &str, says: &str) -> Bytes {
    let data = format!("{{\"nonce\": \"{nonce}\", {says}\"nodeid\": \"{id}\"}}");
    let sign = checksum(id, &data);
    format!("{{\"msgtype\": \"{msgtype}\", \"data\": {data}, \"sign\": \"{sign}\"}}\n").into()
}

/// The HMAC-MD5 (RFC 2104) of the data's text under the sender's own nodeid, which the text contains.
///
/// # Panics
/// Never: a key of HMAC has any length.
fn checksum(id: &NodeId, data: &str) -> String {
    let mut mac = Hmac::<Md5>::new_from_slice(id.as_str().as_bytes()).expect("any length will do");
    mac.update(data.as_bytes());
    format!("{:032x}", u128::from_be_bytes(mac.finalize().into_bytes().into()))
}

/// Reads a line without its terminator.
///
/// # Errors
/// It is no message, or its checksum does not fit. Nobody looks at that of a `msgtype` that is not acted upon.
pub fn read(line: &[u8]) -> Result<Message, Malformed> {
    let kind = msgtype(line)?;
    if !matches!(&*kind, "hello" | "ping" | "pong" | "addr") {
        return Ok(Message::Unknown);
    }
    let Envelope { data, sign } = serde_json::from_slice(line).map_err(|_| Malformed::NoMessage)?;
    let id = sender(data)?;
    if checksum(&id, &respaced(data.get())) != *sign {
        return Err(Malformed::Checksum);
    }
    match &*kind {
        "hello" => Ok(Message::Hello { id }),
        "ping" => Ok(Message::Ping),
        "pong" => Ok(Message::Pong),
        _ => nodes(data),
    }
}

fn sender(data: &RawValue) -> Result<NodeId, Malformed> {
    let Sender { nodeid } = serde_json::from_str(data.get()).map_err(|_| Malformed::NoId)?;
    NodeId::new(&nodeid).ok_or(Malformed::NoId)
}

fn nodes(data: &RawValue) -> Result<Message, Malformed> {
    let Nodes { nodes } = serde_json::from_str(data.get()).map_err(|_| Malformed::NoRows)?;
    Ok(Message::Addr { peers: nodes })
}

/// JSON with one space after each comma and colon, and no other but in texts.
fn respaced(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in json.chars() {
        if !in_text && c.is_ascii_whitespace() {
            continue;
        }
        out.push(c);
        if !in_text && matches!(c, ',' | ':') {
            out.push(' ');
        }
        in_text ^= c == '"' && !escaped;
        escaped = in_text && c == '\\' && !escaped;
    }
    out
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    sign: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Sender<'a> {
    #[serde(borrow)]
    nodeid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Nodes {
    #[serde(deserialize_with = "rows::read")]
    nodes: Vec<Row>,
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONCE: &str = "226caf0f535bde9009939162c5a84d3b1308400acda1de6525c34d1d0a6d3dde";

    fn named(id: &str) -> NodeId {
        NodeId::new(id).unwrap()
    }

    fn node(kind: Kind) -> Node {
        let addr = "127.0.0.1:5005".parse().unwrap();
        Node { id: named("0a1b2c3d4e"), addr, kind, heard: Duration::from_millis(1_795_237_629_500) }
    }

    fn without_end(line: &Bytes) -> &[u8] {
        line.strip_suffix(b"\n").expect("lines end so")
    }

    #[test]
    fn what_is_sent_is_read() {
        let id = named("b28b3a6ae2");
        let hello = write_hello(&id, NONCE);
        assert_eq!(read(without_end(&hello)), Ok(Message::Hello { id: id.clone() }));
        assert_eq!(read(without_end(&write_ping(&id, NONCE))), Ok(Message::Ping));
        assert_eq!(read(without_end(&write_pong(&id, NONCE))), Ok(Message::Pong));
        let addr = write_addr(&id, NONCE, [node(Kind::Listener), node(Kind::Speaker)]);
        let row = Row { addr: "127.0.0.1:5005".parse().unwrap(), id: Some(named("0a1b2c3d4e")) };
        assert_eq!(read(without_end(&addr)), Ok(Message::Addr { peers: [row].into() }));
    }

    #[test]
    fn an_addr_is_cut_so_that_a_read_holds_it_with_the_hello_before_it() {
        let text = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535";
        let long = Node { id: named(&"x".repeat(64)), addr: text.parse().unwrap(), ..node(Kind::Speaker) };
        let id = named("b28b3a6ae2");
        for (node, rows) in [(node(Kind::Listener), 13), (long, 5)] {
            let line = write_addr(&id, NONCE, core::iter::repeat_n(node, 1_000));
            assert!(line.len() <= MAX_SENT && line.len() + write_hello(&id, NONCE).len() <= 1_208);
            let text = core::str::from_utf8(&line).unwrap();
            assert_eq!(text.matches("ER\", 17").count(), rows, "{text}");
        }
        let longest = named(&"x".repeat(NodeId::MAX));
        assert!(write_addr(&longest, NONCE, []).len() < MAX_SENT);
    }

    #[test]
    fn a_thousand_rows_are_heard() {
        let rows: Vec<String> = (0..1_024).map(|_| format!("{}", node(Kind::Speaker))).collect();
        let says = format!("\"nodes\": [{}], ", rows.join(", "));
        let line = line("addr", &named("b28b3a6ae2"), NONCE, &says);
        assert!((16_385..MAX_LINE).contains(&line.len()), "{}", line.len());
        let Ok(Message::Addr { peers }) = read(without_end(&line)) else { panic!("no addr") };
        assert_eq!(peers.len(), 1_024);
    }

    #[test]
    fn what_is_not_acted_upon_needs_no_more_than_its_name() {
        for kind in ["ackhello", "getaddr", "getblocks"] {
            assert_eq!(read(format!("{{\"msgtype\":\"{kind}\"}}").as_bytes()), Ok(Message::Unknown));
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let id = named("b28b3a6ae2");
        let signed = |data: &str| {
            let sign = checksum(&id, data);
            format!("{{\"msgtype\": \"addr\", \"data\": {data}, \"sign\": \"{sign}\"}}")
        };
        for line in ["", "{", "[]", "{}", r#"{"msgtype":"hello"}"#, r#"{"msgtype":"ping","data":{}}"#] {
            assert_eq!(read(line.as_bytes()), Err(Malformed::NoMessage), "{line}");
        }
        for data in ["{}", "5", r#"{"nodeid": 5}"#, r#"{"nodeid": "a b"}"#, r#"{"nodeid": ""}"#] {
            assert_eq!(read(signed(data).as_bytes()), Err(Malformed::NoId), "{data}");
        }
        for nodes in ["5", "[5]", "{}"] {
            let data = format!("{{\"nodes\": {nodes}, \"nodeid\": \"{id}\"}}");
            assert_eq!(read(signed(&data).as_bytes()), Err(Malformed::NoRows), "{data}");
        }
        assert_eq!(read(signed("{\"nodeid\": \"b28b3a6ae2\"}").as_bytes()), Err(Malformed::NoRows));
    }

    #[test]
    fn keys_of_the_envelope_come_in_any_order() {
        let data = "{\"nonce\": \"00\", \"nodeid\": \"b28b3a6ae2\"}";
        let sign = checksum(&named("b28b3a6ae2"), data);
        let line =
            format!("{{\"sign\": \"{sign}\", \"more\": [1], \"data\": {data}, \"msgtype\": \"pong\"}}");
        assert_eq!(read(line.as_bytes()), Ok(Message::Pong));
    }

    #[test]
    fn any_version_is_taken() {
        let id = named("abcabcabca");
        for version in ["", "\"version\": 9, ", "\"version\": \"x\", "] {
            let hello = line("hello", &id, "00", version);
            assert_eq!(read(without_end(&hello)), Ok(Message::Hello { id: id.clone() }));
        }
    }

    #[test]
    fn spaces_within_texts_stay() {
        let text = r#"{"a,b : \" c\\":[1 , 2],"d":"e"}"#;
        assert_eq!(respaced(text), r#"{"a,b : \" c\\": [1, 2], "d": "e"}"#);
    }

    #[test]
    fn impossible_clocks_are_told_as_the_nearest_time() {
        assert_eq!(seconds(Duration::ZERO), "1.0");
        assert_eq!(seconds(Duration::MAX), "8589934591.0");
    }

    proptest! {
        #[test]
        fn seconds_are_the_shortest_text_of_their_float(micros in 1_000_000u64..(1 << 33) * 1_000_000) {
            let text = seconds(Duration::from_micros(micros));
            let float: f64 = text.parse().unwrap();
            prop_assert_eq!(format!("{float:?}"), text);
        }

        #[test]
        fn spaces_between_tokens_change_nothing(at in any::<prop::sample::Index>(), space in "[ \t]{1,3}") {
            let line = write_addr(&named("b28b3a6ae2"), NONCE, [node(Kind::Speaker), node(Kind::Speaker)]);
            let text = core::str::from_utf8(without_end(&line)).unwrap();
            let between: Vec<usize> =
                text.match_indices([',', ':', '[', ']']).map(|(at, _)| at).filter(|at| !in_quotes(text, *at)).collect();
            let (before, after) = text.split_at(*at.get(&between));
            prop_assert_eq!(read(format!("{before}{space}{after}").as_bytes()), read(text.as_bytes()));
        }

        #[test]
        fn an_altered_octet_is_refused_or_says_nothing_else(at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let line = write_hello(&named("b28b3a6ae2"), NONCE);
            let mut altered = without_end(&line).to_vec();
            let at = at.index(altered.len());
            altered[at] = with;
            if let Ok(message) = read(&altered) {
                let same = read(without_end(&line)) == Ok(message.clone());
                prop_assert!(same || message == Message::Unknown, "{:?}", message);
            }
        }

        #[test]
        fn reading_is_total(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&line);
        }
    }

    fn in_quotes(text: &str, at: usize) -> bool {
        text[..at].matches('"').count() % 2 == 1
    }
}
