//! What a fuzzer tries: a node fed whatever octets say, and frames.

use bytes::{Bytes, BytesMut};

use super::lawful::{config, module_frame, peer_frame};
use super::wire::{Message, next_frame};
use super::{Command, Gossip, MODULES};
use crate::kernel::{How, Seed, Streams};
use crate::sim::hand;

/// Drives a node of one of the modes [by hand](hand::play).
///
/// # Panics
/// As that does.
pub fn node(octets: &[u8]) {
    let (first, script) = octets.split_first().unwrap_or((&0, &[]));
    let mut rng = Streams::new(Seed::from_u64(0)).named("frames");
    let frame =
        |how| if how == How::Accepted(MODULES) { module_frame(&mut rng) } else { peer_frame(&mut rng) };
    hand::play::<Gossip>(config((*first).into()), 2, script, frame, command);
}

fn command(with: u8) -> Command {
    let (data_type, id) = (u16::from(with % 3), u16::from(with % 16));
    match with {
        0..2 => Command::Leave,
        2..80 => Command::Announce { ttl: with % 3, data_type, data: Bytes::copy_from_slice(&[with % 32]) },
        80..110 => Command::Subscribe { data_type },
        110..120 => Command::Unsubscribe { data_type },
        120..180 => Command::Validate { id, valid: with < 160 },
        _ => Command::Connect { addr: ([127, 0, 0, 1], 6_000 + id).into() },
    }
}

/// Reads frames off any octets, to the first that is none.
///
/// # Panics
/// A frame's body has not the length that its head says.
pub fn wire(octets: &[u8]) {
    let mut buffer = BytesMut::from(octets);
    while let Ok(Some(frame)) = next_frame(&mut buffer) {
        assert_eq!(frame.body.len() + 4, frame.whole.len(), "a head has four octets");
        let _ = Message::read(&frame);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn whatever_is_said_to_a_node_it_keeps_the_contract_and_is_replayed() {
        let mut rng = Streams::new(Seed::from_u64(1)).named("scripts");
        for _ in 0..500 {
            let script: Vec<u8> = (0..rng.index(600)).map(|_| rng.u64().to_le_bytes()[0]).collect();
            node(&script);
            wire(&script);
        }
    }
}
