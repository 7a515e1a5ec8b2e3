//! The node: connections, dials and time.

use alloc::collections::BTreeSet;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::clock::Clock;
use super::config::{Config, ConfigError};
use super::flood::Flood;
use super::interface::{Command, Counters, Event, PeerInfo, Refusal, Reply};
use super::lookups::Lookups;
use super::peer::{Due, Side, ids, peer_mut};
use super::wire::{Accepts, Frame, FrameError, NodeId, ProtocolId, Reaction, Text, TextKind, next_body};
use crate::kernel::{
    AddressBook, Class, CloseHow, ConnId, Conns, Deadlines, Ended, Fault, Input, Known, Machine, News,
    Opening, Outbox, Output, Outputs, Part, Rng, Slack, Streams, Time, Wake, Why, canonical,
};

pub(super) const LEFT: Why = Why { fault: Fault::Nobody, what: "this node has left" };
const TOO_MANY: Why = Why { fault: Fault::Own, what: "too many connections that have not greeted" };
const NO_HANDSHAKE: Why = Why { fault: Fault::Peer, what: "said no handshake in time" };
const NO_ANSWER: Why = Why { fault: Fault::Network, what: "did not answer" };

/// A node of py2p's mesh; see the [module](super) for what it does.
#[derive(Debug)]
pub struct Mesh {
    pub(super) config: Config,
    pub(super) id: NodeId,
    /// As every frame says it.
    pub(super) name: Text,
    pub(super) protocol: ProtocolId,
    pub(super) conns: Conns<Side>,
    pub(super) deadlines: Deadlines<Due>,
    pub(super) book: AddressBook<NodeId>,
    pub(super) out: Outputs<Event>,
    pub(super) counters: Counters,
    pub(super) clock: Clock,
    pub(super) flood: Flood,
    pub(super) lookups: Lookups,
    /// Draws the order of rows, and the names of questions.
    pub(super) rng: Rng,
    /// Somebody was told that the peers take less than he says.
    pub(super) owes_room: bool,
    /// Nodes of this project that are not given up for others.
    pub(super) kept: BTreeSet<NodeId>,
}

impl Mesh {
    /// A node that wants to dial its bootstraps at once.
    ///
    /// # Errors
    /// The configuration is one that no node can run with.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let streams = Streams::new(config.seed);
        let id = config.id.unwrap_or_else(|| NodeId::drawn(&mut streams.named("id")));
        let mut node = Mesh {
            id,
            name: id.text(TextKind::Bin),
            protocol: ProtocolId::new(&config.subnet, "Plaintext"),
            conns: Conns::new(config.backlog, config.start),
            deadlines: Deadlines::new(Slack::new(config.oversleep), config.start),
            book: config.book(&streams),
            out: Outputs::new(),
            counters: Counters::default(),
            clock: Clock::new(config.start, config.wall_time),
            flood: Flood::new(config.seen, streams.keyed("seen")),
            lookups: Lookups::default(),
            rng: streams.named("mesh"),
            owes_room: false,
            kept: BTreeSet::new(),
            config,
        };
        node.explore_later();
        node.dial_ready();
        Ok(node)
    }

    /// What this node calls itself.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// What its network is called, as nodes say it.
    pub const fn protocol(&self) -> &ProtocolId {
        &self.protocol
    }

    /// The connections of its peers, in the order in which they opened. A peer may have two.
    pub fn peers(&self) -> impl Iterator<Item = PeerInfo> {
        self.conns.iter().filter_map(|(conn, open)| PeerInfo::of(&self.conns, conn, open))
    }

    /// The addresses that it knows, in order.
    pub fn known(&self) -> impl Iterator<Item = &Known<NodeId>> {
        self.book.iter()
    }

    /// What it has met.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What it was made of.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Whether it has been told to leave.
    pub const fn has_left(&self) -> bool {
        self.out.is_done()
    }
}

