//! A node that reaches some addresses only, as behind a firewall: how a chain of nodes is made of any nodes.

use std::net::SocketAddr;

use egoist_core::kernel::{DialError, Input, Machine, Output, Time, Wake};
use egoist_core::overlay::{Command, Event, Overlay, Refusal, Reply};

/// A node, and whom it reaches.
pub(crate) struct Fenced {
    pub(crate) node: Overlay,
    pub(crate) reaches: Vec<SocketAddr>,
    now: Time,
}

impl Fenced {
    pub(crate) fn new(node: Overlay, reaches: Vec<SocketAddr>) -> Self {
        Fenced { node, reaches, now: Time::ZERO }
    }
}

impl Machine for Fenced {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        self.node.handle(now, input);
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.now = now;
        self.node.command(now, command)
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        loop {
            match self.node.poll()? {
                Output::Datagram { to, .. } if !self.reaches.contains(&to) => {}
                Output::Dial { ticket, to, .. } if !self.reaches.contains(&to) => {
                    self.node.handle(self.now, Input::DialFailed { ticket, why: DialError::Unreachable });
                }
                output => return Some(output),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.node.poll_timeout()
    }
}
