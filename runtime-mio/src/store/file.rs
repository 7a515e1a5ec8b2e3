//! One file that holds every key, replaced as a whole.
//!
//! The file is a line `egoist-state 1 LENGTH CHECKSUM`, then LENGTH octets: for each key, in order, a line
//! `KEY LENGTH` and that many octets. In a key every octet but letters, digits, `-`, `_` and `.` is `%` and two hexadecimal
//! digits. Written beside the old one, synced, renamed over it, and the folder synced, it is either the old state or the new
//! one; cut or altered anywhere it is recognised as broken. Only its owner can read it, what is no regular file is left alone,
//! and whoever has it open has it alone.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use egoist_core::kernel::{Page, StoreOp, scan};

use super::lock::Lock;
use super::{READABLE, StateError, Store, Values, checksum, foreign_version, set};
use crate::regular;

/// The file's name.
const FILE: &str = "state";
/// Octets that are read of it: a machine keeps some thousand.
const LONGEST: u64 = 16 << 20;
/// What a state file begins with: its kind.
const MAGIC: &str = "egoist-state";

/// Whether the state in `folder` can be read.
pub(super) fn check(folder: &Path) -> Result<(), StateError> {
    read(&folder.join(FILE)).map(drop)
}

/// Keeps few keys, in one file that is replaced with each store: two waits for the disk, whether it is to be written or
/// synced. What was stored at once is written at once.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    /// None as long as nothing was stored.
    lock: Option<Lock>,
    values: Values,
}

impl FileStore {
    /// One in this folder, which is made when something is stored.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        FileStore { path: folder.into().join(FILE), lock: None, values: Values::new() }
    }

    /// Puts `file` in the place of the state file so that a crash leaves the old one or the new one.
    fn replace(&mut self, file: &[u8]) -> io::Result<()> {
        if file.len() as u64 > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.lock.is_none() {
            self.lock = Some(Lock::begin(&self.path)?);
        }
        regular::replace(&self.path, |out| out.write_all(file))?;
        regular::sync_name(&self.path)
    }
}

impl Store for FileStore {
    fn open(&mut self) -> Result<(), StateError> {
        let lock = Lock::of(&self.path).map_err(|error| StateError::io(&self.path, error))?;
        (self.values, self.lock) = (read(&self.path)?, lock);
        Ok(())
    }

    fn write(&mut self, batches: &[Vec<StoreOp>]) -> Result<(), StateError> {
        if batches.iter().any(|batch| weight(batch) > LONGEST) {
            return Err(StateError::TooLarge { path: self.path.clone(), most: LONGEST });
        }
        let mut values = self.values.clone();
        batches.iter().flatten().for_each(|op| _ = set(&mut values, &op.key, op.value.as_deref()));
        self.replace(&encode(&values)).map_err(|error| StateError::io(&self.path, error))?;
        self.values = values;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(self.values.get(key).cloned())
    }

    fn scan(&mut self, prefix: &Bytes, after: Option<&Bytes>) -> Result<Page, StateError> {
        Ok(Page::of(scan(&self.values, prefix, after)))
    }
}

fn read(path: &Path) -> Result<Values, StateError> {
    match regular::read(path, LONGEST) {
        Ok(file) => {
            if let Some(version) = line(&file).and_then(|(header, _)| foreign_version(header, MAGIC)) {
                return Err(StateError::Version { path: path.to_owned(), version });
            }
            decode(&file).map_err(|what| StateError::Broken { path: path.to_owned(), what })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Values::new()),
        Err(error) => Err(StateError::io(path, error)),
    }
}

/// Octets of a batch's keys and values.
fn weight(batch: &[StoreOp]) -> u64 {
    batch.iter().map(|op| op.weight() as u64).sum()
}

fn encode(values: &Values) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, octets) in values {
        escape(key, &mut body);
        body.extend_from_slice(format!(" {}\n", octets.len()).as_bytes());
        body.extend_from_slice(octets);
    }
    let mut file = format!("{MAGIC} {READABLE} {} {:016x}\n", body.len(), checksum(&[&body])).into_bytes();
    file.append(&mut body);
    file
}

fn decode(file: &[u8]) -> Result<Values, &'static str> {
    let (header, body) = line(file).ok_or("it is cut short, or no state file")?;
    let words: Vec<&str> = header.split(' ').collect();
    let [MAGIC, "1", len, sum] = words[..] else { return Err("it is no state file") };
    if len.parse() != Ok(body.len()) {
        return Err("it is cut short, or longer than it says");
    }
    if u64::from_str_radix(sum, 16) != Ok(checksum(&[body])) {
        return Err("it is altered: the check sum does not fit");
    }
    let (mut values, mut rest) = (Values::new(), body);
    while !rest.is_empty() {
        let (entry, after) = line(rest).ok_or("a key without an end")?;
        let (key, len) = entry.split_once(' ').ok_or("a key without a length")?;
        let key = unescape(key).ok_or("a key that is misspelt")?;
        let len: usize = len.parse().map_err(|_| "a length that is no number")?;
        let (octets, after) = after.split_at_checked(len).ok_or("a value that is cut short")?;
        values.insert(Bytes::from(key), Bytes::copy_from_slice(octets));
        rest = after;
    }
    Ok(values)
}

