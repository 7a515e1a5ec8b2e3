//! What a node of the hello protocol says of itself, running and replayed.

use std::fmt;

use egoist_core::hello::{Counters, Hello};
use serde::{Deserialize, Serialize};

/// What a running node says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct HelloStatus {
    /// Peers that have said hello.
    pub(crate) peers: usize,
    /// Addresses that it knows.
    pub(crate) known: usize,
    /// Messages of a kind that it does not know.
    pub(crate) unknown_messages: u64,
    /// Messages before hello, and hellos after it.
    pub(crate) messages_out_of_place: u64,
    /// Pongs that it had not asked for.
    pub(crate) unasked_pongs: u64,
    /// Connections that it closed because their other end broke a rule.
    pub(crate) misbehaved: u64,
}

impl HelloStatus {
    pub(crate) fn new(node: &Hello) -> Self {
        let Counters { unknown, out_of_place, unasked_pongs, misbehaved, .. } = node.counters();
        HelloStatus {
            peers: node.peers().count(),
            known: node.known().count(),
            unknown_messages: unknown,
            messages_out_of_place: out_of_place,
            unasked_pongs,
            misbehaved,
        }
    }
}

impl fmt::Display for HelloStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "peers     {} connected, {} addresses known", self.peers, self.known)?;
        let Self { unknown_messages, messages_out_of_place, unasked_pongs, misbehaved, .. } = self;
        writeln!(
            f,
            "ignored   {unknown_messages} unknown messages, {messages_out_of_place} out of place, {unasked_pongs} unasked \
             pongs"
        )?;
        writeln!(f, "closed    {misbehaved} connections that broke a rule")
    }
}

/// What a replayed node looks like in the end.
#[derive(Serialize)]
pub(crate) struct Replayed {
    id: String,
    peers: usize,
    known: usize,
}

impl Replayed {
    pub(crate) fn new(node: &Hello) -> Self {
        Replayed { id: node.id().to_string(), peers: node.peers().count(), known: node.known().count() }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, peers {}, addresses known {}", self.id, self.peers, self.known)
    }
}
