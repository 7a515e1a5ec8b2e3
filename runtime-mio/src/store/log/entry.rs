//! Entries of a log: a batch each, whole or not there.
//!
//! An entry is a head of 20 octets (the payload's length in four octets, how much of the file was synced before in eight, a
//! check sum of both in eight), the payload, a check sum of that in eight octets, and a line feed. The payload has for each
//! change the lengths of key and value, in four octets each, and both; a value's length is one more than it is, and 0 where the
//! key is removed. Numbers are little-endian. Both check sums begin with the entry's place in the file, so that an entry is
//! nowhere else.
//!
//! **Crash or damage.** A power cut leaves of what was not synced what it likes: a file that ends early, a page of zeros in the
//! middle, old octets of a disk. Of what was synced it takes nothing. After each sync an empty entry is appended whose head
//! says so, and so do the heads of those that follow. An entry that is not whole ends the log, with all behind it, unless a
//! head behind it says that it was synced: that is damage. What follows the last sync of which a whole head is left cannot be
//! told from what a power cut left: damage there is taken for one.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use super::super::checksum;

/// Octets of a batch: what is longer is not taken, and not believed.
pub(super) const LONGEST: usize = 16 << 20;

const HEAD: usize = 20;
const CHECK: usize = 8;
const MARK: u8 = b'\n';
const TAIL: usize = CHECK + 1;
/// Octets of an entry without changes.
pub(super) const EMPTY: u64 = (HEAD + TAIL) as u64;
/// Octets that are searched at a time.
const BLOCK: usize = 64 << 10;
/// The lengths before a key and its value.
const LENGTHS: usize = 8;

/// A change: a key, and its value unless it is removed.
pub(super) type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// Octets that a change takes in an entry.
pub(super) const fn cost(key: &[u8], value: &[u8]) -> usize {
    LENGTHS + key.len() + value.len()
}

/// Appends an entry that is to be at `at`, in a file of which so much is synced.
///
/// # Panics
/// It is longer than [`LONGEST`].
pub(super) fn encode<'a>(
    at: u64,
    synced: u64,
    changes: impl IntoIterator<Item = Change<'a>>,
    out: &mut Vec<u8>,
) {
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
    out[start..payload].copy_from_slice(&Head { length, synced }.encode(at));
    out.extend_from_slice(&check.to_le_bytes());
    out.push(MARK);
}

/// What an entry says before its payload.
struct Head {
    /// Of the payload.
    length: [u8; 4],
    /// How much of the file was synced before.
    synced: u64,
}

impl Head {
    fn encode(&self, at: u64) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&self.length);
        head[4..12].copy_from_slice(&self.synced.to_le_bytes());
        let check = checksum(&[&at.to_le_bytes(), &head[..12]]);
        head[12..].copy_from_slice(&check.to_le_bytes());
        head
    }

    /// The one at `at`, if that is one. Most that is none is told without a check sum.
    fn decode(at: u64, octets: &[u8]) -> Option<Self> {
        let (length, rest) = octets.split_first_chunk()?;
        let synced = u64::from_le_bytes(*rest.first_chunk()?);
        let head = Head { length: *length, synced };
        (synced <= at && head.length() <= LONGEST && head.encode(at) == octets).then_some(head)
    }

    const fn length(&self) -> usize {
        u32::from_le_bytes(self.length) as usize
    }
}

fn short(length: usize) -> [u8; 4] {
    assert!(length <= LONGEST, "an entry of {length} octets");
    u32::try_from(length).expect("it is that short").to_le_bytes()
}

/// Reads the entries of a log one after the other.
pub(super) struct Entries<R> {
    input: R,
    at: u64,
    synced: u64,
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
    /// Something else: what.
    Torn(&'static str),
}

impl<R: Read> Entries<R> {
    /// Those that begin at `at` in a file of `end` octets.
    pub(super) const fn new(input: R, at: u64, end: u64) -> Self {
        Entries { input, at, synced: 0, end, payload: Vec::new() }
    }

    /// Behind the last whole entry.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// How much was synced before that, as it says.
    pub(super) const fn synced(&self) -> u64 {
        self.synced
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        let left = self.end - self.at;
        if left == 0 {
            return Ok(Next::End);
        }
        if left < EMPTY {
            return Ok(Next::Torn("it ends within an entry"));
        }
        let mut first = [0; HEAD];
        self.input.read_exact(&mut first)?;
        let Some(head) = Head::decode(self.at, &first) else {
            return Ok(Next::Torn("it is altered: an entry's head does not fit its check sum"));
        };
        if left < EMPTY + head.length() as u64 {
            return Ok(Next::Torn("it ends within an entry"));
        }
        self.body(&head)
    }

    fn body(&mut self, head: &Head) -> io::Result<Next<'_>> {
        let length = head.length();
        self.payload.resize(length + TAIL, 0);
        self.input.read_exact(&mut self.payload)?;
        let (payload, tail) = self.payload.split_at(length);
        let check = checksum(&[&self.at.to_le_bytes(), payload]).to_le_bytes();
        if tail[..CHECK] != check || tail[CHECK] != MARK {
            return Ok(Next::Torn("it is altered: an entry does not fit its check sum"));
        }
        self.at += EMPTY + length as u64;
        self.synced = head.synced;
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

/// Whether what is at `at` was synced, as an entry behind it says.
pub(super) fn was_synced(file: &File, at: u64) -> io::Result<bool> {
    let (mut from, mut block) = (at + 1, vec![0; BLOCK]);
    loop {
        let length = file.read_at(&mut block, from)?;
        let heads = (from..).zip(block[..length].windows(HEAD));
        if heads.into_iter().any(|(place, octets)| says(octets, place, at)) {
            return Ok(true);
        }
        if length < HEAD {
            return Ok(false);
        }
        from += (length - HEAD + 1) as u64;
    }
}

/// Whether these octets are a head at `place` that says so.
fn says(octets: &[u8], place: u64, at: u64) -> bool {
    Head::decode(place, octets).is_some_and(|head| head.synced > at)
}
