//! Databases compared: when a link comes up, and every minute.

use alloc::vec::Vec;

use bytes::Bytes;

use super::streams::Kind;
use super::{Overlay, Timer};
use crate::kernel::{Class, ConnId};
use crate::overlay::database::{Compared, Entry, SMALL};
use crate::overlay::names::NodeId;
use crate::overlay::wire::{Ask, Have, Packet, Range, Sum};

/// Octets of records sent in answer to one ASK, or of the graph at once; the sum of the rest is sent along. While as much
/// waits for the peer to read it, nothing is answered: databases are compared again once it has.
pub(super) const ANSWER: usize = 256 << 10;

impl Overlay {
    pub(super) fn start_exchanging(&mut self) {
        let period = self.config.periods.exchange;
        let first = self.random.timing.between(period / 2, period);
        self.timers.after(Timer::Exchange, first);
    }

    pub(super) fn exchange_all(&mut self) {
        let next = self.random.timing.jittered(self.config.periods.exchange, 10);
        self.timers.after(Timer::Exchange, next);
        let neighbours: Vec<NodeId> = self.links.keys().copied().collect();
        for id in neighbours {
            self.compare(id);
        }
    }

    /// Tells a neighbour in short what this node has.
    pub(super) fn compare(&mut self, id: NodeId) {
        let sum = self.database.sum(None);
        if let Some(conn) = self.links.get(&id).map(|l| l.conn) {
            self.send_packet(conn, Class::Control, &Packet::Sum(sum));
        }
    }

    /// SUM: asks for what differs, or narrows it down. Who has nothing is asked for nothing, and who has little for all of
    /// it: that is shorter than to name what is here.
    pub(super) fn summed(&mut self, id: NodeId, theirs: &Sum) {
        let Some(conn) = self.links.get(&id).map(|l| l.conn) else { return };
        if theirs.count == 0 || self.room_to_answer(conn) == 0 {
            return;
        }
        if theirs.range.is_none() {
            let conflicts = self.differs_as_before(conn, theirs);
            if let Some(state) = self.conns.get_mut(&conn) {
                state.conflicts = conflicts;
            }
        }
        match self.database.compare(theirs) {
            Compared::Equal => {}
            Compared::Ask(mut ask) => {
                if ask.have.len() > SMALL as usize {
                    ask = Ask { range: theirs.range, have: Have::default() };
                }
                self.answer_packet(conn, Class::Control, &Packet::Ask(ask));
                self.settle_conflicts(conn, theirs);
            }
            Compared::Parts(parts) => {
                for part in parts {
                    self.answer_packet(conn, Class::Control, &Packet::Sum(part));
                }
            }
        }
    }

    /// Keys alone are asked for: where they do not tell records apart, the records are sent, and the larger hash stays.
    fn settle_conflicts(&mut self, conn: ConnId, theirs: &Sum) {
        if !self.conns.get(&conn).is_some_and(|state| state.conflicts) || theirs.count > SMALL {
            return;
        }
        let room = self.room_to_answer(conn);
        let (frames, _) = self.encoded(room, self.database.within(theirs.range));
        for frame in frames {
            self.answer_encoded(conn, Class::Control, &frame);
        }
    }

    /// ASK: sends what is newer here, or missing there.
    pub(super) fn asked(&mut self, id: NodeId, ask: &Ask) {
        let Some(conn) = self.links.get(&id).map(|l| l.conn) else { return };
        if let Some(state) = self.conns.get_mut(&conn).filter(|state| state.outbox.waiting() > ANSWER) {
            state.owes_sum = true;
            return;
        }
        let room = self.room_to_answer(conn);
        if room == 0 {
            return;
        }
        let (frames, next) = self.encoded(room, self.database.newer_than(ask));
        for frame in frames {
            self.answer_encoded(conn, Class::Control, &frame);
        }
        let last = ask.range.unwrap_or(Range::ALL).last();
        if let Some(rest) = next.and_then(|next| Range::new(next, last)) {
            let sum = self.database.sum(Some(rest));
            self.answer_packet(conn, Class::Control, &Packet::Sum(sum));
        }
    }

    /// Whether everything differs by the very records by which it did before: what is on its way never differs twice by
    /// the same, but records that stand under an equal key at both ends do.
    fn differs_as_before(&mut self, conn: ConnId, theirs: &Sum) -> bool {
        let ours = self.database.sum(None);
        let Some(state) = self.conns.get_mut(&conn) else { return false };
        let by =
            (ours.count == theirs.count).then_some(ours.digest.0 ^ theirs.digest.0).filter(|by| *by != 0);
        core::mem::replace(&mut state.differed_by, by) == by && by.is_some()
    }

    /// Records as they are sent, about as many as there is room for and no more than [`ANSWER`] octets of them, and where
    /// the rest begins.
    fn encoded<'a>(
        &self,
        room: usize,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> (Vec<Bytes>, Option<NodeId>) {
        let mut frames: Vec<Bytes> = Vec::new();
        let mut octets = 0;
        for entry in entries {
            if octets >= room.min(ANSWER) {
                return (frames, Some(entry.id()));
            }
            let frame = entry.upt().frame(entry.age(self.timers.now()));
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
        if matches!(state.kind, Kind::Link(_)) && self.room_to_answer(conn) > 0 {
            let sum = self.database.sum(None);
            self.answer_packet(conn, Class::Control, &Packet::Sum(sum));
        }
    }
}
