//! A file that is written at its end alone.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;

/// A file, and how much of it holds.
#[derive(Debug)]
pub(super) struct Appended {
    file: File,
    len: u64,
    sound: bool,
}

impl Appended {
    /// A file of `len` octets that nobody else may have open.
    ///
    /// # Errors
    /// [`ResourceBusy`](ErrorKind::ResourceBusy): somebody has.
    pub(super) fn new(file: File, len: u64) -> io::Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Appended { file, len, sound: true }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                ErrorKind::ResourceBusy,
                "another process or driver keeps its state there",
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Whether all that was appended is there, and nothing else. A system that failed to sync may have forgotten what it
    /// was to write, and says so once.
    pub(super) const fn is_sound(&self) -> bool {
        self.sound
    }

    /// Says that what was appended may not be there.
    pub(super) const fn doubt(&mut self) {
        self.sound = false;
    }

    /// Says that it is there.
    pub(super) const fn trust(&mut self) {
        self.sound = true;
    }

    /// Appends all of it or nothing.
    pub(super) fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(octets, self.len);
        match written {
            Ok(()) => self.len += octets.len() as u64,
            Err(_) => self.cut(self.len),
        }
        written
    }

    /// Takes away what is behind the first `len` octets.
    pub(super) fn cut(&mut self, len: u64) {
        self.len = len;
        self.sound &= self.file.set_len(len).is_ok();
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data().inspect_err(|_| self.sound = false)
    }
}
