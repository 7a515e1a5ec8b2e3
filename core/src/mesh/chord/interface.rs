//! What a node is asked, and what it tells.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::store::{Loaded, Policy, Version};
use crate::kernel::address;
use crate::mesh;
use crate::mesh::wire::{Map, NodeId, Role, Value};

/// What a user can ask of a node. What takes a while is [`Reply::Begun`] and ends with [`Event::Ended`], at the latest when
/// its time is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// What a node of the mesh can be asked. Its [`Leave`](mesh::Command::Leave) is [`Command::Leave`].
    Mesh(mesh::Command),
    /// The value of a key: [`Outcome::Value`] or [`Outcome::Absent`].
    Get {
        /// The key, at most [`MAX_KEY`] octets.
        key: Bytes,
        /// How long it may take.
        timeout: Duration,
    },
    /// Gives a key a value: [`Outcome::Kept`].
    Put {
        /// The key, at most [`MAX_KEY`] octets.
        key: Bytes,
        /// The value, at most [`MAX_VALUE`] octets in MessagePack, and not nil.
        value: Value,
        /// When it is gone of itself; `None` for never.
        lives: Option<Duration>,
        /// How safe the copies are before it is said.
        policy: Policy,
        /// How long it may take.
        timeout: Duration,
    },
    /// Takes a key's value away: [`Outcome::Kept`] if it had one, [`Outcome::Absent`] if not.
    Delete {
        /// The key.
        key: Bytes,
        /// How safe it is before it is said.
        policy: Policy,
        /// How long it may take.
        timeout: Duration,
    },
    /// The same, and what the value was: [`Outcome::Value`] or [`Outcome::Absent`].
    Pop {
        /// The key.
        key: Bytes,
        /// How safe it is before it is said.
        policy: Policy,
        /// How long it may take.
        timeout: Duration,
    },
    /// Merges into a key's value, which is a map or absent: [`Outcome::Kept`].
    Merge {
        /// The key.
        key: Bytes,
        /// What to put into it.
        delta: Map,
        /// How safe the copies are before it is said.
        policy: Policy,
        /// How long it may take.
        timeout: Duration,
    },
    /// Keys with their values, those of one node at a time: [`Outcome::Page`].
    Walk {
        /// Where to go on, as the page before said; `None` to begin.
        from: Option<Cursor>,
        /// Whether to tell values, or keys alone.
        values: bool,
        /// How long it may take.
        timeout: Duration,
    },
    /// Which node is responsible for a number: [`Outcome::Found`].
    Find {
        /// An id, or a key's number: below 2^384, big-endian.
        number: NodeId,
        /// How long it may take.
        timeout: Duration,
    },
    /// Begins to store.
    Join,
    /// Ends storing: what is kept here goes to others. [`Event::RoleChanged`] tells when.
    Unjoin,
    /// Hands over what is kept here unless that is durable, closes every connection, and opens no other.
    Leave,
}

/// The longest key of a user's, in octets.
pub const MAX_KEY: usize = 1_024;
/// The longest value, in octets of MessagePack.
pub const MAX_VALUE: usize = 64 << 10;

/// Where a walk goes on, and where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cursor {
    /// Numbers up to this one were told.
    pub after: NodeId,
    /// It ends there.
    pub until: NodeId,
}

/// What a node answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Reply {
    /// What the mesh answers.
    Mesh(mesh::Reply),
    /// It was begun: [`Event::Ended`] names this number.
    Begun {
        /// The number.
        op: u64,
    },
    /// It was done.
    Done,
}

/// Why a node did not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The mesh refused it.
    #[error(transparent)]
    Mesh(#[from] mesh::Refusal),
    /// A key is too long.
    #[error("a key has more than {MAX_KEY} octets")]
    KeyTooLong,
    /// A value is too long.
    #[error("a value has more than {MAX_VALUE} octets in MessagePack")]
    ValueTooLong,
    /// A value is nil, which is said of keys that have none.
    #[error("nil is no value: it says that there is none")]
    Nil,
    /// As much was begun and has not ended as may be.
    #[error("as much as may be under way at once is: try again later")]
    Busy,
    /// Nobody has told the node what time it is.
    #[error("the time is not known yet: try again later")]
    NoClock,
    /// The node has left, or is about to.
    #[error("the node is leaving")]
    Leaving,
}

