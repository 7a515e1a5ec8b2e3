//! What users put, delete and merge, in five tables and under the name.

use bytes::Bytes;

use super::ViewId;
use super::holder::Holder;
use super::pending::Purpose;
use super::view::View;
use crate::mesh::chord::interface::{Failure, Outcome};
use crate::mesh::chord::machine::Chord;
use crate::mesh::chord::question::{Answer, Asker, Merging, Question, Setting};
use crate::mesh::chord::store::{Policy, Version, merged};
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::{Map, NodeId, Value};

/// A user's change whose answers are waited for.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Questions that are not answered, and one more while some are still asked.
    left: usize,
    /// By the fewest nodes of this project, of what they keep.
    copies: Option<usize>,
    unconfirmed: usize,
    /// That of the latest record.
    version: Option<Version>,
    failure: Option<Failure>,
    /// What the user is told in place of [`Outcome::Kept`].
    popped: Option<Outcome>,
}

/// What a place is to have.
#[derive(Clone, Debug)]
enum To {
    /// This value, until a time if that is bounded.
    Value(Bytes, Option<u64>),
    /// Nothing more.
    Nothing,
    /// What it has, with this put into it.
    Merged(Map),
}

impl Chord {
    /// Puts a value under a key's name and into all tables.
    pub(super) fn put_all(
        &mut self,
        op: u64,
        key: &Bytes,
        value: &Bytes,
        expires: Option<u64>,
        policy: Policy,
    ) {
        self.begin_change(op, None);
        self.change_own(op, key, To::Value(value.clone(), expires), policy);
        for table in Table::ALL {
            self.change_table(op, Place::of(table, key), To::Value(value.clone(), expires), policy);
        }
        self.announce(key);
        self.change_begun(op);
    }

    /// Deletes what was seen, where it was seen.
    pub(super) fn delete_seen(&mut self, op: u64, view: &View, policy: Policy, pops: bool) {
        let seen = view.outcome();
        if matches!(seen, Outcome::Absent) {
            return self.end(op, seen);
        }
        self.begin_change(op, pops.then_some(seen));
        if view.tally.own_value().is_some() {
            self.change_own(op, &view.key, To::Nothing, policy);
        }
        for table in Table::ALL.into_iter().filter(|table| view.tally.value(*table).is_some()) {
            self.change_table(op, Place::of(table, &view.key), To::Nothing, policy);
        }
        self.retract(&view.key);
        self.change_begun(op);
    }

    /// Merges into what was seen. Where that is not what there is, the whole is put.
    pub(super) fn merge_seen(&mut self, op: u64, view: &View, delta: &Map, policy: Policy) {
        let seen = match view.outcome() {
            Outcome::Value { value, .. } => Some(value),
            _ => None,
        };
        let seen = seen.map(|value| Bytes::from(value.to_octets()));
        let Ok(merged) = merged(seen.as_ref(), &Value::Map(delta.clone()).to_octets().into()) else {
            return self.end(op, Outcome::Failed(Failure::NotAMap));
        };
        let to = |has: Option<&Bytes>| {
            if has == seen.as_ref() { To::Merged(delta.clone()) } else { To::Value(merged.clone(), None) }
        };
        self.begin_change(op, None);
        self.change_own(op, &view.key, to(view.tally.own_value()), policy);
        for table in Table::ALL {
            self.change_table(op, Place::of(table, &view.key), to(view.tally.value(table)), policy);
        }
        self.announce(&view.key);
        self.change_begun(op);
    }

    fn begin_change(&mut self, op: u64, popped: Option<Outcome>) {
        self.py2p.changes.insert(op, Change { left: 1, popped, ..Change::default() });
    }

    fn change_begun(&mut self, op: u64) {
        self.less_left(op, |_| ());
    }

    /// Changes what is kept under a key's name, where nodes of this project keep anything.
    fn change_own(&mut self, op: u64, key: &Bytes, to: To, policy: Policy) {
        if self.has_ring() {
            self.change_ring(op, Place::of(Table::Sha384, key), Some(key.clone()), to, policy);
        }
    }

    fn change_table(&mut self, op: u64, place: Place, to: To, policy: Policy) {
        match self.holder(place.position(), None) {
            // That is where it is kept under its name.
            Holder::Ring if place.table == Table::Sha384 => {}
            Holder::Ring => self.change_ring(op, place, None, to, policy),
            Holder::Py2p(peer) => {
                self.tell_change(peer, &place, to);
                if let Some(change) = self.py2p.changes.get_mut(&op) {
                    change.unconfirmed += 1;
                }
            }
            Holder::Nobody => {}
        }
    }

    fn change_ring(&mut self, op: u64, place: Place, name: Option<Bytes>, to: To, policy: Policy) {
        let Some(change) = self.py2p.changes.get_mut(&op) else { return };
        change.left += 1;
        let number = self.py2p.pending.begin(Purpose::Change { op }, None);
        let question = to.question(place, name, policy);
        self.ask_ring(Asker::Py2p(number), place.position(), question);
    }

    fn tell_change(&mut self, peer: NodeId, place: &Place, to: To) {
        match to {
            To::Value(value, _) => self.say_store(peer, place, Value::read(value).unwrap_or_default()),
            To::Nothing => self.say_nil(peer, place),
            To::Merged(delta) => self.say_delta(peer, place, delta),
        }
    }

    pub(super) fn change_told(&mut self, op: u64, answer: Answer) {
        self.less_left(op, |change| match answer {
            Answer::Kept { copies, version, .. } => {
                change.version = change.version.max(version);
                change.copies = Some(change.copies.map_or(copies, |fewest| fewest.min(copies)));
            }
            Answer::Failed(failure) => change.failure = Some(failure),
            _ => {}
        });
    }

    fn less_left(&mut self, op: u64, note: impl FnOnce(&mut Change)) {
        let Some(change) = self.py2p.changes.get_mut(&op) else { return };
        note(change);
        change.left -= 1;
        if change.left == 0 {
            let outcome = self.py2p.changes.remove(&op).map(Change::outcome);
            outcome.into_iter().for_each(|outcome| self.end_change(op, outcome));
        }
    }

    fn end_change(&mut self, op: u64, outcome: Outcome) {
        self.forget_view(ViewId::User(op));
        self.end(op, outcome);
    }
}

impl Change {
    fn outcome(self) -> Outcome {
        match (self.failure, self.popped) {
            (Some(failure), _) => Outcome::Failed(failure),
            (None, Some(popped)) => popped,
            (None, None) => match (self.copies, self.unconfirmed) {
                (None, 0) => Outcome::Failed(Failure::NobodyStores),
                (copies, unconfirmed) => {
                    Outcome::Kept { copies: copies.unwrap_or(0), unconfirmed, version: self.version }
                }
            },
        }
    }
}

impl To {
    fn question(self, place: Place, name: Option<Bytes>, policy: Policy) -> Question {
        let set = |value: Option<Bytes>, expires| {
            let if_present = value.is_none();
            Question::Set(Setting { place, name: name.clone(), value, expires, policy, if_present })
        };
        match self {
            To::Value(value, expires) => set(Some(value), expires),
            To::Nothing => set(None, None),
            To::Merged(delta) => {
                let delta = Value::Map(delta).to_octets().into();
                Question::Merge(Merging { place, name, delta, policy })
            }
        }
    }
}
