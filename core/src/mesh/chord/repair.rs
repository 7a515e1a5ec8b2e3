//! Seeing that those who are to have what this node is responsible for have it.
//!
//! With each of them this node compares its range: at once when the range or they have changed, and now and then. What one
//! has later goes to the other. One thing at a time is on its way to each. Until that has come to its end with all of them
//! since the last change, this node is not *in step*: what it has may not be the latest, and it asks them before it says
//! what there is.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::interface::Failure;
use super::machine::{Chord, Due};
use super::pending::For;
use super::place::Place;
use super::ring::{Position, Range};
use super::side::position;
use super::store::{Ask, Comparison, Policy, Record, Reply, Shelf, reply};
use super::word::Word;
use super::writing::Waiter;
use crate::mesh::wire::NodeId;

/// Octets of records that go in one word.
const AT_ONCE: usize = 128 << 10;
/// Places of records in one word.
pub(super) const WANTED: usize = 256;
/// How soon a comparison is tried again that could not go on.
const AGAIN: Duration = Duration::from_millis(200);
/// ... and one in which something was refused.
const REFUSED: Duration = Duration::from_secs(10);

/// A node that is to have what this one is responsible for.
#[derive(Debug)]
struct Partner {
    comparison: Comparison,
    range: Range<Position>,
    /// What is to be asked next.
    ask: Option<Ask>,
    /// What it is to be given.
    send: VecDeque<Place>,
    /// What it is to give.
    want: VecDeque<Place>,
    /// It has taken what it was given so far.
    has_room: bool,
    /// It has something later for which there is no room here.
    is_ahead: bool,
}

impl Partner {
    fn begin(shelf: &Shelf, range: Range<Position>) -> Self {
        let (comparison, ask) = Comparison::begin(shelf, range);
        let (send, want) = (VecDeque::new(), VecDeque::new());
        Partner { comparison, range, ask: Some(ask), send, want, has_room: true, is_ahead: false }
    }
}

/// Comparisons, and what came of them.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// Nodes that are to have what this node is responsible for; `None` for those that have it.
    partners: BTreeMap<NodeId, Option<Partner>>,
    /// Whether the one behind says that this node is the one before it: until then it answers for this node's range.
    is_known: bool,
}

/// When this node compares.
impl Chord {
    pub(super) fn range_changed(&mut self) {
        self.repair.partners.clear();
        self.replicas_changed();
        // This node may be responsible no more for what is under way.
        self.recopy();
    }

    /// Others may be to have what is kept here.
    pub(super) fn replicas_changed(&mut self) {
        let others = if self.stores() { self.others_that_keep() } else { Default::default() };
        let is_same = |node: &NodeId| self.repair.partners.contains_key(node);
        if others.len() == self.repair.partners.len() && others.iter().all(is_same) {
            return;
        }
        self.repair.partners.retain(|node, _| others.contains(node));
        for node in others {
            if !self.repair.partners.contains_key(&node) {
                self.compare_with(node);
            }
        }
        self.recopy();
    }

    /// The one behind has said who is before it.
    pub(super) fn is_before_next(&mut self, is_known: bool) {
        if core::mem::replace(&mut self.repair.is_known, is_known) != is_known && is_known {
            self.range_changed();
        }
    }

    /// Whether what is here is the latest, as far as the others have it.
    pub(super) fn is_in_step(&self) -> bool {
        let is_known = self.repair.is_known || self.circle.member.successors().is_alone();
        self.stores() && is_known && self.repair.partners.values().all(Option::is_none)
    }

    /// Whether others have something for which there was no room here.
    pub(super) fn lacks_room(&self) -> bool {
        self.repair.partners.values().flatten().any(|partner| partner.is_ahead)
    }

    /// Begins anew with all but those with whom a comparison is under way.
    pub(super) fn compare_all(&mut self) {
        self.deadlines.after(Due::Compare, self.config.compare_period);
        let all: Vec<NodeId> = self.repair.partners.keys().copied().collect();
        all.into_iter().for_each(|node| self.compare_anew(node));
    }

    /// Begins anew with those with whom it did not come to its end.
    pub(super) fn compare_again(&mut self) {
        let open = self.repair.partners.iter().filter(|(_, partner)| partner.is_some());
        let open: Vec<NodeId> = open.map(|(node, _)| *node).collect();
        open.into_iter().for_each(|node| self.compare_anew(node));
    }

    fn compare_anew(&mut self, node: NodeId) {
        if self.pending.comparisons(&node).is_empty() {
            self.compare_with(node);
        }
    }

    fn compare_with(&mut self, node: NodeId) {
        // An answer to what was asked before fits nothing any more.
        for n in self.pending.comparisons(&node) {
            self.answered(&node, n);
        }
        let partner = Partner::begin(&self.shelf, self.circle.member.range());
        self.repair.partners.insert(node, Some(partner));
        self.compare_on(node);
    }

