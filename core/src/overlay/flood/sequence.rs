//! The freshness of what a node originates.

use super::super::Key;

/// Hands out keys, each greater than all before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sequence {
    last: Key,
}

/// What hearing a record of one's own, not originated in this life, has led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Superseded {
    /// Nothing: what was heard is older than what was originated last.
    Below,
    /// The sequence went above it: originate again.
    Sequence,
    /// The incarnation has to go above it: make this number durable, then begin its [`Sequence`].
    Incarnation(u32),
    /// There is no greater key, or none worth going to. The node cannot be heard any more under this id.
    UsedUp,
}

/// The greatest incarnation that a node goes above for what it hears: half of all. A node that starts every second gets
/// there in 68 years, so that whoever says more than that has made it up, and whoever is led there has none left one day.
pub const CREDIBLE: u32 = u32::MAX / 2;

impl Sequence {
    /// The sequence of an incarnation, which is durable and greater than those before it.
    pub const fn new(incarnation: u32) -> Self {
        Sequence { last: Key { incarnation, sequence: 0 } }
    }

    /// The key handed out last, or one below the first.
    pub const fn last(&self) -> Key {
        self.last
    }

    /// The next key; `None` once the incarnation is used up: `supersede(last())` then says which one is next.
    pub fn next_key(&mut self) -> Option<Key> {
        self.last.sequence = self.last.sequence.checked_add(1)?;
        Some(self.last)
    }

    /// A record of this node was heard that it did not originate in this life: its state was lost, or somebody else uses
    /// its id. Whatever was originated last is meant to be newer. (The very record originated last, heard back, is none
    /// of these: do not ask.)
    pub fn supersede(&mut self, heard: Key) -> Superseded {
        if heard < self.last {
            return Superseded::Below;
        }
        if heard.incarnation == self.last.incarnation && heard.sequence < u32::MAX {
            self.last = heard;
            return Superseded::Sequence;
        }
        let is_credible = heard.incarnation <= CREDIBLE || heard.incarnation == self.last.incarnation;
        let next = heard.incarnation.checked_add(1).filter(|_| is_credible);
        next.map_or(Superseded::UsedUp, Superseded::Incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), Just(1), 0u32..5, Just(u32::MAX - 1), Just(u32::MAX), any::<u32>()]
    }

    proptest! {
        #[test]
        fn the_next_key_is_above_what_was_heard(own in numbers(), originated in 0u32..4, incarnation in numbers(), sequence in numbers()) {
            let mut ours = Sequence::new(own);
            for _ in 0..originated { ours.next_key(); }
            let (before, heard) = (ours.last(), Key { incarnation, sequence });
            match ours.supersede(heard) {
                Superseded::Below => prop_assert!(heard < before && ours.last() == before),
                Superseded::UsedUp => {
                    prop_assert!(heard.incarnation > CREDIBLE && ours.last() == before);
                    return Ok(());
                }
                Superseded::Sequence => prop_assert_eq!(ours.last().incarnation, own),
                Superseded::Incarnation(durable) => {
                    prop_assert!(durable > own && ours.last() == before);
                    ours = Sequence::new(durable);
                }
            }
            if ours.last() > before {
                let next = ours.next_key().expect("an incarnation that was just entered is not used up");
                prop_assert!(next > heard && next > before);
            }
        }
    }

    #[test]
    fn a_used_up_incarnation_leads_to_the_next() {
        let mut ours = Sequence::new(1);
        assert_eq!(ours.supersede(Key { incarnation: 1, sequence: u32::MAX - 1 }), Superseded::Sequence);
        assert_eq!(ours.next_key(), Some(Key { incarnation: 1, sequence: u32::MAX }));
        assert_eq!(ours.next_key(), None);
        assert_eq!(ours.supersede(ours.last()), Superseded::Incarnation(2));
    }

    #[test]
    fn nothing_is_above_the_greatest_key() {
        let max = Key { incarnation: u32::MAX, sequence: u32::MAX };
        assert_eq!(Sequence::new(1).supersede(max), Superseded::UsedUp);
        let far = Key { incarnation: CREDIBLE + 1, sequence: 1 };
        assert_eq!(Sequence::new(1).supersede(far), Superseded::UsedUp);
        assert_eq!(Sequence::new(CREDIBLE + 1).supersede(far), Superseded::Sequence);
        let mut last = Sequence::new(u32::MAX);
        assert_eq!(last.supersede(Key { incarnation: u32::MAX, sequence: 7 }), Superseded::Sequence);
        assert_eq!(last.next_key(), Some(Key { incarnation: u32::MAX, sequence: 8 }));
    }
}
