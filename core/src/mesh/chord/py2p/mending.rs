//! What is kept under names into the tables, and the other way round.

use alloc::collections::BTreeMap;
use core::time::Duration;

use bytes::Bytes;

use super::answering::{NOBODY, setting};
use super::holder::Holder;
use super::view::{Aim, View, ViewId};
use crate::mesh::chord::machine::{Chord, Due};
use crate::mesh::chord::question::{Asker, Question, Setting};
use crate::mesh::chord::ring::{Position, Range};
use crate::mesh::chord::store::Record;
use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::Value;

/// One key in this time: up to five questions and five stores, of which py2p takes some two hundred a second.
const PACE: Duration = Duration::from_millis(50);
/// What is told of is looked at after this time, when what belongs to it has come, and when who comes has come.
const SETTLED: Duration = Duration::from_secs(1);
/// Keys that are looked at at once: each may take [`absent_after`](crate::mesh::chord::Config::absent_after).
const AT_ONCE: usize = 64;

/// Which keys are to be looked at.
#[derive(Debug, Default)]
pub(super) struct Mending {
    /// Those that notices told of; whether that they are gone.
    told: BTreeMap<Bytes, bool>,
    /// All that this node is responsible for, from behind this position on.
    sweep: Option<Position>,
    begun: u64,
    under_way: usize,
}

impl Chord {
    /// Who has places has changed: all keys are looked at, once that has settled.
    pub(in crate::mesh::chord) fn sweep_soon(&mut self) {
        self.py2p.mending.sweep = Some(last());
        self.deadlines.after(Due::Mend, SETTLED);
    }

    /// A peer stores no more, or from now on: to py2p other nodes have its places than before.
    pub(in crate::mesh::chord) fn places_moved(&mut self) {
        if self.has_py2p() {
            self.sweep_soon();
        }
    }

    /// A notice told of a key.
    pub(super) fn mend_later(&mut self, key: &[u8], is_gone: bool) {
        let is_ours = self.is_responsible(Place::of(Table::Sha384, key).position());
        if !is_ours || self.py2p.mending.told.len() >= self.config.max_py2p_keys {
            return;
        }
        self.py2p.mending.told.insert(Bytes::copy_from_slice(key), is_gone);
        if self.deadlines.get(Due::Mend).is_none() {
            self.deadlines.after(Due::Mend, SETTLED);
        }
    }

    /// Whether this node answers for a position.
    fn is_responsible(&self, at: Position) -> bool {
        self.stores() && self.circle.member.range().contains(at)
    }

    /// Looks at the next key.
    pub(in crate::mesh::chord) fn mend_next(&mut self) {
        if !self.has_py2p() {
            self.py2p.mending.sweep = None;
        }
        if self.py2p.mending.under_way < AT_ONCE {
            let Some((key, aim)) = self.next_to_mend() else { return };
            self.py2p.mending.begun += 1;
            self.py2p.mending.under_way += 1;
            self.read_tables(ViewId::Mend(self.py2p.mending.begun), key, aim);
        }
        self.deadlines.after(Due::Mend, PACE);
    }

    fn next_to_mend(&mut self) -> Option<(Bytes, Aim)> {
        if let Some((key, is_gone)) = self.py2p.mending.told.pop_first() {
            return Some((key, if is_gone { Aim::Bury } else { Aim::Mend }));
        }
        let after = self.py2p.mending.sweep?;
        let next = self.named_behind(after);
        self.py2p.mending.sweep = next.as_ref().map(|(at, _)| *at).filter(|at| *at != last());
        next.map(|(_, key)| (key, Aim::Mend))
    }

    /// The next key behind a position that this node is responsible for and that has a value.
    fn named_behind(&self, after: Position) -> Option<(Position, Bytes)> {
        let names = self.shelf.within(Range { after, to: last() }).filter_map(|record| {
            let is_name = record.place.table == Table::Sha384 && record.value.is_some();
            record.name.clone().filter(|_| is_name).map(|name| (record.place.position(), name))
        });
        names.into_iter().find(|(at, _)| self.is_responsible(*at))
    }

    /// A key was read, and is put where it is missing, or buried where nobody has it.
    pub(super) fn mend_seen(&mut self, view: &View) {
        self.py2p.mending.under_way -= 1;
        match view.aim {
            Aim::Bury if view.tally.own_value().is_some() && view.tally.has_nothing() => {
                self.set_own(&view.key, None);
            }
            Aim::Mend => self.fill(view),
            _ => {}
        }
    }

    fn fill(&mut self, view: &View) {
        let Some(right) = view.tally.right() else { return };
        let own = view.tally.own();
        let is_own = own.is_some_and(|own| own.name.is_some() && own.value.as_ref() == Some(&right));
        if !is_own && self.has_ring() {
            self.set_own(&view.key, Some(right.clone()));
        }
        for table in Table::ALL.into_iter().filter(|table| view.tally.value(*table).is_none()) {
            self.fill_table(Place::of(table, &view.key), &right, own);
        }
        self.announce(&view.key);
    }

    fn fill_table(&mut self, place: Place, right: &Bytes, own: Option<&Record>) {
        match self.holder(place.position(), None) {
            // It was kept under the name.
            Holder::Ring if place.table == Table::Sha384 => {}
            Holder::Ring => {
                let expires = own.and_then(|own| own.expires);
                let setting = Setting { expires, ..setting(place, None, Some(right.clone())) };
                self.ask_ring(Asker::Py2p(NOBODY), place.position(), Question::Set(setting));
            }
            Holder::Py2p(peer) => {
                self.say_store(peer, &place, Value::read(right.clone()).unwrap_or_default());
            }
            Holder::Nobody => {}
        }
    }
}

/// The greatest position: what is behind it is all.
fn last() -> Position {
    Position::of(&[1])
}
