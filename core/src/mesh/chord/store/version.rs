//! Which of two values is the later one.

use serde::{Deserialize, Serialize};

use crate::mesh::wire::NodeId;

/// When a value was set, by a [`HybridClock`]: of two, the greater one wins everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Milliseconds since the beginning of 1970.
    pub millis: u64,
    /// Which of those within one millisecond.
    pub count: u32,
    /// The node that gave it.
    pub node: NodeId,
}

impl Version {
    /// The latest millisecond that one is read with, the last of the year 9999.
    pub const LAST_MILLIS: u64 = 253_402_300_799_999;
}

/// How safe the copies of a value are before it is acknowledged; it travels with the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// They outlive the loss of fewer nodes than there are copies.
    Memory,
    /// Each outlives its process.
    Written,
    /// Each outlives a loss of power.
    Synced,
}

/// Gives versions: by the clock on the wall, and later than all that were given or heard. Where the greatest of those is of a
/// time that has not come yet, the clock on the wall was wrong and has been set right: it counts no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HybridClock {
    node: NodeId,
    /// The greatest given or heard.
    last: (u64, u32),
}

/// A version is of a time that has not come yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a version is more than {} s ahead of the clock", HybridClock::MAX_AHEAD / 1_000)]
pub struct TooFarAhead;

impl HybridClock {
    /// How far another node's clock may be ahead of this one's, in milliseconds.
    pub const MAX_AHEAD: u64 = 60_000;

    /// That of a node.
    pub const fn new(node: NodeId) -> Self {
        HybridClock { node, last: (0, 0) }
    }

    /// A version that is later than `floor`, the one that it replaces, and than the greatest that was given or
    /// [heard](Self::heard), if that is at most [`MAX_AHEAD`](Self::MAX_AHEAD) ahead of the clock on the wall, which shows
    /// `unix_millis`.
    pub fn next(&mut self, unix_millis: u64, floor: Option<Version>) -> Version {
        let last = if is_near(self.last.0, unix_millis) { self.last } else { (0, 0) };
        let floor = floor.map_or((0, 0), |floor| (floor.millis, floor.count));
        self.last = behind(last.max(floor)).max((unix_millis, 0));
        Version { millis: self.last.0, count: self.last.1, node: self.node }
    }

    /// Another node has given this version; those given here are later from now on.
    ///
    /// # Errors
    /// It is more than [`MAX_AHEAD`](Self::MAX_AHEAD) ahead of the clock on the wall. Nothing has changed.
    pub fn heard(&mut self, version: Version, unix_millis: u64) -> Result<(), TooFarAhead> {
        if !is_near(version.millis, unix_millis) {
            return Err(TooFarAhead);
        }
        self.last = self.last.max((version.millis, version.count));
        Ok(())
    }
}

const fn is_near(millis: u64, unix_millis: u64) -> bool {
    millis <= unix_millis.saturating_add(HybridClock::MAX_AHEAD)
}

fn behind((millis, count): (u64, u32)) -> (u64, u32) {
    count.checked_add(1).map_or((millis.saturating_add(1), 0), |count| (millis, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Next(Option<Version>),
        Heard(Version),
    }

    fn version() -> impl Strategy<Value = Version> {
        let count = prop_oneof![0..3u32, Just(u32::MAX)];
        (0..100_000u64, count, any::<u8>()).prop_map(|(millis, count, node)| Version {
            millis,
            count,
            node: NodeId([node; NodeId::LEN]),
        })
    }

    fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
        let act =
            prop_oneof![prop::option::of(version()).prop_map(Act::Next), version().prop_map(Act::Heard)];
        vec((0..100_000u64, act), 1..60)
    }

    proptest! {
        /// Whatever the clock on the wall shows, steps back included; but for what is further ahead of it than may be.
        #[test]
        fn what_is_given_is_later_than_all_before(acts in acts()) {
            let mut clock = HybridClock::new(NodeId([0; NodeId::LEN]));
            let mut known: Option<Version> = None;
            for (wall, act) in acts {
                match act {
                    Act::Next(floor) => {
                        let given = clock.next(wall, floor);
                        known = known.filter(|known| known.millis <= wall + HybridClock::MAX_AHEAD);
                        prop_assert!(Some(given) > known.max(floor) && given.millis >= wall);
                        known = Some(given);
                    }
                    Act::Heard(version) => match clock.heard(version, wall) {
                        Ok(()) => known = known.max(Some(version)),
                        Err(TooFarAhead) => prop_assert!(version.millis > wall + HybridClock::MAX_AHEAD),
                    },
                }
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_right_gives_versions_of_its_time() {
        let mut clock = HybridClock::new(NodeId([1; NodeId::LEN]));
        let ahead = clock.next(3_600_000, None);
        assert_eq!(clock.next(1_000, None).millis, 1_000);
        assert!(clock.next(2_000, Some(ahead)) > ahead);
    }

    #[test]
    fn what_is_far_ahead_is_refused_and_changes_nothing() {
        let mut clock = HybridClock::new(NodeId([1; NodeId::LEN]));
        let at = |millis| Version { millis, count: 7, node: NodeId([9; NodeId::LEN]) };
        assert_eq!(clock.heard(at(161_001), 101_000), Err(TooFarAhead));
        assert_eq!(clock.next(101_000, None).millis, 101_000);
        assert_eq!(clock.heard(at(161_000), 101_000), Ok(()));
        assert_eq!((clock.next(101_001, None).millis, clock.last.1), (161_000, 8));
    }
}