impl Machine for Mesh {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        if self.has_left() {
            return;
        }
        self.advance(now);
        match self.conns.handle(now, &mut self.out, input) {
            Some(News::Opened(opening)) => self.opened(opening),
            Some(News::Received { conn, bytes }) => self.received(conn, bytes),
            Some(News::Flushed(conn)) => self.flushed(conn),
            Some(News::Ended(ended)) => self.ended(ended),
            Some(News::DialFailed { what: addr, why }) => {
                self.out.event(Event::DialFailed { addr, why });
                self.book.failed(addr);
            }
            Some(News::Other(Input::Tick)) => self.tick(),
            Some(News::Other(Input::WallTime { unix })) => self.clock.set(now, unix),
            Some(News::Other(_)) | None => {}
        }
        self.dial_ready();
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        if self.has_left() {
            return Err(Refusal::HasLeft);
        }
        self.advance(now);
        let reply = match command {
            Command::Broadcast { values } => self.broadcast(values),
            Command::Whisper { to, values } => self.whisper(to, values),
            Command::Connect { addr } => self.connect(canonical(addr)),
            Command::Disconnect { id } => self.disconnect(id),
            Command::RequestPeers => Ok(self.request_peers()),
            Command::Leave => Ok(self.leave()),
        };
        self.dial_ready();
        reply
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.out.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.deadlines.wake(&self.out, [self.conns.next(), self.book.next()])
    }
}

/// A node inside another machine is told how late that was woken.
impl Part for Mesh {
    fn due(&self) -> Option<Time> {
        [self.deadlines.due(), self.conns.due(), self.book.due()].into_iter().flatten().min()
    }

    fn woken(&mut self, now: Time, late: Duration) {
        self.deadlines.woken(now, late);
        self.conns.woken(now, late);
        self.book.woken(now, late);
    }
}

/// What happens to connections.
impl Mesh {
    fn opened(&mut self, opening: Opening<SocketAddr>) {
        if opening.origin().dialed().is_none() && self.strangers() >= self.config.max_greeting {
            return self.conns.refuse(&mut self.out, opening, TOO_MANY);
        }
        let conn = self.conns.keep(opening, Side::default());
        // A py2p node takes four octets that are left of a read for a frame.
        self.conns.pace(conn, self.config.gap, Time::ZERO);
        self.deadlines.after(Due::Greet(conn), self.config.mirror);
        self.deadlines.after(Due::Handshake(conn), self.config.handshake_timeout);
    }

    /// Accepted connections that have not said who they are.
    fn strangers(&self) -> usize {
        let strange = self.conns.iter().filter(|(_, open)| open.state.peer.is_none());
        strange.filter(|(_, open)| open.origin().dialed().is_none()).count()
    }

    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        while let Some(open) = self.conns.reader(conn) {
            let is_up = open.state.peer.is_some();
            match next_body(bytes) {
                Ok(Some(body)) if is_up && self.flood.knows(self.deadlines.now(), body.claimed()) => {
                    self.heard_again(conn);
                }
                Ok(Some(body)) => {
                    let accepts = if is_up { Accepts::Compressed } else { Accepts::Plain };
                    match body.open(accepts) {
                        Ok(frame) => self.heard(conn, &frame),
                        Err(why) => self.unreadable(conn, why),
                    }
                }
                Ok(None) => return,
                Err(why) => self.unreadable(conn, why),
            }
            self.dial_ready();
        }
        // It was closed: nobody hears the rest.
        bytes.clear();
    }

    fn unreadable(&mut self, conn: ConnId, why: FrameError) {
        match why.reaction() {
            Reaction::Close => self.misbehaved(conn, "sent what is no frame"),
            Reaction::Ignore => self.counters.ignored += 1,
        }
    }

    /// Marks that something was heard on a connection.
    pub(super) fn is_alive(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        if let Some(peer) = peer_mut(&mut self.conns, conn) {
            peer.heard = now;
            if core::mem::take(&mut peer.is_probed) {
                self.deadlines.cancel(Due::Pong(conn));
                self.deadlines.after(Due::Ping(conn), self.config.ping_period);
            }
        }
    }

    /// Sends a frame to whoever is there, in its turn.
    pub(super) fn send(&mut self, conn: ConnId, class: Class, frame: Bytes) {
        let (now, is_idle) = (self.deadlines.now(), self.conns.outbox(conn).is_some_and(Outbox::is_idle));
        if let Some(peer) = peer_mut(&mut self.conns, conn) {
            peer.sent += 1;
            // Whoever was sent nothing for a while does not stand still.
            peer.moved = if is_idle { now } else { peer.moved };
        }
        if let Err(ended) = self.conns.send(&mut self.out, conn, class, frame) {
            self.gone(ended);
        }
    }

    fn flushed(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        if let Some(peer) = peer_mut(&mut self.conns, conn) {
            peer.moved = now;
        }
        self.look_for_room();
    }

    pub(super) fn misbehaved(&mut self, conn: ConnId, what: &'static str) {
        let Some(open) = self.conns.get(conn) else { return };
        self.counters.misbehaved += 1;
        self.out.event(Event::Misbehaved { conn, remote: open.remote(), what });
        self.close(conn, CloseHow::Abort, Why { fault: Fault::Peer, what });
    }

    pub(super) fn close(&mut self, conn: ConnId, how: CloseHow, why: Why) {
        if let Some(ended) = self.conns.close(&mut self.out, conn, how, why) {
            self.gone(ended);
        }
    }

    /// A connection was ended, and not by this node.
    fn ended(&mut self, ended: Ended<Side, SocketAddr>) {
        let id = ended.state.peer.as_ref().map(|peer| peer.id);
        self.gone(ended);
        id.into_iter().for_each(|id| self.doubt_other(id));
    }

    /// A connection is no more; what was dialled is dialled again after a pause.
    fn gone(&mut self, Ended { conn, origin, state, why, .. }: Ended<Side, SocketAddr>) {
        for due in [Due::Greet, Due::Handshake, Due::Ping, Due::Pong] {
            self.deadlines.cancel(due(conn));
        }
        if let Some(addr) = origin.dialed() {
            self.book.failed(*addr);
        }
        if let Some(peer) = state.peer {
            self.lost(&peer, why);
        }
        self.look_for_room();
    }
}

