//! The half that reads.

use std::io::{self, Read as _};
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use egoist_core::gossip::wire::{Message, next_frame};

use super::ClientError;
use super::connection::Connection;
use super::error::{ended, timed_out};

/// How much is read at once.
const PIECE: usize = 16_384;

/// A message that a node tells a subscriber of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// By which this node names it in a verdict; other nodes have other ids.
    pub id: u16,
    /// What kind of data.
    pub data_type: u16,
    /// At most 65,527 octets.
    pub data: Vec<u8>,
}

/// What a node says to a module, in the order of its arrival. It ends when the node closes the connection, and after any error
/// but [`ClientError::Silence`]. At most one frame and one read are kept, of 64 and 16 KiB.
#[derive(Debug)]
pub struct Notifications {
    stream: Arc<Connection>,
    buffer: BytesMut,
    ended: bool,
}

impl Notifications {
    pub(super) fn new(stream: Arc<Connection>) -> Self {
        Notifications { stream, buffer: BytesMut::new(), ended: false }
    }

    /// See [`Client::set_timeout`](super::Client::set_timeout).
    ///
    /// # Errors
    /// See there.
    pub fn set_timeout(&self, silence: Option<Duration>) -> Result<(), ClientError> {
        let least = Duration::from_micros(1);
        self.stream.set_read_timeout(silence.map(|silence| silence.max(least))).map_err(ended)
    }

    /// The next that has arrived whole. Frames that are not for modules are left out, as they say nothing.
    fn arrived(&mut self) -> Result<Option<Notification>, ClientError> {
        while let Some(frame) = next_frame(&mut self.buffer)? {
            if let Message::Notification { id, data_type, data } = Message::read(&frame)? {
                return Ok(Some(Notification { id, data_type, data: data.to_vec() }));
            }
        }
        Ok(None)
    }

    /// Reads once; how much.
    fn fill(&mut self) -> Result<usize, ClientError> {
        let mut piece = [0; PIECE];
        loop {
            match (&**self.stream).read(&mut piece) {
                Ok(n) => {
                    self.buffer.extend_from_slice(&piece[..n]);
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if timed_out(&error) => return Err(ClientError::Silence),
                Err(error) => return Err(ended(error)),
            }
        }
    }

    fn read(&mut self) -> Result<Option<Notification>, ClientError> {
        loop {
            if let Some(notification) = self.arrived()? {
                return Ok(Some(notification));
            }
            if self.fill()? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ClientError::CutShort) };
            }
        }
    }
}

impl Iterator for Notifications {
    type Item = Result<Notification, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read();
        self.ended = !matches!(next, Ok(Some(_)) | Err(ClientError::Silence));
        if self.ended {
            self.buffer = BytesMut::new();
        }
        next.transpose()
    }
}

impl FusedIterator for Notifications {}

#[cfg(test)]
mod tests {
    use super::*;
    use egoist_core::gossip::wire::{MAX_DATA, write};
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};
    use std::thread::spawn;

    #[test]
    fn what_is_kept_is_bounded_by_a_frame_and_a_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut node = listener.accept().unwrap().0;
        let speaker = spawn(move || {
            for id in 0..200 {
                node.write_all(&write::notification(id, 7, &vec![0; MAX_DATA - usize::from(id)])).unwrap();
            }
        });
        let mut notifications = Notifications::new(Arc::new(Connection::new(stream)));
        while let Some(next) = notifications.next() {
            next.unwrap();
            assert!(notifications.buffer.capacity() <= 4 * (65_535 + PIECE));
        }
        speaker.join().unwrap();
    }
}
