//! Lines of the original program, taken from its connections, and what it says to others.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use serde_json::Value;

use super::*;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../golden.json")).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is a text in {value}"))
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The row that the original sent, its time from the text of the number.
fn node(row: &Value) -> Node {
    let kind = [Kind::Speaker, Kind::Listener].into_iter().find(|kind| kind.name() == row[2]).unwrap();
    let time = row[3].to_string();
    let (secs, micros) = time.split_once('.').unwrap();
    let micros: u32 = format!("{micros:0<6}").parse().unwrap();
    Node {
        id: NodeId::new(row[0].as_str().unwrap()).unwrap(),
        addr: row[1].as_str().unwrap().parse().unwrap(),
        kind,
        heard: Duration::new(secs.parse().unwrap(), micros * 1_000),
    }
}

#[test]
fn every_line_of_the_original_is_read_and_written_to_the_octet() {
    let golden = golden();
    let vectors = golden["ncpoc"]["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let octets = octets(text(vector, "hex"));
        let line = octets.strip_suffix(b"\n").unwrap();
        assert_eq!(line, text(vector, "text").as_bytes());
        let data = &vector["decoded"]["data"];
        let (id, nonce) = (NodeId::new(text(data, "nodeid")).unwrap(), text(data, "nonce"));
        assert_eq!(checksum(&id, text(vector, "hmac_input_ascii")), text(vector, "hmac_md5"));
        let (message, written) = match text(vector, "msgtype") {
            "hello" => (Message::Hello { id: id.clone() }, write_hello(&id, nonce)),
            "ping" => (Message::Ping, write_ping(&id, nonce)),
            "pong" => (Message::Pong, write_pong(&id, nonce)),
            // Those that the original listed had dialled it, so that none of these rows is one to dial.
            "addr" => {
                let nodes = data["nodes"].as_array().unwrap().iter().map(node);
                (Message::Addr { peers: Vec::new() }, write_addr(&id, nonce, nodes))
            }
            other => panic!("{other} is nothing that it sends"),
        };
        assert_eq!(read(line), Ok(message), "{}", vector["name"]);
        assert_eq!(&written[..], octets, "{}", vector["name"]);
    }
}

#[test]
fn what_the_original_refuses_or_takes_is_refused_or_taken() {
    let golden = golden();
    let id = NodeId::new("b28b3a6ae2").unwrap();
    let hello = Ok(Message::Hello { id: id.clone() });
    let line = |data: &str, signed: &str| {
        format!("{{\"msgtype\": \"hello\", \"data\": {data}, \"sign\": \"{}\"}}", checksum(&id, signed))
    };
    let (canonical, compact) = (
        "{\"nonce\": \"00\", \"version\": 0, \"nodeid\": \"b28b3a6ae2\"}",
        "{\"nonce\":\"00\",\"version\":0,\"nodeid\":\"b28b3a6ae2\"}",
    );
    let inserted = "{\"version\": 0, \"nodeid\": \"b28b3a6ae2\", \"nonce\": \"00\"}";
    for negative in golden["ncpoc"]["negative"].as_array().unwrap() {
        let (line, expected) = match text(negative, "name") {
            // On Python 2 it drops this one, on Python 3 it takes it.
            "hello_py3_insertion_order" => (line(inserted, inserted), hello.clone()),
            "compact_separators_signed_compact" => (line(compact, compact), Err(Malformed::Checksum)),
            "compact_on_wire_signed_canonical" => (line(compact, canonical), hello.clone()),
            "bad_sign" => (line(canonical, compact), Err(Malformed::Checksum)),
            "blank_line_or_non_json_or_split_line" => {
                let whole = line(canonical, canonical);
                for part in ["", "hello", &whole[..40], &whole[40..]] {
                    assert_eq!(read(part.as_bytes()), Err(Malformed::NoMessage), "{part}");
                }
                (String::new(), Err(Malformed::NoMessage))
            }
            other => panic!("nothing is known of {other}"),
        };
        assert_eq!(read(line.as_bytes()), expected, "{}", negative["name"]);
    }
}

#[test]
fn both_orders_of_keys_are_taken() {
    let golden = golden();
    for synthetic in golden["ncpoc"]["synthetic"].as_array().unwrap() {
        let id = NodeId::new("abcabcabca").unwrap();
        assert_eq!(read(text(synthetic, "text").as_bytes()), Ok(Message::Hello { id }), "{synthetic}");
    }
}
