//! What is written to be durable.

use alloc::vec::Vec;

use super::interface::Failure;
use super::machine::Chord;
use super::place::Place;
use super::store::{Policy, Record, Taken};
use crate::mesh::wire::NodeId;

/// Who waits until something is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiter {
    /// What this node keeps as the one responsible.
    Keeping(u64),
    /// A node that gave copies, by the number that it gave.
    Copies { node: NodeId, n: u64 },
}

impl Chord {
    pub(super) fn cannot_write(&self) -> Option<Failure> {
        None
    }

    pub(super) fn is_loading(&self) -> bool {
        false
    }

    pub(super) fn write(&mut self, _record: &Record, _policy: Policy, waiter: Waiter) {
        if let Waiter::Keeping(number) = waiter {
            self.written_here(number, Ok(()));
        }
    }

    /// Nothing is kept at a place any more.
    pub(super) fn forget_record(&mut self, place: &Place) {
        self.shelf.remove(place);
    }

    pub(super) fn take_copies(
        &mut self,
        records: Vec<Record>,
        _policy: Policy,
        _waiter: Waiter,
    ) -> Option<Result<(), Failure>> {
        for record in records {
            if self.is_too_far_ahead(&record.version) {
                continue;
            }
            self.counters.copied += 1;
            if self.shelf.take(record) == Taken::Full {
                return Some(Err(Failure::Full));
            }
        }
        Some(Ok(()))
    }
}
