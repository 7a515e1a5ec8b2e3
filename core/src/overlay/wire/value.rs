//! Packets as validated values: whatever can be built is emitted as one line. It is read back as the same if numbers are
//! within the ranges that their fields state (keys, beats, DAT) and nodes have an id where they always have one.

use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;
use smallvec::SmallVec;

use super::super::names::{Cost, Key, NodeId, Token};
use super::body::Links;
use super::bounded::Bounded;
use super::channel::{ChannelName, ChannelNames, ChannelOctets};
use super::limits::{ADDRESSES_LIMIT, ALTERNATIVES_LIMIT, NODES_LIMIT};
use super::part::{Have, Range};
use super::plain::{Metric, Reason, Word};
use super::texts::{BodyText, Others, UnknownLine};

/// A node as the wire names it: `host:port`, and its id where that is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeName {
    /// Where it listens. Of an IPv6 address neither zone nor flow is written.
    pub addr: SocketAddr,
    /// Who it is; a newcomer's bootstrap list may hold addresses alone.
    pub id: Option<NodeId>,
}

/// Where a node listens beside the address in its name.
pub type MoreAddresses = Bounded<SmallVec<[SocketAddr; 1]>, ADDRESSES_LIMIT>;

/// A node and where else it is reached: what who has no record of it needs in order to dial it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// Its name.
    pub name: NodeName,
    /// Where it listens beside that.
    pub more: MoreAddresses,
}

/// An overlay's name, 1 to 32 of `a-z`, `0-9` and `-`: nodes of another network are refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Network(pub(super) SmallVec<[u8; 16]>);

/// What the sender of LNK is to the receiver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// `o`: I choose you.
    Chooser,
    /// `g`: I choose you, and have no link yet: let me in as a guest.
    Guest,
    /// `w`: I only watch the flood; I am never listed or counted.
    Watcher,
    /// `i`: the answer of one who does not choose.
    Chosen,
}

/// LNK: the first line on every link, both ways; said again it changes the sender's role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// The protocol's version, 1.
    pub version: u32,
    /// The overlay's name.
    pub network: Network,
    /// The sender, always with its id.
    pub node: NodeName,
    /// What the sender is to the receiver.
    pub role: Role,
    /// What the receiver puts into its heartbeats to the sender.
    pub token: Token,
    /// What else the sender says of itself.
    pub caps: Capabilities,
}

/// `key=value` pairs of a greeting.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// `start=`: the sender's incarnation.
    pub start: Option<u32>,
    /// `ride=`: the channels that the sender rides; a channel is open on a link if both ends do.
    pub rides: ChannelNames,
    /// Pairs that this version does not know.
    pub other: Others<Capabilities>,
}

/// REG: a newcomer asks a bootstrap, or any node, who is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registration {
    /// The newcomer.
    pub node: Contact,
    /// How many neighbours it will choose.
    pub k: u32,
    /// `net=`: the overlay that it wants to join; who names none, or another, is told nothing.
    pub network: Option<Network>,
    /// Whether it asks for everybody (`all`) and not for a sample.
    pub all: bool,
    /// Whether it asks for the graph as well (`over`): answered by OVER after NET.
    pub over: bool,
    /// What else it asks for, unknown to this version.
    pub other: Others<Registration>,
}

/// 128 bits of SHA-256 over what no relay changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hash(pub u128);

/// UPT: a node's record as it is flooded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upt {
    /// The hash that the packet claims; believed only after [`Upt::verify`](super::Upt).
    pub hash: Hash,
    /// Its freshness.
    pub key: Key,
    /// Whose record it is, always with an id.
    pub source: NodeName,
    /// Milliseconds since the decision that it tells of.
    pub age: u32,
    /// The updates as the origin wrote them.
    pub body: BodyText,
}

/// A validated body: one update for each metric, at least one and at most [`UPDATES_LIMIT`](super::UPDATES_LIMIT).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    pub(super) updates: SmallVec<[Update; 1]>,
}

/// One update: all links of its source, by one metric. State, not difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    /// What the source says of itself.
    pub attributes: Attributes,
    /// Its links.
    pub links: Links,
}

