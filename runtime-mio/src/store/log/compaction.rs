//! Writing a log anew, without what was overwritten since: a little at a time, while the old one goes on.
//!
//! The values are copied in the order of their keys. What is stored meanwhile goes to the old log, which counts, and to the
//! new one as well: wherever its keys lie, what is last in the new log about a key is what is kept. When all is copied the new
//! log takes the place of the old one.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use egoist_core::kernel::{StoreOp, scan};

use super::super::Values;
use super::appended::Appended;
use super::entry::{LONGEST, cost};
use super::{HEADER, changes};
use crate::regular;

/// Octets that are copied and synced in a step, unless more was stored since the last one: an answer waits for one step at
/// most.
const STEP: usize = 256 << 10;

/// What the new log is called until then.
pub(super) const BESIDE: &str = "new";

/// A log that is not in its place yet. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Compaction {
    log: Appended,
    beside: Beside,
    /// The last key that was copied.
    copied: Option<Bytes>,
    /// Octets stored since the last step. Twice as many are copied in the next: the end comes nearer whatever is stored.
    stored: usize,
}

impl Compaction {
    /// Begins beside `log`.
    pub(super) fn begin(log: &Path) -> io::Result<Self> {
        let path = log.with_extension(BESIDE);
        // What a crash has left.
        let _ = fs::remove_file(&path);
        let mut file = regular::create(&path)?;
        let beside = Beside(path);
        file.write_all(HEADER)?;
        let log = Appended::new(file, HEADER.len() as u64, 0);
        Ok(Compaction { log, beside, copied: None, stored: 0 })
    }

    /// Takes what is stored meanwhile.
    pub(super) fn store(&mut self, batches: &[Vec<StoreOp>]) -> io::Result<()> {
        self.stored += self.log.append(batches.iter().map(|batch| changes(batch)))?;
        Ok(())
    }

    /// Copies some of the values; whether there are more.
    pub(super) fn step(&mut self, values: &Values) -> io::Result<bool> {
        let mut room = STEP.max(2 * std::mem::take(&mut self.stored)).min(LONGEST);
        let mut some = Vec::new();
        let (every, behind) = (Bytes::new(), self.copied.as_ref());
        for (key, value) in scan(values, &every, behind) {
            let octets = cost(key, value);
            if octets > room && !some.is_empty() {
                break;
            }
            room = room.saturating_sub(octets);
            some.push((key, value));
        }
        let Some((last, _)) = some.last() else { return Ok(false) };
        let last = Bytes::copy_from_slice(last);
        self.log.append([some.into_iter().map(|(key, value)| (key, Some(value)))])?;
        self.log.sync()?;
        self.copied = Some(last);
        Ok(true)
    }

    /// Puts the new log in the place of `place`, and into `open`: in doubt, should it not be known to stay there.
    pub(super) fn finish(self, place: &Path, open: &mut Option<Appended>) -> io::Result<()> {
        let Compaction { mut log, mut beside, .. } = self;
        log.sync()?;
        fs::rename(&beside.0, place)?;
        beside.0.clear();
        let log = open.insert(log);
        log.doubt();
        regular::sync_name(place)?;
        log.trust();
        Ok(())
    }
}

/// A file that is not in its place yet: removed when dropped, unless its path was cleared.
#[derive(Debug)]
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.0);
        }
    }
}
