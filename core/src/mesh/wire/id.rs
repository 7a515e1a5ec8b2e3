//! What protocols and nodes are called.

use alloc::format;
use alloc::string::String;
use core::fmt::{self, Debug, Display, Formatter};

use sha2::{Digest, Sha256, Sha384};

use super::base58::{Base58Error, decode, encode};
use super::{Text, TextKind};
use crate::kernel::Rng;

/// What of py2p's version is part of a protocol's id: all of 0.7 speak with each other.
const VERSION: &str = "0.7";

/// Which network a connection is for. Who says another in its handshake is not spoken to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtocolId(String);

impl ProtocolId {
    /// That of a subnet, `mesh` and `chord` by default, and an encryption, `Plaintext` or `SSL`.
    ///
    /// ```
    /// use egoist_core::mesh::wire::ProtocolId;
    /// let id = ProtocolId::new("mesh", "Plaintext");
    /// assert_eq!(id.as_str(), "EpAmyZWv9rZUKmjQgU3FTUD4GrJHvVEXizmghVBc8eGD");
    /// ```
    pub fn new(subnet: &str, encryption: &str) -> Self {
        let hash = Sha256::new().chain_update(subnet).chain_update(encryption).chain_update(VERSION);
        ProtocolId(encode(&hash.finalize()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a field of a message.
    pub fn text(&self, kind: TextKind) -> Text {
        Text::short(kind, &self.0)
    }
}

/// A node's id: a number below 2^384, which in Chord is its place. Nobody can check where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; Self::LEN]);

impl NodeId {
    /// Its octets, big-endian.
    pub const LEN: usize = 48;

    /// That of a node that listens at a host and port, as py2p makes one; `salt` is what else distinguishes the process.
    ///
    /// ```
    /// use egoist_core::mesh::wire::{NodeId, ProtocolId};
    /// let protocol = ProtocolId::new("mesh", "Plaintext");
    /// let id = NodeId::derive("127.0.0.1", 4444, &protocol, "00000000-0000-4000-8000-000000000000");
    /// assert_eq!(id.to_string(), "7g4Ru6i6ZExWJpFnD47FUyEjtBks32BzfKjrTZbmaT5Huw1GUuHBjVRTrhGamexqbp");
    /// ```
    pub fn derive(host: &str, port: u16, protocol: &ProtocolId, salt: &str) -> Self {
        let address = format!("('{host}', {port})");
        let hash = Sha384::new().chain_update(address).chain_update(protocol.as_str()).chain_update(salt);
        NodeId(hash.finalize().into())
    }

    /// One at random.
    pub fn drawn(rng: &mut Rng) -> Self {
        let mut octets = [0; Self::LEN];
        octets.as_chunks_mut().0.iter_mut().for_each(|chunk| *chunk = rng.u64().to_be_bytes());
        NodeId(octets)
    }

    /// What a text says.
    ///
    /// # Errors
    /// It is no number in base 58, or one of 2^384 and above.
    pub fn read(text: &[u8]) -> Result<Self, Base58Error> {
        decode(text).map(NodeId)
    }

    /// As a field of a message.
    pub fn text(&self, kind: TextKind) -> Text {
        Text::short(kind, &encode(&self.0))
    }
}

impl Display for NodeId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(&encode(&self.0))
    }
}

impl Debug for NodeId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
