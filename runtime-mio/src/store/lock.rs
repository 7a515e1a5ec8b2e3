//! Whoever keeps state in a file has it alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::regular;

/// What is kept in a file, for oneself as long as this is there: a lock on a file beside it, which ends in `lock` and stays.
/// The file itself is replaced, so that a lock on it would soon be one on nothing.
#[derive(Debug)]
pub(super) struct Lock {
    /// Locked while it is open.
    _file: File,
}

impl Lock {
    /// Has what is in `path` for oneself; none if nothing is there.
    ///
    /// # Errors
    /// [`ResourceBusy`](ErrorKind::ResourceBusy): somebody else has it.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        if is_free(path)? { Ok(None) } else { Lock::take(path).map(Some) }
    }

    /// Has for oneself what is to begin in `path`, in a folder that is made if need be.
    ///
    /// # Errors
    /// [`ResourceBusy`](ErrorKind::ResourceBusy): somebody else has it, or has begun meanwhile.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        path.parent().map_or(Ok(()), regular::create_folder)?;
        let lock = Lock::take(path)?;
        if is_free(path)? { Ok(lock) } else { Err(busy()) }
    }

    fn take(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = regular::open(&path.with_extension("lock"), &options)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(busy()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn is_free(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        found => found.map(|_| false),
    }
}

fn busy() -> io::Error {
    io::Error::new(ErrorKind::ResourceBusy, "another process or driver keeps its state in this folder")
}
