//! What is asked of the node that is responsible for a position, and what it answers.

use alloc::vec::Vec;

use bytes::Bytes;

use super::interface::{Contact, Failure};
use super::place::Place;
use super::ring::Position;
use super::store::{Policy, Record, Version};
use super::told::Told;

/// What is asked of whoever is responsible for a position. It is passed on from node to node until it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// Who is it?
    Find,
    /// Who comes before the one that asks, whose position it is?
    Admit,
    /// What is kept there?
    Get(Place),
    /// Keep this, or nothing.
    Set(Setting),
    /// Put this map, in MessagePack, into the one that is kept there.
    Merge(Merging),
    /// Keep this as it is, unless something later is known.
    Deliver(Record),
    /// What is kept of users' keys behind this position, to the end of the range?
    Walk { after: Position, values: bool },
}

impl Question {
    /// Whether it changes what is kept, which takes longer than to look.
    pub(super) const fn changes(&self) -> bool {
        matches!(self, Question::Set(_) | Question::Merge(_) | Question::Deliver(_))
    }
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

/// What is to be put into a map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Merging {
    pub(super) place: Place,
    /// The user's key, if it is known.
    pub(super) name: Option<Bytes>,
    /// A map in MessagePack.
    pub(super) delta: Bytes,
    pub(super) policy: Policy,
}

/// What comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It is this one, and so many were asked one after the other.
    Found { node: Contact, hops: u32 },
    /// The place of the one that asks is right behind this one.
    Behind(Told),
    /// Its place is taken, by itself or by another.
    Taken,
    /// What is kept: `None` for nothing, a record without a value for what was deleted.
    Record(Option<Record>),
    /// So many have it as this version, and this was there before. Without a version there was nothing to do.
    Kept { copies: usize, version: Option<Version>, before: Option<Record> },
    /// What is kept, and up to which position that is all.
    Page { records: Vec<Record>, to: Position },
    /// It came to nothing.
    Failed(Failure),
    /// It did not get there: to be tried again.
    Lost,
    /// Who was asked for a place is in no ring.
    Unplaced,
}

/// Who waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// A user, about this operation.
    User(u64),
    /// The part that speaks with nodes of py2p, about its question of this number.
    Py2p(u64),
    /// The ring, about a short cut to this position.
    Finger(Position),
    /// The ring, about its own place in what may be another ring.
    Unifying,
    /// The repair, about a record that is kept here and should not be.
    Stray(Place),
}