/// What a source says of itself. A field that is `None` was not written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    /// `life=`: seconds until the record expires.
    pub life: Option<u32>,
    /// `free=`: how many more may choose it.
    pub free: Option<u32>,
    /// `k=`: how many it chooses.
    pub k: Option<u32>,
    /// `metric=`: what costs mean; absent means `delay`.
    pub metric: Option<Metric>,
    /// `addr=`: where it listens beside the address in its name.
    pub addrs: MoreAddresses,
    /// `left`: the source has left in good order; this is its last word.
    pub left: bool,
    /// Pairs that this version does not know.
    pub other: Others<Attributes>,
}

/// A link in an update.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The other end.
    pub id: NodeId,
    /// What the source measured towards it.
    pub cost: Cost,
    /// Who chose it.
    pub role: ListedRole,
    /// Anything else.
    pub attributes: LinkAttributes,
}

/// Who chose a listed link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum ListedRole {
    /// `o`: the source.
    Out,
    /// `i`: the other end.
    In,
    /// `b`: both (choices that crossed).
    Both,
}

/// Attributes of a listed link.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LinkAttributes {
    /// `bye`: the source gives this link up once its replacement stands. Routed over meanwhile, not counted on.
    pub bye: bool,
    /// Attributes that this version does not know.
    pub other: Others<LinkAttributes>,
}

/// A record in OVER: what a newcomer or a tool is shown; it enters no database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whose it is.
    pub node: NodeName,
    /// Its freshness.
    pub key: Key,
    /// Milliseconds since the decision.
    pub age: u32,
    /// Its links.
    pub links: Links,
}

/// RMV: somebody says that `victim`, with no newer record than `victim_key`, is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removal {
    /// The claimed hash.
    pub hash: Hash,
    /// The freshness of the claim among its reporter's claims.
    pub key: Key,
    /// Who says so, always with an id.
    pub reporter: NodeName,
    /// Who is said to be gone.
    pub victim: NodeId,
    /// The newest record of the victim that the reporter knew.
    pub victim_key: Key,
}

/// TRD: I give up my choice of you.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Teardown {
    /// The sender.
    pub node: NodeName,
    /// Why.
    pub reason: Option<Reason>,
}

/// NACK: refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nack {
    /// The word that is refused.
    pub word: Word,
    /// Why.
    pub reason: Option<Reason>,
    /// Others that may have room.
    pub nodes: Alternatives,
}

/// The nodes that a NACK names.
pub type Alternatives = Bounded<Vec<Contact>, ALTERNATIVES_LIMIT>;

/// SEG: a piece of a packet longer than PKT_LIMIT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    pub(super) message: u32,
    pub(super) index: u16,
    pub(super) count: u16,
    pub(super) chunk: Bytes,
}

/// A database, or a range of it, in short.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Digest(pub u128);

/// How many records.
pub type Count = u32;

/// SUM: what I have, in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    /// The range that this is about; `None` for everything.
    pub range: Option<Range>,
    /// How many records.
    pub count: Count,
    /// Their digest.
    pub digest: Digest,
}

/// ASK: these are mine; send what is newer or missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// The range that `have` covers in full, where this is not about everything.
    pub range: Option<Range>,
    /// Ids and keys.
    pub have: Have,
}

/// PING: whoever lives where it arrives answers, with the token and as itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ping {
    /// What the answer repeats.
    pub token: Token,
    /// Whose answer is wanted; who knows an address alone gives any. It makes a question as long as its answer, so that
    /// nobody answers with more than was sent.
    pub id: NodeId,
    /// Octets of padding, at most [`PADDING_LIMIT`](super::PADDING_LIMIT): whether full-size packets get through.
    pub padding: u16,
}

impl Ping {
    /// A small one.
    pub const fn new(token: Token, id: NodeId) -> Self {
        Ping { token, id, padding: 0 }
    }
}

/// PONG: the answer to a PING.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pong {
    /// That of the PING.
    pub token: Token,
    /// Who answers.
    pub id: NodeId,
}

/// HB: a heartbeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    /// The receiver's token for this link.
    pub token: Token,
    /// The beat's number, from 1.
    pub number: u64,
    /// The last number heard from the receiver; 0 for none.
    pub heard: u64,
    /// How long ago that was heard, in microseconds.
    pub held: u64,
    /// By what the sender hears the receiver.
    pub hears: Hears,
    /// The last number heard in a padded beat; 0 for none.
    pub full: u64,
    /// How many octets of the link the sender has read; `None` while it does not read, since the receiver took too much.
    pub read: Option<u64>,
    /// Octets of padding, at most [`PADDING_LIMIT`](super::PADDING_LIMIT).
    pub padding: u16,
}

