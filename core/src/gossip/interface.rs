//! What a node is asked, and what it tells.

use core::net::{SocketAddr, SocketAddrV4};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::kernel::{ConnId, DialError, NotDialled, Time, Why, address};

/// What a user can ask of a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Spread a message. Whoever announces vouches for it: no module here is asked.
    Announce {
        /// How far it may go; 0 has no bound.
        ttl: u8,
        /// What kind of data.
        data_type: u16,
        /// At most 65,527 octets.
        data: Bytes,
    },
    /// The application wants to hear of a type, and says of each such message whether it is valid.
    Subscribe {
        /// The type.
        data_type: u16,
    },
    /// It does no more.
    Unsubscribe {
        /// The type.
        data_type: u16,
    },
    /// Says whether a message is valid. The first who says so decides.
    Validate {
        /// As [`Event::Message`] named it.
        id: u16,
        /// The verdict.
        valid: bool,
    },
    /// Dial this address now.
    Connect {
        /// Where.
        #[serde(with = "address::one")]
        addr: SocketAddr,
    },
    /// Close every connection and open no other.
    Leave,
}

/// What a node answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Reply {
    /// The message is on its way under this id, which is this node's own; `None` if it was known already.
    Announced {
        /// The id.
        id: Option<u16>,
    },
    /// It was done.
    Done,
    /// The address is being dialled.
    Dialing,
    /// The node has left, or does when the youngest of its connections are old enough to be closed without harm.
    Left {
        /// How many peers it had.
        peers: usize,
    },
}

/// Why a node did not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The peers do not take it as fast; [`Event::Room`] tells when they do again.
    #[error("the peers take less than is announced: wait for room")]
    Busy,
    /// The data does not fit in a frame.
    #[error("a message holds at most 65,527 octets")]
    TooLong,
    /// No message of this id waits for a verdict: it has one, or took too long, or never was.
    #[error("no message of this id waits for a verdict")]
    NotWaiting,
    /// Nobody can be dialled there.
    #[error("nobody can be dialled there: name the IP address and the port of one host")]
    NotDialable,
    /// The address is this node's own.
    #[error("the address is this node's own")]
    OwnAddress,
    /// It is connected, or being connected.
    #[error("it is connected, or being connected, already")]
    Already,
    /// As many dials, peers or addresses as are allowed.
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

/// What is known of who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It has said nothing yet that would tell.
    Unknown,
    /// A gossip-python node, or one that has not said otherwise.
    Compatible,
    /// A node of this project.
    Native,
}

/// What a node tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A peer is connected.
    PeerUp {
        /// Its connection.
        conn: ConnId,
        /// Its end of the connection.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// Whether this node dialled it.
        dialed: bool,
    },
    /// What a peer is became known.
    PeerIs {
        /// Its connection.
        conn: ConnId,
        /// Its end of the connection.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// What.
        kind: Kind,
        /// Where it listens, if it said so.
        listens: Option<SocketAddrV4>,
    },
    /// A peer is no longer connected.
    PeerDown {
        /// Its connection.
        conn: ConnId,
        /// Its end of the connection.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// Where it listened, if it said so.
        listens: Option<SocketAddrV4>,
        /// Why.
        why: Why,
    },
    /// A module has connected.
    ModuleUp {
        /// Its connection.
        conn: ConnId,
        /// Its end of the connection.
        #[serde(with = "address::one")]
        remote: SocketAddr,
    },
    /// A module has gone.
    ModuleDown {
        /// Its connection.
        conn: ConnId,
        /// Its end of the connection.
        #[serde(with = "address::one")]
        remote: SocketAddr,
        /// Why.
        why: Why,
    },
    /// A message came, of a type that the application wants to hear of. One that waits has to be judged.
    Message {
        /// By which it is named in the verdict.
        id: u16,
        /// What kind of data.
        data_type: u16,
        /// The data.
        data: Bytes,
        /// Whether it waits for a verdict; false if it was announced here.
        waits: bool,
    },
    /// A message was judged, or took too long and was taken for invalid.
    Judged {
        /// Its id.
        id: u16,
        /// The verdict.
        valid: bool,
        /// Whether a module gave it.
        in_time: bool,
    },
    /// There is room again for who was told [`Refusal::Busy`].
    Room,
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerInfo {
    /// Its connection.
    pub conn: ConnId,
    /// Its end of the connection.
    pub remote: SocketAddr,
    /// Where it listens, if it said so.
    pub listens: Option<SocketAddrV4>,
    /// What it is.
    pub kind: Kind,
    /// Whether this node dialled it.
    pub dialed: bool,
    /// When it was connected.
    pub since: Time,
    /// Messages that it told of first.
    pub first: u64,
    /// Messages that it told of and that were known.
    pub again: u64,
    /// Messages sent to it.
    pub sent: u64,
    /// Messages that left the cache before it took them.
    pub missed: u64,
    /// Messages of its that were found invalid.
    pub invalid: u64,
    /// Messages that it has not been sent.
    pub behind: u64,
    /// Whether it is not read from at present.
    pub held: bool,
}

/// A module, as a node sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModuleInfo {
    /// Its connection.
    pub conn: ConnId,
    /// Its end of the connection.
    pub remote: SocketAddr,
    /// How many types it wants to hear of.
    pub types: usize,
    /// Messages that it announced.
    pub announced: u64,
    /// Messages that it was told of.
    pub told: u64,
    /// Whether it is not read from, since the peers take less than it announces.
    pub held: bool,
}

/// What a node has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Messages announced here.
    pub announced: u64,
    /// Messages that peers told of first.
    pub heard: u64,
    /// Messages that were known already.
    pub duplicates: u64,
    /// Messages found valid.
    pub valid: u64,
    /// Messages found invalid.
    pub invalid: u64,
    /// Messages whose verdict took too long.
    pub late: u64,
    /// Verdicts on messages that did not wait for one.
    pub idle_verdicts: u64,
    /// Messages for which there was no room.
    pub no_room: u64,
    /// Messages that left the cache before a peer took them, each counted once for each.
    pub missed: u64,
    /// Frames of a kind that is nothing on the side where they came.
    pub ignored: u64,
    /// News of peers that was more than a peer may bring.
    pub excess_updates: u64,
    /// Connections closed for what was said on them.
    pub misbehaved: u64,
}
