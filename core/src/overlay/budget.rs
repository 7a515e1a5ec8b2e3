//! How much a peer may ask of a node before it is slowed, and then closed: token buckets on the machine's time.
//!
//! There is no authentication, so that these are bounds and no judgement of identities: what is charged is what arrives
//! on a connection, whoever made it. Payloads are not charged. They pay by what they wait for: each link's queue is
//! bounded, and what is more is shed.

use core::time::Duration;

use crate::kernel::Time;

/// So many tokens at once, and so many more each second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rate {
    /// What a full bucket holds.
    pub burst: u32,
    /// What comes back each second, from 1.
    pub per_second: u32,
}

/// Parts of a token that a bucket counts in: a microsecond brings `per_second` of them.
const PARTS: i64 = 1_000_000;

/// A token bucket. It may be overdrawn by what was not foreseen, and then gives nothing until it has come up again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bucket {
    rate: Rate,
    level: i64,
    at: Time,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn full(rate: Rate, now: Time) -> Self {
        Bucket { rate, level: i64::from(rate.burst) * PARTS, at: now }
    }

    /// Takes `tokens`, whether they are there or not.
    pub(super) fn charge(&mut self, now: Time, tokens: u64) {
        self.refill(now);
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS);
        self.level = self.level.saturating_sub(tokens);
    }

    /// Takes one token if there is one.
    pub(super) fn take(&mut self, now: Time) -> bool {
        self.refill(now);
        let there = self.level >= PARTS;
        if there {
            self.level -= PARTS;
        }
        there
    }

    /// Takes `tokens` if they are there.
    ///
    /// # Errors
    /// They are not; when they are.
    pub(super) fn spend(&mut self, now: Time, tokens: u64) -> Result<(), Time> {
        self.refill(now);
        let parts = i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS);
        let missing = u64::try_from(parts.saturating_sub(self.level)).unwrap_or(0);
        if missing > 0 {
            return Err(now + Duration::from_micros(missing.div_ceil(u64::from(self.rate.per_second.max(1)))));
        }
        self.level -= parts;
        Ok(())
    }

    /// Whether so many tokens are there.
    pub(super) fn holds(&self, tokens: u64) -> bool {
        self.level >= i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(PARTS)
    }

    /// Whether more was taken than there was.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.level < 0
    }

    /// Whether more than half of the burst is there.
    pub(super) fn is_over_half(&self) -> bool {
        self.level > i64::from(self.rate.burst) * PARTS / 2
    }

    /// Whether nothing has been taken that has not come back.
    pub(super) fn is_full(&self) -> bool {
        self.level >= i64::from(self.rate.burst) * PARTS
    }

    /// When it is no more overdrawn; in the past if it is not.
    pub(super) fn settled_at(&self) -> Time {
        let micros = self.level.min(0).unsigned_abs().div_ceil(u64::from(self.rate.per_second.max(1)));
        self.at + Duration::from_micros(micros)
    }

    /// Brings the level up to `now`.
    pub(super) fn refill(&mut self, now: Time) {
        let passed = i64::try_from(now.since(self.at).as_micros()).unwrap_or(i64::MAX);
        let grown = self.level.saturating_add(passed.saturating_mul(i64::from(self.rate.per_second)));
        self.level = grown.min(i64::from(self.rate.burst) * PARTS);
        self.at = self.at.max(now);
    }
}

/// What a peer may do. Each burst is many times what the busiest honest neighbour was seen to use of it: when 490 nodes
/// join within ten seconds, 585 frames and 288 kB (`examples/peaks.rs`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Budgets {
    /// Packets, payloads aside. A whole database of 16,384 records may come over a link that has just opened, each of
    /// them twice; afterwards a neighbour passes on the news of everybody.
    pub frames: Rate,
    /// Their octets, with room for the longest records.
    pub octets: Rate,
    /// Nodes heard of for the first time, and claims that somebody is gone. A link may bring a whole database at once;
    /// later, newcomers come one by one.
    pub ids: Rate,
    /// Octets said in answer to the peer: records that it asks for, comparisons, lists of nodes. What it asks for costs
    /// many times what asking costs.
    pub answers: Rate,
    /// Milliseconds for which a peer may be slowed before it is closed: one that is slowed for more than half of the time
    /// ends there.
    pub patience: Rate,
    /// Datagrams from one host that belong to no link: probes, and what nobody waits for. The rest goes unread.
    pub datagrams: Rate,
    /// Octets told to strangers of one host: lists of nodes.
    pub introductions: Rate,
    /// Probes sent to one host in the rounds that measure distances. Records of thousands of ids that all name one
    /// address make nobody flood it; the rest of those ids wait for a later round.
    pub probes: Rate,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets {
            frames: Rate { burst: 32_768, per_second: 2_048 },
            octets: Rate { burst: 32 << 20, per_second: 1 << 20 },
            ids: Rate { burst: 16_384, per_second: 64 },
            answers: Rate { burst: 16 << 20, per_second: 256 << 10 },
            patience: Rate { burst: 5_000, per_second: 500 },
            datagrams: Rate { burst: 4_096, per_second: 1_024 },
            introductions: Rate { burst: 8 << 20, per_second: 1 << 20 },
            probes: Rate { burst: 256, per_second: 16 },
        }
    }
}

/// Which budget a peer has passed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum Budget {
    /// [`Budgets::frames`].
    Frames,
    /// [`Budgets::octets`].
    Octets,
    /// [`Budgets::ids`], or as many octets in the database as one peer may introduce.
    Ids,
    /// [`Budgets::answers`].
    Answers,
}

