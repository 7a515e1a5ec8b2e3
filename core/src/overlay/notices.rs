//! Whom a relay has told lately that its queue is crowded.

use alloc::collections::BTreeMap;
use core::time::Duration;

use super::names::NodeId;
use crate::kernel::Time;

/// A source is told of a destination at most so often.
const EVERY: Duration = Duration::from_millis(10);
/// Sources and destinations remembered for so long; while there are as many nobody else is told.
const NOTICES: usize = 256;

/// When which source was told of which destination.
#[derive(Debug, Default)]
pub(super) struct Notices {
    told: BTreeMap<(NodeId, NodeId), Time>,
}

impl Notices {
    /// Whether `source` is to be told now that payloads for `destination` fill a queue; it then counts as told.
    pub(super) fn admit(&mut self, now: Time, source: NodeId, destination: NodeId) -> bool {
        let recent = |at: &Time| now.since(*at) < EVERY;
        if self.told.get(&(source, destination)).is_some_and(recent) {
            return false;
        }
        if self.told.len() >= NOTICES {
            self.told.retain(|_, at| recent(at));
        }
        let room = self.told.len() < NOTICES;
        if room {
            self.told.insert((source, destination), now);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_once_in_ten_milliseconds_and_so_many_in_all() {
        let mut notices = Notices::default();
        let mut told =
            |millis, source: u128| notices.admit(Time::from_millis(millis), NodeId(source), NodeId(9));
        let first = [told(0, 1), told(9, 1), told(10, 1), told(10, 2), told(19, 1), told(20, 1)];
        assert_eq!(first, [true, false, true, true, false, true]);
        let many = (0..1_000).filter(|source| told(25, 1_000 + source)).count();
        assert_eq!(many, NOTICES - 1, "1 was told five milliseconds ago");
        assert!(told(35, 5_000));
    }
}
