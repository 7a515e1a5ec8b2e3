//! A stream of lines that never makes who writes them wait. A thread of its own writes; what comes faster than it can
//! write, and what cannot be written, is lost and counted.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Octets of lines that wait to be written; a line beyond is lost.
pub(crate) const WAITING: usize = 1 << 20;

/// Until a stream that would make its writer wait is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// Where lines go. Each write is one line, with its end.
#[derive(Clone, Debug)]
pub(crate) struct Outlet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// A line came, or all are written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    octets: usize,
    /// A line was taken off and is not written yet.
    writing: bool,
    /// Lines lost since the beginning, and how many of them have been told.
    lost: u64,
    told: u64,
}

impl Outlet {
    /// Writes to `stream`. Once that works again after lines were lost and nothing waits, `tell` is given the number of
    /// all that were lost.
    pub(crate) fn new(stream: impl Write + Send + 'static, tell: impl Fn(u64) + Send + 'static) -> Self {
        let outlet = Outlet(Arc::default());
        let shared = Arc::clone(&outlet.0);
        // Without a thread the lines are lost as soon as enough wait, which is told in the node's status.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_all(stream, tell));
        outlet
    }

    /// How many lines were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lock().lost
    }

    /// Waits until everything is written, at most for `patience`.
    pub(crate) fn drain(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut queue = self.0.lock();
        while queue.writing || !queue.lines.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = self.0.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().push(line);
        self.0.changed.notify_all();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn push(&mut self, line: &[u8]) {
        if self.octets + line.len() > WAITING {
            self.lost += 1;
            return;
        }
        self.octets += line.len();
        self.lines.push_back(line.to_vec());
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let line = self.lines.pop_front()?;
        self.octets -= line.len();
        self.writing = true;
        Some(line)
    }

    /// A line was written or not; the number lost, if it is to be told now.
    fn done(&mut self, written: bool) -> Option<u64> {
        self.writing = false;
        self.lost += u64::from(!written);
        let news = written && self.lines.is_empty() && self.told < self.lost;
        news.then(|| {
            self.told = self.lost;
            self.lost
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, stream: impl Write, tell: impl Fn(u64)) {
        let mut stream = Whole { stream, torn: false };
        loop {
            let line = self.next();
            let written = stream.write(&line).is_ok();
            let news = self.lock().done(written);
            if let Some(lost) = news {
                tell(lost);
            }
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut queue = self.lock();
        loop {
            if let Some(line) = queue.pop() {
                return line;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A stream that is given whole lines.
struct Whole<W> {
    stream: W,
    /// The last line was cut.
    torn: bool,
}

impl<W: Write> Whole<W> {
    /// Writes a line, on one of its own.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.piece(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            let taken = self.piece(rest)?;
            rest = &rest[taken..];
            self.torn = !rest.is_empty();
        }
        self.stream.flush()
    }

    /// Writes a part of what is given, and waits for it as long as it takes.
    fn piece(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(octets) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(AGAIN),
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

    /// Long enough for anything here.
    const LONG: Duration = Duration::from_secs(60);

    /// A stream of which each write does what it is told: take so many octets, or fail.
    struct Told {
        orders: Receiver<io::Result<usize>>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Told {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let n = self.orders.recv().map_or(Ok(usize::MAX), |order| order)?.min(octets.len());
            self.taken.lock().unwrap().extend_from_slice(&octets[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Bench = (Outlet, SyncSender<io::Result<usize>>, Arc<Mutex<Vec<u8>>>, Receiver<u64>);

    fn bench() -> Bench {
        let ((order, orders), (news, told)) = (sync_channel(64), channel());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let stream = Told { orders, taken: Arc::clone(&taken) };
        (Outlet::new(stream, move |lost| news.send(lost).unwrap()), order, taken, told)
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_once_it_works() {
        let (mut outlet, order, taken, told) = bench();
        for _ in 0..2 {
            order.send(Err(ErrorKind::StorageFull.into())).unwrap();
            outlet.write_all(b"lost\n").unwrap();
        }
        outlet.drain(LONG);
        assert_eq!((outlet.lost(), told.try_recv().ok()), (2, None));
        order.send(Ok(99)).unwrap();
        outlet.write_all(b"written\n").unwrap();
        assert_eq!((told.recv(), outlet.lost()), (Ok(2), 2));
        order.send(Ok(99)).unwrap();
        outlet.write_all(b"and more\n").unwrap();
        outlet.drain(LONG);
        assert!(told.try_recv().is_err(), "it is told once");
        assert_eq!(taken.lock().unwrap().as_slice(), b"written\nand more\n");
    }

    #[test]
    fn a_line_that_is_cut_ends_before_the_next() {
        let (mut outlet, order, taken, _told) = bench();
        for answer in [Ok(2), Err(ErrorKind::StorageFull.into()), Err(ErrorKind::WouldBlock.into()), Ok(1)] {
            order.send(answer).unwrap();
        }
        outlet.write_all(b"first\n").unwrap();
        outlet.write_all(b"second\n").unwrap();
        drop(order);
        outlet.drain(LONG);
        assert_eq!((outlet.lost(), taken.lock().unwrap().as_slice()), (1, &b"fi\nsecond\n"[..]));
    }

    #[test]
    fn who_writes_never_waits() {
        let (mut outlet, order, taken, _told) = bench();
        let line = [b'x'; 1 << 10];
        (0..5_000).for_each(|_| outlet.write_all(&line).unwrap());
        let lost = outlet.lost();
        assert!(
            (5_000 - WAITING as u64 / 1024 - 1..=5_000 - WAITING as u64 / 1024).contains(&lost),
            "{lost}"
        );
        outlet.drain(Duration::from_millis(1));
        assert!(taken.lock().unwrap().is_empty());
        drop(order);
        outlet.drain(LONG);
        assert_eq!(taken.lock().unwrap().len() as u64, (5_000 - lost) * 1024);
    }
}
