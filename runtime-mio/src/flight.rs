//! Keeping recordings: the last inputs in memory, all of them in a file.
//!
//! A [`Flight`] is the [`Sink`] of a [`Recorder`](egoist_core::record::Recorder). It always keeps the last [`RING`] octets
//! in memory, and writes them to a file when the process panics or the [`Alarm`] was raised. It may also write everything,
//! from the first input, to a file of its own: a thread of its own copies, seals and writes. The event loop hands it
//! buffers in batches of 256 KiB, and waits for it while eight of them lie there; a disk that takes none for a second ends
//! the recording. Outputs are hashed for that file alone: the memory has their numbers and lengths.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use egoist_core::record::{Outputs, PIECE, Piece, Sink, later};

use crate::regular;

/// Octets of the last inputs that are kept in memory: some minutes of a node that nobody sends payloads through. The
/// buffers around them may take twice as much again.
pub const RING: usize = 1 << 20;

/// Batches that may wait for the disk, 2 MiB of them. The loop waits before there are more: it would find none of the memory
/// in a cache that it uses again later.
const WAITING: usize = 8;

/// How long the loop waits for the disk to take a batch. A node that waits longer is lost to its neighbours, so that the
/// recording ends instead.
const PATIENCE: Duration = Duration::from_secs(1);

/// Octets of full pieces that are gathered before the writer is woken: a wake-up costs the loop some microseconds. A piece
/// that is not full was handed over for its age, and goes at once.
const BATCH: usize = 4 * PIECE;

/// Octets that are written at once, if so many wait.
const WRITE: usize = 1 << 20;

/// Recordings under one name.
const MOST: u32 = 9_999;

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
    /// a replay needs. Where `path` is a file already it is kept, and the new one has the first free number for an
    /// ending. After the limit, or after an error, the recording ends with a warning and the machine goes on.
    ///
    /// # Errors
    /// The file cannot be made. [`InvalidInput`](io::ErrorKind::InvalidInput): what is there is no file.
    pub fn to_file(mut self, path: &Path, limit: u64) -> io::Result<Self> {
        let (file, path) = new_file(path)?;
        self.file = Some(Writer::new(file, path, limit, PATIENCE));
        Ok(self)
    }

    /// Where everything is written, if it is.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| &*file.path)
    }

    /// The way to have the last inputs written down.
    pub fn alarm(&self) -> Alarm {
        self.alarm.clone()
    }
}

/// Makes the first of `path`, `path.1`, `path.2` and so on that is not there.
fn new_file(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut free = path.to_owned();
    for number in 1..=MOST {
        match regular::create(&free) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A device, or something else that belongs to somebody: nothing is made beside it.
                regular::open(path, OpenOptions::new().read(true))?;
            }
            made => return made.map(|file| (file, free)),
        }
        let mut numbered = path.as_os_str().to_owned();
        numbered.push(format!(".{number}"));
        free = numbered.into();
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

impl Sink for Flight {
    fn piece(&mut self, piece: Piece) {
        if let Some(file) = &mut self.file {
            file.take(piece.clone());
        }
        self.ring.take(piece);
    }

    fn outputs(&self) -> Outputs {
        if self.file.is_some() { Outputs::Hashed } else { Outputs::Counted }
    }

    fn spare(&mut self) -> Option<BytesMut> {
        self.ring.lent.spare()
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
    pieces: VecDeque<Piece>,
    octets: usize,
    /// Buffers of pieces.
    lent: Lent,
}

impl Ring {
    fn take(&mut self, piece: Piece) {
        if piece.first.is_none() {
            self.head = piece.octets;
            return;
        }
        self.octets += piece.octets.len();
        self.pieces.push_back(piece);
        while self.octets > RING && self.pieces.len() > 1 {
            let Some(oldest) = self.pieces.pop_front() else { return };
            self.octets -= oldest.octets.len();
            self.lent.take(oldest.octets);
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        regular::replace(path, |file| self.write_to(file))
    }

    fn write_to(&self, file: &mut File) -> io::Result<()> {
        file.write_all(&self.head)?;
        file.write_all(&later(self.pieces.front().and_then(|piece| piece.first).unwrap_or(0)))?;
        for piece in &self.pieces {
            let mut sealed = Vec::with_capacity(piece.octets.len());
            piece.seal(&mut sealed);
            file.write_all(&sealed)?;
        }
        Ok(())
    }
}

/// The last piece of each buffer that was dropped: the way back to it, once the disk does not need it either.
#[derive(Debug, Default)]
struct Lent(VecDeque<Bytes>);

/// Buffers that are kept to be used again though there are enough of them now: as many as the disk may have and give
/// back at once.
const SPARE: usize = (WAITING * BATCH + WRITE) / PIECE;

impl Lent {
    fn take(&mut self, octets: Bytes) {
        // Pieces of one buffer follow each other in it and in time.
        if self.0.back().is_some_and(|last| last.as_ptr_range().end == octets.as_ptr()) {
            self.0.pop_back();
        }
        self.0.push_back(octets);
        // Beyond spare buffers only those are kept that the disk will give back.
        while self.0.len() > SPARE && self.0.iter().take(2).all(Bytes::is_unique) {
            self.0.pop_front();
        }
    }

