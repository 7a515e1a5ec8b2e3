//! What befalls datagrams beside even loss: bursts of it, copies, overtaking.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::tally::{Kind, Tally};
use crate::kernel::{Rng, Seed, Streams};

/// Losses that come in bursts, by Gilbert and Elliott: each way between two nodes is good or bad, and changes between two
/// datagrams at random. A good way loses nothing beyond the even loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bursts {
    /// How likely a good way turns bad, in a million, at each datagram.
    pub begin_per_million: u32,
    /// How likely a bad way turns good.
    pub end_per_million: u32,
    /// How many datagrams in a million a bad way loses.
    pub loss_per_million: u32,
}

/// Everything that is unusual for datagrams; none of it to begin with.
pub(super) struct Weather {
    pub(super) bursts: Option<Bursts>,
    pub(super) copies_per_million: u32,
    pub(super) late_per_million: u32,
    /// How much later at the most.
    pub(super) late_by: Duration,
    /// The ways that are bad.
    bad: BTreeMap<(usize, usize), bool>,
    bursts_rng: Rng,
    copies_rng: Rng,
    late_rng: Rng,
}

impl Weather {
    pub(super) fn new(seed: Seed) -> Self {
        let streams = Streams::new(seed);
        Weather {
            bursts: None,
            copies_per_million: 0,
            late_per_million: 0,
            late_by: Duration::ZERO,
            bad: BTreeMap::new(),
            bursts_rng: streams.named("bursts"),
            copies_rng: streams.named("copies"),
            late_rng: streams.named("late"),
        }
    }

    /// Whether a burst takes this datagram.
    pub(super) fn swallows(&mut self, from: usize, to: usize) -> bool {
        let Some(bursts) = self.bursts else { return false };
        let bad = self.bad.entry((from, to)).or_default();
        let turns = if *bad { bursts.end_per_million } else { bursts.begin_per_million };
        *bad ^= self.bursts_rng.per_million(turns);
        *bad && self.bursts_rng.per_million(bursts.loss_per_million)
    }

    /// From now on bursts are like this, or none; every way is good at first.
    pub(super) fn set_bursts(&mut self, bursts: Option<Bursts>) {
        self.bursts = bursts;
        self.bad.clear();
    }

    /// Nothing unusual from now on.
    pub(super) fn clear(&mut self) {
        self.set_bursts(None);
        (self.copies_per_million, self.late_per_million) = (0, 0);
    }

    /// By how much this datagram is held back so that others overtake it.
    pub(super) fn lateness(&mut self, tally: &mut Tally) -> u64 {
        if self.late_per_million == 0 || !self.late_rng.per_million(self.late_per_million) {
            return 0;
        }
        tally.count(Kind::Reorder);
        let late = self.late_rng.between(Duration::ZERO, self.late_by);
        u64::try_from(late.as_micros()).unwrap_or(u64::MAX)
    }

    /// Whether this datagram comes twice.
    pub(super) fn copies(&mut self) -> bool {
        self.copies_per_million > 0 && self.copies_rng.per_million(self.copies_per_million)
    }
}
