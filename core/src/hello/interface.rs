//! What a user may ask for and is told.

use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::NodeId;
use crate::kernel::{ConnId, DialError, NotDialled, Time, Why, address};

/// What a user may ask of a [`Hello`](super::Hello).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Dial an address now, and again like a learned one if that fails.
    Connect {
        /// Where to.
        #[serde(with = "address::one")]
        addr: SocketAddr,
    },
    /// Close every connection and open no other; [`Event::Left`] follows.
    Leave,
}

/// The answer to a [`Command`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Reply {
    /// It is being dialled; [`Event::PeerUp`] or [`Event::DialFailed`] follows.
    Dialing,
    /// Gone.
    Left {
        /// How many peers there were.
        peers: usize,
    },
}

/// Why a [`Command`] was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Unspecified, multicast or without a port.
    #[error("nobody can be dialled there: name the IP address and the port of one host")]
    NotDialable,
    /// The address is this node's own.
    #[error("the address is this node's own")]
    OwnAddress,
    /// A connection to it is open or being opened.
    #[error("it is connected, or being connected, already")]
    Already,
    /// As many dials, peers or addresses as the configuration allows.
    #[error("as many dials, peers or addresses as are allowed: try again later")]
    NoRoom,
    /// The node has left.
    #[error("the node has left")]
    HasLeft,
}

impl From<NotDialled> for Refusal {
    fn from(why: NotDialled) -> Self {
        match why {
            NotDialled::NotDialable => Refusal::NotDialable,
            NotDialled::Own => Refusal::OwnAddress,
            NotDialled::Already => Refusal::Already,
            NotDialled::NoRoom => Refusal::NoRoom,
        }
    }
}

/// What a user is told unasked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A peer said hello.
    PeerUp {
        /// Its connection.
        conn: ConnId,
        /// What it calls itself.
        id: NodeId,
        /// The connection's other end.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// Whether we dialled it.
        dialed: bool,
    },
    /// A peer's connection ended.
    PeerDown {
        /// The connection.
        conn: ConnId,
        /// What it called itself.
        id: NodeId,
        /// Why.
        why: Why,
    },
    /// A peer named an address that was not known.
    AddressLearned {
        /// The address.
        #[serde(with = "address::one")]
        addr: SocketAddr,
        /// Who is said to listen there.
        id: Option<NodeId>,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Where to.
        #[serde(with = "address::one")]
        addr: SocketAddr,
        /// What went wrong.
        why: DialError,
    },
    /// This node answered its own dial. An address of the configuration is never dialled again; one that was learned is
    /// forgotten after a few such dials.
    SelfFound {
        /// The address.
        #[serde(with = "address::one")]
        addr: SocketAddr,
    },
    /// A connection was closed because its other end broke a rule.
    Misbehaved {
        /// The connection.
        conn: ConnId,
        /// Its other end.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// What it did.
        what: &'static str,
    },
    /// This node has left; nothing follows.
    Left,
}

/// What is known of a peer that has said hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// Its connection.
    pub conn: ConnId,
    /// What it calls itself.
    pub id: NodeId,
    /// The connection's other end.
    pub remote: SocketAddr,
    /// Where it listens, if known: where we dialled it, or what it says.
    pub address: Option<SocketAddr>,
    /// Whether we dialled it.
    pub dialed: bool,
    /// When it said hello.
    pub since: Time,
    /// When it said hello, or answered a ping last.
    pub heard: Time,
    /// The last round trip, from ping to pong.
    pub rtt: Option<Duration>,
    /// When it was pinged, if no pong has come since.
    pub asked: Option<Time>,
    /// Whether it has owed a pong since the ping before the last one.
    pub late: bool,
}

/// What a node has met and not acted on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Messages with an unknown `msgtype`.
    pub unknown: u64,
    /// Messages before hello, whatever their `msgtype`, and hellos after it.
    pub out_of_place: u64,
    /// Pongs while none was missing.
    pub unasked_pongs: u64,
    /// Connections closed because of what came over them.
    pub misbehaved: u64,
}
