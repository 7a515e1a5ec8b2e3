//! A log's file, that is written at its end alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::entry::{Change, EMPTY, encode};

/// A file, how much of it holds, and how much of that is synced.
#[derive(Debug)]
pub(super) struct Appended {
    file: File,
    len: u64,
    synced: u64,
    sound: bool,
}

impl Appended {
    /// A file of `len` octets, of which the first `synced` are known to be synced.
    pub(super) const fn new(file: File, len: u64, synced: u64) -> Self {
        Appended { file, len, synced, sound: true }
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

    /// Appends an entry for each batch, all of them or nothing; how many octets they take.
    pub(super) fn append<'a, B>(&mut self, batches: impl IntoIterator<Item = B>) -> io::Result<usize>
    where
        B: IntoIterator<Item = Change<'a>>,
    {
        let mut octets = Vec::new();
        for batch in batches {
            encode(self.len + octets.len() as u64, self.synced, batch, &mut octets);
        }
        let written = self.file.write_all_at(&octets, self.len);
        match written {
            Ok(()) => self.len += octets.len() as u64,
            Err(_) => self.sound &= self.cut().is_ok(),
        }
        written.map(|()| octets.len())
    }

    /// Takes away what is behind its length; how many octets that were.
    pub(super) fn cut(&self) -> io::Result<u64> {
        let len = self.file.metadata()?.len();
        self.file.set_len(self.len)?;
        Ok(len.saturating_sub(self.len))
    }

    /// Makes all of it outlive a power cut, and says in the log that it does.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data().inspect_err(|_| self.sound = false)?;
        if self.len - self.synced > EMPTY {
            self.synced = self.len;
            // Where there is no room, the next entry says so.
            let _ = self.append([[]]);
        }
        Ok(())
    }
}
