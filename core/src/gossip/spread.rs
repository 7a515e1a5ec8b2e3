//! What becomes of messages.

use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

use super::cache::{Arrival, Full, Standing};
use super::config::{Mode, Unheard};
use super::interface::{Event, Kind, Refusal, Reply};
use super::machine::Gossip;
use super::peer::{Due, Hold, Peer, Side, modules, peer_mut, peers};
use super::slot::Slot;
use super::wire::{Announce, MAX_DATA, MessageHash, Offer, SMALL, write};
use crate::kernel::{Class, ConnId};

/// So far behind, a node of this project is told what can be had instead of having it sent.
const FAR_BEHIND: u64 = 256;
/// How much is offered at once.
const OFFERS: usize = 256;

/// What is announced here.
impl Gossip {
    pub(super) fn announce_own(&mut self, ttl: u8, data_type: u16, data: Bytes) -> Result<Reply, Refusal> {
        if data.len() > MAX_DATA {
            return Err(Refusal::TooLong);
        }
        if self.is_crowded() {
            self.owes_room = true;
            self.deadlines.after(Due::Room, self.config.stalled_after);
            return Err(Refusal::Busy);
        }
        let id = self.announce(Announce { ttl, reserved: 0, data_type, data }, None);
        Ok(Reply::Announced { id })
    }

    /// Spreads what a module or the application announces; its id, unless it was known. Who announces is not told.
    pub(super) fn announce(&mut self, announce: Announce, by: Option<ConnId>) -> Option<u16> {
        let (now, data_type) = (self.deadlines.now(), announce.data_type);
        let hash = MessageHash::of(data_type, &announce.data);
        if self.is_known(&hash) {
            self.counters.duplicates += 1;
            return None;
        }
        let onward = Some(announce.ttl);
        let Ok(id) = self.cache.add(now, Arrival { hash, announce, onward, teller: Slot::OWN, by }) else {
            self.counters.no_room += 1;
            return None;
        };
        self.known.insert(now, hash, Slot::OWN);
        self.counters.announced += 1;
        self.cache.validate(id);
        if by.is_some() {
            self.tell_application(id);
        }
        self.tell_modules(data_type);
        self.pump_peers();
        Some(id)
    }

    fn is_known(&mut self, hash: &MessageHash) -> bool {
        self.cache.by_hash(hash).is_some() || self.known.contains(self.deadlines.now(), hash)
    }
}

/// What peers tell.
impl Gossip {
    /// 500 and 516, and what was asked for. It may cross `ttl` more links, that which it came by included.
    pub(super) fn heard_announce(&mut self, conn: ConnId, announce: Announce, ttl: Option<u8>) {
        let now = self.deadlines.now();
        let hash = MessageHash::of(announce.data_type, &announce.data);
        let fetched = self.fetched(conn, &hash);
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        let slot = peer.slot;
        if let Some(entry) = self.cache.by_hash(&hash) {
            entry.told.insert(slot);
            peer.again += 1;
            self.counters.duplicates += 1;
        } else if self.known.contains(now, &hash) {
            peer.again += 1;
            self.counters.duplicates += 1;
        } else {
            peer.first += 1;
            self.counters.heard += 1;
            let ttl = ttl.or(fetched).unwrap_or(announce.ttl);
            self.arrived(conn, slot, hash, announce, ttl);
        }
        self.ask_for_more(conn);
    }

    fn arrived(&mut self, conn: ConnId, slot: Slot, hash: MessageHash, announce: Announce, ttl: u8) {
        let (now, data_type) = (self.deadlines.now(), announce.data_type);
        let onward = match ttl {
            0 => Some(0),
            1 => None,
            _ => Some(ttl - 1),
        };
        // The original keeps what it is to tell nobody, and tells it to modules that come later.
        let is_silent = ttl == 1 && self.config.mode == Mode::Compatible;
        match self.cache.add(now, Arrival { hash, announce, onward, teller: slot, by: None }) {
            Ok(id) => {
                self.known.insert(now, hash, slot);
                if self.registrations.has(data_type) && !is_silent {
                    self.ask_modules(id, data_type);
                } else if self.config.unheard == Unheard::Relay {
                    self.cache.validate(id);
                    self.pump_peers();
                }
            }
            // It is not known, so that it is taken when it comes again.
            Err(Full) => self.counters.no_room += 1,
        }
        self.look_at_waiting(conn);
    }

    fn ask_modules(&mut self, id: u16, data_type: u16) {
        self.ask(id);
        self.tell_application(id);
        self.tell_modules(data_type);
    }

