//! What is said in answer on a connection, and what its peer said: who says more is told more.
//!
//! A peer earns [`RETURN`] octets with each that it says. An answer is paid with these first, and what is missing is lent:
//! for a link no more than the whole database once, and for all connections of a host together no more than a bucket
//! holds. Who has neither is not answered.

/// Octets that may be said in answer for each that was heard, in the long run: an answer to a sum or a question is longer
/// than what it answers, and what more a node says, a stranger could have it say to nobody's use.
pub(super) const RETURN: i64 = 3;
/// Octets that may be saved: who was linked for days is told no flood of answers either.
const SAVED: i64 = 1 << 20;

/// One connection's account, in octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Earnings {
    left: i64,
    lent: u64,
}

impl Earnings {
    /// The peer said so many.
    pub(super) fn earn(&mut self, octets: usize) {
        let earned = i64::try_from(octets).unwrap_or(i64::MAX).saturating_mul(RETURN);
        self.left = self.left.saturating_add(earned).min(SAVED);
    }

    /// How many may be said, if as many as `spare` are to be lent and no more than `most` in all.
    pub(super) fn room(&self, spare: u64, most: u64) -> u64 {
        let credit = i64::try_from(spare.min(most.saturating_sub(self.lent))).unwrap_or(i64::MAX);
        u64::try_from(self.left.saturating_add(credit)).unwrap_or(0)
    }

    /// So many are said in answer, no more than `most` of them lent; how many are lent for it.
    pub(super) fn spend(&mut self, octets: usize, most: u64) -> u64 {
        self.left = self.left.saturating_sub(i64::try_from(octets).unwrap_or(i64::MAX));
        let lent = self.debt().min(most.saturating_sub(self.lent));
        self.lent += lent;
        self.left = self.left.saturating_add_unsigned(lent);
        lent
    }

    /// How many were said that were neither earned nor lent.
    pub(super) fn debt(&self) -> u64 {
        self.left.min(0).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_missing_is_lent_once() {
        let mut earnings = Earnings::default();
        assert_eq!((earnings.room(50, 100), earnings.room(500, 100)), (50, 100));
        earnings.earn(10);
        assert_eq!((earnings.spend(20, 100), earnings.spend(60, 100), earnings.spend(60, 100)), (0, 50, 50));
        assert_eq!((earnings.debt(), earnings.room(500, 100)), (10, 0));
        earnings.earn(5);
        assert_eq!((earnings.debt(), earnings.room(500, 100)), (0, 5), "a debt is paid first");
        assert_eq!(earnings.room(500, 120), 25, "the database has grown");
    }

    #[test]
    fn who_says_a_great_deal_saves_so_much_and_no_more() {
        let mut earnings = Earnings::default();
        for octets in [1 << 18, 1 << 18, 1 << 30, usize::MAX] {
            earnings.earn(octets);
        }
        assert_eq!((earnings.room(0, 0), earnings.room(500, 100)), (1 << 20, (1 << 20) + 100));
        assert_eq!((earnings.spend(1 << 20, 0), earnings.room(0, 0)), (0, 0));
    }

    proptest! {
        /// Whoever is answered only where there is room is told three octets for each, the loan and the last answer.
        #[test]
        fn no_more_is_said_than_was_earned_and_lent(steps in prop::collection::vec((0usize..100, 0usize..1_000), 0..200)) {
            let (mut earnings, mut heard, mut told) = (Earnings::default(), 0, 0);
            for (says, answer) in steps {
                earnings.earn(says);
                heard += says;
                if earnings.room(u64::MAX, 5_000) > 0 {
                    earnings.spend(answer, 5_000);
                    told += answer;
                }
                prop_assert!(told <= 3 * heard + 5_000 + 1_000);
            }
        }
    }
}
