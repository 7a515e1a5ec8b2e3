//! The link-state database: one record for each node, the newest known.
//!
//! A record is *newer* if its [`Key`](super::Key) is strictly greater; nothing else decides, so that the database is
//! the same whatever the order in which records arrive and however often. Under an equal key the record with the larger
//! hash stays: two nodes use one id, or one of them lost its state, and everybody must keep the same one of the two.
//!
//! # Expiry
//!
//! Each node drops a record locally and silently once its life is over; nothing is flooded for it. A record's life
//! counts from the origin's decision: the age at which it arrived, and what it spent here. Every honest relay raises an
//! age (at least by a millisecond a link, see [`flood::age`](super::flood::age)), and none can be told from a liar, since no
//! hash covers it. So the age of a record is the least that any copy had ([`Database::lower_age`]), bounded by what the node
//! knows for itself: a record is at least as old as it has been here, under the same key and whatever went between. It
//! lives here for its own life at most, [`MAX_LIFE`] at the longest, from when the node first took that key.
//!
//! An *older* record with a longer life could outlast a newer one; the origin prevents it by never announcing a life that
//! ends before an earlier one ([`Lifetime`](super::flood::Lifetime)).
//!
//! Whose record went, for whatever reason, is remembered for [`MAX_LIFE`] with the record's key, at most [`MAX_DEPARTED`] of
//! them and each charged to the peer that told of it, so that no older record brings it back. A node that returns has a
//! greater key; one that has lost its state learns the remembered key from whoever refuses it.
//!
//! # When it is full
//!
//! A record is charged to the peer that told of it last, its octets and [`RECORD_CHARGE`]. One peer may be charged for
//! [`Limits::introduced`] and no more. When the whole is full, a record that one peer tells of takes the place of the one
//! told of last by the peer with the largest account, unless its own is that: who tells of many gets in nobody's way but
//! its own, and those who were there before stay. A node's own record is nobody's and stays.
//!
//! # Order
//!
//! Everything is iterated in ascending order of ids. A node's place in that order is its *dense index*; it holds until
//! an id comes or goes ([`Index::generation`]).

mod change;
mod departed;
mod edges;
mod entry;
mod exchange;
mod index;
mod ledger;
mod records;
#[cfg(test)]
mod tests;

pub use change::{Change, Refusal, Standing, Verdict};
pub use departed::MAX_DEPARTED;
pub use edges::LinkMode;
pub use entry::{Entry, Link, MAX_LIFE, MIN_LIFE};
pub use exchange::{Compared, FANOUT, SMALL, split};
pub use index::Index;
pub use ledger::RECORD_CHARGE;
pub use records::{Database, Limits, MAX_INTRODUCED, MAX_OCTETS, MAX_RECORDS};
