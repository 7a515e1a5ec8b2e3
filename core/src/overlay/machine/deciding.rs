//! What to decide: the view of the overlay as a problem for the policy, and its answer as links to make and to give up.

use alloc::vec::Vec;
use core::time::Duration;

use smallvec::SmallVec;

use super::Overlay;
use super::scope::{Scope, Within, seniority};
use crate::kernel::Rng;
use crate::overlay::components::Components;
use crate::overlay::config::PolicyKind;
use crate::overlay::database::Entry;
use crate::overlay::graph::Graph;
use crate::overlay::link::{Link, Mine};
use crate::overlay::names::{Cost, NodeId};
use crate::overlay::probes::Measured;
use crate::overlay::wire::{LINKS_LIMIT, Reason};
use crate::overlay::wiring::{Choice, Policy, Problem, longest_first};

/// A node without an effective edge counts only while an answer of its is at most this old.
const FRESH: Duration = Duration::from_secs(3);
/// How many nodes without an edge are probed before a decision.
const EDGELESS: usize = 64;

type Ids = SmallVec<[NodeId; 8]>;
type How = fn(&mut dyn Policy, &Problem<'_>, &mut Rng) -> Choice;

/// What a node knows when it decides, by the numbers of its scope.
pub(super) struct View {
    pub(super) scope: Scope,
    me: u32,
    delay: Vec<Option<Cost>>,
    pub(super) candidate: Vec<bool>,
    pub(super) destination: Vec<bool>,
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
        self.decide_by(|policy, problem, rng| policy.choose(problem, rng));
    }

    /// Decides, but changes one link at most.
    pub(super) fn decide_one_link(&mut self) {
        self.decide_by(|policy, problem, rng| policy.choose_one_link(problem, rng));
    }

    fn decide_by(&mut self, how: How) {
        let Some(view) = self.view() else { return };
        let choice = self.choose(&view, self.wanted(&view), how);
        self.act_if_worth_it(&view, &choice);
    }

    /// What the policy answers, if `k` are wanted.
    fn choose(&mut self, view: &View, k: usize, how: How) -> Choice {
        self.plan(&view.scope);
        let choosing = &mut self.choosing;
        let problem = view.problem(&choosing.graph, k);
        let choice = how(&mut *choosing.policy, &problem, &mut self.random.wiring);
        choosing.give_back();
        choice
    }

    fn act_if_worth_it(&mut self, view: &View, choice: &Choice) {
        self.counters.decisions += 1;
        let kept = self.chosen().count();
        let worth = choice.worth(self.choosing.hysteresis.eps_ppm());
        if worth.is_some() || kept != view.current.len() {
            let chosen = self.ids(view, worth.unwrap_or(&choice.filled));
            self.rewire(&chosen);
        }
        self.close_bridges();
    }

    /// Fills free places, and leaves the others as they are: for choices that were lost or refused.
    pub(super) fn refill(&mut self) {
        let Some(mut view) = self.view() else { return };
        let courted: Vec<u32> = self.choosing.suits.keys().filter_map(|id| self.place(&view, *id)).collect();
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
        let choice = self.choose(&view, missing, |policy, problem, rng| policy.choose(problem, rng));
        self.counters.decisions += 1;
        let mut silent = self.silent_choices();
        for id in self.ids(&view, &choice.links) {
            self.court_if_room(id, silent.pop());
        }
        if choice.links.len() < missing {
            self.again_in(self.config.periods.ping_timeout);
        }
    }

    /// The place that `refused` was to take over from `replaces` is offered to the next best.
    pub(super) fn next_best(&mut self, replaces: NodeId) {
        let Some(mut view) = self.view() else { return };
        let Some(old) = self.place(&view, replaces) else { return };
        let Some(at) = view.current.iter().position(|c| *c == old) else { return };
        view.current.remove(at);
        view.free.append(&mut view.current);
        view.free.sort_unstable();
        view.current.push(old);
        let choice = self.choose(&view, 1, |policy, problem, rng| policy.choose(problem, rng));
        let Some(worth) = choice.worth(self.choosing.hysteresis.eps_ppm()) else { return };
        if let Some(&id) = self.ids(&view, worth).first().filter(|id| **id != replaces) {
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

    fn ids(&self, view: &View, places: &[u32]) -> Ids {
        places.iter().map(|&place| self.database.at(view.scope.dense(place)).id()).collect()
    }

    fn place(&self, view: &View, id: NodeId) -> Option<u32> {
        view.scope.place(self.database.index().of(id)?)
    }

    /// The overlay as this node sees it; `None` while it has no record of its own.
    pub(super) fn view(&mut self) -> Option<View> {
        let me = self.database.index().of(self.me()?.id)?;
        let edges = self.survey();
        let delay = self.delays();
        let within = self.within_bounds(me, &edges, &delay);
        Some(self.view_of(me, within, &delay))
    }

    fn view_of(&self, me: u32, within: Within, delay: &[Option<Cost>]) -> View {
        let Within { scope, destinations, hops } = within;
        let n = scope.nodes().len();
        let flags = |of: &[u32]| {
            let mut flags = alloc::vec![false; n];
            of.iter().filter_map(|&dense| scope.place(dense)).for_each(|place| flags[place as usize] = true);
            flags
        };
        let id = |dense: &u32| self.database.at(*dense).id();
        let linked = |which: fn(&Self, &Link) -> bool| {
            let is =
                |dense: &u32| self.links.get(&id(dense)).is_some_and(|link| link.live() && which(self, link));
            (0u32..).zip(scope.nodes()).filter(|(_, dense)| is(dense)).map(|(place, _)| place).collect()
        };
        View {
            me: scope.place(me).unwrap_or_default(),
            delay: scope.nodes().iter().map(|&dense| delay[dense as usize]).collect(),
            candidate: flags(&hops),
            destination: flags(&destinations),
            free: linked(|this, link| link.mine != Mine::Chosen && link.chosen_by_peer() && !this.directed()),
            current: linked(|_, link| link.mine == Mine::Chosen),
            deviation: scope.nodes().iter().map(|dense| self.deviation(id(dense))).collect(),
            grain: Cost::from_duration(self.config.announce_floor).micros(),
            scope,
        }
    }

    /// The delay to each node of the database, by its dense index, as measured.
    fn delays(&self) -> Vec<Option<Cost>> {
        let delay = |entry: &Entry| {
            let link = self.links.get(&entry.id()).filter(|link| link.live());
            link.and_then(Link::cost).or_else(|| self.probes.get(entry.id()).and_then(Measured::cost))
        };
        self.database.entries().map(delay).collect()
    }

    /// How much the round trips to `id` deviate, in microseconds.
    fn deviation(&self, id: NodeId) -> u32 {
        let measured = self.links.get(&id).and_then(|link| link.rtt).or_else(|| self.probes.get(id)?.rtt);
        measured.map_or(0, |rtt| Cost::from_duration(rtt.measured_deviation()).micros())
    }

    /// Whom the edges to plan with connect, and this node's links; who is connected with this node is known to be reached.
    pub(super) fn survey(&mut self) -> Components {
        let mut edges = Components::new(self.database.len());
        self.database.lasting_edges(self.config.links, |from, to, _| edges.join(from, to));
        let me = self.me().and_then(|me| self.database.index().of(me.id));
        let live = self.links.values().filter(|link| link.live());
        let peers: Vec<u32> = live.filter_map(|link| self.database.index().of(link.peer)).collect();
        // Who only watches is in no record: it is where its neighbours are.
        let Some(here) = me.or(peers.first().copied()) else { return edges };
        peers.into_iter().for_each(|peer| edges.join(here, peer));
        self.database.mark_reached(self.timers.now(), |dense| edges.connected(here, dense));
        self.choosing.connected = Some(edges.connected_with(here));
        edges
    }

    /// The graph to plan with, into the buffer kept for it.
    fn plan(&mut self, scope: &Scope) {
        let choosing = &mut self.choosing;
        choosing.builder.reset(scope.nodes().len());
        self.database.lasting_edges(self.config.links, |from, to, cost| {
            if let (Some(from), Some(to)) = (scope.place(from), scope.place(to)) {
                choosing.builder.push(from, to, cost);
            }
        });
        choosing.builder.build_into(&mut choosing.graph);
    }

    pub(super) fn answered_lately(&self, id: NodeId) -> bool {
        self.probes.get(id).and_then(|p| p.answered).is_some_and(|at| self.timers.now().since(at) <= FRESH)
    }

    /// Present choices may be kept; others need room, and must neither have refused nor have chosen us already.
    pub(super) fn may_be_chosen(&self, entry: &Entry) -> bool {
        let link = self.links.get(&entry.id()).filter(|link| link.live());
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

    /// Nodes whose only sign of life would be an answer to a probe; of too many, those that were reached the longest.
    pub(super) fn edgeless(&mut self) -> Vec<NodeId> {
        let edges = self.survey();
        let me = self.me().map(|me| me.id);
        let entries = (0u32..).zip(self.database.entries());
        let edgeless = entries.filter(|(dense, e)| {
            let other = Some(e.id()) != me && !self.links.contains_key(&e.id());
            other && edges.is_alone(*dense) && e.is_present()
        });
        let edgeless: Vec<u32> = edgeless.map(|(dense, _)| dense).collect();
        let seniority = |dense| seniority(self.database.at(dense));
        let edgeless = longest_first(edgeless, EDGELESS, seniority, &mut self.random.sampling);
        edgeless.into_iter().map(|dense| self.database.at(dense).id()).collect()
    }
}
