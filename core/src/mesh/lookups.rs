//! Messages that wait until it is known where somebody listens.

use alloc::collections::BTreeMap;

use bytes::Bytes;

use super::wire::{NodeId, Text};

/// Each has a number. Who asks bounds how many there are.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    waiting: BTreeMap<u64, Waiting>,
    begun: u64,
}

#[derive(Debug)]
struct Waiting {
    to: NodeId,
    /// By which the answer names the question.
    request: Text,
    frame: Bytes,
}

impl Lookups {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A frame waits for a node; its number.
    pub(super) fn begin(&mut self, to: NodeId, request: Text, frame: Bytes) -> u64 {
        self.begun += 1;
        self.waiting.insert(self.begun, Waiting { to, request, frame });
        self.begun
    }

    /// Whom a question was about, if its answer is waited for.
    pub(super) fn wanted(&self, request: &Text) -> Option<NodeId> {
        self.waiting.values().find(|waiting| waiting.request == *request).map(|waiting| waiting.to)
    }

    /// Takes the first that waits for a node.
    pub(super) fn found(&mut self, id: &NodeId) -> Option<(u64, Bytes)> {
        let number = self.waiting.iter().find(|(_, waiting)| waiting.to == *id).map(|(number, _)| *number)?;
        self.waiting.remove(&number).map(|waiting| (number, waiting.frame))
    }

    /// One that waits no more.
    pub(super) fn end(&mut self, number: u64) {
        self.waiting.remove(&number);
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}
