//! Who comes while what was kept is still read back: nobody is spoken to before.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::SocketAddr;

use super::machine::Chord;
use crate::kernel::{CloseHow, ConnId, Fault, How, Input, Machine as _, Output, Why};

const NOT_READY: Why = Why { fault: Fault::Own, what: "too many connections before this node is ready" };

/// Connections that the mesh does not know of yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    held: BTreeMap<ConnId, (How, SocketAddr)>,
    /// Those that there was no room for, until their ends are told.
    refused: BTreeSet<ConnId>,
}

impl Chord {
    /// What happens to connections before this node is ready.
    pub(super) fn wait(&mut self, input: Input<'_>) {
        match input {
            Input::Opened { conn, how, remote } => self.hold(conn, how, remote),
            Input::Closed { conn, .. } => {
                self.waiting.held.remove(&conn);
                self.waiting.refused.remove(&conn);
            }
            // What was on its way before it was not read any more stays where it is.
            Input::Received { conn, bytes } if self.waiting.refused.contains(&conn) => bytes.clear(),
            Input::WallTime { .. } => self.mesh.handle(self.deadlines.now(), input),
            _ => {}
        }
    }

    fn hold(&mut self, conn: ConnId, how: How, remote: SocketAddr) {
        if self.waiting.held.len() < self.config.mesh.max_greeting {
            self.waiting.held.insert(conn, (how, remote));
            self.out.push(Output::Reading { conn, on: false });
        } else {
            self.waiting.refused.insert(conn);
            self.out.push(Output::Close { conn, how: CloseHow::Abort, why: NOT_READY });
        }
    }

    /// Those who wait are let in.
    pub(super) fn let_in(&mut self) {
        let now = self.deadlines.now();
        while let Some((conn, (how, remote))) = self.waiting.held.pop_first() {
            self.mesh.handle(now, Input::Opened { conn, how, remote });
            self.settle();
            self.out.push(Output::Reading { conn, on: true });
        }
    }

    /// Whether the end of a connection is nothing to the mesh.
    pub(super) fn was_refused(&mut self, conn: ConnId) -> bool {
        self.waiting.refused.remove(&conn)
    }
}
