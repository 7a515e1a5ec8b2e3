//! Who the others are.

use alloc::vec::Vec;
use core::time::Duration;

use super::interface::{Refusal, Reply};
use super::machine::Mesh;
use super::native::Word;
use super::peer::{Due, dialable_at, ids, links, peer_mut, peers, with};
use super::wire::{Message, NodeId, Peer as Row, TextKind};
use crate::kernel::{CloseHow, ConnId, Fault, Why};

const UNWANTED: Why = Why { fault: Fault::Nobody, what: "no more wanted" };

impl Mesh {
    /// The peers, as py2p lists them: who is told among them, and this node not.
    pub(super) fn say_peers(&mut self, conn: ConnId) {
        let Some(kind) = self.conns.get(conn).and_then(|open| open.state.greeted) else { return };
        let mut rows: Vec<Row> = peers(&self.conns)
            .filter(|(_, peer)| !peer.is_second)
            .map(|(_, peer)| Row { addr: peer.listens.clone(), id: peer.id.text(kind) })
            .collect();
        self.rng.shuffle(&mut rows);
        rows.truncate(self.config.max_rows);
        self.say(conn, &Message::Peers(rows));
    }

    pub(super) fn heard_peers(&mut self, rows: &[Row]) {
        for row in &rows[..rows.len().min(self.config.max_rows)] {
            let Ok(id) = NodeId::read(row.id.octets()) else { continue };
            if let Some(addr) = dialable_at(&row.addr).filter(|_| id != self.id) {
                self.book.learn(addr, Some(id));
            }
        }
    }

    pub(super) fn request_peers(&mut self) -> Reply {
        for conn in links(&self.conns) {
            self.ask_for_peers(conn);
        }
        Reply::Sent { peers: ids(&self.conns).count() }
    }

    /// The star is of the kind in which the peer speaks: py2p on Python 3 knows no other, and comes to harm by it.
    fn ask_for_peers(&mut self, conn: ConnId) {
        let kind = self.conns.get(conn).and_then(|open| open.state.greeted);
        self.say(conn, &Message::PeersRequest(kind.unwrap_or(TextKind::Bin)));
    }

    /// Asks one who the others are, if there are too few.
    pub(super) fn find_others(&mut self) {
        let all = links(&self.conns);
        if !all.is_empty() && ids(&self.conns).count() < self.config.want_peers {
            let conn = all[self.rng.index(all.len())];
            self.ask_for_peers(conn);
        }
    }

    /// Closes the connections with a peer, which is not dialled again before the longest pause is over.
    pub(super) fn disconnect(&mut self, id: NodeId) -> Result<Reply, Refusal> {
        let all: Vec<ConnId> = with(&self.conns, &id).collect();
        if all.is_empty() {
            return Err(Refusal::NoPeer);
        }
        for conn in all {
            self.close(conn, CloseHow::Flush, UNWANTED);
        }
        let known: Vec<_> =
            self.book.iter().filter(|known| known.id == Some(id)).map(|known| known.addr).collect();
        for addr in known {
            self.book.met_elsewhere(addr, &id);
        }
        Ok(Reply::Done)
    }

    /// Nothing was heard of a peer for a while: it is asked for what it is bound to answer.
    pub(super) fn ping(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        let quiet_from = peer.heard + self.config.ping_period;
        if quiet_from > now {
            return self.deadlines.set(Due::Ping(conn), quiet_from);
        }
        self.probe(conn, self.config.ping_period);
    }

    /// Asks for something that is bound to be answered in time.
    pub(super) fn probe(&mut self, conn: ConnId, time: Duration) {
        let Some(peer) = peer_mut(&mut self.conns, conn).filter(|peer| !peer.is_probed) else { return };
        peer.is_probed = true;
        let is_native = peer.is_native();
        self.deadlines.cancel(Due::Ping(conn));
        self.deadlines.after(Due::Pong(conn), time);
        if is_native {
            self.say(conn, &Message::Native(Word::Ping.values()));
        } else {
            self.ask_for_peers(conn);
        }
    }
}