/// The first line as text, and what follows it.
fn line(octets: &[u8]) -> Option<(&str, &[u8])> {
    let end = octets.iter().position(|octet| *octet == b'\n')?;
    Some((std::str::from_utf8(&octets[..end]).ok()?, &octets[end + 1..]))
}

fn escape(key: &[u8], out: &mut Vec<u8>) {
    for octet in key {
        if octet.is_ascii_alphanumeric() || b"-_.".contains(octet) {
            out.push(*octet);
        } else {
            out.extend_from_slice(format!("%{octet:02x}").as_bytes());
        }
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let (mut key, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            key.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            key.push(*first);
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn put(key: &'static [u8], value: &'static [u8]) -> StoreOp {
        StoreOp { key: Bytes::from_static(key), value: Some(Bytes::from_static(value)) }
    }

    fn opened(folder: &Path) -> Result<FileStore, StateError> {
        let mut store = FileStore::new(folder);
        store.open().map(|()| store)
    }

    fn get(store: &mut FileStore, key: &[u8]) -> Option<Bytes> {
        store.load(key).unwrap()
    }

    #[test]
    fn what_was_stored_is_there_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("deep/er");
        let mut store = opened(&folder).unwrap();
        assert_eq!(get(&mut store, b"a"), None);
        store.write(&[vec![put(b"a", b"1\n2"), put(b"b", b"")]]).unwrap();
        let gone = StoreOp { key: Bytes::from_static(b"b"), value: None };
        store.write(&[vec![put(b"c", b"x y")], vec![gone, put(b"\0 %\n\xff", b"odd")]]).unwrap();
        drop(store);
        let mut again = opened(&folder).unwrap();
        assert_eq!(get(&mut again, b"a"), Some(Bytes::from("1\n2")));
        assert_eq!(get(&mut again, b"b"), None);
        assert_eq!(get(&mut again, b"c"), Some(Bytes::from("x y")));
        assert_eq!(get(&mut again, b"\0 %\n\xff"), Some(Bytes::from("odd")));
    }

    #[test]
    fn a_file_cut_or_altered_anywhere_is_broken_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = opened(folder.path()).unwrap();
        store.write(&[vec![put(b"incarnation", b"7"), put(b"peers", b"\0\n 9\n")]]).unwrap();
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        drop(store);
        for cut in 0..whole.len() {
            let mut altered = whole.clone();
            altered[cut] ^= 1;
            for damaged in [&whole[..cut], &altered] {
                fs::write(&path, damaged).unwrap();
                assert!(opened(folder.path()).is_err(), "octet {cut}");
                assert_eq!(fs::read(&path).unwrap(), damaged);
            }
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert!(check(folder.path()).is_ok(), "nothing was stored yet");
        fs::write(&path, "egoist-state 12 whatever comes\n").unwrap();
        assert!(matches!(check(folder.path()), Err(StateError::Version { version: 12, .. })));
        fs::write(&path, "egoist-state 12").unwrap();
        assert!(matches!(check(folder.path()), Err(StateError::Broken { .. })));
    }

    #[test]
    fn a_store_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = opened(folder.path()).unwrap();
        store.write(&[vec![put(b"a", b"1")]]).unwrap();
        fs::create_dir(folder.path().join("state.new")).unwrap();
        assert!(store.write(&[vec![put(b"a", b"2"), put(b"b", b"2")]]).is_err());
        assert_eq!((get(&mut store, b"a"), get(&mut store, b"b")), (Some(Bytes::from("1")), None));
    }
    #[test]
    fn it_is_for_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, mut late) = (opened(folder.path()).unwrap(), opened(folder.path()).unwrap());
        store.write(&[vec![put(b"a", b"1")]]).unwrap();
        for error in [late.write(&[vec![put(b"a", b"2")]]).unwrap_err(), opened(folder.path()).unwrap_err()] {
            let said = error.to_string();
            assert!(said.contains(folder.path().to_str().unwrap()) && said.contains("another"), "{said}");
        }
        drop(store);
        assert!(late.write(&[vec![put(b"a", b"2")]]).is_err(), "it knows nothing of what was stored");
        assert_eq!(get(&mut opened(folder.path()).unwrap(), b"a"), Some(Bytes::from("1")));
    }

    #[test]
    fn what_can_never_be_stored_is_told_from_want_of_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = opened(folder.path()).unwrap();
        let long = |key: &'static [u8], octets| StoreOp {
            key: Bytes::from_static(key),
            value: Some(Bytes::from(vec![0; octets])),
        };
        let longest = usize::try_from(LONGEST).unwrap();
        let never = store.write(&[vec![long(b"a", longest)]]).unwrap_err();
        assert!(!never.is_full() && never.to_string().contains("16777216"), "{never}");
        store.write(&[vec![long(b"a", longest / 2)]]).unwrap();
        assert!(store.write(&[vec![long(b"b", longest / 2)]]).unwrap_err().is_full());
    }
}
