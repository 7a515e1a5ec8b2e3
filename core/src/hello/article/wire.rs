//! Lines of plain JSON.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};

use super::super::message::{Malformed, Message, NodeId, Row, msgtype};
use super::super::rows;

/// The longest line in octets, its terminator excluded.
pub const MAX_LINE: usize = 16_384;

/// The most rows of an addr that fit in [`MAX_LINE`], whatever they hold.
pub const MAX_ROWS: usize = 120;

/// Reads a line without its terminator.
///
/// # Errors
/// It is no message.
pub fn read(line: &[u8]) -> Result<Message, Malformed> {
    match &*msgtype(line)? {
        "hello" => read_hello(line),
        "ping" => Ok(Message::Ping),
        "pong" => Ok(Message::Pong),
        "getaddr" => Ok(Message::GetAddr),
        "addr" => read_addr(line),
        _ => Ok(Message::Unknown),
    }
}

/// A message's line with the terminator, within [`MAX_LINE`] for at most [`MAX_ROWS`] rows; [`Message::Unknown`] has a
/// `msgtype` of that name.
pub fn write(message: &Message) -> Bytes {
    match message {
        Message::Hello { id } => line(&HelloOut { nodeid: id.as_str(), msgtype: "hello" }),
        Message::Ping => Bytes::from_static(b"{\"msgtype\":\"ping\"}\n"),
        Message::Pong => Bytes::from_static(b"{\"msgtype\":\"pong\"}\n"),
        Message::GetAddr => Bytes::from_static(b"{\"msgtype\":\"getaddr\"}\n"),
        Message::Addr { peers } => line(&AddrOut { msgtype: "addr", peers }),
        Message::Unknown => Bytes::from_static(b"{\"msgtype\":\"unknown\"}\n"),
    }
}

fn read_hello(line: &[u8]) -> Result<Message, Malformed> {
    let hello: HelloIn<'_> = serde_json::from_slice(line).map_err(|_| Malformed::NoId)?;
    NodeId::new(&hello.nodeid).map(|id| Message::Hello { id }).ok_or(Malformed::NoId)
}

fn read_addr(line: &[u8]) -> Result<Message, Malformed> {
    let AddrIn { peers } = serde_json::from_slice(line).map_err(|_| Malformed::NoRows)?;
    Ok(Message::Addr { peers })
}

/// # Panics
/// Never: what is emitted has text keys and no map or number that JSON lacks.
fn line(value: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(value).expect("a message is always JSON");
    text.push(b'\n');
    text.into()
}

#[derive(Deserialize)]
struct HelloIn<'a> {
    #[serde(borrow, alias = "node_id")]
    nodeid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct AddrIn {
    #[serde(deserialize_with = "rows::read")]
    peers: Vec<Row>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, SocketAddr};
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
        read(line.as_bytes()).map(|message| match message {
            Message::Addr { peers } => peers,
            other => panic!("{other:?} is no addr"),
        })
    }

    #[test]
    fn reads_what_the_article_prints() {
        let hello = br#"{"nodeid": "0a1b", "msgtype": "hello", "port": 5999}"#;
        let id = NodeId::new("0a1b").unwrap();
        assert_eq!(read(hello), Ok(Message::Hello { id: id.clone() }));
        let other = br#"{"msgtype": "hello", "node_id": "0a1b"}"#;
        assert_eq!(read(other), Ok(Message::Hello { id: id.clone() }));
        assert_eq!(read(br#" {"msgtype": "ping"} "#), Ok(Message::Ping));
        assert_eq!(read(br#"{"msgtype": "getblocks", "peers": 5}"#), Ok(Message::Unknown));
        let addr: SocketAddr = "127.0.0.1:5998".parse().unwrap();
        let both = r#"{"msgtype": "addr", "peers": [["127.0.0.1:5998", "0a1b"], "127.0.0.1:5998"]}"#;
        assert_eq!(rows_of(both), Ok(alloc::vec![Row { addr, id: Some(id) }, Row { addr, id: None }]));
    }

    #[test]
    fn every_line_of_the_article_is_read() {
        let golden: serde_json::Value = serde_json::from_str(include_str!("../golden.json")).unwrap();
        let lines = golden["article"]["lines"].as_array().unwrap();
        let read: Vec<_> = lines.iter().map(|line| read(line.as_str().unwrap().as_bytes())).collect();
        let id = NodeId::new("a46de8d6-177e-4644-a711-63d182fdbade").unwrap();
        let row = Row { addr: "127.0.0.1:5998".parse().unwrap(), id: NodeId::new("<nodeid>") };
        let (hello, addr) = (Message::Hello { id }, Message::Addr { peers: [row].into() });
        assert_eq!(read, [hello, Message::Ping, Message::Pong, Message::GetAddr, addr].map(Ok));
    }

    #[test]
    fn an_addr_without_rows_is_refused() {
        for peers in ["5", "[5]", "[[]]", "null", "{}"] {
            let line = format!(r#"{{"msgtype":"addr","peers":{peers}}}"#);
            assert_eq!(rows_of(&line), Err(Malformed::NoRows), "{peers}");
        }
        assert_eq!(rows_of(r#"{"msgtype":"addr"}"#), Err(Malformed::NoRows));
    }

    #[test]
    fn refuses_what_is_no_message() {
        for text in ["", "{", "[]", "5", "{}", r#"{"msgtype":5}"#, "{\"msgtype\":\"ping\"} x", "\u{0}"] {
            assert_eq!(read(text.as_bytes()), Err(Malformed::NoMessage), "{text}");
        }
        for id in ["5", "\"\"", "null", r#""a\"b""#, r#""a\nb""#, "\"\u{e9}\""] {
            let line = format!(r#"{{"msgtype":"hello","nodeid":{id}}}"#);
            assert_eq!(read(line.as_bytes()), Err(Malformed::NoId), "{id}");
        }
        assert_eq!(NodeId::new(&"x".repeat(65)), None);
    }

    #[test]
    fn the_longest_addr_fits_in_a_line() {
        let text = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535";
        let row = Row { addr: text.parse().unwrap(), id: NodeId::new(&"x".repeat(NodeId::MAX)) };
        assert_eq!(format!("{}", row.addr).len(), text.len());
        let line = write(&Message::Addr { peers: alloc::vec![row; MAX_ROWS] });
        assert!(line.len() <= MAX_LINE + 1, "{}", line.len());
    }

    proptest! {
        #[test]
        fn every_message_is_read_back(message in messages()) {
            let line = write(&message);
            prop_assert!(line.ends_with(b"\n") && !line[..line.len() - 1].contains(&b'\n'));
            prop_assert_eq!(read(&line[..line.len() - 1]), Ok(message));
        }

        #[test]
        fn reading_is_total(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&line);
        }

        #[test]
        fn reading_damaged_lines_is_total(message in messages(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
            let mut line = write(&message).to_vec();
            let at = at.index(line.len());
            line[at] = with;
            if let Ok(message) = read(&line) {
                let again = write(&message);
                prop_assert_eq!(read(&again[..again.len() - 1]), Ok(message));
            }
        }
    }
}
