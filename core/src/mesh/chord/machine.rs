//! The node: what happens to it, and in which part.

use bytes::BytesMut;

use super::asking::Asks;
use super::circle::Circle;
use super::config::Config;
use super::interface::{Command, Contact, Counters, Event, Refusal, Reply};
use super::keeping::Keepings;
use super::leaving::Life;
use super::ops::Ops;
use super::pending::Pending;
use super::py2p::{Py2p, ViewId};
use super::repair::Repair;
use super::ring::Position;
use super::side::{Sides, position};
use super::store::{HybridClock, Shelf};
use super::strays::Strays;
use super::unify::Unifying;
use super::waiting::Waiting;
use super::word::Word;
use super::writing::Writing;
use crate::kernel::{
    Awaits, ConnId, Deadline, Deadlines, Input, Machine, Output, Outputs, Slack, Time, Wake,
};
use crate::mesh::wire::{Frame, Message, NodeId, Role};
use crate::mesh::{self, ConfigError, Kind, Mesh};

/// What there is to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// What a user has begun has had its time.
    User(u64),
    /// Another node has not answered.
    Answer(u64),
    /// A node that is dialled does not show that it lives.
    Reach(Position),
    /// A question did not get there.
    Retry(u64),
    /// The next node in the ring is asked whether it still is.
    Stabilise,
    /// A peer is asked for one's own place.
    Unify,
    /// Nodes that are to have copies could not be given them.
    Recopy,
    /// What others keep is compared.
    Compare,
    /// ... with those with whom that did not come to its end.
    CompareAgain,
    /// A node has not compared its range with what is here for long.
    Home(NodeId),
    /// What is kept and should not be is looked for.
    Strays,
    /// What is kept was to be handed over by now.
    HandedOver,
    /// What could not be written is tried again.
    Rewrite,
    /// What is gone of itself is dropped.
    Sweep,
    /// What was asked for a node of py2p has had its time.
    Py2p(u64),
    /// Nodes of py2p had time to say more than nil.
    View(ViewId),
    /// A node of py2p can be told of more keys.
    Keys(NodeId),
    /// The next key can be looked at.
    Mend,
}

impl Deadline for Due {
    fn awaits(&self) -> Awaits {
        match self {
            Due::User(_) | Due::Answer(_) | Due::Reach(_) | Due::Home(_) | Due::HandedOver => Awaits::Others,
            Due::Py2p(_) | Due::View(_) => Awaits::Others,
            Due::Keys(_)
            | Due::Mend
            | Due::Retry(_)
            | Due::Stabilise
            | Due::Unify
            | Due::Recopy
            | Due::Compare
            | Due::CompareAgain
            | Due::Strays
            | Due::Rewrite
            | Due::Sweep => Awaits::Nobody,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::User(_) => "answer to user",
            Due::Answer(_) => "answer missing",
            Due::Reach(_) => "node missing",
            Due::Retry(_) => "retry",
            Due::Stabilise => "stabilise",
            Due::Unify => "unify",
            Due::Recopy => "copies missing",
            Due::Compare => "compare",
            Due::CompareAgain => "compare again",
            Due::Home(_) => "comparison missing",
            Due::Strays => "strays",
            Due::HandedOver => "handed over",
            Due::Rewrite => "rewrite",
            Due::Sweep => "sweep",
            Due::Py2p(_) => "answer to py2p",
            Due::View(_) => "answer of py2p",
            Due::Keys(_) => "keys for py2p",
            Due::Mend => "mend",
        }
    }
}

/// A node of py2p's Chord; see the [module](super) for what it does.
#[derive(Debug)]
pub struct Chord {
    pub(super) config: Config,
    pub(super) mesh: Mesh,
    pub(super) deadlines: Deadlines<Due>,
    pub(super) out: Outputs<Event>,
    pub(super) role: Role,
    pub(super) life: Life,
    pub(super) sides: Sides,
    pub(super) ops: Ops,
    pub(super) py2p: Py2p,
    pub(super) shelf: Shelf,
    pub(super) hybrid: HybridClock,
    pub(super) circle: Circle,
    pub(super) unifying: Unifying,
    pub(super) pending: Pending,
    pub(super) asks: Asks,
    pub(super) keepings: Keepings,
    pub(super) repair: Repair,
    pub(super) strays: Strays,
    pub(super) writing: Writing,
    pub(super) waiting: Waiting,
    /// The next node in the ring, as users were told.
    pub(super) next: Option<NodeId>,
    pub(super) counters: Counters,
}

