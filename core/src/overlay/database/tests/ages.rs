//! Ages of several copies, and who is remembered as gone.

use core::time::Duration;

use super::*;

const TELLER: NodeId = NodeId(77);

const fn secs(secs: u64) -> Time {
    Time::from_secs(secs)
}

fn tell(database: &mut Database, now: Time, draft: &Draft) -> Verdict {
    database.offer_from(Some(TELLER), now, draft.upt(), &draft.body())
}

fn age(database: &Database, now: Time) -> u32 {
    database.get(NodeId(1)).unwrap().age(now)
}

#[test]
fn an_age_is_the_least_of_any_copy_and_no_less_than_the_time_here() {
    let mut database = Database::default();
    tell(&mut database, secs(10), &draft(1, 1).aged(150_000));
    assert_eq!(database.next_expiry(), Some(secs(40)));
    let mut lower = |now, claimed| {
        let moved = database.lower_age(secs(now), NodeId(1), claimed);
        check(&database);
        (moved.as_secs(), age(&database, secs(now)))
    };
    assert_eq!(lower(20, 170_000), (0, 160_000), "a higher one");
    assert_eq!(lower(20, 100_000), (60, 100_000));
    assert_eq!(lower(30, 110_000), (0, 110_000), "the same copy later");
    assert_eq!(lower(30, 0), (90, 20_000), "it is here for so long");
    assert_eq!(lower(100, 0), (0, 90_000));
    assert_eq!(database.get(NodeId(1)).unwrap().first_taken(), (secs(10), 0));
    assert_eq!(database.expire(secs(190)), [NodeId(1)], "its life after it came here first");
    assert_eq!(database.lower_age(secs(191), NodeId(1), 0), Duration::ZERO);
}

#[test]
fn a_later_key_is_a_life_of_its_own() {
    let mut database = Database::default();
    tell(&mut database, secs(0), &draft(1, 1));
    tell(&mut database, secs(100), &draft(1, 2).aged(50_000));
    database.lower_age(secs(120), NodeId(1), 0);
    assert_eq!((age(&database, secs(120)), database.next_expiry()), (20_000, Some(secs(280))));
}

#[test]
fn two_records_under_one_key_have_one_life() {
    let mut both = [draft(1, 7).chooses(&[2]), draft(1, 7).chooses(&[3])];
    both.sort_by_key(|draft| draft.upt().hash);
    let mut database = Database::default();
    tell(&mut database, secs(0), &both[0]);
    assert!(tell(&mut database, secs(100), &both[1]).taken().is_some());
    assert_eq!(database.next_expiry(), Some(secs(180)));
}

#[test]
fn what_a_node_that_slept_keeps_longer_is_not_shortened() {
    let mut database = Database::default();
    tell(&mut database, secs(0), &draft(1, 1).aged(100_000));
    database.put_off(Duration::from_secs(1_000));
    assert_eq!(database.lower_age(secs(1_000), NodeId(1), 0), Duration::ZERO);
    assert_eq!(database.next_expiry(), Some(secs(1_080)));
}

#[test]
fn who_is_gone_is_remembered_for_the_longest_life() {
    let mut database = Database::default();
    tell(&mut database, secs(0), &draft(1, 5));
    database.expire(secs(180));
    let refused = Verdict::Refused(Refusal::Departed);
    assert_eq!(database.departed(NodeId(1)), Some(key(1, 5)));
    assert_eq!(database.standing(&draft(1, 4).upt()), Standing::Departed);
    assert_eq!(tell(&mut database, secs(3_779), &draft(1, 4)), refused);
    assert_eq!(tell(&mut database, secs(3_779), &draft(1, 5)), refused, "whatever age it claims");
    assert!(tell(&mut database, secs(3_780), &draft(1, 4)).taken().is_some());
}

#[test]
fn who_returns_under_a_greater_key_is_not_remembered_as_gone() {
    let mut database = Database::default();
    tell(&mut database, secs(0), &draft(1, 5));
    database.expire(secs(180));
    assert!(tell(&mut database, secs(200), &draft(1, 6)).taken().is_some());
    assert_eq!(database.departed(NodeId(1)), None);
    assert_eq!(tell(&mut database, secs(200), &draft(1, 5)), Verdict::Older);
}

#[test]
fn a_true_copy_undoes_an_expiry_by_a_lie_for_as_long_as_the_record_may_live() {
    let mut database = Database::default();
    tell(&mut database, secs(0), &draft(1, 5).aged(179_000));
    assert_eq!(database.expire(secs(1)), [NodeId(1)]);
    assert!(tell(&mut database, secs(2), &draft(1, 5).aged(2_000)).taken().is_some());
    assert_eq!(database.next_expiry(), Some(secs(180)));
    database.expire(secs(180));
    assert_eq!(tell(&mut database, secs(181), &draft(1, 5)), Verdict::Refused(Refusal::Departed));
    assert_eq!(database.departed(NodeId(1)), Some(key(1, 5)));
}

#[test]
fn whose_record_had_to_go_may_return_with_it_and_with_no_older_one() {
    let mut database = Database::new(Limits { records: 2, ..Limits::default() });
    for id in [1, 2] {
        tell(&mut database, secs(0), &draft(id, 5));
    }
    let other = draft(3, 1);
    assert!(database.offer_from(Some(NodeId(78)), secs(0), other.upt(), &other.body()).taken().is_some());
    assert_eq!(database.take_displaced(), [NodeId(2)]);
    database.expire(secs(100));
    assert_eq!(tell(&mut database, secs(100), &draft(2, 4)), Verdict::Refused(Refusal::Departed));
    assert_eq!(tell(&mut database, secs(100), &draft(2, 5)), Verdict::Full);
    assert_eq!(database.departed(NodeId(2)), Some(key(1, 5)), "still");
}

/// What nobody told of is the node's own.
#[test]
fn a_nodes_own_record_is_never_remembered_as_gone() {
    let mut database = Database::default();
    draft(1, 5).offer(secs(0), &mut database);
    database.expire(secs(180));
    assert_eq!(database.departed(NodeId(1)), None);
}