    /// Says the next thing to a node, or is done.
    fn compare_on(&mut self, node: NodeId) {
        let is_linked = self.is_linked(&node);
        let Some(Some(partner)) = self.repair.partners.get_mut(&node) else { return };
        if !is_linked {
            return self.deadlines.set_earlier(Due::CompareAgain, self.deadlines.now() + AGAIN);
        }
        let n = self.pending.begin(node, For::Comparison);
        if !partner.has_room {
            partner.send.clear();
        }
        if partner.is_ahead {
            // There is no room for another record; a later version of one may have it.
            partner.want.retain(|place| self.shelf.get(place).is_some());
        }
        let word = if !partner.send.is_empty() {
            let policy = if self.config.durable { Policy::Written } else { Policy::Memory };
            Word::Copy { n, policy, records: taken(&mut partner.send, |place| self.shelf.get(place)) }
        } else if !partner.want.is_empty() {
            let count = partner.want.len().min(WANTED);
            Word::Want { n, places: partner.want.iter().take(count).copied().collect() }
        } else if let Some(ask) = partner.ask.take() {
            Word::Compare { n, range: partner.range, ask }
        } else if partner.is_ahead {
            self.pending.end(n);
            return self.deadlines.set_earlier(Due::CompareAgain, self.deadlines.now() + REFUSED);
        } else {
            self.pending.end(n);
            self.repair.partners.insert(node, None);
            return;
        };
        self.deadlines.after(Due::Answer(n), self.config.answer_timeout * 5);
        if !self.mesh_tell(&node, &word) {
            self.unanswered(n);
        }
    }

    /// A node will not answer.
    pub(super) fn comparison_lost(&mut self, node: &NodeId) {
        if self.repair.partners.contains_key(node) {
            self.deadlines.set_earlier(Due::CompareAgain, self.deadlines.now() + AGAIN);
        }
    }
}

/// The first records of a list, which they leave: at most so many octets or one.
fn taken<'a>(places: &mut VecDeque<Place>, get: impl Fn(&Place) -> Option<&'a Record>) -> Vec<Record> {
    let (mut records, mut octets) = (Vec::new(), 0);
    while let Some(place) = places.pop_front() {
        let Some(record) = get(&place) else { continue };
        octets += record.weight();
        records.push(record.clone());
        if octets >= AT_ONCE {
            break;
        }
    }
    records
}

/// What comes of it.
impl Chord {
    pub(super) fn heard_compared(&mut self, by: &NodeId, n: u64, reply: &Reply) {
        let Some(For::Comparison) = self.answered(by, n) else { return self.counters.ignored += 1 };
        let Some(Some(partner)) = self.repair.partners.get_mut(by) else { return };
        match partner.comparison.heard(reply, &self.shelf) {
            Ok(step) => {
                partner.ask = step.ask;
                partner.send.extend(step.send);
                partner.want.extend(step.want);
                self.compare_on(*by);
            }
            // There will be another.
            Err(_) => self.counters.ignored += 1,
        }
    }

    /// What was given is kept, or there is no room for it.
    pub(super) fn pushed(&mut self, by: &NodeId, result: Result<(), Failure>) {
        let Some(Some(partner)) = self.repair.partners.get_mut(by) else { return };
        match result {
            // Others may be of a time that has come.
            Ok(()) | Err(Failure::Clocks) => {}
            // That does not pass in a moment: it gets the rest at the next comparison.
            Err(Failure::Full | Failure::ReadOnly) => partner.has_room = false,
            // It is busy, or has no place at present.
            Err(_) => {
                return self.deadlines.set_earlier(Due::CompareAgain, self.deadlines.now() + REFUSED);
            }
        }
        self.compare_on(*by);
    }

    pub(super) fn heard_wanted(&mut self, by: &NodeId, n: u64, records: Vec<Record>) {
        let Some(For::Comparison) = self.answered(by, n) else { return self.counters.ignored += 1 };
        let Some(Some(partner)) = self.repair.partners.get_mut(by) else { return };
        // It gives them in order, as many as one word has room for. What it left out before the last of them it has no more.
        let asked = partner.want.len().min(WANTED);
        let is_last = |last: &Record| partner.want.iter().take(asked).position(|place| *place == last.place);
        let given = records.last().and_then(is_last).map_or(asked, |at| at + 1);
        partner.want.drain(..given);
        let policy = if self.config.durable { Policy::Written } else { Policy::Memory };
        let is_full = self.take_copies(records, policy, Waiter::Nobody) == Err(Failure::Full);
        if let Some(Some(partner)) = self.repair.partners.get_mut(by) {
            partner.is_ahead |= is_full;
        }
        self.compare_on(*by);
    }
}

/// What others compare with this node.
impl Chord {
    pub(super) fn heard_compare(&mut self, by: &NodeId, n: u64, range: Range<Position>, ask: &Ask) {
        if range.to != position(by) {
            return self.counters.ignored += 1;
        }
        self.is_home_of(by, range);
        let reply = reply(&self.shelf, ask);
        self.mesh_tell(by, &Word::Compared { n, reply });
    }

    pub(super) fn heard_want(&mut self, by: &NodeId, n: u64, places: Vec<Place>) {
        let records = taken(&mut places.into(), |place| self.shelf.get(place));
        self.mesh_tell(by, &Word::Wanted { n, records });
    }
}
