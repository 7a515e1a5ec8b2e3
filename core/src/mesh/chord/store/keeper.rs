//! Writing what is kept, batch by batch.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;

use crate::kernel::{StoreError, StoreOp, Ticket, Until};

/// What is to be written, and who waits for it.
///
/// As long as few stores are unanswered what comes is stored at once; otherwise it is gathered, and of several changes under
/// one key the last is stored. What failed is stored again before anything new is taken, so that in the end the log has
/// what memory had.
#[derive(Clone, Debug)]
pub struct Keeper<W> {
    waiting: Waiting<W>,
    unanswered: VecDeque<Unanswered<W>>,
    failed: Option<StoreError>,
    /// What failed is to be tried again now.
    is_retry_due: bool,
}

/// A store to ask for: [`Output::Store`](crate::kernel::Output::Store).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Its name in the answer.
    pub ticket: Ticket,
    /// The changes, of different keys.
    pub ops: Vec<StoreOp>,
    /// When it is to be answered.
    pub until: Until,
}

/// What came of a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered<W> {
    /// Those who waited for it.
    pub waiters: Vec<W>,
    /// Whether what they waited for is kept.
    pub result: Result<(), StoreError>,
}

/// Why a change was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// As much waits as may.
    #[error("as much waits to be written as may: try again later")]
    Busy,
    /// A store has failed, and has not been repeated with success yet.
    #[error(transparent)]
    ReadOnly(StoreError),
}

#[derive(Clone, Debug)]
struct Unanswered<W> {
    ticket: Ticket,
    ops: BTreeMap<Bytes, Option<Bytes>>,
    octets: usize,
    waiters: Vec<W>,
    is_retry: bool,
}

impl<W> Default for Keeper<W> {
    fn default() -> Self {
        Keeper { waiting: Waiting::default(), unanswered: VecDeque::new(), failed: None, is_retry_due: false }
    }
}

impl<W> Keeper<W> {
    /// How many stores may be unanswered before what comes is gathered.
    pub const STORES: usize = 4;
    /// Octets of keys and values that may wait to be stored.
    pub const WAITING: usize = StoreOp::UNANSWERED;
    /// How many may wait for what is not stored yet.
    pub const WAITERS: usize = 65_536;

    /// Takes a change; `waiter` is told when it is stored, or that it is not. Then [`next`](Self::next) has stores.
    ///
    /// # Errors
    /// It was not taken.
    pub fn keep(&mut self, op: StoreOp, until: Until, waiter: W) -> Result<(), Refused> {
        if let Some(error) = self.failed {
            return Err(Refused::ReadOnly(error));
        }
        if self.waiting.octets + op.weight() > Self::WAITING || self.waiting.waiters >= Self::WAITERS {
            return Err(Refused::Busy);
        }
        self.waiting.put(op, until, Some(waiter));
        Ok(())
    }

    /// The next store to ask for, if one is due; `ticket` names it. To be asked until there is none, after
    /// [`keep`](Self::keep), [`stored`](Self::stored) and [`retry`](Self::retry).
    pub fn next(&mut self, ticket: impl FnOnce() -> Ticket) -> Option<Batch> {
        let is_due = self.failed.is_none() || self.is_retry_due;
        if !is_due || self.unanswered.len() >= Self::STORES {
            return None;
        }
        let unanswered: usize = self.unanswered.iter().map(|store| store.octets).sum();
        let changes = self.waiting.first(StoreOp::UNANSWERED - unanswered);
        if changes.is_empty() {
            return None;
        }
        Some(self.store(ticket(), changes))
    }

    fn store(&mut self, ticket: Ticket, changes: Vec<Change<W>>) -> Batch {
        let until = changes.iter().map(|change| change.until).max().unwrap_or(Until::Written);
        let ops: Vec<StoreOp> = changes.iter().map(|change| change.op.clone()).collect();
        self.unanswered.push_back(Unanswered {
            ticket,
            octets: ops.iter().map(StoreOp::weight).sum(),
            ops: ops.iter().map(|op| (op.key.clone(), op.value.clone())).collect(),
            waiters: changes.into_iter().flat_map(|change| change.waiters).collect(),
            is_retry: core::mem::take(&mut self.is_retry_due),
        });
        Batch { ticket, ops, until }
    }

