//! The contract between a protocol and whatever drives it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{Entries, Time};

/// A connection's name, given by the driver when it opens and never given again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConnId(pub u64);

/// A machine's name for something it asked for ([`Output::Dial`], [`Output::Store`], [`Output::Load`], [`Output::Scan`]),
/// never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ticket(pub u64);

impl Ticket {
    /// How many stores, loads and scans may wait for their answers.
    pub const UNANSWERED: usize = 1_024;
}

/// Which of a machine's listeners or datagram sockets, in the order in which the driver was given them, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Port(pub u16);

/// A protocol as a pure state machine.
///
/// The driver tells it what happened ([`handle`](Machine::handle)) and what its user wants
/// ([`command`](Machine::command)), takes what it wants done ([`poll`](Machine::poll)) until there is no more, and
/// comes back at [`poll_timeout`](Machine::poll_timeout). Questions are plain `&self` methods of the machine.
///
/// What it promises, whoever drives it:
///
/// - **Several inputs before a drain, or the bytes of a connection split anywhere, give the same outputs.** The same
///   seed and the same inputs give the same bytes on every machine.
/// - **`poll_timeout` is the last time given while `poll` would return something, and strictly later once drained.**
///   What waits for [`Input::Flushed`] or a timer does not count. A driver that sleeps exactly that long is right.
/// - A machine woken later than it asked puts its deadlines for the *absence* of something off by the lateness.
/// - After `handle`, no whole frame is left in a connection's buffer unless [`Output::Reading`] turned reading off.
/// - After [`Output::Done`] it says nothing more, whatever it is told before the driver has taken that.
///
/// What it needs of the driver:
///
/// - `now` never goes back; bytes that have arrived are handed over before the time that has passed.
/// - Exactly one [`Input::Closed`] for each connection, a machine's own [`Output::Close`] included, and exactly one
///   [`Input::Opened`] or [`Input::DialFailed`] for each ticket.
/// - Once it has taken [`Output::Reading`] off it hands over nothing of that connection; when reading is turned on again
///   the buffer is presented again, even if nothing arrived.
/// - Answers, ends and ticks come within stated times: [`Patience`](super::Patience). Answers to [`Output::Store`] come in the
///   order in which they were asked for.
/// - Once the driver has taken [`Output::Done`] it tells nothing more, of connections that are still being closed neither;
///   what is open by then it breaks off.
///
/// [`Checked`](super::Checked) holds a driver to that.
pub trait Machine {
    /// What a user may ask for.
    type Command;
    /// The answer to a command.
    type Reply;
    /// Why a command was refused; it then changed nothing.
    type Refusal;
    /// What a user is told unasked.
    type Event;

    /// Takes one thing that happened. It cannot fail: what a peer does wrong comes back as [`Output::Close`] and an
    /// event.
    fn handle(&mut self, now: Time, input: Input<'_>);

    /// Does what the user asks.
    ///
    /// # Errors
    /// The command was refused; nothing changed.
    fn command(&mut self, now: Time, command: Self::Command) -> Result<Self::Reply, Self::Refusal>;

    /// The next thing to do, oldest first; `None` when drained.
    #[must_use = "what is taken and not done is lost"]
    fn poll(&mut self) -> Option<Output<Self::Event>>;

    /// When to come back with [`Input::Tick`] if nothing happens before; `None` for never.
    fn poll_timeout(&self) -> Option<Wake>;
}

/// A machine behind a pointer is one, `Box<dyn Machine<…>>` included: machines of different protocols with the same
/// commands and events live side by side.
impl<M: Machine + ?Sized> Machine for Box<M> {
    type Command = M::Command;
    type Reply = M::Reply;
    type Refusal = M::Refusal;
    type Event = M::Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        (**self).handle(now, input);
    }

    fn command(&mut self, now: Time, command: M::Command) -> Result<M::Reply, M::Refusal> {
        (**self).command(now, command)
    }

    fn poll(&mut self) -> Option<Output<M::Event>> {
        (**self).poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (**self).poll_timeout()
    }
}

/// When a machine wants to be woken, and what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wake {
    /// The time; in the past or present it means "now".
    pub at: Time,
    /// What for, in a word, for logs and wake-up budgets.
    pub why: &'static str,
}

