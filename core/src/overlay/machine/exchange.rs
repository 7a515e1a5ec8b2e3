//! Databases compared: when a link comes up, and every minute.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Overlay, Timer};
use crate::kernel::Class;
use crate::overlay::database::Compared;
use crate::overlay::names::NodeId;
use crate::overlay::wire::{Ask, Packet, Sum};

/// Octets of records sent in answer to one ASK; the rest follows the next comparison, which is sent along.
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
                for part in parts {
                    self.tell(id, &Packet::Sum(part));
                }
            }
        }
    }

    /// ASK: sends what is newer here, or missing there.
    pub(super) fn asked(&mut self, id: NodeId, ask: &Ask) {
        let Some(conn) = self.links.get(&id).map(|l| l.conn) else { return };
        let mut frames: Vec<Bytes> = Vec::new();
        let mut octets = 0;
        let mut whole = true;
        for entry in self.database.newer_than(ask) {
            if octets > ANSWER {
                whole = false;
                break;
            }
            let frame = entry.upt().frame(entry.age(self.now));
            octets += frame.len();
            frames.push(frame);
        }
        for frame in frames {
            self.send_encoded(conn, Class::Control, &frame);
        }
        if !whole {
            let sum = self.database.sum(ask.range);
            self.tell(id, &Packet::Sum(sum));
        }
    }
}
