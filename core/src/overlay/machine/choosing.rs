//! When to decide: epochs, quiet moments, and what forces a decision between them.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;
use core::time::Duration;

use super::replacements::Replacements;
use super::suits::Suit;
use super::{Overlay, Timer};
use crate::kernel::Time;
use crate::overlay::config::{Config, PolicyKind};
use crate::overlay::database::Change;
use crate::overlay::graph::{Graph, GraphBuilder};
use crate::overlay::link::Link;
use crate::overlay::names::NodeId;
use crate::overlay::wiring::{
    BestResponse, Extent, FullMesh, Hysteresis, KEPT, KRandom, Policy, QuietGuard, Verdict,
};

/// Nodes without a link are probed this long before a decision, so that their answers are fresh when it comes.
const PREPARE: Duration = Duration::from_millis(1_500);
/// A lost choice is replaced within this time: those who lost the same neighbour do not all decide on one view.
const REPAIR_SPREAD: Duration = Duration::from_secs(1);
/// While a suit is under way the next decision waits this long.
const BUSY: Duration = Duration::from_millis(500);
/// A newcomer measures for this long before its first decision, beside PING_TIMEOUT.
const MEASURING: Duration = Duration::from_secs(1);
/// Periods without anybody linking to this node before it makes itself known again (directed links).
const UNCHOSEN_PERIODS: u32 = 2;

/// What a node knows of its own decisions.
pub(super) struct Choosing {
    pub(super) policy: Box<dyn Policy + Send>,
    pub(super) guard: QuietGuard,
    pub(super) hysteresis: Hysteresis,
    pub(super) suits: BTreeMap<NodeId, Suit>,
    pub(super) replacements: Replacements,
    pub(super) refused: BTreeSet<NodeId>,
    pub(super) builder: GraphBuilder,
    pub(super) graph: Graph,
    pub(super) next_epoch: Option<Time>,
    pub(super) measured_at: Option<Time>,
    /// How many nodes were connected with this one when that was looked at last, itself included.
    pub(super) connected: Option<u32>,
    /// How far the node looked around in this epoch.
    extent: Extent,
    pub(super) unchosen: u32,
    /// Decisions since the last epoch for the sake of nodes that were reached no more.
    pub(super) strandings: u32,
    /// The choices may have changed since they were told.
    pub(super) stirred: bool,
    /// The choices that the user was told of.
    pub(super) told: BTreeSet<NodeId>,
}

impl fmt::Debug for Choosing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choosing")
            .field("policy", &self.policy.name())
            .field("suits", &self.suits)
            .finish_non_exhaustive()
    }
}

impl Choosing {
    pub(super) fn new(config: &Config) -> Self {
        let policy: Box<dyn Policy + Send> = match config.policy {
            PolicyKind::BestResponse => Box::new(BestResponse::new()),
            PolicyKind::KRandom | PolicyKind::Watch => Box::new(KRandom::new()),
            PolicyKind::FullMesh => Box::new(FullMesh::new()),
        };
        Choosing {
            policy,
            guard: QuietGuard::new(config.guarding, config.periods.rewiring),
            hysteresis: Hysteresis::new(config.eps_ppm),
            suits: BTreeMap::new(),
            replacements: Replacements::default(),
            refused: BTreeSet::new(),
            builder: GraphBuilder::new(),
            graph: Graph::default(),
            next_epoch: None,
            measured_at: None,
            connected: None,
            extent: Extent::Nothing,
            unchosen: 0,
            strandings: 0,
            stirred: false,
            told: BTreeSet::new(),
        }
    }

    /// Gives back what a decision about a large overlay took.
    pub(super) fn give_back(&mut self) {
        if self.graph.nodes() > KEPT {
            (self.builder, self.graph) = (GraphBuilder::new(), Graph::default());
        }
    }

    /// Octets of working memory kept from one decision to the next.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.policy.memory() + self.builder.memory() + self.graph.memory()
    }

    /// Whether this node is courting `id`.
    pub(super) fn courts(&self, id: NodeId) -> bool {
        self.suits.contains_key(&id)
    }
}

impl Overlay {
    /// The first link into the overlay is up, whoever chose it: measure everybody, then decide for the first time; epochs follow at a phase of their own.
    pub(super) fn start_measuring(&mut self) {
        if self.choosing.measured_at.is_some() || self.config.is_watcher() || !self.has_company() {
            return;
        }
        let first = self.timers.now() + self.config.periods.ping_timeout + MEASURING;
        self.choosing.measured_at = Some(first);
        self.timers.set(Timer::Again, first);
        let period = self.config.periods.rewiring;
        let phase = self.random.wiring.between(period / 2, period + period / 2);
        self.schedule_epoch(first + phase);
    }

