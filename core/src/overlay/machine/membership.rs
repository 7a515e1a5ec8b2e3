//! RMV: claims that somebody is gone, and what is made of them.
//!
//! A claim is about who is there and never about ways: only somebody to whom no edge leads is taken for absent, so that
//! routes need no claim and no liar takes a route away. It is made by a node whose own probes were in vain for
//! REMOVE_PERIOD, believed with evidence of one's own or from two reporters, and refuted by its victim with a new record.

use alloc::collections::BTreeMap;
use core::time::Duration;

use smallvec::SmallVec;

use super::Overlay;
use super::starting::Me;
use crate::kernel::{Bucket, Class, ConnId, Rate, Time};
use crate::overlay::budget::Budget;
use crate::overlay::database::Entry;
use crate::overlay::names::{Key, NodeId};
use crate::overlay::wire::{Packet, Removal};

/// So many have to say that somebody is gone before one believes it without evidence of one's own.
const REPORTERS: usize = 2;
/// Victims of whom claims are remembered; past that the oldest claim is forgotten, and may have to be heard again.
const CLAIMS: usize = 1_024;
/// Claims that a node makes in a row, and then one each second: what is gone at once, as after a partition, is told of
/// bit by bit, and by different nodes.
const CLAIMING: Rate = Rate { burst: 8, per_second: 1 };
/// A victim refutes at most that often: who claims all the time costs it no more than a refresh each time.
const REFUTING: Duration = Duration::from_secs(5);

/// What was said of one victim.
#[derive(Clone, Debug)]
struct Claim {
    key: Key,
    at: Time,
    reporters: SmallVec<[NodeId; REPORTERS]>,
}

/// What was said of whom.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    claims: BTreeMap<NodeId, Claim>,
    sequence: u32,
    bucket: Bucket,
    refuted: Option<Time>,
}

impl Default for Membership {
    fn default() -> Self {
        Membership {
            claims: BTreeMap::new(),
            sequence: 0,
            bucket: Bucket::full(CLAIMING, Time::ZERO),
            refuted: None,
        }
    }
}

impl Membership {
    /// Counts a claim; how many reporters there are by now if this one is new among the first [`REPORTERS`].
    fn hear(&mut self, now: Time, victim: NodeId, key: Key, reporter: NodeId) -> Option<usize> {
        if self.claims.len() == CLAIMS && !self.claims.contains_key(&victim) {
            let oldest = self.claims.iter().min_by_key(|(_, claim)| claim.at).map(|(id, _)| *id);
            oldest.and_then(|id| self.claims.remove(&id));
        }
        let claim =
            self.claims.entry(victim).or_insert_with(|| Claim { key, at: now, reporters: SmallVec::new() });
        if claim.key < key {
            *claim = Claim { key, at: now, reporters: SmallVec::new() };
        }
        if claim.key > key || claim.reporters.len() == REPORTERS || claim.reporters.contains(&reporter) {
            return None;
        }
        claim.reporters.push(reporter);
        Some(claim.reporters.len())
    }

    /// Whether nobody needs to say it any more.
    fn is_told(&self, victim: NodeId, key: Key) -> bool {
        self.claims.get(&victim).is_some_and(|c| c.key >= key && c.reporters.len() == REPORTERS)
    }

    /// A record is gone, and what was said of it.
    pub(super) fn forget(&mut self, id: NodeId) {
        self.claims.remove(&id);
    }
}

impl Overlay {
    /// RMV.
    pub(super) fn removal(&mut self, conn: ConnId, from: NodeId, removal: Removal) {
        if self.duplicates.contains(self.timers.now(), removal.hash) {
            self.counters.duplicates += 1;
            return;
        }
        if !removal.verify() {
            return self.bad_update(conn);
        }
        self.charge(conn, Budget::Ids, 1);
        self.duplicates.insert(self.timers.now(), removal.hash);
        if Some(removal.victim) == self.me().map(|me| me.id) {
            return self.refute(conn, removal.victim_key);
        }
        if let Some(reporters) = self.credible(&removal) {
            if reporters == REPORTERS || self.is_silent(removal.victim) {
                self.believe(removal.victim);
            }
            self.tell_others(from, &removal);
        }
    }

    /// A claim that this node is gone: its new record says that it is not, unless one that the reporter did not know
    /// says so already. The claim may know more of this node than it does itself, if its state was lost. What the answer
    /// takes on all links is charged to who passed the claim on.
    fn refute(&mut self, conn: ConnId, known: Key) {
        let told = self.origin.key().is_some_and(|key| known < key);
        let lately = self.membership.refuted.is_some_and(|at| self.timers.now().since(at) < REFUTING);
        if !told && !lately && self.room_to_answer(conn) > 0 {
            let record = self.me().and_then(|me| self.database.get(me.id)).map_or(0, |e| e.upt().body.len());
            self.answered_with(conn, record * self.links.len());
            self.membership.refuted = Some(self.timers.now());
            self.superseded(known);
        }
    }

