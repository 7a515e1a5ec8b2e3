//! One control client: its socket, what it said without an end, and what it has not read.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;

use bytes::{Buf as _, Bytes, BytesMut};
use egoist_core::kernel::{LineScanner, LineTooLong, Terminator};
use mio::net::UnixStream;

use super::clients::Share;

/// Octets of a request's line.
const LINE: usize = 1 << 20;
/// Octets that may wait for a client to read them before it is given more; beyond, it is dropped.
const BACKLOG: usize = 4 << 20;
/// Octets read from a client in a turn.
pub(super) const READ: usize = 64 << 10;

/// A client.
pub(super) struct Client {
    stream: UnixStream,
    lines: LineScanner,
    unread: BytesMut,
    unsent: BytesMut,
    share: Share,
    gone: bool,
}

impl Client {
    pub(super) fn new(stream: UnixStream, share: Share) -> Self {
        let lines = LineScanner::new(Terminator::Lf, LINE);
        Client { stream, lines, unread: BytesMut::new(), unsent: BytesMut::new(), share, gone: false }
    }

    /// Octets of it that are in memory; the buffers around them may take twice as much.
    pub(super) fn held(&self) -> usize {
        self.share.get()
    }

    /// Whether it is dropped.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Reads within a turn's budget; whether there may be more.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 8192];
        let mut budget = READ;
        while budget > 0 && !self.gone {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    self.unread.extend_from_slice(&piece[..n]);
                    budget = budget.saturating_sub(n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The next whole line.
    ///
    /// # Errors
    /// It is too long.
    pub(super) fn line(&mut self) -> Result<Option<Bytes>, LineTooLong> {
        if self.gone {
            return Ok(None);
        }
        let line = self.lines.next_line(&mut self.unread);
        if self.unread.is_empty() {
            self.unread = BytesMut::new();
        }
        self.count();
        line
    }

    /// Sends a line, which lacks its end.
    pub(super) fn push(&mut self, line: &str) {
        if self.gone {
            return;
        }
        if self.unsent.len() > BACKLOG {
            tracing::warn!("a control client does not read and is dropped");
            return self.give_up();
        }
        self.unsent.extend_from_slice(line.as_bytes());
        self.unsent.extend_from_slice(b"\n");
        self.flush();
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) {
        while !self.gone && !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => self.unsent.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.count(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.give_up(),
            }
        }
        self.unsent = BytesMut::new();
        self.count();
    }

    /// Drops it. The hang-up that follows makes the poller report the client, and its source takes it out of the loop.
    pub(super) fn give_up(&mut self) {
        self.gone = true;
        self.stream.shutdown(Shutdown::Both).ok();
        (self.unread, self.unsent) = (BytesMut::new(), BytesMut::new());
        self.count();
    }

    fn count(&mut self) {
        self.share.set(self.unread.len() + self.unsent.len());
    }
}
