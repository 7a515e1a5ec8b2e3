//! The bootstrap: tells newcomers who is there.
//!
//! It is an observer of the flood: it watches through two links, keeps the database that everybody keeps, answers REG
//! with NET (and OVER, where asked), and is in nobody's record. Any live node answers REG as well, so that an overlay
//! outlives its bootstraps.

use crate::kernel::{Input, Machine, Output, Time, Wake};

use super::config::{Config, PolicyKind};
use super::event::{Command, Event, Refusal, Reply};
use super::machine::Overlay;

/// How many nodes a bootstrap watches through.
pub(super) const WATCHED: usize = 2;

/// A bootstrap: an overlay node that chooses nobody and is chosen by nobody.
#[derive(Debug)]
pub struct Bootstrap(Overlay);

impl Bootstrap {
    /// A bootstrap that is about to load its state. What the configuration says of choosing is of no account.
    pub fn new(config: Config) -> Self {
        Bootstrap(Overlay::new(Config { policy: PolicyKind::Watch, k: 0, ..config }))
    }

    /// The observer, for questions.
    pub fn observer(&self) -> &Overlay {
        &self.0
    }
}

impl Machine for Bootstrap {
    type Command = Command;
    type Reply = Reply;
    type Refusal = Refusal;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.0.handle(now, input);
    }

    fn command(&mut self, now: Time, command: Command) -> Result<Reply, Refusal> {
        self.0.command(now, command)
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.0.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.0.poll_timeout()
    }
}
