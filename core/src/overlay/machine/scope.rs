//! Whom a decision is about: everybody, or as many as its [bounds](crate::overlay::wiring) let in.
//!
//! Past the bounds the problem is one about part of the overlay, numbered anew: this node, its neighbours, the first hops,
//! the destinations with those on the paths that lead to them now, and others as long as there is room. So each destination
//! that is reached at all is reached within it.

use alloc::vec::Vec;

use super::Overlay;
use crate::overlay::components::Components;
use crate::overlay::config::PolicyKind;
use crate::overlay::database::Entry;
use crate::overlay::link::Link;
use crate::overlay::names::Cost;
use crate::overlay::routes::Tree;
use crate::overlay::wire::LINKS_LIMIT;
use crate::overlay::wiring::{DESTINATIONS, HOPS, NODES, Seniority, first_hops, longest_first};

/// Nodes of the database, numbered from 0 in the order of their ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Their dense indices in the database.
    nodes: Vec<u32>,
    /// The place of each dense index among them, or [`OUTSIDE`].
    places: Vec<u32>,
}

const OUTSIDE: u32 = u32::MAX;

impl Scope {
    /// Nobody yet, of a database of `known`.
    fn none_of(known: usize) -> Self {
        Scope { nodes: Vec::new(), places: alloc::vec![OUTSIDE; known] }
    }

    /// As many as are known.
    fn all_of(known: usize) -> Self {
        let mut scope = Scope::none_of(known);
        (0u32..).take(known).for_each(|dense| scope.add(dense));
        scope
    }

    fn add(&mut self, dense: u32) {
        if self.place(dense).is_none() {
            self.places[dense as usize] = 0;
            self.nodes.push(dense);
        }
    }

    /// Adds `to` and those on the path to it, if there is room for all of them; whether there was.
    fn add_path(&mut self, tree: Option<&Tree>, to: u32) -> bool {
        let room = NODES.saturating_sub(self.nodes.len());
        let before = |&at: &u32| tree.and_then(|tree| tree.parent(at));
        let path = core::iter::successors(Some(to), before).take_while(|&at| self.place(at).is_none());
        let missing: Vec<u32> = path.take(room + 1).collect();
        let fits = missing.len() <= room;
        if fits {
            missing.into_iter().for_each(|dense| self.add(dense));
        }
        fits
    }

    /// All are in: they get their numbers.
    fn number(mut self) -> Self {
        self.nodes.sort_unstable();
        for (place, &dense) in (0..).zip(&self.nodes) {
            self.places[dense as usize] = place;
        }
        self
    }

    /// The number of a dense index, if its node is in.
    pub(super) fn place(&self, dense: u32) -> Option<u32> {
        self.places.get(dense as usize).copied().filter(|place| *place != OUTSIDE)
    }

    /// The dense index of a number.
    pub(super) fn dense(&self, place: u32) -> u32 {
        self.nodes[place as usize]
    }

    /// The dense indices of all, ascending.
    pub(super) fn nodes(&self) -> &[u32] {
        &self.nodes
    }
}

/// Whom a decision is about, by their dense indices.
pub(super) struct Within {
    /// Everybody in its graph.
    pub(super) scope: Scope,
    /// Whom it wants to reach.
    pub(super) destinations: Vec<u32>,
    /// Whom it chooses among.
    pub(super) hops: Vec<u32>,
}

impl Overlay {
    /// Whom the next decision is about, of a node whose dense index is `me` and from which everybody is as far as `delay` says.
    pub(super) fn within_bounds(&mut self, me: u32, edges: &Components, delay: &[Option<Cost>]) -> Within {
        let present = self.present(me, edges);
        let hops = self.hops_among(&present, delay);
        let (database, rng) = (&self.database, &mut self.random.sampling);
        let seniority = |dense| seniority(database.at(dense));
        let mut destinations = longest_first(present, DESTINATIONS, seniority, rng);
        if self.database.len() <= NODES {
            let scope = Scope::all_of(self.database.len()).number();
            return Within { scope, destinations, hops };
        }
        let scope = self.scope_of(me, &hops, &mut destinations);
        Within { scope, destinations, hops }
    }

    /// Who is there beside this node: by an edge, a link, or an answer.
    fn present(&self, me: u32, edges: &Components) -> Vec<u32> {
        let is_there = |dense: u32, entry: &Entry| {
            dense != me
                && entry.is_present()
                && (!edges.is_alone(dense)
                    || self.links.get(&entry.id()).is_some_and(Link::live)
                    || self.answered_lately(entry.id()))
        };
        let entries = (0u32..).zip(self.database.entries());
        entries.filter(|(dense, entry)| is_there(*dense, entry)).map(|(dense, _)| dense).collect()
    }

    /// Who may be chosen: present choices, and as many others as the bound leaves room for. Under full mesh, where the
    /// search is none, everybody is.
    fn hops_among(&mut self, present: &[u32], delay: &[Option<Cost>]) -> Vec<u32> {
        let measured = present.iter().copied().filter(|&dense| delay[dense as usize].is_some());
        let (mut hops, others): (Vec<u32>, Vec<u32>) = measured
            .filter(|&dense| self.may_be_chosen(self.database.at(dense)))
            .partition(|&dense| self.is_chosen(self.database.at(dense).id()));
        let limit = if self.config.policy == PolicyKind::FullMesh { LINKS_LIMIT } else { HOPS };
        let seniority = |dense| seniority(self.database.at(dense));
        let (room, rng) = (limit.saturating_sub(hops.len()), &mut self.random.sampling);
        hops.extend(first_hops(others, room, seniority, |dense| delay[dense as usize], rng));
        hops
    }

    /// The part of a large overlay that a decision is about. Destinations for which there is no room are none.
    fn scope_of(&mut self, me: u32, hops: &[u32], destinations: &mut Vec<u32>) -> Scope {
        self.know_routes();
        let tree = self.standing_tree();
        let mut scope = Scope::none_of(self.database.len());
        scope.add(me);
        for id in self.links.keys() {
            self.database.index().of(*id).into_iter().for_each(|dense| scope.add(dense));
        }
        hops.iter().for_each(|&dense| scope.add(dense));
        destinations.retain(|&dense| scope.add_path(tree, dense));
        for dense in self.others_in_order(&scope) {
            scope.add_path(tree, dense);
        }
        scope.number()
    }

    /// Who is not in `scope` and has been reached, those reached the longest first.
    fn others_in_order(&self, scope: &Scope) -> Vec<u32> {
        let entries = (0u32..).zip(self.database.entries());
        let others = entries.filter(|(dense, entry)| {
            entry.is_present() && entry.reached().is_some() && scope.place(*dense).is_none()
        });
        let mut others: Vec<u32> = others.map(|(dense, _)| dense).collect();
        others.sort_by_cached_key(|&dense| seniority(self.database.at(dense)));
        others.truncate(NODES);
        others
    }
}

/// How long the node of a record has been there.
pub(super) fn seniority(entry: &Entry) -> Seniority {
    Seniority { reached: entry.reached(), heard: entry.heard() }
}
