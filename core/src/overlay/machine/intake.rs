//! Records and claims that neighbours pass on: duplicate, hash, freshness, and on to the others.

use super::Overlay;
use crate::kernel::{Class, ConnId};
use crate::overlay::budget::Budget;
use crate::overlay::database::{Change, Refusal, Standing, Verdict};
use crate::overlay::flood::age;
use crate::overlay::names::NodeId;
use crate::overlay::wire::Upt;

impl Overlay {
    /// UPT.
    pub(super) fn update(&mut self, conn: ConnId, from: NodeId, upt: Upt) {
        let Some(source) = upt.source.id else { return self.bad_update(conn) };
        let own = self.me().is_some_and(|me| me.id == source);
        let known = self.duplicates.contains(self.timers.now(), upt.hash);
        match self.database.standing(&upt) {
            Standing::Same if own => self.counters.duplicates += 1,
            Standing::Same => self.heard_again(from, source, upt.age),
            // What is behind comes by many ways: one answer is enough, and one look at what is forged under this node's id.
            standing if known && (own || standing.is_behind()) => self.counters.duplicates += 1,
            Standing::Older if !own => self.answer_older(from, conn, source),
            Standing::Older => {}
            Standing::Departed => self.answer_departed(from, conn, source),
            Standing::Unknown | Standing::Newer | Standing::Conflict => self.news(conn, from, source, upt),
        }
    }

    /// Another copy of a record that is here, and that claims this age. Whose expiry it moves by more than a refresh period
    /// may be about to go elsewhere as well. The expiry of a record moves forward only, by no more than its life in all.
    fn heard_again(&mut self, from: NodeId, source: NodeId, age: u32) {
        self.counters.duplicates += 1;
        let age = self.age_here(from, age);
        let moved = self.database.lower_age(self.timers.now(), source, age);
        if !moved.is_zero() {
            self.younger_than_thought(source);
        }
        if moved > self.config.refresh().period(self.database.len()) {
            self.relay(from, source);
        }
    }

    /// The age of a record that a neighbour passes on at this age.
    fn age_here(&self, from: NodeId, age: u32) -> u32 {
        age::arrived(age, self.links.get(&from).map(|link| link.echo))
    }

    /// An update that may be newer than what is here: believed once its hash fits.
    fn news(&mut self, conn: ConnId, from: NodeId, source: NodeId, mut upt: Upt) {
        if !upt.verify() {
            return self.bad_update(conn);
        }
        let Ok(body) = upt.parse_body() else { return self.bad_update(conn) };
        if self.me().is_some_and(|me| me.id == source) {
            self.duplicates.insert(self.timers.now(), upt.hash);
            return self.own_record_heard(&upt);
        }
        upt.age = self.age_here(from, upt.age);
        let (age, hash) = (upt.age, upt.hash);
        let verdict = self.database.offer_from(Some(from), self.timers.now(), upt.detach(), &body);
        self.displaced();
        if verdict.is_settled() {
            self.duplicates.insert(self.timers.now(), hash);
        }
        let introduced = match verdict {
            Verdict::Refused(refusal) => refusal == Refusal::Introduced,
            _ => verdict.taken().is_some_and(|change| change.first_seen),
        };
        if introduced {
            self.charge(conn, Budget::Ids, 1);
        }
        match verdict.taken() {
            Some(change) => self.taken(from, source, age, change),
            None if matches!(verdict, Verdict::Conflict { .. }) => self.answer_older(from, conn, source),
            None if verdict == Verdict::Refused(Refusal::Departed) => {
                self.answer_departed(from, conn, source);
            }
            None => {}
        }
    }

    /// Records that had to go for a new one.
    fn displaced(&mut self) {
        for id in self.database.take_displaced() {
            self.measure_no_more(id);
            self.membership.forget(id);
            self.routing.graph_changed();
        }
    }

    fn taken(&mut self, from: NodeId, source: NodeId, age: u32, change: Change) {
        self.counters.taken += 1;
        self.forget_name(source);
        if self.has_left(source) {
            self.departed(source);
        } else {
            self.probes.learn(self.timers.now(), source);
            if change.moved {
                self.probes.told_anew(source);
            }
        }
        self.watch_expiry();
        self.relay(from, source);
        if change.touches_routes() {
            self.routing.graph_changed();
        }
        if !change.body_equal {
            self.foreign_change(source, age, &change);
        }
    }

    /// Passes a record on to every neighbour but the one that it came from: one encoding for all. Its source hears it too,
    /// since others may bring one from before a loss of its state.
    fn relay(&mut self, from: NodeId, source: NodeId) {
        let Some(entry) = self.database.get(source) else { return };
        let frame = entry.upt().frame(entry.age(self.timers.now()));
        let others: smallvec::SmallVec<[ConnId; 16]> =
            self.links.values().filter(|link| link.peer != from).map(|link| link.conn).collect();
        for conn in others {
            self.send_encoded(conn, Class::Control, &frame);
        }
    }

    /// Older news is answered with the newer, at most once a second per source and link.
    fn answer_older(&mut self, from: NodeId, conn: ConnId, source: NodeId) {
        if self.room_to_answer(conn) == 0 || !self.older.admit(self.timers.now(), source, conn) {
            return;
        }
        let Some(entry) = self.database.get(source) else { return };
        let frame = entry.upt().frame(entry.age(self.timers.now()));
        if self.links.contains_key(&from) {
            self.answer_encoded(conn, Class::Control, &frame);
        }
    }

    /// A record of one who is gone, no newer than the last one here, is answered with the claim that it is gone, which names
    /// that one's key: who has only lost its state goes above it and is back. As often as older news is answered.
    fn answer_departed(&mut self, from: NodeId, conn: ConnId, source: NodeId) {
        if self.room_to_answer(conn) == 0 || !self.older.admit(self.timers.now(), source, conn) {
            return;
        }
        if let Some(key) = self.database.departed(source).filter(|_| self.links.contains_key(&from)) {
            self.claim_gone(from, conn, source, key);
        }
    }

    /// A record under this node's id: from before a loss of its state, or by somebody else.
    fn own_record_heard(&mut self, upt: &Upt) {
        self.challenge(upt.source.addr);
        self.superseded(upt.key);
    }

    /// Whether that is news.
    pub(super) fn mark_absent(&mut self, id: NodeId) -> bool {
        let news = self.database.mark_absent(id);
        if news {
            self.routing.graph_changed();
        }
        news
    }

    pub(super) fn clear_absent(&mut self, id: NodeId) {
        if self.database.clear_absent(id) {
            self.routing.graph_changed();
        }
    }

    /// Records whose life is over go, silently.
    pub(super) fn expire_records(&mut self) {
        for id in self.database.expire(self.timers.now()) {
            self.measure_no_more(id);
            self.membership.forget(id);
            self.routing.graph_changed();
        }
        self.watch_expiry();
    }

    fn watch_expiry(&mut self) {
        if let Some(at) = self.database.next_expiry() {
            let soonest = self.timers.now() + core::time::Duration::from_secs(1);
            self.timers.set_earlier(super::Timer::Expire, at.max(soonest));
        }
    }
}
