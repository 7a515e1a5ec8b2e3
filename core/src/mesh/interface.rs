//! What a node is asked, and what it tells.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::wire::{Frame, NodeId, Value};
use crate::kernel::{ConnId, DialError, NotDialled, Time, Why, address};

/// What a user can ask of a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Tell everybody in the network.
    Broadcast {
        /// What.
        values: Vec<Value>,
    },
    /// Tell one node. If it is no peer, the others are asked where it listens, and it is dialled.
    Whisper {
        /// Whom.
        to: NodeId,
        /// What.
        values: Vec<Value>,
    },
    /// Dial this address now.
    Connect {
        /// Where.
        #[serde(with = "address::one")]
        addr: SocketAddr,
    },
    /// Close the connections with a peer. Its address is known as before.
    Disconnect {
        /// Whom.
        id: NodeId,
    },
    /// Ask all peers who their peers are.
    RequestPeers,
    /// Close every connection and open no other.
    Leave,
}

/// What a node answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Reply {
    /// It is on its way.
    Sent {
        /// To how many peers.
        peers: usize,
    },
    /// The others are asked where the node listens: [`Event::Whispered`] or [`Event::NotFound`] names this number.
    Looking {
        /// The number.
        lookup: u64,
    },
    /// The address is being dialled.
    Dialing,
    /// It was done.
    Done,
    /// The node has left.
    Left {
        /// How many peers it had.
        peers: usize,
    },
}

/// Why a node did not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// What is to be said does not fit in a frame, or not in the bounds of what a frame holds.
    #[error("a message holds at most 1 MiB, nested at most as deep as a frame may be")]
    TooLong,
    /// The same was broadcast within this second: others would take it for the same message.
    #[error("the same was said within this second and would be taken for one message: add a number to it")]
    SaidAlready,
    /// What was broadcast before has not left: [`Event::Room`] tells when it has.
    #[error("the peers take less than is said: wait for room")]
    Busy,
    /// Nobody has told the node what time it is.
    #[error("the time is not known yet: try again later")]
    NoClock,
    /// The id is this node's own.
    #[error("the id is this node's own")]
    OwnId,
    /// No peer has this id.
    #[error("no peer has this id")]
    NoPeer,
    /// As many messages wait for an address as may.
    #[error("as many messages as may wait for an address do: try again later")]
    TooManyLookups,
    /// Nobody is dialled there.
    #[error(transparent)]
    NotDialled(#[from] NotDialled),
    /// The node has left.
    #[error("the node has left")]
    HasLeft,
}

/// What is known of who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A py2p or js2p node, or one that has not said otherwise.
    Compatible,
    /// A node of this project.
    Native,
}

/// How a message came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It went to everybody.
    Broadcast,
    /// It went from peer to peer, to this node alone.
    Whisper,
}

/// What a node tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A node has become a peer.
    PeerUp {
        /// What it calls itself.
        id: NodeId,
        /// The connection.
        conn: ConnId,
        /// Its end of the connection.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// Whether this node dialled it.
        dialed: bool,
    },
    /// A peer has said that it is a node of this project.
    PeerIsNative {
        /// What it calls itself.
        id: NodeId,
    },
    /// The last connection with a peer is no more.
    PeerDown {
        /// What it calls itself.
        id: NodeId,
        /// Why.
        why: Why,
    },
    /// A message came.
    Message {
        /// Who said it, as the message has it: nobody can check that.
        sender: Bytes,
        /// The peer that it came from.
        by: NodeId,
        /// How.
        way: Way,
        /// When it was said, in seconds since the beginning of 1970, by the sender's clock.
        sent: u64,
        /// What.
        values: Vec<Value>,
    },
    /// A peer said what is nothing to a mesh: a message of Chord's or of sync, or one with a flag of users' own.
    Other {
        /// The connection.
        conn: ConnId,
        /// The peer that it came from.
        by: NodeId,
        /// What it said.
        frame: Frame,
    },
    /// What waited for an address was sent.
    Whispered {
        /// The number, as [`Reply::Looking`] had it.
        lookup: u64,
    },
    /// Nobody said in time where a node listens, or nobody is there.
    NotFound {
        /// The number, as [`Reply::Looking`] had it.
        lookup: u64,
    },
    /// There is room again for who was told [`Refusal::Busy`].
    Room,
    /// Who is there is of another network; the connection is closed.
    OtherNetwork {
        /// The other end.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// Its protocol id, with what cannot be read escaped.
        theirs: String,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Where to.
        #[serde(with = "address::one")]
        addr: SocketAddr,
        /// Why.
        why: DialError,
    },
    /// This node is at the other end of what it dialled.
    SelfFound {
        /// Where.
        #[serde(with = "address::one")]
        addr: SocketAddr,
    },
    /// Somebody said what nobody may say; the connection is closed.
    Misbehaved {
        /// The connection.
        conn: ConnId,
        /// Its other end.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// What.
        what: &'static str,
    },
    /// The node has left.
    Left,
}

/// A peer, as a node sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// What it calls itself.
    pub id: NodeId,
    /// The connection.
    pub conn: ConnId,
    /// Its end of the connection.
    pub remote: SocketAddr,
    /// Where it says that it listens, if that is an IP address and a port.
    pub listens: Option<SocketAddr>,
    /// What it is.
    pub kind: Kind,
    /// Whether this node dialled it.
    pub dialed: bool,
    /// When it became a peer.
    pub since: Time,
    /// When something was last heard of it.
    pub heard: Time,
    /// Broadcasts that it brought first.
    pub first: u64,
    /// Broadcasts that it brought and that were known.
    pub again: u64,
    /// Frames sent to it.
    pub sent: u64,
    /// Frames for it that were shed, since it reads too slowly.
    pub shed: u64,
}

/// What a node has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Broadcasts that were said here.
    pub said: u64,
    /// Broadcasts that peers brought first.
    pub heard: u64,
    /// Broadcasts that were known already.
    pub duplicates: u64,
    /// Broadcasts that were more than a minute old.
    pub old: u64,
    /// Broadcasts of which the time is more than a minute ahead.
    pub ahead: u64,
    /// Messages for this node alone.
    pub whispers: u64,
    /// Frames that mean nothing. What is nothing to a mesh alone is told as [`Event::Other`].
    pub ignored: u64,
    /// Frames before a handshake.
    pub early: u64,
    /// Questions that were more than a peer may ask.
    pub excess: u64,
    /// Connections from another network.
    pub other_networks: u64,
    /// Connections closed for what was said on them.
    pub misbehaved: u64,
}
