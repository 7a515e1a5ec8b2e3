//! Connections: dialling, segments, windows, ends.

use core::mem;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::super::net::{EPHEMERAL, place};
use super::super::slab::Key;
use super::super::tally::Kind;
use super::super::tcp::{Conn, EndState, Segment, Side, conn_id};
use super::{Condition, Delivery, Event, FollowUp, World};
use crate::kernel::{CloseHow, Closed, ConnId, DialError, How, Input, Machine, Ticket, Time};

/// For how long a closed connection's end goes on reading, so that its last words are not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);
/// For how long an orderly close waits for the peer to make room for what is queued.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

impl<M: Machine> World<M> {
    pub(super) fn dial(&mut self, node: usize, ticket: Ticket, address: SocketAddr, deadline: Time) {
        self.nodes[node].counters.dials += 1;
        let Some((to, at, port)) = place(address) else {
            return self.follow_ups.push_back(FollowUp::Unreachable { ticket });
        };
        self.note_nowhere(port.filter(|_| to < self.nodes.len()));
        let span = u64::from(EPHEMERAL.end - EPHEMERAL.start);
        let from_port = EPHEMERAL.start + u16::try_from(self.dials % span).unwrap_or(0);
        self.dials += 1;
        let port = port.unwrap_or(crate::kernel::Port(u16::MAX));
        let addresses = [self.net.abodes.dials_from(node, from_port), address];
        let key = self.conns.insert(Conn::new(node, ticket, to, port, addresses));
        self.at(self.when(node, deadline), Event::Deadline { conn: key });
        if to >= self.nodes.len() {
            return;
        }
        if self.net.abodes.is_there(to, at) {
            self.transmit(key, Side::Dialler, Segment::Syn);
        } else {
            self.tally.count(Kind::Moved);
        }
    }

    /// Puts a segment on its way, behind those before it; over a cut it waits.
    pub(super) fn transmit(&mut self, key: Key, from: Side, segment: Segment) {
        let Some(c) = self.conns.get_mut(key) else { return };
        if c.severed {
            return self.swallow(key, from, &segment);
        }
        let (a, b) = (c.node(from), c.node(from.other()));
        let end = c.end_mut(from);
        if self.net.is_cut(a, b) {
            self.tally.count(Kind::Cut);
            return end.held.push_back(segment);
        }
        if segment.len() > self.net.widest(a, b) || end.queues_behind(&segment) {
            self.tally.count(Kind::Narrow);
            end.held.push_back(segment);
            return self.stall(key, from);
        }
        let last = end.wire.back().map_or(0, |(at, _)| *at);
        let at = self.now.as_micros().saturating_add(self.net.delay(a, b)).max(last);
        end.wire.push_back((at, segment));
        let alone = at != last;
        if alone {
            self.queue.push(at, Event::Segment { conn: key, from });
        }
    }

    /// A reset, once.
    pub(super) fn reset(&mut self, key: Key, from: Side) {
        let Some(c) = self.conns.get_mut(key) else { return };
        if !c.is_gone(from.other()) && !mem::replace(&mut c.end_mut(from).rst_sent, true) {
            self.transmit(key, from, Segment::Rst);
        }
    }

    pub(super) fn release_held(&mut self, from: usize, to: usize) {
        for key in self.conns.keys() {
            for side in Side::BOTH {
                let Some(c) = self.conns.get_mut(key) else { continue };
                if c.node(side) == from && c.node(side.other()) == to {
                    self.release(key, side);
                }
            }
        }
    }

