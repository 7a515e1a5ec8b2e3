//! Frames of the original, taken from its connections, and what it says to others.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::net::SocketAddrV4;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::*;

fn golden() -> Value {
    let all: Value = serde_json::from_str(include_str!("../golden.json")).unwrap();
    all["gossip_python"].clone()
}

fn list(key: &str) -> Vec<Value> {
    golden()[key].as_array().unwrap().clone()
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn frame(vector: &Value) -> (Vec<u8>, Result<Option<Frame>, Malformed>) {
    let octets = octets(vector["hex"].as_str().unwrap());
    let frame = next_frame(&mut BytesMut::from(&octets[..]));
    (octets, frame)
}

fn address(value: &Value) -> SocketAddrV4 {
    value.as_str().unwrap().parse().unwrap()
}

fn number<T: TryFrom<u64, Error: core::fmt::Debug>>(value: &Value) -> T {
    T::try_from(value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))).unwrap()
}

/// What the vector says that its frame means, and the frame written from that.
fn stated(decoded: &Value) -> (Message, Bytes) {
    let data = || Bytes::from(octets(decoded["data"].as_str().unwrap_or_default()));
    let data_type = || number(&decoded["data_type"]);
    match number::<u16>(&decoded["code"]) {
        500 => {
            let (ttl, reserved) = (number(&decoded["ttl"]), number(&decoded["reserved"]));
            let announce = Announce { ttl, reserved, data_type: data_type(), data: data() };
            let written = write::announce(ttl, reserved, announce.data_type, &announce.data);
            (Message::Announce(announce), written)
        }
        501 => (Message::Notify { data_type: data_type() }, write::notify(data_type())),
        502 => {
            let (id, data_type, data) = (number(&decoded["msg_id"]), data_type(), data());
            let written = write::notification(id, data_type, &data);
            (Message::Notification { id, data_type, data }, written)
        }
        503 => {
            let (id, valid) = (number(&decoded["msg_id"]), decoded["bits"] != 0);
            (Message::Validation { id, valid }, write::validation(id, valid))
        }
        510 => {
            let addr = address(&decoded["addr"]);
            (Message::PeerRequest(addr), write::peer_request(addr))
        }
        511 => {
            let all: Vec<_> = decoded["addrs"].as_array().unwrap().iter().map(address).collect();
            (Message::PeerResponse(all.clone()), write::peer_response(&all))
        }
        512 => {
            let (ttl, kind) = (number(&decoded["ttl"]), number(&decoded["type"]));
            let update = PeerUpdate { addr: address(&decoded["addr"]), ttl, kind };
            (Message::PeerUpdate(update), write::peer_update(update))
        }
        513 => {
            let addr = address(&decoded["addr"]);
            (Message::PeerInit(addr), write::peer_init(addr))
        }
        other => panic!("{other} is nothing that it says"),
    }
}

#[test]
fn every_frame_of_the_original_is_read_and_written_to_the_octet() {
    let vectors = list("vectors");
    assert_eq!(vectors.len(), 18);
    for vector in vectors {
        let name = vector["name"].to_string();
        let (octets, frame) = frame(&vector);
        let frame = frame.unwrap().unwrap();
        assert_eq!(octets.len(), number::<usize>(&vector["decoded"]["size"]), "{name}");
        let (message, written) = stated(&vector["decoded"]);
        assert_eq!(Message::read(&frame), Ok(message), "{name}");
        assert_eq!(written, octets, "{name}");
        assert_eq!(frame.whole, octets, "{name}");
    }
}

#[test]
fn what_the_original_refuses_is_refused_here_too() {
    let rejected = list("rejected");
    assert_eq!(rejected.len(), 7);
    for vector in rejected {
        let said = match frame(&vector).1 {
            Ok(Some(frame)) => Message::read(&frame).map(|_| ()),
            Ok(None) => Ok(()),
            Err(malformed) => Err(malformed),
        };
        let expected = match vector["name"].as_str().unwrap() {
            // It takes what one read brings for a frame; here the rest may follow.
            "short_header" => Ok(()),
            "size_below_4" => Err(Malformed::TooShort),
            "code_499" | "code_520" => Err(Malformed::Code),
            "announce_empty_body" | "announce_3_byte_body" => Err(Malformed::Body),
            "response_len_not_multiple_of_6" => Err(Malformed::List),
            other => panic!("{other} is new"),
        };
        assert_eq!(said, expected, "{}", vector["name"]);
    }
}

#[test]
fn what_the_original_tolerates_is_tolerated_here_too() {
    let tolerated = list("tolerated");
    assert_eq!(tolerated.len(), 3);
    for vector in tolerated {
        let frame = frame(&vector).1.unwrap().unwrap();
        let expected = match vector["name"].as_str().unwrap() {
            "code_504_unassigned" => Message::Unassigned(504),
            "peer_request_without_reserved" => Message::PeerRequest("127.0.0.1:6990".parse().unwrap()),
            "announce_empty_data" => {
                Message::Announce(Announce { ttl: 0, reserved: 0, data_type: 5, data: Bytes::new() })
            }
            other => panic!("{other} is new"),
        };
        assert_eq!(Message::read(&frame), Ok(expected), "{}", vector["name"]);
    }
}

#[test]
fn native_frames_are_read_as_they_were_written() {
    let hashes: Vec<_> = (0..3).map(|n| MessageHash::of(n, b"data")).collect();
    let offers: Vec<_> = hashes.iter().map(|hash| Offer { hash: *hash, ttl: 7 }).collect();
    let spread = Spread { ttl: 1, origin_ttl: 9, reserved: 0xab, data_type: 77, data: "said".into() };
    let all = [
        (write::native(Probe::Hello { nonce: 5 }), Message::Native(Probe::Hello { nonce: 5 })),
        (write::native(Probe::Ping), Message::Native(Probe::Ping)),
        (write::native(Probe::Pong), Message::Native(Probe::Pong)),
        (write::spread(&spread), Message::Spread(spread)),
        (write::have(&offers), Message::Have(offers)),
        (write::want(&hashes), Message::Want(hashes.clone())),
        (write::gone(&hashes), Message::Gone(hashes)),
    ];
    for (written, message) in all {
        let frame = next_frame(&mut BytesMut::from(&written[..])).unwrap().unwrap();
        assert_eq!(Message::read(&frame), Ok(message));
    }
}

#[test]
fn the_longest_message_fits() {
    let data = Bytes::from(alloc::vec![7; MAX_DATA]);
    assert_eq!(write::announce(0, 0, 1, &data).len(), 65_535);
    assert_eq!(write::notification(1, 1, &data).len(), 65_535);
}
