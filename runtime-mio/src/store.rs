//! A machine's durable state: one file that holds every key, replaced as a whole.
//!
//! The file is a line `egoist-state 1 LENGTH CHECKSUM`, then LENGTH octets: for each key, in order, a line
//! `KEY LENGTH` and that many octets. Written beside the old one, synced, renamed over it, and the folder synced, it is
//! either the old state or the new one; cut or altered anywhere it is recognised as broken. Only its owner can read it, and
//! what is no regular file is left alone.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::hash::Hasher;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use egoist_core::kernel::{Page, StoreOp, scan};
use siphasher::sip::SipHasher24;

use crate::regular;

/// The file's name.
const FILE: &str = "state";
/// Octets that are read of it: a machine keeps some thousand.
const LONGEST: u64 = 16 << 20;
/// What a state file begins with: its kind, and its version.
const MAGIC: &str = "egoist-state";
const VERSION: &str = "1";

type Values = BTreeMap<Bytes, Bytes>;

/// A machine's state cannot be read or written. What is there is left alone.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The operating system says so.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        error: io::Error,
    },
    /// The file is not what was written.
    #[error("{}: {what}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// How that shows.
        what: &'static str,
    },
    /// Another version of the program wrote it.
    #[error("{}: it is of version {version}, only version {VERSION} can be read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// Whether the state in `folder` can be read, all of it. A folder without any is fine.
///
/// # Errors
/// It cannot.
pub fn check_state(folder: &Path) -> Result<(), StateError> {
    read(&folder.join(FILE)).map(drop)
}

/// Where a machine's state is kept.
pub(crate) struct Store {
    folder: Option<PathBuf>,
    /// None until first used.
    values: Option<Values>,
}

impl Store {
    /// A store in `folder`, or in memory.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Store { folder, values: None }
    }

    /// What is stored under `key`.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, StateError> {
        Ok(self.values()?.get(key).map(AsRef::as_ref))
    }

    /// What is stored under the keys that begin with `prefix`, those after `after`.
    pub(crate) fn scan(&mut self, prefix: &Bytes, after: Option<&Bytes>) -> Result<Page, StateError> {
        Ok(Page::of(scan(self.values()?, prefix, after)))
    }

    /// Makes all changes or none.
    pub(crate) fn apply(&mut self, ops: &[StoreOp]) -> Result<(), StateError> {
        let mut values = self.values()?.clone();
        for op in ops {
            match &op.value {
                Some(octets) => _ = values.insert(op.key.clone(), Bytes::copy_from_slice(octets)),
                None => _ = values.remove(&op.key),
            }
        }
        if let Some(folder) = &self.folder {
            replace(folder, &encode(&values))
                .map_err(|error| StateError::Io { path: folder.join(FILE), error })?;
        }
        self.values = Some(values);
        Ok(())
    }

    fn values(&mut self) -> Result<&mut Values, StateError> {
        let read = match (&self.values, &self.folder) {
            (Some(_), _) => None,
            (None, None) => Some(Values::new()),
            (None, Some(folder)) => Some(read(&folder.join(FILE))?),
        };
        Ok(match read {
            Some(values) => self.values.insert(values),
            None => self.values.get_or_insert_default(),
        })
    }
}

fn read(path: &Path) -> Result<Values, StateError> {
    match regular::read(path, LONGEST) {
        Ok(file) => {
            if let Some(version) = foreign_version(&file) {
                return Err(StateError::Version { path: path.to_owned(), version });
            }
            decode(&file).map_err(|what| StateError::Broken { path: path.to_owned(), what })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Values::new()),
        Err(error) => Err(StateError::Io { path: path.to_owned(), error }),
    }
}

/// Puts `file` in the place of the state file so that a crash leaves the old one or the new one.
fn replace(folder: &Path, file: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    regular::replace(&folder.join(FILE), |out| out.write_all(file))?;
    File::open(folder)?.sync_all()
}

fn encode(values: &Values) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, octets) in values {
        body.extend_from_slice(format!("{} {}\n", plain(key), octets.len()).as_bytes());
        body.extend_from_slice(octets);
    }
    let mut file = format!("{MAGIC} {VERSION} {} {:016x}\n", body.len(), checksum(&body)).into_bytes();
    file.append(&mut body);
    file
}

/// A key as text without blanks and line ends: `%` and two digits stand for an octet that is no letter, digit, `-` or `.`.
fn plain(key: &[u8]) -> String {
    let mut text = String::new();
    for octet in key {
        match octet {
            b'-' | b'.' => text.push(char::from(*octet)),
            _ if octet.is_ascii_alphanumeric() => text.push(char::from(*octet)),
            _ => text.push_str(&format!("%{octet:02x}")),
        }
    }
    text
}

/// The key that is written so.
fn key(plain: &str) -> Option<Bytes> {
    let mut parts = plain.split('%');
    let mut key = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (octet, rest) = part.split_at_checked(2)?;
        key.push(u8::from_str_radix(octet, 16).ok()?);
        key.extend_from_slice(rest.as_bytes());
    }
    Some(key.into())
}

