//! Connections: what they are, the frames that they carry, and how they end.

use alloc::collections::VecDeque;
use core::net::SocketAddr;
use core::ops::Range;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::calling::Purpose;
use super::forwarding::{Label, Parcel};
use super::{Overlay, Timer};
use crate::kernel::{
    Arena, Class, CloseHow, Closed, ConnId, DialError, Fault, How, Line, LineScanner, Outbox, Output,
    Payload, Terminator, Ticket, Time, Why,
};
use crate::overlay::bootstraps::BootstrapError;
use crate::overlay::budget::{Budget, Meter};
use crate::overlay::earnings::Earnings;
use crate::overlay::event::Event;
use crate::overlay::link::Traffic;
use crate::overlay::names::{NodeId, Token};
use crate::overlay::wire::{
    self, CHANNEL, ChannelOctets, DAT, DataHead, MAX_LENGTH, NodeName, PACK_DELIMITER, Packet, Ping, Reason,
    Reassembly, Role, Segment, WINDOW, WireError,
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
    /// A stranger that is told the graph. What else it says is dropped.
    Told,
    /// A link that is over: payloads still come and go until both ends have said their last word.
    Parting(NodeId),
    /// Closed by us; what still arrives is dropped.
    Closing,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) kind: Kind,
    pub(super) remote: SocketAddr,
    scanner: LineScanner,
    payload: Option<(Head, Payload)>,
    pub(super) outbox: Outbox<Option<Label>>,
    /// Reports about payloads that wait until the outbox has room.
    pub(super) reports: VecDeque<DataHead>,
    /// Where frames with payloads are written.
    pub(super) arena: Arena,
    pub(super) traffic: Traffic,
    /// Something it asked for was not answered, since it has not read what was sent before.
    pub(super) owes_sum: bool,
    /// The exclusive or of both sums over everything, when they last differed with equal counts.
    pub(super) differed_by: Option<u128>,
    /// They differed so twice: records stand under an equal key.
    pub(super) conflicts: bool,
    reassembly: Option<Reassembly>,
    pub(super) message: u32,
    /// Octets taken, and then those of a frame of which the rest is missing.
    taken: u64,
    left: u64,
    /// Lines heard, the first included.
    pub(super) said: u64,
    last_words: Option<Why>,
    pub(super) meter: Meter,
    /// What may be said in answer to it.
    pub(super) earnings: Earnings,
    /// It was told that it is not answered for now.
    pub(super) unanswered: bool,
    /// It asked for the graph, which is told from this id on.
    pub(super) graph: Option<NodeId>,
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
            reports: VecDeque::new(),
            arena: Arena::default(),
            traffic: Traffic::default(),
            owes_sum: false,
            differed_by: None,
            conflicts: false,
            reassembly: None,
            message: 0,
            taken: 0,
            left: 0,
            said: 0,
            last_words: None,
            meter,
            earnings: Earnings::default(),
            unanswered: false,
            graph: None,
            slowed: None,
        }
    }

    /// This node has slept for so long: the peer was not kept from being read by what it took.
    pub(super) fn forgive(&mut self, now: Time, late: Duration) {
        if let Some((since, _)) = &mut self.slowed {
            *since = now.min(*since + late);
        }
    }

    /// Octets read; `None` while nothing is read, since the peer took too much.
    pub(super) fn read(&self) -> Option<u64> {
        self.slowed.is_none().then_some(self.taken + self.left)
    }

    /// So many octets of a buffer were taken, and so many are left.
    fn took(&mut self, taken: usize, left: usize) {
        self.taken += taken as u64;
        self.left = left as u64;
    }
}

/// A line that announces octets behind it.
#[derive(Clone, Copy, Debug)]
enum Head {
    /// DAT.
    Data(DataHead),
    /// CHN.
    Channel(ChannelOctets),
}

impl Head {
    /// What a link's line announces, if it is such a line.
    fn of(line: &[u8]) -> Option<Result<Self, WireError>> {
        match line.iter().position(|octet| *octet == PACK_DELIMITER).map(|end| &line[..end]) {
            Some(word) if word == DAT.as_bytes() => Some(wire::read_data(line).map(Head::Data)),
            Some(word) if word == CHANNEL.as_bytes() => Some(wire::read_channel(line).map(Head::Channel)),
            _ => None,
        }
    }

    /// The payload behind it, of which a node takes so much.
    fn announces(&self, line: Line, most: usize) -> Option<Payload> {
        match self {
            Head::Data(head) => Payload::announced(line, head.len.into(), most),
            Head::Channel(head) => Payload::announced(line, head.octets.into(), WINDOW),
        }
    }
}

