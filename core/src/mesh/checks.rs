//! What a fuzzer tries: frames.

use bytes::BytesMut;

use super::wire::{Accepts, Message, next_body};

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
