//! Messages that peers offer and that are asked for.

use alloc::vec::Vec;

use smallvec::SmallVec;

use super::machine::Gossip;
use super::peer::{Due, Hold, peer_mut};
use super::wire::{MessageHash, Offer, write};
use crate::kernel::{ConnId, Time};

/// How many messages one peer is asked for at once.
const ASKED: usize = 64;
/// How many peers are remembered that offer a message which another was asked for.
const OTHERS: usize = 4;
/// How many offers of a peer wait; above that it is not read from.
const OFFERED: usize = 4_096;
/// How many asked for may wait for their answers.
const WANTED: usize = 4_096;

/// A message that was asked for.
#[derive(Debug)]
pub(super) struct Fetch {
    from: ConnId,
    ttl: u8,
    /// Then another is asked, whatever else comes.
    until: Time,
    others: SmallVec<[ConnId; OTHERS]>,
}

impl Gossip {
    /// 517: a peer offers messages.
    pub(super) fn heard_offers(&mut self, conn: ConnId, offers: Vec<Offer>) {
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        peer.offers.extend(offers);
        if peer.offers.len() > OFFERED {
            self.hold(conn, Hold::Offers);
        }
        self.ask_for_more(conn);
    }

    /// Asks a peer for what it offers and nobody else was asked for, a bounded number at a time.
    pub(super) fn ask_for_more(&mut self, conn: ConnId) {
        let (mut hashes, until) = (Vec::new(), self.deadlines.now() + self.config.fetch_timeout);
        while let Some(offer) = self.next_offer(conn) {
            hashes.extend(self.wants(conn, offer, until));
        }
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        let is_low = peer.offers.len() <= OFFERED / 2;
        if !hashes.is_empty() {
            self.deadlines.set_earlier(Due::Fetch(conn), until);
            self.send(conn, write::want(&hashes));
        }
        if is_low {
            self.release(conn, Hold::Offers);
        }
    }

    fn next_offer(&mut self, conn: ConnId) -> Option<Offer> {
        let peer = peer_mut(&mut self.conns, conn).filter(|peer| peer.asked < ASKED)?;
        peer.offers.pop_front()
    }

    /// Whether this peer is asked for what it offers.
    fn wants(&mut self, conn: ConnId, Offer { hash, ttl }: Offer, until: Time) -> Option<MessageHash> {
        let peer = peer_mut(&mut self.conns, conn)?;
        if let Some(entry) = self.cache.by_hash(&hash) {
            entry.told.insert(peer.slot);
            return None;
        }
        if self.known.contains(self.deadlines.now(), &hash) {
            return None;
        }
        if let Some(fetch) = self.fetches.get_mut(&hash) {
            if fetch.from != conn && fetch.others.len() < OTHERS && !fetch.others.contains(&conn) {
                fetch.others.push(conn);
            }
            return None;
        }
        peer.asked += 1;
        self.fetches.insert(hash, Fetch { from: conn, ttl, until, others: SmallVec::new() });
        Some(hash)
    }

    /// A message came; how far it may go if this peer was asked for it.
    pub(super) fn fetched(&mut self, conn: ConnId, hash: &MessageHash) -> Option<u8> {
        let fetch = self.fetches.remove(hash)?;
        if let Some(peer) = peer_mut(&mut self.conns, fetch.from) {
            peer.asked = peer.asked.saturating_sub(1);
        }
        (fetch.from == conn).then_some(fetch.ttl)
    }

    /// 519: a peer does not have what it offered.
    pub(super) fn heard_gone(&mut self, conn: ConnId, hashes: Vec<MessageHash>) {
        for hash in hashes {
            if self.fetches.get(&hash).is_some_and(|fetch| fetch.from == conn) {
                self.ask_another(hash);
            }
        }
        self.ask_for_more(conn);
    }

    /// Some of what a peer was asked for may be overdue.
    pub(super) fn fetch_missing(&mut self, conn: ConnId) {
        let now = self.deadlines.now();
        self.ask_others(conn, |fetch| fetch.until <= now);
        let asked = self.fetches.values().filter(|fetch| fetch.from == conn);
        if let Some(next) = asked.map(|fetch| fetch.until).min() {
            self.deadlines.set_earlier(Due::Fetch(conn), next);
        }
        self.ask_for_more(conn);
    }

    /// A peer has gone.
    pub(super) fn fetch_elsewhere(&mut self, conn: ConnId) {
        self.deadlines.cancel(Due::Fetch(conn));
        self.ask_others(conn, |_| true);
    }

    /// Asks others for what a peer was asked for.
    fn ask_others(&mut self, conn: ConnId, which: impl Fn(&Fetch) -> bool) {
        let missing = self.fetches.iter().filter(|(_, fetch)| fetch.from == conn && which(fetch));
        for hash in missing.map(|(hash, _)| *hash).collect::<Vec<_>>() {
            self.ask_another(hash);
        }
    }

    fn ask_another(&mut self, hash: MessageHash) {
        let Some(Fetch { from, ttl, others, .. }) = self.fetches.remove(&hash) else { return };
        if let Some(peer) = peer_mut(&mut self.conns, from) {
            peer.asked = peer.asked.saturating_sub(1);
        }
        let mut others = others.into_iter().filter(|conn| self.conns.get(*conn).is_some());
        let Some(next) = others.next() else { return };
        let others = others.collect();
        let Some(peer) = peer_mut(&mut self.conns, next) else { return };
        peer.asked += 1;
        let until = self.deadlines.now() + self.config.fetch_timeout;
        self.fetches.insert(hash, Fetch { from: next, ttl, until, others });
        self.deadlines.set_earlier(Due::Fetch(next), until);
        self.send(next, write::want(&[hash]));
    }

    /// 518: a peer asks for messages.
    pub(super) fn heard_wants(&mut self, conn: ConnId, hashes: Vec<MessageHash>) {
        let Some(peer) = peer_mut(&mut self.conns, conn) else { return };
        if peer.wants.len() + hashes.len() > WANTED {
            return self.misbehaved(conn, "asks for more than was offered");
        }
        peer.wants.extend(hashes);
        self.pump_peer(conn);
    }
}
