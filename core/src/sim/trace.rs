//! What a world did, as one number.

use serde::Serialize;

use crate::kernel::{Output, Time};
use crate::record::Digest;

/// A running hash over outputs, with their times and nodes: two runs that did the same have the same. Outputs count as
/// they do in a [recording](Digest).
#[derive(Clone, Debug, Default)]
pub struct Trace {
    digest: Digest,
    hash: u64,
}

impl Trace {
    /// The hash of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what `node` did at `now`; meant for [`World::observe`](super::World::observe).
    pub fn add<E: Serialize>(&mut self, now: Time, node: usize, output: &Output<E>) {
        self.digest.clear();
        self.digest.add(&(self.hash, now, node));
        self.digest.add(output);
        self.hash = self.digest.hash().unwrap_or_default();
    }

    /// The hash of all that was added.
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use core::fmt;

    use super::*;

    fn hash<E: Serialize>(now: u64, node: usize, event: E) -> u64 {
        let mut trace = Trace::new();
        trace.add(Time::from_micros(now), node, &Output::Event(event));
        trace.hash()
    }

    #[test]
    fn everything_counts() {
        assert_eq!(hash(1, 2, 'a'), hash(1, 2, 'a'));
        let others = [hash(2, 2, 'a'), hash(1, 3, 'a'), hash(1, 2, 'b'), Trace::new().hash()];
        assert!(!others.contains(&hash(1, 2, 'a')));
    }

    #[test]
    fn what_was_done_before_counts() {
        let hash = |first, second| {
            let mut trace = Trace::new();
            trace.add(Time::ZERO, 0, &Output::Event(first));
            trace.add(Time::ZERO, 0, &Output::Event(second));
            trace.hash()
        };
        assert_ne!(hash('a', 'b'), hash('b', 'a'));
    }

    /// An id that shows its beginning alone, as those of nodes do.
    #[derive(Serialize)]
    struct Shortened(u64);

    impl fmt::Debug for Shortened {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:04x}..", self.0 >> 48)
        }
    }

    #[test]
    fn an_id_counts_to_its_last_bit() {
        assert_ne!(hash(1, 2, Shortened(1)), hash(1, 2, Shortened(2)));
    }

    #[test]
    fn the_name_of_a_field_does_not_count() {
        #[derive(Serialize, Debug)]
        struct Before {
            peer: u64,
        }
        #[derive(Serialize, Debug)]
        struct After {
            neighbor: u64,
        }
        assert_eq!(hash(1, 2, Before { peer: 7 }), hash(1, 2, After { neighbor: 7 }));
    }
}
