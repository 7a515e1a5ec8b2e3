//! The node: connections, dials and time.

use alloc::boxed::Box;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::config::{Config, ConfigError};
use super::interface::{Command, Counters, Event, PeerInfo, Refusal, Reply};
use super::message::NodeId;
use super::peer::{Due, Side, ids, peers};
use super::talk::{self, Talk};
use crate::kernel::{
    AddressBook, Class, CloseHow, ConnId, Conns, Deadlines, Ended, Fault, Gap, Input, Known, LineScanner,
    Machine, News, Opening, Output, Outputs, Part, Slack, Terminator, Time, Wake, Why, canonical,
};

pub(super) const NO_ROOM: Why = Why { fault: Fault::Own, what: "no room for another peer" };
const LEFT: Why = Why { fault: Fault::Nobody, what: "this node has left" };
const NO_HELLO: Why = Why { fault: Fault::Peer, what: "said no hello in time" };
const NO_PONG: Why = Why { fault: Fault::Network, what: "answered no ping" };
const NO_PING: Why = Why { fault: Fault::Network, what: "pinged no more" };

/// A node of the hello / ping / addr network; see the [module](super) for what it does.
#[derive(Debug)]
pub struct Hello {
    pub(super) config: Config,
    pub(super) talk: Box<dyn Talk>,
    pub(super) conns: Conns<Side>,
    pub(super) deadlines: Deadlines<Due>,
    pub(super) book: AddressBook<NodeId>,
    pub(super) out: Outputs<Event>,
    pub(super) counters: Counters,
}

impl Hello {
    /// A node that wants to dial its bootstraps at once.
    ///
    /// # Errors
    /// The configuration is one that no node can run with.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let mut node = Hello {
            talk: talk::of(&config),
            conns: Conns::new(config.backlog, config.start),
            deadlines: Deadlines::new(Slack::new(config.oversleep), config.start),
            book: config.book(),
            out: Outputs::new(),
            counters: Counters::default(),
            config,
        };
        node.dial_ready();
        Ok(node)
    }

    /// What this node calls itself.
    pub fn id(&self) -> &NodeId {
        self.talk.id()
    }

    /// Whom it has met, in the order in which the connections opened.
    pub fn peers(&self) -> impl Iterator<Item = &PeerInfo> {
        peers(&self.conns)
    }

    /// The addresses that it knows, in order.
    pub fn known(&self) -> impl Iterator<Item = &Known<NodeId>> {
        self.book.iter()
    }

    /// What it has met and not acted on.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether it has been told to leave.
    pub const fn has_left(&self) -> bool {
        self.out.is_done()
    }
}

impl Machine for Hello {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        if self.has_left() {
            return;
        }
        self.deadlines.advance(now, &mut [&mut self.conns, &mut self.book]);
        match self.conns.handle(now, &mut self.out, input) {
            Some(News::Opened(opening)) => self.opened(opening),
            Some(News::Received { conn, bytes }) => self.received(conn, bytes),
            Some(News::Ended(ended)) => self.gone(ended),
            Some(News::DialFailed { what: addr, why }) => {
                self.out.event(Event::DialFailed { addr, why });
                self.book.failed(addr);
            }
            Some(News::Other(Input::Tick)) => self.tick(),
            Some(News::Other(Input::WallTime { unix })) => self.talk.clock(now, unix),
            Some(News::Flushed(_) | News::Other(_)) | None => {}
        }
        self.dial_ready();
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        if self.has_left() {
            return Err(Refusal::HasLeft);
        }
        self.deadlines.advance(now, &mut [&mut self.conns, &mut self.book]);
        match command {
            Command::Connect { addr } => self.connect(canonical(addr)),
            Command::Leave => Ok(self.leave()),
        }
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.out.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.deadlines.wake(&self.out, [self.conns.next(), self.book.next()])
    }
}

