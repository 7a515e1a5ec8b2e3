//! What is kept at one place.

use bytes::Bytes;

use super::Version;
use crate::mesh::chord::Place;

/// What is kept at a place: a value, or that it was deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Where.
    pub place: Place,
    /// The user's key, if it is known: nodes of py2p say its hashes alone.
    pub name: Option<Bytes>,
    /// When it was set.
    pub version: Version,
    /// The value in MessagePack; `None` if it was deleted.
    pub value: Option<Bytes>,
    /// Milliseconds since 1970 at which it is gone of itself.
    pub expires: Option<u64>,
}

impl Record {
    /// Octets that it counts as.
    pub fn weight(&self) -> usize {
        let octets = |octets: &Option<Bytes>| octets.as_ref().map_or(0, Bytes::len);
        size_of::<Record>() + octets(&self.name) + octets(&self.value)
    }
}