impl Chord {
    /// A node that wants to dial its bootstraps at once.
    ///
    /// # Errors
    /// The configuration is one that no node can run with.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let mesh = Mesh::new(config.mesh.clone())?;
        let me = Contact { id: mesh.id(), addr: config.mesh.address };
        let mut node = Chord {
            mesh,
            deadlines: Deadlines::new(Slack::new(config.mesh.oversleep), config.mesh.start),
            out: Outputs::new(),
            role: if config.stores { Role::Storing } else { Role::Leech },
            life: Life::On,
            sides: Sides::default(),
            ops: Ops::default(),
            py2p: Py2p::new(&config),
            shelf: Shelf::new(config.max_records, config.max_octets),
            hybrid: HybridClock::new(me.id),
            circle: Circle::new(me, config.mesh.max_peers),
            unifying: Unifying::default(),
            pending: Pending::default(),
            asks: Asks::default(),
            keepings: Keepings::default(),
            repair: Repair::default(),
            strays: Strays::default(),
            writing: Writing::default(),
            waiting: Waiting::default(),
            next: None,
            counters: Counters::default(),
            config,
        };
        node.load();
        node.stabilise();
        node.look_for_strays();
        node.compare_all();
        node.sweep();
        node.settle();
        Ok(node)
    }

    /// The node of the mesh below, for questions.
    pub const fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// What it has met.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What it was made of.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Milliseconds since the beginning of 1970, if anybody has told.
    pub(super) fn unix_millis(&self) -> Option<u64> {
        let shown = self.mesh.clock.shows(self.deadlines.now())?;
        shown.as_millis().try_into().ok()
    }
}

impl Machine for Chord {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        if self.out.is_done() {
            return;
        }
        self.advance(now);
        match input {
            Input::Tick => self.tick(),
            Input::Scanned { page, .. } => self.scanned(page),
            input if self.is_loading() => self.wait(input),
            Input::Closed { conn, .. } if self.was_refused(conn) => {}
            Input::Received { conn, bytes } => self.received(conn, bytes),
            Input::Stored { ticket, result } => self.stored(ticket, result),
            input => self.mesh.handle(now, input),
        }
        self.settle();
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.advance(now);
        let reply = match command {
            Command::Mesh(mesh::Command::Leave) | Command::Leave => self.leave(),
            Command::Mesh(command) => self.mesh.command(now, command).map(Reply::Mesh).map_err(Refusal::Mesh),
            Command::Join => self.join_ring(),
            Command::Unjoin => self.unjoin(),
            command => self.begin(command),
        };
        self.settle();
        reply
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.out.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        let mesh = if self.is_loading() { None } else { self.mesh.poll_timeout() };
        self.deadlines.wake(&self.out, [mesh])
    }
}

/// What the driver tells.
impl Chord {
    fn advance(&mut self, now: Time) {
        self.deadlines.advance(now, &mut [&mut self.mesh]);
    }

    fn tick(&mut self) {
        if !self.is_loading() {
            self.mesh.handle(self.deadlines.now(), Input::Tick);
            self.settle();
        }
        for due in self.deadlines.fire() {
            if self.out.is_done() {
                return;
            }
            match due {
                Due::User(op) => self.user_timed_out(op),
                Due::Answer(n) => self.timed_out(n),
                Due::Reach(node) => self.has_failed(node),
                Due::Retry(number) => self.attempt(number),
                Due::Stabilise => self.stabilise(),
                Due::Unify => self.unify(),
                Due::Recopy => self.recopy(),
                Due::Compare => self.compare_all(),
                Due::CompareAgain => self.compare_again(),
                Due::Home(owner) => self.is_home_no_more(&owner),
                Due::Strays => self.look_for_strays(),
                Due::HandedOver => self.handed_over(),
                Due::Rewrite => self.rewrite(),
                Due::Sweep => self.sweep(),
                Due::Py2p(number) => self.py2p_forget(number),
                Due::View(id) => self.view_waited(id),
                Due::Keys(id) => self.list_more_keys(id),
                Due::Mend => self.mend_next(),
            }
            self.settle();
        }
    }

    /// A frame at a time: what one leads to is done before the next is looked at, however they came.
    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        loop {
            let rest = bytes.split_off(first_frame(bytes));
            let had = bytes.len();
            self.mesh.handle(self.deadlines.now(), Input::Received { conn, bytes });
            self.settle();
            let is_stuck = bytes.len() == had;
            bytes.unsplit(rest);
            if is_stuck || bytes.is_empty() {
                return;
            }
        }
    }
}

/// How many octets the first frame has, as far as it is there.
fn first_frame(bytes: &[u8]) -> usize {
    let Some(prefix) = bytes.first_chunk() else { return bytes.len() };
    (u32::from_be_bytes(*prefix) as usize).saturating_add(4).min(bytes.len())
}