/// One thing that a connection carries.
enum Frame {
    Line(Bytes),
    /// What a line announced, the whole text, and where in it the payload is.
    Payload(Head, BytesMut, Range<usize>),
}

pub(super) const fn peer_fault(what: &'static str) -> Why {
    Why { fault: Fault::Peer, what }
}

pub(super) const fn no_fault(what: &'static str) -> Why {
    Why { fault: Fault::Nobody, what }
}

/// Somebody took too long to say what it is, or to answer.
pub(super) const NO_ANSWER: Why = peer_fault("no answer in time");
/// Somebody closed in good order.
const CLOSED_BY_PEER: Why = no_fault("closed by the peer");

impl Overlay {
    pub(super) fn dial(&mut self, dial: Dial, to: SocketAddr) -> Ticket {
        let ticket = self.out.dial(to, self.timers.now() + self.config.periods.greeting);
        self.dials.insert(ticket, dial);
        ticket
    }

    pub(super) fn opened(&mut self, conn: ConnId, how: How, remote: SocketAddr) {
        match how {
            How::Accepted(_) => self.accepted(conn, remote),
            How::Dialed(ticket) => self.dialed(conn, ticket, remote),
        }
        self.timers.after(Timer::Overdue(conn), self.config.periods.greeting);
    }

    fn connected(&mut self, conn: ConnId, kind: Kind, remote: SocketAddr) {
        let meter = self.policing.meter(self.timers.now(), &self.config.bounds.budgets, remote);
        self.conns.insert(conn, Conn::new(kind, remote, meter));
    }

    fn accepted(&mut self, conn: ConnId, remote: SocketAddr) {
        self.reached.came();
        self.connected(conn, Kind::Stranger, remote);
        self.strangers.push(conn, remote.ip());
        if self.me().is_none() {
            self.out.push(Output::Reading { conn, on: false });
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
            self.out.push(Output::Reading { conn, on: true });
        }
    }

    fn dialed(&mut self, conn: ConnId, ticket: Ticket, remote: SocketAddr) {
        let Some(dial) = self.dials.remove(&ticket) else { return };
        match dial {
            Dial::Link { to, role } => {
                self.call_answered(to.id, Purpose::Link, ticket);
                let token = self.token();
                self.connected(conn, Kind::Greeting { to, token }, remote);
                self.greet(conn, role, token);
            }
            Dial::Boot => {
                self.connected(conn, Kind::Boot, remote);
                self.register(conn);
            }
            Dial::Probe { id } => {
                self.call_answered(Some(id), Purpose::Probe, ticket);
                self.connected(conn, Kind::Probe, remote);
                let token = self.token();
                self.probes.sent(self.timers.now(), id, token, remote);
                self.send_packet(conn, Class::Urgent, &Packet::Ping(Ping::new(token, id)));
            }
            Dial::Abandoned => {
                self.connected(conn, Kind::Closing, remote);
                self.out.push(Output::Close { conn, how: CloseHow::Abort, why: no_fault("no more wanted") });
            }
        }
    }

    pub(super) fn dial_failed(&mut self, ticket: Ticket, why: DialError) {
        match self.dials.remove(&ticket) {
            Some(Dial::Link { to, .. }) => self.call_failed(to.id, Purpose::Link, ticket),
            Some(Dial::Boot) => self.bootstrap_failed(BootstrapError::Dial(why)),
            Some(Dial::Probe { id }) => self.call_failed(Some(id), Purpose::Probe, ticket),
            Some(Dial::Abandoned) | None => {}
        }
    }

