//! Connections: what they are, the frames that they carry, and how they end.

use core::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::{Overlay, Timer};
use crate::kernel::{
    Class, CloseHow, Closed, ConnId, Fault, How, LineScanner, Outbox, Output, Payload, Shed, Terminator,
    Ticket, Time, Why,
};
use crate::overlay::budget::{Budget, Meter};
use crate::overlay::event::Event;
use crate::overlay::link::Traffic;
use crate::overlay::names::{NodeId, Token};
use crate::overlay::wire::{
    self, DataHead, Flow, MAX_LENGTH, Nack, NodeName, Packet, Reassembly, Role, Segment,
};

/// What a dial is for.
#[derive(Clone, Debug)]
pub(super) enum Dial {
    /// To be a link.
    Link { to: NodeName, role: Role },
    /// To ask a bootstrap.
    Boot,
    /// To measure the way where datagrams get no answer.
    Probe { id: NodeId },
    /// No more wanted.
    Abandoned,
}

/// What a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A peer opened it and has not said what for.
    Stranger,
    /// We said LNK and wait for the answer.
    Greeting { to: NodeName, token: Token },
    /// A link.
    Link(NodeId),
    /// We said REG and wait for NET.
    Boot,
    /// We said PING and wait for PONG.
    Probe,
    /// Closed by us; what still arrives is dropped.
    Closing,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) kind: Kind,
    pub(super) remote: SocketAddr,
    scanner: LineScanner,
    payload: Option<(DataHead, Payload)>,
    pub(super) outbox: Outbox,
    pub(super) traffic: Traffic,
    /// Something it asked for was not answered, since it has not read what was sent before.
    pub(super) owes_sum: bool,
    /// The exclusive or of both sums over everything, when they last differed with equal counts.
    pub(super) differed_by: Option<u128>,
    /// They differed so twice: records stand under an equal key.
    pub(super) conflicts: bool,
    reassembly: Option<Reassembly>,
    message: u32,
    last_words: Option<Why>,
    pub(super) meter: Meter,
    /// Since when the peer is not read from, and what it took too much of.
    pub(super) slowed: Option<(Time, Budget)>,
}

impl Conn {
    fn new(kind: Kind, remote: SocketAddr, meter: Meter) -> Self {
        Conn {
            kind,
            remote,
            scanner: LineScanner::new(Terminator::CrLf, MAX_LENGTH),
            payload: None,
            outbox: Outbox::default(),
            traffic: Traffic::default(),
            owes_sum: false,
            differed_by: None,
            conflicts: false,
            reassembly: None,
            message: 0,
            last_words: None,
            meter,
            slowed: None,
        }
    }

    /// Takes what is whole off the front.
    fn next_frame(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, Why> {
        if let Some((head, payload)) = self.payload {
            let Ok(octets) = payload.take(bytes) else { return Err(peer_fault("a payload without its end")) };
            if octets.is_some() {
                self.payload = None;
            }
            return Ok(octets.map(|octets| Frame::Data(head, octets)));
        }
        match self.scanner.next_line(bytes) {
            Ok(line) => Ok(line.map(Frame::Line)),
            Err(_) => Err(peer_fault("a line is too long")),
        }
    }
}

/// One thing that a connection carries.
enum Frame {
    Line(Bytes),
    Data(DataHead, Bytes),
}

pub(super) const fn peer_fault(what: &'static str) -> Why {
    Why { fault: Fault::Peer, what }
}

pub(super) const fn no_fault(what: &'static str) -> Why {
    Why { fault: Fault::Nobody, what }
}

impl Overlay {
    pub(super) fn dial(&mut self, dial: Dial, to: SocketAddr) -> Ticket {
        let ticket = self.ticket();
        self.dials.insert(ticket, dial);
        let deadline = self.now + self.config.periods.greeting;
        self.out.push_back(Output::Dial { ticket, to, deadline });
        ticket
    }

    pub(super) fn opened(&mut self, conn: ConnId, how: How, remote: SocketAddr) {
        match how {
            How::Accepted(_) => self.accepted(conn, remote),
            How::Dialed(ticket) => self.dialed(conn, ticket, remote),
        }
        self.timers.set(Timer::Overdue(conn), self.now + self.config.periods.greeting);
    }

    fn connected(&mut self, conn: ConnId, kind: Kind, remote: SocketAddr) {
        let meter = self.policing.meter(self.now, &self.config.bounds.budgets, remote);
        self.conns.insert(conn, Conn::new(kind, remote, meter));
    }