/// What the mesh wants and tells.
impl Chord {
    /// Takes what the mesh has to say, once everything is read back.
    pub(super) fn settle(&mut self) {
        if self.is_loading() {
            return;
        }
        while let Some(output) = self.mesh.poll() {
            match output {
                Output::Event(event) => self.mesh_told(event),
                Output::Done => {
                    self.deadlines.clear();
                    self.out.done();
                }
                output => self.out.push(output.map_event(Event::Mesh)),
            }
        }
    }

    fn mesh_told(&mut self, event: mesh::Event) {
        match event {
            mesh::Event::PeerUp { id, conn, .. } => self.peer_up(id, conn),
            mesh::Event::PeerIsNative { id } => self.peer_is_native(id),
            mesh::Event::PeerDown { id, .. } => self.peer_down(&id),
            mesh::Event::DialFailed { addr, .. } => self.dial_failed(addr),
            mesh::Event::Other { conn, by, frame } => return self.heard(conn, by, frame),
            _ => {}
        }
        self.out.event(Event::Mesh(event));
    }

    fn peer_up(&mut self, id: NodeId, conn: ConnId) {
        self.sides.up(id);
        self.py2p_met(id);
        self.mesh.say(conn, &Message::Meta(self.role));
    }

    fn peer_is_native(&mut self, id: NodeId) {
        let Some(side) = self.sides.get_mut(&id) else { return };
        side.kind = Kind::Native;
        if side.role == Role::Storing {
            self.unify_soon();
        }
        self.forget_py2p(&id);
        self.is_reached(&id);
        self.recopy();
    }

    fn peer_down(&mut self, id: &NodeId) {
        if self.sides.down(id).is_some_and(|side| side.role == Role::Storing) {
            self.places_moved();
        }
        self.forget_py2p(id);
        self.answers_nothing(id);
        self.is_unlinked(id);
    }

    /// A peer has said what is nothing to a mesh.
    fn heard(&mut self, conn: ConnId, by: NodeId, frame: Frame) {
        match Message::read(&frame) {
            Ok(Message::Native(fields)) => match Word::read(&fields) {
                Some(word) => self.heard_word(&by, word),
                None => self.counters.ignored += 1,
            },
            Ok(Message::Meta(role)) => self.heard_meta(&by, role),
            Ok(Message::Notify { key, notice }) => self.heard_notice(by, &key, notice),
            Ok(Message::Retrieve { table, key }) => self.heard_retrieve(by, table, key),
            Ok(Message::Retrieved { table, key, value }) => self.heard_retrieved(by, &table, &key, &value),
            Ok(Message::Store { table, key, value }) => self.heard_store(by, &table, &key, &value),
            Ok(Message::Delta { table, key, delta }) => self.heard_delta(by, &table, &key, delta),
            Ok(_) => self.out.event(Event::Mesh(mesh::Event::Other { conn, by, frame })),
            Err(_) => self.counters.ignored += 1,
        }
    }

    fn heard_meta(&mut self, by: &NodeId, role: Role) {
        let Some(side) = self.sides.get_mut(by) else { return };
        let was = core::mem::replace(&mut side.role, role);
        if side.kind == Kind::Native && was != role {
            if role == Role::Storing {
                self.unify_soon();
            }
            self.places_moved();
        }
        self.py2p_has_role(*by, role);
    }

    /// A node of this project says something of the ring, or of what is kept there.
    fn heard_word(&mut self, by: &NodeId, word: Word) {
        if !self.is_linked(by) {
            return self.counters.ignored += 1;
        }
        self.circle.is_alive(position(by));
        match word {
            Word::Look { n } => self.heard_look(by, n),
            Word::Seen { n, told } => self.heard_seen(by, n, &told),
            Word::Unplaced { n } => self.heard_unplaced(by, n),
            Word::Notify => self.heard_notify(by),
            Word::Goodbye { before } => self.heard_goodbye(by, before),
            Word::Elsewhere { node } => self.heard_elsewhere(node),
            Word::Request { n, hops, is_last, at, question } => {
                self.heard_request(by, n, hops, is_last, at, question);
            }
            Word::Response { n, answer } => self.heard_response(by, n, answer),
            Word::Copy { n, policy, records } => self.heard_copy(by, n, policy, records),
            Word::Copied { n, result } => self.heard_copied(by, n, result),
            Word::Read { n, place } => self.heard_read(by, n, &place),
            Word::ReadBack { n, record } => self.heard_read_back(by, n, record),
            Word::Compare { n, range, ask } => self.heard_compare(by, n, range, &ask),
            Word::Compared { n, reply } => self.heard_compared(by, n, &reply),
            Word::Want { n, places } => self.heard_want(by, n, places),
            Word::Wanted { n, records } => self.heard_wanted(by, n, records),
        }
    }
}