    pub(super) fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        loop {
            let before = bytes.len();
            let frame = self.next_frame(conn, bytes);
            if let Some(state) = self.conns.get_mut(&conn) {
                // What is left counts only once there is no whole frame: how reads were split is not told.
                let partial = matches!(frame, Ok(None)) && state.slowed.is_none();
                let left = if partial { bytes.len() } else { 0 };
                state.took(before - bytes.len(), left);
                if matches!(frame, Ok(Some(_))) {
                    state.traffic.received.count(before - bytes.len());
                }
            }
            match frame {
                Ok(Some(Frame::Line(line))) => {
                    self.line(conn, &line);
                    self.police(conn);
                }
                Ok(Some(Frame::Payload(Head::Data(head), text, octets))) => {
                    self.payload(conn, head, &text, octets);
                }
                Ok(Some(Frame::Payload(Head::Channel(head), text, octets))) => {
                    self.heard_on_channel(conn, head.channel, &text[octets]);
                }
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
        if state.payload.is_none() {
            let found = state.scanner.find(bytes).map_err(|_| peer_fault("a line is too long"))?;
            let Some(line) = found else { return Ok(None) };
            let links = matches!(state.kind, Kind::Link(_) | Kind::Parting(_));
            let Some(head) = links.then(|| Head::of(&bytes[..line.end])).flatten() else {
                return Ok(Some(Frame::Line(line.take(bytes))));
            };
            let head = head.map_err(|_| peer_fault("a malformed packet"))?;
            let payload = head.announces(line, self.config.bounds.payload);
            state.payload = Some((head, payload.ok_or(peer_fault("a payload is too long"))?));
        }
        let Some((head, payload)) = state.payload else { return Ok(None) };
        let text = payload.take(bytes).map_err(|_| peer_fault("a payload without its end"))?;
        if text.is_some() {
            state.payload = None;
        }
        Ok(text.map(|text| Frame::Payload(head, text, payload.octets())))
    }

    fn line(&mut self, conn: ConnId, line: &Bytes) {
        match wire::read(line) {
            Ok(packet) => {
                self.charge(conn, Budget::Frames, 1);
                self.charge(conn, Budget::Octets, line.len());
                self.earn(conn, line.len());
                if let Some(state) = self.conns.get_mut(&conn) {
                    state.said += 1;
                }
                self.packet(conn, packet);
            }
            Err(error) => self.misbehaved(conn, peer_fault(error.what())),
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
            (Kind::Probe, Packet::Pong(pong)) => {
                self.pong(&pong);
                self.hang_up(conn, CloseHow::Abort, no_fault("measured"));
            }
            (Kind::Probe, _) => self.misbehaved(conn, peer_fault("a probe answered with something else")),
            (Kind::Parting(_), Packet::Trd(teardown)) => self.torn_down_again(conn, teardown.reason.as_ref()),
            (Kind::Told | Kind::Parting(_) | Kind::Closing, _) => {}
        }
    }

    /// The first line decides what an accepted connection is.
    fn first_packet(&mut self, conn: ConnId, packet: Packet) {
        self.strangers.remove(conn);
        match packet {
            Packet::Lnk(greeting) => self.greeted(conn, greeting),
            Packet::Reg(registration) => self.registered(conn, &registration),
            Packet::Ping(ping) => {
                if let Some(pong) = self.answer_to(&ping) {
                    self.answer_packet(conn, Class::Urgent, &Packet::Pong(pong));
                }
                self.hang_up(conn, CloseHow::Flush, no_fault("answered"));
            }
            other => {
                self.refuse(conn, other.word(), Reason::Unexpected, Default::default());
            }
        }
    }

    fn segment(&mut self, conn: ConnId, segment: Segment) {
        let now = self.timers.now();
        let Some(state) = self.conns.get_mut(&conn) else { return };
        let reassembly = state.reassembly.get_or_insert_with(Reassembly::default);
        reassembly.expire(now);
        match reassembly.push(now, segment) {
            Ok(None) => {}
            Ok(Some(whole)) => match wire::read_reassembled(&whole) {
                Ok(packet) => self.packet(conn, packet),
                Err(error) => self.misbehaved(conn, peer_fault(error.what())),
            },
            Err(error) => self.misbehaved(conn, peer_fault(error.what())),
        }
    }

    /// A payload pays for itself by waiting for its place in a queue.
    fn payload(&mut self, conn: ConnId, head: DataHead, text: &[u8], octets: Range<usize>) {
        if let Some(Kind::Link(from) | Kind::Parting(from)) = self.conns.get(&conn).map(|c| c.kind) {
            self.forward(from, Parcel { head, payload: &text[octets], text: Some(text) });
        }
    }

    pub(super) fn send_packet(&mut self, conn: ConnId, class: Class, packet: &Packet) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        for frame in wire::frames(packet, &mut state.message) {
            self.send(conn, class, frame);
        }
    }

    pub(super) fn send(&mut self, conn: ConnId, class: Class, frame: Bytes) {
        self.send_labelled(conn, class, frame, None);
    }

