//! The thread that a store on a disk belongs to.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::queue::{Answers, Ask, Executor};
use super::{PATIENCE, Store};

/// What is done at once at the most: more waits for the next round.
const ROUND: usize = 1024;

/// A store and its thread. Dropped, it lets the thread finish what was handed over.
#[derive(Debug)]
pub(super) struct Worker {
    asks: Option<Sender<Vec<Ask>>>,
    /// Hangs up when the thread has ended.
    alive: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. It gives what it answers to `tell`, and lets go of `tell` when it ends.
    ///
    /// # Errors
    /// The operating system has no thread left.
    pub(super) fn start(
        store: Box<dyn Store>,
        tell: impl FnMut(Answers) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (asks, queue) = channel();
        let (life, alive) = channel();
        let run = move || {
            let _life: Sender<()> = life;
            run(Executor::new(store), &queue, tell);
        };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(run)?;
        Ok(Worker { asks: Some(asks), alive, thread: Some(thread) })
    }

    /// Hands asks over; gives them back if the thread has ended.
    pub(super) fn hand_over(&self, asks: Vec<Ask>) -> Result<(), Vec<Ask>> {
        match &self.asks {
            Some(queue) => queue.send(asks).map_err(|refused| refused.0),
            None => Err(asks),
        }
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self) {
        self.asks = None;
    }

    /// Waits for the end of the thread, until `deadline` at most.
    pub(super) fn wait(&mut self, deadline: Instant) {
        self.close();
        let Some(thread) = self.thread.take() else { return };
        let left = deadline.saturating_duration_since(Instant::now());
        match self.alive.recv_timeout(left) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!(waited = ?PATIENCE, "the disk is too slow: what was to be stored last may be lost");
            }
            // A panic in it was told when it happened.
            _ => _ = thread.join(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.wait(Instant::now() + PATIENCE);
    }
}

fn run(mut executor: Executor, queue: &Receiver<Vec<Ask>>, mut tell: impl FnMut(Answers)) {
    let mut untidy = false;
    loop {
        let next =
            if untidy { queue.try_recv() } else { queue.recv().map_err(|_| TryRecvError::Disconnected) };
        match next {
            Ok(asks) => executor.serve(gather(asks, queue), &mut tell),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
        untidy = executor.tidy();
    }
}

/// All that waits.
fn gather(mut asks: Vec<Ask>, queue: &Receiver<Vec<Ask>>) -> Vec<Ask> {
    while asks.len() < ROUND
        && let Ok(more) = queue.try_recv()
    {
        asks.extend(more);
    }
    asks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;
    use crate::store::queue::Asked;
    use crate::store::{StateError, Store};
    use bytes::Bytes;
    use egoist_core::kernel::{Page, StoreOp, Ticket, Until};
    use std::sync::mpsc::{SyncSender, sync_channel};
    use std::time::Duration;

    /// Until a disk that is never synced is noticed.
    const STUCK: Duration = Duration::from_secs(20);

    /// A disk that syncs when somebody hears that it begins to.
    struct Slow {
        memory: Memory,
        began: SyncSender<()>,
    }

    impl Store for Slow {
        fn open(&mut self) -> Result<(), StateError> {
            Ok(())
        }

        fn write(&mut self, batches: &[Vec<StoreOp>]) -> Result<(), StateError> {
            self.memory.write(batches)
        }

        fn sync(&mut self) -> Result<(), StateError> {
            let _ = self.began.send(());
            Ok(())
        }

        fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
            self.memory.load(key)
        }

        fn scan(&mut self, prefix: &Bytes, after: Option<&Bytes>) -> Result<Page, StateError> {
            self.memory.scan(prefix, after)
        }
    }

    fn put(ticket: u64) -> Vec<Ask> {
        vec![Ask { ticket: Ticket(ticket), what: Asked::Store { ops: Vec::new(), until: Until::Synced } }]
    }

    /// A worker on a slow disk, who is told when that syncs, and who hears the answers.
    fn worker() -> (Worker, Receiver<()>, Receiver<usize>) {
        let (began, syncs) = sync_channel(0);
        let (told, answers) = channel();
        let store = Box::new(Slow { memory: Memory::default(), began });
        let tell = move |answers: Answers| _ = told.send(answers.list.len());
        (Worker::start(store, tell).unwrap(), syncs, answers)
    }

    #[test]
    fn what_comes_while_the_disk_is_busy_is_synced_together() {
        let (worker, syncs, answers) = worker();
        worker.hand_over(put(0)).unwrap();
        // The first sync goes on from when it is heard; by then the others are there.
        (1..9).for_each(|ticket| worker.hand_over(put(ticket)).unwrap());
        let mut told = Vec::new();
        while told.iter().sum::<usize>() < 9 {
            syncs.recv_timeout(STUCK).expect("it is synced before it is answered");
            told.push(answers.recv().unwrap());
        }
        assert!(told.len() <= 2, "{told:?}");
    }

    #[test]
    fn its_end_waits_for_what_was_handed_over_but_not_for_ever() {
        let (mut slow, syncs, answers) = worker();
        slow.hand_over(put(1)).unwrap();
        slow.wait(Instant::now());
        assert!(slow.hand_over(put(2)).is_err());
        assert!(answers.try_recv().is_err(), "it is not done");
        syncs.recv_timeout(STUCK).expect("it goes on");
        assert_eq!(answers.recv(), Ok(1), "it is done all the same");
        let (fine, syncs, answers) = worker();
        fine.hand_over(put(1)).unwrap();
        drop(syncs);
        drop(fine);
        assert_eq!(answers.try_recv(), Ok(1));
    }
}
