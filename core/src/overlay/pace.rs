//! How fast payloads leave as datagrams.
//!
//! Beats go through the same socket, and the one that they arrive at has one buffer for everybody's: what fills it is
//! dropped there with whatever comes next. Nothing tells the sender. So payloads take a share of what a buffer holds at
//! once, and then only as much as a receiver reads in time.

use crate::kernel::{Bucket, Rate, Time};

/// What a datagram takes of a socket's buffer beside its octets: about what Linux charges for it.
const OVERHEAD: usize = 768;
/// Octets at once, overheads included: a third of a buffer as systems have it by default.
const BURST: u32 = 64 << 10;
/// ... and in a second: some forty thousand of the smallest payloads.
const PER_SECOND: u32 = 32 << 20;

/// The budget of a datagram socket for payloads.
#[derive(Debug)]
pub(super) struct Pace(Bucket);

impl Pace {
    pub(super) fn new() -> Self {
        Pace(Bucket::full(Rate { burst: BURST, per_second: PER_SECOND }, Time::ZERO))
    }

    /// Sends a datagram of `len` octets, if there is room.
    ///
    /// # Errors
    /// There is none; when there is.
    pub(super) fn send(&mut self, now: Time, len: usize) -> Result<(), Time> {
        self.0.spend(now, (len + OVERHEAD) as u64)
    }

    /// Whether a quarter of the burst may go at once: enough to tell somebody that there is room.
    pub(super) fn is_roomy(&mut self, now: Time) -> bool {
        self.0.refill(now);
        self.0.holds(u64::from(BURST / 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_burst_then_as_many_as_the_rate_allows() {
        let (mut pace, start) = (Pace::new(), Time::from_secs(1));
        let burst = (0..1_000).take_while(|_| pace.send(start, 200).is_ok()).count();
        assert_eq!(burst, 67, "a third of what a buffer takes");
        let later = pace.send(start, 200).unwrap_err();
        assert!(!pace.is_roomy(start));
        assert!(pace.send(later, 200).is_ok() && pace.send(later, 200).is_err());
        assert!(pace.is_roomy(later + Duration::from_millis(1)));
        let second = (0..1_000u64)
            .map(|milli| later + Duration::from_millis(milli))
            .map(|now| (0..).take_while(|_| pace.send(now, 200).is_ok()).count())
            .sum::<usize>();
        assert!((34_000..36_000).contains(&second), "{second}");
    }
}
