//! Finding a place in a ring, and making one ring of two.
//!
//! A node that is in no ring asks a peer that is in one for its place there. A node that is in one asks the same now and
//! then: if it has a place there that it does not hold, the peer may be in another ring. Which ring yields is decided by
//! what both sides see alike: one of up to [`LIST`] nodes knows how many they are, and the smaller yields; of equals, the one
//! whose owner of position zero is further from it. The members of the ring that yields leave it one by one, as soon as they
//! notice, and join the other as new nodes do: so each ring stays what it is proven to be. What they keep stays with them,
//! and is compared and delivered by the new order.

use alloc::collections::BTreeSet;

use super::interface::Contact;
use super::machine::{Chord, Due};
use super::question::{Answer, Asker, Question};
use super::ring::{Member, Position, Space as _};
use super::side::position;
use super::told::{LIST, Told};
use super::word::Word;
use crate::kernel::Time;
use crate::mesh::Kind;
use crate::mesh::wire::{NodeId, Role};

/// What is known of whether a peer is in another ring.
#[derive(Debug, Default)]
pub(super) struct Unifying {
    /// The peer that is asked, until that has come to an end.
    with: Option<NodeId>,
    begun: Time,
    /// This node's place in that peer's ring.
    place: Option<Told>,
    /// Who owns position zero in this node's ring.
    leader: Option<Position>,
    /// How many times peers were asked; so that each has its turn.
    rounds: usize,
    /// Peers that have said, since all were asked the last time, that they are in no ring either.
    unplaced: BTreeSet<NodeId>,
}

/// How strong a ring is against another, as one of its members sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Weight {
    /// Its nodes, or more than a list has.
    nodes: usize,
    /// Of two leaders the one that is nearer to zero stays one in a ring of both.
    nearness: Position,
}

impl Weight {
    fn new(nodes: usize, leader: Position) -> Self {
        let nearness = leader.distance(Position::zero());
        Weight { nodes, nearness }
    }
}

impl Chord {
    /// It is time to ask a peer for one's place.
    pub(super) fn unify(&mut self) {
        let is_alone = self.circle.member.successors().is_alone();
        let period = self.config.unify_period;
        // Who is alone with others in sight has most to gain.
        self.deadlines.after(Due::Unify, if is_alone { period / 10 } else { period });
        let is_asking = self.unifying.with.is_some()
            && self.deadlines.now().since(self.unifying.begun) < self.config.unify_period;
        if self.role == Role::Leech || self.is_loading() || is_asking {
            return;
        }
        match self.whom_to_ask() {
            Some(peer) => self.unify_with(peer),
            None if !self.circle.is_placed && self.is_settled() => self.is_placed(),
            None => {}
        }
    }

    /// The same, soon.
    pub(super) fn unify_soon(&mut self) {
        self.deadlines.set_earlier(Due::Unify, self.deadlines.now());
    }

    /// One of the peers that may be in a ring, each in its turn; those that this ring does not name, and that have not said
    /// that they are in none, go first.
    fn whom_to_ask(&mut self) -> Option<NodeId> {
        let known = self.circle.ids();
        let is_first = |id: &NodeId| !known.contains(id) && !self.unifying.unplaced.contains(id);
        let storing = || self.sides.storing(Kind::Native);
        let first = storing().filter(is_first).count();
        let (count, all) = if first > 0 { (first, false) } else { (storing().count(), true) };
        if count == 0 {
            return None;
        }
        let turn = self.unifying.rounds % count;
        let peer = storing().filter(|id| all || is_first(id)).nth(turn);
        self.unifying.rounds += 1;
        peer
    }

    /// Whether no ring is to be expected any more that could be joined.
    fn is_settled(&self) -> bool {
        let alone = self.config.mesh.bootstrap.is_empty() && self.mesh.known().next().is_none();
        alone || self.deadlines.now().since(self.config.mesh.start) >= self.config.settle
    }

    /// Of nodes that start together the one with the smallest id begins the ring, and the others join.
    fn is_founder(&self) -> bool {
        let has_waited = self.deadlines.now().since(self.config.mesh.start) >= self.config.settle / 3;
        has_waited && self.sides.storing(Kind::Native).all(|id| self.mesh.id() < id)
    }

    pub(super) fn unify_with(&mut self, peer: NodeId) {
        self.forget(Asker::Unifying);
        let Unifying { rounds, unplaced, .. } = core::mem::take(&mut self.unifying);
        let begun = self.deadlines.now();
        self.unifying = Unifying { with: Some(peer), begun, rounds, unplaced, ..Unifying::default() };
        self.ask_via(Asker::Unifying, self.circle.member.me(), Question::Admit, peer);
    }

