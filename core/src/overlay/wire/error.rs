//! Why a text is not a packet.

use nom::error::{ErrorKind, ParseError};

/// What is wrong with a line or datagram. Nothing that it said may be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// It is not written as the grammar has it, or not in the one form that the grammar gives to its meaning.
    #[error("{0}")]
    Syntax(&'static str),
    /// A number is outside its range.
    #[error("{0}")]
    Range(&'static str),
    /// There is more of something than its bound.
    #[error("{0}")]
    Bound(&'static str),
    /// Something that may be there once is there again.
    #[error("{0}")]
    Repeated(&'static str),
}

impl WireError {
    /// What is wrong, in a few words without a full stop.
    pub const fn what(self) -> &'static str {
        match self {
            WireError::Syntax(what)
            | WireError::Range(what)
            | WireError::Bound(what)
            | WireError::Repeated(what) => what,
        }
    }
}

impl ParseError<&[u8]> for WireError {
    fn from_error_kind(_: &[u8], kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Eof => WireError::Syntax("octets after the end of a packet"),
            _ => WireError::Syntax("a delimiter or field is missing"),
        }
    }

    fn append(_: &[u8], _: ErrorKind, first: Self) -> Self {
        first
    }
}
