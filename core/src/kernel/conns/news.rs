//! What a table of connections tells its machine.

use core::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::super::{ConnId, DialError, Input, Port, Why};

/// What an input means to the machine, once the table has done its part: see [`Conns::handle`](super::Conns::handle).
#[derive(Debug)]
pub enum News<'a, T, D> {
    /// A connection is open, and is to be [kept](super::Conns::keep) or [refused](super::Conns::refuse).
    Opened(Opening<D>),
    /// Bytes of an open connection that is read from.
    Received {
        /// The connection.
        conn: ConnId,
        /// Everything received and not yet taken.
        bytes: &'a mut BytesMut,
    },
    /// An open connection has given octets to the network: there may be room for more.
    Flushed(ConnId),
    /// A connection ended that the machine had not closed.
    Ended(Ended<T, D>),
    /// A dial came to nothing.
    DialFailed {
        /// What it was for.
        what: D,
        /// What went wrong.
        why: DialError,
    },
    /// What is not about connections, a tick among it.
    Other(Input<'a>),
}

/// How a connection came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin<D> {
    /// The machine dialled it, for this.
    Dialed(D),
    /// A peer connected to this listener.
    Accepted(Port),
}

impl<D> Origin<D> {
    /// What it was dialled for, if it was.
    pub const fn dialed(&self) -> Option<&D> {
        match self {
            Origin::Dialed(what) => Some(what),
            Origin::Accepted(_) => None,
        }
    }
}

/// A connection that has just opened.
#[derive(Debug)]
#[must_use = "a connection is kept or refused, or it stays open and nobody knows it"]
pub struct Opening<D> {
    pub(super) conn: ConnId,
    pub(super) remote: SocketAddr,
    pub(super) origin: Origin<D>,
}

impl<D> Opening<D> {
    /// Its name.
    pub const fn conn(&self) -> ConnId {
        self.conn
    }

    /// The other end.
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// How it came to be.
    pub const fn origin(&self) -> &Origin<D> {
        &self.origin
    }
}

/// An open connection.
#[derive(Clone, Debug)]
pub struct Conn<T, D> {
    pub(super) remote: SocketAddr,
    pub(super) origin: Origin<D>,
    /// What the protocol knows of it.
    pub state: T,
}

impl<T, D> Conn<T, D> {
    /// The other end.
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// How it came to be.
    pub const fn origin(&self) -> &Origin<D> {
        &self.origin
    }
}

/// A connection that is no more, whoever ended it.
#[derive(Debug)]
pub struct Ended<T, D> {
    /// Its name, which is never used again.
    pub conn: ConnId,
    /// The other end.
    pub remote: SocketAddr,
    /// How it came to be.
    pub origin: Origin<D>,
    /// What the protocol knew of it.
    pub state: T,
    /// Why it ended.
    pub why: Why,
}

/// What happens to a frame on its way from the queue to the driver. Frames are sealed when they leave, in that order: what
/// waits for room is not sealed yet, and an urgent frame overtakes it. A seal that counts therefore agrees with the order
/// of the stream, and one seal follows another only [while nothing waits](super::Conns::set_seal).
///
/// ```
/// use bytes::Bytes;
/// use egoist_core::kernel::Seal;
///
/// /// Numbers the frames.
/// #[derive(Default)]
/// struct Numbered(u8);
/// impl Seal for Numbered {
///     const OVERHEAD: usize = 1;
///     fn seal(&mut self, frame: Bytes) -> Bytes {
///         self.0 = self.0.wrapping_add(1);
///         [&[self.0], &frame[..]].concat().into()
///     }
/// }
/// assert_eq!(Numbered::default().seal(Bytes::from("a")), "\u{1}a");
/// ```
pub trait Seal {
    /// By how many octets a frame grows at most. One that grows by more exceeds [`Backlog::in_flight`](crate::kernel::Backlog)
    /// by the difference (law 7).
    const OVERHEAD: usize;

    /// What leaves in place of `frame`.
    ///
    /// # Panics
    /// [`Conns`](super::Conns) panics in debug builds if it is longer than [`OVERHEAD`](Self::OVERHEAD) allows.
    fn seal(&mut self, frame: Bytes) -> Bytes;
}

/// Frames leave as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Plain;

impl Seal for Plain {
    const OVERHEAD: usize = 0;

    fn seal(&mut self, frame: Bytes) -> Bytes {
        frame
    }
}
