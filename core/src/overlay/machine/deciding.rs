//! What to decide: the view of the overlay as a problem for the policy, and its answer as links to make and to give up.

use alloc::vec::Vec;
use core::time::Duration;

use smallvec::SmallVec;

use super::Overlay;
use crate::overlay::config::PolicyKind;
use crate::overlay::database::Entry;
use crate::overlay::graph::Graph;
use crate::overlay::link::{Link, Mine};
use crate::overlay::names::{Cost, NodeId};
use crate::overlay::probes::Measured;
use crate::overlay::wire::{LINKS_LIMIT, Reason};
use crate::overlay::wiring::{Choice, Problem};

/// A node without an effective edge counts only while an answer of its is at most this old.
const FRESH: Duration = Duration::from_secs(3);
/// How many nodes without an edge are probed before a decision.
const EDGELESS: usize = 64;

type Ids = SmallVec<[NodeId; 8]>;

/// What a node knows when it decides, on dense indices.
struct View {
    me: u32,
    delay: Vec<Option<Cost>>,
    candidate: Vec<bool>,
    destination: Vec<bool>,
    free: Vec<u32>,
    current: Vec<u32>,
    deviation: Vec<u32>,
    grain: u32,
}

impl View {
    fn problem<'a>(&'a self, graph: &'a Graph, k: usize) -> Problem<'a> {
        Problem {
            me: self.me,
            graph,
            delay: &self.delay,
            candidate: &self.candidate,
            destination: &self.destination,
            free: &self.free,
            current: &self.current,
            k,
            deviation: &self.deviation,
            grain: self.grain,
        }
    }

    fn others(&self) -> usize {
        self.destination.iter().filter(|d| **d).count()
    }
}

impl Overlay {
    /// Decides anew whom to choose.
    pub(super) fn decide(&mut self) {
        let Some(view) = self.view() else { return };
        let k = self.wanted(&view);
        let graph = core::mem::take(&mut self.choosing.graph);
        let choice = self.choosing.policy.choose(&view.problem(&graph, k), &mut self.random.wiring);
        self.choosing.graph = graph;
        self.act_if_worth_it(&view, &choice);
    }

    /// Decides, but changes one link at most.
    pub(super) fn decide_one_link(&mut self) {
        let Some(view) = self.view() else { return };
        let k = self.wanted(&view);
        let graph = core::mem::take(&mut self.choosing.graph);
        let choice = self.choosing.policy.choose_one_link(&view.problem(&graph, k), &mut self.random.wiring);
        self.choosing.graph = graph;
        self.act_if_worth_it(&view, &choice);
    }

    fn act_if_worth_it(&mut self, view: &View, choice: &Choice) {
        self.counters.decisions += 1;
        let kept = self.chosen().count();
        let worth = choice.worth(self.choosing.hysteresis.eps_ppm());
        if worth.is_some() || kept != view.current.len() {
            let chosen = self.ids(worth.unwrap_or(&choice.filled));
            self.rewire(&chosen);
        }
        self.close_bridges();
    }

    /// Fills free places, and leaves the others as they are: for choices that were lost or refused.
    pub(super) fn refill(&mut self) {
        let Some(mut view) = self.view() else { return };
        let courted: Vec<u32> =
            self.choosing.suits.keys().filter_map(|id| self.database.index().of(*id)).collect();
        let missing =
            self.wanted(&view).saturating_sub(view.current.len() + self.choosing.places_courted(&self.links));
        if missing == 0 {
            return;
        }
        for &courted in &courted {
            view.candidate[courted as usize] = false;
        }
        view.free.append(&mut view.current);
        view.free.sort_unstable();
        let graph = core::mem::take(&mut self.choosing.graph);
        let choice = self.choosing.policy.choose(&view.problem(&graph, missing), &mut self.random.wiring);
        self.choosing.graph = graph;
        self.counters.decisions += 1;
        let mut silent = self.silent_choices();
        for id in self.ids(&choice.links) {
            self.court_if_room(id, silent.pop());
        }
        if choice.links.len() < missing {
            self.again_in(self.config.periods.ping_timeout);
        }
    }

    /// The place that `refused` was to take over from `replaces` is offered to the next best.
    pub(super) fn next_best(&mut self, replaces: NodeId) {
        let Some(mut view) = self.view() else { return };
        let Some(old) = self.database.index().of(replaces) else { return };
        let Some(at) = view.current.iter().position(|c| *c == old) else { return };
        view.current.remove(at);
        view.free.append(&mut view.current);
        view.free.sort_unstable();
        view.current.push(old);
        let graph = core::mem::take(&mut self.choosing.graph);
        let choice = self.choosing.policy.choose(&view.problem(&graph, 1), &mut self.random.wiring);
        self.choosing.graph = graph;
        let Some(worth) = choice.worth(self.choosing.hysteresis.eps_ppm()) else { return };
        if let Some(&id) = self.ids(worth).first().filter(|id| **id != replaces) {
            self.court_if_room(id, Some(replaces));
        }
    }

    /// Courts `id`, unless the record has no room for one more link.
    fn court_if_room(&mut self, id: NodeId, replaces: Option<NodeId>) {
        if self.has_room_for(id) {
            self.court(id, replaces);
        }
    }

