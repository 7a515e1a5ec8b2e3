//! What is asked of the node that is responsible for a place, and what it answers.

use alloc::vec::Vec;

use bytes::Bytes;

use super::interface::{Contact, Failure};
use super::place::Place;
use super::ring::Position;
use super::store::{Policy, Record};

/// What is asked of whoever is responsible for a position. It is passed on from node to node until it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// Who is it?
    Find,
    /// What is kept there?
    Get(Place),
    /// Keep this, or nothing.
    Set(Setting),
    /// Put this map, in MessagePack, into the one that is kept there.
    Merge {
        place: Place,
        /// The user's key, if it is known.
        name: Option<Bytes>,
        delta: Bytes,
        policy: Policy,
    },
    /// Keep this as it is, unless something later is known.
    Deliver(Record),
    /// What is kept of users' keys behind the position, to the end of the range?
    Walk { values: bool },
}

/// A value to be kept, before it has a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setting {
    pub(super) place: Place,
    /// The user's key, if it is known.
    pub(super) name: Option<Bytes>,
    /// In MessagePack; `None` for none.
    pub(super) value: Option<Bytes>,
    /// Milliseconds since 1970 at which it is gone.
    pub(super) expires: Option<u64>,
    pub(super) policy: Policy,
    /// Nothing is to be done where nothing is kept.
    pub(super) if_present: bool,
}

/// What the node that is responsible answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It is this one, and so many were asked one after the other.
    Found { node: Contact, hops: u32 },
    /// What is kept: `None` for nothing, a record without a value for what was deleted.
    Record(Option<Record>),
    /// So many have it, and this was there before.
    Kept { copies: usize, before: Option<Record> },
    /// What is kept, and up to which position that is all.
    Page { records: Vec<Record>, to: Position },
    /// It came to nothing.
    Failed(Failure),
}

/// Who waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// A user, about this operation.
    User(u64),
    /// The part that speaks with nodes of py2p, about its question of this number.
    Py2p(u64),
}