impl Beat {
    /// A beat of one who has heard nothing so far and read nothing.
    pub const fn first(token: Token, number: u64) -> Self {
        Beat { token, number, heard: 0, held: 0, hears: Hears::Datagrams, full: 0, read: Some(0), padding: 0 }
    }
}

/// By what the sender of a beat hears its receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hears {
    /// `u`: by datagrams, or nothing was missed yet.
    Datagrams,
    /// `t`: by the link alone; beats are to go there too.
    Link,
    /// `n`: by nothing.
    Nothing,
}

/// What a payload is, and which conversation it belongs to: a letter and up to 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Flow {
    /// `d`: a payload for the application.
    Data(u64),
    /// `m`: likewise, and its sender wants to hear that it arrived.
    Marked(u64),
    /// `e`: to be sent back.
    Echo(u64),
    /// `r`: sent back.
    Reply(u64),
    /// `a`: the marked payload of that number arrived; what was sent before it is no more on its way either.
    Arrived(u64),
    /// `u`: the payload of that number cannot reach its destination.
    Unreachable(u64),
    /// `x`: the payload of that number ran out of TTL.
    Expired(u64),
    /// `b`: the payload of that number found no room in a queue on its way.
    Busy(u64),
    /// `c`: the payload of that number waits in a queue that is more than half full.
    Crowded(u64),
}

impl Flow {
    /// Whether it says what became of a payload: it has none of its own, and is told over links alone.
    pub const fn is_report(self) -> bool {
        !matches!(self, Flow::Data(_) | Flow::Marked(_) | Flow::Echo(_) | Flow::Reply(_))
    }

    /// Its letter, and the number of the payload that it is or is about.
    pub(super) const fn parts(self) -> (u8, u64) {
        match self {
            Flow::Data(number) => (b'd', number),
            Flow::Marked(number) => (b'm', number),
            Flow::Echo(number) => (b'e', number),
            Flow::Reply(number) => (b'r', number),
            Flow::Arrived(number) => (b'a', number),
            Flow::Unreachable(number) => (b'u', number),
            Flow::Expired(number) => (b'x', number),
            Flow::Busy(number) => (b'b', number),
            Flow::Crowded(number) => (b'c', number),
        }
    }
}

/// How a payload goes from each node to the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Way {
    /// `l`: over links, in order on each.
    #[default]
    Link,
    /// `g`: as a datagram, where one of its length goes and the neighbour hears them; else over the link.
    Datagram,
}

/// DAT: the line before a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataHead {
    /// How many more links it may take.
    pub ttl: u8,
    /// How it is to go, on every hop.
    pub way: Way,
    /// What and which.
    pub flow: Flow,
    /// Who sent it; of a report, whom the payload that it is about was for.
    pub source: NodeId,
    /// Whom it is for.
    pub destination: NodeId,
    /// Octets of payload that follow the line, before a CRLF: at most [`PAYLOAD_LIMIT`](super::PAYLOAD_LIMIT), of a report 0.
    pub len: u32,
}

/// A packet, which is always emitted as one line. One that was read, or built within the ranges that its fields state, is
/// emitted as a text that is read back as the same packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet {
    /// LNK.
    Lnk(Greeting),
    /// REG.
    Reg(Registration),
    /// NET: nodes that are there.
    Net(Nodes),
    /// OVER: the graph, for people and tools.
    Over(Records),
    /// UPT.
    Upt(Upt),
    /// RMV.
    Rmv(Removal),
    /// TRD.
    Trd(Teardown),
    /// NACK.
    Nack(Nack),
    /// SEG.
    Seg(Segment),
    /// SUM.
    Sum(Sum),
    /// ASK.
    Ask(Ask),
    /// PING.
    Ping(Ping),
    /// PONG.
    Pong(Pong),
    /// HB.
    Hb(Beat),
    /// DAT.
    Dat(DataHead),
    /// CHN: the line before so many octets of a channel.
    Chn(ChannelOctets),
    /// CRD: so many more octets of a channel may come.
    Crd(ChannelOctets),
    /// END: nothing more comes on a channel.
    End(ChannelName),
    /// The whole line of a word that this version does not know: counted and ignored.
    Unknown(UnknownLine),
}

/// The nodes that one NET names.
pub type Nodes = Bounded<Vec<Contact>, NODES_LIMIT>;

/// The records that one OVER shows.
pub type Records = Bounded<Vec<Record>, NODES_LIMIT>;
