//! Finding back: every few seconds one who is absent or remembered is tried, and a few nodes ask a bootstrap, for ever.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::{Overlay, Timer};
use crate::kernel::{StoreError, Ticket};
use crate::overlay::database::Entry;
use crate::overlay::link::Theirs;
use crate::overlay::names::NodeId;
use crate::overlay::wire::{Contact, Role};

/// A remembered peer is dropped after this much running time without an answer.
const FORGET: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Remembered peers are written at most this often.
const WRITE: Duration = Duration::from_secs(60);

/// So many nodes of an overlay ask a bootstrap in one healing period.
const ASKING: u64 = 8;
/// ... of so many. In a larger one more do: a liar that links to nodes it made up keeps nobody from a bootstrap for long.
const AMONG: u64 = 1_024;

#[derive(Clone, Debug)]
struct Remembered {
    contact: Contact,
    silent: Duration,
}

/// Who was there once.
#[derive(Clone, Debug, Default)]
pub(super) struct Healing {
    peers: BTreeMap<NodeId, Remembered>,
    asked: BTreeSet<NodeId>,
    turn: usize,
    changed: bool,
    unwritten: Duration,
    /// The store of the peers that is not answered yet: none is asked for behind it, however slow the disk is.
    storing: Option<Ticket>,
}

impl Healing {
    /// One who was asked for did not answer.
    pub(super) fn given_up(&mut self, id: NodeId) {
        self.asked.remove(&id);
    }
}

impl Overlay {
    pub(super) fn start_healing(&mut self) {
        let period = self.config.periods.heal;
        let first = self.random.timing.between(period / 2, period);
        self.timers.after(Timer::Heal, first);
    }

    /// Tries one more.
    pub(super) fn heal(&mut self) {
        let period = self.config.periods.heal;
        self.timers.after(Timer::Heal, period);
        if !self.is_running() {
            return;
        }
        self.age_peers(period);
        if !self.has_company() {
            // Who was out of reach may be back, and there is nobody else to ask.
            self.choosing.refused.clear();
        }
        self.check_reached();
        self.doubt_twin();
        self.healing.turn = self.healing.turn.wrapping_add(1);
        let lost = self.lost();
        if let Some(&id) = lost.get(self.healing.turn % lost.len().max(1)) {
            self.healing.asked.insert(id);
            self.probes.learn(self.timers.now(), id);
            self.probe(id);
        }
        // However many are lost: where all have moved, a bootstrap alone knows the way.
        if self.asks_bootstrap() {
            self.join();
        }
        if self.config.is_watcher() {
            self.survey();
            self.form();
        }
    }

    /// One of those who are connected asking a bootstrap is enough for all: a few of them do each time. Nodes that somebody
    /// made up, and those that are out of reach, ask nobody and do not count.
    fn asks_bootstrap(&mut self) -> bool {
        let known = u64::try_from(self.database.len()).unwrap_or(u64::MAX);
        let all = self.choosing.connected.map_or(known, u64::from);
        self.random.timing.below(all.clamp(1, AMONG)) < ASKING
    }

    /// Absent nodes, and remembered ones of whom there is no record; of those of whom there is nothing but hearsay, who may
    /// be asked now.
    fn lost(&self) -> Vec<NodeId> {
        let absent = self.database.entries().filter(|e| e.is_absent() && !e.has_left()).map(Entry::id);
        let unknown = self.healing.peers.keys().filter(|id| self.database.get(**id).is_none()).copied();
        let now = self.timers.now();
        let may_be_asked = |id: &NodeId| !self.links.contains_key(id) && self.probes.may_ask(now, *id);
        let mut lost: Vec<NodeId> = absent.chain(unknown).filter(may_be_asked).collect();
        lost.sort_unstable();
        lost.dedup();
        lost
    }

    /// One who was lost answered: a guest link brings both databases together.
    pub(super) fn healed(&mut self, id: NodeId) {
        // By now its record may have come another way, with links that lead to it.
        let lost = self.healing.asked.remove(&id) && !self.links.contains_key(&id) && !self.has_edge(id);
        if lost && self.is_running() && self.has_room_for(id) {
            let role = if self.config.is_watcher() { Role::Watcher } else { Role::Guest };
            self.court_as(id, role, None);
        }
    }

