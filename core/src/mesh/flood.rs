//! Which broadcasts are news.

use core::time::Duration;

use super::wire::MessageId;
use crate::kernel::{KeyedState, SeenCache, Time};

/// How old a broadcast may be, and how far ahead its time; py2p's figure for the first. A node whose clock is wrong by more
/// is heard by nobody.
pub const HEEDED: u64 = 60;
/// How long a broadcast can be news: heard when its time is as far ahead as it may be, until it is as old as it may be; and
/// a second, since time is counted in whole ones.
const KEPT: Duration = Duration::from_secs(2 * HEEDED + 1);
/// So many octets of an id are remembered.
const OCTETS: usize = 16;

/// What a broadcast is to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    News,
    Known,
    Old,
    Ahead,
}

/// The broadcasts that were seen.
#[derive(Debug)]
pub(super) struct Flood {
    seen: SeenCache<[u8; OCTETS]>,
}

impl Flood {
    pub(super) fn new(limit: usize, hasher: KeyedState) -> Self {
        Flood { seen: SeenCache::new(limit, KEPT, hasher) }
    }

    /// Whether a broadcast of this id was seen.
    pub(super) fn knows(&mut self, now: Time, id: MessageId) -> bool {
        self.seen.contains(now, &short(id))
    }

    /// Takes one that was said at `sent`, as it says itself, when a clock shows `seconds`. Without a clock its age is not
    /// looked at.
    pub(super) fn take(&mut self, now: Time, seconds: Option<u64>, sent: u64, id: MessageId) -> Verdict {
        if let Some(seconds) = seconds {
            if sent.saturating_add(HEEDED) < seconds {
                return Verdict::Old;
            }
            if sent > seconds.saturating_add(HEEDED) {
                return Verdict::Ahead;
            }
        }
        if self.seen.insert(now, short(id)) { Verdict::News } else { Verdict::Known }
    }
}

fn short(id: MessageId) -> [u8; OCTETS] {
    let mut short = [0; OCTETS];
    short.copy_from_slice(&id.0[..OCTETS]);
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::{Seed, Streams};

    fn flood(limit: usize) -> Flood {
        Flood::new(limit, Streams::new(Seed::from_u64(1)).keyed("seen"))
    }

    fn id(n: u8) -> MessageId {
        MessageId([n; MessageId::LEN])
    }

    #[test]
    fn a_minute_either_way_is_heeded() {
        let mut flood = flood(9);
        let verdicts = [939, 940, 1_060, 1_061]
            .map(|sent| flood.take(Time::ZERO, Some(1_000), sent, id(u8::try_from(sent % 256).unwrap())));
        assert_eq!(verdicts, [Verdict::Old, Verdict::News, Verdict::News, Verdict::Ahead]);
    }

    proptest! {
        /// Whenever one broadcast is heard, it is news once.
        #[test]
        fn a_broadcast_is_news_once(sent in 0u64..400, heard in prop::collection::vec(0u64..400_000, 1..20)) {
            let mut flood = flood(9);
            let mut heard = heard;
            heard.sort_unstable();
            let news = heard.iter().filter(|millis| {
                let now = Time::from_millis(**millis);
                flood.take(now, Some(**millis / 1_000), sent, id(1)) == Verdict::News
            });
            prop_assert!(news.count() <= 1);
        }
    }
}
