//! A circle of positions.

use core::fmt::Debug;
use core::hash::Hash;

/// A position on a circle of `2^BITS`. The order of `Ord` is that of distances from zero.
///
/// Rings are made of [`Position`](super::Position)s; `u8` and `u64` are there for checks, whose states are then small.
pub trait Space: Copy + Ord + Hash + Debug {
    /// The circle has `2^BITS` positions.
    const BITS: u32;

    /// How far `to` is ahead: `to - self` modulo `2^BITS`.
    #[must_use]
    fn distance(self, to: Self) -> Self;

    /// What is `2^bit` ahead.
    ///
    /// # Panics
    /// May panic if `bit` is not below [`BITS`](Space::BITS).
    #[must_use]
    fn ahead(self, bit: u32) -> Self;

    /// The number of bits that this distance takes: the least n such that it is below `2^n`.
    fn bits(self) -> u32;

    /// Whether whoever goes ahead from `after` comes by here before coming to `before`. Neither end is between; with both
    /// ends at one position everything else is.
    fn between(self, after: Self, before: Self) -> bool {
        self != after && (after == before || after.distance(self) < after.distance(before))
    }
}

macro_rules! unsigned {
    ($($t:ty),*) => {$(
        impl Space for $t {
            const BITS: u32 = <$t>::BITS;

            fn distance(self, to: Self) -> Self {
                to.wrapping_sub(self)
            }

            fn ahead(self, bit: u32) -> Self {
                self.wrapping_add(1 << bit)
            }

            fn bits(self) -> u32 {
                <$t>::BITS - self.leading_zeros()
            }
        }
    )*};
}

unsigned!(u8, u64);

/// The part of a circle behind one position up to and with another: the keys that a node is responsible for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Range<P> {
    /// The last position before it; the same as `to` if it is the whole circle.
    pub after: P,
    /// Its last position, which belongs to it.
    pub to: P,
}

impl<P: Space> Range<P> {
    /// Whether a key is in it.
    pub fn contains(&self, key: P) -> bool {
        key == self.to || key.between(self.after, self.to)
    }
}
