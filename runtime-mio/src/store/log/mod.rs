//! A log that every store is appended to.
//!
//! It begins with the line `egoist-log 1`; [`entry`] says what follows. What it holds is kept in memory too, and answered from
//! there: the file is read when it is opened, and never again. What is not whole behind the last sync is cut off, with a
//! warning: a power cut may have left anything there. A file that was damaged before it is refused, and left alone. Only its
//! owner can read it, what is no regular file is left alone, and whoever has it open has it alone.
//!
//! **Garbage.** When the log is more than twice as long as what is kept, and 1 MiB, it is written anew ([`compaction`]) in
//! steps between answers; it stays within three times what is kept and some MiB. On average that writes no more than what was
//! stored. An answer waits for one step at most: 256 KiB written and synced, or twice what was stored just before.
//!
//! **Failures.** What could not be appended is cut off again, and the next store is tried as if nothing had been. After a sync
//! that failed, what the system has on the disk is unknown: the next store or sync writes the whole log anew, in one go.

mod appended;
mod compaction;
mod entry;
mod kept;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use egoist_core::kernel::{Page, StoreOp, scan};

use self::appended::Appended;
use self::compaction::{BESIDE, Compaction};
use self::entry::{Change, Entries, LONGEST, Next, cost, was_synced};
use self::kept::Kept;
use super::lock::Lock;
use super::{StateError, Store, foreign_version};
use crate::regular;

/// The file's name.
const FILE: &str = "log";
/// What a log begins with: its kind.
const MAGIC: &str = "egoist-log";
/// ... and its version.
const HEADER: &[u8] = b"egoist-log 1\n";
/// Octets of garbage for which nothing is written anew, and those after which that is tried again when it failed.
const SLACK: u64 = 1 << 20;

/// Keeps many keys, or what is stored often: a store is one write, and one wait for the disk if it is to be synced, for all
/// that is stored at once together. Everything is in memory too.
///
/// The file is at most three times as long as what is kept, and some MiB; while it is written anew there are two.
#[derive(Debug)]
pub struct LogStore {
    path: PathBuf,
    kept: Kept,
    /// None as long as nothing was stored.
    lock: Option<Lock>,
    /// ... as well.
    log: Option<Appended>,
    compaction: Option<Compaction>,
    /// The log is not written anew before it has this length.
    put_off: u64,
}

impl LogStore {
    /// One in this folder, which is made when something is stored.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let path = folder.into().join(FILE);
        LogStore { path, kept: Kept::default(), lock: None, log: None, compaction: None, put_off: 0 }
    }

    fn failed(&self, error: io::Error) -> StateError {
        StateError::io(&self.path, error)
    }

    /// Appends batches, where nothing is in doubt.
    fn append(&mut self, batches: &[Vec<StoreOp>]) -> io::Result<()> {
        let Some(log) = self.log.as_mut().filter(|log| log.is_sound()) else {
            return self.rewrite().and_then(|()| self.append(batches));
        };
        log.append(batches.iter().filter(|batch| !batch.is_empty()).map(|batch| changes(batch))).map(drop)
    }

    /// Writes all that is kept anew, and waits for it.
    fn rewrite(&mut self) -> io::Result<()> {
        self.compaction = None;
        if self.lock.is_none() {
            self.lock = Some(Lock::begin(&self.path)?);
        }
        while self.compact()? {}
        Ok(())
    }

    fn is_wasteful(&self) -> bool {
        let len = self.log.as_ref().map_or(0, Appended::len);
        len > 2 * self.kept.octets + SLACK && len >= self.put_off
    }

    /// A step of writing it anew; whether there are more.
    fn compact(&mut self) -> io::Result<bool> {
        let mut compaction = match self.compaction.take() {
            Some(compaction) => compaction,
            None => Compaction::begin(&self.path)?,
        };
        if compaction.step(&self.kept.values)? {
            self.compaction = Some(compaction);
            return Ok(true);
        }
        compaction.finish(&self.path, &mut self.log)?;
        self.put_off = 0;
        Ok(false)
    }

    /// Gives up writing it anew, for a while.
    fn put_off(&mut self, error: &io::Error) {
        tracing::debug!(file = %self.path.display(), %error, "the log is not written anew for a while");
        self.compaction = None;
        self.put_off = self.log.as_ref().map_or(0, Appended::len) + SLACK;
    }
}

impl Store for LogStore {
    fn open(&mut self) -> Result<(), StateError> {
        let Some(lock) = Lock::of(&self.path).map_err(|error| self.failed(error))? else { return Ok(()) };
        let mut options = OpenOptions::new();
        let file = regular::open(&self.path, options.read(true).write(true));
        let file = file.map_err(|error| self.failed(error))?;
        let Found { kept, whole, synced } = read(&file, &self.path)?;
        let log = Appended::new(file, whole, synced);
        let log = settle(log, &self.path).map_err(|error| self.failed(error))?;
        (self.kept, self.lock, self.log) = (kept, Some(lock), Some(log));
        Ok(())
    }

