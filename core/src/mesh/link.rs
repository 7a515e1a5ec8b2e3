//! Connections with nodes, for the machine around this one.

use alloc::collections::BTreeSet;
use core::net::SocketAddr;

use super::machine::Mesh;
use super::peer::{dialable_at, liveliest, peers, with};
use super::wire::{Message, NodeId};
use crate::kernel::{ConnId, NotDialled, Outbox};

impl Mesh {
    /// The connection on which a node of this project is told something. Of two it is the one that both ends keep.
    fn link(&self, id: &NodeId) -> Option<ConnId> {
        let dialed =
            |conn: &ConnId| self.conns.get(*conn).is_some_and(|open| open.origin().dialed().is_some());
        let kept = with(&self.conns, id).find(|conn| dialed(conn) == self.keeps_dialed(id));
        kept.or_else(|| liveliest(&self.conns, id))
    }

    /// Says something to a node of this project, unless it is no peer, or takes too little: whether it was said.
    pub(super) fn tell(&mut self, id: &NodeId, message: &Message) -> bool {
        let Some(conn) = self.link(id) else { return false };
        let most = self.config.backlog.control / 2;
        if self.conns.outbox(conn).map_or(0, Outbox::pressing) > most {
            return false;
        }
        self.say(conn, message);
        true
    }

    /// Where a peer says that it listens, if that can be dialled.
    pub(super) fn listens(&self, id: &NodeId) -> Option<SocketAddr> {
        peers(&self.conns).find(|(_, peer)| peer.id == *id).and_then(|(_, peer)| dialable_at(&peer.listens))
    }

    /// Dials an address, unless that is under way.
    ///
    /// # Errors
    /// It is not dialled.
    pub(super) fn reach(&mut self, addr: SocketAddr) -> Result<(), NotDialled> {
        match self.connect(addr) {
            Err(super::Refusal::NotDialled(NotDialled::Already)) | Ok(_) => Ok(()),
            Err(super::Refusal::NotDialled(why)) => Err(why),
            Err(_) => Err(NotDialled::NoRoom),
        }
    }

    /// These are not given up for others.
    pub(super) fn keep(&mut self, nodes: BTreeSet<NodeId>) {
        self.kept = nodes;
    }
}
