//! How much better a choice has to be.

/// How many epochs after joining a node takes any gain: an overlay that starts with a threshold freezes in a bad wiring.
pub const SETTLING_EPOCHS: u32 = 8;

/// How far a node looked around in an epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Extent {
    /// It waited throughout.
    #[default]
    Nothing,
    /// It could change one link at most.
    OneLink,
    /// It could change all.
    Everything,
}

/// The gain in delay a rewiring needs: none for the first [`SETTLING_EPOCHS`] epochs after joining, then a fixed share.
///
/// In a large overlay that starts all at once most decisions change one link at most, and lead as far but more slowly.
/// Such an epoch counts half, or the overlay would freeze before it is wired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hysteresis {
    eps_ppm: u32,
    halves: u32,
}

impl Hysteresis {
    /// The schedule of a node that is joining, with `eps_ppm` millionths once it has settled.
    pub fn new(eps_ppm: u32) -> Self {
        Hysteresis { eps_ppm, halves: 0 }
    }

    /// Tells that an epoch since joining is over, and how far the node looked around in it.
    pub fn epoch_ended(&mut self, extent: Extent) {
        self.halves = self.halves.saturating_add(extent as u32);
    }

    /// The share in millionths to ask for now, for [`Choice::worth`](super::Choice::worth).
    pub fn eps_ppm(&self) -> u32 {
        if self.halves < 2 * SETTLING_EPOCHS { 0 } else { self.eps_ppm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn free_epochs(extent: Extent) -> usize {
        let mut hysteresis = Hysteresis::new(10_000);
        let asked: Vec<u32> = (0..40)
            .map(|_| {
                let eps = hysteresis.eps_ppm();
                hysteresis.epoch_ended(extent);
                eps
            })
            .collect();
        let free = asked.iter().take_while(|eps| **eps == 0).count();
        assert!(asked[free..].iter().all(|eps| *eps == 10_000), "once settled, a node stays settled");
        free
    }

    #[test]
    fn asks_for_nothing_in_the_first_eight_epochs_or_twice_as_many_careful_ones() {
        assert_eq!(free_epochs(Extent::Everything), 8);
        assert_eq!(free_epochs(Extent::OneLink), 16);
        assert_eq!(free_epochs(Extent::Nothing), 40);
    }
}
