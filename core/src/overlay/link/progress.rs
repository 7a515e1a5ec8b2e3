//! Whether a link's connection carries anything: what the peer says it has read of it, in beats that come another way.
//!
//! One that reads slowly reads, and one that does not read, since it was sent too much, says so: neither is a connection
//! that stands still.

use core::time::Duration;

use crate::kernel::Time;

/// A connection on which nothing came through for so long, though something was sent, is looked at with padded beats ...
const DOUBTED: Duration = Duration::from_secs(1);
/// ... and given up after this, which is below five seconds with the beat that tells of it.
const STALLED: Duration = Duration::from_secs(4);

/// How far the peer has read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    read: u64,
    /// Since when something is under way and nothing came through.
    since: Option<Time>,
}

/// What there is to say of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Octets come through, or none are under way.
    Moves,
    /// None came through for a second.
    Doubtful,
    /// It is to be given up.
    Stalled,
}

impl Progress {
    /// A beat says how many octets the peer has read, of so many `sent`.
    pub fn told(&mut self, now: Time, read: Option<u64>, sent: u64) -> Flow {
        let moves = read.is_none_or(|read| read > self.read || read >= sent);
        self.read = self.read.max(read.unwrap_or(0));
        if moves {
            self.since = None;
            return Flow::Moves;
        }
        match now.since(*self.since.get_or_insert(now)) {
            still if still >= STALLED => Flow::Stalled,
            still if still >= DOUBTED => Flow::Doubtful,
            _ => Flow::Moves,
        }
    }

    /// Nothing is known at the moment: silence is no standstill.
    pub fn put_off(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_still_is_given_up_and_what_is_read_slowly_is_not() {
        let at = Time::from_millis;
        let mut still = Progress::default();
        let flows = [0, 250, 1_249, 1_250, 4_249, 4_250].map(|ms| still.told(at(ms), Some(7), 8));
        assert_eq!(flows[..3], [Flow::Moves; 3]);
        assert_eq!(flows[3..], [Flow::Doubtful, Flow::Doubtful, Flow::Stalled]);
        let mut slow = Progress::default();
        for second in 0..60 {
            assert_eq!(slow.told(Time::from_secs(second * 3), Some(second), 1_000_000), Flow::Moves);
        }
        assert_eq!(
            slow.told(Time::from_secs(500), None, 1_000_000),
            Flow::Moves,
            "it does not read and says so"
        );
        assert_eq!(slow.told(Time::from_secs(505), Some(59), 59), Flow::Moves, "all is read");
    }
}