    /// Sends a frame; if it has to be shed, who is on the label is told.
    pub(super) fn send_labelled(&mut self, conn: ConnId, class: Class, frame: Bytes, label: Option<Label>) {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.kind != Kind::Closing) else { return };
        let (forwarding, traffic, counters) = (&mut self.forwarding, &mut state.traffic, &mut self.counters);
        let pushed = state.outbox.push(class, frame, label, |label| {
            traffic.shed += 1;
            counters.shed += 1;
            forwarding.shed(label);
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

    pub(super) fn pump(&mut self, conn: ConnId) {
        while let Some((class, frame)) = self.next_to_send(conn) {
            if let Some(state) = self.conns.get_mut(&conn) {
                state.traffic.sent.count(frame.len());
            }
            self.out.push(Output::Send { conn, frame, class, solo: false });
        }
    }

    /// What the driver may have next. Channels come after all that may not be shed, and take turns with payloads.
    fn next_to_send(&mut self, conn: ConnId) -> Option<(Class, Bytes)> {
        let state = self.conns.get_mut(&conn)?;
        let link = if let Kind::Link(id) = state.kind { self.links.get_mut(&id) } else { None };
        let Some(link) = link.filter(|link| link.channels.have_news() && state.outbox.pressing() == 0) else {
            return state.outbox.pop();
        };
        if state.outbox.is_empty() || link.channels.go_next() {
            return self.next_of_channels(conn);
        }
        let popped = state.outbox.pop();
        if popped.is_some() {
            link.channels.wait_no_more();
        }
        popped
    }

    pub(super) fn flushed(&mut self, conn: ConnId, n: usize) {
        if let Some(state) = self.conns.get_mut(&conn) {
            state.outbox.flushed(n);
            let peer = if let Kind::Link(peer) = state.kind { Some(peer) } else { None };
            self.send_reports(conn);
            self.pump(conn);
            if let Some(peer) = peer {
                self.room_at(peer);
            }
            self.make_good(conn);
            self.tell_graph(conn);
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
        self.forwarding.strand(&mut state.reports);
        if how == CloseHow::Abort {
            self.forwarding.cut_off(state.outbox.take_bulk());
        }
        if stranger {
            self.strangers.remove(conn);
        }
        if how == CloseHow::Flush && !state.outbox.is_empty() {
            state.last_words = Some(why);
            self.timers.after(Timer::Overdue(conn), self.config.periods.greeting);
        } else {
            self.timers.cancel(Timer::Overdue(conn));
            self.out.push(Output::Close { conn, how, why });
        }
    }

    /// What was still to be said is with the driver: the connection can end.
    fn last_words_said(&mut self, conn: ConnId) {
        let Some(state) = self.conns.get_mut(&conn).filter(|c| c.outbox.is_empty()) else { return };
        if let Some(why) = state.last_words.take() {
            self.timers.cancel(Timer::Overdue(conn));
            self.out.push(Output::Close { conn, how: CloseHow::Flush, why });
        }
    }

    pub(super) fn closed(&mut self, conn: ConnId, why: Closed) {
        let Some(mut state) = self.conns.remove(&conn) else { return };
        self.timers.cancel(Timer::Overdue(conn));
        self.timers.cancel(Timer::Resume(conn));
        if let Some((since, _)) = state.slowed {
            state.meter.slowed(self.timers.now(), self.timers.now().since(since));
        }
        self.policing.departed(self.timers.now(), state.remote, state.meter);
        self.policing.settle(self.timers.now(), state.kind, state.remote, state.earnings.debt());
        self.forwarding.strand(&mut state.reports);
        self.forwarding.cut_off(state.outbox.take_bulk());
        if state.kind == Kind::Stranger {
            self.strangers.remove(conn);
        }
        let what = match why {
            Closed::ByPeer => CLOSED_BY_PEER,
            Closed::Broken => Why { fault: Fault::Network, what: "the connection broke" },
            Closed::ByUs => no_fault("closed"),
        };
        self.ended(conn, state.kind, what);
        self.left_if_closed();
    }

    fn ended(&mut self, conn: ConnId, kind: Kind, why: Why) {
        match kind {
            Kind::Link(id) => self.link_lost(id, conn, why),
            Kind::Greeting { to, .. } => self.call_on(to.id, Purpose::Link),
            Kind::Boot if why == NO_ANSWER => self.bootstrap_failed(BootstrapError::Silent),
            Kind::Boot => self.bootstrap_failed(BootstrapError::ended(why)),
            Kind::Stranger | Kind::Probe | Kind::Told | Kind::Parting(_) | Kind::Closing => {}
        }
    }

    pub(super) fn overdue(&mut self, conn: ConnId) {
        if let Some(why) = self.conns.get_mut(&conn).and_then(|c| c.last_words.take()) {
            self.out.push(Output::Close { conn, how: CloseHow::Abort, why });
            return;
        }
        if let Some(Kind::Parting(_)) = self.conns.get(&conn).map(|c| c.kind) {
            return self.parted_late(conn);
        }
        self.lose(conn, NO_ANSWER);
    }

    /// A connection has become a link.
    pub(super) fn becomes_link(&mut self, conn: ConnId, id: NodeId) {
        self.timers.cancel(Timer::Overdue(conn));
        if let Some(state) = self.conns.get_mut(&conn) {
            state.kind = Kind::Link(id);
        }
    }
}
