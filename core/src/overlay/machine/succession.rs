//! Records under this node's own id that are later than its own: it goes on above them.
//!
//! They are from an earlier life whose state was lost, or somebody has made them up. Whoever made them up may do it again:
//! each is a durable write, so that they are dealt with at a bounded rate, and none of them ends the node. An id of which
//! no later record can be told is given up for another one, unless the configuration insists on it.

use alloc::vec::Vec;
use core::time::Duration;

use super::starting::{Life, Me};
use super::streams::no_fault;
use super::{Choosing, Forming, Origin, Overlay, Timer, Twins};
use crate::kernel::{ConnId, StoreError, Ticket, Time};
use crate::overlay::event::Event;
use crate::overlay::flood::Superseded;
use crate::overlay::names::{Key, NodeId};

/// From one durable write that others have caused to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// As what the node has to go on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Next {
    Incarnation(u32),
    OtherId,
}

/// What is to be durable before the node's next record is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Succession {
    wanted: Option<Next>,
    storing: Option<(Ticket, Me)>,
    written: Option<Time>,
    /// The user knows that the configured id is used up.
    warned: bool,
}

impl Succession {
    /// Whether what the node says under its present key is older than what is told under its id.
    pub(super) const fn is_behind(&self) -> bool {
        self.wanted.is_some() || self.storing.is_some()
    }

    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        self.storing.is_some_and(|(expected, _)| expected == ticket)
    }
}

impl Overlay {
    /// A record under this node's id was heard that is not its last one.
    pub(super) fn superseded(&mut self, key: Key) {
        match self.origin.superseded_by(key) {
            Superseded::Below => {}
            Superseded::Sequence => self.origin.again(),
            Superseded::Incarnation(incarnation) => self.want(Next::Incarnation(incarnation)),
            Superseded::UsedUp => self.id_used_up(),
        }
    }

    /// The sequence is at its end.
    pub(super) fn sequence_used_up(&mut self) {
        if let Some(last) = self.origin.key() {
            self.superseded(last);
        }
    }

    fn id_used_up(&mut self) {
        if self.config.id.is_none() {
            self.want(Next::OtherId);
        } else if !core::mem::replace(&mut self.succession.warned, true) {
            self.id().into_iter().for_each(|id| self.emit(Event::IdUsedUp { id }));
        }
    }

    fn want(&mut self, next: Next) {
        self.succession.wanted = self.succession.wanted.max(Some(next));
        self.succeed();
    }

    /// Makes durable what is wanted, unless something is being written or was a moment ago.
    pub(super) fn succeed(&mut self) {
        let Some(me) = self.me().filter(|_| self.is_running() && self.succession.storing.is_none()) else {
            return;
        };
        let Some(next) = self.succession.wanted else { return };
        let (now, due) = (self.timers.now(), self.succession.written.map(|at| at + PAUSE));
        if let Some(due) = due.filter(|due| *due > now) {
            return self.timers.set(Timer::Succeed, due);
        }
        let me = match next {
            Next::Incarnation(incarnation) => Me { incarnation, ..me },
            Next::OtherId => Me { id: NodeId(self.random.tokens.u128()), incarnation: 1 },
        };
        let ticket = self.store_identity(me);
        self.succession = Succession {
            wanted: None,
            storing: Some((ticket, me)),
            written: Some(now),
            warned: self.succession.warned,
        };
    }

    /// The next identity is durable, or is to be written again: that a disk is full is no reason to end for what others
    /// say.
    pub(super) fn successor_stored(&mut self, result: Result<(), StoreError>) {
        let stored = self.succession.storing.take().filter(|_| self.is_running());
        let Some((_, me)) = stored else { return };
        let is_other = self.id() != Some(me.id);
        match result {
            Err(_) if is_other => self.want(Next::OtherId),
            Err(_) => self.want(Next::Incarnation(me.incarnation)),
            Ok(()) if is_other => self.live_as(me),
            Ok(()) => self.caught_up(me),
        }
    }

    fn caught_up(&mut self, me: Me) {
        self.runs_as(me);
        let wanted = &mut self.succession.wanted;
        *wanted = wanted.filter(|next| *next > Next::Incarnation(me.incarnation));
        self.succeed();
    }

    /// Lives on under another id. Whoever has a link to the old one is told that it is gone.
    fn live_as(&mut self, me: Me) {
        self.id().into_iter().for_each(|id| self.emit(Event::IdGivenUp { id }));
        self.life = Life::New;
        let conns: Vec<ConnId> = self.conns.keys().copied().collect();
        for conn in conns {
            self.lose(conn, no_fault("this node takes another id"));
        }
        self.succession.wanted = None;
        (self.origin, self.twins, self.forming) = (Origin::default(), Twins::default(), Forming::default());
        self.choosing = Choosing::new(&self.config);
        self.begin(me);
    }
}
