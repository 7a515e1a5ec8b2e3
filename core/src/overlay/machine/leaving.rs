//! Going in good order.

use alloc::vec::Vec;
use core::time::Duration;

use super::starting::Life;
use super::streams::no_fault;
use super::{Overlay, Timer};
use crate::kernel::{CloseHow, ConnId};
use crate::overlay::event::{Event, Refusal, Reply};
use crate::overlay::names::NodeId;

/// How long the last words may take.
const GOODBYE: Duration = Duration::from_secs(1);

impl Overlay {
    /// Withdraws the record, gives up every choice, and closes every link once that is said.
    pub(super) fn leave(&mut self) -> Result<Reply, Refusal> {
        let Life::Running(me) = self.life else { return Err(Refusal::NotRunning) };
        self.life = Life::Leaving(me);
        self.withdraw_record();
        let neighbours: Vec<NodeId> = self.links.keys().copied().collect();
        for id in neighbours {
            self.teardown(id, "leaving");
            self.part(id, no_fault("leaving"));
        }
        let others: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in others {
            self.hang_up(conn, CloseHow::Flush, no_fault("leaving"));
        }
        self.timers.set(Timer::Leave, self.now + GOODBYE);
        self.left_if_closed();
        Ok(Reply::Leaving)
    }

    pub(super) fn left_if_closed(&mut self) {
        if matches!(self.life, Life::Leaving(_)) && self.conns.is_empty() {
            self.left();
        }
    }

    /// Everything is said, or the time for it is over.
    pub(super) fn left(&mut self) {
        let open: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in open {
            self.hang_up(conn, CloseHow::Abort, no_fault("left"));
        }
        self.life = Life::Over;
        self.timers = crate::kernel::Timers::new();
        self.emit(Event::Left);
    }
}