impl Budget {
    /// In the order of [`Meter`]'s buckets.
    const ALL: [Budget; 4] = [Budget::Frames, Budget::Octets, Budget::Ids, Budget::Answers];
}

/// What was done about a peer over its budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum Measure {
    /// It is not read from until its bucket has come up again.
    Slowed,
    /// It was slowed for most of the time, and its connection is closed.
    Closed,
}

/// The buckets of one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meter {
    buckets: [Bucket; 4],
    patience: Bucket,
}

impl Meter {
    /// Full buckets.
    pub(super) fn new(budgets: &Budgets, now: Time) -> Self {
        let rates = [budgets.frames, budgets.octets, budgets.ids, budgets.answers];
        Meter {
            buckets: rates.map(|rate| Bucket::full(rate, now)),
            patience: Bucket::full(budgets.patience, now),
        }
    }

    pub(super) fn charge(&mut self, now: Time, budget: Budget, tokens: u64) {
        self.buckets[budget as usize].charge(now, tokens);
    }

    /// The first budget that is overdrawn, and when it no more is.
    pub(super) fn overdrawn(&self) -> Option<(Budget, Time)> {
        let over = Budget::ALL.into_iter().find(|budget| self.buckets[*budget as usize].is_overdrawn())?;
        Some((over, self.buckets[over as usize].settled_at()))
    }

    /// The peer was slowed for `time`; whether that is more than one has patience for.
    pub(super) fn slowed(&mut self, now: Time, time: Duration) -> bool {
        self.patience.charge(now, u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self.patience.is_overdrawn()
    }

    /// Whether the peer was not slowed for a good while.
    pub(super) fn is_patient(&mut self, now: Time) -> bool {
        self.patience.refill(now);
        self.patience.is_full()
    }

    /// Whether one who comes from where this peer came from is to be let in again.
    pub(super) fn is_welcome(&mut self, now: Time) -> bool {
        self.patience.refill(now);
        self.patience.is_over_half()
    }

    /// Whether all that was taken has come back.
    pub(super) fn is_full(&mut self, now: Time) -> bool {
        self.buckets.iter_mut().chain([&mut self.patience]).all(|bucket| {
            bucket.refill(now);
            bucket.is_full()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_burst_is_not_more_than_half() {
        let mut bucket = Bucket::full(Rate { burst: 10, per_second: 1 }, Time::ZERO);
        let more_than_half: [bool; 7] = core::array::from_fn(|_| {
            let over = bucket.is_over_half();
            bucket.take(Time::ZERO);
            over
        });
        assert_eq!(more_than_half, [true, true, true, true, true, false, false]);
    }

    #[test]
    fn one_who_was_slowed_is_watched_until_all_has_come_back() {
        let budgets = Budgets { patience: Rate { burst: 1_000, per_second: 100 }, ..Budgets::default() };
        let mut meter = Meter::new(&budgets, Time::ZERO);
        assert!(meter.is_patient(Time::ZERO) && meter.is_full(Time::ZERO));
        assert!(!meter.slowed(Time::ZERO, Duration::from_millis(600)));
        assert!(!meter.is_patient(Time::ZERO) && !meter.is_welcome(Time::ZERO) && !meter.is_full(Time::ZERO));
        assert!(meter.is_welcome(Time::from_secs(2)) && !meter.is_patient(Time::from_secs(2)));
        assert!(meter.is_patient(Time::from_secs(6)) && meter.is_full(Time::from_secs(6)));
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(Rate { burst: 3, per_second: 2 }, Time::ZERO);
        let given = (0..10).filter(|_| bucket.take(Time::ZERO)).count();
        assert_eq!(given, 3);
        assert!(!bucket.take(Time::from_millis(499)) && bucket.take(Time::from_millis(500)));
        bucket.charge(Time::from_millis(500), 5);
        assert_eq!(bucket.settled_at(), Time::from_millis(3_000));
        bucket.refill(Time::from_secs(60));
        assert!(bucket.is_full() && !bucket.is_overdrawn());
    }

    proptest! {
        /// In any time a bucket gives no more than its burst and what came back meanwhile, whatever is asked for.
        #[test]
        fn no_more_is_given_than_the_rate_allows(
            burst in 0u32..50, per_second in 1u32..1_000, steps in prop::collection::vec((0u64..200_000, 0u8..20), 1..100),
        ) {
            let mut bucket = Bucket::full(Rate { burst, per_second }, Time::ZERO);
            let (mut now, mut given) = (Time::ZERO, 0u64);
            for (micros, asked) in steps {
                now = now + Duration::from_micros(micros);
                given += (0..asked).filter(|_| bucket.take(now)).count() as u64;
                prop_assert!(given * 1_000_000 <= u64::from(burst) * 1_000_000 + now.as_micros() * u64::from(per_second));
            }
        }

        #[test]
        fn an_overdrawn_bucket_settles_when_it_says(burst in 0u32..50, per_second in 0u32..1_000, taken in 0u64..1 << 40, at in 0u64..1 << 50) {
            let mut bucket = Bucket::full(Rate { burst, per_second: per_second.max(1) }, Time::ZERO);
            bucket.charge(Time::from_micros(at), taken);
            let settled = bucket.settled_at();
            if bucket.is_overdrawn() && settled > Time::from_micros(at) {
                let mut before = bucket;
                before.refill(settled - Duration::from_micros(1));
                prop_assert!(before.is_overdrawn());
            }
            bucket.refill(settled);
            prop_assert!(!bucket.is_overdrawn());
        }
    }
}
