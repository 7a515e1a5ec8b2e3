//! What five tables say of one key.

use bytes::Bytes;

use crate::mesh::chord::Table;
use crate::mesh::chord::store::Record;

/// So many of the five tables that agree are right.
const MAJORITY: usize = 3;

/// What a table says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Vote {
    /// Nothing yet.
    #[default]
    Missing,
    /// Nil, which a node of py2p also says while it asks on.
    NotYet,
    /// Nil, and no more will come.
    Nothing,
    /// A value, in MessagePack.
    Value(Bytes),
}

/// What the nodes of this project keep of the key itself.
#[expect(clippy::large_enum_variant, reason = "each is part of one tally, and most come to be the large one")]
#[derive(Clone, PartialEq, Eq, Debug)]
enum Own {
    /// There are none.
    Nobody,
    Missing,
    Known(Option<Record>),
}

/// What is known of a key: the five tables that py2p reads, and beside them what nodes of this project keep under its name.
///
/// The tables decide, since a node of py2p may have overwritten all five without one of this project hearing of it. What is
/// kept under the name is no sixth vote: where it is old it would outvote what is new. It decides where the tables do not:
/// where none has anything, as before they are filled, and where no value is in three of them and it agrees with most.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    votes: [Vote; 5],
    own: Own,
}

/// What follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing yet.
    Open,
    /// This is the value.
    Value(Bytes),
    /// There is none.
    Absent,
}

impl Tally {
    /// Nothing is known. Whether what is kept under the name is asked for.
    pub(super) fn new(asks_own: bool) -> Self {
        let own = if asks_own { Own::Missing } else { Own::Nobody };
        Tally { votes: Default::default(), own }
    }

    /// A table says a value, or nil for `None`, which is `final_` where nothing else can follow. Nil that may change does
    /// not take a value's place.
    pub(super) fn say(&mut self, table: Table, value: Option<Bytes>, is_final: bool) {
        let vote = &mut self.votes[table as usize];
        match value {
            Some(value) => *vote = Vote::Value(value),
            None if is_final => *vote = Vote::Nothing,
            None if *vote == Vote::Missing => *vote = Vote::NotYet,
            None => {}
        }
    }

    /// What a table said is so no more.
    pub(super) fn unsay(&mut self, table: Table) {
        self.votes[table as usize] = Vote::Missing;
    }

    pub(super) fn say_own(&mut self, record: Option<Record>) {
        self.own = Own::Known(record);
    }

    /// What a table has.
    pub(super) fn value(&self, table: Table) -> Option<&Bytes> {
        match &self.votes[table as usize] {
            Vote::Value(value) => Some(value),
            Vote::Missing | Vote::NotYet | Vote::Nothing => None,
        }
    }

    /// Whether no table has anything.
    pub(super) fn has_nothing(&self) -> bool {
        self.most().is_none()
    }

    /// What is kept under the name.
    pub(super) fn own(&self) -> Option<&Record> {
        if let Own::Known(record) = &self.own { record.as_ref() } else { None }
    }

    pub(super) fn own_value(&self) -> Option<&Bytes> {
        self.own().and_then(|record| record.value.as_ref())
    }

    /// Whether nothing else can be said.
    pub(super) fn is_complete(&self) -> bool {
        let said = |vote: &Vote| matches!(vote, Vote::Nothing | Vote::Value(_));
        self.own != Own::Missing && self.votes.iter().all(said)
    }

    /// What most tables have that have something, and how many do; of as many the first.
    fn most(&self) -> Option<(&Bytes, usize)> {
        let values = || Table::ALL.into_iter().filter_map(|table| self.value(table));
        let counted = values().map(|value| (value, values().filter(|other| *other == value).count()));
        counted.rev().max_by_key(|(_, count)| *count)
    }

    /// What three tables have.
    pub(super) fn majority(&self) -> Option<&Bytes> {
        self.most().filter(|(_, count)| *count >= MAJORITY).map(|(value, _)| value)
    }

    /// What follows, once nodes of py2p were waited for or before.
    pub(super) fn verdict(&self, has_waited: bool) -> Verdict {
        if let Some(value) = self.majority() {
            return Verdict::Value(value.clone());
        }
        if !has_waited && !self.is_complete() {
            return Verdict::Open;
        }
        match (self.most(), self.own_value()) {
            (None, None) if self.own == Own::Missing => Verdict::Open,
            (None, None) => Verdict::Absent,
            (None, Some(own)) => Verdict::Value(own.clone()),
            (Some((_, count)), Some(own)) if self.has(own) >= count => Verdict::Value(own.clone()),
            (Some(_), _) => Verdict::Open,
        }
    }

