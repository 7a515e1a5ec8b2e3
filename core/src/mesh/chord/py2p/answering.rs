//! What nodes of py2p ask, store and merge.

use core::time::Duration;

use bytes::Bytes;

use super::holder::Holder;
use super::pending::Purpose;
use crate::mesh::chord::interface::MAX_VALUE;
use crate::mesh::chord::machine::{Chord, Due};
use crate::mesh::chord::question::{Answer, Asker, Merging, Question, Setting};
use crate::mesh::chord::store::Policy;
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::{Map, Message, NodeId, Text, Value};

/// py2p itself waits no longer for an answer.
const ANSWERED: Duration = Duration::from_secs(10);

impl Chord {
    /// A peer asks what is in a table. Tables that there are not are ignored, as py2p does.
    pub(in crate::mesh::chord) fn heard_retrieve(&mut self, by: NodeId, table: Text, key: Text) {
        let Some(place) = self.place(&table, &key) else { return };
        if !self.may_ask(&by) {
            return;
        }
        self.counters.py2p_retrieves += 1;
        let relay = Purpose::Relay { to: by, table: table.detach(), key: key.detach() };
        match self.holder(place.position(), Some(by)) {
            Holder::Ring => self.ask_for(relay, place, Question::Get(place)),
            Holder::Py2p(peer) => self.ask_py2p(relay, peer, place),
            Holder::Nobody => self.answer_py2p(by, table, key, Answer::Record(None)),
        }
    }

    /// Asks one peer for another's sake.
    fn ask_py2p(&mut self, purpose: Purpose, peer: NodeId, place: Place) {
        let number = self.py2p.pending.begin(purpose, Some((peer, place)));
        self.deadlines.after(Due::Py2p(number), ANSWERED);
        self.say_retrieve(peer, &place);
    }

    /// The ring has said what a peer asked for.
    pub(super) fn answer_py2p(&mut self, to: NodeId, table: Text, key: Text, answer: Answer) {
        // py2p waits for as long as it likes.
        let Answer::Record(record) = answer else { return };
        let value = record.and_then(|record| record.value).and_then(|value| Value::read(value).ok());
        self.say_py2p(&to, &Message::Retrieved { table, key, value: value.unwrap_or_default() });
    }

    /// A peer answers what it was asked. Nil may be followed by a value, when it has asked on itself.
    pub(in crate::mesh::chord) fn heard_retrieved(
        &mut self,
        by: NodeId,
        table: &Text,
        key: &Text,
        value: &Value,
    ) {
        let Some(place) = self.place(table, key) else { return };
        let octets = (*value != Value::Nil).then(|| Bytes::from(value.to_octets()));
        let (is_old, nils) = (self.py2p.orders.answered(by, place), self.py2p.orders.nils());
        for number in self.py2p.pending.asked(by, place) {
            if self.py2p.orders.nils() != nils {
                // For one of those it was deleted: the others ask again.
                return;
            }
            match self.py2p.pending.get(number).cloned() {
                Some(Purpose::Relay { to, table, key }) => {
                    self.say_py2p(&to, &Message::Retrieved { table, key, value: value.clone() });
                    self.relayed(number, octets.is_some());
                }
                _ if is_old => {}
                Some(Purpose::Delete { .. }) if octets.is_some() => self.delete_found(by, place),
                Some(Purpose::Vote { view, table }) => self.vote(view, table, octets.clone(), false),
                _ => {}
            }
        }
    }

    /// Something is where peers have deleted it.
    fn delete_found(&mut self, at: NodeId, place: Place) {
        self.say_nil(at, &place);
        for number in self.py2p.pending.asked(at, place) {
            let is_done = matches!(self.py2p.pending.get(number), Some(Purpose::Delete { .. }));
            self.relayed(number, is_done);
        }
    }

    fn relayed(&mut self, number: u64, is_all: bool) {
        if is_all {
            self.py2p_forget(number);
        }
    }

    /// A peer stores a value, or nil to delete one.
    pub(in crate::mesh::chord) fn heard_store(
        &mut self,
        by: NodeId,
        table: &Text,
        key: &Text,
        value: &Value,
    ) {
        let Some((place, holder)) = self.taken(by, table, key) else { return };
        if let Holder::Py2p(peer) = holder {
            return self.forward_store(by, peer, place, value);
        }
        let value = (*value != Value::Nil).then(|| Bytes::from(value.to_octets()));
        if value.as_ref().is_some_and(|value| value.len() > MAX_VALUE) {
            self.counters.ignored += 1;
            return;
        }
        let name = self.py2p.keys.at(&place).cloned();
        if let Some(name) = name.clone().filter(|_| place.table != Table::Sha384) {
            self.adopt(name, value.clone());
        }
        let name = name.filter(|_| place.table == Table::Sha384);
        let question = Question::Set(setting(place, name, value));
        self.ask_for(Purpose::Stored { by }, place, question);
    }

