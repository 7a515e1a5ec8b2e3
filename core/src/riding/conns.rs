//! The driver's connections: whose each is, and whether it is read. What arrives is handed over frame by frame, so that what
//! one machine says upon a frame is done before the next is heard, however reads were split.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::kernel::{ConnId, Output};

/// Which of the two machines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Overlay,
    Gossip,
}

impl Side {
    /// Where the next frame ends in a buffer of which so much was seen and left, at the latest: of the overlay at the end of
    /// a line, of gossip where a length says.
    pub(super) fn cut(self, buffer: &[u8], seen: usize) -> usize {
        let end = match self {
            Side::Overlay => memchr::memchr(b'\n', &buffer[seen..]).map(|at| seen + at + 1),
            Side::Gossip => {
                buffer.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)).max(4))
            }
        };
        end.map_or(buffer.len(), |end| end.min(buffer.len()))
    }
}

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Open {
    side: Side,
    is_read: bool,
    is_closed: bool,
}

/// Those whose end the driver has not told.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<ConnId, Open>);

impl Owners {
    /// A connection has opened.
    pub(super) fn opened(&mut self, conn: ConnId, side: Side) {
        self.0.insert(conn, Open { side, is_read: true, is_closed: false });
    }

    /// One has ended; whose it was.
    pub(super) fn ended(&mut self, conn: ConnId) -> Option<Side> {
        self.0.remove(&conn).map(|open| open.side)
    }

    /// Whose one is.
    pub(super) fn side(&self, conn: ConnId) -> Option<Side> {
        self.0.get(&conn).map(|open| open.side)
    }

    /// Whether what has arrived on it is to be handed over.
    pub(super) fn is_read(&self, conn: ConnId) -> bool {
        self.0.get(&conn).is_some_and(|open| open.is_read)
    }

    /// Notes what a machine wants done with one.
    pub(super) fn note<E>(&mut self, output: &Output<E>) {
        match output {
            Output::Reading { conn, on } => {
                self.0.entry(*conn).and_modify(|open| open.is_read = *on);
            }
            Output::Close { conn, .. } => {
                self.0.entry(*conn).and_modify(|open| open.is_closed = true);
            }
            _ => {}
        }
    }

    /// Those of a machine that are not closed, which are closed now.
    pub(super) fn close_all(&mut self, side: Side) -> Vec<ConnId> {
        let open = self.0.iter_mut().filter(|(_, open)| open.side == side && !open.is_closed);
        let close = |(conn, open): (&ConnId, &mut Open)| {
            open.is_closed = true;
            *conn
        };
        open.map(close).collect()
    }
}
