//! Flooded records and claims: made, checked, kept.

use bytes::{BufMut, Bytes};
use sha2::{Digest as _, Sha256};

use super::super::names::{Key, NodeId};
use super::WireError;
use super::emit::Put;
use super::texts::BodyText;
use super::value::{Body, Hash, NodeName, Removal, Upt};

/// Room for `key@node@`, or `victim,key`: 21 octets of key, 80 of a node with an IPv6 address and its id, 33 of an id.
const HEAD: usize = 128;

impl Upt {
    /// A record of one's own.
    pub fn originate(key: Key, source: NodeName, age: u32, body: &Body) -> Upt {
        let body = body.emit();
        Upt { hash: hash(key, source, &body), key, source, age, body }
    }

    /// Whether the hash is that of key, source and body. The age is not under it, since relays change it.
    pub fn verify(&self) -> bool {
        self.hash == hash(self.key, self.source, &self.body)
    }

    /// Reads the body.
    ///
    /// # Errors
    /// It is malformed somewhere, or lists its own source; none of it may be used.
    pub fn parse_body(&self) -> Result<Body, WireError> {
        let body = Body::read(&self.body)?;
        let lists =
            |id: NodeId| body.updates.iter().any(|update| update.links.iter().any(|link| link.id == id));
        if self.source.id.is_some_and(lists) {
            return Err(WireError::Repeated("a node lists itself"));
        }
        Ok(body)
    }

    /// The same with octets of its own, so that it can be kept without keeping the buffer that it was read from.
    #[must_use]
    pub fn detach(&self) -> Upt {
        Upt { body: BodyText::of(Bytes::copy_from_slice(&self.body)), ..*self }
    }
}

impl Removal {
    /// A claim of one's own.
    pub fn originate(key: Key, reporter: NodeName, victim: NodeId, victim_key: Key) -> Removal {
        Removal { hash: claim_hash(key, reporter, victim, victim_key), key, reporter, victim, victim_key }
    }

    /// Whether the hash is that of the rest.
    pub fn verify(&self) -> bool {
        self.hash == claim_hash(self.key, self.reporter, self.victim, self.victim_key)
    }
}

fn claim_hash(key: Key, reporter: NodeName, victim: NodeId, victim_key: Key) -> Hash {
    let mut buffer = [0; HEAD];
    let mut room = &mut buffer[..];
    (victim, victim_key).put(&mut room);
    let unused = room.len();
    hash(key, reporter, &buffer[..HEAD - unused])
}

/// SHA-256 over `key@node@rest`, its first 128 bits.
fn hash(key: Key, node: NodeName, rest: &[u8]) -> Hash {
    let mut buffer = [0; HEAD];
    let mut room = &mut buffer[..];
    key.put(&mut room);
    room.put_u8(super::PACK_DELIMITER);
    node.put(&mut room);
    room.put_u8(super::PACK_DELIMITER);
    let unused = room.len();
    let mut sha = Sha256::new();
    sha.update(&buffer[..HEAD - unused]);
    sha.update(rest);
    let digest: [u8; 32] = sha.finalize().into();
    Hash(digest.iter().take(16).fold(0, |hash, octet| hash << 8 | u128::from(*octet)))
}
