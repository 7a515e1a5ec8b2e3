//! Small numbers for peers.

/// A peer's number among those that are connected; it is given again. Number 0 is this node, with its modules, and the last
/// all who have gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Slot(u8);

impl Slot {
    pub(super) const OWN: Slot = Slot(0);
    pub(super) const GONE: Slot = Slot(127);
    /// How many there are.
    pub(super) const COUNT: usize = 128;

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Some of the peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Slots(u128);

impl Slots {
    pub(super) fn of(slot: Slot) -> Self {
        let mut all = Slots::default();
        all.insert(slot);
        all
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        self.0 |= 1 << slot.0;
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.0 &= !(1 << slot.0);
    }

    pub(super) fn contains(self, slot: Slot) -> bool {
        self.0 & (1 << slot.0) != 0
    }

    /// Takes the lowest number that is free, of those up to `most`.
    pub(super) fn claim(&mut self, most: usize) -> Option<Slot> {
        let free = (!(self.0 | 1)).trailing_zeros();
        let slot = Slot(u8::try_from(free).ok()?);
        (slot.index() <= most).then(|| {
            self.insert(slot);
            slot
        })
    }
}
