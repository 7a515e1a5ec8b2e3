//! Things found by index, whose names are never given twice.

use alloc::vec::Vec;

/// A thing's name: its place, and how often the place had been used before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A vector with holes that are filled again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Slab { slots: Vec::new(), free: Vec::new() }
    }

    /// # Panics
    /// With 2^32 things in it.
    pub(super) fn insert(&mut self, thing: T) -> Key {
        if let Some(slot) = self.free.pop() {
            let (generation, place) = &mut self.slots[slot as usize];
            *place = Some(thing);
            return Key { slot, generation: *generation };
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 at a time");
        self.slots.push((0, Some(thing)));
        Key { slot, generation: 0 }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let (generation, place) = self.slots.get_mut(key.slot as usize)?;
        if *generation != key.generation {
            return None;
        }
        let thing = place.take()?;
        *generation = generation.checked_add(1).expect("a place is used fewer than 2^32 times");
        self.free.push(key.slot);
        Some(thing)
    }

    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let (generation, place) = self.slots.get(key.slot as usize)?;
        place.as_ref().filter(|_| *generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (generation, place) = self.slots.get_mut(key.slot as usize)?;
        place.as_mut().filter(|_| *generation == key.generation)
    }

    /// Whether `key` was ever given.
    pub(super) fn was_given(&self, key: Key) -> bool {
        self.slots.get(key.slot as usize).is_some_and(|(generation, place)| {
            key.generation < *generation || (key.generation == *generation && place.is_some())
        })
    }

    /// The names of all things, by place.
    pub(super) fn keys(&self) -> Vec<Key> {
        let named = |(slot, (generation, place)): (usize, &(u32, Option<T>))| {
            place.as_ref()?;
            Some(Key { slot: u32::try_from(slot).ok()?, generation: *generation })
        };
        self.slots.iter().enumerate().filter_map(named).collect()
    }

    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_given_twice() {
        let mut slab = Slab::new();
        let a = slab.insert('a');
        assert_eq!(slab.remove(a), Some('a'));
        let b = slab.insert('b');
        assert_eq!((a.slot, a == b), (b.slot, false));
        assert_eq!(slab.remove(a), None);
        assert_eq!((slab.get(a), slab.get(b)), (None, Some(&'b')));
        assert!(slab.was_given(a) && slab.was_given(b));
        assert!(!slab.was_given(Key { slot: 1, generation: 0 }));
        assert_eq!((slab.keys().as_slice(), slab.len()), ([b].as_slice(), 1));
    }
}
