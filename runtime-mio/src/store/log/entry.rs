//! Entries of a log: a batch each, whole or not there.
//!
//! An entry is a head of 12 octets (the payload's length in four octets, a check sum of it in eight), the payload, a check sum
//! of that in eight octets, and a line feed. The payload has for each change the lengths of key and value, in four octets
//! each, and both; a value's length is one more than it is, and 0 where the key is removed. Numbers are little-endian. Both
//! check sums begin with the entry's place in the file, so that an entry is nowhere else.
//!
//! **Cut or altered.** A crash leaves a file that ends early, or ends in zeros where space was given and nothing written: an
//! entry within which that happens was never synced. Whatever else is wrong with an entry is damage. An entry ends with an
//! octet that is not zero, and eight zeros at the end of a file are taken for such space: no altered octet makes an entry
//! that was whole look unfinished, for its head says how long it is and is checked by itself.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use super::super::checksum;

/// Octets of a batch: what is longer is not taken, and not believed.
pub(super) const LONGEST: usize = 16 << 20;

const HEAD: usize = 12;
const CHECK: usize = 8;
const MARK: u8 = b'\n';
const TAIL: usize = CHECK + 1;
/// The lengths before a key and its value.
const LENGTHS: usize = 8;

/// A change: a key, and its value unless it is removed.
pub(super) type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// Octets that a change takes in an entry.
pub(super) const fn cost(key: &[u8], value: &[u8]) -> usize {
    LENGTHS + key.len() + value.len()
}

/// Appends an entry that is to be at `at`.
///
/// # Panics
/// It is longer than [`LONGEST`].
pub(super) fn encode<'a>(at: u64, changes: impl IntoIterator<Item = Change<'a>>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    for (key, value) in changes {
        out.extend_from_slice(&short(key.len()));
        out.extend_from_slice(&value.map_or([0; 4], |value| short(value.len() + 1)));
        out.extend_from_slice(key);
        out.extend_from_slice(value.unwrap_or_default());
    }
    let payload = start + HEAD;
    let length = short(out.len() - payload);
    let check = checksum(&[&at.to_le_bytes(), &out[payload..]]);
    out[start..payload].copy_from_slice(&head(at, length));
    out.extend_from_slice(&check.to_le_bytes());
    out.push(MARK);
}

fn head(at: u64, length: [u8; 4]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length);
    head[4..].copy_from_slice(&checksum(&[&at.to_le_bytes(), &length]).to_le_bytes());
    head
}

fn short(length: usize) -> [u8; 4] {
    assert!(length <= LONGEST, "an entry of {length} octets");
    u32::try_from(length).expect("it is that short").to_le_bytes()
}

/// Reads the entries of a log one after the other.
pub(super) struct Entries<R> {
    input: R,
    at: u64,
    end: u64,
    payload: Vec<u8>,
}

/// What comes next in a log.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Next<'a> {
    /// The payload of a whole entry.
    Entry(&'a [u8]),
    /// Nothing.
    End,
    /// An entry that was not written to its end.
    Cut,
    /// Something else than was written: what.
    Damage(&'static str),
}

impl<R: Read> Entries<R> {
    /// Those that begin at `at` in a file in which nothing was written from `end` on.
    pub(super) const fn new(input: R, at: u64, end: u64) -> Self {
        Entries { input, at, end, payload: Vec::new() }
    }

    /// Behind the last whole entry.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        let left = self.end - self.at;
        if left == 0 {
            return Ok(Next::End);
        }
        if left < HEAD as u64 {
            return Ok(Next::Cut);
        }
        let mut first = [0; HEAD];
        self.input.read_exact(&mut first)?;
        let (length, _) = first.split_first_chunk().expect("a head begins with a length");
        if first != head(self.at, *length) {
            return Ok(Next::Damage("it is altered: an entry's head does not fit its check sum"));
        }
        let length = u32::from_le_bytes(*length) as usize;
        if length > LONGEST {
            return Ok(Next::Damage("an entry is longer than any that is written"));
        }
        if left < (HEAD + length + TAIL) as u64 {
            return Ok(Next::Cut);
        }
        self.body(length)
    }

    fn body(&mut self, length: usize) -> io::Result<Next<'_>> {
        self.payload.resize(length + TAIL, 0);
        self.input.read_exact(&mut self.payload)?;
        let (payload, tail) = self.payload.split_at(length);
        let check = checksum(&[&self.at.to_le_bytes(), payload]).to_le_bytes();
        if tail[..CHECK] != check || tail[CHECK] != MARK {
            return Ok(Next::Damage("it is altered: an entry does not fit its check sum"));
        }
        self.at += (HEAD + length + TAIL) as u64;
        Ok(Next::Entry(payload))
    }
}

/// Takes the next change off a payload, if it is one.
pub(super) fn change<'a>(rest: &mut &'a [u8]) -> Option<Change<'a>> {
    let (key_length, after) = rest.split_first_chunk()?;
    let (value_length, after) = after.split_first_chunk()?;
    let (key, after) = after.split_at_checked(u32::from_le_bytes(*key_length) as usize)?;
    let (value, after) = match u32::from_le_bytes(*value_length) {
        0 => (None, after),
        more => after.split_at_checked(more as usize - 1).map(|(value, after)| (Some(value), after))?,
    };
    *rest = after;
    Some((key, value))
}

/// Where in a file of `len` octets its last zeros begin, if there are enough of them to be space in which nothing was
/// written.
pub(super) fn written(file: &File, len: u64) -> io::Result<u64> {
    let (mut end, mut block) = (len, [0; 4096]);
    while end > 0 {
        let from = end.saturating_sub(block.len() as u64);
        let part = &mut block[..usize::try_from(end - from).unwrap_or(0)];
        file.read_exact_at(part, from)?;
        if let Some(last) = part.iter().rposition(|octet| *octet != 0) {
            let last = from + last as u64 + 1;
            return Ok(if len - last < CHECK as u64 { len } else { last });
        }
        end = from;
    }
    Ok(0)
}
