//! How much a peer may ask of a node before it is slowed, and then closed.
//!
//! There is no authentication, so that these are bounds and no judgement of identities: what is charged is what arrives
//! on a connection, whoever made it. Payloads are not charged. They pay by what they wait for: each link's queue is
//! bounded, and what is more is shed.

use core::time::Duration;

use crate::kernel::{Bucket, Rate, Time};

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
    /// Octets lent to the links of one host, for what is said in answer to them beyond three for each octet that they
    /// say: records that they ask for, comparisons, lists of nodes. Each link may have the whole database once, all of a
    /// host sixteen times; who has had it is not answered.
    pub answers: Rate,
    /// Milliseconds for which a peer may be slowed before it is closed: one that is slowed for more than half of the time
    /// ends there.
    pub patience: Rate,
    /// Datagrams from one host that belong to no link: probes, and what nobody waits for. The rest goes unread.
    pub datagrams: Rate,
    /// Octets lent to strangers of one host in the same way: lists of nodes, the graph. They may have that once, and half
    /// a MiB; then they are told of fewer.
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
            answers: Rate { burst: 16 << 20, per_second: 1 << 10 },
            patience: Rate { burst: 5_000, per_second: 500 },
            datagrams: Rate { burst: 4_096, per_second: 1_024 },
            introductions: Rate { burst: 8 << 20, per_second: 1 << 10 },
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
    /// Those for which a peer is slowed, in the order of [`Meter`]'s buckets. For answers it has an account.
    const SLOWING: [Budget; 3] = [Budget::Frames, Budget::Octets, Budget::Ids];
}

/// What was done about a peer over its budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum Measure {
    /// It is not read from until its bucket has come up again.
    Slowed,
    /// It was slowed for most of the time, and its connection is closed.
    Closed,
    /// It is not answered until it has said as much as it was told.
    Unanswered,
}

/// The buckets of one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meter {
    buckets: [Bucket; 3],
    patience: Bucket,
}

impl Meter {
    /// Full buckets.
    pub(super) fn new(budgets: &Budgets, now: Time) -> Self {
        let rates = [budgets.frames, budgets.octets, budgets.ids];
        Meter {
            buckets: rates.map(|rate| Bucket::full(rate, now)),
            patience: Bucket::full(budgets.patience, now),
        }
    }

    pub(super) fn charge(&mut self, now: Time, budget: Budget, tokens: u64) {
        if let Some(bucket) = self.buckets.get_mut(budget as usize) {
            bucket.charge(now, tokens);
        }
    }

    /// The first budget that is overdrawn, and when it no more is.
    pub(super) fn overdrawn(&self) -> Option<(Budget, Time)> {
        let over =
            Budget::SLOWING.into_iter().find(|budget| self.buckets[*budget as usize].is_overdrawn())?;
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
}
