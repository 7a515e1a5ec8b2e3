//! The machine around both.

use core::net::SocketAddr;

use bytes::BytesMut;

use super::config::{Config, ConfigError, overlay_ports};
use super::conns::{Owners, Side};
use super::interface::{Command, Event, Neighbor, Refusal, Reply};
use super::rides::{Rides, channel};
use crate::gossip::{self, Gossip, MODULES};
use crate::kernel::{
    Awaits, CloseHow, ConnId, Deadline, Deadlines, Fault, How, Input, Machine, Output, Outputs, Port, Scope,
    Slack, Time, Wake, Why,
};
use crate::overlay::wire::ChannelNames;
use crate::overlay::{self, NodeId, Overlay};

/// As its parts: what waits for others waits longer by how late the node was woken.
const SLACK: Slack = Slack::new(core::time::Duration::from_secs(1));
const ENDED: Why = Why { fault: Fault::Nobody, what: "the node has left" };

/// What there is to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// A channel is offered again.
    Offer(NodeId),
}

impl Deadline for Due {
    fn awaits(&self) -> Awaits {
        match self {
            Due::Offer(_) => Awaits::Nobody,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::Offer(_) => "offer",
        }
    }
}

/// One of the machines inside.
#[derive(Debug)]
pub(super) struct Inside<M> {
    pub(super) machine: M,
    scope: Scope,
    pub(super) is_over: bool,
}

impl<M: Machine> Inside<M> {
    const fn new(machine: M, scope: Scope) -> Self {
        Inside { machine, scope, is_over: false }
    }

    /// Tells it something by its own names, unless it has ended.
    pub(super) fn handle(&mut self, now: Time, input: Input<'_>) {
        if !self.is_over {
            self.machine.handle(now, input);
        }
    }

    fn poll(&mut self) -> Option<Output<M::Event>> {
        if self.is_over { None } else { self.machine.poll() }
    }

    fn wake(&self) -> Option<Wake> {
        self.machine.poll_timeout().filter(|_| !self.is_over)
    }
}

/// A gossip node that rides on an overlay; see the [module](super).
#[derive(Debug)]
pub struct Riding {
    pub(super) overlay: Inside<Overlay>,
    pub(super) gossip: Inside<Gossip>,
    owners: Owners,
    pub(super) rides: Rides,
    pub(super) deadlines: Deadlines<Due>,
    out: Outputs<Event>,
    modules: Port,
}

impl Riding {
    /// A node that is about to load its state.
    ///
    /// # Errors
    /// The configuration is none that a node can live by.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let [of_overlay, of_gossip] = config.scopes();
        let modules = Port(overlay_ports(&config.overlay));
        let gossip = config.ridden(of_gossip);
        let start = gossip.start;
        let rides = ChannelNames::new([channel()]).unwrap_or_default();
        Ok(Riding {
            overlay: Inside::new(Overlay::riding(config.overlay, rides)?, of_overlay),
            gossip: Inside::new(Gossip::new(gossip)?, of_gossip),
            owners: Owners::default(),
            rides: Rides::default(),
            deadlines: Deadlines::new(SLACK, start),
            out: Outputs::new(),
            modules,
        })
    }

    /// The overlay node, for questions.
    pub const fn overlay(&self) -> &Overlay {
        &self.overlay.machine
    }

    /// The gossip node, for questions. Its peers are named as [`Neighbor::conn`] says.
    pub const fn gossip(&self) -> &Gossip {
        &self.gossip.machine
    }

    /// At which port modules come in: the one after the overlay's.
    pub const fn modules(&self) -> Port {
        self.modules
    }

    /// The overlay's neighbours, those that do not ride included.
    pub fn neighbors(&self) -> impl Iterator<Item = Neighbor> {
        let riders = self.overlay().riders(channel());
        riders.map(|(id, rides)| Neighbor { id, rides, conn: self.rides.with(id) })
    }
}

impl Machine for Riding {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.advance(now);
        match input {
            Input::Tick => self.tick(),
            Input::Opened { conn, how, remote } => self.opened(conn, how, remote),
            Input::Received { conn, bytes } => self.received(conn, bytes),
            Input::Flushed { conn, .. } => self.tell(self.owners.side(conn), input),
            Input::Closed { conn, .. } => {
                let side = self.owners.ended(conn);
                self.tell(side, input);
            }
            Input::WallTime { .. } => {}
            Input::Datagram { .. }
            | Input::DialFailed { .. }
            | Input::Stored { .. }
            | Input::Loaded { .. }
            | Input::Scanned { .. } => self.tell_overlay(input),
        }
        self.settle();
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.advance(now);
        let answer = match command {
            Command::Overlay(overlay::Command::Leave) => self.leave().map(|(reply, _)| reply),
            Command::Gossip(gossip::Command::Leave) => self.leave().map(|(_, reply)| reply),
            Command::Overlay(overlay::Command::Channel { .. }) => {
                Err(Refusal::Overlay(overlay::Refusal::NoChannel))
            }
            Command::Gossip(gossip::Command::Connect { .. }) => {
                Err(Refusal::Gossip(gossip::Refusal::NotDialable))
            }
            Command::Overlay(command) => self.command_overlay(command),
            Command::Gossip(command) => self.command_gossip(command),
        };
        self.settle();
        answer
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.out.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.deadlines.wake(&self.out, [self.overlay.wake(), self.gossip.wake()])
    }
}