    /// A bootstrap names somebody of whom there is no record: another overlay may have grown there.
    pub(super) fn heal_named(&mut self, names: &[Contact]) {
        let me = self.me().map(|me| me.id);
        let stranger = names
            .iter()
            .filter_map(|contact| contact.name.id)
            .find(|id| Some(*id) != me && self.database.get(*id).is_none() && !self.choosing.courts(*id));
        if let Some(id) = stranger {
            self.healing.asked.insert(id);
            self.probes.learn(self.timers.now(), id);
            self.probe(id);
        }
    }

    /// A neighbour that has answered or was dialled where it says that it lives is worth remembering.
    pub(super) fn remember_if_proven(&mut self, id: NodeId) {
        let proven = self.probes.get(id).is_some_and(|peer| peer.at.is_some());
        if let Some(link) = self.links.get(&id).filter(|link| proven && link.theirs != Theirs::Watching) {
            self.remember(link.name.into());
        }
    }

    /// Where somebody was there, for the next life; of too many the one that was silent for longest is forgotten.
    pub(super) fn remember(&mut self, contact: Contact) {
        let Some(id) = contact.name.id else { return };
        let new = self.healing.peers.insert(id, Remembered { contact, silent: Duration::ZERO }).is_none();
        self.healing.changed |= new;
        if self.healing.peers.len() > self.config.bounds.remembered {
            let longest = self.healing.peers.iter().max_by_key(|(_, peer)| peer.silent).map(|(id, _)| *id);
            if let Some(id) = longest {
                self.healing.peers.remove(&id);
                self.forget_if_unknown(id);
            }
        }
    }

    fn age_peers(&mut self, by: Duration) {
        for (id, peer) in &mut self.healing.peers {
            peer.silent = if self.links.contains_key(id) { Duration::ZERO } else { peer.silent + by };
            // A record says more than a greeting, and where its node is by now.
            if let Some(contact) = self.database.get(*id).map(Entry::contact).filter(|c| *c != peer.contact) {
                peer.contact = contact;
                self.healing.changed = true;
            }
        }
        self.healing.peers.retain(|_, peer| peer.silent < FORGET);
        self.healing.unwritten += by;
        if self.healing.changed && self.healing.unwritten >= WRITE && self.healing.storing.is_none() {
            self.healing.changed = false;
            self.healing.unwritten = Duration::ZERO;
            let octets = write_peers(&self.healing.peers);
            self.healing.storing = Some(self.store_peers(octets));
        }
    }

    /// The peers are stored, or are to be stored again.
    pub(super) fn peers_stored(&mut self, ticket: Ticket, result: Result<(), StoreError>) {
        if self.healing.storing == Some(ticket) {
            self.healing.storing = None;
            self.healing.changed |= result.is_err();
        }
    }

    /// Takes what was written in an earlier life; a line that is not understood is left out.
    pub(super) fn recall_peers(&mut self, octets: &[u8]) {
        let text = core::str::from_utf8(octets).unwrap_or_default();
        for line in text.lines().take(self.config.bounds.remembered) {
            if let Some((id, peer)) = read_peer(line) {
                self.healing.peers.insert(id, peer);
            }
        }
    }

    /// Remembered peers, for a node that finds no bootstrap: latest heard first, those heard equally late at random.
    pub(super) fn remembered_latest_first(&mut self) -> Vec<NodeId> {
        let mut peers: Vec<(Duration, NodeId)> =
            self.healing.peers.iter().map(|(id, peer)| (peer.silent, *id)).collect();
        self.random.sampling.shuffle(&mut peers);
        peers.sort_by_key(|(silent, _)| *silent);
        peers.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn remembered_contact(&self, id: NodeId) -> Option<&Contact> {
        self.healing.peers.get(&id).map(|peer| &peer.contact)
    }
}

/// A line each: the name, further addresses and the seconds since it was last there.
fn write_peers(peers: &BTreeMap<NodeId, Remembered>) -> Bytes {
    let lines: String = peers.values().map(|p| format!("{} {}\n", p.contact, p.silent.as_secs())).collect();
    Bytes::from(lines)
}

fn read_peer(line: &str) -> Option<(NodeId, Remembered)> {
    let (name, silent) = line.split_once(' ')?;
    let contact: Contact = name.parse().ok()?;
    let silent = Duration::from_secs(silent.parse().ok()?);
    Some((contact.name.id?, Remembered { contact, silent }))
}
