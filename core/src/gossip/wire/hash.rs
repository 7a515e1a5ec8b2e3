//! What makes two messages the same.

use sha2::{Digest, Sha256};

/// A message's name among nodes: the first half of the SHA-256 of its type and data. Neither its time to live nor its
/// reserved octet counts, as in the original; that nobody can make two messages of one name is new.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageHash(pub [u8; Self::LEN]);

impl MessageHash {
    /// Its octets.
    pub const LEN: usize = 16;

    /// That of a message.
    pub fn of(data_type: u16, data: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(data_type.to_be_bytes()).chain_update(data).finalize();
        let mut hash = [0; Self::LEN];
        hash.copy_from_slice(&digest[..Self::LEN]);
        MessageHash(hash)
    }
}
