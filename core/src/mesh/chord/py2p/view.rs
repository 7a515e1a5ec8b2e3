//! What there is under a key, as five tables have it.

use bytes::Bytes;

use super::holder::Holder;
use super::pending::Purpose;
use super::tally::{Tally, Verdict};
use crate::mesh::chord::interface::{Failure, Outcome};
use crate::mesh::chord::machine::{Chord, Due};
use crate::mesh::chord::question::{Answer, Asker, Question};
use crate::mesh::chord::store::Policy;
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::{Map, Value};

/// Whose view it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::mesh::chord) enum ViewId {
    /// A user's, in this operation.
    User(u64),
    /// This node's own, to mend.
    Mend(u64),
}

/// A key that is being read.
#[derive(Debug)]
pub(super) struct View {
    pub(super) key: Bytes,
    places: [Place; 5],
    pub(super) tally: Tally,
    pub(super) aim: Aim,
    /// Nodes of py2p had time to ask on.
    has_waited: bool,
}

/// What is done once it is read.
#[derive(Clone, Debug)]
pub(super) enum Aim {
    /// It is told.
    Get,
    /// It is deleted, and told or not.
    Delete { policy: Policy, pops: bool },
    /// This is merged into it.
    Merge { delta: Map, policy: Policy },
    /// It is put where it is missing.
    Mend,
    /// It is deleted, if the tables have nothing of it.
    Bury,
}

impl Chord {
    /// Begins to read a key.
    pub(super) fn read_tables(&mut self, id: ViewId, key: Bytes, aim: Aim) {
        let places = Table::ALL.map(|table| Place::of(table, &key));
        let view = View { key, places, tally: Tally::new(self.has_ring()), aim, has_waited: false };
        self.py2p.views.insert(id, view);
        self.ask_all_tables(id);
    }

    /// Asks for it in all tables and under its name.
    fn ask_all_tables(&mut self, id: ViewId) {
        self.forget_view(id);
        let Some(view) = self.py2p.views.get(&id) else { return };
        let places = view.places;
        self.deadlines.after(Due::View(id), self.config.absent_after);
        if self.has_ring() {
            let place = places[Table::Sha384 as usize];
            let number = self.py2p.pending.begin(Purpose::Own { view: id }, None);
            self.ask_ring(Asker::Py2p(number), place.position(), Question::Get(place));
        }
        for place in places {
            self.ask_table(id, place);
        }
        self.weigh(id);
    }

    fn ask_table(&mut self, id: ViewId, place: Place) {
        let table = place.table;
        match self.holder(place.position(), None) {
            // It is the name's place.
            Holder::Ring if table == Table::Sha384 => {}
            Holder::Ring => {
                let number = self.py2p.pending.begin(Purpose::Vote { view: id, table }, None);
                self.ask_ring(Asker::Py2p(number), place.position(), Question::Get(place));
            }
            Holder::Py2p(peer) => {
                self.py2p.pending.begin(Purpose::Vote { view: id, table }, Some((peer, place)));
                self.say_retrieve(peer, &place);
            }
            Holder::Nobody => {
                if let Some(view) = self.py2p.views.get_mut(&id) {
                    view.tally.say(table, None, true);
                }
            }
        }
    }

    pub(super) fn vote_told(&mut self, id: ViewId, table: Table, answer: Answer) {
        if let Answer::Record(record) = answer {
            let value = record.and_then(|record| record.value);
            self.vote(id, table, value, true);
        }
    }

    pub(super) fn vote(&mut self, id: ViewId, table: Table, value: Option<Bytes>, is_final: bool) {
        if let Some(view) = self.py2p.views.get_mut(&id) {
            view.tally.say(table, value, is_final);
            self.weigh(id);
        }
    }

    pub(super) fn own_told(&mut self, id: ViewId, answer: Answer) {
        let Answer::Record(record) = answer else { return };
        let Some(view) = self.py2p.views.get(&id) else { return };
        let at = view.places[Table::Sha384 as usize].position();
        let is_table = self.holder(at, None) == Holder::Ring;
        let Some(view) = self.py2p.views.get_mut(&id) else { return };
        if is_table {
            let value = record.as_ref().and_then(|record| record.value.clone());
            view.tally.say(Table::Sha384, value, true);
        }
        view.tally.say_own(record);
        self.weigh(id);
    }

    /// Nodes of py2p had time to ask on.
    pub(in crate::mesh::chord) fn view_waited(&mut self, id: ViewId) {
        let Some(view) = self.py2p.views.get_mut(&id) else { return };
        view.has_waited = true;
        self.weigh(id);
        if self.py2p.views.contains_key(&id) {
            self.ask_all_tables(id);
        }
    }

    /// Does what follows from what is known.
    fn weigh(&mut self, id: ViewId) {
        let Some(view) = self.py2p.views.get(&id) else { return };
        let is_ready = match view.aim {
            Aim::Get => view.tally.verdict(view.has_waited) != Verdict::Open,
            _ => view.has_waited || view.tally.is_complete(),
        };
        if !is_ready {
            return;
        }
        let Some(view) = self.end_view(id) else { return };
        match (id, view.aim.clone()) {
            (ViewId::User(op), Aim::Get) => self.end(op, view.outcome()),
            (ViewId::User(op), Aim::Delete { policy, pops }) => self.delete_seen(op, &view, policy, pops),
            (ViewId::User(op), Aim::Merge { delta, policy }) => self.merge_seen(op, &view, &delta, policy),
            (_, _) => self.mend_seen(&view),
        }
    }

    pub(super) fn end_view(&mut self, id: ViewId) -> Option<View> {
        self.forget_view(id);
        self.deadlines.cancel(Due::View(id));
        self.py2p.views.remove(&id)
    }

    /// The time of a user's operation is over: what is most likely, and `None` if it is not about tables.
    pub(in crate::mesh::chord) fn user_waited(&mut self, op: u64) -> Option<Outcome> {
        let view = self.end_view(ViewId::User(op));
        self.py2p.changes.remove(&op);
        self.forget_view(ViewId::User(op));
        view.filter(|view| matches!(view.aim, Aim::Get)).map(|view| view.outcome())
    }
}

impl View {
    /// What was seen at a place is there no more.
    pub(super) fn unsee(&mut self, place: &Place) {
        if self.places[place.table as usize] == *place {
            self.tally.unsay(place.table);
        }
    }

    /// What a user is told of it, now or never.
    pub(super) fn outcome(&self) -> Outcome {
        match self.tally.verdict(self.has_waited) {
            Verdict::Value(value) => self.value(value, true),
            Verdict::Absent => Outcome::Absent,
            Verdict::Open => self
                .tally
                .guess()
                .map_or(Outcome::Failed(Failure::TimedOut), |value| self.value(value, false)),
        }
    }

    fn value(&self, value: Bytes, is_certain: bool) -> Outcome {
        let own = self.tally.own().filter(|record| record.value.as_ref() == Some(&value));
        let version = own.map(|record| record.version);
        Value::read(value).map_or(Outcome::Failed(Failure::TimedOut), |value| Outcome::Value {
            value,
            is_certain,
            version,
        })
    }
}