    /// A store was answered: [`Input::Stored`](crate::kernel::Input::Stored). `None` if it was none of these.
    ///
    /// After a failure those whose changes were not even tried are told as well; their changes are stored some time.
    pub fn stored(&mut self, ticket: Ticket, result: Result<(), StoreError>) -> Option<Answered<W>> {
        self.unanswered.front().filter(|store| store.ticket == ticket)?;
        let mut store = self.unanswered.pop_front()?;
        let mut waiters = core::mem::take(&mut store.waiters);
        match result {
            Ok(()) if store.is_retry => self.failed = None,
            Ok(()) => {}
            Err(error) => {
                self.failed = Some(error);
                self.restore(store);
                waiters.append(&mut self.waiting.dismiss());
            }
        }
        Some(Answered { waiters, result })
    }

    /// What failed waits again, unless something later under the same key does.
    fn restore(&mut self, store: Unanswered<W>) {
        for (key, value) in store.ops.into_iter().rev() {
            let is_later = |later: &Unanswered<W>| later.ops.contains_key(&key);
            if !self.waiting.has(&key) && !self.unanswered.iter().any(is_later) {
                self.waiting.put_first(StoreOp { key, value });
            }
        }
    }

    /// Tries again what failed, if something did and is not being tried already: [`next`](Self::next) has it. If it
    /// succeeds new changes are taken again.
    pub fn retry(&mut self) {
        self.is_retry_due = self.failed.is_some() && self.unanswered.is_empty();
        if self.is_retry_due && self.waiting.is_empty() {
            // All that failed was overtaken by stores behind it.
            (self.failed, self.is_retry_due) = (None, false);
        }
    }

    /// Why nothing new is taken; `None` if it is.
    pub const fn read_only(&self) -> Option<StoreError> {
        self.failed
    }

    /// Whether nothing waits and nothing is unanswered.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.unanswered.is_empty()
    }
}

/// A change that is not stored yet.
#[derive(Clone, Debug)]
struct Change<W> {
    op: StoreOp,
    until: Until,
    waiters: Vec<W>,
}

/// Changes in the order in which their keys came, one a key.
#[derive(Clone, Debug)]
struct Waiting<W> {
    changes: BTreeMap<i64, Change<W>>,
    places: BTreeMap<Bytes, i64>,
    octets: usize,
    waiters: usize,
}

impl<W> Default for Waiting<W> {
    fn default() -> Self {
        Waiting { changes: BTreeMap::new(), places: BTreeMap::new(), octets: 0, waiters: 0 }
    }
}

impl<W> Waiting<W> {
    fn put(&mut self, op: StoreOp, until: Until, waiter: Option<W>) {
        let behind = self.changes.last_key_value().map_or(0, |(last, _)| last + 1);
        let place = *self.places.entry(op.key.clone()).or_insert(behind);
        self.octets += op.weight();
        self.waiters += usize::from(waiter.is_some());
        match self.changes.get_mut(&place) {
            Some(change) => {
                self.octets -= change.op.weight();
                change.op = op;
                change.until = change.until.max(until);
                change.waiters.extend(waiter);
            }
            None => {
                let waiters = waiter.into_iter().collect();
                self.changes.insert(place, Change { op, until, waiters });
            }
        }
    }

    /// Puts a change of another key before all others.
    fn put_first(&mut self, op: StoreOp) {
        let place = self.changes.first_key_value().map_or(0, |(first, _)| first - 1);
        self.octets += op.weight();
        self.places.insert(op.key.clone(), place);
        self.changes.insert(place, Change { op, until: Until::Written, waiters: Vec::new() });
    }

    /// Takes the first ones, of so many octets.
    fn first(&mut self, mut max_octets: usize) -> Vec<Change<W>> {
        let mut taken = Vec::new();
        while let Some(first) = self.changes.first_entry() {
            let Some(rest) = max_octets.checked_sub(first.get().op.weight()) else { break };
            max_octets = rest;
            let change = first.remove();
            self.places.remove(&change.op.key);
            self.octets -= change.op.weight();
            self.waiters -= change.waiters.len();
            taken.push(change);
        }
        taken
    }

    /// Nobody waits for them any more.
    fn dismiss(&mut self) -> Vec<W> {
        self.waiters = 0;
        self.changes.values_mut().flat_map(|change| core::mem::take(&mut change.waiters)).collect()
    }

    fn has(&self, key: &Bytes) -> bool {
        self.places.contains_key(key)
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