/// The version of a whole first line that is not ours.
fn foreign_version(file: &[u8]) -> Option<u32> {
    let (header, _) = line(file)?;
    let version = header.strip_prefix(MAGIC)?.strip_prefix(' ')?.split(' ').next()?;
    version.parse().ok().filter(|_| version != VERSION)
}

fn decode(file: &[u8]) -> Result<Values, &'static str> {
    let (header, body) = line(file).ok_or("it is cut short, or no state file")?;
    let words: Vec<&str> = header.split(' ').collect();
    let [MAGIC, VERSION, len, sum] = words[..] else { return Err("it is no state file") };
    if len.parse() != Ok(body.len()) {
        return Err("it is cut short, or longer than it says");
    }
    if u64::from_str_radix(sum, 16) != Ok(checksum(body)) {
        return Err("it is altered: the check sum does not fit");
    }
    let (mut values, mut rest) = (Values::new(), body);
    while !rest.is_empty() {
        let (entry, after) = line(rest).ok_or("a key without an end")?;
        let (plain, len) = entry.split_once(' ').ok_or("a key without a length")?;
        let len: usize = len.parse().map_err(|_| "a length that is no number")?;
        let (octets, after) = after.split_at_checked(len).ok_or("a value that is cut short")?;
        let key = key(plain).ok_or("a key that is none")?;
        values.insert(key, Bytes::copy_from_slice(octets));
        rest = after;
    }
    Ok(values)
}

/// The first line as text, and what follows it.
fn line(octets: &[u8]) -> Option<(&str, &[u8])> {
    let end = octets.iter().position(|octet| *octet == b'\n')?;
    Some((std::str::from_utf8(&octets[..end]).ok()?, &octets[end + 1..]))
}

/// Recognises damage, not malice.
fn checksum(octets: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(octets);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn set(key: &'static str, value: &'static [u8]) -> StoreOp {
        StoreOp { key: key.into(), value: Some(Bytes::from_static(value)) }
    }

    #[test]
    fn what_was_stored_is_there_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let state = Some(folder.path().join("deep/er"));
        let mut store = Store::new(state.clone());
        assert_eq!(store.get(b"a").unwrap(), None);
        store.apply(&[set("a", b"1\n2"), set("b", b"")]).unwrap();
        store.apply(&[set("c", b"x y"), StoreOp { key: "b".into(), value: None }]).unwrap();
        let mut again = Store::new(state);
        assert_eq!(again.get(b"a").unwrap(), Some(&b"1\n2"[..]));
        assert_eq!(again.get(b"b").unwrap(), None);
        assert_eq!(again.get(b"c").unwrap(), Some(&b"x y"[..]));
    }

    #[test]
    fn a_key_may_be_any_octets() {
        let folder = tempfile::tempdir().unwrap();
        let odd = Bytes::from_static(b" %\n\0\xff");
        let mut store = Store::new(Some(folder.path().to_owned()));
        store.apply(&[StoreOp { key: odd.clone(), value: Some("v".into()) }, set("", b"empty")]).unwrap();
        let mut again = Store::new(Some(folder.path().to_owned()));
        assert_eq!(again.get(&odd).unwrap(), Some(&b"v"[..]));
        assert_eq!(again.get(b"").unwrap(), Some(&b"empty"[..]));
    }

    #[test]
    fn a_file_cut_or_altered_anywhere_is_broken_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::new(Some(folder.path().to_owned()));
        store.apply(&[set("incarnation", b"7"), set("peers", b"\0\n 9\n")]).unwrap();
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            let mut altered = whole.clone();
            altered[cut] ^= 1;
            for damaged in [&whole[..cut], &altered] {
                fs::write(&path, damaged).unwrap();
                let mut store = Store::new(Some(folder.path().to_owned()));
                assert!(store.get(b"peers").is_err(), "octet {cut}");
                assert!(store.apply(&[set("peers", b"")]).is_err(), "octet {cut}");
                assert_eq!(fs::read(&path).unwrap(), damaged);
            }
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert!(check_state(folder.path()).is_ok(), "nothing was stored yet");
        fs::write(&path, "egoist-state 12 whatever comes\n").unwrap();
        assert!(matches!(check_state(folder.path()), Err(StateError::Version { version: 12, .. })));
        fs::write(&path, "egoist-state 12").unwrap();
        assert!(matches!(check_state(folder.path()), Err(StateError::Broken { .. })));
    }

    #[test]
    fn a_store_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::new(Some(folder.path().to_owned()));
        store.apply(&[set("a", b"1")]).unwrap();
        fs::create_dir(folder.path().join("state.new")).unwrap();
        assert!(store.apply(&[set("a", b"2"), set("b", b"2")]).is_err());
        assert_eq!(store.get(b"a").unwrap(), Some(&b"1"[..]));
        assert_eq!(store.get(b"b").unwrap(), None);
    }
}
