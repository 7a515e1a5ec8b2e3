//! What the driver needs of an operating system, as traits: a poller with a clock, and non-blocking sockets.
//!
//! [`MioNet`] is the real one. [`mock::MockNet`] is a network inside the process that cuts reads and writes short,
//! interrupts calls, runs out of descriptors and makes up stale readiness, all from a seed.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod alarm;
mod mio;
pub mod mock;

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use egoist_core::kernel::Time;

pub(crate) use self::mio::for_mio;
pub use self::mio::{MioNet, MioUdp};

/// The name under which a socket is watched. A number is used once only, so that readiness reported for a socket that
/// is gone finds nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub u64);

/// A socket can be used again. Readiness is edge-triggered: it is reported once, and again only after the socket has
/// said [`WouldBlock`](io::ErrorKind::WouldBlock).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// Which socket.
    pub token: Token,
    /// Reading or accepting may do something, if only report an end or an error.
    pub readable: bool,
    /// Writing may do something; a connection being dialled has been decided.
    pub writable: bool,
}

/// Makes [`Poller::poll`] return at once, from any thread.
pub type WakeUp = Arc<dyn Fn() + Send + Sync>;

/// Waits for sockets and time.
pub trait Poller {
    /// Waits until a socket is ready, the time is over or somebody calls the [`waker`](Poller::waker), and appends what
    /// is ready to `ready`. Whether a full batch was returned, so that there may be more at once.
    ///
    /// # Errors
    /// [`Interrupted`](io::ErrorKind::Interrupted) is no failure; anything else is the end of the loop.
    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<bool>;

    /// Has timeouts end to the microsecond from now on, as far as the system can, at the price of another system call a
    /// poll. Until then they may end a millisecond late.
    fn be_precise(&mut self) {}

    /// The monotonic time since this poller was made.
    fn now(&self) -> Time;

    /// What the clock on the wall shows, since the beginning of 1970.
    fn wall_time(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// The processor time that the calling thread has had; `None` where the system does not count it.
    fn processor_time(&self) -> Option<Duration> {
        None
    }

    /// The way to interrupt [`poll`](Poller::poll).
    fn waker(&self) -> WakeUp;
}

/// A [`Poller`] and the sockets it watches. A socket is watched for reading and writing from when it is given a token
/// until it is dropped.
pub trait Net: Poller + Sized + 'static {
    /// A TCP connection.
    type Stream: Stream;
    /// A TCP listener.
    type Listener: Listener<Stream = Self::Stream>;
    /// A UDP socket.
    type Udp: Udp;

    /// A listener bound to `at`; an IPv6 one takes IPv6 only, unless it is on every address: `[::]` takes IPv4 too.
    ///
    /// # Errors
    /// As the operating system has it.
    fn listen(&mut self, at: SocketAddr) -> io::Result<Self::Listener>;

    /// A datagram socket bound to `at`, with families as those of a listener.
    ///
    /// # Errors
    /// As the operating system has it.
    fn bind_udp(&mut self, at: SocketAddr) -> io::Result<Self::Udp>;

    /// Begins to connect. The first `writable` says that it was decided: then [`Stream::take_error`] and
    /// [`Stream::peer_addr`] say how.
    ///
    /// # Errors
    /// What could be told at once.
    fn connect(&mut self, to: SocketAddr) -> io::Result<Self::Stream>;

    /// Watches a connection.
    ///
    /// # Errors
    /// As the operating system has it.
    fn watch_stream(&mut self, stream: &mut Self::Stream, token: Token) -> io::Result<()>;

    /// Watches a listener.
    ///
    /// # Errors
    /// As the operating system has it.
    fn watch_listener(&mut self, listener: &mut Self::Listener, token: Token) -> io::Result<()>;

    /// Watches a datagram socket.
    ///
    /// # Errors
    /// As the operating system has it.
    fn watch_udp(&mut self, socket: &mut Self::Udp, token: Token) -> io::Result<()>;
}

/// A non-blocking TCP connection.
#[allow(clippy::missing_errors_doc, reason = "each call fails as the operating system's does")]
pub trait Stream {
    /// Reads; 0 octets are the end.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Writes a prefix of `slices`, one after the other.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Says that nothing more will be written.
    fn shutdown_write(&mut self) -> io::Result<()>;
    /// Takes the error that is pending, as a refused connect leaves one.
    fn take_error(&mut self) -> io::Result<Option<io::Error>>;
    /// The other end; an error while not connected.
    fn peer_addr(&self) -> io::Result<SocketAddr>;
    /// This end.
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// Sends small writes at once, and gives a peer up that acknowledges nothing for `patience`.
    fn prepare(&mut self, patience: Duration) -> io::Result<()>;
}

/// A non-blocking TCP listener.
#[allow(clippy::missing_errors_doc, reason = "each call fails as the operating system's does")]
pub trait Listener {
    /// What it accepts.
    type Stream;
    /// The next connection and its other end.
    fn accept(&mut self) -> io::Result<(Self::Stream, SocketAddr)>;
    /// Where it listens.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A non-blocking UDP socket.
#[allow(clippy::missing_errors_doc, reason = "each call fails as the operating system's does")]
pub trait Udp {
    /// The next datagram, cut to `into`, and its sender.
    fn recv_from(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
    /// Sends a datagram whole or not at all.
    fn send_to(&mut self, payload: &[u8], to: SocketAddr) -> io::Result<usize>;
    /// Where it is bound.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}