/// How a connection came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum How {
    /// The machine dialled it with this ticket.
    Dialed(Ticket),
    /// A peer connected to this listener.
    Accepted(Port),
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// Time passed.
    Tick,
    /// A connection is open.
    Opened {
        /// Its name from now on.
        conn: ConnId,
        /// Who opened it.
        how: How,
        /// The other end.
        remote: SocketAddr,
    },
    /// Bytes arrived. The machine takes whole frames off the front; what is left is presented again with more.
    Received {
        /// The connection.
        conn: ConnId,
        /// Everything received and not yet taken.
        bytes: &'a mut BytesMut,
    },
    /// Bytes of earlier [`Output::Send`]s were given to the network.
    Flushed {
        /// The connection.
        conn: ConnId,
        /// How many octets.
        n: usize,
    },
    /// A connection is gone. Nothing follows about it.
    Closed {
        /// The connection.
        conn: ConnId,
        /// How it ended.
        why: Closed,
    },
    /// A dial came to nothing.
    DialFailed {
        /// The dial's ticket.
        ticket: Ticket,
        /// What went wrong.
        why: DialError,
    },
    /// A datagram arrived.
    Datagram {
        /// The socket it arrived at.
        port: Port,
        /// Its sender's address, which anybody can forge.
        from: SocketAddr,
        /// Its payload.
        bytes: &'a [u8],
    },
    /// An [`Output::Store`] ended.
    Stored {
        /// Its ticket.
        ticket: Ticket,
        /// Whether everything in it is kept now, as far as the store [asked for](Until), or nothing of it.
        result: Result<(), StoreError>,
    },
    /// An [`Output::Load`] ended.
    Loaded {
        /// Its ticket.
        ticket: Ticket,
        /// What was there.
        value: Loaded<'a>,
    },
    /// An [`Output::Scan`] ended.
    Scanned {
        /// Its ticket.
        ticket: Ticket,
        /// What was there.
        page: Scanned<'a>,
    },
    /// What a clock on the wall shows, as the host believes. It may be wrong and may step either way, which
    /// [`Time`] never does; on the other hand it goes on while the host is suspended. A driver says it to a machine that
    /// has a use for it: at least each minute, and after a step.
    WallTime {
        /// Since the beginning of 1970, UTC, without leap seconds.
        unix: Duration,
    },
}

/// Why a store came to nothing. What it was to change is as before, or, should the disk have failed to sync what was
/// written, changed all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum StoreError {
    /// The disk is full: it may be tried again, and what was kept can be read.
    #[error("the disk is full")]
    Full,
    /// It cannot be written, or is more than is ever stored at once.
    #[error("the state cannot be written")]
    Broken,
}

/// What a scan found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Scanned<'a> {
    /// The next keys in order, with what is stored under them: together at most [`PAGE`](Scanned::PAGE) octets, or one.
    Page {
        /// The keys and their octets.
        #[cfg_attr(feature = "serde", serde(borrow))]
        entries: Entries<'a>,
        /// Whether others follow.
        more: bool,
    },
    /// The store could not be read; what is there is unknown.
    Failed,
}

impl Scanned<'_> {
    /// The most octets of a page, unless it has a single entry.
    pub const PAGE: usize = 256 << 10;
}

/// What a load found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Loaded<'a> {
    /// The octets stored last under the key.
    Value(&'a [u8]),
    /// Nothing was ever stored there.
    Absent,
    /// The store could not be read; what is there is unknown.
    Failed,
}

/// How a connection ended, as its own end sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Closed {
    /// The peer closed it in an orderly way.
    ByPeer,
    /// It broke: reset, or the network said so.
    Broken,
    /// The machine asked for it.
    ByUs,
}

/// Why a dial came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum DialError {
    /// Somebody is there and does not listen.
    #[error("the connection was refused: nobody listens there")]
    Refused,
    /// No answer before the deadline.
    #[error("no answer came in time")]
    TimedOut,
    /// The network or the host says that it cannot be reached.
    #[error("the network says that it cannot be reached")]
    Unreachable,
    /// This host has no room for another connection.
    #[error("this host has no room for another connection")]
    Exhausted,
}

/// How urgent a frame is, and whether it may be shed. Within a connection a lower class never goes before a higher one,
/// and order within a class is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Class {
    /// Greetings, refusals, own withdrawals, echoes. Never shed.
    Urgent,
    /// Records, membership, database exchange. Never shed.
    Control,
    /// Payloads. Shed oldest first.
    Bulk,
}

/// Whether a close waits for what was sent before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum CloseHow {
    /// Write what is queued, shut down writing, then drain what the peer still says for a second.
    Flush,
    /// At once; what was not written is lost.
    Abort,
}

/// Whose doing an end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum Fault {
    /// Nobody's: the connection had served.
    Nobody,
    /// The peer broke a rule.
    Peer,
    /// We ran into a limit of our own.
    Own,
    /// The path or the host between.
    Network,
}

