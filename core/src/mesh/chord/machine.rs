//! The node: what happens to it, and in which part.

use core::time::Duration;

use bytes::BytesMut;

use super::config::Config;
use super::interface::{Command, Counters, Event, Refusal, Reply};
use super::ops::Ops;
use super::py2p::{Py2p, ViewId};
use super::side::Sides;
use super::store::Shelf;
use crate::kernel::{
    Awaits, ConnId, Deadline, Deadlines, Input, Machine, Output, Outputs, Part, Slack, Time, Wake,
};
use crate::mesh::wire::{Frame, Message, NodeId, Role};
use crate::mesh::{self, ConfigError, Kind, Mesh};

/// What there is to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// What a user has begun has had its time.
    User(u64),
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
            Due::User(_) | Due::Py2p(_) | Due::View(_) => Awaits::Others,
            Due::Keys(_) | Due::Mend => Awaits::Nobody,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::User(_) => "answer to user",
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
    pub(super) sides: Sides,
    pub(super) ops: Ops,
    pub(super) py2p: Py2p,
    pub(super) shelf: Shelf,
    pub(super) counters: Counters,
}

impl Chord {
    /// A node that wants to dial its bootstraps at once.
    ///
    /// # Errors
    /// The configuration is one that no node can run with.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Chord {
            mesh: Mesh::new(config.mesh.clone())?,
            deadlines: Deadlines::new(Slack::new(config.mesh.oversleep), config.mesh.start),
            out: Outputs::new(),
            role: if config.stores { Role::Storing } else { Role::Leech },
            sides: Sides::default(),
            ops: Ops::default(),
            py2p: Py2p::new(&config),
            shelf: Shelf::new(config.max_records, config.max_octets),
            counters: Counters::default(),
            config,
        })
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
        self.advance(now);
        match input {
            Input::Tick => self.tick(),
            Input::Received { conn, bytes } => self.received(conn, bytes),
            input => self.mesh.handle(now, input),
        }
        self.settle();
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.advance(now);
        let reply = match command {
            Command::Mesh(mesh::Command::Leave) | Command::Leave => self.leave(),
            Command::Mesh(command) => self.mesh.command(now, command).map(Reply::Mesh).map_err(Refusal::Mesh),
            Command::Join => Ok(self.take_role(Role::Storing)),
            Command::Unjoin => Ok(self.take_role(Role::Leech)),
            command => self.begin(command),
        };
        self.settle();
        reply
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.out.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.deadlines.wake(&self.out, [self.mesh.poll_timeout()])
    }
}

/// What the driver tells.
impl Chord {
    fn advance(&mut self, now: Time) {
        self.deadlines.advance(now, &mut [&mut self.mesh]);
    }

    fn tick(&mut self) {
        self.mesh.handle(self.deadlines.now(), Input::Tick);
        self.settle();
        for due in self.deadlines.fire() {
            match due {
                Due::User(op) => self.user_timed_out(op),
                Due::Py2p(number) => self.py2p_timed_out(number),
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

    fn leave(&mut self) -> Result<Reply, Refusal> {
        let reply = self.mesh.command(self.deadlines.now(), mesh::Command::Leave)?;
        Ok(Reply::Mesh(reply))
    }
}

/// How many octets the first frame has, as far as it is there.
fn first_frame(bytes: &[u8]) -> usize {
    let Some(prefix) = bytes.first_chunk() else { return bytes.len() };
    (u32::from_be_bytes(*prefix) as usize).saturating_add(4).min(bytes.len())
}

/// What the mesh wants and tells.
impl Chord {
    fn settle(&mut self) {
        while let Some(output) = self.mesh.poll() {
            match output {
                Output::Event(event) => self.mesh_told(event),
                Output::Done => self.out.done(),
                output => self.out.push(output.map_event(Event::Mesh)),
            }
        }
    }

    fn mesh_told(&mut self, event: mesh::Event) {
        match event {
            mesh::Event::PeerUp { id, .. } => {
                self.sides.up(id);
                self.py2p_met(id);
            }
            mesh::Event::PeerIsNative { id } => {
                if let Some(side) = self.sides.get_mut(&id) {
                    side.kind = Kind::Native;
                }
                self.py2p_is_native(&id);
            }
            mesh::Event::PeerDown { id, .. } => {
                self.sides.down(&id);
                self.py2p_lost(&id);
            }
            mesh::Event::Other { conn, by, frame } => return self.heard(conn, by, frame),
            _ => {}
        }
        self.out.event(Event::Mesh(event));
    }

    /// A peer has said what is nothing to a mesh.
    fn heard(&mut self, conn: ConnId, by: NodeId, frame: Frame) {
        match Message::read(&frame) {
            Ok(Message::Meta(role)) => self.heard_meta(by, role),
            Ok(Message::Notify { key, notice }) => self.heard_notice(by, &key, notice),
            Ok(Message::Retrieve { table, key }) => self.heard_retrieve(by, table, key),
            Ok(Message::Retrieved { table, key, value }) => self.heard_retrieved(by, &table, &key, &value),
            Ok(Message::Store { table, key, value }) => self.heard_store(by, &table, &key, &value),
            Ok(Message::Delta { table, key, delta }) => self.heard_delta(by, &table, &key, delta),
            Ok(Message::Native(_)) | Err(_) => self.counters.ignored += 1,
            Ok(_) => self.out.event(Event::Mesh(mesh::Event::Other { conn, by, frame })),
        }
    }
}

impl Part for Chord {
    fn due(&self) -> Option<Time> {
        self.deadlines.due().into_iter().chain(self.mesh.due()).min()
    }

    fn woken(&mut self, now: Time, late: Duration) {
        self.deadlines.woken(now, late);
        self.mesh.woken(now, late);
    }
}
