//! How much better a choice has to be.

/// How many epochs after joining a node takes any gain: an overlay that starts with a threshold freezes in a bad wiring.
pub const SETTLING_EPOCHS: u32 = 8;

/// The gain in delay a rewiring needs: none for the first [`SETTLING_EPOCHS`] epochs after joining, then a fixed share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hysteresis {
    eps_ppm: u32,
    epochs: u32,
}

impl Hysteresis {
    /// The schedule of a node that is joining, with `eps_ppm` millionths once it has settled.
    pub fn new(eps_ppm: u32) -> Self {
        Hysteresis { eps_ppm, epochs: 0 }
    }

    /// Tells that an epoch since joining is over.
    pub fn epoch_ended(&mut self) {
        self.epochs = self.epochs.saturating_add(1);
    }

    /// The share in millionths to ask for now, for [`Choice::worth_it`](super::Choice::worth_it).
    pub fn eps_ppm(&self) -> u32 {
        if self.epochs < SETTLING_EPOCHS { 0 } else { self.eps_ppm }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn asks_for_nothing_in_the_first_eight_epochs() {
        let mut hysteresis = Hysteresis::new(10_000);
        let asked: Vec<u32> = (0..10)
            .map(|_| {
                let eps = hysteresis.eps_ppm();
                hysteresis.epoch_ended();
                eps
            })
            .collect();
        assert_eq!(asked, [0, 0, 0, 0, 0, 0, 0, 0, 10_000, 10_000]);
    }
}
