//! Keeping recordings: the last inputs in memory, all of them in a file.
//!
//! A [`Flight`] is the [`Sink`] of a [`Recorder`](egoist_core::record::Recorder). It always keeps the last [`RING`] octets
//! in memory, and writes them to a file when the process panics or the [`Alarm`] was raised. It may also write everything,
//! from the first input, to a file of its own: on a thread of its own, so that a slow disk does not make the event loop
//! wait.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use egoist_core::record::{Piece, Sink, later};

/// Octets of the last inputs that are kept in memory: some minutes of a node that nobody sends payloads through. The
/// buffers around them may take as much again.
pub const RING: usize = 1 << 20;

/// Pieces that may wait for the disk, 16 MiB of them. If more do, the disk is too slow and the recording ends.
const WAITING: usize = 256;

/// The seed is in a recording: nobody else is to read it.
const PRIVATE: u32 = 0o600;

/// Keeps what a recorder writes.
#[derive(Debug)]
pub struct Flight {
    ring: Ring,
    crash: Option<PathBuf>,
    alarm: Alarm,
    file: Option<Writer>,
}

/// Makes a [`Flight`] write down its last inputs when it ends.
#[derive(Clone, Debug, Default)]
pub struct Alarm(Arc<AtomicBool>);

impl Alarm {
    /// Something happened that should not have.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Flight {
    /// Keeps the last inputs in memory, and writes them to `crash` after a panic or an alarm, in the place of what is
    /// there.
    pub fn new(crash: Option<PathBuf>) -> Self {
        Flight { ring: Ring::default(), crash, alarm: Alarm::default(), file: None }
    }

    /// Writes everything to a new file as well, which only its owner can read, up to `limit` octets: the beginning is what
    /// a replay needs. After that, or after an error, the recording ends with a warning and the machine goes on.
    ///
    /// # Errors
    /// The file is there already, or cannot be made.
    pub fn to_file(mut self, path: &Path, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
        self.file = Some(Writer::new(file, path.to_owned(), limit));
        Ok(self)
    }

    /// The way to have the last inputs written down.
    pub fn alarm(&self) -> Alarm {
        self.alarm.clone()
    }
}

impl Sink for Flight {
    fn piece(&mut self, piece: Piece) {
        if let Some(file) = &mut self.file {
            file.take(&piece.octets);
        }
        self.ring.take(piece);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !(thread::panicking() || self.alarm.is_raised()) {
            return;
        }
        let Some(path) = &self.crash else { return };
        match self.ring.write(path) {
            Ok(()) => tracing::info!(
                file = %path.display(),
                "the last inputs are written down: 'egoist replay --print' shows them"
            ),
            Err(error) => {
                tracing::debug!(file = %path.display(), %error, "the last inputs could not be written down");
            }
        }
    }
}

/// The head of a recording and its last pieces.
#[derive(Debug, Default)]
struct Ring {
    head: Bytes,
    pieces: VecDeque<(u64, Bytes)>,
    octets: usize,
}

impl Ring {
    fn take(&mut self, Piece { first, octets }: Piece) {
        let Some(first) = first else {
            self.head = octets;
            return;
        };
        self.octets += octets.len();
        self.pieces.push_back((first, octets));
        while self.octets > RING && self.pieces.len() > 1 {
            let dropped = self.pieces.pop_front();
            self.octets -= dropped.map_or(0, |(_, octets)| octets.len());
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let next = path.with_extension("new");
        let _ = fs::remove_file(&next);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&next)?;
        file.write_all(&self.head)?;
        file.write_all(&later(self.pieces.front().map_or(0, |(first, _)| *first)))?;
        for (_, octets) in &self.pieces {
            file.write_all(octets)?;
        }
        file.sync_all()?;
        fs::rename(next, path)
    }
}

/// A file that is written on a thread of its own.
#[derive(Debug)]
struct Writer {
    /// None once the recording has ended.
    pieces: Option<SyncSender<Bytes>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Writer {
    fn new(file: File, path: PathBuf, limit: u64) -> Self {
        let (pieces, queue) = sync_channel(WAITING);
        let named = path.clone();
        let thread = thread::spawn(move || write(file, &queue, &named, limit));
        Writer { pieces: Some(pieces), thread: Some(thread), path }
    }

    fn take(&mut self, octets: &Bytes) {
        let Some(pieces) = &self.pieces else { return };
        match pieces.try_send(octets.clone()) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => {
                tracing::warn!(file = %self.path.display(), "the recording ends here: the disk is too slow");
            }
            // The thread has said why.
            Err(TrySendError::Disconnected(_)) => {}
        }
        self.pieces = None;
    }
}

impl Drop for Writer {
    /// What waits is written.
    fn drop(&mut self) {
        self.pieces = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(mut file: File, queue: &Receiver<Bytes>, path: &Path, limit: u64) {
    let mut left = limit;
    for octets in queue {
        let Some(rest) = left.checked_sub(octets.len() as u64) else {
            tracing::warn!(file = %path.display(), limit, "the recording ends here: its limit is reached");
            return;
        };
        left = rest;
        if let Err(error) = file.write_all(&octets) {
            tracing::warn!(file = %path.display(), %error, "the recording ends here: it cannot be written");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn piece(first: u64, octet: u8, count: usize) -> Piece {
        Piece { first: Some(first), octets: Bytes::from(vec![octet; count]) }
    }

    fn head() -> Piece {
        Piece { first: None, octets: Bytes::from_static(b"head") }
    }

    #[test]
    fn a_file_is_private_new_and_ends_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        let mut flight = Flight::new(None).to_file(&path, 14).unwrap();
        for piece in [head(), piece(0, b'a', 6), piece(1, b'b', 5), piece(2, b'c', 4)] {
            flight.piece(piece);
        }
        assert!(Flight::new(None).to_file(&path, 14).is_err(), "what is there is kept");
        drop(flight);
        assert_eq!(fs::read(&path).unwrap(), b"headaaaaaa");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_last_inputs_are_written_after_an_alarm_and_a_panic_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crash.rec");
        let flown = |pieces: Vec<Piece>| {
            let mut flight = Flight::new(Some(path.clone()));
            flight.piece(head());
            pieces.into_iter().for_each(|piece| flight.piece(piece));
            flight
        };
        drop(flown(vec![piece(0, b'a', 3)]));
        assert!(!path.exists());

        let flight = flown(vec![piece(0, b'a', 3)]);
        flight.alarm().raise();
        drop(flight);
        assert_eq!(fs::read(&path).unwrap(), b"headaaa", "it reaches back to the beginning");

        let long = flown((0..4).map(|n| piece(n * 10, b'z', RING / 3)).collect());
        let panicked = thread::spawn(move || {
            let _flying = long;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        let written = fs::read(&path).unwrap();
        let beginning = [&b"head"[..], &later(10)].concat();
        assert!(written.starts_with(&beginning), "the oldest piece is gone");
        assert_eq!(written.len() - beginning.len(), RING / 3 * 3);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
