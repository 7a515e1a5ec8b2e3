//! The node: connections, dials and time.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::addresses::{Book, Known, Phase, canonical, dialable};
use super::config::{Config, ConfigError};
use super::interface::{Command, Counters, Event, Refusal, Reply};
use super::message::NodeId;
use super::peer::{Conn, PeerInfo};
use super::watch::{Absent, Due, Watch};
use crate::kernel::{
    Class, CloseHow, Closed, ConnId, DialError, Fault, How, Input, Machine, Output, Rng, Seed, Streams,
    Ticket, Time, Wake, Why,
};

pub(super) const NO_ROOM: Why = Why { fault: Fault::Own, what: "no room for another peer" };
const LEFT: Why = Why { fault: Fault::Nobody, what: "this node has left" };
const NO_HELLO: Why = Why { fault: Fault::Peer, what: "said no hello in time" };
const SILENT: Why = Why { fault: Fault::Network, what: "answered no ping" };
const TOO_SLOW: Why = Why { fault: Fault::Peer, what: "reads too slowly" };
const BY_US: Why = Why { fault: Fault::Nobody, what: "closed at this end" };
const CLOSED_BY_PEER: Why = Why { fault: Fault::Nobody, what: "closed by the peer" };
const BROKEN: Why = Why { fault: Fault::Network, what: "the connection broke" };

/// A node of the hello / ping / addr network; see the [module](super) for what it does.
#[derive(Debug)]
pub struct Hello {
    pub(super) config: Config,
    pub(super) id: NodeId,
    pub(super) watch: Watch,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    /// Peers that have said hello.
    pub(super) peers: BTreeMap<NodeId, ConnId>,
    pub(super) book: Book,
    pub(super) counters: Counters,
    /// How many of the connections were dialled and have not said hello.
    pub(super) dialed_greeting: usize,
    outputs: VecDeque<Output<Event>>,
    dials: BTreeMap<Ticket, SocketAddr>,
    next_ticket: u64,
    retry: Rng,
    left: bool,
}

impl Hello {
    /// A node whose id, and all else that is random in it, follows from `seed`. It wants to dial its bootstraps at once.
    ///
    /// # Errors
    /// The configuration is one that no node can run with.
    pub fn new(config: Config, seed: Seed, now: Time) -> Result<Self, ConfigError> {
        config.check()?;
        let streams = Streams::new(seed);
        let mut node = Hello {
            id: NodeId::draw(&mut streams.named("hello id")),
            watch: Watch::new(config.oversleep, now),
            conns: BTreeMap::new(),
            peers: BTreeMap::new(),
            book: Book::new(config.max_known, config.give_up_after),
            counters: Counters::default(),
            dialed_greeting: 0,
            outputs: VecDeque::new(),
            dials: BTreeMap::new(),
            next_ticket: 0,
            retry: streams.named("hello retry"),
            left: false,
            config,
        };
        for addr in node.config.bootstrap.clone() {
            if !node.is_own(canonical(addr)) {
                node.book.bootstrap(canonical(addr));
            }
        }
        node.dial_ready();
        Ok(node)
    }

    /// What this node calls itself.
    pub const fn id(&self) -> &NodeId {
        &self.id
    }

    /// Whom it has met, in the order in which the connections opened.
    pub fn peers(&self) -> impl Iterator<Item = PeerInfo> {
        self.conns.iter().filter_map(|(conn, open)| open.info(*conn))
    }

    /// The addresses that it knows, in order.
    pub fn known(&self) -> impl Iterator<Item = &Known> {
        self.book.iter()
    }

    /// What it has met and not acted on.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether it has been told to leave.
    pub const fn has_left(&self) -> bool {
        self.left
    }
}

impl Machine for Hello {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.watch.advance(now);
        match input {
            Input::Tick => self.tick(),
            Input::Opened { conn, how, remote } => self.opened(conn, how, remote),
            Input::Received { conn, bytes } => self.received(conn, bytes),
            Input::Flushed { conn, n } => self.flushed(conn, n),
            Input::Closed { conn, why } => self.closed(conn, why),
            Input::DialFailed { ticket, why } => self.dial_failed(ticket, why),
            Input::Datagram { .. }
            | Input::Stored { .. }
            | Input::Loaded { .. }
            | Input::Scanned { .. }
            | Input::WallTime { .. } => {}
        }
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.watch.advance(now);
        match command {
            _ if self.left => Err(Refusal::HasLeft),
            Command::Connect { addr } => self.connect(canonical(addr)),
            Command::Leave => Ok(self.leave()),
        }
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        if self.outputs.is_empty() {
            self.watch.next()
        } else {
            Some(Wake { at: self.watch.now(), why: "output" })
        }
    }
}