    fn has(&self, value: &Bytes) -> usize {
        Table::ALL.into_iter().filter(|table| self.value(*table) == Some(value)).count()
    }

    /// What is most likely, where there is no verdict.
    pub(super) fn guess(&self) -> Option<Bytes> {
        self.most().map(|(value, _)| value).or(self.own_value()).cloned()
    }

    /// What every table and the name should have: what three have, or what is kept under the name.
    pub(super) fn right(&self) -> Option<Bytes> {
        self.majority().or(self.own_value()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::mesh::chord::Place;
    use crate::mesh::chord::store::Version;
    use crate::mesh::wire::NodeId;

    fn value(n: u8) -> Bytes {
        Bytes::copy_from_slice(&[n])
    }

    fn record(n: Option<u8>) -> Record {
        let version = Version { millis: 1, count: 0, node: NodeId([0; NodeId::LEN]) };
        Record {
            place: Place::of(Table::Sha384, b"k"),
            name: None,
            version,
            value: n.map(value),
            expires: None,
        }
    }

    /// Zero is nil that is final.
    fn tally(votes: [u8; 5], own: Option<u8>) -> Tally {
        let mut tally = Tally::new(true);
        for (table, vote) in Table::ALL.into_iter().zip(votes) {
            tally.say(table, (vote > 0).then(|| value(vote)), true);
        }
        tally.say_own(own.map(|own| record((own > 0).then_some(own))));
        tally
    }

    #[test]
    fn three_tables_decide_whatever_is_kept_under_the_name() {
        assert_eq!(tally([1, 0, 1, 2, 1], Some(2)).verdict(false), Verdict::Value(value(1)));
        let mut late = Tally::new(true);
        for table in [Table::Sha1, Table::Sha224, Table::Sha512] {
            late.say(table, Some(value(1)), false);
        }
        assert_eq!(late.verdict(false), Verdict::Value(value(1)));
    }

    #[test]
    fn the_name_decides_where_tables_are_empty_or_it_agrees_with_most() {
        assert_eq!(tally([0; 5], Some(7)).verdict(false), Verdict::Value(value(7)));
        assert_eq!(tally([1, 1, 2, 0, 0], Some(1)).verdict(false), Verdict::Value(value(1)));
        assert_eq!(tally([1, 1, 2, 2, 0], Some(2)).verdict(false), Verdict::Value(value(2)));
        assert_eq!(tally([1, 1, 2, 0, 0], Some(2)).verdict(true), Verdict::Open);
        for own in [None, Some(0)] {
            assert_eq!(tally([0; 5], own).verdict(false), Verdict::Absent);
            assert_eq!(tally([1, 1, 0, 0, 0], own).verdict(true), Verdict::Open);
        }
        assert_eq!(tally([2, 1, 1, 2, 0], None).guess(), Some(value(2)), "the first of as many");
    }

    #[test]
    fn nil_of_py2p_is_waited_for() {
        let mut tally = Tally::new(false);
        Table::ALL.iter().for_each(|table| tally.say(*table, None, false));
        assert_eq!((tally.verdict(false), tally.verdict(true)), (Verdict::Open, Verdict::Absent));
        tally.say(Table::Sha1, Some(value(1)), false);
        tally.say(Table::Sha1, None, false);
        assert_eq!(tally.value(Table::Sha1), Some(&value(1)), "it asked on, and said nil before");
    }

    proptest! {
        /// In whatever order tables speak, what was decided is not decided otherwise later.
        #[test]
        fn a_verdict_stays(votes in prop::collection::vec(0u8..3, 5), own in prop::option::of(0u8..3), order in Just([0usize, 1, 2, 3, 4, 5].to_vec()).prop_shuffle()) {
            let (mut tally, mut seen) = (Tally::new(true), Vec::new());
            for at in order {
                match Table::ALL.get(at) {
                    Some(table) => tally.say(*table, (votes[at] > 0).then(|| value(votes[at])), true),
                    None => tally.say_own(own.map(|own| record((own > 0).then_some(own)))),
                }
                seen.push(tally.verdict(false));
            }
            let decided: Vec<_> = seen.iter().filter(|verdict| **verdict != Verdict::Open).collect();
            prop_assert!(decided.windows(2).all(|two| two[0] == two[1]));
            prop_assert!(tally.is_complete());
        }
    }
}
