//! Numbers as MessagePack has them.

use core::fmt::{self, Debug, Display, Formatter};

/// A whole number, from -2^63 to 2^64 - 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int(i128);

impl Int {
    /// `None` if the number is out of range.
    pub fn new(number: i128) -> Option<Self> {
        (i64::MIN.into()..=u64::MAX.into()).contains(&number).then_some(Int(number))
    }

    /// The number.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// The number, if it is not negative.
    pub fn as_u64(self) -> Option<u64> {
        self.0.try_into().ok()
    }

    /// The number, if it is below 2^63.
    pub fn as_i64(self) -> Option<i64> {
        self.0.try_into().ok()
    }
}

impl From<u64> for Int {
    fn from(number: u64) -> Self {
        Int(number.into())
    }
}

impl From<i64> for Int {
    fn from(number: i64) -> Self {
        Int(number.into())
    }
}

impl Debug for Int {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// A number with a fraction, of 32 or 64 bits. Two are equal if all their bits are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Float {
    /// Of 32 bits, which are these.
    F32(u32),
    /// Of 64 bits, which are these.
    F64(u64),
}

impl Float {
    /// The number.
    pub fn get(self) -> f64 {
        match self {
            Float::F32(bits) => f32::from_bits(bits).into(),
            Float::F64(bits) => f64::from_bits(bits),
        }
    }
}

impl From<f32> for Float {
    fn from(number: f32) -> Self {
        Float::F32(number.to_bits())
    }
}

impl From<f64> for Float {
    fn from(number: f64) -> Self {
        Float::F64(number.to_bits())
    }
}

impl Debug for Float {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.get(), f)
    }
}