/// Why a machine closes a connection: whose fault, and what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Why {
    /// Whose doing.
    pub fault: Fault,
    /// What, in a few words without a full stop.
    pub what: &'static str,
}

/// Whose fault, unless it is nobody's, and what.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.fault {
            Fault::Nobody => "",
            Fault::Peer => "the peer's fault: ",
            Fault::Own => "this node's fault: ",
            Fault::Network => "the network's fault: ",
        };
        write!(f, "{whose}{}", self.what)
    }
}

/// One change of a machine's durable state.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct StoreOp {
    /// The name: at most [`KEY`](StoreOp::KEY) octets, of any kind.
    pub key: Bytes,
    /// The octets to keep, or `None` to forget them.
    pub value: Option<Bytes>,
}

impl StoreOp {
    /// The longest key in octets.
    pub const KEY: usize = 1_024;

    /// How many octets of keys and values may wait in stores that are not answered.
    pub const UNANSWERED: usize = 4 << 20;

    /// Octets of the key and the value.
    pub fn weight(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// How safe changes are before a store is answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Until {
    /// They outlive the process.
    Written,
    /// They outlive a loss of power.
    Synced,
}

/// What a machine wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Output<E> {
    /// Open a connection.
    Dial {
        /// Its name in the answer.
        ticket: Ticket,
        /// Where to.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        to: SocketAddr,
        /// Give up then.
        deadline: Time,
    },
    /// Write a frame, whole and after those sent before it.
    Send {
        /// The connection.
        conn: ConnId,
        /// The frame; one allocation is shared by all connections it goes to.
        frame: Bytes,
        /// How urgent it was. Order is the machine's business already: a driver writes in the order of the outputs.
        class: Class,
        /// Nothing else in the same write (some peers read a write as a message).
        solo: bool,
    },
    /// Stop or resume reading a connection.
    Reading {
        /// The connection.
        conn: ConnId,
        /// Whether to read.
        on: bool,
    },
    /// End a connection; [`Input::Closed`] follows.
    Close {
        /// The connection.
        conn: ConnId,
        /// Whether to write what is queued first.
        how: CloseHow,
        /// The reason, for logs.
        why: Why,
    },
    /// Send a datagram; it may be lost.
    Datagram {
        /// The socket to send from.
        port: Port,
        /// Where to.
        #[cfg_attr(feature = "serde", serde(with = "crate::kernel::address::one"))]
        to: SocketAddr,
        /// The payload.
        payload: Bytes,
        /// How urgent it is. Where datagrams wait for a socket the urgent ones go first, and of [bulk](Class::Bulk)
        /// little is kept waiting: it must not fill what others need.
        class: Class,
    },
    /// Make changes, all or none, behind those asked for before: at most [`StoreOp::UNANSWERED`] octets at once. What is
    /// longer a store may refuse for good, as [`Broken`](StoreError::Broken).
    Store {
        /// Its name in the answer.
        ticket: Ticket,
        /// The changes.
        ops: Vec<StoreOp>,
        /// When to answer.
        until: Until,
    },
    /// Read back a key, as what was asked for before leaves it.
    Load {
        /// Its name in the answer.
        ticket: Ticket,
        /// The key.
        key: Bytes,
    },
    /// Tell the user.
    Event(E),
    /// Read back the keys that begin with `prefix`, in order, as what was asked for before leaves them. Who wants all asks
    /// again behind the last key of each page.
    Scan {
        /// Its name in the answer.
        ticket: Ticket,
        /// What the keys begin with.
        prefix: Bytes,
        /// Only greater keys.
        after: Option<Bytes>,
    },
    /// The machine has ended. What it has closed is still written; it wants no input any more.
    Done,
}

impl<E> Output<E> {
    /// The same with another event: for a machine around this one.
    pub fn map_event<F>(self, f: impl FnOnce(E) -> F) -> Output<F> {
        match self {
            Output::Event(event) => Output::Event(f(event)),
            Output::Dial { ticket, to, deadline } => Output::Dial { ticket, to, deadline },
            Output::Send { conn, frame, class, solo } => Output::Send { conn, frame, class, solo },
            Output::Reading { conn, on } => Output::Reading { conn, on },
            Output::Close { conn, how, why } => Output::Close { conn, how, why },
            Output::Datagram { port, to, payload, class } => Output::Datagram { port, to, payload, class },
            Output::Store { ticket, ops, until } => Output::Store { ticket, ops, until },
            Output::Load { ticket, key } => Output::Load { ticket, key },
            Output::Scan { ticket, prefix, after } => Output::Scan { ticket, prefix, after },
            Output::Done => Output::Done,
        }
    }
}
