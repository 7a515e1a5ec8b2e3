//! This node's own record: when it is due, what it says, and its way out.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Overlay, Timer};
use crate::kernel::{Class, ConnId, Time};
use crate::overlay::flood::{CREDIBLE, Lifetime, Origination, Sequence, Superseded, Urgency};
use crate::overlay::link::Mine;
use crate::overlay::names::{Cost, Key, NodeId};
use crate::overlay::wire::{
    Attributes, Body, LINKS_LIMIT, LinkAttributes, Links, Listed, ListedRole, Update, Upt,
};

/// What a record says, but for how long it lives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Statement {
    free: Option<u32>,
    links: Vec<Listed>,
}

/// The state of this node's own record.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    sequence: Option<Sequence>,
    said: Option<Statement>,
    dirty: bool,
    again: bool,
    withdrawn: BTreeSet<NodeId>,
    bucket: Origination,
    lifetime: Lifetime,
}

impl Origin {
    pub(super) fn start(&mut self, incarnation: u32) {
        self.sequence = Some(Sequence::new(incarnation));
        self.again();
    }

    /// Something that the record tells of may have changed.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// The record is to be told again even if nothing changed.
    pub(super) fn again(&mut self) {
        self.dirty = true;
        self.again = true;
    }

    /// A listed link is dead or suspected: its withdrawal does not wait.
    pub(super) fn withdraw(&mut self, id: NodeId) {
        self.dirty = true;
        self.withdrawn.insert(id);
    }

    /// A record under this node's id was heard: the next one is above it.
    pub(super) fn superseded_by(&mut self, key: Key) -> Superseded {
        self.sequence.as_mut().map_or(Superseded::Below, |sequence| sequence.supersede(key))
    }

    /// The incarnation and the last sequence.
    pub(super) fn key(&self) -> Option<Key> {
        self.sequence.as_ref().map(Sequence::last)
    }
}

impl Overlay {
    pub(super) fn refresh(&mut self) {
        self.origin.again();
    }

    /// Tells the record if it is due and the bucket has room; called at the end of every input.
    pub(super) fn originate_if_due(&mut self) {
        if !self.origin.dirty || !self.may_originate() || self.config.is_watcher() {
            return;
        }
        let statement = self.statement();
        if !self.origin.again && self.origin.said.as_ref() == Some(&statement) {
            self.origin.dirty = false;
            self.origin.withdrawn.clear();
            return;
        }
        self.request();
        match self.origin.bucket.take(self.timers.now()) {
            Some(_) => self.originate(statement),
            None => {
                self.origin.dirty = false;
                if let Some(at) = self.origin.bucket.next() {
                    self.timers.set_earlier(Timer::Originate, at);
                }
            }
        }
    }

    /// Asks the bucket; the withdrawal of a dead link does not wait.
    fn request(&mut self) {
        self.origin.bucket.request(self.timers.now(), Urgency::Routine);
        for id in core::mem::take(&mut self.origin.withdrawn) {
            self.origin.bucket.request(self.timers.now(), Urgency::Unlist(id));
        }
    }

    fn originate(&mut self, statement: Statement) {
        let Some(me) = self.me() else { return };
        let Some(key) = self.origin.sequence.as_mut().and_then(Sequence::next_key) else {
            return self.sequence_used_up();
        };
        // Others keep a record under an incarnation that is not credible for MIN_LIFE: it is said as often as in a small overlay.
        let nodes = if key.incarnation > CREDIBLE { 0 } else { self.database.len() };
        let (refresh, decided) = (self.config.refresh(), self.decided(&statement));
        let life = self.origin.lifetime.announce(decided, refresh, nodes);
        let body = self.body(&statement, life);
        let age = u32::try_from(self.timers.now().since(decided).as_millis()).unwrap_or(u32::MAX);
        let upt = Upt::originate(key, self.my_name(me), age, &body);
        for listed in &statement.links {
            if let Some(link) = self.links.get_mut(&listed.id) {
                link.announced = Some(listed.cost);
            }
        }
        self.origin.said = Some(statement);
        self.origin.dirty = false;
        self.origin.again = false;
        self.counters.originated += 1;
        self.duplicates.insert(self.timers.now(), upt.hash);
        let frame = upt.frame(age);
        self.database.offer(self.timers.now(), upt, &body);
        self.routing.graph_changed();
        let conns: Vec<ConnId> = self.links.values().map(|l| l.conn).collect();
        for conn in conns {
            self.send_encoded(conn, Class::Control, &frame);
        }
        let next = refresh.next(self.timers.now(), nodes, &mut self.random.timing);
        self.timers.set(Timer::Refresh, next);
    }

    /// When the oldest decision was made that the record tells of for the first time; now, if it tells of none.
    fn decided(&self, statement: &Statement) -> Time {
        let chosen = |s: &Statement, id| s.links.iter().any(|l| l.id == id && l.role != ListedRole::In);
        let said = self.origin.said.as_ref();
        let new = self
            .links
            .values()
            .filter(|link| chosen(statement, link.peer) && !said.is_some_and(|said| chosen(said, link.peer)));
        new.map(|link| link.decided).min().unwrap_or(self.timers.now())
    }

    /// The last record: without links, and not waiting for the bucket.
    pub(super) fn withdraw_record(&mut self) {
        if !self.config.is_watcher() {
            self.originate(Statement::default());
        }
    }

    /// What the record would say now.
    fn statement(&mut self) -> Statement {
        if !self.is_running() {
            return Statement::default();
        }
        let now = self.timers.now();
        if let Some(at) = self.links.values().map(|l| l.announce_at).filter(|at| *at > now).min() {
            self.timers.set_earlier(Timer::Originate, at);
        }
        let links = self.links.values().filter_map(|link| {
            let role = link.listed_role(now)?;
            let cost = self.told_cost(link.announced, link.cost()?);
            let bye = link.mine == Mine::Leaving && self.choosing.replacements.is_announced(link.peer);
            let attributes = LinkAttributes { bye, ..LinkAttributes::default() };
            Some(Listed { id: link.peer, cost, role, attributes })
        });
        let links = links.take(LINKS_LIMIT).collect();
        let free = self.free_slots().map(|free| u32::try_from(free).unwrap_or(u32::MAX));
        Statement { free, links }
    }

    /// The cost as announced before, unless it has left that by more than 5 % and the floor.
    pub(super) fn told_cost(&self, announced: Option<Cost>, cost: Cost) -> Cost {
        let Some(announced) = announced else { return cost };
        let off = announced.micros().abs_diff(cost.micros());
        let moved = u64::from(off) * 20 > u64::from(announced.micros())
            && Duration::from_micros(u64::from(off)) > self.config.announce_floor;
        if moved { cost } else { announced }
    }

    fn body(&self, statement: &Statement, life: u32) -> Body {
        let attributes = Attributes {
            life: Some(life),
            free: statement.free,
            k: u32::try_from(self.config.k).ok(),
            addrs: self.more_addresses(),
            left: !self.is_running(),
            ..Attributes::default()
        };
        Body::of(Update { attributes, links: Links::first(statement.links.iter().cloned()) })
    }
}