    /// How many say so by now, if the claim is worth anything: its reporter is known, it knew the newest record of its
    /// victim, and it is among the first who say it.
    fn credible(&mut self, removal: &Removal) -> Option<usize> {
        let reporter = removal.reporter.id.filter(|id| *id != removal.victim)?;
        let known =
            self.database.get(reporter).is_some_and(|entry| entry.is_present() && !entry.links().is_empty());
        let fresh = self.database.get(removal.victim).is_some_and(|entry| removal.victim_key >= entry.key());
        if !known || !fresh {
            return None;
        }
        self.membership.hear(self.timers.now(), removal.victim, removal.victim_key, reporter)
    }

    /// Whether probes of this node's own were in vain.
    fn is_silent(&self, id: NodeId) -> bool {
        self.probes.get(id).is_some_and(|peer| peer.failed > 0)
    }

    /// Takes somebody for absent, but for one whom a link of ours or anybody's edge leads to, or who answered within
    /// REMOVE_PERIOD.
    fn believe(&mut self, id: NodeId) {
        let answered = self.probes.get(id).and_then(|peer| peer.answered);
        let lately = answered.is_some_and(|at| self.timers.now().since(at) < self.config.periods.remove);
        let contradicted = lately && !self.is_silent(id);
        if !contradicted && !self.links.contains_key(&id) && !self.has_edge(id) {
            self.mark_absent(id);
        }
    }

    fn tell_others(&mut self, from: NodeId, removal: &Removal) {
        let frame = Packet::Rmv(removal.clone()).emit();
        let others: SmallVec<[ConnId; 16]> =
            self.links.values().filter(|l| l.peer != from).map(|l| l.conn).collect();
        for conn in others {
            self.send_encoded(conn, Class::Control, &frame);
        }
    }

    /// `id` was silent for REMOVE_PERIOD and no edge leads to it: it is absent, and others hear of it, unless enough have
    /// said so.
    pub(super) fn gone(&mut self, id: NodeId) {
        if !self.mark_absent(id) || self.config.is_watcher() || !self.is_running() {
            return;
        }
        let (Some(me), Some(key)) = (self.me(), self.database.get(id).map(Entry::key)) else {
            return;
        };
        if self.membership.is_told(id, key) || !self.membership.bucket.take(self.timers.now()) {
            return;
        }
        let removal = self.claim(me, id, key);
        self.membership.hear(self.timers.now(), id, key, me.id);
        self.tell_others(me.id, &removal);
    }

    /// Says to one who told of an older record of `id` that it is gone. Its own node hears that in any case; what others
    /// tell of is answered at the rate of all claims.
    pub(super) fn claim_gone(&mut self, from: NodeId, conn: ConnId, id: NodeId, key: Key) {
        let Some(me) = self.me().filter(|_| self.is_running() && !self.config.is_watcher()) else { return };
        if from == id || self.membership.bucket.take(self.timers.now()) {
            let removal = self.claim(me, id, key);
            self.answer_packet(conn, Class::Control, &Packet::Rmv(removal));
        }
    }

    /// A new claim that `id` is gone, whose last record had this key.
    fn claim(&mut self, me: Me, id: NodeId, key: Key) -> Removal {
        self.membership.sequence = self.membership.sequence.saturating_add(1);
        let own = Key { incarnation: me.incarnation, sequence: self.membership.sequence };
        let removal = Removal::originate(own, self.my_name(me), id, key);
        self.duplicates.insert(self.timers.now(), removal.hash);
        removal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sequence: u32) -> Key {
        Key { incarnation: 1, sequence }
    }

    #[test]
    fn the_first_reporters_of_the_newest_record_count_once_each() {
        let mut membership = Membership::default();
        let victim = NodeId(9);
        let mut hear =
            |sequence, reporter| membership.hear(Time::ZERO, victim, key(sequence), NodeId(reporter));
        assert_eq!(
            [hear(5, 1), hear(5, 1), hear(4, 2)],
            [Some(1), None, None],
            "again, and of an older record"
        );
        assert_eq!(
            [hear(6, 2), hear(6, 1), hear(6, 3)],
            [Some(1), Some(2), None],
            "a newer one, and one too many"
        );
        assert_eq!(REPORTERS, 2);
        assert!(membership.is_told(victim, key(5)) && membership.is_told(victim, key(6)));
        assert!(!membership.is_told(victim, key(7)) && !membership.is_told(NodeId(8), key(1)));
        membership.hear(Time::ZERO, victim, key(7), NodeId(1));
        assert!(!membership.is_told(victim, key(7)), "one reporter is not enough");
        membership.forget(victim);
        assert!(membership.claims.is_empty());
    }

    #[test]
    fn of_more_victims_than_are_remembered_the_oldest_goes() {
        let mut membership = Membership::default();
        let mut hear = |at, victim: usize, reporter| {
            membership.hear(Time::from_secs(at), NodeId(victim as u128), key(1), NodeId(reporter))
        };
        for victim in 0..CLAIMS {
            assert_eq!(hear(if victim == 7 { 1 } else { 2 }, victim, 1), Some(1));
        }
        assert_eq!(hear(3, 8, 2), Some(2));
        assert_eq!(hear(3, 7, 2), Some(2), "a known victim displaces nobody");
        assert_eq!(hear(3, CLAIMS, 1), Some(1));
        assert_eq!(membership.claims.len(), CLAIMS);
        assert!(!membership.claims.contains_key(&NodeId(7)) && membership.claims.contains_key(&NodeId(8)));
    }
}