    fn accepted(&mut self, conn: ConnId, remote: SocketAddr) {
        self.connected(conn, Kind::Stranger, remote);
        self.strangers.push(conn, remote.ip());
        if self.me().is_none() {
            self.out.push_back(Output::Reading { conn, on: false });
        }
        if self.strangers.len() > self.config.bounds.strangers
            && let Some(oldest) = self.strangers.crowding()
        {
            self.hang_up(
                oldest,
                CloseHow::Abort,
                Why { fault: Fault::Own, what: "too many have not said what they are" },
            );
        }
    }

    /// The node knows who it is: those who came before hear it now.
    pub(super) fn hear_strangers(&mut self) {
        for conn in self.strangers.conns() {
            self.out.push_back(Output::Reading { conn, on: true });
        }
    }

    fn dialed(&mut self, conn: ConnId, ticket: Ticket, remote: SocketAddr) {
        let Some(dial) = self.dials.remove(&ticket) else { return };
        match dial {
            Dial::Link { to, role } => {
                let token = self.token();
                self.connected(conn, Kind::Greeting { to, token }, remote);
                self.greet(conn, role, token);
            }
            Dial::Boot => {
                self.connected(conn, Kind::Boot, remote);
                self.register(conn);
            }
            Dial::Probe { id } => {
                self.connected(conn, Kind::Probe, remote);
                let token = self.token();
                self.probes.sent(self.now, id, token);
                self.send_packet(conn, Class::Urgent, &Packet::Ping(token));
            }
            Dial::Abandoned => {
                self.connected(conn, Kind::Closing, remote);
                self.out.push_back(Output::Close {
                    conn,
                    how: CloseHow::Abort,
                    why: no_fault("no more wanted"),
                });
            }
        }
    }

    pub(super) fn dial_failed(&mut self, ticket: Ticket) {
        match self.dials.remove(&ticket) {
            Some(Dial::Link { to, .. }) => self.suit_failed_at(to),
            Some(Dial::Boot) => self.bootstrap_failed(),
            Some(Dial::Probe { id }) => self.unreached(id),
            Some(Dial::Abandoned) | None => {}
        }
    }

    pub(super) fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        loop {
            match self.next_frame(conn, bytes) {
                Ok(Some(Frame::Line(line))) => {
                    self.line(conn, &line);
                    self.police(conn);
                }
                Ok(Some(Frame::Data(head, payload))) => self.payload(conn, head, payload),
                Ok(None) => return,
                Err(why) => self.misbehaved(conn, why),
            }
            // After each frame, so that what is told does not depend on how many arrived together.
            self.conclude();
        }
    }

