//! The messages that a node holds.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;
use hashbrown::HashMap;

use super::slot::{Slot, Slots};
use super::wire::{Announce, MessageHash, Spread, write};
use crate::kernel::{ConnId, KeyedState, Time};

/// A place in the order in which messages arrived, or in that in which they were found valid. The first is 1.
pub(super) type Serial = u64;

/// What is known of a message's validity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// No module wants to hear of its type: nobody was asked.
    Unheard,
    /// A module is asked.
    Waiting,
    /// It is passed on; the number is its place among those.
    Valid(u64),
}

/// A message in the cache.
#[derive(Clone, Debug)]
pub struct Entry {
    /// By which modules name it; 1 to 65,535.
    pub id: u16,
    /// By which nodes name it.
    pub hash: MessageHash,
    /// As its announcer said it.
    pub announce: Announce,
    /// What is known of its validity.
    pub standing: Standing,
    /// When it came.
    pub added: Time,
    /// How many links it may still cross from here, 0 for any number; `None` if it stays here.
    pub(super) onward: Option<u8>,
    /// Who told of it first.
    pub(super) teller: Slot,
    /// The module that announced it.
    pub(super) by: Option<ConnId>,
    /// All who have it for certain.
    pub(super) told: Slots,
    frames: Frames,
}

/// What is said of a message, each encoded once for all.
#[derive(Clone, Debug, Default)]
struct Frames {
    announce: Option<Bytes>,
    spread: Option<Bytes>,
    notification: Option<Bytes>,
}

impl Entry {
    /// For a gossip-python node: what the announcer said.
    pub(super) fn announce_frame(&mut self) -> Bytes {
        let Entry { announce: Announce { ttl, reserved, data_type, data }, frames, .. } = self;
        frames.announce.get_or_insert_with(|| write::announce(*ttl, *reserved, *data_type, data)).clone()
    }

    /// For a node of this project: what the announcer said, and how far it may still go.
    pub(super) fn spread_frame(&mut self, ttl: u8) -> Bytes {
        let Entry { announce, frames, .. } = self;
        let spread = || {
            let Announce { ttl: origin_ttl, reserved, data_type, data } = announce.clone();
            write::spread(&Spread { ttl, origin_ttl, reserved, data_type, data })
        };
        frames.spread.get_or_insert_with(spread).clone()
    }

    /// For a module.
    pub(super) fn notification_frame(&mut self) -> Bytes {
        let Entry { id, announce, frames, .. } = self;
        let notification = || write::notification(*id, announce.data_type, &announce.data);
        frames.notification.get_or_insert_with(notification).clone()
    }
}

/// There is room for no other message: all that are here wait for a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Full;

/// A message to be kept.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) hash: MessageHash,
    pub(super) announce: Announce,
    pub(super) onward: Option<u8>,
    pub(super) teller: Slot,
    pub(super) by: Option<ConnId>,
}

/// A bounded number of messages. What waits for a verdict stays; of the rest the oldest goes of whoever told of most, so
/// that a flood of one peer drives out what that peer said.
#[derive(Debug)]
pub(super) struct Cache {
    size: usize,
    entries: BTreeMap<Serial, Entry>,
    ids: BTreeMap<u16, Serial>,
    hashes: HashMap<MessageHash, Serial, KeyedState>,
    /// Those that are valid, in the order in which they were found so.
    valid: BTreeMap<Serial, Serial>,
    /// What may go, by who told of it.
    shelves: Vec<BTreeSet<Serial>>,
    waiting: Vec<usize>,
    last_id: u16,
    last_arrival: Serial,
    last_valid: Serial,
}

impl Cache {
    pub(super) fn new(size: usize, hasher: KeyedState) -> Self {
        Cache {
            size,
            entries: BTreeMap::new(),
            ids: BTreeMap::new(),
            hashes: HashMap::with_hasher(hasher),
            valid: BTreeMap::new(),
            shelves: vec![BTreeSet::new(); Slot::COUNT],
            waiting: vec![0; Slot::COUNT],
            last_id: 0,
            last_arrival: 0,
            last_valid: 0,
        }
    }

    /// From the oldest to the newest.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many of a teller's messages wait for a verdict.
    pub(super) fn waiting(&self, teller: Slot) -> usize {
        self.waiting[teller.index()]
    }

    /// Whether another message can come in.
    pub(super) fn has_room(&self) -> bool {
        self.entries.len() < self.size || self.shelves.iter().any(|shelf| !shelf.is_empty())
    }