    fn release(&mut self, key: Key, side: Side) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let stalled = c.end_mut(side).stalled.take();
        for segment in mem::take(&mut c.end_mut(side).held) {
            self.transmit(key, side, segment);
        }
        let Some(c) = self.conns.get_mut(key) else { return };
        if c.end(side).stalled.is_some() && stalled.is_some() {
            // Nothing of it was answered meanwhile.
            c.end_mut(side).stalled = stalled;
        }
    }

    /// Everything that arrives now in one direction of a connection.
    pub(super) fn arrivals(&mut self, key: Key, from: Side) {
        let now = self.now.as_micros();
        while let Some(c) = self.conns.get_mut(key) {
            let wire = &mut c.end_mut(from).wire;
            if wire.front().is_none_or(|(at, _)| *at > now) {
                return;
            }
            if let Some((_, segment)) = wire.pop_front() {
                self.arrive(key, from.other(), segment);
            }
        }
    }

    /// A segment reaches the host of an end.
    pub(super) fn arrive(&mut self, key: Key, to: Side, segment: Segment) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let node = c.node(to);
        let (condition, done) = (self.nodes[node].condition, self.nodes[node].done);
        match segment {
            _ if condition == Condition::Halted => c.end_mut(to.other()).lost = true,
            Segment::Syn if condition == Condition::Down || done || c.port.0 >= self.config.ports => {
                self.transmit(key, to, Segment::Refused);
            }
            Segment::Syn => {
                c.end_mut(to).state = EndState::Pending;
                self.transmit(key, to, Segment::SynAck);
            }
            Segment::SynAck => {
                c.acked = true;
                self.transmit(key, to, Segment::Ack);
                self.now_or_later(node, Delivery::Segment { conn: key, to, segment });
            }
            _ => self.now_or_later(node, Delivery::Segment { conn: key, to, segment }),
        }
    }

    /// Something due reaches the process of an end, if the connection is still there.
    pub(super) fn at_process(&mut self, key: Key, side: Side, delivery: Delivery) {
        if let Some(c) = self.conns.get(key) {
            let node = c.node(side);
            self.now_or_later(node, delivery);
        }
    }

    /// A segment reaches the process of an end.
    pub(super) fn take_segment(&mut self, key: Key, to: Side, segment: Segment) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let port = c.port;
        match (segment, c.end(to).state) {
            (Segment::Data(bytes), EndState::Open) => self.take_data(key, to, &bytes),
            (Segment::Data(bytes), EndState::Closing { .. }) => self.make_room(key, to, bytes.len()),
            (Segment::Data(_), EndState::Gone) => self.reset(key, to),
            (Segment::Room(n), EndState::Open | EndState::Closing { .. }) => self.take_room(key, to, n),
            (Segment::SynAck, EndState::Dialing(ticket)) => self.open(key, to, How::Dialed(ticket)),
            (Segment::Ack, EndState::Pending) => self.open(key, to, How::Accepted(port)),
            (Segment::Refused | Segment::Rst, EndState::Dialing(ticket)) => {
                self.dial_failed(key, ticket, DialError::Refused);
            }
            (Segment::Fin, EndState::Open) if !c.end(to).reading || c.end(to).unread > 0 => {
                c.end_mut(to).fin_waits = true;
            }
            (Segment::Fin, EndState::Open) => self.ended_by_peer(key, to),
            (Segment::Rst, EndState::Open) => self.ended(key, to, Closed::Broken),
            (Segment::Fin | Segment::Rst, EndState::Closing { fin_sent }) => {
                if !fin_sent {
                    self.reset(key, to);
                }
                self.ended(key, to, Closed::ByUs);
            }
            _ => {}
        }
    }

    fn open(&mut self, key: Key, side: Side, how: How) {
        let Some(c) = self.conns.get_mut(key) else { return };
        c.end_mut(side).state = EndState::Open;
        let node = c.node(side);
        let remote = match side {
            Side::Dialler => c.addresses[1],
            Side::Acceptor => c.addresses[0],
        };
        self.feed(node, Input::Opened { conn: conn_id(key, side), how, remote });
    }

    fn take_data(&mut self, key: Key, to: Side, bytes: &Bytes) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let (node, conn) = (c.node(to), conn_id(key, to));
        let end = c.end_mut(to);
        if !end.reading {
            end.unread += bytes.len();
            return end.received.extend_from_slice(bytes);
        }
        let waits = end.unread > 0;
        if waits || !self.reads_at_once(node) {
            return self.take_slowly(key, to, bytes);
        }
        let now = self.shown(node);
        let Some(c) = self.conns.get_mut(key) else { return };
        let end = c.end_mut(to);
        let Some(machine) = self.nodes[node].awake() else { return };
        if end.received.is_empty() {
            // One warm buffer for all connections: most frames leave nothing behind.
            self.scratch.extend_from_slice(bytes);
            machine.handle(now, Input::Received { conn, bytes: &mut self.scratch });
            end.received.extend_from_slice(&self.scratch);
            self.scratch.clear();
        } else {
            end.received.extend_from_slice(bytes);
            machine.handle(now, Input::Received { conn, bytes: &mut end.received });
        }
        self.make_room(key, to, bytes.len());
        self.drain(node);
    }

    pub(super) fn set_reading(&mut self, node: usize, conn: ConnId, on: bool) {
        let Some((key, side)) = self.open_end(node, conn) else { return };
        let Some(c) = self.conns.get_mut(key) else { return };
        let was = mem::replace(&mut c.end_mut(side).reading, on);
        if on && !was {
            self.follow_ups.push_back(FollowUp::Present { conn: key, side });
        }
    }

    /// A slow reader will read it.
    fn take_slowly(&mut self, key: Key, to: Side, bytes: &Bytes) {
        self.tally.count(Kind::SlowReader);
        let Some(c) = self.conns.get_mut(key) else { return };
        c.end_mut(to).unread += bytes.len();
        c.end_mut(to).received.extend_from_slice(bytes);
    }

    /// Shows the buffer again, after reading was turned on, and as much of what arrived since as a slow reader reads.
    pub(super) fn present_again(&mut self, key: Key, side: Side) {
        let Some(c) = self.conns.get(key) else { return };
        let most = if self.reads_at_once(c.node(side)) { usize::MAX } else { 0 };
        self.present(key, side, most);
    }

    /// Shows what the machine has left, and at most so much of what it was not shown; how much.
    pub(super) fn present(&mut self, key: Key, side: Side, most: usize) -> usize {
        let Some(c) = self.conns.get(key) else { return 0 };
        let (node, conn) = (c.node(side), conn_id(key, side));
        let now = self.shown(node);
        let Some(c) = self.conns.get_mut(key) else { return 0 };
        let end = c.end_mut(side);
        if end.state != EndState::Open || !end.reading {
            return 0;
        }
        let read = end.unread.min(most);
        end.unread -= read;
        let rest = end.received.split_off(end.received.len() - end.unread);
        if let Some(machine) = self.nodes[node].awake() {
            machine.handle(now, Input::Received { conn, bytes: &mut end.received });
        }
        end.received.unsplit(rest);
        let ends = end.fin_waits && end.unread == 0;
        self.make_room(key, side, read);
        if ends {
            self.last_words_read(key, side);
        }
        read
    }

    /// The peer's FIN waited for reading: it counts now, unless the machine turns reading off again first.
    fn last_words_read(&mut self, key: Key, side: Side) {
        self.at(self.now, Event::Segment { conn: key, from: side.other() });
        if let Some(c) = self.conns.get_mut(key) {
            c.end_mut(side).fin_waits = false;
            c.end_mut(side.other()).wire.push_front((self.now.as_micros(), Segment::Fin));
        }
    }

    /// The process at `side` has read so many octets. A sender that waits hears of it after the delay; one that does not
    /// is spared the message.
    fn make_room(&mut self, key: Key, side: Side, n: usize) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let sender = c.end_mut(side.other());
        if sender.unsent.is_empty() {
            sender.outstanding = sender.outstanding.saturating_sub(n);
        } else if n > 0 {
            self.transmit(key, side, Segment::Room(n));
        }
    }

    fn take_room(&mut self, key: Key, side: Side, n: usize) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let node = c.node(side);
        c.end_mut(side).outstanding = c.end(side).outstanding.saturating_sub(n);
        let n = self.flow(key, side);
        let Some(c) = self.conns.get(key) else { return };
        match c.end(side).state {
            EndState::Open if n > 0 => self.feed(node, Input::Flushed { conn: conn_id(key, side), n }),
            EndState::Closing { fin_sent: false } if c.end(side).unsent.is_empty() => self.finish(key, side),
            _ => {}
        }
    }

    /// Sends what the window has room for; how many octets.
    pub(super) fn flow(&mut self, key: Key, side: Side) -> usize {
        let (window, mut sent) = (self.config.window, 0);
        while let Some(piece) = self.conns.get_mut(key).and_then(|c| c.end_mut(side).next_piece(window)) {
            sent += piece.len();
            self.transmit(key, side, Segment::Data(piece));
        }
        sent
    }

    pub(super) fn close(&mut self, node: usize, conn: ConnId, how: CloseHow) {
        let Some((key, side)) = self.open_end(node, conn) else { return };
        let Some(c) = self.conns.get_mut(key) else { return };
        match how {
            CloseHow::Abort => {
                c.end_mut(side).leave();
                self.reset(key, side);
                self.follow_ups.push_back(FollowUp::Closed { conn: key, side });
                self.forget(key);
            }
            CloseHow::Flush => {
                let end = c.end_mut(side);
                end.state = EndState::Closing { fin_sent: false };
                let unread = mem::take(&mut end.unread);
                if end.unsent.is_empty() {
                    self.finish(key, side);
                } else {
                    self.at(self.now + FLUSH_PATIENCE, Event::Linger { conn: key, side });
                }
                self.make_room(key, side, unread);
            }
        }
    }

    /// Everything is written: shut down writing, go on reading for a while.
    fn finish(&mut self, key: Key, side: Side) {
        let Some(c) = self.conns.get_mut(key) else { return };
        c.end_mut(side).state = EndState::Closing { fin_sent: true };
        let peer_has_closed = c.end(side).fin_waits;
        self.transmit(key, side, Segment::Fin);
        let wait = if peer_has_closed { Duration::ZERO } else { LINGER };
        self.at(self.now + wait, Event::Linger { conn: key, side });
    }

    pub(super) fn lingered(&mut self, key: Key, side: Side) {
        let Some(c) = self.conns.get(key) else { return };
        if let EndState::Closing { fin_sent } = c.end(side).state {
            if !fin_sent {
                self.reset(key, side);
            }
            self.ended(key, side, Closed::ByUs);
        }
    }

    fn ended_by_peer(&mut self, key: Key, side: Side) {
        let peer_waits = self.conns.get(key).is_some_and(|c| !c.is_gone(side.other()));
        if peer_waits {
            self.transmit(key, side, Segment::Fin);
        }
        self.ended(key, side, Closed::ByPeer);
    }

    pub(super) fn ended(&mut self, key: Key, side: Side, why: Closed) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let node = c.node(side);
        c.end_mut(side).leave();
        self.forget(key);
        self.feed(node, Input::Closed { conn: conn_id(key, side), why });
    }

    pub(super) fn dial_timed_out(&mut self, key: Key) {
        if let Some(EndState::Dialing(ticket)) = self.conns.get(key).map(|c| c.end(Side::Dialler).state) {
            self.dial_failed(key, ticket, DialError::TimedOut);
        }
    }

    fn dial_failed(&mut self, key: Key, ticket: Ticket, why: DialError) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let (node, acked) = (c.node(Side::Dialler), c.acked);
        c.end_mut(Side::Dialler).leave();
        if acked {
            self.reset(key, Side::Dialler);
        }
        self.forget(key);
        self.feed(node, Input::DialFailed { ticket, why });
    }

    /// Drops a connection of which nothing is left to tell anybody: neither end is there, or the dialler is gone and
    /// the acceptor will never hear of it.
    pub(super) fn forget(&mut self, key: Key) {
        let Some(c) = self.conns.get(key) else { return };
        let unborn = !c.acked && c.is_gone(Side::Dialler);
        if unborn || (c.is_gone(Side::Dialler) && c.is_gone(Side::Acceptor)) {
            self.conns.remove(key);
        }
    }
}
