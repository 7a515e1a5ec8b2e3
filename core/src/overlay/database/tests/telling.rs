//! Who told of which record, and what goes when there is no room.

use super::*;
use crate::overlay::database::RECORD_CHARGE;

const LIAR: Option<NodeId> = Some(NodeId(1_001));
const HONEST: Option<NodeId> = Some(NodeId(1_002));

fn tell(database: &mut Database, teller: Option<NodeId>, draft: &Draft) -> Verdict {
    database.offer_from(teller, Time::ZERO, draft.upt(), &draft.body())
}

fn ids(database: &Database) -> Vec<u128> {
    database.entries().map(|entry| entry.id().0).collect()
}

#[test]
fn who_tells_of_many_gets_in_its_own_way_alone() {
    let mut database = Database::new(Limits { records: 6, ..Limits::default() });
    assert!(tell(&mut database, None, &draft(0, 1)).taken().is_some());
    assert!(tell(&mut database, HONEST, &draft(1, 1)).taken().is_some());
    for id in 10..14 {
        assert!(tell(&mut database, LIAR, &draft(id, 1)).taken().is_some());
    }
    for id in 14..30 {
        assert_eq!(tell(&mut database, LIAR, &draft(id, 1)), Verdict::Full);
    }
    assert!(tell(&mut database, HONEST, &draft(2, 1)).taken().is_some());
    assert_eq!(ids(&database), [0, 1, 2, 10, 11, 12], "the last of the largest account went");
    assert_eq!(database.take_displaced(), [NodeId(13)]);
    assert_eq!(tell(&mut database, HONEST, &draft(3, 1)), Verdict::Full, "three each: nobody has more");
    check(&database);
}

#[test]
fn what_was_told_last_goes_first() {
    let mut database = Database::new(Limits { records: 3, ..Limits::default() });
    for id in [12, 11, 10] {
        tell(&mut database, LIAR, &draft(id, 1));
    }
    tell(&mut database, HONEST, &draft(1, 1));
    assert_eq!(database.take_displaced(), [NodeId(10)]);
}

#[test]
fn one_peer_introduces_so_much_and_no_more() {
    let each = draft(10, 1).body_octets() + RECORD_CHARGE;
    let mut database = Database::new(Limits { introduced: 3 * each, ..Limits::default() });
    for id in 10..13 {
        assert!(tell(&mut database, LIAR, &draft(id, 1)).taken().is_some());
    }
    assert_eq!(tell(&mut database, LIAR, &draft(13, 1)), Verdict::Refused(Refusal::Introduced));
    assert!(tell(&mut database, LIAR, &draft(12, 2)).taken().is_some(), "news of the same nodes");
    assert!(tell(&mut database, HONEST, &draft(13, 1)).taken().is_some(), "others may still tell of it");
    assert!(tell(&mut database, HONEST, &draft(10, 2)).taken().is_some());
    assert!(
        tell(&mut database, LIAR, &draft(14, 1)).taken().is_some(),
        "what another tells of anew is charged there"
    );
    database.expire(Time::from_secs(200));
    assert!(database.is_empty());
    for id in 20..23 {
        assert!(tell(&mut database, LIAR, &draft(id, 3)).taken().is_some(), "accounts end with the records");
    }
}

proptest! {
    /// Whoever tells of whatever: the bounds hold, sums are right, and nobody loses a record to one who told of more.
    #[test]
    fn accounts_are_right(tellings in prop::collection::vec((0u128..4, drafts(12, 2)), 0..60), records in 1u32..8) {
        let mut database = Database::new(Limits { records, ..Limits::default() });
        for (teller, draft) in tellings {
            let before: Vec<(NodeId, Option<NodeId>)> = database.entries().map(|e| (e.id(), e.teller())).collect();
            let told = |who: Option<NodeId>| before.iter().filter(|(_, teller)| *teller == who).count();
            let teller = (teller > 0).then_some(NodeId(teller));
            tell(&mut database, teller, &draft);
            for gone in database.take_displaced() {
                let victim = before.iter().find(|(id, _)| *id == gone).unwrap().1;
                prop_assert!(victim.is_some() && victim != teller);
                prop_assert!(teller.is_none() || told(victim) >= told(teller));
            }
            check(&database);
            prop_assert!(database.len() <= records as usize);
        }
        database.expire(Time::from_secs(4_000));
        prop_assert_eq!(database.octets(), 0);
    }
}

#[test]
fn who_tells_of_many_that_go_has_nobody_forgotten_of_whom_others_told() {
    let mut database = Database::default();
    let mut gone = |teller, ids: core::ops::Range<u128>| {
        for id in ids {
            assert!(tell(&mut database, teller, &draft(id, 1)).taken().is_some());
        }
        database.expire(Time::from_secs(200));
        database.departed(NodeId(1))
    };
    for first in (10..27).map(|n| n * 1_000) {
        gone(LIAR, first..first + 1_000);
    }
    assert_eq!(gone(HONEST, 1..2), Some(key(1, 1)));
    assert_eq!(gone(LIAR, 50_000..50_010), Some(key(1, 1)), "those of the largest account go");
}