/// What the user wants.
impl Riding {
    fn command_overlay(&mut self, command: overlay::Command) -> Result<Reply, Refusal> {
        let answer = self.overlay.machine.command(self.deadlines.now(), command);
        answer.map(Reply::Overlay).map_err(Refusal::Overlay)
    }

    fn command_gossip(&mut self, command: gossip::Command) -> Result<Reply, Refusal> {
        let answer = self.gossip.machine.command(self.deadlines.now(), command);
        answer.map(Reply::Gossip).map_err(Refusal::Gossip)
    }

    /// Both leave, or neither: the overlay has a while for its neighbours, in which what gossip has said still goes.
    fn leave(&mut self) -> Result<(Reply, Reply), Refusal> {
        let overlay = self.command_overlay(overlay::Command::Leave)?;
        let gossip = self.command_gossip(gossip::Command::Leave)?;
        Ok((overlay, gossip))
    }
}

/// What the driver tells.
impl Riding {
    fn advance(&mut self, now: Time) {
        self.deadlines.advance(now, &mut [&mut self.overlay.machine, &mut self.gossip.machine]);
    }

    fn tick(&mut self) {
        let now = self.deadlines.now();
        self.overlay.handle(now, Input::Tick);
        self.settle();
        self.gossip.handle(now, Input::Tick);
        self.settle();
        for Due::Offer(peer) in self.deadlines.fire() {
            self.offer(peer);
        }
    }

    fn opened(&mut self, conn: ConnId, how: How, remote: SocketAddr) {
        let now = self.deadlines.now();
        if how == How::Accepted(self.modules) {
            self.owners.opened(conn, Side::Gossip);
            self.gossip.handle(now, Input::Opened { conn, how: How::Accepted(MODULES), remote });
        } else {
            self.owners.opened(conn, Side::Overlay);
            self.tell_overlay(Input::Opened { conn, how, remote });
        }
    }

    fn received(&mut self, conn: ConnId, bytes: &mut BytesMut) {
        let Some(side) = self.owners.side(conn) else { return bytes.clear() };
        let mut seen = 0;
        while self.owners.is_read(conn) {
            let rest = bytes.split_off(side.cut(bytes, seen));
            self.tell(Some(side), Input::Received { conn, bytes });
            self.settle();
            seen = bytes.len();
            // What ends in the middle of a frame is all that there is.
            let is_all = rest.is_empty() || side == Side::Gossip && seen > 0;
            bytes.unsplit(rest);
            if is_all {
                return;
            }
        }
    }

    fn tell(&mut self, side: Option<Side>, input: Input<'_>) {
        match side {
            Some(Side::Overlay) => self.tell_overlay(input),
            Some(Side::Gossip) => self.gossip.handle(self.deadlines.now(), input),
            None => {}
        }
    }

    fn tell_overlay(&mut self, input: Input<'_>) {
        if let Some(input) = self.overlay.scope.incoming(input) {
            self.overlay.handle(self.deadlines.now(), input);
        }
    }
}

/// What the machines want done: each thing before the next is told.
impl Riding {
    fn settle(&mut self) {
        loop {
            if let Some(output) = self.overlay.poll() {
                self.overlay_wants(output);
            } else if let Some(output) = self.gossip.poll() {
                self.gossip_wants(output);
            } else {
                break;
            }
        }
        for (side, is_over) in [(Side::Overlay, self.overlay.is_over), (Side::Gossip, self.gossip.is_over)] {
            if is_over {
                self.break_off(side);
            }
        }
        if self.overlay.is_over && self.gossip.is_over && !self.out.is_done() {
            self.out.done();
        }
    }

    /// Closes what has opened since a machine has ended.
    fn break_off(&mut self, side: Side) {
        for conn in self.owners.close_all(side) {
            self.out.push(Output::Close { conn, how: CloseHow::Abort, why: ENDED });
        }
    }

    fn overlay_wants(&mut self, output: Output<overlay::Event>) {
        match output {
            Output::Event(overlay::Event::Channel { peer, news, .. }) => self.channel_news(peer, news),
            Output::Done => {
                self.overlay.is_over = true;
                self.end_rides();
                // It may have ended of itself, since it cannot go on.
                let _ = self.command_gossip(gossip::Command::Leave);
            }
            output => {
                self.owners.note(&output);
                if let Some(output) = self.overlay.scope.outgoing(output) {
                    self.out.push(output.map_event(Event::Overlay));
                }
            }
        }
    }

    fn gossip_wants(&mut self, output: Output<gossip::Event>) {
        match output {
            Output::Send { conn, frame, .. } if Rides::names(conn) => self.ride_sends(conn, frame),
            Output::Reading { conn, on } if Rides::names(conn) => self.ride_reads(conn, on),
            Output::Close { conn, how, .. } if Rides::names(conn) => self.ride_closes(conn, how),
            Output::Done => self.gossip.is_over = true,
            output => {
                self.owners.note(&output);
                if let Some(output) = self.gossip.scope.outgoing(output) {
                    self.out.push(output.map_event(Event::Gossip));
                }
            }
        }
    }
}