/// What happens to connections.
impl Hello {
    fn opened(&mut self, conn: ConnId, how: How, remote: SocketAddr) {
        let dialed = match how {
            How::Dialed(ticket) => self.dials.remove(&ticket),
            How::Accepted(_) => None,
        };
        if self.left {
            return self.refuse(conn, LEFT);
        }
        if dialed.is_none() && !self.has_room_to_accept() {
            return self.refuse(conn, NO_ROOM);
        }
        self.dialed_greeting += usize::from(dialed.is_some());
        self.conns.insert(conn, Conn::new(remote, dialed, self.config.backlog));
        self.watch.expect(Absent::Hello(conn), self.config.hello_timeout);
        if dialed.is_some() {
            self.say_hello(conn);
        }
    }

    fn has_room_to_accept(&self) -> bool {
        let greeting = self.conns.len() - self.peers.len() - self.dialed_greeting;
        self.peers.len() < self.config.max_peers && greeting < self.config.max_greeting
    }

    fn refuse(&mut self, conn: ConnId, why: Why) {
        self.outputs.push_back(Output::Close { conn, how: CloseHow::Abort, why });
    }

    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        while let Some(open) = self.conns.get_mut(&conn) {
            match open.scanner.next_line(bytes) {
                Ok(Some(line)) => self.heard(conn, &line),
                Ok(None) => break,
                Err(_) => self.misbehaved(conn, "sent a line above the limit"),
            }
            self.dial_ready();
        }
    }

    fn flushed(&mut self, conn: ConnId, n: usize) {
        if let Some(open) = self.conns.get_mut(&conn) {
            open.outbox.flushed(n);
            self.pump(conn);
        }
    }

    fn closed(&mut self, conn: ConnId, why: Closed) {
        if let Some(open) = self.conns.remove(&conn) {
            let why = match why {
                Closed::ByPeer => CLOSED_BY_PEER,
                Closed::ByUs => BY_US,
                Closed::Broken => BROKEN,
            };
            self.gone(conn, open, why);
            self.dial_ready();
        }
    }

    /// Queues a frame; a peer that leaves too much of what is due to it lying is closed.
    pub(super) fn send(&mut self, conn: ConnId, class: Class, frame: Bytes) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        match open.outbox.push(class, frame, (), |_| ()) {
            Ok(()) => self.pump(conn),
            Err(_) => self.close(conn, CloseHow::Abort, TOO_SLOW),
        }
    }

    fn pump(&mut self, conn: ConnId) {
        let Some(open) = self.conns.get_mut(&conn) else { return };
        while let Some((class, frame)) = open.outbox.pop() {
            self.outputs.push_back(Output::Send { conn, frame, class, solo: false });
        }
    }

    pub(super) fn misbehaved(&mut self, conn: ConnId, what: &'static str) {
        let Some(open) = self.conns.get(&conn) else { return };
        self.counters.misbehaved += 1;
        self.event(Event::Misbehaved { conn, remote: open.remote, what });
        self.close(conn, CloseHow::Flush, Why { fault: Fault::Peer, what });
    }

    pub(super) fn close(&mut self, conn: ConnId, how: CloseHow, why: Why) {
        if let Some(open) = self.conns.remove(&conn) {
            self.outputs.push_back(Output::Close { conn, how, why });
            self.gone(conn, open, why);
        }
    }

    /// A connection is no more; what we dialled is dialled again after a pause.
    fn gone(&mut self, conn: ConnId, open: Conn, why: Why) {
        self.watch.forget(conn);
        if let Some(peer) = open.peer {
            self.peers.remove(&peer.id);
            self.event(Event::PeerDown { conn, id: peer.id, why });
        } else if open.dialed.is_some() {
            self.dialed_greeting -= 1;
        }
        if let Some(addr) = open.dialed {
            self.pause(addr);
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// What happens to dials.
impl Hello {
    /// Dials what waits, as far as there is room.
    pub(super) fn dial_ready(&mut self) {
        while !self.left && self.has_room_to_dial() {
            let Some(known) = self.book.take_ready() else { return };
            let addr = known.addr;
            match known.id.clone().filter(|id| self.peers.contains_key(id)) {
                Some(id) => self.already_connected(addr, &id),
                None => self.dial(addr),
            }
        }
    }

    fn has_room_to_dial(&self) -> bool {
        let dialing = self.dialing();
        dialing < self.config.max_dials && self.peers.len() + dialing < self.config.want_peers
    }

    /// Dials, and dialled connections without hello.
    fn dialing(&self) -> usize {
        self.dials.len() + self.dialed_greeting
    }

    fn dial(&mut self, to: SocketAddr) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.dials.insert(ticket, to);
        let deadline = self.watch.now() + self.config.dial_timeout;
        self.outputs.push_back(Output::Dial { ticket, to, deadline });
    }

    fn dial_failed(&mut self, ticket: Ticket, why: DialError) {
        if let Some(addr) = self.dials.remove(&ticket) {
            self.event(Event::DialFailed { addr, why });
            self.pause(addr);
            self.dial_ready();
        }
    }

    /// Doubles the pause with each failure in a row, give or take a fifth.
    fn pause(&mut self, addr: SocketAddr) {
        let Some(failures) = self.book.failed(addr).filter(|_| !self.left) else { return };
        let doubled = self.config.retry_min.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let after = self.retry.jittered(doubled.min(self.config.retry_max), 20);
        self.watch.schedule(Due::Redial(addr), after);
    }

    /// The peer at `addr` is connected by other means; it is tried again much later.
    pub(super) fn already_connected(&mut self, addr: SocketAddr, id: &NodeId) {
        self.book.is_connected(addr, id);
        let after = self.retry.jittered(self.config.retry_max, 20);
        self.watch.schedule(Due::Redial(addr), after);
    }

    /// Whether an address is known to be this node's.
    pub(super) fn is_own(&self, addr: SocketAddr) -> bool {
        let configured = self.config.address.is_some_and(|own| canonical(own) == addr);
        configured || self.book.get(addr).is_some_and(|known| known.phase == Phase::Own)
    }

    fn connect(&mut self, addr: SocketAddr) -> Result<Reply, Refusal> {
        if !dialable(addr) {
            return Err(Refusal::NotDialable);
        }
        if self.is_own(addr) {
            return Err(Refusal::OwnAddress);
        }
        if self.is_connected(addr) {
            return Err(Refusal::Already);
        }
        let room = self.dialing() < self.config.max_dials && self.peers.len() < self.config.max_peers;
        if !room || !self.book.dial_now(addr) {
            return Err(Refusal::NoRoom);
        }
        self.watch.cancel(Due::Redial(addr));
        self.dial(addr);
        Ok(Reply::Dialing)
    }

    fn is_connected(&self, addr: SocketAddr) -> bool {
        self.book.get(addr).is_some_and(|known| {
            let up = known.id.as_ref().is_some_and(|id| self.peers.contains_key(id));
            up || matches!(known.phase, Phase::Dialing | Phase::Up)
        })
    }

    fn leave(&mut self) -> Reply {
        self.left = true;
        let peers = self.peers.len();
        while let Some((&conn, _)) = self.conns.first_key_value() {
            self.close(conn, CloseHow::Flush, LEFT);
        }
        self.watch.clear();
        Reply::Left { peers }
    }
}

/// What happens in time.
impl Hello {
    fn tick(&mut self) {
        for absent in self.watch.absent() {
            match absent {
                Absent::Hello(conn) => self.close(conn, CloseHow::Abort, NO_HELLO),
                Absent::Pong(conn) => self.close(conn, CloseHow::Abort, SILENT),
            }
        }
        for due in self.watch.due() {
            match due {
                Due::Ping(conn) => self.ping(conn),
                Due::Redial(addr) => self.book.ready(addr),
            }
        }
        self.dial_ready();
    }

    /// Pings, and will again.
    pub(super) fn ping(&mut self, conn: ConnId) {
        let now = self.watch.now();
        let most = self.config.missed_pongs as usize + 1;
        let Some(peer) = self.conns.get_mut(&conn).and_then(|open| open.peer.as_mut()) else { return };
        peer.pinged(now, most);
        if !self.watch.expects(Absent::Pong(conn)) {
            self.watch.expect(Absent::Pong(conn), self.patience());
        }
        self.watch.schedule(Due::Ping(conn), self.config.ping_period);
        self.say_ping(conn);
    }

    /// How long a peer may owe its pong.
    pub(super) fn patience(&self) -> Duration {
        self.config.ping_period.saturating_mul(self.config.missed_pongs)
    }
}
