//! Hashing that a peer cannot aim.

/// A hasher keyed from the node's seed, for maps whose keys a peer chooses: without the key nobody can make them
/// collide. Iterate over such a map only where the order cannot reach an output.
#[derive(Clone, Copy, Debug)]
pub struct KeyedState {
    a: u64,
    b: u64,
}

impl KeyedState {
    /// A hasher with this key; see [`Streams::keyed`](super::Streams::keyed).
    pub const fn new(a: u64, b: u64) -> Self {
        KeyedState { a, b }
    }

    /// The key's halves.
    pub(super) const fn keys(self) -> (u64, u64) {
        (self.a, self.b)
    }
}
