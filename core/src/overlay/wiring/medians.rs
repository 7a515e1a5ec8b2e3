//! Local search for the first hops that serve all destinations best: a k-median on an asymmetric distance.
//!
//! Every destination knows its nearest and its second nearest first hop. From these alone one pass over a candidate's row
//! gives what the candidate would change in the place of *each* present hop (Schubert and Rousseeuw's FasterPAM), so that
//! the best of all swaps takes one pass over the matrix, whatever k is. Free hops are medians that nothing replaces; they
//! are already part of every row.

use alloc::vec::Vec;
use core::ops::Range;

use super::residual::Residual;
use super::value::weight;

/// How many swaps a descent makes at most. Measured descents end after less than twenty; the bound keeps delays made up to
/// prolong one from doing so.
const MAX_SWAPS: usize = 100;
/// ... and how many entries of the matrix it looks at for them, if it makes [`MIN_SWAPS`] with that: 100 passes over the
/// matrix of 290 nodes. What is left undone is left to the next decision.
const LOOKED_AT: usize = 1 << 23;
/// How many swaps it makes at least, while one helps: 2^23 entries of a decision at its bounds.
const MIN_SWAPS: usize = 16;

/// The hops chosen so far, as rows of the residual matrix.
#[derive(Clone, Debug, Default)]
pub(super) struct Medians {
    chosen: Vec<usize>,
    /// The destinations, those of one slot side by side: so a pass adds up in registers.
    served: Vec<Served>,
    /// What each slot serves; the last slot stands for the free hops.
    slots: Vec<Slot>,
}

/// By which hop a destination is reached, and the weights of its delay over that hop and over the next best.
#[derive(Clone, Copy, Debug)]
struct Served {
    column: usize,
    slot: usize,
    nearest: i64,
    second: i64,
}

/// The destinations that a hop serves.
#[derive(Clone, Debug)]
struct Slot {
    served: Range<usize>,
    /// What removing the hop costs.
    loss: i64,
    /// What removing it costs after the candidate in question was added.
    loss_beside: i64,
}

/// A hop that would replace the one in `slot`, and the change of the sum of weights.
#[derive(Clone, Copy)]
struct Swap {
    slot: usize,
    row: usize,
    change: i64,
}

impl Medians {
    /// Begins with the given rows.
    pub(super) fn start(&mut self, residual: &Residual, rows: impl Iterator<Item = usize>) {
        self.chosen.clear();
        self.chosen.extend(rows);
        self.assign(residual);
    }

    /// The rows chosen.
    pub(super) fn chosen(&self) -> &[usize] {
        &self.chosen
    }

    /// The sum of the weights of all destinations.
    pub(super) fn sum(&self) -> i64 {
        self.served.iter().map(|s| s.nearest).sum()
    }

    /// The first hop towards each destination, in their order; `u32::MAX` for a free one.
    pub(super) fn first_hops(&self, residual: &Residual, hops: &mut Vec<u32>) {
        hops.clear();
        hops.resize(self.served.len(), u32::MAX);
        for served in &self.served {
            if let Some(&row) = self.chosen.get(served.slot) {
                hops[served.column] = residual.hops()[row];
            }
        }
    }

    /// Adds the hop that helps most, of equals the lowest. False if there is none left.
    pub(super) fn add_best(&mut self, residual: &Residual) -> bool {
        let best = self
            .others(residual)
            .min_by_key(|&row| (improvement(&self.served, residual.row(row)).0, residual.hops()[row]));
        if let Some(row) = best {
            self.chosen.push(row);
            self.assign(residual);
        }
        best.is_some()
    }

    /// Gives up the hop that is missed least, of equals the earliest chosen.
    pub(super) fn drop_worst(&mut self, residual: &Residual) {
        if let Some(slot) = (0..self.chosen.len()).min_by_key(|&slot| self.slots[slot].loss) {
            self.chosen.remove(slot);
            self.assign(residual);
        }
    }

