//! Whether there is room where a node keeps its state, so that a full disk is told before the next thing to be stored is lost.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use egoist_mio::Host;
use egoist_mio::net::MioNet;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// Octets that a state and its successor need while one takes the other's place.
const NEEDED: u64 = 64 << 10;

/// The disk under a node's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    full: Rc<Cell<bool>>,
}

impl Disk {
    /// Looks at the disk of `folder` from now on, and says when it is full and when there is room again.
    pub(crate) fn follow(&self, host: &mut Host<MioNet>, folder: PathBuf) {
        let disk = self.clone();
        host.after(LOOK, move |host| {
            disk.look(&folder);
            disk.follow(host, folder);
        });
    }

    /// Whether it was full at the last look.
    pub(crate) fn is_full(&self) -> bool {
        self.full.get()
    }

    fn look(&self, folder: &Path) {
        // Where it cannot be asked, the next thing to be stored tells.
        let full = room(folder).is_ok_and(|octets| octets < NEEDED);
        match (self.full.replace(full), full) {
            (false, true) => tracing::warn!(
                folder = %folder.display(),
                "the disk is full: make room, or a later start will not know what this one learns"
            ),
            (true, false) => tracing::info!(folder = %folder.display(), "there is room on the disk again"),
            _ => {}
        }
    }
}

/// Octets that may still be written to the disk of a folder.
fn room(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_or_it_cannot_be_asked() {
        let folder = tempfile::tempdir().unwrap();
        assert!(room(folder.path()).is_ok());
        let disk = Disk::default();
        disk.look(&folder.path().join("nowhere"));
        assert!(!disk.is_full());
    }
}
