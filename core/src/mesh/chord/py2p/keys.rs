//! Keys that notices say there are.

use alloc::collections::BTreeMap;
use core::ops::Bound;

use bytes::Bytes;

use crate::mesh::chord::{Place, Table};
use crate::mesh::wire::NodeId;

/// Octets of all keys that are known.
const MAX_OCTETS: usize = 4 << 20;
/// One peer may bring the half of what there may be.
const SHARE: usize = 2;

/// Users' keys as notices tell of them, within bounds; and which key a place is of, since py2p's other words name places
/// alone.
#[derive(Debug)]
pub(super) struct Keys {
    /// Who brought it; this node itself as `None`.
    all: BTreeMap<Bytes, Option<NodeId>>,
    /// By table and the first octets of the number there.
    places: BTreeMap<(Table, [u8; 8]), Bytes>,
    brought: BTreeMap<NodeId, usize>,
    octets: usize,
    max: usize,
}

impl Keys {
    pub(super) const fn new(max: usize) -> Self {
        Keys { all: BTreeMap::new(), places: BTreeMap::new(), brought: BTreeMap::new(), octets: 0, max }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.all.keys()
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.all.contains_key(key)
    }

    /// The first behind a key, or the first of all.
    pub(super) fn behind(&self, key: Option<&Bytes>) -> Option<&Bytes> {
        let from = key.map_or(Bound::Unbounded, |key| Bound::Excluded(&key[..]));
        self.all.range::<[u8], _>((from, Bound::Unbounded)).next().map(|(key, _)| key)
    }

    /// The key that a place is of, if that is known.
    pub(super) fn at(&self, place: &Place) -> Option<&Bytes> {
        let key = self.places.get(&begin(place))?;
        (Place::of(place.table, key) == *place).then_some(key)
    }

    /// Notes a key that a peer told of, or this node itself; whether there was room for it. Its octets are copied.
    pub(super) fn add(&mut self, key: &[u8], by: Option<NodeId>) -> bool {
        if self.contains(key) {
            return true;
        }
        let share = by.and_then(|by| self.brought.get(&by)).copied().unwrap_or(0);
        if self.len() >= self.max || self.octets + key.len() > MAX_OCTETS || share >= self.max / SHARE {
            return false;
        }
        let key = Bytes::copy_from_slice(key);
        for table in Table::ALL {
            self.places.insert(begin(&Place::of(table, &key)), key.clone());
        }
        self.octets += key.len();
        by.into_iter().for_each(|by| *self.brought.entry(by).or_default() += 1);
        self.all.insert(key, by);
        true
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        let Some((key, by)) = self.all.remove_entry(key) else { return };
        for table in Table::ALL {
            self.places.remove(&begin(&Place::of(table, &key)));
        }
        self.octets -= key.len();
        if let Some(by) = by {
            let left = self.brought.get_mut(&by).map(|brought| core::mem::replace(brought, *brought - 1) - 1);
            if left == Some(0) {
                self.brought.remove(&by);
            }
        }
    }
}

/// What a place is found by. Two keys with the same beginning hide one of them, which is no harm.
fn begin(place: &Place) -> (Table, [u8; 8]) {
    let from = Place::OCTETS - crate::mesh::chord::ring::Position::OCTETS;
    let mut octets = [0; 8];
    octets.copy_from_slice(&place.number()[from..from + 8]);
    (place.table, octets)
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const BY: NodeId = NodeId([1; NodeId::LEN]);
    const OTHER: NodeId = NodeId([2; NodeId::LEN]);

    #[test]
    fn a_peer_brings_no_more_than_its_share_and_all_no_more_than_there_may_be() {
        let mut keys = Keys::new(4);
        let added = |keys: &mut Keys, name: &str, by| keys.add(name.as_bytes(), Some(by));
        assert_eq!(["a", "b", "c"].map(|name| added(&mut keys, name, BY)), [true, true, false]);
        assert_eq!(["a", "d", "e", "f"].map(|name| added(&mut keys, name, OTHER)), [true, true, true, false]);
        keys.remove(b"a");
        assert!(!added(&mut keys, "f", OTHER) && added(&mut keys, "f", BY));
        assert!(!keys.add(b"own", None), "all are there");
    }

    proptest! {
        /// Every place of a key that is known names it, and no place of another does.
        #[test]
        fn places_name_the_keys_that_are_there(steps in prop::collection::vec((0u8..20, any::<bool>()), 0..60)) {
            let (mut keys, mut model) = (Keys::new(100), BTreeSet::new());
            for (name, adds) in steps {
                if adds {
                    keys.add(&[name], Some(BY));
                    model.insert(name);
                } else {
                    keys.remove(&[name]);
                    model.remove(&name);
                }
            }
            for name in 0..20 {
                let known = Table::ALL.map(|table| keys.at(&Place::of(table, &[name])).map(|key| key.to_vec()));
                let wanted = model.contains(&name).then(|| Vec::from([name]));
                prop_assert!(known.iter().all(|known| *known == wanted));
            }
            prop_assert_eq!((keys.len(), keys.octets), (model.len(), model.len()));
            prop_assert_eq!(keys.places.len(), 5 * model.len());
            prop_assert_eq!(keys.brought.get(&BY).copied().unwrap_or(0), model.len());
        }
    }
}