    /// Somebody is asked whether a message is valid, unless somebody was.
    pub(super) fn ask(&mut self, id: u16) {
        if self.cache.ask(id) {
            self.deadlines.after(Due::Verdict(id), self.config.verdict_timeout);
        }
    }

    pub(super) fn tell_application(&mut self, id: u16) {
        let Some(entry) = self.cache.get(id) else { return };
        let Announce { data_type, data, .. } = &entry.announce;
        if self.registrations.is_own(*data_type) {
            let waits = entry.standing == Standing::Waiting;
            self.out.event(Event::Message { id, data_type: *data_type, data: data.clone(), waits });
        }
    }

    /// A peer of whose messages too many wait for verdicts is not read from: what waits is never dropped.
    fn look_at_waiting(&mut self, conn: ConnId) {
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        let slot = peer.slot;
        if self.cache.waiting(slot) >= self.waiting_share() || !self.cache.has_room() {
            self.hold(conn, Hold::Verdicts);
        }
    }

    /// Half of the cache, shared by the peers.
    fn waiting_share(&self) -> usize {
        let peers = peers(&self.conns).count().max(1);
        (self.config.cache_size / 2 / peers).max(1)
    }
}

/// Verdicts.
impl Gossip {
    pub(super) fn validate(&mut self, id: u16, valid: bool) -> Result<Reply, Refusal> {
        if !self.cache.get(id).is_some_and(|entry| entry.standing == Standing::Waiting) {
            self.counters.idle_verdicts += 1;
            return Err(Refusal::NotWaiting);
        }
        self.deadlines.cancel(Due::Verdict(id));
        self.out.event(Event::Judged { id, valid, in_time: true });
        self.judge(id, valid);
        Ok(Reply::Done)
    }

    /// Nobody answered. A message that nobody wants any more is kept for those who come.
    pub(super) fn verdict_missing(&mut self, id: u16) {
        let Some(data_type) = self.cache.get(id).map(|entry| entry.announce.data_type) else { return };
        if !self.registrations.has(data_type) {
            self.cache.unask(id);
            return self.look_at_held();
        }
        self.counters.late += 1;
        self.out.event(Event::Judged { id, valid: false, in_time: false });
        self.judge(id, false);
    }

    fn judge(&mut self, id: u16, valid: bool) {
        if valid {
            self.counters.valid += 1;
            self.cache.validate(id);
            self.pump_peers();
        } else {
            self.counters.invalid += 1;
            if let Some(entry) = self.cache.remove(id) {
                self.blame(entry.teller);
            }
        }
        self.look_at_held();
    }

    /// Whoever told of too much that is invalid is not read from for a while.
    fn blame(&mut self, teller: Slot) {
        let now = self.deadlines.now();
        let Some(conn) = peers(&self.conns).find(|(_, peer)| peer.slot == teller).map(|(conn, _)| conn)
        else {
            return;
        };
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        peer.invalid_told += 1;
        peer.invalid.charge(now, 1);
        if peer.invalid.is_overdrawn() {
            let until = peer.invalid.settled_at();
            self.hold(conn, Hold::Invalid);
            self.deadlines.set(Due::Forgive(conn), until);
        }
    }

    /// Peers that were not read from for want of verdicts may be read from again.
    fn look_at_held(&mut self) {
        let (share, has_room) = (self.waiting_share(), self.cache.has_room());
        let held = peers(&self.conns).filter(|(_, peer)| peer.holds & Hold::Verdicts as u8 != 0);
        let freed: Vec<ConnId> = held
            .filter(|(_, peer)| has_room && self.cache.waiting(peer.slot) <= share / 2)
            .map(|(conn, _)| conn)
            .collect();
        for conn in freed {
            self.release(conn, Hold::Verdicts);
        }
    }
}

/// What peers are told. A peer has a place in the order in which messages were found valid, and gets the next when it has
/// taken the last: one that is slow costs a number, and no queue.
impl Gossip {
    pub(super) fn pump_peers(&mut self) {
        for conn in self.conns.ids().collect::<SmallVec<[ConnId; 32]>>() {
            self.pump_peer(conn);
        }
    }

    /// Tells a peer as much as it takes.
    pub(super) fn pump_peer(&mut self, conn: ConnId) {
        while self.conns.outbox(conn).is_some_and(crate::kernel::Outbox::is_empty) {
            let Some(frame) = self.next_frame_for(conn) else { return };
            self.begins(conn);
            if let Err(ended) = self.conns.send(&mut self.out, conn, Class::Bulk, frame) {
                return self.gone(ended);
            }
        }
    }