    fn spare(&mut self) -> Option<BytesMut> {
        self.0.front().filter(|oldest| oldest.is_unique())?;
        self.0.pop_front()?.try_into_mut().ok()
    }
}

/// A file that is written on a thread of its own.
#[derive(Debug)]
struct Writer {
    /// None once the recording has ended.
    batches: Option<SyncSender<Vec<Piece>>>,
    /// The next batch, and its octets.
    gathered: Vec<Piece>,
    octets: usize,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    patience: Duration,
}

impl Writer {
    fn new(file: impl Write + Send + 'static, path: PathBuf, limit: u64, patience: Duration) -> Self {
        let (batches, queue) = sync_channel(WAITING);
        let named = path.clone();
        let thread = thread::spawn(move || write(file, &queue, &named, limit));
        let (batches, thread) = (Some(batches), Some(thread));
        Writer { batches, gathered: Vec::new(), octets: 0, thread, path, patience }
    }

    fn take(&mut self, piece: Piece) {
        if self.batches.is_none() {
            return;
        }
        let weight = piece.octets.len();
        self.gathered.push(piece);
        self.octets += weight;
        if weight < PIECE || self.octets >= BATCH {
            self.send();
        }
    }

    fn send(&mut self) {
        let Some(batches) = &self.batches else { return };
        self.octets = 0;
        match send_within(self.patience, batches, mem::take(&mut self.gathered)) {
            Ok(()) => return,
            Err(TrySendError::Full(batch)) => {
                let input = batch.first().and_then(|piece| piece.first).unwrap_or(0);
                let waited = self.patience;
                tracing::warn!(
                    file = %self.path.display(), input, ?waited,
                    "the recording ends before this input: the disk takes no more"
                );
            }
            // The thread has said why.
            Err(TrySendError::Disconnected(_)) => {}
        }
        self.batches = None;
    }
}

/// Sends as soon as there is room.
fn send_within<T>(patience: Duration, to: &SyncSender<T>, mut item: T) -> Result<(), TrySendError<T>> {
    let mut began = None;
    loop {
        item = match to.try_send(item) {
            Err(TrySendError::Full(item)) if began.get_or_insert_with(Instant::now).elapsed() < patience => {
                item
            }
            sent => return sent,
        };
        thread::sleep(Duration::from_millis(1));
    }
}

impl Drop for Writer {
    /// What waits is written.
    fn drop(&mut self) {
        self.send();
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Seals and writes what comes; what waits goes in one write.
fn write(mut file: impl Write, queue: &Receiver<Vec<Piece>>, path: &Path, limit: u64) {
    let (mut left, mut sealed) = (limit, Vec::new());
    while let Ok(batch) = queue.recv() {
        let from = batch.first().and_then(|piece| piece.first).unwrap_or(0);
        sealed.clear();
        let mut full = seal_within(left, batch, &mut sealed);
        while full.is_none() && sealed.len() < WRITE {
            let Ok(next) = queue.try_recv() else { break };
            full = seal_within(left, next, &mut sealed);
        }
        left -= sealed.len() as u64;
        if let Err(error) = file.write_all(&sealed) {
            tracing::warn!(
                file = %path.display(), input = from, %error,
                "the recording ends about this input: it cannot be written"
            );
            return;
        }
        if let Some(input) = full {
            tracing::warn!(
                file = %path.display(), input, limit,
                "the recording ends before this input: its limit is reached"
            );
            return;
        }
    }
}

/// Appends pieces sealed, as long as there are at most `limit` octets then; the first input of the piece that would be
/// more.
fn seal_within(limit: u64, pieces: Vec<Piece>, sealed: &mut Vec<u8>) -> Option<u64> {
    for piece in pieces {
        let before = sealed.len();
        piece.seal(sealed);
        if sealed.len() as u64 > limit {
            sealed.truncate(before);
            return Some(piece.first.unwrap_or(0));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Mutex;

    /// A piece of one entry.
    fn piece(first: u64, octet: u8, count: usize) -> Piece {
        let length = u32::try_from(count).unwrap().to_le_bytes();
        let octets = [&length[..], &vec![octet; count]].concat().into();
        Piece { first: Some(first), octets }
    }

    fn sealed(pieces: &[Piece]) -> Vec<u8> {
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| piece.seal(&mut out));
        out
    }

    fn head() -> Piece {
        Piece { first: None, octets: Bytes::from_static(b"head") }
    }

    #[test]
    fn a_file_is_private_new_and_ends_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r");
        let pieces = [head(), piece(0, b'a', 6), piece(1, b'b', 5), piece(2, b'c', 4)];
        let kept = sealed(&pieces[..2]);
        let limit = kept.len() as u64 + 12;
        let mut flight = Flight::new(None).to_file(&path, limit).unwrap();
        assert_eq!(flight.outputs(), Outputs::Hashed);
        pieces.into_iter().for_each(|piece| flight.piece(piece));
        let second = Flight::new(None).to_file(&path, limit).unwrap();
        let third = Flight::new(None).to_file(&path, limit).unwrap();
        let paths = [second.path(), third.path()].map(|path| path.unwrap().to_owned());
        assert_eq!(paths, [folder.path().join("r.1"), folder.path().join("r.2")], "what is there is kept");
        let device = Flight::new(None).to_file(Path::new("/dev/null"), limit).unwrap_err();
        assert_eq!(device.kind(), io::ErrorKind::InvalidInput);
        drop(flight);
        assert_eq!(fs::read(&path).unwrap(), kept);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn buffers_are_used_again_once_nobody_needs_them() {
        let mut flight = Flight::new(None);
        let buffer = || BytesMut::from(&piece(0, b'y', RING / 4).octets[..]);
        let give = |flight: &mut Flight, octets: Bytes| {
            flight.piece(Piece { first: Some(0), octets });
        };
        let mut shared = buffer();
        let half = shared.split_to(RING / 8);
        give(&mut flight, half.freeze());
        give(&mut flight, shared.freeze());
        let read = buffer().freeze();
        give(&mut flight, read.clone());
        let mut spare_after = |pieces: usize| {
            (0..pieces).for_each(|_| give(&mut flight, buffer().freeze()));
            flight.spare().is_some()
        };
        assert!(!spare_after(2), "half of it is kept");
        assert!(spare_after(1));
        assert!(!spare_after(2), "somebody reads it");
        drop(read);
        assert!(spare_after(0));
    }

    /// A disk that takes a write whenever somebody sends it a word, and anything once there is nobody.
    struct Stalling {
        words: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stalling {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let _ = self.words.recv();
            self.written.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Gives a stalling disk more than may wait; what was given, what was written, and whether the recording has ended.
    fn stalled(
        patience: Duration,
        then: impl FnOnce(SyncSender<()>) -> Option<SyncSender<()>> + Send + 'static,
    ) -> (Vec<u8>, Vec<u8>, bool) {
        let (word, words) = sync_channel(0);
        let written = Arc::new(Mutex::new(Vec::new()));
        let disk = Stalling { words, written: Arc::clone(&written) };
        let mut writer = Writer::new(disk, PathBuf::from("r"), u64::MAX, patience);
        let given: Vec<Piece> = (0..WAITING as u64 + 20).map(|n| piece(n, b'p', 9)).collect();
        let told = thread::spawn(move || then(word));
        given.iter().for_each(|piece| writer.take(piece.clone()));
        let ended = writer.batches.is_none();
        drop(writer.batches.take());
        drop(told.join().unwrap());
        drop(writer);
        let written = written.lock().unwrap().clone();
        (sealed(&given), written, ended)
    }

    #[test]
    fn the_loop_waits_for_the_disk_within_its_patience() {
        let (given, written, ended) = stalled(Duration::from_secs(600), |word| {
            // The disk takes nothing for a while; then all.
            thread::yield_now();
            while word.send(()).is_ok() {}
            None
        });
        assert!(given == written && !ended);
    }

    #[test]
    fn a_disk_that_stalls_ends_the_recording_without_a_gap() {
        let (given, written, ended) = stalled(Duration::ZERO, Some);
        assert!(ended && written.len() < given.len() && given.starts_with(&written));
    }

    #[test]
    fn the_last_inputs_are_written_after_an_alarm_and_a_panic_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crash.rec");
        let flown = |pieces: Vec<Piece>| {
            let mut flight = Flight::new(Some(path.clone()));
            assert_eq!(flight.outputs(), Outputs::Counted);
            flight.piece(head());
            pieces.into_iter().for_each(|piece| flight.piece(piece));
            flight
        };
        drop(flown(vec![piece(0, b'a', 3)]));
        assert!(!path.exists());

        let flight = flown(vec![piece(0, b'a', 3)]);
        flight.alarm().raise();
        drop(flight);
        assert_eq!(
            fs::read(&path).unwrap(),
            sealed(&[head(), piece(0, b'a', 3)]),
            "it reaches back to the beginning"
        );

        let pieces: Vec<Piece> = (0..4).map(|n| piece(n * 10, b'z', RING / 3 - 4)).collect();
        let long = flown(pieces.clone());
        let panicked = thread::spawn(move || {
            let _flying = long;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        let written = fs::read(&path).unwrap();
        let beginning = [&b"head"[..], &later(10)].concat();
        assert!(written == [beginning, sealed(&pieces[1..])].concat(), "the oldest piece is gone");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
