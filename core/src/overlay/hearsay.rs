//! What it may cost to ask for a node where others say that it lives.
//!
//! Whoever reaches the port can name an address that is somebody else's, under as many ids as he likes, and the whole overlay
//! would ask there for ever. So an address that never answered is asked a few times, at growing distances, and then no more
//! until its node is told of anew. That many questions have fewer octets than three times what told of it.

use core::time::Duration;

use crate::kernel::Time;

/// Attempts to get a first answer of a node. Two may be lost.
const ATTEMPTS: u32 = 3;
/// Probes in all these attempts together, whatever the number of its addresses.
const PROBES: u32 = 6;
/// From one attempt to the next: this times the one before.
const GROWTH: u32 = 4;

/// What a node has cost of which nothing but hearsay is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Hearsay {
    attempts: u32,
    probes: u32,
    /// Not to be asked before.
    rests_until: Option<Time>,
}

impl Hearsay {
    /// Whether the node may be asked for once more, now.
    pub(super) fn may_ask(&self, now: Time) -> bool {
        self.attempts < ATTEMPTS && !self.is_spent() && self.rests_until.is_none_or(|until| until <= now)
    }

    /// An attempt begins; the first pause behind it is `pause`.
    pub(super) fn attempted(&mut self, now: Time, pause: Duration) {
        self.rests_until = Some(now + pause.saturating_mul(GROWTH.pow(self.attempts.min(ATTEMPTS))));
        self.attempts += 1;
    }

    /// A probe is sent.
    pub(super) fn asked(&mut self) {
        self.probes += 1;
    }

    /// Whether no probe is left.
    pub(super) const fn is_spent(&self) -> bool {
        self.probes >= PROBES
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn who_never_answers_is_asked_three_times_at_growing_distances() {
        let (mut hearsay, pause) = (Hearsay::default(), Duration::from_secs(10));
        let mut asked = Vec::new();
        for second in 0..10_000 {
            let now = Time::from_secs(second);
            if hearsay.may_ask(now) {
                hearsay.attempted(now, pause);
                hearsay.asked();
                asked.push(second);
            }
        }
        assert_eq!(asked, [0, 10, 50]);
    }

    #[test]
    fn many_addresses_are_no_way_to_more_probes() {
        let mut hearsay = Hearsay::default();
        hearsay.attempted(Time::ZERO, Duration::from_secs(1));
        let probes = core::iter::repeat_with(|| hearsay.asked()).take(6).count();
        assert!(hearsay.is_spent() && probes == 6 && !hearsay.may_ask(Time::from_secs(9)));
    }
}
