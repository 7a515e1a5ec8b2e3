//! The connections of the honest node that a liar hides behind: which are links, and whose octets are on them.

use alloc::collections::{BTreeMap, VecDeque};

use crate::kernel::ConnId;

/// The first octets of a greeting.
const GREETING: &[u8] = b"LNK@";

/// What is known of each connection.
#[derive(Default)]
pub(super) struct Wires(BTreeMap<ConnId, Wire>);

#[derive(Default)]
struct Wire {
    /// Whether this end has greeted, and the other.
    greeted: bool,
    answered: bool,
    unflushed: VecDeque<Unflushed>,
}

/// A frame on its way: how many octets are left of it, and how many the honest node has said in its place.
struct Unflushed {
    left: usize,
    honest: usize,
}

impl Wires {
    /// Those on which both ends have greeted.
    pub(super) fn links(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.0.iter().filter(|(_, wire)| wire.greeted && wire.answered).map(|(conn, _)| *conn)
    }

    /// The honest node says this.
    pub(super) fn said(&mut self, conn: ConnId, frame: &[u8]) {
        self.0.entry(conn).or_default().greeted |= frame.starts_with(GREETING);
    }

    /// The other end says this.
    pub(super) fn received(&mut self, conn: ConnId, bytes: &[u8]) {
        self.0.entry(conn).or_default().answered |= bytes.starts_with(GREETING);
    }

    /// So many octets are sent, in place of so many of the honest node.
    pub(super) fn sent(&mut self, conn: ConnId, octets: usize, honest: usize) {
        self.0.entry(conn).or_default().unflushed.push_back(Unflushed { left: octets, honest });
    }

    /// So many octets have left; how many that is for the honest node. Frames count once they have left in full.
    pub(super) fn flushed(&mut self, conn: ConnId, mut n: usize) -> usize {
        let Some(wire) = self.0.get_mut(&conn) else { return n };
        let mut honest = 0;
        while let Some(frame) = wire.unflushed.front_mut() {
            if frame.left > n {
                frame.left -= n;
                break;
            }
            n -= frame.left;
            honest += frame.honest;
            wire.unflushed.pop_front();
        }
        honest
    }

    /// It is gone, or about to go.
    pub(super) fn closed(&mut self, conn: ConnId) {
        self.0.remove(&conn);
    }
}
