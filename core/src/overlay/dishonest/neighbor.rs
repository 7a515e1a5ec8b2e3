//! A neighbour that may lie: an honest node, and what is slipped in between it and the network.

use core::net::SocketAddr;

use super::liar::Liar;
use super::lie::Lie;
use crate::kernel::{Input, Machine, Output, Time, Wake};
use crate::overlay::event;
use crate::overlay::machine::Overlay;
use crate::overlay::names::NodeId;

/// A node of a world in which one may lie.
pub struct Neighbor {
    overlay: Overlay,
    liar: Option<Liar>,
}

/// What a [`Neighbor`] may be asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// What any node may be.
    Honest(event::Command),
    /// A lie. An honest node does nothing about it.
    Lie(Lie, Victim),
}

/// About whom a lie is told, and to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Victim {
    /// Whose id is used.
    pub id: NodeId,
    /// Where that node is.
    pub at: SocketAddr,
    /// Where the one is who is told alone.
    pub to: SocketAddr,
}

/// What a [`Neighbor`] tells its user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// What any node tells.
    Honest(event::Event),
    /// A lie has left.
    Lied {
        /// Which.
        lie: Lie,
        /// About whom.
        about: NodeId,
    },
}

impl Neighbor {
    /// One who says what it knows.
    pub const fn honest(overlay: Overlay) -> Self {
        Neighbor { overlay, liar: None }
    }

    /// One who lies when asked to.
    pub const fn dishonest(overlay: Overlay, liar: Liar) -> Self {
        Neighbor { overlay, liar: Some(liar) }
    }

    /// The honest node in it.
    pub const fn overlay(&self) -> &Overlay {
        &self.overlay
    }
}

impl Machine for Neighbor {
    type Command = Command;
    type Reply = Option<event::Reply>;
    type Refusal = event::Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        let Some(liar) = &mut self.liar else { return self.overlay.handle(now, input) };
        if let Some(input) = liar.hear(now, input) {
            self.overlay.handle(now, input);
        }
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Option<event::Reply>, event::Refusal> {
        match command {
            Command::Honest(command) => self.overlay.command(now, command).map(Some),
            Command::Lie(lie, victim) => {
                if let Some(liar) = &mut self.liar {
                    liar.tell(now, lie, victim, &self.overlay);
                }
                Ok(None)
            }
        }
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        let Some(liar) = &mut self.liar else { return self.overlay.poll().map(honest) };
        if let Some(output) = liar.poll() {
            return Some(output);
        }
        let output = self.overlay.poll()?;
        Some(honest(liar.distort(output, &self.overlay)))
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.overlay.poll_timeout()
    }
}

/// The same output with the event of one who may lie.
fn honest(output: Output<event::Event>) -> Output<Event> {
    match output {
        Output::Event(event) => Output::Event(Event::Honest(event)),
        Output::Datagram { port, to, payload, class } => Output::Datagram { port, to, payload, class },
        Output::Send { conn, frame, class, solo } => Output::Send { conn, frame, class, solo },
        Output::Dial { ticket, to, deadline } => Output::Dial { ticket, to, deadline },
        Output::Reading { conn, on } => Output::Reading { conn, on },
        Output::Close { conn, how, why } => Output::Close { conn, how, why },
        Output::Store { ticket, ops, until } => Output::Store { ticket, ops, until },
        Output::Load { ticket, key } => Output::Load { ticket, key },
        Output::Scan { ticket, prefix, after } => Output::Scan { ticket, prefix, after },
        Output::Done => Output::Done,
    }
}