    fn next_frame(&mut self, conn: ConnId, bytes: &mut BytesMut) -> Result<Option<Frame>, Why> {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.kind != Kind::Closing) else {
            bytes.clear();
            return Ok(None);
        };
        if self.life.me().is_none() || state.slowed.is_some() {
            return Ok(None);
        }
        let waiting = bytes.len();
        let frame = state.next_frame(bytes)?;
        if frame.is_some() {
            state.traffic.received.count(waiting - bytes.len());
        }
        Ok(frame)
    }

    fn line(&mut self, conn: ConnId, line: &Bytes) {
        match wire::read(line) {
            Ok(packet) => {
                // What announces a payload pays as that does: by waiting for its place in a queue.
                if !matches!(packet, Packet::Dat(_)) {
                    self.charge(conn, Budget::Frames, 1);
                    self.charge(conn, Budget::Octets, line.len());
                }
                self.packet(conn, packet);
            }
            Err(_) => self.misbehaved(conn, peer_fault("a malformed packet")),
        }
    }

    fn packet(&mut self, conn: ConnId, packet: Packet) {
        let Some(kind) = self.conns.get(&conn).map(|c| c.kind) else { return };
        if let Packet::Unknown(_) = packet {
            self.counters.unknown_words += 1;
            if kind != Kind::Stranger {
                return;
            }
        }
        match (kind, packet) {
            (Kind::Link(_) | Kind::Boot, Packet::Seg(segment)) => self.segment(conn, segment),
            (Kind::Link(id), packet) => self.link_packet(conn, id, packet),
            (Kind::Stranger, packet) => self.first_packet(conn, packet),
            (Kind::Greeting { .. }, packet) => self.greeting_answer(conn, packet),
            (Kind::Boot, packet) => self.bootstrap_answer(conn, packet),
            (Kind::Probe, Packet::Pong(token)) => {
                self.pong(token);
                self.hang_up(conn, CloseHow::Abort, no_fault("measured"));
            }
            (Kind::Probe, _) => self.misbehaved(conn, peer_fault("a probe answered with something else")),
            (Kind::Closing, _) => {}
        }
    }

    /// The first line decides what an accepted connection is.
    fn first_packet(&mut self, conn: ConnId, packet: Packet) {
        self.strangers.remove(conn);
        match packet {
            Packet::Lnk(greeting) => self.greeted(conn, greeting),
            Packet::Reg(registration) => self.registered(conn, &registration),
            Packet::Ping(token) => {
                self.send_packet(conn, Class::Urgent, &Packet::Pong(token));
                self.hang_up(conn, CloseHow::Flush, no_fault("answered"));
            }
            other => {
                let word = Bytes::copy_from_slice(other.word().as_bytes());
                self.refuse(conn, word, "unexpected", Default::default());
            }
        }
    }

    /// NACK, and the connection's end.
    pub(super) fn refuse(
        &mut self,
        conn: ConnId,
        word: Bytes,
        reason: &'static str,
        nodes: smallvec::SmallVec<[NodeName; 4]>,
    ) {
        let nack = Packet::Nack(Nack { word, reason: Some(Bytes::from_static(reason.as_bytes())), nodes });
        self.send_packet(conn, Class::Urgent, &nack);
        self.hang_up(conn, CloseHow::Flush, no_fault("refused"));
    }

    fn segment(&mut self, conn: ConnId, segment: Segment) {
        let now = self.now;
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let reassembly = state.reassembly.get_or_insert_with(Reassembly::default);
        reassembly.expire(now);
        match reassembly.push(now, segment) {
            Ok(None) => {}
            Ok(Some(whole)) => match wire::read_reassembled(&whole) {
                Ok(packet) => self.packet(conn, packet),
                Err(_) => self.misbehaved(conn, peer_fault("a malformed packet in segments")),
            },
            Err(_) => self.misbehaved(conn, peer_fault("segments that do not fit together")),
        }
    }

    /// DAT was announced: its payload follows.
    pub(super) fn expect_payload(&mut self, conn: ConnId, head: DataHead) {
        let Some(payload) = Payload::announced(u64::from(head.len), self.config.bounds.payload) else {
            return self.misbehaved(conn, peer_fault("a payload is too long"));
        };
        if let Some(state) = self.conns.get_mut(&conn) {
            state.payload = Some((head, payload));
        }
    }

    fn payload(&mut self, conn: ConnId, head: DataHead, payload: Bytes) {
        if let Some(Kind::Link(from)) = self.conns.get(&conn).map(|c| c.kind) {
            self.forward(from, head, payload);
        }
    }

    pub(super) fn send_packet(&mut self, conn: ConnId, class: Class, packet: &Packet) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        for frame in wire::frames(packet, &mut state.message) {
            self.send(conn, class, frame);
        }
    }

    /// Sends what the peer asked for, at its expense.
    pub(super) fn answer_packet(&mut self, conn: ConnId, class: Class, packet: &Packet) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let stranger = state.kind == Kind::Stranger;
        let remote = state.remote;
        for frame in wire::frames(packet, &mut state.message) {
            if stranger {
                self.policing.introduced(self.now, remote, frame.len());
            } else {
                self.charge(conn, Budget::Answers, frame.len());
            }
            self.send(conn, class, frame);
        }
    }

    /// Sends a packet that is encoded already and that the peer asked for, at its expense.
    pub(super) fn answer_encoded(&mut self, conn: ConnId, class: Class, packet: &Bytes) {
        self.charge(conn, Budget::Answers, packet.len());
        self.send_encoded(conn, class, packet);
    }

    pub(super) fn send(&mut self, conn: ConnId, class: Class, frame: Bytes) {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.kind != Kind::Closing) else { return };
        let (forwarding, traffic) = (&mut self.forwarding, &mut state.traffic);
        let pushed = state.outbox.push(class, frame, |Shed(frame)| {
            traffic.shed += 1;
            forwarding.lost(frame, Flow::Busy);
        });
        match pushed {
            Ok(()) => self.pump(conn),
            Err(_) => self.lose(conn, Why { fault: Fault::Peer, what: "the peer reads too slowly" }),
        }
    }

    /// Sends a packet that is encoded already, in pieces where it is too long for one: one encoding for all neighbours.
    pub(super) fn send_encoded(&mut self, conn: ConnId, class: Class, packet: &Bytes) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        for frame in wire::cut(packet.clone(), &mut state.message) {
            self.send(conn, class, frame);
        }
    }

    /// Octets that wait for `conn`, for back-pressure towards senders.
    pub(super) fn backlog(&self, conn: ConnId) -> usize {
        self.conns.get(&conn).map_or(0, |c| c.outbox.waiting())
    }

    fn pump(&mut self, conn: ConnId) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        while let Some((class, frame)) = state.outbox.pop() {
            state.traffic.sent.count(frame.len());
            self.out.push_back(Output::Send { conn, frame, class, solo: false });
        }
    }

    pub(super) fn flushed(&mut self, conn: ConnId, n: usize) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.outbox.flushed(n);
            self.pump(conn);
            self.make_good(conn);
            self.last_words_said(conn);
        }
    }

    pub(super) fn misbehaved(&mut self, conn: ConnId, why: Why) {
        self.counters.misbehaved += 1;
        if let Some(remote) = self.conns.get(&conn).map(|c| c.remote) {
            self.emit(Event::Misbehaved { remote, why });
        }
        self.lose(conn, why);
    }

    /// Closes a connection at once, and tells the part that it served.
    pub(super) fn lose(&mut self, conn: ConnId, why: Why) {
        let kind = self.conns.get(&conn).map(|c| c.kind);
        self.hang_up(conn, CloseHow::Abort, why);
        if let Some(kind) = kind {
            self.ended(conn, kind, why);
        }
    }

    /// Closes a connection without telling anybody.
    pub(super) fn hang_up(&mut self, conn: ConnId, how: CloseHow, why: Why) {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.kind != Kind::Closing) else { return };
        let stranger = state.kind == Kind::Stranger;
        state.kind = Kind::Closing;
        self.timers.cancel(Timer::Resume(conn));
        if how == CloseHow::Abort {
            self.forwarding.lost_all(state.outbox.take_bulk());
        }
        if stranger {
            self.strangers.remove(conn);
        }
        if how == CloseHow::Flush && !state.outbox.is_empty() {
            state.last_words = Some(why);
            self.timers.set(Timer::Overdue(conn), self.now + self.config.periods.greeting);
        } else {
            self.timers.cancel(Timer::Overdue(conn));
            self.out.push_back(Output::Close { conn, how, why });
        }
    }

    /// What was still to be said is with the driver: the connection can end.
    fn last_words_said(&mut self, conn: ConnId) {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.outbox.is_empty()) else { return };
        if let Some(why) = state.last_words.take() {
            self.timers.cancel(Timer::Overdue(conn));
            self.out.push_back(Output::Close { conn, how: CloseHow::Flush, why });
        }
    }

    pub(super) fn closed(&mut self, conn: ConnId, why: Closed) {
        let Some(mut state) = self.conns.remove(&conn) else { return };
        self.timers.cancel(Timer::Overdue(conn));
        self.timers.cancel(Timer::Resume(conn));
        if let Some((since, _)) = state.slowed {
            state.meter.slowed(self.now, self.now.since(since));
        }
        self.policing.departed(self.now, state.remote, state.meter);
        self.forwarding.lost_all(state.outbox.take_bulk());
        if state.kind == Kind::Stranger {
            self.strangers.remove(conn);
        }
        let what = match why {
            Closed::ByPeer => no_fault("closed by the peer"),
            Closed::Broken => Why { fault: Fault::Network, what: "the connection broke" },
            Closed::ByUs => no_fault("closed"),
        };
        self.ended(conn, state.kind, what);
        self.left_if_closed();
    }

    fn ended(&mut self, conn: ConnId, kind: Kind, why: Why) {
        match kind {
            Kind::Link(id) => self.link_lost(id, conn, why),
            Kind::Greeting { to, .. } => self.suit_failed_at(to),
            Kind::Boot => self.bootstrap_failed(),
            Kind::Stranger | Kind::Probe | Kind::Closing => {}
        }
    }

    pub(super) fn overdue(&mut self, conn: ConnId) {
        if let Some(why) = self.conns.get_mut(&conn).and_then(|c| c.last_words.take()) {
            self.out.push_back(Output::Close { conn, how: CloseHow::Abort, why });
            return;
        }
        self.lose(conn, peer_fault("no answer in time"));
    }

    /// A connection has become a link.
    pub(super) fn becomes_link(&mut self, conn: ConnId, id: NodeId) {
        self.timers.cancel(Timer::Overdue(conn));
        if let Some(state) = self.conns.get_mut(&conn) {
            state.kind = Kind::Link(id);
        }
    }
}
