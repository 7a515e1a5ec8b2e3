//! What a fuzzer tries: frames.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::wire::{Accepts, Frame, Kind, Message, Way, next_body};
use crate::kernel::LengthPrefix;

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
    use crate::kernel::{Seed, Streams};

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
