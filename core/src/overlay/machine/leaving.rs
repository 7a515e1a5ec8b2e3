//! Going in good order.

use alloc::vec::Vec;
use core::time::Duration;

use super::starting::Life;
use super::streams::{Conn, Kind, no_fault};
use super::{Overlay, Timer};
use crate::kernel::{CloseHow, ConnId};
use crate::overlay::database::Entry;
use crate::overlay::event::{Event, Refusal, Reply};
use crate::overlay::names::NodeId;
use crate::overlay::wire::Reason;

/// Who has withdrawn stays for so long: what is on its way still passes, and so does the farewell of others who leave at
/// the same time.
const LINGER: Duration = Duration::from_millis(500);
/// How long the last words may take.
const GOODBYE: Duration = Duration::from_secs(1);

impl Overlay {
    /// Withdraws the record, and closes every link a moment later.
    pub(super) fn leave(&mut self) -> Result<Reply, Refusal> {
        let Life::Running(me) = self.life else { return Err(Refusal::NotRunning) };
        self.know_routes();
        self.life = Life::Leaving(me);
        self.withdraw_record();
        if self.links.is_empty() {
            self.part_from_all();
        } else {
            self.timers.after(Timer::Leave, LINGER);
        }
        Ok(Reply::Leaving)
    }

    /// The next step of leaving is due.
    pub(super) fn leave_on(&mut self) {
        match self.life {
            Life::Leaving(_) => self.part_from_all(),
            _ => self.left(),
        }
    }

    /// Gives up every choice. Links end once their other ends have said all that they had for this node, or for others
    /// behind it.
    fn part_from_all(&mut self) {
        if let Some(me) = self.me() {
            self.life = Life::Parting(me);
        }
        let neighbours: Vec<NodeId> = self.links.keys().copied().collect();
        for id in neighbours {
            self.renounce(id, Reason::Leaving);
        }
        let other = |(conn, state): (&ConnId, &Conn)| {
            (!matches!(state.kind, Kind::Link(_) | Kind::Parting(_))).then_some(*conn)
        };
        let others: Vec<ConnId> = self.conns.iter().filter_map(other).collect();
        for conn in others {
            self.hang_up(conn, CloseHow::Flush, no_fault("leaving"));
        }
        self.timers.after(Timer::Leave, GOODBYE);
        self.left_if_closed();
    }

    /// Whether `id` has left in good order, by the newest word of its own.
    pub(super) fn has_left(&self, id: NodeId) -> bool {
        self.database.get(id).is_some_and(Entry::has_left)
    }

    /// Somebody has left: nobody is told of it as one who is there, and it is neither measured nor waited for.
    pub(super) fn departed(&mut self, id: NodeId) {
        self.measure_no_more(id);
        self.joining.newcomers.forget(id);
        self.suit_overdue(id);
    }

    pub(super) fn left_if_closed(&mut self) {
        if matches!(self.life, Life::Parting(_)) && self.conns.is_empty() {
            self.left();
        }
    }

    /// Everything is said, or the time for it is over.
    fn left(&mut self) {
        self.end(Event::Left);
    }

    /// Closes what is open, says `last`, and does nothing any more.
    pub(super) fn end(&mut self, last: Event) {
        let linked: Vec<NodeId> = self.links.keys().copied().collect();
        for id in linked {
            self.drop_link(id, no_fault("left"));
        }
        let open: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in open {
            self.hang_up(conn, CloseHow::Abort, no_fault("left"));
        }
        self.life = Life::Ending(self.me());
        self.emit(last);
    }

    /// Nothing follows.
    pub(super) fn end_if_due(&mut self) {
        if let Life::Ending(me) = self.life {
            self.life = Life::Over(me);
            self.timers.clear();
            self.out.done();
        }
    }
}
