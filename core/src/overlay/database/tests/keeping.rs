//! Lives, marks and bounds.

use core::time::Duration;

use super::*;
use crate::overlay::flood::CREDIBLE;
use crate::overlay::wire::Metric;

const fn secs(secs: u64) -> Time {
    Time::from_secs(secs)
}

fn all_absent(database: &Database) -> Vec<bool> {
    database.entries().map(Entry::is_absent).collect()
}

#[test]
fn a_life_counts_from_the_decision() {
    let mut database = Database::default();
    draft(1, 1).living(200).aged(50_000).offer(secs(10), &mut database);
    draft(2, 1).offer(secs(10), &mut database);
    assert_eq!(database.next_expiry(), Some(secs(160)));
    assert_eq!(database.get(NodeId(1)).unwrap().age(secs(12)), 52_000);
    assert_eq!(database.expire(Time::from_micros(159_999_999)), []);
    assert_eq!(database.expire(secs(160)), [NodeId(1)]);
    assert_eq!(database.next_expiry(), Some(secs(190)));
    assert_eq!(database.expire(secs(500)), [NodeId(2)]);
    assert_eq!(database.next_expiry(), None);
    check(&database);
}

#[test]
fn lives_are_brought_within_bounds() {
    let lives = [(None, 180), (Some(0), 180), (Some(300), 300), (Some(u32::MAX), 3_600)];
    for (life, lives) in lives {
        let mut database = Database::default();
        Draft { life, ..draft(1, 1) }.offer(Time::ZERO, &mut database);
        assert_eq!(database.get(NodeId(1)).unwrap().life(), Duration::from_secs(lives));
        assert_eq!(database.next_expiry(), Some(secs(lives)));
    }
}

#[test]
fn under_an_incarnation_that_is_not_credible_a_record_lives_as_briefly_as_any() {
    for (incarnation, lives) in [(CREDIBLE, 3_600), (CREDIBLE + 1, 180), (u32::MAX, 180)] {
        let mut database = Database::default();
        Draft { key: key(incarnation, 1), ..draft(1, 1).living(3_600) }.offer(Time::ZERO, &mut database);
        assert_eq!(database.get(NodeId(1)).unwrap().life(), Duration::from_secs(lives), "{incarnation}");
    }
}

#[test]
fn who_looks_ids_up_by_place_learns_that_they_moved() {
    let mut database = Database::default();
    let mut generations = alloc::vec![database.index().generation()];
    draft(1, 1).offer(secs(0), &mut database);
    generations.push(database.index().generation());
    draft(2, 1).living(400).offer(secs(0), &mut database);
    generations.push(database.index().generation());
    database.expire(secs(180));
    generations.push(database.index().generation());
    draft(2, 2).offer(secs(180), &mut database);
    assert!(generations.is_sorted_by(|a, b| a < b), "each its own: {generations:?}");
    assert_eq!(generations.last(), Some(&database.index().generation()), "nobody came or went");
}

#[test]
fn what_is_as_old_as_it_may_live_is_refused() {
    let mut database = Database::default();
    for age in [180_000, u32::MAX] {
        assert_eq!(draft(1, 1).aged(age).offer(secs(9), &mut database), Verdict::Refused(Refusal::Expired));
    }
    assert!(draft(1, 1).aged(179_999).offer(secs(9), &mut database).taken().is_some());
    assert_eq!(database.expire(Time::from_micros(9_001_000)), [NodeId(1)]);
}

#[test]
fn an_expired_record_does_not_come_back() {
    let (mut here, mut there) = (Database::default(), Database::default());
    let record = draft(1, 1);
    record.offer(secs(0), &mut here);
    record.clone().aged(40).offer(secs(0), &mut there);
    assert_eq!(there.expire(secs(180)), [NodeId(1)]);
    let copy = here.get(NodeId(1)).unwrap().age(secs(180));
    let verdict = record.aged(copy).offer(secs(180), &mut there);
    assert_eq!(verdict, Verdict::Refused(Refusal::Expired));
}

#[test]
fn a_source_needs_an_id() {
    let mut upt = draft(1, 1).upt();
    upt.source.id = None;
    let mut database = Database::default();
    assert_eq!(database.standing(&upt), Standing::Unknown);
    assert_eq!(database.offer(Time::ZERO, upt, &draft(1, 1).body()), Verdict::Refused(Refusal::Anonymous));
}

#[test]
fn a_node_that_slept_keeps_what_it_had() {
    let mut database = Database::default();
    draft(1, 1).offer(secs(0), &mut database);
    draft(2, 1).living(400).offer(secs(0), &mut database);
    database.put_off(Duration::from_secs(1_000));
    assert_eq!(database.next_expiry(), Some(secs(1_180)));
    assert_eq!(database.expire(secs(1_000)), []);
    assert_eq!(database.get(NodeId(1)).unwrap().age(secs(1_000)), 1_000_000);
    check(&database);
    draft(1, 2).offer(secs(1_000), &mut database);
    check(&database);
}

