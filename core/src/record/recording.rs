//! Reading a recording.

use alloc::vec::Vec;
use core::fmt;

use bytes::BytesMut;
use serde::Serialize;

use super::digest::Outputs;
use super::entry::{Entry, Given, LONGEST, frame, unframe};
use super::octets::{read, take, write};

/// What a recording begins with: its kind and version.
const MAGIC: &[u8] = b"egoist-recording ";
const VERSION: &[u8] = b"5\n";

/// The number under which the head is framed, which no entry has.
const HEAD: u64 = u64::MAX;

/// What is wrong with a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// It is something else.
    #[error("this is no recording")]
    NotOne,
    /// Another version of this program wrote it.
    #[error("this recording is of another version, only version 5 can be read")]
    Version,
    /// Its beginning, which says what was recorded, is cut or altered.
    #[error("the beginning of the recording is cut or altered")]
    Head,
    /// It ends within an entry.
    #[error("the recording is cut in input {number}")]
    Cut {
        /// The entry; those before it are good.
        number: u64,
    },
    /// The octets of an entry are not those that were written.
    #[error("the recording is altered in input {number}")]
    Altered {
        /// The entry; those before it are good.
        number: u64,
    },
}

/// What a recording begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The machine's [`KIND`](super::Recordable::KIND).
    pub kind: &'a str,
    /// The version of this crate that wrote it.
    pub version: &'a str,
    /// What it says of outputs.
    pub outputs: Outputs,
    /// What the machine was built from; its seed may be in there.
    pub setup: &'a [u8],
}

/// Without the setup, which may hold a secret.
impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Head { kind, version, outputs, setup: _ } = self;
        let mut all = f.debug_struct("Head");
        all.field("kind", kind).field("version", version).field("outputs", outputs).finish_non_exhaustive()
    }
}

/// Octets that begin as a recording does.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    head: Head<'a>,
    first: u64,
    entries: &'a [u8],
}

/// A head: the magic and the entry that says what was recorded.
pub(super) fn write_head(kind: &str, outputs: Outputs, setup: &impl Serialize) -> Vec<u8> {
    let mut own = BytesMut::new();
    write(&mut own, &(kind, env!("CARGO_PKG_VERSION"), outputs == Outputs::Hashed, setup))
        .expect("a setup can be serialised");
    assert!(own.len() <= LONGEST, "a machine is built from less than 16 MiB");
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(VERSION);
    frame(&mut out, HEAD, &own);
    out
}

impl<'a> Recording<'a> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// The octets are no recording of this version, or their beginning is damaged.
    pub fn read(octets: &'a [u8]) -> Result<Self, Damage> {
        let rest = octets.strip_prefix(MAGIC).ok_or(Damage::NotOne)?;
        let mut rest = rest.strip_prefix(VERSION).ok_or(Damage::Version)?;
        let head = unframe(&mut rest, HEAD).ok().and_then(read_head).ok_or(Damage::Head)?;
        let (first, entries) = match rest.strip_prefix(LATER) {
            Some(mut rest) => (read_first(&mut rest).ok_or(Damage::Head)?, rest),
            None => (0, rest),
        };
        Ok(Recording { head, first, entries })
    }

    /// What was recorded.
    pub const fn head(&self) -> Head<'a> {
        self.head
    }

    /// The number of the first entry: not 0 if the beginning is missing.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The entries in order, up to the first that is damaged.
    pub const fn entries(&self) -> Entries<'a> {
        Entries { rest: self.entries, next: self.first, over: false }
    }
}

fn read_head(mut own: &[u8]) -> Option<Head<'_>> {
    let (kind, version, hashed) = take(&mut own)?;
    let outputs = if hashed { Outputs::Hashed } else { Outputs::Counted };
    Some(Head { kind, version, outputs, setup: own })
}

/// Stands after the head of a recording whose beginning is missing. No entry's length field looks so.
const LATER: &[u8] = b"LATER";

/// What goes between the head and the entries of a recording that begins with the entry `first`: empty for 0. It is for
/// sinks that keep the last pieces alone.
pub fn later(first: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if first > 0 {
        out.extend_from_slice(LATER);
        let mut own = BytesMut::new();
        write(&mut own, &first).expect("a number can be serialised");
        frame(&mut out, HEAD, &own);
    }
    out
}

fn read_first(rest: &mut &[u8]) -> Option<u64> {
    read(unframe(rest, HEAD).ok()?)
}

/// The entries of a recording. After [`Given::End`] there are no more, and after damage neither.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
    next: u64,
    over: bool,
}

impl<'a> Entries<'a> {
    /// The octets of the entries to come.
    pub const fn octets(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.rest.is_empty() {
            return None;
        }
        let number = self.next;
        self.next += 1;
        let own = unframe(&mut self.rest, number);
        let entry = own.and_then(|own| Entry::read(number, own).ok_or(Damage::Altered { number }));
        self.over = !matches!(entry, Ok(Entry { given, .. }) if given != Given::End);
        Some(entry)
    }
}
