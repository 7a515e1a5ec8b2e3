//! What a machine put out, as one number.

use alloc::vec::Vec;

use bytes::Bytes;
use postcard::ser_flavors::Flavor;
use postcard::{Result, serialize_with_flavor};
use serde::Serialize;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::kernel::Output;

/// What a recording says of the outputs after each input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outputs {
    /// How many there are, how long their payloads are, and the hash of every octet: see [`Digest`].
    Hashed,
    /// How many there are, and how long their payloads are together.
    Counted,
}

/// A hash (XXH3, 64 bits) over outputs and replies: two machines that did the same have the same. It recognises
/// accidents, not malice.
///
/// What is hashed are kinds, numbers and octets, each with its length, as postcard writes them: a name can be changed, and
/// an order cannot.
///
/// Long payloads are hashed as they are added, while a processor has them at hand: to keep them for another thread costs
/// the memory of buffers that are then not used again, which is slower. What is around them is hashed at once at the end.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    words: Vec<u8>,
    /// Of the long payloads.
    long: u64,
}

/// Payloads of more octets are hashed by themselves.
const SHORT: usize = 64;

impl Digest {
    /// The hash of all that was added since it was [cleared](Self::clear); `None` if nothing was.
    pub fn hash(&self) -> Option<u64> {
        (!self.words.is_empty()).then(|| xxh3_64(&self.words) ^ self.long)
    }

    /// Forgets what was added.
    pub fn clear(&mut self) {
        self.words.clear();
        self.long = 0;
    }

    /// Adds an output, or an answer to a command: every octet of it. What refuses to be serialised counts up to there.
    pub fn add(&mut self, value: &impl Serialize) {
        let _ = serialize_with_flavor(value, Adding(self));
    }
}

struct Adding<'a>(&'a mut Digest);

impl Flavor for Adding<'_> {
    type Output = ();

    fn try_push(&mut self, octet: u8) -> Result<()> {
        self.0.words.push(octet);
        Ok(())
    }

    /// The length of what is longer than a number was written before it.
    fn try_extend(&mut self, octets: &[u8]) -> Result<()> {
        if octets.len() <= SHORT {
            self.0.words.extend_from_slice(octets);
        } else {
            // A hash of the payload with a seed would derive a secret from it for each.
            self.0.long = xxh3_64_with_seed(&xxh3_64(octets).to_le_bytes(), self.0.long);
        }
        Ok(())
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}

/// How long an output's payload is.
pub(super) fn length<E>(output: &Output<E>) -> u64 {
    let octets = match output {
        Output::Send { frame, .. } => frame.len(),
        Output::Datagram { payload, .. } => payload.len(),
        Output::Store { ops, .. } => {
            ops.iter().map(|op| op.key.len() + op.value.as_ref().map_or(0, Bytes::len)).sum()
        }
        _ => 0,
    };
    octets as u64
}
