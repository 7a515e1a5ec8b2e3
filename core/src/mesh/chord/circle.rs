//! This node's part in the ring: what the ring wants done, and what comes of it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::horizon::Horizon;
use super::interface::{Contact, Event, RingView};
use super::machine::{Chord, Due};
use super::pending::For;
use super::question::{Answer, Asker, Question};
use super::ring::{Action, Actions, Member, Position, Snapshot};
use super::side::position;
use super::told::{LIST, Told};
use super::word::Word;
use crate::kernel::NotDialled;
use crate::mesh::Kind;
use crate::mesh::wire::{NodeId, Role};

/// The ring, and where those listen whom it names.
#[derive(Debug)]
pub(super) struct Circle {
    pub(super) member: Member<Position, LIST>,
    /// The nodes behind those of its list.
    pub(super) horizon: Horizon,
    contacts: BTreeMap<Position, Contact>,
    /// Whether this node is one of a ring's, be it the only one.
    pub(super) is_placed: bool,
    /// Where the owner is looked for that is the next short cut.
    sought: Option<Position>,
    /// What it told others when it last stabilised.
    last: Option<Snapshot<Position, LIST>>,
    /// Peers that did not answer in time: others are asked, until something is heard of them.
    suspects: BTreeSet<Position>,
    /// Nodes that are being dialled, to see whether they live; and whether they are to be asked for their neighbours then.
    reached: BTreeMap<Position, bool>,
}

impl Circle {
    /// Of a node that is to have so many links at most.
    pub(super) fn new(me: Contact, links: usize) -> Self {
        let at = position(&me.id);
        Circle {
            member: Member::alone(at),
            horizon: Horizon::new((links / 2).saturating_sub(LIST + 1)),
            contacts: BTreeMap::from([(at, me)]),
            is_placed: false,
            sought: None,
            last: None,
            suspects: BTreeSet::new(),
            reached: BTreeMap::new(),
        }
    }

    fn me(&self) -> Contact {
        self.contacts[&self.member.me()]
    }

    /// Where a node listens that the ring names.
    pub(super) fn contact(&self, at: Position) -> Option<Contact> {
        self.contacts.get(&at).copied()
    }

    pub(super) fn is_suspect(&self, at: Position) -> bool {
        self.suspects.contains(&at)
    }

    /// Something was heard of a node.
    pub(super) fn is_alive(&mut self, at: Position) {
        self.suspects.remove(&at);
    }

    pub(super) fn learn(&mut self, contact: Contact) {
        let at = position(&contact.id);
        if at != self.member.me() {
            self.contacts.insert(at, contact);
        }
    }

    /// All other nodes that the ring names.
    pub(super) fn neighbors(&self) -> impl Iterator<Item = Position> + '_ {
        let member = &self.member;
        member
            .successors()
            .others()
            .chain(member.predecessor())
            .chain(member.fingers())
            .chain(self.horizon.nodes())
    }

    /// The same by their ids.
    pub(super) fn ids(&self) -> BTreeSet<NodeId> {
        self.neighbors().map(|at| NodeId(at.integer())).collect()
    }

    /// Whoever is responsible for a position, as far as is known here.
    pub(super) fn owner(&self, at: Position) -> Option<Position> {
        self.horizon.owner(self.member.successors(), at)
    }

    /// Forgets where those listen whom nobody names any more.
    fn prune(&mut self) {
        let mut named: BTreeSet<Position> = self.neighbors().collect();
        named.insert(self.member.me());
        named.extend(self.reached.keys());
        named.extend(self.horizon.coming());
        self.contacts.retain(|at, _| named.contains(at));
    }

    pub(super) fn as_told(&self) -> Told {
        let snapshot = self.member.snapshot();
        let contacts = |at: Position| self.contact(at);
        Told {
            of: self.me(),
            predecessor: snapshot.predecessor.and_then(contacts),
            list: snapshot.successors.nodes().filter_map(contacts).collect(),
        }
    }
}

/// What the ring wants.
impl Chord {
    pub(super) fn act(&mut self, actions: Actions<Position>) {
        for action in actions {
            match action {
                Action::Ask(node) => self.look(node),
                Action::Notify(node) => _ = self.say_to(node, &Word::Notify),
                Action::Range(..) => self.range_changed(),
                Action::HandOver(..) => {}
                Action::Goodbye(node, before) => {
                    let before = before.and_then(|before| self.circle.contact(before));
                    self.say_to(node, &Word::Goodbye { before });
                }
                Action::Lost => self.unify_soon(),
            }
        }
        self.neighbors_changed();
    }

