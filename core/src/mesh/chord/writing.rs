//! What is written to be durable, and what is read back.

use alloc::vec::Vec;
use core::time::Duration;

use super::interface::{Event, Failure};
use super::machine::{Chord, Due};
use super::place::Place;
use super::store::{Keeper, Loader, Policy, Record, Refused, ScanFrom, Taken};
use super::word::Word;
use crate::kernel::{Output, Scanned, StoreError, Ticket, Until};
use crate::mesh::wire::NodeId;

/// How often what could not be written is tried again.
const REWRITE: Duration = Duration::from_secs(5);
/// How often what is gone of itself is looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// Who waits until something is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiter {
    /// Nobody.
    Nobody,
    /// What this node keeps as the one responsible.
    Keeping(u64),
    /// A node that gave copies, by the number that it gave. The last of them is written after the others.
    Copies { node: NodeId, n: u64 },
}

/// What a node does with its store.
#[derive(Debug, Default)]
pub(super) struct Writing {
    keeper: Keeper<Waiter>,
    /// `None` once everything is read back.
    loader: Option<Loader>,
    is_read_only: bool,
}

/// At the beginning.
impl Chord {
    pub(super) fn load(&mut self) {
        if self.config.durable {
            let loader = Loader::default();
            self.scan(loader.scan());
            self.writing.loader = Some(loader);
        }
    }

    fn scan(&mut self, ScanFrom { prefix, after }: ScanFrom) {
        let ticket = self.mesh.out.ticket();
        self.out.push(Output::Scan { ticket, prefix, after });
    }

    /// Whether not everything is read back. Until it is, nothing is said to anybody.
    pub(super) const fn is_loading(&self) -> bool {
        self.writing.loader.is_some()
    }

    pub(super) fn scanned(&mut self, page: Scanned<'_>) {
        let Some(loader) = &mut self.writing.loader else { return };
        match loader.scanned(page, &mut self.shelf) {
            None => {
                let scan = loader.scan();
                self.scan(scan);
            }
            Some(loaded) => {
                self.writing.loader = None;
                self.out.event(Event::Loaded(loaded));
                self.settle();
                self.let_in();
            }
        }
    }
}

/// What is written.
impl Chord {
    /// Why nothing new is kept; `None` if it is.
    pub(super) fn cannot_write(&self) -> Option<Failure> {
        self.writing.keeper.read_only().map(|_| Failure::ReadOnly)
    }

    /// Writes a record if this node is durable, and tells whoever waits once it is as safe as the policy says.
    pub(super) fn write(&mut self, record: &Record, policy: Policy, waiter: Waiter) {
        if !self.config.durable {
            return self.written(waiter, Ok(()));
        }
        let until = if policy == Policy::Synced { Until::Synced } else { Until::Written };
        let waits = policy > Policy::Memory;
        let taken =
            self.writing.keeper.keep(record.keeping(), until, if waits { waiter } else { Waiter::Nobody });
        match taken {
            Err(refused) => self.written(waiter, Err(failure(refused))),
            Ok(()) if !waits => self.written(waiter, Ok(())),
            Ok(()) => {}
        }
        self.store();
    }

    /// Nothing is kept at a place any more.
    pub(super) fn forget_record(&mut self, place: &Place) {
        self.shelf.remove(place);
        self.forget_written(place);
        self.store();
    }

    fn forget_written(&mut self, place: &Place) {
        if self.config.durable {
            // What cannot be forgotten now is read back some time, and found to be a stray or over.
            let _ = self.writing.keeper.keep(Record::forgetting(place), Until::Written, Waiter::Nobody);
        }
    }

    fn store(&mut self) {
        while let Some(batch) = self.writing.keeper.next(|| self.mesh.out.ticket()) {
            self.out.push(Output::Store { ticket: batch.ticket, ops: batch.ops, until: batch.until });
        }
    }

    pub(super) fn stored(&mut self, ticket: Ticket, result: Result<(), StoreError>) {
        if let Some(answered) = self.writing.keeper.stored(ticket, result) {
            self.tell_of_writing();
            let result = answered.result.map_err(|_| Failure::ReadOnly);
            answered.waiters.into_iter().for_each(|waiter| self.written(waiter, result));
        }
        self.store();
    }

    fn tell_of_writing(&mut self) {
        let failed = self.writing.keeper.read_only();
        if core::mem::replace(&mut self.writing.is_read_only, failed.is_some()) != failed.is_some() {
            self.out.event(match failed {
                Some(error) => Event::ReadOnly { is_full: error == StoreError::Full },
                None => Event::Writable,
            });
        }
        if failed.is_some() {
            self.deadlines.set_earlier(Due::Rewrite, self.deadlines.now() + REWRITE);
        }
    }

    pub(super) fn rewrite(&mut self) {
        self.writing.keeper.retry();
        self.tell_of_writing();
        self.store();
    }

    fn written(&mut self, waiter: Waiter, result: Result<(), Failure>) {
        match waiter {
            Waiter::Nobody => {}
            Waiter::Keeping(number) => self.written_here(number, result),
            Waiter::Copies { node, n } => _ = self.mesh_tell(&node, &Word::Copied { n, result }),
        }
    }

    /// Drops what is gone of itself.
    pub(super) fn sweep(&mut self) {
        self.deadlines.after(Due::Sweep, SWEEP);
        let Some(millis) = self.unix_millis() else { return };
        for record in self.shelf.sweep(millis, self.config.tombstones_last) {
            self.forget_written(&record.place);
        }
        self.store();
    }
}

/// What others give.
impl Chord {
    /// Keeps copies, and tells the waiter.
    ///
    /// # Errors
    /// Not all are kept. The waiter is told.
    pub(super) fn take_copies(
        &mut self,
        records: Vec<Record>,
        policy: Policy,
        waiter: Waiter,
    ) -> Result<(), Failure> {
        // What is to be written: it may be here and not be written yet.
        let (mut writes, mut result) = (Vec::new(), Ok(()));
        for record in records {
            if self.is_too_far_ahead(&record.version) {
                result = result.and(Err(Failure::Clocks));
                continue;
            }
            self.strays.is_home(&record.place);
            match self.shelf.take(record.clone()) {
                Taken::Newer(_) => {
                    self.counters.copied += 1;
                    writes.push(record);
                }
                Taken::Older if self.has_version(&record) => writes.push(record),
                Taken::Older => {}
                Taken::Full => result = Err(Failure::Full),
            }
        }
        let last = if result.is_ok() { writes.pop() } else { None };
        writes.iter().for_each(|record| self.write(record, policy, Waiter::Nobody));
        match last {
            Some(record) => self.write(&record, policy, waiter),
            None => self.written(waiter, result),
        }
        result
    }

    fn has_version(&self, record: &Record) -> bool {
        self.shelf.get(&record.place).is_some_and(|here| here.version == record.version)
    }
}

const fn failure(refused: Refused) -> Failure {
    match refused {
        Refused::Busy => Failure::Busy,
        Refused::ReadOnly(_) => Failure::ReadOnly,
    }
}
