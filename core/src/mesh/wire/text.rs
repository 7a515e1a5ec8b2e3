//! Text that may be either of MessagePack's two kinds.

use alloc::string::String;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt::{self, Debug, Formatter};
use core::hash::{Hash, Hasher};

use bytes::Bytes;

/// The most octets of an id, a key, a name or a host. The longest that py2p makes itself are the 88 of a key of 512 bits; a
/// user's key may be any.
pub const MAX_TEXT: usize = 1_024;

/// Octets that are UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Utf8(Bytes);

impl Utf8 {
    /// `None` if the octets are not UTF-8.
    pub fn new(octets: Bytes) -> Option<Self> {
        core::str::from_utf8(&octets).is_ok().then_some(Utf8(octets))
    }

    /// The octets.
    pub fn octets(&self) -> &Bytes {
        &self.0
    }

    /// The text; it is gone through once more.
    ///
    /// # Panics
    /// Never: it was checked when it was built.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("it was checked when it was built")
    }
}

impl From<&str> for Utf8 {
    fn from(text: &str) -> Self {
        Utf8(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Utf8 {
    fn from(text: String) -> Self {
        Utf8(text.into())
    }
}

impl Debug for Utf8 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(self.as_str(), f)
    }
}

/// Which of MessagePack's two kinds a text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum TextKind {
    /// `bin`: octets, what py2p says.
    Bin,
    /// `str`: UTF-8, what js2p says.
    Str,
}

/// Octets that are no text of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotText {
    /// There are more than [`MAX_TEXT`].
    #[error("a text has {0} octets, and {MAX_TEXT} are allowed")]
    TooLong(usize),
    /// They are to be `str` and are not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
}

/// An id, a key, a name: at most [`MAX_TEXT`] octets, as `bin` or as `str`. Two are equal, and in order, by their octets alone.
#[derive(Clone)]
pub struct Text {
    kind: TextKind,
    octets: Bytes,
}

impl Text {
    /// A text of these octets.
    ///
    /// # Errors
    /// They are too many, or not UTF-8 where they have to be.
    pub fn new(kind: TextKind, octets: Bytes) -> Result<Self, NotText> {
        if octets.len() > MAX_TEXT {
            return Err(NotText::TooLong(octets.len()));
        }
        if kind == TextKind::Str && core::str::from_utf8(&octets).is_err() {
            return Err(NotText::NotUtf8);
        }
        Ok(Text { kind, octets })
    }

    /// A copy of octets as `bin`.
    ///
    /// # Errors
    /// They are more than [`MAX_TEXT`].
    pub fn bin(octets: &[u8]) -> Result<Self, NotText> {
        Self::new(TextKind::Bin, Bytes::copy_from_slice(octets))
    }

    /// A copy of a text as `str`.
    ///
    /// # Errors
    /// It has more than [`MAX_TEXT`] octets.
    pub fn str(text: &str) -> Result<Self, NotText> {
        Self::new(TextKind::Str, Bytes::copy_from_slice(text.as_bytes()))
    }

    /// A text of this crate's own, which is short.
    pub(super) fn short(kind: TextKind, text: &str) -> Self {
        Self::new(kind, Bytes::copy_from_slice(text.as_bytes())).expect("it is short, and UTF-8")
    }

    /// The same text of another kind, if it can be one.
    ///
    /// # Errors
    /// It is not UTF-8, and is to be `str`.
    pub fn of_kind(&self, kind: TextKind) -> Result<Self, NotText> {
        Self::new(kind, self.octets.clone())
    }

    /// How it came, or is to go.
    pub const fn kind(&self) -> TextKind {
        self.kind
    }

    /// The octets.
    pub const fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// The same octets in memory of their own: what is kept for long does not keep the whole frame that it came in.
    #[must_use]
    pub fn detach(&self) -> Self {
        Text { kind: self.kind, octets: Bytes::copy_from_slice(&self.octets) }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.octets.cmp(&other.octets)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.octets.hash(state);
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.octets
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Debug for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let prefix = if self.kind == TextKind::Bin { "b" } else { "" };
        write!(f, "{prefix}\"{}\"", self.octets.escape_ascii())
    }
}