/// How something that was begun ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A value was found.
    Value {
        /// The value.
        value: Value,
        /// Whether it is what our nodes keep, or what three of py2p's five tables have; otherwise most of those that
        /// answered have it.
        is_certain: bool,
        /// Its version, if it is kept by nodes of this project.
        version: Option<Version>,
    },
    /// The key has no value.
    Absent,
    /// It is kept.
    Kept {
        /// By so many nodes of this project.
        copies: usize,
        /// Stores that went to nodes of py2p, which confirm nothing.
        unconfirmed: usize,
        /// As this version, if nodes of this project keep it.
        version: Option<Version>,
    },
    /// What one node keeps of what users stored.
    Page {
        /// The keys in the order of the ring, with their values if those were asked for.
        entries: Vec<(Bytes, Value)>,
        /// Where the rest is; `None` if this was all.
        next: Option<Cursor>,
    },
    /// The node that is responsible.
    Found {
        /// The node.
        node: Contact,
        /// How many nodes were asked one after the other.
        hops: u32,
    },
    /// It came to nothing, or nobody knows what came of it.
    Failed(Failure),
}

/// Why something came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// The time was over. A value may be kept all the same.
    #[error("no answer came in time")]
    TimedOut,
    /// No node that stores anything is connected.
    #[error("no node that stores anything is connected")]
    NobodyStores,
    /// A node that was to keep it has no room.
    #[error("a node that was to keep it has no room")]
    Full,
    /// A node that was to keep it cannot write.
    #[error("a node that was to keep it cannot write it")]
    ReadOnly,
    /// What is to be merged into is no map, or would be too long.
    #[error("the value is no map that this can be merged into")]
    NotAMap,
    /// The node leaves.
    #[error("the node is leaving")]
    Leaving,
    /// A node that was to keep it has more to write than it can.
    #[error("a node that was to keep it has more to write than it can: try again later")]
    Busy,
    /// The clocks of nodes that are to keep it are too far apart.
    #[error("the clocks of nodes that are to keep it are more than a minute apart: set them right")]
    Clocks,
}

/// A node and where it listens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: NodeId,
    /// Where it listens.
    #[serde(with = "address::one")]
    pub addr: SocketAddr,
}

/// What a node tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// What the mesh tells; but for what is said of Chord.
    Mesh(mesh::Event),
    /// What was begun has ended.
    Ended {
        /// The number, as [`Reply::Begun`] had it.
        op: u64,
        /// How.
        outcome: Outcome,
    },
    /// The node stores from now on, or no more.
    RoleChanged {
        /// What it does.
        role: Role,
    },
    /// It has a place in a ring with others.
    Joined {
        /// The node behind.
        next: NodeId,
    },
    /// It is alone in its ring.
    Alone,
    /// What is kept cannot be written: nothing new is taken.
    ReadOnly {
        /// Whether the disk is full; otherwise it is broken.
        is_full: bool,
    },
    /// It can be written again.
    Writable,
    /// What was kept from an earlier run is read back. The node says nothing to anybody before.
    Loaded(Loaded),
}

/// What a node has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// What users began.
    pub begun: u64,
    /// Questions that were passed on for others.
    pub passed_on: u64,
    /// Questions that this node answered as the one responsible.
    pub answered: u64,
    /// Questions that were more than a peer may have under way.
    pub excess: u64,
    /// Stores of py2p's that were taken.
    pub py2p_stores: u64,
    /// Questions of py2p's that were answered.
    pub py2p_retrieves: u64,
    /// What was said and is no word of Chord's, or not at its time.
    pub ignored: u64,
    /// Records that other nodes brought.
    pub copied: u64,
}

/// A node's part in the ring, as it sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RingView {
    /// Whether it stores.
    pub role: Role,
    /// The nodes with the next smaller ids, nearest first: py2p's and the document's "prev" is the first.
    pub behind: Vec<Contact>,
    /// The node with the next greater id, if one is known: the document's "next".
    pub ahead: Option<Contact>,
    /// Short cuts.
    pub fingers: Vec<Contact>,
    /// Nodes of py2p that store and are peers.
    pub py2p: Vec<NodeId>,
    /// Whether what this node is responsible for is known to be as the nodes behind it have it.
    pub is_in_step: bool,
    /// Records kept here, deleted ones included.
    pub records: usize,
    /// Their octets.
    pub octets: usize,
    /// Keys that nodes of py2p said they have.
    pub py2p_keys: usize,
    /// Whether what is kept cannot be written.
    pub is_read_only: bool,
}
