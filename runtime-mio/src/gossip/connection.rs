//! The connection that both halves share, and its orderly end.

use std::io::{ErrorKind, Read as _};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a node that has been told of the end may say nothing until it is taken to have understood. gossip-python closes
/// its side only when the next module comes.
const QUIET: Duration = Duration::from_millis(500);
/// How long it may go on after that it was told.
const FAREWELL: Duration = Duration::from_secs(2);
const PIECE: usize = 16_384;

/// A connection to a node. When it is dropped the node is told, and what it still says is read: an operating system resets a
/// connection that is closed with anything unread, and the one process by which a gossip-python sends to all its modules
/// ends when it writes to a connection that was reset.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Whether the node may have anything to say.
    subscribed: AtomicBool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Connection { stream, subscribed: AtomicBool::new(false) }
    }

    /// The node will be asked to say something.
    pub(super) fn subscribes(&self) {
        self.subscribed.store(true, Ordering::Relaxed);
    }

    /// Reads until the node closes, is quiet, or has gone on for too long.
    fn hear_out(&self) {
        let begin = Instant::now();
        let mut piece = [0; PIECE];
        if self.stream.set_read_timeout(Some(QUIET)).is_err() {
            return;
        }
        while begin.elapsed() < FAREWELL {
            match (&self.stream).read(&mut piece) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

impl Deref for Connection {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let told = self.stream.shutdown(Shutdown::Write);
        if told.is_ok() && *self.subscribed.get_mut() {
            self.hear_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread::spawn;

    /// A connection and its other end.
    fn pair() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Connection::new(stream), listener.accept().unwrap().0)
    }

    #[test]
    fn who_still_writes_is_read_until_it_has_closed() {
        let (connection, mut node) = pair();
        connection.subscribes();
        node.write_all(&[0; 100_000]).unwrap();
        let node = spawn(move || {
            assert_eq!(node.read(&mut [0]).unwrap(), 0);
            (0..100).for_each(|_| node.write_all(&[0; 1_000]).unwrap());
        });
        drop(connection);
        node.join().unwrap();
    }

    #[test]
    fn who_neither_closes_nor_says_anything_is_left() {
        let (connection, mut node) = pair();
        connection.subscribes();
        drop(connection);
        assert_eq!(node.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn who_never_stops_is_left() {
        let (connection, mut node) = pair();
        connection.subscribes();
        let node = spawn(move || while node.write_all(&[0; 1_000]).is_ok() {});
        drop(connection);
        node.join().unwrap();
    }

    #[test]
    fn who_was_not_asked_for_anything_is_not_waited_for() {
        let at_once = (0..5).any(|_| {
            let (connection, _node) = pair();
            let begin = Instant::now();
            drop(connection);
            begin.elapsed() < QUIET
        });
        assert!(at_once);
    }
}
