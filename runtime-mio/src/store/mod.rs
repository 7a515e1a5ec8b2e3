//! Where machines keep their state.
//!
//! A machine has one [`Store`], chosen by [`State`] in its [`Setup`](crate::Setup): memory, a small file that is replaced as a
//! whole, a log that is appended to, or one of the embedder's own ([`Bound::with_store`](crate::Bound::with_store)).
//!
//! What is on a disk belongs to a thread, one for each store, which begins when the machine first asks. A slow disk, or a log
//! that is written anew, then holds up neither the loop nor another machine's state, and the thread needs no order but that of
//! one queue. The loop hands over what a machine asked for in one drain; the thread does all that waits, syncs once, and
//! answers. All that a machine asks of its store is answered in the order in which it asked, so that what a load or a scan
//! shows is what was stored before it.
//!
//! A store that is dropped, with its machine or its driver, finishes what was handed over, for [`PATIENCE`] at most.

mod file;
mod handle;
mod lock;
mod log;
mod memory;
mod queue;
mod thread;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use egoist_core::kernel::{Page, StoreError, StoreOp};

pub use file::FileStore;
pub use log::LogStore;

pub(crate) use handle::StoreHandle;
pub(crate) use queue::{Ask, Asked};

/// How long the end of a driver waits for what was handed over to a store.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Where a machine's state is kept. What is in a folder is one machine's at a time, of all drivers and processes: another's
/// is told of an [`Io`](StateError::Io) error of the kind [`ResourceBusy`](io::ErrorKind::ResourceBusy).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum State {
    /// In memory: it lives as long as the driver.
    #[default]
    Memory,
    /// In one file in this folder, which is made if need be: a [`FileStore`], for a few keys.
    File(PathBuf),
    /// In a log in this folder, which is made if need be: a [`LogStore`], for many keys or stores.
    Log(PathBuf),
}

impl State {
    /// Looks whether what is there can be read, all of it. Nothing is changed, and a folder without any state is fine.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn check(&self) -> Result<(), StateError> {
        match self {
            State::Memory => Ok(()),
            State::File(folder) => file::check(folder),
            State::Log(folder) => log::check(folder),
        }
    }
}

/// A place for a machine's durable state. All calls come from one thread that has nothing else to do: it may block.
///
/// Values are any octets under any octets. A store that fails leaves what is there as it is, as far as that lies with it.
pub trait Store: Send + 'static {
    /// Reads what is there. It is called before anything else, and again before the next call after it failed.
    ///
    /// # Errors
    /// What is there cannot be read. It is left alone.
    fn open(&mut self) -> Result<(), StateError>;

    /// Writes batches in their order, each whole or not at all, so that they outlive this process but not a power cut.
    ///
    /// # Errors
    /// None of them is written. One that fails for want of [room](StateError::is_full) may be tried again. A store takes
    /// [`StoreOp::UNANSWERED`] octets at least in a batch; what is longer than it ever takes is
    /// [`TooLarge`](StateError::TooLarge).
    fn write(&mut self, batches: &[Vec<StoreOp>]) -> Result<(), StateError>;

    /// Makes all that was written outlive a power cut.
    ///
    /// # Errors
    /// What was written since the last success may be lost or not.
    fn sync(&mut self) -> Result<(), StateError>;

    /// What is under a key.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, StateError>;

    /// The first page of the keys that begin with `prefix` and are greater than `after`, in order.
    ///
    /// # Errors
    /// It cannot be read.
    fn scan(&mut self, prefix: &Bytes, after: Option<&Bytes>) -> Result<Page, StateError>;

    /// Does a little of what a store has to do beside, such as writing a log anew; whether there is more to do. It is
    /// called between answers, and while there is more also when nothing is asked: it should take a few milliseconds.
    fn tidy(&mut self) -> bool {
        false
    }
}

/// A machine's state cannot be read or written. What is there is left alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    #[error("{}: it is of version {version}, only version {READABLE} can be read", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A batch has more octets than are written at once. Less must be stored: there is nothing to be tried again.
    #[error("{}: more than {most} octets are to be stored at once", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How many there may be.
        most: u64,
    },
    /// The store's thread could not be started, or it panicked.
    #[error("nobody serves the machine's state any more")]
    Unserved,
}

/// The version of files and logs that is written and read.
const READABLE: u32 = 1;

impl StateError {
    fn io(path: &Path, error: io::Error) -> Self {
        StateError::Io { path: path.to_owned(), error }
    }

    /// Whether there is only no room: on the disk, in a quota, or in a file.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, StateError::Io { error, .. }
            if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }
}

/// As a machine is told it.
impl From<&StateError> for StoreError {
    fn from(error: &StateError) -> Self {
        if error.is_full() { StoreError::Full } else { StoreError::Broken }
    }
}

/// What a store keeps in memory.
type Values = BTreeMap<Bytes, Bytes>;

/// Puts a value under a key, or nothing; what was there. Both are copied: what they are a part of, such as a buffer that was
/// read from a socket, is not kept.
fn set(values: &mut Values, key: &[u8], value: Option<&[u8]>) -> Option<Bytes> {
    let Some(octets) = value else { return values.remove(key) };
    let octets = Bytes::copy_from_slice(octets);
    match values.get_mut(key) {
        Some(old) => Some(std::mem::replace(old, octets)),
        None => values.insert(Bytes::copy_from_slice(key), octets),
    }
}

/// The version in a whole first line of this kind, if it is not the one that can be read.
fn foreign_version(line: &str, magic: &str) -> Option<u32> {
    let word = line.strip_prefix(magic)?.strip_prefix(' ')?.split(' ').next()?;
    word.parse().ok().filter(|version| *version != READABLE)
}

/// Recognises damage, not malice.
fn checksum(parts: &[&[u8]]) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = siphasher::sip::SipHasher24::new();
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}
