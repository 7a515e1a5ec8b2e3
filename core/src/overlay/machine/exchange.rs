//! Databases compared: when a link comes up, and every minute.

use alloc::vec::Vec;

use bytes::Bytes;

use super::streams::Kind;
use super::{Overlay, Timer};
use crate::kernel::{Class, ConnId};
use crate::overlay::database::{Compared, EVERYTHING};
use crate::overlay::names::NodeId;
use crate::overlay::wire::{Ask, Packet, Sum};

/// Octets of records sent in answer to one ASK; the sum of the rest is sent along. While as much waits for the peer to
/// read it, nothing is answered: databases are compared again once it has.
const ANSWER: usize = 256 << 10;

impl Overlay {
    pub(super) fn start_exchanging(&mut self) {
        let period = self.config.periods.exchange;
        let first = self.random.timing.between(period / 2, period);
        self.timers.set(Timer::Exchange, self.now + first);
    }

    pub(super) fn exchange_all(&mut self) {
        let next = self.random.timing.jittered(self.config.periods.exchange, 10);
        self.timers.set(Timer::Exchange, self.now + next);
        let neighbours: Vec<NodeId> = self.links.keys().copied().collect();
        for id in neighbours {
            self.compare(id);
        }
    }

    /// Tells a neighbour in short what this node has.
    pub(super) fn compare(&mut self, id: NodeId) {
        let sum = self.database.sum(None);
        self.tell(id, &Packet::Sum(sum));
    }

    fn tell(&mut self, id: NodeId, packet: &Packet) {
        if let Some(conn) = self.links.get(&id).map(|l| l.conn) {
            self.send_packet(conn, Class::Control, packet);
        }
    }

    /// SUM: asks for what differs, or narrows it down.
    pub(super) fn summed(&mut self, id: NodeId, theirs: &Sum) {
        match self.database.compare(theirs) {
            Compared::Equal => {}
            Compared::Ask(ask) => self.tell(id, &Packet::Ask(ask)),
            Compared::Parts(parts) => {
                let Some(conn) = self.links.get(&id).map(|l| l.conn) else { return };
                for part in parts {
                    self.answer_packet(conn, Class::Control, &Packet::Sum(part));
                }
            }
        }
    }

    /// ASK: sends what is newer here, or missing there.
    pub(super) fn asked(&mut self, id: NodeId, ask: &Ask) {
        let Some(conn) = self.links.get(&id).map(|l| l.conn) else { return };
        if self.backlog(conn) > ANSWER {
            if let Some(state) = self.conns.get_mut(&conn) {
                state.owes_sum = true;
            }
            return;
        }
        let (frames, next) = self.answer(ask);
        for frame in frames {
            self.answer_encoded(conn, Class::Control, &frame);
        }
        if let Some(next) = next {
            let last = ask.range.map_or(EVERYTHING.1, |(_, last)| last);
            let sum = self.database.sum(Some((next, last)));
            self.tell(id, &Packet::Sum(sum));
        }
    }

    /// Records to be sent in answer to an ASK, and where the rest of them begins if that is not all.
    fn answer(&self, ask: &Ask) -> (Vec<Bytes>, Option<NodeId>) {
        let mut frames: Vec<Bytes> = Vec::new();
        let mut octets = 0;
        for entry in self.database.newer_than(ask).chain(self.database.conflicting(ask)) {
            if octets > ANSWER {
                return (frames, Some(entry.id()));
            }
            let frame = entry.upt().frame(entry.age(self.now));
            octets += frame.len();
            frames.push(frame);
        }
        (frames, None)
    }

    /// The peer has read all that waited for it: what it asked for meanwhile is made good.
    pub(super) fn make_good(&mut self, conn: ConnId) {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.owes_sum && c.outbox.is_empty()) else {
            return;
        };
        state.owes_sum = false;
        if let Kind::Link(id) = state.kind {
            self.compare(id);
        }
    }
}