    /// Asks a node for its neighbours, or dials it first.
    fn look(&mut self, node: Position) {
        let id = NodeId(node.integer());
        let known = self.circle.contact(node);
        let known = known.or_else(|| self.mesh.listens(&id).map(|addr| Contact { id, addr }));
        let Some(contact) = known else { return self.has_failed(node) };
        if self.pending.has_for_ring(node) {
            return;
        }
        if self.is_linked(&contact.id) {
            let n = self.pending.begin(contact.id, For::Ring(node));
            if self.mesh_tell(&contact.id, &Word::Look { n }) {
                self.deadlines.after(Due::Answer(n), self.config.answer_timeout);
            } else {
                // It takes little at present. What was not asked is not missing.
                self.pending.end(n);
            }
        } else {
            self.reach(contact, true);
        }
    }

    /// Dials a node that is no peer. Whether it lives shows then.
    fn reach(&mut self, contact: Contact, asks: bool) {
        let at = position(&contact.id);
        match self.mesh.reach(contact.addr) {
            Ok(()) => {
                let is_asked = self.circle.reached.entry(at).or_default();
                *is_asked |= asks;
                self.deadlines.set_earlier(Due::Reach(at), self.deadlines.now() + self.config.reach_timeout);
            }
            // The next stabilisation tries again.
            Err(NotDialled::NoRoom | NotDialled::Already) => {}
            Err(NotDialled::NotDialable | NotDialled::Own) => self.has_failed(at),
        }
    }

    /// A peer has not answered in time. It is asked whether it is there, which is soon answered if it is.
    pub(super) fn suspect(&mut self, id: &NodeId) {
        let at = position(id);
        if self.circle.neighbors().any(|node| node == at) && self.circle.suspects.insert(at) {
            self.look(at);
        }
    }

    /// A node is dead, as far as can be told from here. Others may have died with it.
    pub(super) fn has_failed(&mut self, node: Position) {
        self.circle.reached.remove(&node);
        self.circle.horizon.remove(node);
        self.deadlines.cancel(Due::Reach(node));
        let was_next = self.circle.member.successors().first() == node;
        let actions = self.circle.member.failed(node);
        self.act(actions);
        if was_next && self.circle.is_placed {
            let actions = self.circle.member.stabilise();
            self.act(actions);
        }
    }

    fn say_to(&mut self, node: Position, word: &Word) -> bool {
        let id = NodeId(node.integer());
        self.is_linked(&id) && self.mesh_tell(&id, word)
    }

    /// Those that the ring names are dialled and kept.
    fn neighbors_changed(&mut self) {
        let all = self.circle.ids();
        for id in all.iter().filter(|id| !self.is_linked(id)).copied().collect::<Vec<_>>() {
            if let Some(contact) = self.circle.contact(position(&id)) {
                self.reach(contact, false);
            }
        }
        self.mesh.keep(all);
        self.circle.prune();
        self.tell_of_ring();
        self.replicas_changed();
    }

    fn tell_of_ring(&mut self) {
        let next = self.circle.member.successors().first();
        let next = (next != self.circle.member.me()).then(|| NodeId(next.integer()));
        if next == self.next {
            return;
        }
        self.next = next;
        // Another one behind has not said yet whom it has before it.
        self.is_before_next(false);
        self.out.event(next.map_or(Event::Alone, |next| Event::Joined { next }));
    }
}

/// What happens to peers.
impl Chord {
    /// Whether a node of this project is a peer.
    pub(super) fn is_linked(&self, id: &NodeId) -> bool {
        self.sides.get(id).is_some_and(|side| side.kind == Kind::Native)
    }

    /// A node of this project is a peer.
    pub(super) fn is_reached(&mut self, id: &NodeId) {
        let at = position(id);
        self.deadlines.cancel(Due::Reach(at));
        if self.circle.reached.remove(&at) == Some(true) {
            self.look(at);
        }
    }

    /// A peer is one no more. If the ring names it, it is dialled to see whether it lives, and asked whether it is still there.
    pub(super) fn is_unlinked(&mut self, id: &NodeId) {
        let at = position(id);
        self.circle.suspects.remove(&at);
        if !self.circle.neighbors().any(|node| node == at) {
            return;
        }
        match self.circle.contact(at) {
            Some(contact) => self.reach(contact, true),
            None => self.has_failed(at),
        }
    }

    /// Nobody answers at an address.
    pub(super) fn dial_failed(&mut self, addr: SocketAddr) {
        let at = |at: &Position| self.circle.contact(*at).is_some_and(|contact| contact.addr == addr);
        let there: Vec<Position> = self.circle.reached.keys().copied().filter(at).collect();
        there.into_iter().for_each(|node| self.has_failed(node));
    }
}

/// What happens in time.
impl Chord {
    pub(super) fn stabilise(&mut self) {
        let pause = self.until_next();
        self.deadlines.after(Due::Stabilise, pause);
        if !self.circle.is_placed {
            return self.unify();
        }
        let actions = self.circle.member.stabilise();
        self.act(actions);
        self.look_around();
        self.look_further();
        self.look_for_finger();
    }

