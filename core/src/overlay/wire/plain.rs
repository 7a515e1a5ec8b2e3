//! Short texts of letters, digits and `-`: words that are refused, reasons. What exists can be emitted.

use core::fmt;

use smallvec::SmallVec;

use super::lexis::is_plain;
use super::limits::{NAME_LIMIT, REASON_LIMIT};

/// A text is not one of letters, digits and `-`, or has none or too many of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a text has to be 1 to {most} of A-Z, a-z, 0-9 and -")]
pub struct PlainError {
    most: usize,
}

/// Between one and `MOST` letters, digits and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plain<const MOST: usize>(SmallVec<[u8; 16]>);

/// A word as NACK names it.
pub type Word = Plain<NAME_LIMIT>;

/// What costs mean, as an update says it.
pub type Metric = Plain<NAME_LIMIT>;

impl<const MOST: usize> Plain<MOST> {
    /// A text.
    ///
    /// # Errors
    /// It is empty, longer than `MOST` octets, or has something other than letters, digits and `-`.
    pub fn new(text: &str) -> Result<Self, PlainError> {
        Self::of(text.as_bytes()).ok_or(PlainError { most: MOST })
    }

    /// The same of octets.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let good = (1..=MOST).contains(&text.len()) && text.iter().all(|b| is_plain(*b));
        good.then(|| Plain(text.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const MOST: usize> fmt::Display for Plain<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const MOST: usize> fmt::Debug for Plain<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why something is refused or given up, as NACK and TRD say it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// `bootstrap`: who only watches takes no links.
    Bootstrap,
    /// `busy`: too much was asked lately from where this comes.
    Busy,
    /// `crossing`: a connection the other way is about to be the link.
    Crossing,
    /// `duplicate`: a link to this id is open and answers.
    Duplicate,
    /// `full`: as many as may have chosen this node.
    Full,
    /// `guest`: a guest's time is over.
    Guest,
    /// `last`: it is the sender's last word on this connection.
    Last,
    /// `leaving`: the sender leaves.
    Leaving,
    /// `nameless`: a greeting has no id.
    Nameless,
    /// `narrow`: the way between the two carries no full-size packets.
    Narrow,
    /// `network`: the sender is of another network.
    Network,
    /// `not-listed`: a link was not listed in time.
    NotListed,
    /// `replaced`: another link has taken its place.
    Replaced,
    /// `role`: nobody asked for this role.
    Role,
    /// `self`: who asks is the one who is asked.
    Myself,
    /// `surplus`: more are chosen than may be.
    Surplus,
    /// `too-late`: the choice was given up meanwhile.
    TooLate,
    /// `twin`: who is asked has the id of who asks.
    Twin,
    /// `unexpected`: this word begins no connection.
    Unexpected,
    /// `version`: the sender speaks another version.
    Version,
    /// `watchers`: as many as may watch.
    Watchers,
    /// What this version does not know.
    Other(OtherReason),
}

/// A reason that this version does not know; it is none of those that it does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OtherReason(Plain<REASON_LIMIT>);

impl Reason {
    /// The reason that a text stands for.
    ///
    /// # Errors
    /// It is empty, longer than [`REASON_LIMIT`] octets, or has something other than letters, digits and `-`.
    pub fn new(text: &str) -> Result<Self, PlainError> {
        Ok(Self::known(text).unwrap_or(Reason::Other(OtherReason(Plain::new(text)?))))
    }

    /// The same of octets that were read.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        Self::new(core::str::from_utf8(text).ok()?).ok()
    }

    fn known(text: &str) -> Option<Self> {
        Some(match text {
            "bootstrap" => Reason::Bootstrap,
            "busy" => Reason::Busy,
            "crossing" => Reason::Crossing,
            "duplicate" => Reason::Duplicate,
            "full" => Reason::Full,
            "guest" => Reason::Guest,
            "last" => Reason::Last,
            "leaving" => Reason::Leaving,
            "nameless" => Reason::Nameless,
            "narrow" => Reason::Narrow,
            "network" => Reason::Network,
            "not-listed" => Reason::NotListed,
            "replaced" => Reason::Replaced,
            "role" => Reason::Role,
            "self" => Reason::Myself,
            "surplus" => Reason::Surplus,
            "too-late" => Reason::TooLate,
            "twin" => Reason::Twin,
            "unexpected" => Reason::Unexpected,
            "version" => Reason::Version,
            "watchers" => Reason::Watchers,
            _ => return None,
        })
    }

    /// As the wire has it.
    pub fn as_str(&self) -> &str {
        match self {
            Reason::Bootstrap => "bootstrap",
            Reason::Busy => "busy",
            Reason::Crossing => "crossing",
            Reason::Duplicate => "duplicate",
            Reason::Full => "full",
            Reason::Guest => "guest",
            Reason::Last => "last",
            Reason::Leaving => "leaving",
            Reason::Nameless => "nameless",
            Reason::Narrow => "narrow",
            Reason::Network => "network",
            Reason::NotListed => "not-listed",
            Reason::Replaced => "replaced",
            Reason::Role => "role",
            Reason::Myself => "self",
            Reason::Surplus => "surplus",
            Reason::TooLate => "too-late",
            Reason::Twin => "twin",
            Reason::Unexpected => "unexpected",
            Reason::Version => "version",
            Reason::Watchers => "watchers",
            Reason::Other(OtherReason(text)) => text.as_str(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    #[test]
    fn no_end_of_line_gets_into_a_packet() {
        for text in ["", "full\r\nUPT@", "a b", "a@b", "ä", &"x".repeat(65)] {
            assert!(Reason::new(text).is_err(), "{text:?}");
        }
        assert!(Word::new("LNK").is_ok() && Word::new(&"L".repeat(17)).is_err() && Word::new("L\n").is_err());
        assert_eq!(format!("{} {:?}", Reason::TooLate, Word::new("LNK").unwrap()), "too-late \"LNK\"");
    }

    proptest! {
        #[test]
        fn a_reason_has_one_text(text in "(b|f|s|t)[a-z-]{1,9}|full|busy|self|twin|crossing|[ -~]{0,9}") {
            if let Ok(reason) = Reason::new(&text) {
                prop_assert_eq!(reason.as_str(), &text);
                prop_assert_eq!(matches!(reason, Reason::Other(_)), Reason::known(&text).is_none());
            }
        }
    }
}
