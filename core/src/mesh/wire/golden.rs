//! Frames of py2p and js2p, taken from their connections or made with their code.

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bytes::BytesMut;
use serde_json::Value as Json;

use super::*;

fn golden() -> Json {
    serde_json::from_str(include_str!("../golden.json")).unwrap()
}

fn vectors() -> Vec<Json> {
    golden()["vectors"].as_array().unwrap().clone()
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn str_of(json: &Json) -> &str {
    json.as_str().unwrap_or_else(|| panic!("{json} is a text"))
}

fn opened(vector: &Json, accepts: Accepts) -> Result<Frame, FrameError> {
    let octets = octets(str_of(&vector["hex"]));
    let body = next_body(&mut BytesMut::from(&octets[..])).unwrap().expect("it is whole");
    body.open(accepts)
}

/// The value that a vector states.
fn stated(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(is) => Value::Bool(*is),
        Json::Number(number) => number.as_u64().map_or_else(|| number.as_i64().unwrap().into(), Value::from),
        Json::Array(all) => Value::Array(all.iter().map(stated).collect()),
        Json::Object(typed) => {
            let (kind, json) = typed.iter().next().unwrap();
            match &kind[..] {
                "str" => str_of(json).into(),
                "bin" => Value::Bin(str_of(json).to_owned().into()),
                "f64" => json.as_f64().unwrap().into(),
                "map" => Value::Map(Map::new(json.as_array().unwrap().iter().map(pair).collect()).unwrap()),
                other => panic!("{other} is new"),
            }
        }
        Json::String(_) => panic!("{json} has no type"),
    }
}

fn pair(json: &Json) -> (Value, Value) {
    (stated(&json[0]), stated(&json[1]))
}

fn text(json: &Json) -> Text {
    let value = stated(json);
    let (kind, octets) = value.as_text().unwrap();
    Text::new(kind, octets.clone()).unwrap()
}

fn texts<const N: usize>(fields: &Json) -> [Text; N] {
    core::array::from_fn(|n| text(&fields[n + 1]))
}

fn values(fields: &Json) -> Vec<Value> {
    fields.as_array().unwrap()[1..].iter().map(stated).collect()
}

fn methods(json: &Json) -> Vec<Method> {
    json.as_array().unwrap().iter().map(|id| Method(id.as_u64().unwrap())).collect()
}

fn host_port(json: &Json) -> HostPort {
    HostPort { host: text(&json[0]), port: json[1].as_u64().unwrap().try_into().unwrap() }
}

fn peer(json: &Json) -> Peer {
    Peer { addr: host_port(&json[0]), id: text(&json[1]) }
}

fn map(json: &Json) -> Map {
    let Value::Map(map) = stated(json) else { panic!("{json} is a map") };
    map
}

/// The message that a vector's name and fields state, and how far it goes.
fn message(vector: &Json) -> (Message, Way) {
    let fields = &vector["fields"];
    let name = str_of(&vector["name"]);
    let name = name.trim_start_matches("deterministic | ");
    let name = name.split_once("2p/").map_or(name, |(_, name)| name.split(" | ").nth(1).unwrap());
    let word = name.split([' ', '(']).next().unwrap();
    let way = if vector["type"] == 0 { Way::Flood } else { Way::Link };
    let said = match word {
        "broadcast" => Message::Broadcast(values(fields)),
        "whisper" => Message::Whisper(values(fields)),
        "handshake" => {
            let [id, protocol] = texts(fields);
            let (addr, methods) = (host_port(&fields[3]), methods(&fields[4]));
            Message::Handshake(Handshake { id, protocol, addr, methods })
        }
        "peers" | "peers-empty" => Message::Peers(fields[1].as_array().unwrap().iter().map(peer).collect()),
        "request-peers" => Message::PeersRequest(text(&fields[1]).kind()),
        "request-peer-address" => {
            let [request, wanted] = texts(fields);
            Message::AddressRequest { request, wanted }
        }
        "response" => {
            let [request] = texts(fields);
            Message::AddressResponse { request, peer: peer(&fields[2]) }
        }
        "renegotiate/compression" | "renegotiate/compression[]" => Message::Compression(methods(&fields[1])),
        "renegotiate/resend" => Message::Resend,
        "chord-meta" if name.starts_with("chord-meta leech") => Message::Meta(Role::Leech),
        "chord-meta" => Message::Meta(Role::Storing),
        "notify-add" | "notify" => Message::Notify { key: text(&fields[1]), notice: Notice::Added },
        "notify-del" => Message::Notify { key: text(&fields[1]), notice: Notice::Deleted },
        "chord-store" | "chord-store-nil" | "chord" => {
            let [table, key] = texts(fields);
            Message::Store { table, key, value: stated(&fields[3]) }
        }
        "chord-retrieve" => {
            let [table, key] = texts(fields);
            Message::Retrieve { table, key }
        }
        "chord-retrieved" | "chord-retrieved-nil" => {
            let [table, key] = texts(fields);
            Message::Retrieved { table, key, value: stated(&fields[3]) }
        }
        "chord-delta" => {
            let [table, key] = texts(fields);
            Message::Delta { table, key, delta: map(&fields[3]) }
        }
        "sync-store" | "sync-store-nil" => {
            let lease =
                fields.get(3).map(|owner| Lease { owner: text(owner), time: fields[4].as_u64().unwrap() });
            Message::SyncStore { key: text(&fields[1]), value: stated(&fields[2]), lease }
        }
        "sync-delta" => Message::SyncDelta { key: text(&fields[1]), delta: map(&fields[2]) },
        // What py2p makes of a request to send something again.
        "other:" => {
            let fields = fields.as_array().unwrap().iter().map(stated).collect();
            Message::Unknown(UnknownMessage::new(fields).unwrap())
        }
        other => panic!("{other} is new"),
    };
    (said, way)
}

