//! How much of a connection is read in a turn.

use std::time::Duration;

use crate::host::READ_BUDGET;

/// What one connection's bytes may take of a turn. Others wait for as long.
const SLICE: Duration = Duration::from_micros(100);
/// A turn brings a connection this far at least, in octets, however long its machine takes.
const LEAST: usize = 4 << 10;

/// Octets that are read from a connection in a turn: what its machine deals with in about [`SLICE`]. A peer whose octets
/// cost much, as those of a flood of news do, gets fewer of them heard at a time, and delays nobody by more than that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Quantum(usize);

impl Quantum {
    pub(crate) const fn new() -> Self {
        Quantum(READ_BUDGET)
    }

    /// From [`LEAST`] to [`READ_BUDGET`].
    pub(crate) const fn octets(self) -> usize {
        self.0
    }

    /// A machine dealt with `len` octets, at most [`READ_BUDGET`], in a time: the next turn brings what fits, at most twice
    /// as much as this one.
    pub(crate) fn adapt(&mut self, len: usize, took: Duration) {
        let [slice, took] = [SLICE, took].map(|time| usize::try_from(time.as_micros()).unwrap_or(usize::MAX));
        let fits = len * slice / took.max(1);
        if took > slice {
            self.0 = fits.max(LEAST);
        } else if len >= self.0 {
            self.0 = fits.min(2 * self.0).min(READ_BUDGET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_read_in_small_pieces() {
        let mut quantum = Quantum::new();
        quantum.adapt(READ_BUDGET, SLICE * 4);
        assert_eq!(quantum.octets(), READ_BUDGET / 4);
        quantum.adapt(READ_BUDGET / 4, SLICE);
        assert_eq!(quantum.octets(), READ_BUDGET / 4, "just right");
        quantum.adapt(1, Duration::from_secs(1));
        assert_eq!(quantum.octets(), LEAST);
    }

    #[test]
    fn what_takes_no_time_is_read_in_large_ones_again() {
        let mut quantum = Quantum(LEAST);
        quantum.adapt(LEAST - 1, Duration::ZERO);
        assert_eq!(quantum.octets(), LEAST, "there was no more to read");
        quantum.adapt(LEAST, SLICE * 3 / 4);
        assert_eq!(quantum.octets(), LEAST * 4 / 3);
        for _ in 0..9 {
            quantum.adapt(quantum.octets(), Duration::ZERO);
        }
        assert_eq!(quantum.octets(), READ_BUDGET);
    }
}
