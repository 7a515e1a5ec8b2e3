//! The node: connections, dials and time.

use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::BytesMut;

use super::cache::{Cache, Entry};
use super::config::{Config, ConfigError, Mode};
use super::fetch::Fetch;
use super::greeting::NO_PONG;
use super::interface::{Command, Counters, Event, Kind, ModuleInfo, PeerInfo, Refusal, Reply};
use super::known::Known;
use super::parting::{LEFT, Life};
use super::peer::{Due, Hold, Module, Peer, Side, listening, modules, natives, peer_mut, peers};
use super::registrations::Registrations;
use super::slot::Slots;
use super::wire::{Message, MessageHash, next_frame};
use crate::kernel::{
    AddressBook, BookLimits, CloseHow, ConnId, Conns, Deadlines, Ended, Fault, Input, KeyedState, Machine,
    News, Opening, Origin, Output, Outputs, Part, Port, Rng, SeenCache, Slack, Streams, Time, Wake, Why,
};

/// Where peers come in, and what is dialled.
pub const PEERS: Port = Port(0);
/// Where modules come in.
pub const MODULES: Port = Port(1);

const NO_ROOM_FOR_MODULES: Why = Why { fault: Fault::Own, what: "no room for another module" };

/// A gossip node; see the [module](super) for what it does.
#[derive(Debug)]
pub struct Gossip {
    pub(super) config: Config,
    pub(super) nonce: u64,
    pub(super) conns: Conns<Side>,
    pub(super) deadlines: Deadlines<Due>,
    pub(super) book: AddressBook<SocketAddr>,
    pub(super) rng: Rng,
    pub(super) cache: Cache,
    pub(super) known: Known,
    pub(super) registrations: Registrations,
    /// News of peers that was passed on.
    pub(super) updates: SeenCache<SocketAddr>,
    pub(super) fetches: BTreeMap<MessageHash, Fetch>,
    pub(super) slots: Slots,
    pub(super) out: Outputs<Event>,
    pub(super) counters: Counters,
    /// Whether the application was told that the node is busy.
    pub(super) owes_room: bool,
    pub(super) life: Life,
}

impl Gossip {
    /// A node that wants to dial its bootstraps at once.
    ///
    /// # Errors
    /// The configuration is one that no node can run with.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let streams = Streams::new(config.seed);
        let mut rng = streams.named("gossip");
        let limits = BookLimits {
            retry_min: config.retry_min,
            retry_max: config.retry_max,
            give_up_after: config.give_up_after,
            max_dials: config.max_dials,
            max_learned: config.max_known,
        };
        let hasher = |name| -> KeyedState { streams.keyed(name) };
        let retry = streams.named("gossip retry");
        let own = config.address.map(SocketAddr::V4);
        let mut node = Gossip {
            nonce: rng.u64(),
            conns: Conns::new(config.backlog, config.start),
            deadlines: Deadlines::new(Slack::new(config.oversleep), config.start),
            book: AddressBook::new(limits, own, config.bootstrap.iter().copied(), retry, config.start),
            rng,
            cache: Cache::new(config.cache_size, hasher("gossip cache")),
            known: Known::new(config.known_size, config.known_for, hasher("gossip known")),
            registrations: Registrations::default(),
            updates: SeenCache::new(config.cache_size, config.known_for, hasher("gossip updates")),
            fetches: BTreeMap::new(),
            slots: Slots::default(),
            out: Outputs::new(),
            counters: Counters::default(),
            owes_room: false,
            life: Life::On,
            config,
        };
        if node.config.mode == Mode::Auto {
            node.deadlines.after(Due::Explore, node.config.explore_period);
        }
        node.dial_ready();
        Ok(node)
    }

    /// Its peers, in the order in which the connections opened.
    pub fn peers(&self) -> impl Iterator<Item = PeerInfo> {
        self.conns.iter().filter_map(|(conn, open)| PeerInfo::of(conn, open, self.cache.last_valid()))
    }

    /// Its modules, in the order in which the connections opened.
    pub fn modules(&self) -> impl Iterator<Item = ModuleInfo> {
        self.conns.iter().filter_map(|(conn, open)| ModuleInfo::of(conn, open))
    }

    /// The messages that it holds, from the oldest to the newest.
    pub fn cache(&self) -> impl Iterator<Item = &Entry> {
        self.cache.iter()
    }

    /// The message that modules name so.
    pub fn message(&self, id: u16) -> Option<&Entry> {
        self.cache.get(id)
    }

    /// How many want to hear of each type, in order.
    pub fn registrations(&self) -> impl Iterator<Item = (u16, usize)> {
        self.registrations.iter()
    }

    /// The addresses that it knows, in order.
    pub fn addresses(&self) -> impl Iterator<Item = &crate::kernel::Known<SocketAddr>> {
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
    pub fn has_left(&self) -> bool {
        self.life > Life::On
    }
}