/// A node inside another machine is told how late that was woken.
impl Part for Hello {
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
impl Hello {
    fn opened(&mut self, opening: Opening<SocketAddr>) {
        let dialed = opening.origin().dialed().is_some();
        if !dialed && !self.has_room_to_accept() {
            return self.conns.refuse(&mut self.out, opening, NO_ROOM);
        }
        let scanner = LineScanner::new(Terminator::Lf, self.config.dialect.max_line());
        let conn = self.conns.keep(opening, Side { scanner, peer: None });
        if self.config.dialect.solo() {
            self.conns.pace(conn, Gap::NONE, Time::ZERO);
        }
        self.deadlines.after(Due::Hello(conn), self.config.hello_timeout);
        if dialed {
            self.say_hello(conn);
        }
    }

    fn has_room_to_accept(&self) -> bool {
        let strangers = self.conns.iter().filter(|(_, open)| open.state.peer.is_none());
        let accepted = strangers.filter(|(_, open)| open.origin().dialed().is_none()).count();
        accepted < self.config.max_greeting && self.peers().count() < self.config.max_peers
    }

    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        while let Some(open) = self.conns.reader(conn) {
            match open.state.scanner.next_line(bytes) {
                Ok(Some(line)) => self.heard(conn, &line),
                Ok(None) => return,
                Err(_) => self.misbehaved(conn, "sent a line above the limit"),
            }
            self.dial_ready();
        }
        // It was closed: nobody hears the rest.
        bytes.clear();
    }

    pub(super) fn send(&mut self, conn: ConnId, class: Class, frame: Bytes) {
        if let Err(ended) = self.conns.send(&mut self.out, conn, class, frame) {
            self.gone(ended);
        }
    }

    pub(super) fn misbehaved(&mut self, conn: ConnId, what: &'static str) {
        let Some(open) = self.conns.get(conn) else { return };
        self.counters.misbehaved += 1;
        self.out.event(Event::Misbehaved { conn, remote: open.remote(), what });
        self.close(conn, CloseHow::Flush, Why { fault: Fault::Peer, what });
    }

    pub(super) fn close(&mut self, conn: ConnId, how: CloseHow, why: Why) {
        if let Some(ended) = self.conns.close(&mut self.out, conn, how, why) {
            self.gone(ended);
        }
    }

    /// A connection is no more; what was dialled is dialled again after a pause.
    fn gone(&mut self, Ended { conn, origin, state, why, .. }: Ended<Side, SocketAddr>) {
        for due in [Due::Hello, Due::Pong, Due::Silence, Due::Ping] {
            self.deadlines.cancel(due(conn));
        }
        if let Some(addr) = origin.dialed() {
            self.book.failed(*addr);
        }
        if let Some(peer) = state.peer {
            if ids(&self.conns).all(|id| *id != peer.id) {
                self.book.lost(&peer.id);
            }
            self.out.event(Event::PeerDown { conn, id: peer.id, why });
        }
    }
}

/// What happens to dials.
impl Hello {
    /// Dials what waits, as far as there is room.
    fn dial_ready(&mut self) {
        while let Some(addr) = self.book.pick(self.config.want_peers, ids(&self.conns)) {
            self.conns.dial(&mut self.out, addr, self.config.dial_timeout, addr);
        }
    }

    fn connect(&mut self, addr: SocketAddr) -> Result<Reply, Refusal> {
        self.book.claim(addr, self.config.max_peers, ids(&self.conns))?;
        self.conns.dial(&mut self.out, addr, self.config.dial_timeout, addr);
        Ok(Reply::Dialing)
    }

    fn leave(&mut self) -> Reply {
        let peers = self.peers().count();
        for ended in self.conns.close_all(&mut self.out, LEFT) {
            self.gone(ended);
        }
        self.book.clear();
        self.out.event(Event::Left);
        self.out.done();
        Reply::Left { peers }
    }
}

/// What happens in time.
impl Hello {
    fn tick(&mut self) {
        for due in self.deadlines.fire() {
            match due {
                Due::Hello(conn) => self.close(conn, CloseHow::Abort, NO_HELLO),
                Due::Pong(conn) => self.close(conn, CloseHow::Abort, NO_PONG),
                Due::Silence(conn) => self.close(conn, CloseHow::Abort, NO_PING),
                Due::Ping(conn) => self.ping(conn),
            }
        }
        self.book.tick();
    }
}