    fn schedule_epoch(&mut self, at: Time) {
        self.choosing.next_epoch = Some(at);
        let off = self.config.periods.rewiring / 20;
        let at = (at - off + self.random.wiring.between(Duration::ZERO, off * 2))
            .max(self.timers.now() + Duration::from_millis(1));
        self.timers.set(Timer::Epoch, at);
        self.timers.set(Timer::Prepare, (at - PREPARE).max(self.timers.now() + Duration::from_millis(1)));
    }

    /// A rewiring period is over.
    pub(super) fn epoch(&mut self) {
        let period = self.config.periods.rewiring;
        let grid = self.choosing.next_epoch.unwrap_or(self.timers.now());
        let late = self.timers.now().since(grid + period);
        self.schedule_epoch(if late.is_zero() { grid + period } else { self.timers.now() + period });
        self.choosing.refused.clear();
        self.choosing.strandings = 0;
        self.notice_unchosen();
        let extent = core::mem::take(&mut self.choosing.extent);
        self.choosing.hysteresis.epoch_ended(extent);
        self.decide_when_quiet();
    }

    /// With directed links nobody reaches a node that nobody chose. After two periods it makes itself known again: its
    /// record once more, and databases compared with every neighbour.
    fn notice_unchosen(&mut self) {
        let chosen = self.links.values().any(Link::chosen_by_peer);
        self.choosing.unchosen = if chosen || !self.directed() { 0 } else { self.choosing.unchosen + 1 };
        if self.choosing.unchosen >= UNCHOSEN_PERIODS {
            self.choosing.unchosen = 0;
            self.origin.again();
            self.exchange_all();
        }
    }

    /// Decides, unless others are rewiring at this moment.
    pub(super) fn decide_when_quiet(&mut self) {
        if !self.is_running() {
            return;
        }
        if self.config.is_watcher() || !self.has_company() {
            return self.form();
        }
        if self.choosing.measured_at.is_none_or(|at| at > self.timers.now()) {
            return self.form();
        }
        if !self.choosing.suits.is_empty() {
            return self.again_in(BUSY);
        }
        match self.choosing.guard.verdict(self.timers.now(), &mut self.random.wiring) {
            Verdict::Go => {
                self.choosing.extent = Extent::Everything;
                self.decide();
            }
            Verdict::GoOneLink => {
                self.choosing.extent = self.choosing.extent.max(Extent::OneLink);
                self.decide_one_link();
            }
            Verdict::Wait(at) => {
                self.counters.waited += 1;
                self.timers.set(Timer::Again, at);
            }
        }
    }

    pub(super) fn again_in(&mut self, wait: Duration) {
        self.timers.set_earlier(Timer::Again, self.timers.now() + wait);
    }

    /// Nodes without an effective edge are candidates only while an answer of theirs is fresh: ask them now.
    pub(super) fn prepare(&mut self) {
        for id in self.edgeless() {
            self.probe(id);
        }
    }

    /// A neighbour that we chose is gone or suspected.
    pub(super) fn choice_lost(&mut self) {
        if !self.is_running() {
            return;
        }
        if self.has_company() {
            let wait = self.random.wiring.between(Duration::from_micros(1), REPAIR_SPREAD);
            self.timers.set_earlier(Timer::Repair, self.timers.now() + wait);
        } else {
            self.timers.set_earlier(Timer::Repair, self.timers.now() + Duration::from_micros(1));
        }
    }

    /// Replaces lost choices on the view as it is now.
    pub(super) fn repair(&mut self) {
        if !self.is_running() {
            return;
        }
        if self.has_company() { self.refill() } else { self.form() }
    }

    /// Another copy of a record says that it was younger when it came: so was the news of a change in it.
    pub(super) fn younger_than_thought(&mut self, source: NodeId) {
        if let Some(entry) = self.database.get(source) {
            let (at, age) = entry.first_taken();
            self.choosing.guard.correct(at, source, Duration::from_millis(age.into()));
        }
    }

    /// Somebody else's record has changed.
    pub(super) fn foreign_change(&mut self, source: NodeId, age: u32, change: &Change) {
        let age = Duration::from_millis(u64::from(age));
        if change.wiring && !change.first_seen && age < self.config.periods.rewiring {
            self.choosing.guard.record(self.timers.now(), source, age);
        }
        if change.links {
            self.check_settled(source);
            self.look_for_stranded();
        }
        let small = self.database.len() <= self.config.k + 1 || self.config.policy == PolicyKind::FullMesh;
        if change.first_seen && small {
            self.again_in(BUSY);
        }
    }
}
