//! What a user asks of an overlay node, and what it tells.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::bootstraps::BootstrapError;
use super::budget::{Budget, Measure};
use super::config::AddressFault;
use super::names::NodeId;
use super::wire::{ChannelName, Reason, Way, Word};
use crate::kernel::{StoreError, Why};

/// What a user may ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Command {
    /// Send a payload to another node's application.
    Send {
        /// Whom to.
        to: NodeId,
        /// At most [`Bounds::payload`](super::Bounds::payload) octets.
        payload: Bytes,
        /// How it is to go.
        way: Way,
    },
    /// Have a payload sent back: the answer is [`Event::Echoed`] with the reply's number.
    Echo {
        /// By whom.
        to: NodeId,
        /// At most [`Bounds::payload`](super::Bounds::payload) octets.
        payload: Bytes,
        /// How it is to go, and come back.
        way: Way,
    },
    /// Ask these bootstraps from now on, in the place of those known before: their names may stand for other addresses
    /// now. One that was not known before is asked at once, and one given twice is known once. At most
    /// [`BOOTSTRAPS_LIMIT`](super::BOOTSTRAPS_LIMIT), all of them [to be dialled](AddressFault).
    Bootstraps(#[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::list"))] Vec<SocketAddr>),
    /// Others reach this node at these addresses from now on, the first of which is in its name, and no more at those known
    /// before: its next record says so. Who listens at every address of a host goes on at another one with it. At least one
    /// and at most [`ADDRESSES_LIMIT`](super::wire::ADDRESSES_LIMIT) more, all of them [to be dialled](AddressFault).
    Advertise(#[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::list"))] Vec<SocketAddr>),
    /// Withdraw, tell the neighbours and close every link; [`Event::Left`] follows.
    Leave,
    /// Say or hear something on a channel: see [`Overlay::riding`](super::Overlay::riding). The answer is [`Reply::Noted`].
    Channel {
        /// The neighbour.
        peer: NodeId,
        /// The channel.
        channel: ChannelName,
        /// What.
        order: ChannelOrder,
    },
}

/// What a rider does with a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChannelOrder {
    /// Say these octets, at most [`WINDOW`](super::wire::WINDOW), behind those said before.
    /// [`Sent`](ChannelNews::Sent) follows as they go; no more than one window, or one that is longer alone, waits.
    Say(Bytes),
    /// So many of the octets that came are done with, and as many more may come.
    Take(usize),
    /// End the channel behind what was said. Nothing more is told of it.
    Finish,
    /// End it now; what waits is dropped.
    Abort,
    /// Open it again, once both ends have ended it and the other one wants to as well: [`Up`](ChannelNews::Up) tells of it.
    Open,
}

/// The answer to a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Reply {
    /// On its way, with this number.
    Sent(u64),
    /// The bootstraps, the addresses, or what a rider does, is noted.
    Noted,
    /// Leaving.
    Leaving,
}

/// Why a command was refused; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Refusal {
    /// The destination is in no record.
    #[error("no such node is known")]
    Unknown,
    /// The destination is known and no path leads to it now.
    #[error("no path leads there now")]
    Unreachable,
    /// This node only watches, as a bootstrap does: it is in no record, and no answer finds it but from a neighbour.
    #[error("a bootstrap watches the overlay and reaches its neighbours alone")]
    Watching,
    /// The payload is too long.
    #[error("the payload has more octets than the bound allows")]
    TooLong,
    /// The link towards it, the datagram socket, or the way behind the first link takes no more now;
    /// [`Event::Room`] follows when it does.
    #[error("the way towards it takes no more now")]
    Busy,
    /// A node is reached at one address at least.
    #[error("a node is reached at one address at least")]
    Nowhere,
    /// The node has not started yet, or has left.
    #[error("the node is not running")]
    NotRunning,
    /// An address that nobody can dial: see [`AddressFault`].
    #[error("no host can be dialled there: {0}")]
    Undialable(AddressFault),
    /// More addresses than the command takes.
    #[error("there are more addresses than a node keeps")]
    TooMany,
    /// With that neighbour no such channel is open.
    #[error("no such channel is open with that neighbour")]
    NoChannel,
    /// More of a channel was taken than had come.
    #[error("more was taken than had come")]
    TooMuch,
}

/// Why a node cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FatalError {
    /// What is stored is not what a node stores.
    #[error("the node's state is damaged: remove it to start as a new node")]
    StateDamaged,
    /// What is stored cannot be read.
    #[error("the node's state cannot be read: check the state folder")]
    StateUnreadable,
    /// The node's identity could not be stored.
    #[error("the node's state cannot be written, {0}: check the state folder")]
    StateUnwritable(StoreError),
}

/// Why a payload did not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Loss {
    /// A node on the way knows no route, or its neighbour is gone.
    #[error("unreachable")]
    Unreachable,
    /// It had passed as many links as a payload may.
    #[error("expired")]
    Expired,
    /// A queue on the way had no room.
    #[error("busy")]
    Busy,
}

