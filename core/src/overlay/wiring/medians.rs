//! Local search for the first hops that serve all destinations best: a k-median on an asymmetric distance.
//!
//! Every destination knows its nearest and its second nearest first hop. From these alone one pass over a candidate's row
//! gives what the candidate would change in the place of *each* present hop (Schubert and Rousseeuw's FasterPAM), so that
//! the best of all swaps takes one pass over the matrix, whatever k is. Free hops are medians that nothing replaces; they
//! are already part of every row.

use alloc::vec::Vec;

use super::residual::Residual;
use super::value::weight;

/// How many swaps a descent makes at most. Measured descents end after less than twenty; the bound keeps delays made up to
/// prolong one from doing so.
const MAX_SWAPS: usize = 100;

/// The hops chosen so far, as rows of the residual matrix.
#[derive(Clone, Debug, Default)]
pub(super) struct Medians {
    chosen: Vec<usize>,
    served: Vec<Served>,
    /// What removing each chosen hop costs, and what it would cost with a candidate added; one entry more stands for the
    /// free hops.
    losses: Vec<i64>,
    losses_beside: Vec<i64>,
}

/// By which hop a destination is reached, and the weights of its delay over that hop and over the next best.
#[derive(Clone, Copy, Debug)]
struct Served {
    slot: usize,
    nearest: i64,
    second: i64,
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

    /// Adds the hop that helps most, of equals the lowest. False if there is none left.
    pub(super) fn add_best(&mut self, residual: &Residual) -> bool {
        let best = self.others(residual).min_by_key(|&row| self.gain(residual.row(row)));
        if let Some(row) = best {
            self.chosen.push(row);
            self.assign(residual);
        }
        best.is_some()
    }

    /// Gives up the hop that is missed least, of equals the earliest chosen.
    pub(super) fn drop_worst(&mut self, residual: &Residual) {
        if let Some(slot) = (0..self.chosen.len()).min_by_key(|&slot| self.losses[slot]) {
            self.chosen.remove(slot);
            self.assign(residual);
        }
    }

    /// Swaps while that helps.
    pub(super) fn descend(&mut self, residual: &Residual) {
        for _ in 0..MAX_SWAPS {
            if !self.swap_best(residual) {
                break;
            }
        }
    }

    /// Makes the swap that helps most, of equals the one that brings in the lowest hop. False if none helps.
    pub(super) fn swap_best(&mut self, residual: &Residual) -> bool {
        let mut best: Option<Swap> = None;
        for row in 0..residual.hops().len() {
            if self.chosen.contains(&row) {
                continue;
            }
            let swap = self.best_swap_for(row, residual.row(row));
            if swap.is_some_and(|s| s.change < best.map_or(0, |b| b.change)) {
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
        self.losses_beside.clone_from(&self.losses);
        let mut gain = 0;
        for (served, &delay) in self.served.iter().zip(delays) {
            let delay = weight(delay);
            let closer = delay.min(served.nearest) - served.nearest;
            gain += closer;
            self.losses_beside[served.slot] += delay.min(served.second) - served.second - closer;
        }
        let slots = 0..self.chosen.len();
        let swaps = slots.map(|slot| Swap { slot, row, change: gain + self.losses_beside[slot] });
        swaps.min_by_key(|s| s.change)
    }

    /// The change of the sum if a hop with these delays is added: negative or zero.
    fn gain(&self, delays: &[u32]) -> i64 {
        self.served.iter().zip(delays).map(|(served, &d)| (weight(d) - served.nearest).min(0)).sum()
    }

    fn others(&self, residual: &Residual) -> impl Iterator<Item = usize> {
        (0..residual.hops().len()).filter(|row| !self.chosen.contains(row))
    }

    /// Finds each destination's nearest and second nearest hop anew.
    fn assign(&mut self, residual: &Residual) {
        let free = self.chosen.len();
        self.served.clear();
        self.served.extend(residual.base().iter().map(|&d| Served {
            slot: free,
            nearest: weight(d),
            second: weight(d),
        }));
        for (slot, &row) in self.chosen.iter().enumerate() {
            for (served, &delay) in self.served.iter_mut().zip(residual.row(row)) {
                served.offer(slot, weight(delay));
            }
        }
        self.losses.clear();
        self.losses.resize(free + 1, 0);
        for served in &self.served {
            self.losses[served.slot] += served.second - served.nearest;
        }
    }
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
