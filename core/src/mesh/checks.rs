//! What a fuzzer tries: frames, and a node fed whatever octets say.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::lawful::{config, first_frame, peer_frame};
use super::wire::{Accepts, Frame, Kind, Message, NodeId, Value, Way, next_body};
use super::{Command, Mesh};
use crate::kernel::{LengthPrefix, Seed, Streams};
use crate::sim::hand;

/// Drives a node [by hand](hand::play).
///
/// # Panics
/// As that does.
pub fn node(octets: &[u8]) {
    let (first, script) = octets.split_first().unwrap_or((&0, &[]));
    let mut rng = Streams::new(Seed::from_u64(0)).named("frames");
    let mut said = 0u32;
    let frame = |_| {
        said += 1;
        if said % 4 == 1 { first_frame(&mut rng) } else { peer_frame(&mut rng) }
    };
    hand::play::<Mesh>(config((*first).into()), 1, script, frame, command);
}

fn command(with: u8) -> Command {
    let mut id = [0; NodeId::LEN];
    id[NodeId::LEN - 1] = with % 7;
    let (id, values) = (NodeId(id), Vec::from([Value::from(u64::from(with))]));
    match with {
        0..2 => Command::Leave,
        2..80 => Command::Broadcast { values },
        80..140 => Command::Whisper { to: id, values },
        140..160 => Command::Disconnect { id },
        160..180 => Command::RequestPeers,
        _ => Command::Connect { addr: ([127, 0, 0, 1], 6_000 + u16::from(with % 8)).into() },
    }
}

/// Reads frames off any octets, and then an array that they are said to be by the right digest, which no fuzzer guesses.
///
/// # Panics
/// A plain frame is not passed on as it came, or a message that was read cannot be said again.
pub fn wire(octets: &[u8]) {
    frames(octets);
    frames(&framed(octets));
}

fn framed(array: &[u8]) -> Bytes {
    let body: Vec<u8> = [&Sha256::digest(array)[..], array].concat();
    LengthPrefix::u32_exclusive(usize::MAX).frame(&body).expect("it is as long as it may be")
}

/// To the first that has no length of one.
fn frames(octets: &[u8]) {
    let mut buffer = BytesMut::from(octets);
    while let Some(at) = octets.len().checked_sub(buffer.len())
        && let Ok(Some(body)) = next_body(&mut buffer)
    {
        let came = &octets[at..octets.len() - buffer.len()];
        if let Ok(frame) = body.clone().open(Accepts::Plain) {
            assert_eq!(
                (frame.id(), &frame.whole()[..]),
                (body.claimed(), came),
                "it is passed on as it came"
            );
        }
        if let Ok(frame) = body.open(Accepts::Compressed) {
            said_again(&frame);
        }
    }
}

fn said_again(frame: &Frame) {
    let Ok(message) = Message::read(frame) else { return };
    let way = if frame.kind() == Kind::Broadcast { Way::Flood } else { Way::Link };
    let again = message.frame(way, frame.stamp().clone()).expect("what was read fits");
    assert_eq!(Message::read(&again), Ok(message), "it says the same");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_to_a_node_it_keeps_the_contract_and_is_replayed() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("scripts");
        for _ in 0..500 {
            let script: Vec<u8> = (0..rng.index(600)).map(|_| rng.u64().to_le_bytes()[0]).collect();
            node(&script);
        }
    }

    #[test]
    fn whatever_octets_are_they_are_frames_or_refused() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("octets");
        for _ in 0..2_000 {
            let array: Vec<u8> = (0..rng.index(80)).map(|_| rng.u64().to_le_bytes()[0]).collect();
            wire(&array);
            // What begins as a message does.
            wire(&[&[0x96, 0, 0xa1, b'a', 7], &array[..]].concat());
        }
    }
}