    /// Swaps while that helps.
    pub(super) fn descend(&mut self, residual: &Residual) {
        let entries = residual.hops().len() * residual.base().len();
        for _ in 0..(LOOKED_AT / entries.max(1)).clamp(MIN_SWAPS, MAX_SWAPS) {
            if !self.swap_best(residual) {
                break;
            }
        }
    }

    /// Makes the swap that helps most, of equals the one that brings in the lowest hop. False if none helps.
    pub(super) fn swap_best(&mut self, residual: &Residual) -> bool {
        let mut best: Option<Swap> = None;
        for (row, hop) in residual.hops().iter().enumerate() {
            if self.chosen.contains(&row) {
                continue;
            }
            let least = best.map_or((0, u32::MIN), |b| (b.change, residual.hops()[b.row]));
            let swap = self.best_swap_for(row, residual.row(row));
            if swap.is_some_and(|s| (s.change, *hop) < least) {
                best = swap;
            }
        }
        if let Some(swap) = best {
            self.chosen[swap.slot] = swap.row;
            self.assign(residual);
        }
        best.is_some()
    }

    /// The place in which the hop of `row` would do best.
    fn best_swap_for(&mut self, row: usize, delays: &[u32]) -> Option<Swap> {
        let mut gain = 0;
        for slot in &mut self.slots {
            let (nearer, second_nearer) = improvement(&self.served[slot.served.clone()], delays);
            gain += nearer;
            slot.loss_beside = slot.loss + second_nearer - nearer;
        }
        let replaceable = self.slots[..self.chosen.len()].iter().enumerate();
        let swaps = replaceable.map(|(i, slot)| Swap { slot: i, row, change: gain + slot.loss_beside });
        swaps.min_by_key(|s| s.change)
    }

    /// Octets kept.
    pub(super) fn memory(&self) -> usize {
        self.chosen.capacity() * size_of::<usize>()
            + self.served.capacity() * size_of::<Served>()
            + self.slots.capacity() * size_of::<Slot>()
    }

    fn others(&self, residual: &Residual) -> impl Iterator<Item = usize> {
        (0..residual.hops().len()).filter(|row| !self.chosen.contains(row))
    }

    /// Finds each destination's nearest and second nearest hop anew.
    fn assign(&mut self, residual: &Residual) {
        let free = self.chosen.len();
        let unserved = |(column, &d)| Served { column, slot: free, nearest: weight(d), second: weight(d) };
        self.served.clear();
        self.served.extend(residual.base().iter().enumerate().map(unserved));
        for (slot, &row) in self.chosen.iter().enumerate() {
            for (served, &delay) in self.served.iter_mut().zip(residual.row(row)) {
                served.offer(slot, weight(delay));
            }
        }
        self.served.sort_unstable_by_key(|s| s.slot);
        self.slots.clear();
        let mut end = 0;
        for slot in 0..=free {
            let begin = end;
            end += self.served[begin..].partition_point(|s| s.slot == slot);
            let loss = self.served[begin..end].iter().map(|s| s.second - s.nearest).sum();
            self.slots.push(Slot { served: begin..end, loss, loss_beside: 0 });
        }
    }
}

/// How a hop with these delays would change the sums of the nearest and of the second nearest weights of some destinations:
/// negative or zero.
fn improvement(served: &[Served], delays: &[u32]) -> (i64, i64) {
    served.iter().fold((0, 0), |(nearest, second), s| {
        let delay = weight(delays[s.column]);
        (nearest + (delay - s.nearest).min(0), second + (delay - s.second).min(0))
    })
}

impl Served {
    fn offer(&mut self, slot: usize, delay: i64) {
        if delay < self.nearest {
            (self.slot, self.nearest, self.second) = (slot, delay, self.nearest);
        } else if delay < self.second {
            self.second = delay;
        }
    }
}