#[test]
fn only_a_newer_record_or_an_answer_clears_a_mark() {
    let mut database = Database::default();
    draft(1, 5).offer(Time::ZERO, &mut database);
    draft(2, 5).offer(Time::ZERO, &mut database);
    assert!(database.mark_absent(NodeId(1)) && !database.mark_absent(NodeId(1)));
    assert!(!database.mark_absent(NodeId(9)), "who is unknown is not marked");
    draft(1, 5).offer(Time::ZERO, &mut database);
    draft(1, 4).offer(Time::ZERO, &mut database);
    assert_eq!(all_absent(&database), [true, false]);
    let change = draft(1, 6).offer(Time::ZERO, &mut database).taken().unwrap();
    assert!(change.returned && change.body_equal && change.touches_routes());
    assert_eq!(all_absent(&database), [false, false]);
    database.mark_absent(NodeId(2));
    assert!(database.clear_absent(NodeId(2)) && !database.clear_absent(NodeId(2)));
    assert_eq!(database.len(), 2, "marks delete nothing");
}

#[test]
fn costs_of_another_metric_are_not_taken_for_delays() {
    let mut load = draft(1, 1).chooses(&[2]).body().updates()[0].clone();
    load.attributes.metric = Metric::new("load").ok();
    load.attributes.k = Some(3);
    let body = Body::of(load.clone());
    let mut database = Database::default();
    database.offer(Time::ZERO, draft(1, 1).upt(), &body);
    let entry = database.get(NodeId(1)).unwrap();
    assert_eq!((entry.links(), entry.k()), (&[][..], Some(3)));
    let body = Body::new([load, draft(1, 1).chooses(&[5]).body().updates()[0].clone()]).unwrap();
    database.offer(Time::ZERO, draft(1, 2).upt(), &body);
    assert_eq!(database.get(NodeId(1)).unwrap().chosen().collect::<Vec<_>>(), [NodeId(5)]);
}

#[test]
fn records_are_bounded() {
    let mut database = Database::new(Limits { records: 3, ..Limits::default() });
    for id in 1..=5 {
        let taken = draft(id, 1).offer(Time::ZERO, &mut database).taken().is_some();
        assert_eq!(taken, id <= 3, "{id}");
    }
    assert_eq!(draft(4, 2).offer(Time::ZERO, &mut database), Verdict::Full);
    assert!(draft(3, 2).offer(Time::ZERO, &mut database).taken().is_some(), "who is in stays up to date");
    check(&database);
}

#[test]
fn the_default_bound_holds_and_is_left_again() {
    let mut database = Database::default();
    for id in (0..u128::from(MAX_RECORDS)).rev() {
        assert!(draft(id, 1).offer(Time::ZERO, &mut database).taken().is_some());
    }
    assert_eq!(draft(u128::MAX, 1).offer(Time::ZERO, &mut database), Verdict::Full);
    assert!(!database.is_empty());
    assert_eq!(database.expire(secs(180)).len(), MAX_RECORDS as usize);
    assert!(database.is_empty() && database.octets() == 0);
}

proptest! {
    #[test]
    fn octets_are_bounded(drafts in prop::collection::vec(drafts(6, 9), 1..30), octets in 0usize..2_000, records in 0u32..6) {
        let mut database = Database::new(Limits { records, octets, ..Limits::default() });
        for draft in drafts {
            let before = contents(&database);
            let verdict = draft.offer(Time::ZERO, &mut database);
            prop_assert!(database.octets() <= octets && database.len() <= records as usize);
            prop_assert!(verdict.taken().is_some() || contents(&database) == before);
            check(&database);
        }
    }
}

#[test]
fn a_full_database_takes_news_of_those_whom_it_knows() {
    let told = |id, sequence| draft(id, sequence).chooses(&[3]);
    let octets = told(1, 1).body_octets();
    let mut database = Database::new(Limits { octets, ..Limits::default() });
    assert!(told(1, 1).offer(secs(0), &mut database).taken().is_some());
    assert!(told(1, 2).offer(secs(0), &mut database).taken().is_some());
    assert_eq!(told(2, 1).offer(secs(0), &mut database), Verdict::Full);
}

#[test]
fn a_node_listens_at_the_address_of_its_name_and_at_those_it_gave() {
    let further = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 5));
    let attributes = Attributes { addrs: [further].into(), ..Attributes::default() };
    let body = Body::of(Update { attributes, links: Links::default() });
    let source = draft(1, 1).upt().source;
    let mut database = Database::default();
    database.offer(secs(7), Upt::originate(key(1, 1), source, 0, &body), &body);
    let entry = database.get(NodeId(1)).unwrap();
    assert_eq!(entry.addrs().collect::<Vec<_>>(), [source.addr, further]);
    assert_eq!(entry.received(), secs(7));
}

#[test]
fn a_first_record_changes_links_if_it_has_some() {
    let mut database = Database::default();
    let mut changed = |draft: Draft| {
        let change = draft.offer(secs(0), &mut database).taken().unwrap();
        (change.first_seen, change.links, change.wiring)
    };
    assert_eq!(changed(draft(1, 1)), (true, false, false));
    assert_eq!(changed(draft(2, 1).chooses(&[1])), (true, true, true));
}