    fn write(&mut self, batches: &[Vec<StoreOp>]) -> Result<(), StateError> {
        if batches.iter().any(|batch| size(batch) > LONGEST) {
            return Err(StateError::TooLarge { path: self.path.clone(), most: LONGEST as u64 });
        }
        if let Err(error) = self.append(batches) {
            // The room that a new log takes may be what is missing.
            if self.compaction.is_none() {
                return Err(self.failed(error));
            }
            self.put_off(&error);
            self.append(batches).map_err(|error| self.failed(error))?;
        }
        if let Some(Err(error)) = self.compaction.as_mut().map(|new| new.store(batches)) {
            self.put_off(&error);
        }
        batches.iter().flat_map(|batch| changes(batch)).for_each(|change| self.kept.set(change));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        let synced = match &mut self.log {
            None => Ok(()),
            Some(log) if log.is_sound() => log.sync(),
            Some(_) => self.rewrite(),
        };
        synced.map_err(|error| self.failed(error))
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(self.kept.values.get(key).cloned())
    }

    fn scan(&mut self, prefix: &Bytes, after: Option<&Bytes>) -> Result<Page, StateError> {
        Ok(Page::of(scan(&self.kept.values, prefix, after)))
    }

    fn tidy(&mut self) -> bool {
        if self.compaction.is_none() && !self.is_wasteful() {
            return false;
        }
        match self.compact() {
            // What was stored meanwhile is in the new log too, and may be waste by now.
            Ok(more) => more || self.is_wasteful(),
            Err(error) => {
                self.put_off(&error);
                false
            }
        }
    }
}

/// Whether the log in `folder` can be read, to its end.
pub(super) fn check(folder: &Path) -> Result<(), StateError> {
    let path = folder.join(FILE);
    match regular::open(&path, OpenOptions::new().read(true)) {
        Ok(file) => read(&file, &path).map(drop),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StateError::io(&path, error)),
    }
}

/// What is in a log.
struct Found {
    kept: Kept,
    /// How many octets of it are whole, ...
    whole: u64,
    /// ... and how many of those were synced, as it says.
    synced: u64,
}

/// Cuts off what is not whole, and makes what was read outlive a power cut: it, or its place, may have been written and no
/// more.
fn settle(mut log: Appended, path: &Path) -> io::Result<Appended> {
    let octets = log.cut()?;
    if octets > 0 {
        let file = path.display();
        tracing::warn!(%file, octets, "the log ends in what is not whole, and was never synced: it is cut off");
    }
    log.sync()?;
    regular::sync_name(path)?;
    let _ = fs::remove_file(path.with_extension(BESIDE));
    Ok(log)
}

/// Reads a log, to what is not whole.
fn read(file: &File, path: &Path) -> Result<Found, StateError> {
    let io = |error| StateError::io(path, error);
    let broken = |what| StateError::Broken { path: path.to_owned(), what };
    let mut input = BufReader::with_capacity(64 << 10, file);
    header(&mut input, path)?;
    let end = file.metadata().map_err(io)?.len();
    let mut entries = Entries::new(input, HEADER.len() as u64, end);
    let mut kept = Kept::default();
    let torn = loop {
        match entries.next().map_err(io)? {
            Next::Entry(payload) => kept.replay(payload).map_err(broken)?,
            Next::End => break None,
            Next::Torn(what) => break Some(what),
        }
    };
    match torn {
        Some(what) if was_synced(file, entries.at()).map_err(io)? => Err(broken(what)),
        _ => Ok(Found { kept, whole: entries.at(), synced: entries.synced() }),
    }
}

/// Takes the first line.
fn header(input: &mut BufReader<&File>, path: &Path) -> Result<(), StateError> {
    let mut first = Vec::new();
    let mut beginning = input.by_ref().take(64);
    beginning.read_to_end(&mut first).map_err(|error| StateError::io(path, error))?;
    if first.starts_with(HEADER) {
        let behind = SeekFrom::Start(HEADER.len() as u64);
        return input.seek(behind).map(drop).map_err(|error| StateError::io(path, error));
    }
    let line = first.split(|octet| *octet == b'\n').next().filter(|line| line.len() < first.len());
    let version = line.and_then(|line| foreign_version(std::str::from_utf8(line).ok()?, MAGIC));
    Err(match version {
        Some(version) => StateError::Version { path: path.to_owned(), version },
        None => StateError::Broken { path: path.to_owned(), what: "it is cut short, or no log" },
    })
}

fn changes(batch: &[StoreOp]) -> impl Iterator<Item = Change<'_>> {
    batch.iter().map(|op| (&op.key[..], op.value.as_deref()))
}

/// Octets of the entry's payload.
fn size(batch: &[StoreOp]) -> usize {
    batch.iter().map(|op| cost(&op.key, op.value.as_deref().unwrap_or_default())).sum()
}
