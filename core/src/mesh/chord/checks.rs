//! What a fuzzer tries: words of any fields, and a node fed whatever octets say.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::lawful::{self, config, first_frames, peer_frame};
use super::store::Policy;
use super::word::Word;
use super::{Chord, Command, Config};
use crate::kernel::{Seed, Streams};
use crate::mesh::wire::{Map, NodeId, Value};
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
        if said % 4 == 1 { Bytes::from(first_frames(&mut rng)) } else { peer_frame(&mut rng) }
    };
    // Nothing is answered that is asked of a store.
    let config = Config { durable: false, ..config((*first).into()) };
    hand::play::<Chord>(config, 1, script, frame, command);
}

/// Reads a word of any fields, and says what was read once more.
///
/// # Panics
/// What was read is said as something else.
pub fn word(octets: &[u8]) {
    let Ok(Value::Array(fields)) = Value::read(Bytes::copy_from_slice(octets)) else { return };
    if let Some(word) = Word::read(&fields) {
        assert_eq!(Word::read(&word.values()).as_ref(), Some(&word), "{fields:?}");
    }
}

/// Words as nodes say them, in octets: what a fuzzer begins with.
pub fn words(count: usize) -> Vec<Vec<u8>> {
    let mut rng = Streams::new(Seed::from_u64(0)).named("words");
    (0..count).map(|_| Value::Array(lawful::word(&mut rng).values()).to_octets()).collect()
}

fn command(with: u8) -> Command {
    let (key, policy) = (Bytes::from(Vec::from([b'k', with % 5])), Policy::Written);
    let timeout = Duration::from_secs(2);
    match with {
        0 => Command::Leave,
        1..4 => Command::Unjoin,
        4..8 => Command::Join,
        8..80 => Command::Get { key, timeout },
        80..150 => Command::Put { key, value: Value::from(u64::from(with)), lives: None, policy, timeout },
        150..170 => Command::Delete { key, policy, timeout },
        170..180 => Command::Pop { key, policy, timeout },
        180..200 => Command::Merge { key, delta: Map::default(), policy, timeout },
        200..220 => Command::Walk { from: None, values: with.is_multiple_of(2), timeout },
        220..240 => Command::Find { number: NodeId([with; NodeId::LEN]), timeout },
        _ => Command::Mesh(crate::mesh::Command::Connect {
            addr: ([127, 0, 0, 1], 6_000 + u16::from(with % 8)).into(),
        }),
    }
}
