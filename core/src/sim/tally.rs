//! Which faults took effect, and how often.

use core::ops::AddAssign;

/// A kind of fault, as it is counted: not when it was asked for, but each time when it changed what a machine saw.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A datagram was lost alone.
    Loss,
    /// A datagram was lost in a burst.
    Burst,
    /// A datagram came twice.
    Duplicate,
    /// A datagram was put behind later ones.
    Reorder,
    /// A message met a way that was cut.
    Cut,
    /// A message went to an address at which nobody listens.
    Nowhere,
    /// Nodes that ran were cut off from others that ran.
    Partition,
    /// A way went and came again by itself.
    Flap,
    /// Octets waited for a slow reader.
    SlowReader,
    /// A connection that the network had forgotten swallowed what was sent.
    HalfOpen,
    /// A process was killed.
    Kill,
    /// A host that ran fell silent.
    Halt,
    /// A node started again with what it had stored.
    Kept,
    /// A node started again without what it had stored.
    Forgotten,
    /// A node started again with an older state than it had stored.
    Restored,
    /// A process counted its time from elsewhere.
    Offset,
    /// A clock stepped forward under a process.
    Step,
    /// A clock began to run faster or slower under a process.
    Drift,
    /// A tick came late.
    Oversleep,
    /// A tick came before it was due.
    EarlyWake,
    /// A clock showed the same time later again.
    EqualClock,
    /// What arrived waited for a stopped process.
    Freeze,
    /// What arrived waited for a process that had used up its slice.
    Starve,
    /// A node was killed since many had chosen it.
    Hub,
    /// A node went or came as its trace says.
    Churn,
    /// A datagram came from another address than its node's name has.
    Translated,
    /// A datagram met a way that carries connections alone.
    Blocked,
    /// A packet was too long for its way.
    Narrow,
    /// What was sent met an address that its node has no more.
    Moved,
}

/// How many kinds there are.
const KINDS: usize = Kind::ALL.len();

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 29] = [
        Kind::Loss,
        Kind::Burst,
        Kind::Duplicate,
        Kind::Reorder,
        Kind::Cut,
        Kind::Nowhere,
        Kind::Partition,
        Kind::Flap,
        Kind::SlowReader,
        Kind::HalfOpen,
        Kind::Kill,
        Kind::Halt,
        Kind::Kept,
        Kind::Forgotten,
        Kind::Restored,
        Kind::Offset,
        Kind::Step,
        Kind::Drift,
        Kind::Oversleep,
        Kind::EarlyWake,
        Kind::EqualClock,
        Kind::Freeze,
        Kind::Starve,
        Kind::Hub,
        Kind::Churn,
        Kind::Translated,
        Kind::Blocked,
        Kind::Narrow,
        Kind::Moved,
    ];
}

/// How often each kind of fault took effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally([u64; KINDS]);

impl Tally {
    /// How often one kind did.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// Each kind and how often it did.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().map(|kind| (kind, self.of(kind)))
    }

    pub(super) fn count(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        for (sum, n) in self.0.iter_mut().zip(&other.0) {
            *sum += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_place() {
        let mut tally = Tally::default();
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            (0..=place).for_each(|_| tally.count(kind));
        }
        let mut twice = tally;
        twice += &tally;
        assert!(twice.iter().all(|(kind, n)| n == 2 * (kind as u64 + 1)));
    }
}