/// What a user is told unasked.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Event {
    /// The node has an identity and begins to join.
    Started {
        /// Its id.
        id: NodeId,
        /// How often it has started.
        incarnation: u32,
    },
    /// The node cannot go on, and has ended.
    Fatal {
        /// What, and what to do.
        error: FatalError,
    },
    /// A link is up.
    LinkUp {
        /// The neighbour.
        peer: NodeId,
        /// Its address.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        address: SocketAddr,
    },
    /// A link is gone.
    LinkDown {
        /// The neighbour.
        peer: NodeId,
        /// Why.
        why: Why,
    },
    /// Three beats of a neighbour are missing: the link is announced no more.
    Suspected {
        /// The neighbour.
        peer: NodeId,
    },
    /// A suspected neighbour beats again.
    Recovered {
        /// The neighbour.
        peer: NodeId,
    },
    /// Whom the node chooses has changed: it decided so, a choice was lost, or one came back since its replacement did
    /// not come to stand. Those who were added and not removed since the start are those whom it chooses.
    Rewired {
        /// Chosen now and not before.
        added: Vec<NodeId>,
        /// Chosen before and not now.
        removed: Vec<NodeId>,
    },
    /// A payload arrived.
    Delivered {
        /// Who sent it.
        from: NodeId,
        /// What.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::kernel::readable::octets"))]
        payload: Bytes,
    },
    /// An echo came back.
    Echoed {
        /// The command's number.
        number: u64,
        /// By whom.
        from: NodeId,
        /// How long it took.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "after_ms", serialize_with = "crate::kernel::readable::millis")
        )]
        after: Duration,
        /// What came back.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::kernel::readable::octets"))]
        payload: Bytes,
    },
    /// A payload of ours did not arrive.
    Undelivered {
        /// The command's number.
        number: u64,
        /// Whom it was for.
        to: NodeId,
        /// Why.
        why: Loss,
    },
    /// What was refused as [`Busy`](Refusal::Busy) may be taken now: told once for each destination and way.
    Room {
        /// The destination.
        to: NodeId,
        /// The way.
        way: Way,
    },
    /// A peer broke a rule and lost its connection.
    Misbehaved {
        /// Its address.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        remote: SocketAddr,
        /// What it did.
        why: Why,
    },
    /// A peer asks more of this node than one may.
    OverBudget {
        /// Who, as far as it has said.
        peer: Option<NodeId>,
        /// Its address.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        address: SocketAddr,
        /// What it asks too much of.
        budget: Budget,
        /// What was done about it.
        done: Measure,
    },
    /// A bootstrap told nothing, and the last time it did, or told nothing for another reason.
    BootstrapFailed {
        /// Which.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        address: SocketAddr,
        /// Why, and what to do about it.
        why: BootstrapError,
    },
    /// Others know this node, and nobody has dialled or probed it: it cannot be reached at its address.
    Unreached {
        /// The address that it tells others.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        address: SocketAddr,
    },
    /// A peer refused what this node said, for a reason that does not occur where all is well.
    Refused {
        /// Where it is.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        address: SocketAddr,
        /// What it refused: `LNK` or `REG`.
        word: Word,
        /// Why.
        reason: Reason,
    },
    /// Another node lives under this node's id.
    Impostor {
        /// Where it listens.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        address: SocketAddr,
    },
    /// The node is about to ask a bootstrap, for itself or for others who may be missing, or would if it knew one: where
    /// bootstraps are known by name, it is time to look the names up again and to hand the addresses over with
    /// [`Command::Bootstraps`]. In an overlay of any size a few nodes say so in each healing period.
    Seeking,
    /// Everything is closed; the node may be dropped.
    Left,
    /// Something happened on a channel.
    Channel {
        /// The neighbour.
        peer: NodeId,
        /// The channel.
        channel: ChannelName,
        /// What.
        news: ChannelNews,
    },
    /// A record with the greatest key there is, or one near it, lives under this node's id: it goes on under another one.
    /// [`Started`](Event::Started) with that follows.
    IdGivenUp {
        /// The id that it had.
        id: NodeId,
    },
    /// The same, and the id is a configured one: it goes on, but others will not hear its records before that one's life is
    /// over, an hour at the most.
    IdUsedUp {
        /// Its id.
        id: NodeId,
    },
}

/// What a rider is told of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum ChannelNews {
    /// It is open.
    Up {
        /// Where the neighbour is.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        address: SocketAddr,
    },
    /// It is closed: the neighbour has ended it, or its link is gone. What waited is lost.
    Down {
        /// Why.
        why: Why,
    },
    /// Octets came, in order. They are [taken](ChannelOrder::Take) once they are done with.
    Heard(#[cfg_attr(feature = "serde", serde(serialize_with = "crate::kernel::readable::octets"))] Bytes),
    /// So many octets more of what was said are on their way.
    Sent(usize),
}