    /// A peer that was sent nothing for a while does not stand still: what it takes is waited for from now on.
    fn begins(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        if self.conns.outbox(conn).is_some_and(crate::kernel::Outbox::is_idle)
            && let Some(peer) = peer_mut(&mut self.conns, conn)
        {
            peer.moved = now;
        }
    }

    fn next_frame_for(&mut self, conn: ConnId) -> Option<Bytes> {
        let Side::Peer(peer) = &mut self.conns.get_mut(conn)?.state else { return None };
        if !peer.is_served {
            return None;
        }
        if let Some(hash) = peer.wants.pop_front() {
            let entry =
                self.cache.by_hash(&hash).filter(|entry| matches!(entry.standing, Standing::Valid(_)));
            let Some(entry) = entry else { return Some(write::gone(&[hash])) };
            entry.told.insert(peer.slot);
            peer.sent += 1;
            return Some(entry.announce_frame());
        }
        let behind = self.cache.last_valid().saturating_sub(peer.cursor);
        if peer.is_native() && behind > FAR_BEHIND {
            return Self::offers(&mut self.cache, peer, &mut self.counters.missed);
        }
        Self::next_message(&mut self.cache, peer, &mut self.counters.missed)
    }

    /// The next message that a peer does not have.
    fn next_message(cache: &mut super::cache::Cache, peer: &mut Peer, missed: &mut u64) -> Option<Bytes> {
        while let Some((place, entry)) = cache.valid_after(peer.cursor) {
            peer.skip_to(place, missed);
            let Some(ttl) = entry.onward.filter(|_| !entry.told.contains(peer.slot)) else { continue };
            if peer.kind != Kind::Native {
                entry.told.insert(peer.slot);
                peer.sent += 1;
                return Some(entry.announce_frame());
            }
            if entry.announce.data.len() > SMALL {
                return Some(write::have(&[Offer { hash: entry.hash, ttl }]));
            }
            entry.told.insert(peer.slot);
            peer.sent += 1;
            return Some(entry.spread_frame(ttl));
        }
        peer.skip_to(cache.last_valid() + 1, missed);
        peer.cursor = cache.last_valid();
        None
    }

    /// The ids of the next messages that a peer does not have.
    fn offers(cache: &mut super::cache::Cache, peer: &mut Peer, missed: &mut u64) -> Option<Bytes> {
        let mut offers = Vec::new();
        while offers.len() < OFFERS
            && let Some((place, entry)) = cache.valid_after(peer.cursor)
        {
            peer.skip_to(place, missed);
            if let Some(ttl) = entry.onward.filter(|_| !entry.told.contains(peer.slot)) {
                offers.push(Offer { hash: entry.hash, ttl });
            }
        }
        (!offers.is_empty()).then(|| write::have(&offers))
    }

    pub(super) fn flushed(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        match peer_mut(&mut self.conns, conn) {
            Some(peer) => {
                peer.moved = now;
                self.pump_peer(conn);
                self.look_for_room();
            }
            None => self.pump_module(conn),
        }
    }
}

impl Peer {
    /// Goes to the next place; those in between have left the cache.
    fn skip_to(&mut self, place: u64, missed: &mut u64) {
        let gap = place.saturating_sub(self.cursor + 1);
        // What left before it came is not its loss.
        if self.cursor > 0 {
            self.missed += gap;
            *missed += gap;
        }
        self.cursor = place;
    }
}

/// Who is too fast waits.
impl Gossip {
    /// Whether a peer that takes what it is sent is far behind.
    pub(super) fn is_crowded(&self) -> bool {
        self.is_behind(self.config.cache_size / 4)
    }

    fn is_behind(&self, most: usize) -> bool {
        let (now, head) = (self.deadlines.now(), self.cache.last_valid());
        let mut served = peers(&self.conns).filter(|(_, peer)| peer.is_served);
        served.any(|(_, peer)| {
            head.saturating_sub(peer.cursor) > most as u64
                && now.since(peer.moved) < self.config.stalled_after
        })
    }

    /// Reads from those again who were too fast.
    pub(super) fn look_for_room(&mut self) {
        let held: Vec<ConnId> =
            modules(&self.conns).filter(|(_, module)| module.is_held).map(|(conn, _)| conn).collect();
        if held.is_empty() && !self.owes_room {
            return;
        }
        if self.is_behind(self.config.cache_size / 8) {
            return self.deadlines.set_earlier(Due::Room, self.deadlines.now() + self.config.stalled_after);
        }
        self.deadlines.cancel(Due::Room);
        if core::mem::take(&mut self.owes_room) {
            self.out.event(Event::Room);
        }
        for conn in held {
            self.release_module(conn);
        }
    }
}
