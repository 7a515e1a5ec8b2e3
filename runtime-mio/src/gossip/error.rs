//! What can go wrong, and what to do.

use std::io;

use egoist_core::gossip::wire::{MAX_DATA, Malformed};

use super::sender::PATIENCE;

/// Why a client cannot do what it was asked to. After any but [`TooLong`](ClientError::TooLong) and
/// [`Silence`](ClientError::Silence) its connection has ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody answers there.
    #[error(
        "no node answers at {addr}: {error}. Is it running, and is this its port for modules (api_address)?"
    )]
    Unreachable {
        /// As it was given.
        addr: String,
        /// What the operating system says of the last address that was tried.
        #[source]
        error: io::Error,
    },
    /// The data fits in no message; nothing was sent.
    #[error("{0} octets of data are too long: a message has at most {MAX_DATA}. Divide them")]
    TooLong(
        /// How many octets there are.
        usize,
    ),
    /// Nothing arrived in the time that [`Client::set_timeout`](super::Client::set_timeout) gave. The next may.
    #[error("the node said nothing in the time given. Wait on, or connect again if it should have")]
    Silence,
    /// The node has read nothing for 30 seconds, while a frame waited.
    #[error("the node has read nothing for {} s: it is stopped, or overloaded. Connect again later", PATIENCE.as_secs())]
    Stuck,
    /// The node has closed the connection, or this end has given it up.
    #[error("the connection has ended: the node stopped, or had too many. Connect and subscribe again")]
    Closed,
    /// The connection ended within a frame.
    #[error("the connection ended within a notification: the node stopped. Connect and subscribe again")]
    CutShort,
    /// What the other end says are no frames.
    #[error(
        "what answers is no node's port for modules, or a broken node: {0}. Check the address (api_address)"
    )]
    Malformed(
        /// What was wrong.
        #[from]
        Malformed,
    ),
    /// The connection broke.
    #[error("the connection broke: {0}. Connect and subscribe again")]
    Broken(
        /// What the operating system says.
        #[source]
        io::Error,
    ),
}

/// An end of the connection as the operating system tells it.
pub(super) fn ended(error: io::Error) -> ClientError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => ClientError::Closed,
        _ => ClientError::Broken(error),
    }
}

/// Whether a time-out of the socket has passed.
pub(super) fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