    /// What has changed here is soon news for others: lists go back from node to node, one at each stabilisation.
    fn until_next(&mut self) -> Duration {
        let now = self.circle.member.snapshot();
        let has_changed = self.circle.last.replace(now.clone()) != Some(now);
        if has_changed { self.config.stabilise_period / 8 } else { self.config.stabilise_period }
    }

    /// Asks neighbours on both sides whether they are there: of two that died at once both are missed at once.
    fn look_around(&mut self) {
        let member = &self.circle.member;
        let others = member.successors().others().skip(1).take(1).chain(member.predecessor());
        others.collect::<Vec<_>>().into_iter().for_each(|node| self.look(node));
    }

    /// Asks the last node that is known for those behind it.
    fn look_further(&mut self) {
        let Circle { member, horizon, .. } = &mut self.circle;
        if let Some(node) = horizon.due(member.successors(), self.deadlines.now()) {
            self.look(node);
        }
    }

    fn look_for_finger(&mut self) {
        if self.circle.member.successors().laps() {
            return;
        }
        if let Some(at) = self.circle.member.next_finger() {
            // One at a time: what was not found by now is looked for in its turn.
            if let Some(last) = self.circle.sought.replace(at) {
                self.forget(Asker::Finger(last));
            }
            self.ask_ring(Asker::Finger(at), at, Question::Find);
        }
    }

    pub(super) fn finger_found(&mut self, at: Position, answer: &Answer) {
        if let Answer::Found { node, .. } = answer {
            self.circle.learn(*node);
            self.circle.member.finger(at, position(&node.id));
            self.neighbors_changed();
        }
    }
}

/// What nodes of this project say of the ring.
impl Chord {
    pub(super) fn heard_look(&mut self, by: &NodeId, n: u64) {
        let word = if self.circle.is_placed {
            Word::Seen { n, told: self.circle.as_told() }
        } else {
            Word::Unplaced { n }
        };
        self.mesh_tell(by, &word);
    }

    /// A node that the ring names is in none: it has started again, or its goodbye was not heard.
    pub(super) fn heard_unplaced(&mut self, by: &NodeId, n: u64) {
        if let Some(For::Ring(at)) = self.answered(by, n) {
            self.has_failed(at);
        }
    }

    pub(super) fn heard_seen(&mut self, by: &NodeId, n: u64, told: &Told) {
        let Some(For::Ring(at)) = self.answered(by, n) else { return };
        match told.snapshot().filter(|snapshot| snapshot.of() == at) {
            Some(snapshot) => {
                told.contacts().for_each(|contact| self.circle.learn(contact));
                if at == self.circle.member.successors().first() {
                    self.is_before_next(snapshot.predecessor == Some(self.circle.member.me()));
                }
                let actions = self.circle.member.answered(&snapshot);
                let Circle { member, horizon, .. } = &mut self.circle;
                horizon.told(member.successors(), &snapshot.successors, self.deadlines.now());
                self.act(actions);
            }
            None => self.has_failed(at),
        }
    }

    /// A node says that this one is next to it.
    pub(super) fn heard_notify(&mut self, by: &NodeId) {
        let Some(addr) = self.mesh.listens(by).filter(|_| self.circle.is_placed) else { return };
        self.circle.learn(Contact { id: *by, addr });
        let actions = self.circle.member.notified(position(by));
        self.act(actions);
    }

    pub(super) fn heard_goodbye(&mut self, by: &NodeId, before: Option<Contact>) {
        if let Some(before) = before {
            self.circle.learn(before);
        }
        self.circle.horizon.remove(position(by));
        let actions = self.circle.member.departed(position(by), before.map(|before| position(&before.id)));
        self.act(actions);
    }
}

/// For questions.
impl Chord {
    /// This node's part in the ring.
    pub fn ring(&self) -> RingView {
        let member = &self.circle.member;
        let contacts =
            |nodes: Vec<Position>| nodes.into_iter().filter_map(|at| self.circle.contact(at)).collect();
        RingView {
            role: self.role,
            behind: contacts(member.successors().others().collect()),
            ahead: member.predecessor().and_then(|at| self.circle.contact(at)),
            fingers: contacts(member.fingers().collect()),
            py2p: self.sides.storing(Kind::Compatible).collect(),
            is_in_step: self.is_in_step(),
            records: self.shelf.len(),
            octets: self.shelf.octets(),
            py2p_keys: self.py2p_key_count(),
            is_read_only: self.cannot_write().is_some(),
        }
    }

    /// Whether this node is one of a ring's.
    pub(super) fn stores(&self) -> bool {
        self.role == Role::Storing && self.circle.is_placed
    }
}