fn stamp(vector: &Json) -> Stamp {
    Stamp { sender: text(&vector["sender"]), time: vector["time"].as_u64().unwrap() }
}

#[test]
fn every_frame_that_is_plain_or_inflated_here_is_read_and_written_to_the_octet() {
    let (mut plain, mut inflated) = (0, 0);
    for vector in vectors() {
        let (name, compression) = (str_of(&vector["name"]), str_of(&vector["compression"]));
        if !["plain", "zlib", "gzip"].contains(&compression) {
            continue;
        }
        let frame = opened(&vector, Accepts::Compressed).unwrap_or_else(|why| panic!("{name}: {why}"));
        let (said, way) = message(&vector);
        assert_eq!(frame.id().to_string(), str_of(&vector["id"]), "{name}");
        assert_eq!(frame.stamp(), &stamp(&vector), "{name}");
        assert_eq!(Message::read(&frame).as_ref(), Ok(&said), "{name}");
        let written = said.frame(way, stamp(&vector)).unwrap();
        assert_eq!(written, frame, "{name}");
        if compression == "plain" {
            plain += 1;
            assert_eq!(written.whole(), &octets(str_of(&vector["hex"])), "{name}");
        } else {
            inflated += 1;
        }
    }
    assert_eq!((plain, inflated), (27, 25));
}

#[test]
fn what_is_compressed_otherwise_or_too_early_closes() {
    let mut seen = Vec::new();
    for vector in vectors() {
        let compression = str_of(&vector["compression"]);
        if compression == "plain" {
            assert!(opened(&vector, Accepts::Plain).is_ok());
            continue;
        }
        assert_eq!(opened(&vector, Accepts::Plain), Err(FrameError::Digest));
        let method = match compression {
            "bz2" => Method::BZ2,
            "lzma" => Method::LZMA,
            _ => continue,
        };
        let refused = opened(&vector, Accepts::Compressed).unwrap_err();
        assert_eq!((refused, refused.reaction()), (FrameError::Unsupported(method), Reaction::Close));
        seen.push(compression.to_owned());
    }
    assert_eq!(seen, ["bz2", "lzma", "bz2"]);
}

#[test]
fn protocols_are_called_as_py2p_calls_them() {
    let ids = golden()["protocol_ids"].as_object().unwrap().clone();
    assert_eq!(ids.len(), 28);
    for (name, id) in ids {
        let (subnet, encryption) = name.split_once('+').unwrap();
        assert_eq!(ProtocolId::new(subnet, encryption).as_str(), str_of(&id), "{name}");
    }
}

#[test]
fn nodes_are_called_as_py2p_calls_them() {
    let said = golden()["node_id"].clone();
    let protocol = ProtocolId::new("mesh", "Plaintext");
    assert_eq!(protocol.as_str(), str_of(&said["protocol_id"]));
    let id = NodeId::derive("127.0.0.1", 4444, &protocol, str_of(&said["user_salt"]));
    assert_eq!(id.to_string(), str_of(&said["node_id"]));
    assert_eq!(NodeId::read(str_of(&said["node_id"]).as_bytes()), Ok(id));
}

#[test]
fn numbers_are_written_as_py2p_writes_them() {
    for key in golden()["keys"].as_object().unwrap().values() {
        for (table, both) in key.as_object().unwrap() {
            let hex: String = alloc::format!("{:0>128}", str_of(&both[0]));
            let (number, text) = (octets(&hex), str_of(&both[1]));
            assert_eq!(encode(&number), text, "{table}");
            assert_eq!(decode::<64>(text.as_bytes()).map(Vec::from), Ok(number), "{table}");
            assert_eq!(NodeId::read(text.as_bytes()).is_ok(), table != "sha512", "above 2^384");
        }
    }
    let most = "APfNaWmCGXxjPYJGZwiKpdX3EUk7VxXnyV7eGd74S7ukPHSnf3F7dPU4kqdaB6DuXt";
    assert_eq!(NodeId::read(most.as_bytes()), Ok(NodeId([0xff; 48])));
    let mut above = most.to_owned();
    above.replace_range(65.., "u");
    assert_eq!(NodeId::read(above.as_bytes()), Err(Base58Error::TooLarge));
    // A hash that begins with a zero octet.
    let mut number = [0xff; 32];
    number[0] = 0;
    assert_eq!(encode(&number), "4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofL");
}
