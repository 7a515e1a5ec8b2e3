//! Nodes of py2p among the peers.
//!
//! They read and write five [tables](crate::mesh::chord::Table), in each of which a key has another place; three that
//! agree are right. Nodes of this project keep a key under its name alone, which is its place in the table of SHA-384.
//!
//! # Who has a place
//!
//! [`Holder`](holder::Holder): by py2p's rule the nearest at or before it, among this node and the peers that store. If
//! that is a node of this project, any of them is asked by way of the ring, which finds the one that is responsible. If it is
//! of py2p, it is told or asked as py2p does, and says nothing of what it was told.
//!
//! # What users do
//!
//! While a node of py2p is a peer, whether it stores or not, users' operations take the tables in ([`view`], [`change`]):
//!
//! | | |
//! |---|---|
//! | get | all five tables are read, and what is kept under the name beside them: [`Tally`](tally::Tally) says what follows |
//! | put | under the name and in all five tables; that it is kept is said once the nodes of this project have it |
//! | delete, pop | the tables are read first: nil goes only where something is, since it ends py2p's connection elsewhere |
//! | merge | likewise: a table that has what was read takes the difference, any other the whole |
//!
//! py2p knows no time at which a value is gone. What was put with one is gone from the tables that nodes of this project have,
//! and stays in those that are py2p's.
//!
//! # What py2p does
//!
//! [`answering`]: `retrieve`, `store` and `delta` go to whoever has the place, and answers back with the fields as they
//! were asked with. A value that py2p stores under a key whose name is known is also kept under that name, so that it is there
//! when the nodes of py2p are not.
//!
//! # Keys
//!
//! [`notices`]: py2p knows which keys there are from notices that go to all, and from what neighbours tell when they
//! meet. They are kept here within [`Config::max_py2p_keys`](crate::mesh::chord::Config::max_py2p_keys), for py2p's sake and
//! to know the names of what it stores; [`Chord::py2p_keys`](crate::mesh::chord::Chord::py2p_keys) has them. A walk has what
//! nodes of this project keep under a name, which soon is all of them.
//!
//! # Mending
//!
//! [`mending`]: whenever peers of either kind come, go, begin or end to store, the node that is responsible for a name sees to it
//! that the tables have what is kept under it, and the other way round: py2p finds what was there before it came, and what
//! it stored outlives it. It reads first, and writes only where nothing is. Nothing is taken away from nodes of this project
//! when one of py2p begins to store what they have: it may be gone in a minute.

mod answering;
mod change;
mod greeting;
mod holder;
mod keys;
mod mending;
mod notices;
mod orders;
mod pending;
mod saying;
mod tally;
#[cfg(test)]
mod tests;
mod users;
mod view;

use alloc::collections::BTreeMap;

use change::Change;
use keys::Keys;
use mending::Mending;
use orders::Orders;
use pending::{Pending, Purpose};
use view::View;
pub(super) use view::ViewId;

use super::config::Config;
use super::machine::{Chord, Due};
use super::question::{Answer, Asker};
use crate::kernel::{Bucket, Rate};
use crate::mesh::wire::{NodeId, Role};

/// How often one peer may ask, store and tell of keys. py2p sets keys as fast as it can, five stores each.
const RATE: Rate = Rate { burst: 8_192, per_second: 2_048 };

/// What is known for the sake of py2p's nodes.
#[derive(Debug)]
pub(super) struct Py2p {
    keys: Keys,
    pending: Pending,
    views: BTreeMap<ViewId, View>,
    /// Users' changes, by operation.
    changes: BTreeMap<u64, Change>,
    neighbours: BTreeMap<NodeId, Neighbour>,
    mending: Mending,
    orders: Orders,
}

/// A peer that is not of this project.
#[derive(Debug)]
struct Neighbour {
    rate: Bucket,
    /// What it says that it does; `None` before it has said so.
    role: Option<Role>,
    /// The last key that it was told of.
    told: Option<bytes::Bytes>,
}

impl Py2p {
    pub(super) fn new(config: &Config) -> Self {
        Py2p {
            keys: Keys::new(config.max_py2p_keys),
            pending: Pending::default(),
            views: BTreeMap::new(),
            changes: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            mending: Mending::default(),
            orders: Orders::default(),
        }
    }
}

impl Chord {
    /// Keys that nodes of py2p said there are, and those that were told to them.
    pub fn py2p_keys(&self) -> impl Iterator<Item = &bytes::Bytes> {
        self.py2p.keys.iter()
    }

    /// How many keys there are in [`py2p_keys`](Self::py2p_keys).
    pub fn py2p_key_count(&self) -> usize {
        self.py2p.keys.len()
    }

    /// Whether users' operations take py2p's tables in.
    pub(super) fn has_py2p(&self) -> bool {
        !self.py2p.neighbours.is_empty()
    }

    /// The ring has answered a question of this part.
    pub(super) fn py2p_told(&mut self, number: u64, answer: Answer) {
        match self.py2p.pending.end(number) {
            Some(Purpose::Relay { to, table, key }) => self.answer_py2p(to, table, key, answer),
            Some(Purpose::Vote { view, table }) => self.vote_told(view, table, answer),
            Some(Purpose::Own { view }) => self.own_told(view, answer),
            Some(Purpose::Change { op }) => self.change_told(op, answer),
            Some(Purpose::Adopt { key, value }) => self.adopt_told(&key, value, answer),
            Some(Purpose::Stored { .. } | Purpose::Delete { .. }) | None => {}
        }
        self.deadlines.cancel(Due::Py2p(number));
    }

    /// Nobody waits for an answer any more.
    pub(super) fn py2p_forget(&mut self, number: u64) {
        self.py2p.pending.end(number);
        self.deadlines.cancel(Due::Py2p(number));
        self.forget(Asker::Py2p(number));
    }

    fn forget_view(&mut self, view: ViewId) {
        for number in self.py2p.pending.of_view(view) {
            self.py2p_forget(number);
        }
    }
}
