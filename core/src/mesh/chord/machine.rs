//! The node: what happens to it, and in which part.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::BytesMut;

use super::config::Config;
use super::interface::{Command, Counters, Event, Refusal, Reply, RingView};
use super::ops::Ops;
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
}

impl Deadline for Due {
    fn awaits(&self) -> Awaits {
        match self {
            Due::User(_) => Awaits::Others,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::User(_) => "answer to user",
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

    /// Its part in the ring.
    pub fn ring(&self) -> RingView {
        RingView {
            role: self.role,
            behind: Vec::new(),
            ahead: None,
            fingers: Vec::new(),
            py2p: self.sides.storing(Kind::Compatible).collect(),
            is_in_step: true,
            records: self.shelf.len(),
            octets: self.shelf.octets(),
            py2p_keys: 0,
            is_read_only: false,
        }
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
            Command::Join | Command::Unjoin => Ok(Reply::Done),
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
            mesh::Event::PeerUp { id, .. } => self.sides.up(id),
            mesh::Event::PeerIsNative { id } => {
                if let Some(side) = self.sides.get_mut(&id) {
                    side.kind = Kind::Native;
                }
            }
            mesh::Event::PeerDown { id, .. } => _ = self.sides.down(&id),
            mesh::Event::Other { conn, by, frame } => return self.heard(conn, by, frame),
            _ => {}
        }
        self.out.event(Event::Mesh(event));
    }

    /// A peer has said what is nothing to a mesh.
    fn heard(&mut self, conn: ConnId, by: NodeId, frame: Frame) {
        match Message::read(&frame) {
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
