//! Positions of 384 bits.

use core::fmt;

use super::Space;

const LIMBS: usize = 6;

/// Where a node or a key of py2p's Chord is on the ring: its 384-bit integer x, mirrored to -x modulo 2^384.
///
/// py2p makes the nearest node *at or before* a key responsible for it, Chord the nearest *at or behind* it. Read
/// backwards the one is the other, so that ids and keys are mirrored where they come in, and nothing else here knows of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position([u64; LIMBS]);

impl Position {
    /// Octets of an id, and of a key in most of py2p's tables.
    pub const OCTETS: usize = 48;

    /// The position of an id or a key, a big-endian integer of any length, taken modulo 2^384 as py2p takes it.
    pub fn of(integer: &[u8]) -> Self {
        let mut limbs = [0; LIMBS];
        for (place, octet) in integer.iter().rev().take(Self::OCTETS).enumerate() {
            limbs[LIMBS - 1 - place / 8] |= u64::from(*octet) << (place % 8 * 8);
        }
        Position(limbs).mirrored()
    }

    /// The position of zero, which is its own mirror image.
    pub const fn zero() -> Self {
        Position([0; LIMBS])
    }

    /// The id or key at this position, big-endian.
    pub fn integer(self) -> [u8; Position::OCTETS] {
        let mut octets = [0; Self::OCTETS];
        for (chunk, limb) in octets.chunks_exact_mut(8).zip(self.mirrored().0) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        octets
    }

    fn mirrored(self) -> Self {
        self.distance(Position([0; LIMBS]))
    }
}

impl Space for Position {
    const BITS: u32 = 384;

    fn distance(self, to: Self) -> Self {
        let (mut limbs, mut borrowed) = ([0; LIMBS], false);
        for place in (0..LIMBS).rev() {
            let (difference, first) = to.0[place].overflowing_sub(self.0[place]);
            let (difference, second) = difference.overflowing_sub(u64::from(borrowed));
            (limbs[place], borrowed) = (difference, first || second);
        }
        Position(limbs)
    }

    fn ahead(self, bit: u32) -> Self {
        let (mut limbs, mut place) = (self.0, LIMBS - 1 - bit as usize / 64);
        let mut add = 1 << (bit % 64);
        loop {
            let (sum, carried) = limbs[place].overflowing_add(add);
            limbs[place] = sum;
            if !carried || place == 0 {
                return Position(limbs);
            }
            (place, add) = (place - 1, 1);
        }
    }

    fn bits(self) -> u32 {
        let tops = (64_u32..).step_by(64);
        let used = self.0.iter().rev().zip(tops).filter(|(limb, _)| **limb != 0);
        used.last().map_or(0, |(limb, top)| top - limb.leading_zeros())
    }
}

/// The first 16 hexadecimal digits of the id or key.
impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.mirrored().0[0])
    }
}