    pub(super) fn unify_told(&mut self, answer: Answer) {
        let Some(peer) = self.unifying.with.filter(|_| self.role == Role::Storing) else { return };
        match answer {
            Answer::Behind(told) if !self.circle.is_placed => self.join(&told),
            Answer::Behind(told) if self.is_elsewhere(&told) => {
                self.unifying.place = Some(told);
                self.ask_ring(Asker::Unifying, Position::zero(), Question::Find);
            }
            Answer::Found { node, .. } if self.unifying.leader.is_none() => {
                self.unifying.leader = Some(position(&node.id));
                self.ask_via(Asker::Unifying, Position::zero(), Question::Find, peer);
            }
            Answer::Found { node, .. } => self.compare_rings(peer, position(&node.id)),
            // This node was there before, and that is not forgotten yet.
            Answer::Taken if !self.circle.is_placed => self.unifying.with = None,
            Answer::Unplaced if !self.circle.is_placed => self.told_of_no_ring(peer),
            // The place is held, be it by this node, or nothing was learned: there will be another time.
            _ => self.unifying.with = None,
        }
    }

    /// Once all peers have said so a ring can be begun. One that does not answer may be in a ring.
    fn told_of_no_ring(&mut self, peer: NodeId) {
        self.unifying.with = None;
        self.unifying.unplaced.insert(peer);
        let unplaced = &mut self.unifying.unplaced;
        unplaced.retain(|id| self.sides.get(id).is_some());
        if !self.sides.storing(Kind::Native).all(|id| unplaced.contains(&id)) {
            return self.unify_soon();
        }
        unplaced.clear();
        if self.is_settled() || self.is_founder() {
            self.is_placed();
        }
    }

    /// Whether a place behind this node is in another ring, as far as can be told without asking who leads.
    fn is_elsewhere(&self, told: &Told) -> bool {
        let (before, member) = (position(&told.of.id), &self.circle.member);
        told.snapshot().is_some() && before != member.me() && member.predecessor() != Some(before)
    }

    fn compare_rings(&mut self, peer: NodeId, theirs: Position) {
        let Some((told, ours)) = self.unifying.place.take().zip(self.unifying.leader.take()) else { return };
        self.unifying.with = None;
        let Some(snapshot) = told.snapshot().filter(|_| ours != theirs) else { return };
        let laps = |laps: bool, others: usize| if laps { others + 1 } else { LIST + 1 };
        let own = self.circle.member.successors();
        let own = Weight::new(laps(own.laps(), own.others().count()), ours);
        let list = &snapshot.successors;
        let other = Weight::new(laps(list.laps(), list.others().count()), theirs);
        if own < other {
            self.move_to(&told, peer);
        } else {
            let node = self.contact();
            self.mesh_tell(&peer, &Word::Elsewhere { node });
        }
    }

    /// Leaves the ring for another. The neighbours here are told, and will follow.
    fn move_to(&mut self, told: &Told, peer: NodeId) {
        if let Some(addr) = self.mesh.listens(&peer) {
            let word = Word::Elsewhere { node: Contact { id: peer, addr } };
            for id in self.circle.ids().into_iter().filter(|id| *id != peer) {
                self.mesh_tell(&id, &word);
            }
        }
        self.leave_ring();
        self.join(told);
    }

    /// Says goodbye to the neighbours, and is alone.
    pub(super) fn leave_ring(&mut self) {
        let me = self.circle.member.me();
        let old = core::mem::replace(&mut self.circle.member, Member::alone(me));
        self.circle.is_placed = false;
        self.circle.horizon.clear();
        let actions = old.leave();
        self.act(actions);
    }

    fn join(&mut self, told: &Told) {
        self.unifying.with = None;
        let Some(snapshot) = told.snapshot() else { return };
        told.contacts().for_each(|contact| self.circle.learn(contact));
        let actions = self.circle.member.join(&snapshot);
        if self.circle.member.successors().is_alone() {
            return;
        }
        self.is_placed();
        self.act(actions);
        let actions = self.circle.member.stabilise();
        self.act(actions);
    }

    fn is_placed(&mut self) {
        self.circle.is_placed = true;
        self.deadlines.after(Due::Stabilise, self.config.stabilise_period);
        self.range_changed();
        self.replicas_changed();
    }

    /// A node of this ring has moved to another, in which this one is.
    pub(super) fn heard_elsewhere(&mut self, node: Contact) {
        if self.role == Role::Leech || node.id == self.mesh.id() || self.unifying.with.is_some() {
            return;
        }
        if self.is_linked(&node.id) {
            self.unify_with(node.id);
        } else {
            let _ = self.mesh.reach(node.addr);
        }
    }
}
