//! Texts that are kept as they were written: attributes and packets of other versions, bodies.

use core::marker::PhantomData;
use core::ops::Deref;

use bytes::Bytes;

use super::WireError;
use super::attributes::{Place, others};
use super::lexis::{visible, whole};
use super::read::read;
use super::value::Packet;

/// The attributes that this version does not know, joined by commas, of what stands `In` a packet: none of them has a
/// name that is known there, and all together have at most [`OTHER_LIMIT`](super::OTHER_LIMIT) octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Others<In>(Bytes, PhantomData<In>);

impl<In> Others<In> {
    /// No attributes.
    pub const NONE: Self = Others(Bytes::new(), PhantomData);

    /// The octets, empty if there are no attributes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was checked while it was read.
    pub(super) const fn of(text: Bytes) -> Self {
        Others(text, PhantomData)
    }
}

impl<In: Place> Others<In> {
    /// Attributes as they are to be written.
    ///
    /// # Errors
    /// One is malformed or has a name that is known in its place, or they are too long.
    pub fn new(text: Bytes) -> Result<Self, WireError> {
        others::<In>(&text)?;
        Ok(Self::of(text))
    }
}

impl<In> Default for Others<In> {
    fn default() -> Self {
        Self::NONE
    }
}

/// The text of a body before it is looked into: printable octets without spaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BodyText(Bytes);

impl BodyText {
    /// A text, which need not be a body.
    ///
    /// # Errors
    /// An octet is not printable, or a space.
    pub fn new(text: Bytes) -> Result<Self, WireError> {
        whole(visible, &text)?;
        Ok(BodyText(text))
    }

    /// What was checked while it was read, or has just been emitted.
    pub(super) const fn of(text: Bytes) -> Self {
        BodyText(text)
    }
}

impl Deref for BodyText {
    type Target = Bytes;
    fn deref(&self) -> &Bytes {
        &self.0
    }
}

/// A whole packet, without CRLF, that begins with a word which this version does not know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownLine(Bytes);

impl UnknownLine {
    /// A packet.
    ///
    /// # Errors
    /// It is none, or one that is known.
    pub fn new(line: Bytes) -> Result<Self, WireError> {
        match read(&line)? {
            Packet::Unknown(line) => Ok(line),
            _ => Err(WireError::Syntax("a packet is known")),
        }
    }

    /// What was checked while it was read.
    pub(super) const fn of(line: Bytes) -> Self {
        UnknownLine(line)
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What stands before the first `@`.
    pub fn word(&self) -> &str {
        let word = self.0.split(|b| *b == super::PACK_DELIMITER).next().unwrap_or_default();
        core::str::from_utf8(word).unwrap_or_default()
    }
}
