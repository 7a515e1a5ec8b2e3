//! What a fuzzer tries: frames, and a node fed whatever octets say.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::lawful::{config, first_frame, peer_frame};
use super::wire::{Accepts, Message, NodeId, Value, next_body};
use super::{Command, Mesh};
use crate::kernel::{Seed, Streams};
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

/// Reads frames off any octets, to the first that closes the connection.
///
/// # Panics
/// A plain frame is not what came, or a message that was read cannot be said.
pub fn wire(octets: &[u8]) {
    let mut buffer = BytesMut::from(octets);
    while let Ok(Some(body)) = next_body(&mut buffer) {
        if let Ok(frame) = body.open(Accepts::Compressed) {
            let _ = Message::read(&frame);
        }
    }
}
