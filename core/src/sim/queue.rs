//! The queue of what is to happen.

use alloc::vec::Vec;
use core::mem;

const BITS: u32 = 8;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = (u64::BITS / BITS) as usize;
const WORDS: usize = SLOTS / 64;

/// A hierarchical timing wheel over microseconds: level 0 has a slot for each microsecond of the current 256, level 1 a
/// slot for each 256 of the current 65,536, and so on. An item moves down at most once for each level, so both ends cost
/// O(1), and items due at the same time come out in the order in which they went in: a slot is emptied downwards
/// in order, and only when every slot below it is empty.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    /// No item is due before this.
    base: u64,
    /// How many items of the slot at `base` on level 0 are out already.
    taken: usize,
    levels: Vec<Level<T>>,
}

#[derive(Debug)]
struct Level<T> {
    occupied: [u64; WORDS],
    slots: Vec<Vec<(u64, T)>>,
}

impl<T: Copy> Wheel<T> {
    pub(super) fn new() -> Self {
        let level = || Level { occupied: [0; WORDS], slots: (0..SLOTS).map(|_| Vec::new()).collect() };
        Wheel { base: 0, taken: 0, levels: (0..LEVELS).map(|_| level()).collect() }
    }

    /// Adds an item.
    ///
    /// # Panics
    /// If `at` is before the time of what was taken out last.
    pub(super) fn push(&mut self, at: u64, item: T) {
        assert!(at >= self.base, "an event was put before the present");
        let level = ((63 - ((at ^ self.base) | 1).leading_zeros()) / BITS) as usize;
        self.levels[level].put(slot_of(at, level), at, item);
    }

    /// Takes out what is due first, if that is not after `limit`. After a `None`, items from `limit` on may be added.
    pub(super) fn pop(&mut self, limit: u64) -> Option<(u64, T)> {
        loop {
            if let Some(slot) = self.levels[0].first() {
                return self.pop_slot(slot, limit);
            }
            self.taken = 0;
            let level = (1..LEVELS).find(|l| self.levels[*l].first().is_some())?;
            let slot = self.levels[level].first()?;
            let start = self.start_of(slot, level);
            if start > limit {
                return None;
            }
            self.base = start;
            self.empty_down(slot, level);
        }
    }

    fn pop_slot(&mut self, slot: usize, limit: u64) -> Option<(u64, T)> {
        let level = &mut self.levels[0];
        let items = &mut level.slots[slot];
        if items[0].0 != self.base {
            if items[0].0 > limit {
                return None;
            }
            (self.base, self.taken) = (items[0].0, 0);
        }
        let item = items[self.taken];
        self.taken += 1;
        if self.taken == items.len() {
            items.clear();
            self.taken = 0;
            level.mark_empty(slot);
        }
        Some(item)
    }

    fn empty_down(&mut self, slot: usize, level: usize) {
        let mut items = mem::take(&mut self.levels[level].slots[slot]);
        self.levels[level].mark_empty(slot);
        for (at, item) in items.drain(..) {
            self.push(at, item);
        }
        self.levels[level].slots[slot] = items;
    }

    /// The first microsecond of a slot above level 0.
    fn start_of(&self, slot: usize, level: usize) -> u64 {
        let shift = BITS * u32::try_from(level).unwrap_or(0);
        let above = self.base.checked_shr(shift + BITS).unwrap_or(0).checked_shl(shift + BITS).unwrap_or(0);
        above | (slot as u64) << shift
    }
}

impl<T> Level<T> {
    fn put(&mut self, slot: usize, at: u64, item: T) {
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.slots[slot].push((at, item));
    }

    fn mark_empty(&mut self, slot: usize) {
        self.occupied[slot / 64] &= !(1 << (slot % 64));
    }

    fn first(&self) -> Option<usize> {
        let word = self.occupied.iter().position(|w| *w != 0)?;
        Some(word * 64 + self.occupied[word].trailing_zeros() as usize)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "masked to one octet")]
const fn slot_of(at: u64, level: usize) -> usize {
    (at >> (BITS as usize * level)) as usize & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Push(u64),
        Pop(u64),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let far = prop_oneof![0u64..3, 0u64..300, 0u64..70_000, 0u64..1 << 40, Just(u64::MAX)];
        prop::collection::vec(prop_oneof![far.clone().prop_map(Op::Push), far.prop_map(Op::Pop)], 0..200)
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(ops in ops()) {
            let (mut wheel, mut model) = (Wheel::new(), BTreeMap::<(u64, usize), usize>::new());
            let mut now = 0u64;
            for (n, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Push(ahead) => {
                        let at = now.saturating_add(ahead);
                        wheel.push(at, n);
                        model.insert((at, n), n);
                    }
                    Op::Pop(ahead) => {
                        let limit = now.saturating_add(ahead);
                        let due = model.first_key_value().filter(|((at, _), _)| *at <= limit).map(|(k, _)| *k);
                        prop_assert_eq!(wheel.pop(limit), due);
                        now = due.map_or(limit, |(at, _)| at);
                        due.map(|k| model.remove(&k));
                    }
                }
            }
            for ((at, _), n) in model {
                prop_assert_eq!(wheel.pop(u64::MAX), Some((at, n)));
            }
            prop_assert_eq!(wheel.pop(u64::MAX), None);
        }
    }
}
