//! The half that writes.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use egoist_core::gossip::wire::{MAX_DATA, write};

use super::ClientError;
use super::connection::Connection;
use super::error::{ended, timed_out};
use super::pacing::Pace;

/// How long a frame waits for a node that reads nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What a module says to its node. Clones say it on the same connection, frame after frame; each call returns once its frame is
/// with the operating system. Whether a node has done what it was told is not said.
#[derive(Clone, Debug)]
pub struct Sender {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stream: Arc<Connection>,
    /// Held by who writes, for a whole frame.
    turn: Mutex<Option<Pace>>,
}

impl Sender {
    pub(super) fn new(stream: Arc<Connection>) -> Self {
        Sender { shared: Arc::new(Shared { stream, turn: Mutex::new(None) }) }
    }

    /// A frame is one segment where it fits in one: gossip-python takes what it reads at once for whole frames.
    pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))
    }

    pub(super) fn pace(&self) {
        *self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(Pace::default());
    }

    /// Announces data of a type to all peers. A TTL of 0 has no bound. gossip-python drops what it keeps already, and
    /// understands any other TTL as 0, but for 1: that is told to nobody by the first who hears it.
    ///
    /// # Errors
    /// [`ClientError::TooLong`] above 65,527 octets; that the connection has ended.
    pub fn announce(&self, ttl: u8, data_type: u16, data: &[u8]) -> Result<(), ClientError> {
        if data.len() > MAX_DATA {
            return Err(ClientError::TooLong(data.len()));
        }
        self.say(&write::announce(ttl, 0, data_type, data))
    }

    /// Subscribes to a type. What the node keeps of it follows at once.
    ///
    /// # Errors
    /// That the connection has ended.
    pub fn notify(&self, data_type: u16) -> Result<(), ClientError> {
        self.shared.stream.subscribes();
        self.say(&write::notify(data_type))
    }

    /// Says whether the message of a notification is valid: a node passes it on if it is, and forgets it if not. The first
    /// verdict holds; one about an unknown id means nothing.
    ///
    /// # Errors
    /// That the connection has ended.
    pub fn verdict(&self, id: u16, valid: bool) -> Result<(), ClientError> {
        self.say(&write::validation(id, valid))
    }

    /// The message of a notification is valid.
    ///
    /// # Errors
    /// See [`verdict`](Sender::verdict).
    pub fn accept(&self, id: u16) -> Result<(), ClientError> {
        self.verdict(id, true)
    }

    /// The message of a notification is not valid.
    ///
    /// # Errors
    /// See [`verdict`](Sender::verdict).
    pub fn reject(&self, id: u16) -> Result<(), ClientError> {
        self.verdict(id, false)
    }

    /// Writes a frame. One that was not written whole is the connection's last.
    fn say(&self, frame: &[u8]) -> Result<(), ClientError> {
        let mut turn = self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = turn.as_mut() {
            pace.wait();
        }
        let written = (&**self.shared.stream).write_all(frame);
        if let Some(pace) = turn.as_mut() {
            pace.sent(frame.len());
        }
        written.map_err(|error| {
            // It may have ended already.
            let _ = self.shared.stream.shutdown(Shutdown::Both);
            if timed_out(&error) { ClientError::Stuck } else { ended(error) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_node_that_reads_nothing_ends_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(10))).unwrap();
        let sender = Sender::new(Arc::new(Connection::new(stream)));
        let stuck = (0..).find_map(|_| sender.announce(0, 7, &[0; MAX_DATA]).err()).unwrap();
        assert!(matches!(stuck, ClientError::Stuck), "{stuck:?}");
        assert!(stuck.to_string().contains("30 s"), "{stuck}");
        assert!(matches!(sender.notify(7), Err(ClientError::Closed)));
    }
}