    /// Keeps a message that is not here yet, as one that nobody was asked about.
    pub(super) fn add(&mut self, now: Time, arrival: Arrival) -> Result<u16, Full> {
        if self.entries.len() >= self.size {
            self.evict()?;
        }
        let Arrival { hash, announce, onward, teller, by } = arrival;
        let (id, serial) = (self.next_id(), self.last_arrival + 1);
        self.last_arrival = serial;
        self.ids.insert(id, serial);
        self.hashes.insert(hash, serial);
        self.shelves[teller.index()].insert(serial);
        let (standing, frames) = (Standing::Unheard, Frames::default());
        let told = Slots::of(teller);
        let entry = Entry { id, hash, announce, standing, added: now, onward, teller, by, told, frames };
        self.entries.insert(serial, entry);
        Ok(id)
    }

    /// Ids are given in turn, so that one comes again as late as can be.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.ids.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    fn evict(&mut self) -> Result<(), Full> {
        let fullest = self.shelves.iter_mut().rev().max_by_key(|shelf| shelf.len()).ok_or(Full)?;
        let serial = fullest.pop_first().ok_or(Full)?;
        self.take(serial);
        Ok(())
    }

    fn take(&mut self, serial: Serial) -> Option<Entry> {
        let entry = self.entries.remove(&serial)?;
        self.ids.remove(&entry.id);
        self.hashes.remove(&entry.hash);
        self.shelves[entry.teller.index()].remove(&serial);
        match entry.standing {
            Standing::Valid(place) => _ = self.valid.remove(&place),
            Standing::Waiting => self.waiting[entry.teller.index()] -= 1,
            Standing::Unheard => {}
        }
        Some(entry)
    }

    /// A module is asked about a message about which nobody was; whether that is so.
    pub(super) fn ask(&mut self, id: u16) -> bool {
        let Some(serial) = self.ids.get(&id) else { return false };
        let Some(entry) = self.entries.get_mut(serial) else { return false };
        if entry.standing != Standing::Unheard {
            return false;
        }
        entry.standing = Standing::Waiting;
        self.shelves[entry.teller.index()].remove(serial);
        self.waiting[entry.teller.index()] += 1;
        true
    }

    /// Nobody is asked any more about a message that waits.
    pub(super) fn unask(&mut self, id: u16) {
        self.settle(id, Standing::Unheard);
    }

    /// A message is valid.
    pub(super) fn validate(&mut self, id: u16) {
        let place = self.last_valid + 1;
        if self.settle(id, Standing::Valid(place)) {
            self.last_valid = place;
        }
    }

    fn settle(&mut self, id: u16, standing: Standing) -> bool {
        let Some(serial) = self.ids.get(&id) else { return false };
        let Some(entry) = self.entries.get_mut(serial) else { return false };
        let teller = entry.teller.index();
        match entry.standing {
            Standing::Valid(_) => return false,
            Standing::Waiting => {
                self.waiting[teller] -= 1;
                self.shelves[teller].insert(*serial);
            }
            Standing::Unheard => {}
        }
        entry.standing = standing;
        if let Standing::Valid(place) = standing {
            self.valid.insert(place, *serial);
        }
        true
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, id: u16) -> Option<Entry> {
        let serial = *self.ids.get(&id)?;
        self.take(serial)
    }

    pub(super) fn get(&self, id: u16) -> Option<&Entry> {
        self.entries.get(self.ids.get(&id)?)
    }

    pub(super) fn by_hash(&mut self, hash: &MessageHash) -> Option<&mut Entry> {
        self.entries.get_mut(self.hashes.get(hash)?)
    }

    /// The place of the message that was found valid last.
    pub(super) const fn last_valid(&self) -> Serial {
        self.last_valid
    }

    /// The place of the message that arrived last.
    pub(super) const fn last_arrival(&self) -> Serial {
        self.last_arrival
    }

    /// The first message behind a place among those that are valid, and its place.
    pub(super) fn valid_after(&mut self, place: Serial) -> Option<(Serial, &mut Entry)> {
        let (place, serial) = self.valid.range(place + 1..).next()?;
        self.entries.get_mut(serial).map(|entry| (*place, entry))
    }

    /// The first message behind a place in the order of arrival, and its place.
    pub(super) fn arrived_after(&mut self, place: Serial) -> Option<(Serial, &mut Entry)> {
        self.entries.range_mut(place + 1..).next().map(|(serial, entry)| (*serial, entry))
    }

    /// A teller has gone, and another may take its slot: that one has none of this, and answers for none.
    pub(super) fn forget(&mut self, slot: Slot) {
        let (from, gone) = (slot.index(), Slot::GONE.index());
        let mut shelf = mem::take(&mut self.shelves[from]);
        self.shelves[gone].append(&mut shelf);
        self.waiting[gone] += mem::take(&mut self.waiting[from]);
        for entry in self.entries.values_mut() {
            entry.told.remove(slot);
            if entry.teller == slot {
                entry.teller = Slot::GONE;
            }
        }
    }
}