impl Machine for Gossip {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        if self.life == Life::Left {
            return;
        }
        self.advance(now);
        if matches!(input, Input::Closed { .. }) {
            self.linger();
        }
        match self.conns.handle(now, &mut self.out, input) {
            Some(News::Opened(opening)) => self.opened(opening),
            Some(News::Received { conn, bytes }) => self.received(conn, bytes),
            Some(News::Flushed(conn)) => self.flushed(conn),
            Some(News::Ended(ended)) => self.gone(ended),
            Some(News::DialFailed { what: addr, why }) => {
                self.out.event(Event::DialFailed { addr, why });
                self.book.failed(addr);
            }
            Some(News::Other(Input::Tick)) => self.tick(),
            Some(News::Other(_)) | None => {}
        }
        self.dial_ready();
        self.end_if_closed();
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.advance(now);
        if self.has_left() {
            return Err(Refusal::HasLeft);
        }
        match command {
            Command::Announce { ttl, data_type, data } => self.announce_own(ttl, data_type, data),
            Command::Subscribe { data_type } => Ok(self.subscribe(data_type)),
            Command::Unsubscribe { data_type } => Ok(self.unsubscribe(data_type)),
            Command::Validate { id, valid } => self.validate(id, valid),
            Command::Connect { addr } => self.connect(crate::kernel::canonical(addr)),
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
impl Part for Gossip {
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
impl Gossip {
    fn opened(&mut self, opening: Opening<SocketAddr>) {
        match *opening.origin() {
            Origin::Accepted(MODULES) => self.opened_module(opening),
            _ if self.life >= Life::Ending => self.conns.refuse(&mut self.out, opening, LEFT),
            _ if self.has_left() => self.hold_off(opening),
            _ => self.opened_peer(opening),
        }
    }

    fn opened_module(&mut self, opening: Opening<SocketAddr>) {
        if self.has_left() || modules(&self.conns).count() >= self.config.max_modules {
            return self.conns.refuse(&mut self.out, opening, NO_ROOM_FOR_MODULES);
        }
        let remote = opening.remote();
        let module = Module { cursor: self.cache.last_arrival(), ..Module::default() };
        let conn = self.conns.keep(opening, Side::Module(module));
        self.out.event(Event::ModuleUp { conn, remote });
    }

    fn opened_peer(&mut self, opening: Opening<SocketAddr>) {
        let Some(slot) = self.slots.claim(self.config.max_peers) else { return self.hold_off(opening) };
        let (now, remote, dialed) =
            (self.deadlines.now(), opening.remote(), opening.origin().dialed().copied());
        let peer = Peer::new(slot, dialed, &self.config, now);
        let conn = self.conns.keep(opening, Side::Peer(peer));
        // A frame that arrives in pieces, or with others, is lost on a gossip-python node.
        self.conns.pace(conn, self.config.gap, Time::ZERO);
        self.out.event(Event::PeerUp { conn, remote, dialed: dialed.is_some() });
        self.greet(conn, dialed);
    }

    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        while let Some(open) = self.conns.reader(conn) {
            let hear = match open.state {
                Side::Module(_) => Gossip::heard_of_module,
                Side::Peer(_) => Gossip::heard_of_peer,
                Side::Refused(_) => Gossip::heard_of_refused,
            };
            let message = match next_frame(bytes) {
                Ok(Some(frame)) => Message::read(&frame),
                Ok(None) => return,
                Err(malformed) => Err(malformed),
            };
            match message {
                Ok(message) => hear(self, conn, message),
                Err(malformed) => self.misbehaved(conn, malformed.what()),
            }
            self.dial_ready();
        }
        if self.conns.get(conn).is_none() {
            // It was closed: nobody hears the rest.
            bytes.clear();
        }
    }

    /// It speaks no gossip, or says what is not allowed. It is not told why: there is no frame for that.
    pub(super) fn misbehaved(&mut self, conn: ConnId, what: &'static str) {
        let Some(open) = self.conns.get(conn) else { return };
        let (why, remote) = (Why { fault: Fault::Peer, what }, open.remote());
        let is_fragile = match &open.state {
            Side::Module(_) => false,
            Side::Peer(peer) => !peer.is_native(),
            Side::Refused(_) => return self.conns.pause(&mut self.out, conn),
        };
        self.counters.misbehaved += 1;
        self.out.event(Event::Misbehaved { conn, remote, what });
        if is_fragile {
            self.part_with(conn, why);
        } else {
            self.close(conn, CloseHow::Abort, why);
        }
    }

    pub(super) fn close(&mut self, conn: ConnId, how: CloseHow, why: Why) {
        if let Some(ended) = self.conns.close(&mut self.out, conn, how, why) {
            self.gone(ended);
        }
    }

    /// A connection is no more.
    pub(super) fn gone(&mut self, Ended { conn, remote, origin, state, why }: Ended<Side, SocketAddr>) {
        match state {
            Side::Module(module) => {
                self.registrations.unregister(conn, &module.types);
                self.out.event(Event::ModuleDown { conn, remote, why });
            }
            Side::Peer(peer) => self.gone_peer((conn, remote), &peer, why),
            Side::Refused(_) => _ = self.deadlines.cancel(Due::Refuse(conn)),
        }
        if let Some(addr) = origin.dialed() {
            self.book.failed(*addr);
        }
    }

    pub(super) fn gone_peer(&mut self, (conn, remote): (ConnId, SocketAddr), peer: &Peer, why: Why) {
        for due in [Due::Greeting, Due::Fetch, Due::Answer, Due::Pong, Due::Ping, Due::Forgive] {
            self.deadlines.cancel(due(conn));
        }
        self.slots.remove(peer.slot);
        self.cache.forget(peer.slot);
        self.out.event(Event::PeerDown { conn, remote, listens: peer.listens_v4(), why });
        self.fetch_elsewhere(conn);
        self.find_another();
        self.look_for_room();
        self.look_at_leaving();
    }
}

/// What happens to dials.
impl Gossip {
    /// Dials what waits, as far as there is room.
    fn dial_ready(&mut self) {
        while let Some(addr) = self.next_to_dial() {
            self.dial(addr);
        }
    }

    fn next_to_dial(&mut self) -> Option<SocketAddr> {
        if self.has_left() {
            return None;
        }
        let most = self.config.max_peers;
        let want = match self.config.mode {
            Mode::Compatible => most,
            // Each of which nothing is known yet could be one of this project.
            Mode::Auto => {
                let compatible = peers(&self.conns).filter(|(_, peer)| peer.kind == Kind::Compatible);
                most.min(self.config.degree + compatible.count())
            }
        };
        self.book.pick(want, listening(&self.conns))
    }

    /// One more link than enough: without it two groups that have lost each other would never look again. When it is up,
    /// another is given up.
    fn explore(&mut self) {
        let period = self.config.explore_period;
        let next = self.rng.between(period / 2, period + period / 2);
        self.deadlines.after(Due::Explore, next);
        if natives(&self.conns).count() < self.config.degree || self.has_left() {
            return;
        }
        self.find_another();
        if let Some(addr) = self.book.pick(self.config.max_peers, listening(&self.conns)) {
            self.dial(addr);
        }
    }

    fn connect(&mut self, addr: SocketAddr) -> Result<Reply, Refusal> {
        self.book.claim(addr, self.config.max_peers, listening(&self.conns))?;
        self.dial(addr);
        Ok(Reply::Dialing)
    }

    fn dial(&mut self, to: SocketAddr) {
        self.conns.dial(&mut self.out, to, self.config.dial_timeout, to);
    }
}

/// What happens in time.
impl Gossip {
    fn advance(&mut self, now: Time) {
        self.deadlines.advance(now, &mut [&mut self.conns, &mut self.book]);
    }

    fn tick(&mut self) {
        for due in self.deadlines.fire() {
            match due {
                Due::Verdict(id) => self.verdict_missing(id),
                Due::Greeting(conn) => self.greeting_missing(conn),
                Due::Fetch(conn) => self.fetch_missing(conn),
                Due::Answer(conn) => self.answer_owed(conn),
                Due::Ping(conn) => self.ping(conn),
                Due::Pong(conn) => self.close(conn, CloseHow::Abort, NO_PONG),
                Due::Forgive(conn) => self.release(conn, Hold::Invalid),
                Due::Refuse(conn) => self.refuse(conn),
                Due::Explore => self.explore(),
                Due::Room => self.look_for_room(),
                Due::Leave => self.go_on_leaving(),
            }
            if self.life == Life::Left {
                return;
            }
        }
        self.book.tick();
    }
}

/// Who is not read from.
impl Gossip {
    pub(super) fn hold(&mut self, conn: ConnId, why: Hold) {
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        peer.holds |= why as u8;
        self.conns.pause(&mut self.out, conn);
    }

    pub(super) fn release(&mut self, conn: ConnId, why: Hold) {
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        let was_held = peer.holds != 0;
        peer.holds &= !(why as u8);
        if was_held && peer.holds == 0 {
            self.conns.resume(&mut self.out, conn);
        }
    }
}