/// What happens to dials.
impl Mesh {
    /// Dials what waits, as far as there is room.
    fn dial_ready(&mut self) {
        while let Some(addr) = self.book.pick(self.config.want_peers, ids(&self.conns)) {
            self.dial(addr);
        }
    }

    fn explore_later(&mut self) {
        let period = self.config.explore_period;
        let next = self.rng.between(period / 2, period + period / 2);
        self.deadlines.after(Due::Explore, next);
    }

    /// One peer more than enough: without it two groups that have lost each other would never look again. When it is there,
    /// another is given up.
    fn explore(&mut self) {
        self.explore_later();
        if ids(&self.conns).count() < self.config.want_peers {
            return self.find_others();
        }
        if let Some(addr) = self.book.pick(self.most_explored(), ids(&self.conns)) {
            self.dial(addr);
        }
    }

    /// Where none of the peers can be given up for another, there are to be twice as many as are wanted at the most.
    fn most_explored(&self) -> usize {
        let gives_up = self.dialed_natives().next().is_some();
        if gives_up { self.config.max_peers } else { self.config.want_peers.saturating_mul(2) }
    }

    pub(super) fn connect(&mut self, addr: SocketAddr) -> Result<Reply, Refusal> {
        self.book.claim(addr, self.config.max_peers, ids(&self.conns))?;
        self.dial(addr);
        Ok(Reply::Dialing)
    }

    fn dial(&mut self, addr: SocketAddr) {
        self.conns.dial(&mut self.out, addr, self.config.dial_timeout, addr);
    }

    fn leave(&mut self) -> Reply {
        let peers = ids(&self.conns).count();
        self.lookups.clear();
        for ended in self.conns.close_all(&mut self.out, LEFT) {
            self.gone(ended);
        }
        self.book.clear();
        self.deadlines.clear();
        self.out.event(Event::Left);
        self.out.done();
        Reply::Left { peers }
    }
}

/// What happens in time.
impl Mesh {
    fn advance(&mut self, now: Time) {
        self.deadlines.advance(now, &mut [&mut self.conns, &mut self.book]);
    }

    fn tick(&mut self) {
        for due in self.deadlines.fire() {
            match due {
                Due::Greet(conn) => self.greet_first(conn),
                Due::Handshake(conn) => self.close(conn, CloseHow::Abort, NO_HANDSHAKE),
                Due::Ping(conn) => self.ping(conn),
                Due::Pong(conn) => self.close(conn, CloseHow::Abort, NO_ANSWER),
                Due::Lookup(number) => self.not_found(number),
                Due::Explore => self.explore(),
                Due::Room => self.look_for_room(),
            }
        }
        self.book.tick();
    }
}

/// What frames say.
impl Mesh {
    fn heard_again(&mut self, conn: ConnId) {
        self.is_alive(conn);
        self.counters.duplicates += 1;
        if let Some(peer) = peer_mut(&mut self.conns, conn) {
            peer.again += 1;
        }
    }

    fn heard(&mut self, conn: ConnId, frame: &Frame) {
        self.is_alive(conn);
        let is_up = self.conns.get(conn).is_some_and(|open| open.state.peer.is_some());
        if is_up { self.heard_of_peer(conn, frame) } else { self.heard_of_stranger(conn, frame) }
    }
}