    /// k, or everybody: with at most k others the search is off, and under full mesh it never is on.
    fn wanted(&self, view: &View) -> usize {
        match self.config.policy {
            PolicyKind::FullMesh => view.others().min(LINKS_LIMIT),
            _ => self.config.k,
        }
    }

    /// Goes from the present choices to `chosen`: a new link first, then the one that it replaces.
    fn rewire(&mut self, chosen: &Ids) {
        let held: Ids = self.chosen().collect();
        let added: Ids = chosen.iter().filter(|id| !held.contains(id)).copied().collect();
        let mut removed: Ids = held.iter().filter(|id| !chosen.contains(id)).copied().collect();
        // Those that are dead already are replaced first.
        removed.sort_by_key(|id| self.links.get(id).is_some_and(Link::live));
        let surplus: Ids = removed.drain(added.len().min(removed.len())..).collect();
        for (at, id) in added.iter().enumerate() {
            self.court_if_room(*id, removed.get(at).copied());
        }
        for id in surplus {
            self.give_up(id);
        }
    }

    fn give_up(&mut self, id: NodeId) {
        self.counters.rewirings += 1;
        self.teardown(id, Reason::Surplus);
    }

    fn ids(&self, dense: &[u32]) -> Ids {
        dense.iter().map(|d| self.database.index().ids()[*d as usize]).collect()
    }

    /// The overlay as this node sees it; `None` while it has no record of its own.
    fn view(&mut self) -> Option<View> {
        let me = self.database.index().of(self.me()?.id)?;
        let n = self.database.len();
        self.plan();
        let edged = self.edged();
        let mut view = View {
            me,
            delay: alloc::vec![None; n],
            candidate: alloc::vec![false; n],
            destination: alloc::vec![false; n],
            free: Vec::new(),
            current: Vec::new(),
            deviation: alloc::vec![0; n],
            grain: Cost::from_duration(self.config.announce_floor).micros(),
        };
        for (dense, entry) in self.database.entries().enumerate() {
            let id = entry.id();
            let link = self.links.get(&id).filter(|link| link.live());
            let present = entry.is_present() && (edged[dense] || link.is_some() || self.answered_lately(id));
            view.destination[dense] = present && dense != me as usize;
            view.delay[dense] =
                link.and_then(Link::cost).or_else(|| self.probes.get(id).and_then(Measured::cost));
            view.deviation[dense] = self.deviation(id);
            view.candidate[dense] = view.destination[dense] && self.may_be_chosen(entry, link);
            let dense = u32::try_from(dense).ok()?;
            match link {
                Some(link) if link.mine == Mine::Chosen => view.current.push(dense),
                Some(link) if link.chosen_by_peer() && !self.directed() => view.free.push(dense),
                _ => {}
            }
        }
        Some(view)
    }

    /// How much the round trips to `id` deviate, in microseconds.
    fn deviation(&self, id: NodeId) -> u32 {
        let measured = self.links.get(&id).and_then(|link| link.rtt).or_else(|| self.probes.get(id)?.rtt);
        measured.map_or(0, |rtt| Cost::from_duration(rtt.measured_deviation()).micros())
    }

    /// The graph to plan with, into the buffer kept for it.
    fn plan(&mut self) {
        let choosing = &mut self.choosing;
        choosing.builder.reset(self.database.len());
        self.database
            .lasting_edges(self.config.links, |from, to, cost| choosing.builder.push(from, to, cost));
        choosing.builder.build_into(&mut choosing.graph);
    }

    /// Who has an effective edge, in either direction.
    fn edged(&self) -> Vec<bool> {
        let graph = &self.choosing.graph;
        let mut edged = alloc::vec![false; graph.nodes()];
        for from in 0..graph.nodes() {
            for edge in u32::try_from(from).map_or(&[][..], |from| graph.edges(from)) {
                edged[from] = true;
                edged[edge.to as usize] = true;
            }
        }
        edged
    }

    pub(super) fn answered_lately(&self, id: NodeId) -> bool {
        self.probes.get(id).and_then(|p| p.answered).is_some_and(|at| self.timers.now().since(at) <= FRESH)
    }

    /// Present choices may be kept; others need room, and must neither have refused nor have chosen us already.
    fn may_be_chosen(&self, entry: &Entry, link: Option<&Link>) -> bool {
        match link {
            Some(link) if link.mine == Mine::Chosen => true,
            Some(link) if link.mine == Mine::Leaving || (link.chosen_by_peer() && !self.directed()) => false,
            _ => {
                let dead = self.links.contains_key(&entry.id()) && link.is_none();
                entry.free() != Some(0)
                    && !dead
                    && !self.choosing.refused.contains(&entry.id())
                    && !self.narrow.has(entry.id())
            }
        }
    }

    /// Nodes whose only sign of life would be an answer to a probe.
    pub(super) fn edgeless(&mut self) -> Vec<NodeId> {
        self.plan();
        let edged = self.edged();
        let entries = self.database.entries().enumerate();
        let me = self.me().map(|me| me.id);
        entries
            .filter(|(dense, e)| {
                !edged[*dense] && e.is_present() && Some(e.id()) != me && !self.links.contains_key(&e.id())
            })
            .map(|(_, e)| e.id())
            .take(EDGELESS)
            .collect()
    }
}