    /// Nil for what a node of py2p does not have ends the connection with it: it is asked first.
    fn forward_store(&mut self, by: NodeId, peer: NodeId, place: Place, value: &Value) {
        match value {
            Value::Nil => self.ask_py2p(Purpose::Delete { by }, peer, place),
            value => self.say_store(peer, &place, value.clone()),
        }
    }

    /// A peer merges a map into what is in a table.
    pub(in crate::mesh::chord) fn heard_delta(&mut self, by: NodeId, table: &Text, key: &Text, delta: Map) {
        let Some((place, holder)) = self.taken(by, table, key) else { return };
        if let Holder::Py2p(peer) = holder {
            return self.say_delta(peer, &place, delta);
        }
        let delta = Bytes::from(Value::Map(delta).to_octets());
        let name = self.py2p.keys.at(&place).cloned();
        if let Some(key) = name.clone().filter(|_| place.table != Table::Sha384) {
            // The same once more changes nothing.
            self.merge_for(by, Place::of(Table::Sha384, &key), Some(key), delta.clone());
        }
        self.merge_for(by, place, name.filter(|_| place.table == Table::Sha384), delta);
    }

    fn merge_for(&mut self, by: NodeId, place: Place, name: Option<Bytes>, delta: Bytes) {
        let question = Question::Merge(Merging { place, name, delta, policy: Policy::Memory });
        self.ask_for(Purpose::Stored { by }, place, question);
    }

    /// The place of what a peer wants stored and who has it, if it is taken.
    fn taken(&mut self, by: NodeId, table: &Text, key: &Text) -> Option<(Place, Holder)> {
        let place = self.place(table, key)?;
        let holder = self.holder(place.position(), Some(by));
        if holder == Holder::Nobody || !self.may_ask(&by) {
            return None;
        }
        self.counters.py2p_stores += 1;
        Some((place, holder))
    }

    /// The place that fields name; what is none is counted.
    fn place(&mut self, table: &Text, key: &Text) -> Option<Place> {
        let place = Table::named(table.octets()).and_then(|table| Place::read(table, key.octets()).ok());
        self.counters.ignored += u64::from(place.is_none());
        place
    }

    /// Whether a peer may ask for one thing more.
    fn may_ask(&mut self, by: &NodeId) -> bool {
        let now = self.deadlines.now();
        let is_in_time = self.py2p.neighbours.get_mut(by).is_some_and(|peer| peer.rate.take(now));
        let may = is_in_time && self.py2p.pending.count(by) < self.config.max_passed_on;
        self.counters.excess += u64::from(!may);
        may
    }

    /// Asks the ring for a peer's sake.
    fn ask_for(&mut self, purpose: Purpose, place: Place, question: Question) {
        let number = self.py2p.pending.begin(purpose, None);
        self.deadlines.after(Due::Py2p(number), ANSWERED);
        self.ask_ring(Asker::Py2p(number), place.position(), question);
    }

    /// Keeps under a key's name what a peer has stored in another table, unless it is kept there.
    fn adopt(&mut self, key: Bytes, value: Option<Bytes>) {
        let place = Place::of(Table::Sha384, &key);
        self.ask_for(Purpose::Adopt { key, value }, place, Question::Get(place));
    }

    pub(super) fn adopt_told(&mut self, key: &Bytes, value: Option<Bytes>, answer: Answer) {
        let Answer::Record(record) = answer else { return };
        if record.and_then(|record| record.value) != value {
            self.set_own(key, value);
        }
    }

    /// Keeps a value under a key's name for py2p's sake.
    pub(super) fn set_own(&mut self, key: &Bytes, value: Option<Bytes>) {
        let place = Place::of(Table::Sha384, key);
        let setting = setting(place, Some(key.clone()), value);
        self.ask_ring(Asker::Py2p(NOBODY), place.position(), Question::Set(setting));
    }
}

/// The number of a question whose answer nobody waits for.
pub(super) const NOBODY: u64 = 0;

/// What py2p stores is in memory before it is answered for: py2p asks for no more, and gets no answer.
pub(super) const fn setting(place: Place, name: Option<Bytes>, value: Option<Bytes>) -> Setting {
    let if_present = value.is_none();
    Setting { place, name, value, expires: None, policy: Policy::Memory, if_present }
}
