//! What the program needs to know of a protocol. With it a node of the protocol is run, configured, recorded, asked, watched
//! and replayed as all others are.

use std::fmt::{Debug, Display};
use std::net::SocketAddr;

use egoist_core::kernel::{Machine, Time};
use egoist_core::record::{Recordable, Recorder};
use egoist_mio::control::Responder;
use egoist_mio::flight::Flight;
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Key};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::config::Section;
use super::monitor::Told;
use super::verb::Entry;

/// A node's machine as it runs: its last inputs are kept.
pub(crate) type Member<M> = Recorder<M, Flight>;

/// What a protocol's machine tells.
pub(crate) type EventOf<P> = <<P as Protocol>::Machine as Machine>::Event;

/// A protocol; what implements it is a node's desk, which knows what this protocol's nodes are asked for.
pub(crate) trait Protocol: Sized + 'static {
    /// Its name: before the point of its requests, over its table in the configuration file.
    const NAME: &'static str;

    /// Before the point of requests that its nodes answer.
    const ANSWERS: &'static [&'static str] = &[Self::NAME];

    /// Its machine.
    type Machine: Recordable<Command: Debug, Event: Debug, Unfit: Display> + 'static;

    /// What its nodes say of themselves, beside what all nodes do: whole lines for people.
    type Status: Serialize + DeserializeOwned + Display;

    /// What a replayed machine looks like in the end, in a few words for people.
    type State: Serialize + Display;

    /// What it has in the configuration file.
    fn sections() -> Vec<Section>;

    /// Its command, where it is not among those of the overlay.
    fn command() -> Option<Entry> {
        None
    }

    /// Which network a node is in, where the protocol has several.
    fn network(&self) -> Option<String> {
        None
    }

    /// Where the modules of this host reach the node, where the protocol has such.
    fn api(&self) -> Option<SocketAddr> {
        None
    }

    /// Whether the machine is told what the clock on the wall shows.
    fn wants_wall_time(&self) -> bool {
        false
    }

    /// How many connections and dials a machine of this setup has at once, at the most; `None` where no setting bounds
    /// them.
    fn connections(setup: &<Self::Machine as Recordable>::Setup) -> Option<usize>;

    /// Who the node is.
    fn who(&self, machine: &Self::Machine) -> Who;

    /// What the node says of itself.
    fn status(&self, machine: &Self::Machine, now: Time) -> Self::Status;

    /// Answers a request, named by one of [`ANSWERS`](Self::ANSWERS) and a verb, now or when what it waits for happens.
    fn request(
        &mut self,
        seat: &mut Seat<'_, Self::Machine>,
        asked: (&str, &str),
        with: Value,
        responder: Responder,
    );

    /// Does what an event asks for, beside telling it to those who monitor the node.
    fn heard(&mut self, seat: &mut Seat<'_, Self::Machine>, event: EventOf<Self>) -> Life;

    /// Begins a graceful end.
    fn leave(&mut self, seat: &mut Seat<'_, Self::Machine>) -> Life;

    /// The node has ended: there is nothing more to say to those who wait.
    fn end(&mut self) {}

    /// An event in a line for people.
    fn line(event: &EventOf<Self>) -> String;

    /// An event as those who monitor the node are told of it.
    ///
    /// # Errors
    /// It has no JSON form.
    fn told(at: Time, event: &EventOf<Self>) -> serde_json::Result<Told> {
        Told::new(Self::NAME, at, Self::line(event), event)
    }

    /// What a machine looks like.
    fn state(machine: &Self::Machine) -> Self::State;
}

/// Who a node is.
pub(crate) struct Who {
    /// What it calls itself; none while it has no name yet.
    pub(crate) id: Option<String>,
    /// Where others reach it.
    pub(crate) address: SocketAddr,
}

/// How a node's life goes on.
pub(crate) enum Life {
    /// As before.
    On,
    /// It has left.
    Over,
    /// It cannot go on, and why.
    Lost(String),
}

/// How a machine in a loop is reached: by its own key, or by that of a machine around it.
pub(crate) trait Access<M: Machine> {
    /// The machine, for its questions.
    fn machine<'h>(&self, host: &'h Host<MioNet>) -> &'h M;

    /// Asks the machine to do something.
    ///
    /// # Errors
    /// It refused.
    fn command(&self, host: &mut Host<MioNet>, command: M::Command) -> Result<M::Reply, M::Refusal>;
}

impl<M: Recordable + 'static> Access<M> for Key<Member<M>> {
    fn machine<'h>(&self, host: &'h Host<MioNet>) -> &'h M {
        host.machine(*self).machine()
    }

    fn command(&self, host: &mut Host<MioNet>, command: M::Command) -> Result<M::Reply, M::Refusal> {
        host.command(*self, command)
    }
}

impl<M: Machine, A: Access<M> + ?Sized> Access<M> for &A {
    fn machine<'h>(&self, host: &'h Host<MioNet>) -> &'h M {
        (**self).machine(host)
    }

    fn command(&self, host: &mut Host<MioNet>, command: M::Command) -> Result<M::Reply, M::Refusal> {
        (**self).command(host, command)
    }
}

/// A node in its loop.
pub(crate) struct Seat<'a, M: Machine> {
    /// The loop.
    pub(crate) host: &'a mut Host<MioNet>,
    /// The machine in it.
    pub(crate) node: &'a dyn Access<M>,
}

impl<M: Machine> Seat<'_, M> {
    /// The machine, for its questions.
    pub(crate) fn machine(&self) -> &M {
        self.node.machine(self.host)
    }

    /// Asks the machine to do something.
    ///
    /// # Errors
    /// It refused.
    pub(crate) fn command(&mut self, command: M::Command) -> Result<M::Reply, M::Refusal> {
        self.node.command(self.host, command)
    }
}
