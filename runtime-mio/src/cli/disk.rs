//! Whether there is room where a node keeps its state, so that a full disk is told before the next thing to be stored is lost.
//! A file system's figures are a hint alone: some is kept for root, some report nothing. Where they are low, what storing
//! does is tried.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use rustix::fs::{StatVfs, statvfs};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// Octets that a state and its successor need while one takes the other's place.
const NEEDED: u16 = 65_535;

/// The file that is written to see whether one can be.
const PROBE: &str = "state.probe";

/// The disk under a node's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    full: Arc<AtomicBool>,
}

impl Disk {
    /// Looks at the disk of `folder` as long as this is there, on a thread of its own, for a disk may take its time. Says
    /// when it is full and when there is room again.
    pub(crate) fn follow(&self, folder: PathBuf) {
        let full = Arc::downgrade(&self.full);
        // Without a thread, the next thing to be stored tells.
        let _ = thread::Builder::new().name("disk".to_owned()).spawn(move || watch(&full, &folder));
    }

    /// Whether it was full at the last look.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

fn watch(full: &Weak<AtomicBool>, folder: &Path) {
    loop {
        thread::sleep(LOOK);
        let Some(full) = full.upgrade() else { return };
        look(&full, folder);
    }
}

fn look(full: &AtomicBool, folder: &Path) {
    // Where it cannot be asked, the next thing to be stored tells.
    let now =
        statvfs(folder).is_ok_and(|disk| looks_full(&disk)) && probe(folder).is_err_and(|e| is_full(&e));
    match (full.swap(now, Ordering::Relaxed), now) {
        (false, true) => tracing::warn!(
            folder = %folder.display(),
            "the disk is full: make room, or a later start will not know what this one learns"
        ),
        (true, false) => tracing::info!(folder = %folder.display(), "there is room on the disk again"),
        _ => {}
    }
}

/// Whether little is left for those who are not root, octets or files, as far as the file system counts them.
fn looks_full(disk: &StatVfs) -> bool {
    let octets = disk.f_bavail.saturating_mul(disk.f_frsize);
    (disk.f_blocks > 0 && octets < NEEDED.into()) || (disk.f_files > 0 && disk.f_favail == 0)
}

/// Writes as much as storing may, and takes it away again.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(PROBE);
    // Left by a process that ended in the midst of this, or not there.
    let _ = fs::remove_file(&path);
    let mut file = File::create_new(&path)?;
    let written = file.write_all(&[0; NEEDED as usize]).and_then(|()| file.sync_all());
    fs::remove_file(&path).and(written)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_or_it_cannot_be_asked() {
        let folder = tempfile::tempdir().unwrap();
        let full = AtomicBool::new(false);
        look(&full, &folder.path().join("nowhere"));
        assert!(!full.load(Ordering::Relaxed));
        probe(folder.path()).unwrap();
        fs::write(folder.path().join(PROBE), "left").unwrap();
        probe(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// What file systems report: octets, files, how many of each are left.
    #[test]
    fn figures_are_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let here = statvfs(folder.path()).unwrap();
        let looks = |f_blocks, f_bavail, f_files, f_favail| {
            looks_full(&StatVfs { f_frsize: 4096, f_blocks, f_bavail, f_files, f_favail, ..here })
        };
        assert!(looks(1_000, 0, 1_000, 1_000) && looks(1_000, 15, 1_000, 1_000) && looks(1_000, 900, 20, 0));
        assert!(!looks(1_000, 16, 1_000, 1));
        assert!(!looks(0, 0, 0, 0), "some count nothing");
    }
}
