//! The same records, whatever the order: the laws of freshness.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;

use super::super::super::flood::{Duplicates, ERASE_HASH, PKT_IDS_LIMIT};
use super::*;
use crate::kernel::KeyedState;

/// More messages than ten updates and the answers to older news can cause among five relays.
const ENOUGH: usize = 10_000;

/// A node that floods: a database behind a duplicate cache.
struct Relay {
    database: Database,
    duplicates: Duplicates,
}

impl Relay {
    fn new(cache: usize) -> Self {
        let duplicates = Duplicates::with_bounds(cache, ERASE_HASH, KeyedState::new(1, 2));
        Relay { database: Database::default(), duplicates }
    }

    fn hear(&mut self, draft: &Draft) -> Option<Verdict> {
        let upt = draft.upt();
        if self.duplicates.contains(Time::ZERO, upt.hash) {
            return None;
        }
        let verdict = draft.offer(Time::ZERO, &mut self.database);
        if verdict.is_settled() {
            self.duplicates.insert(Time::ZERO, upt.hash);
        }
        Some(verdict)
    }
}

/// For each source the update with the greatest key, and under equal keys the greatest hash.
fn newest(drafts: &[Draft]) -> Vec<(NodeId, Key, Hash, BodyText)> {
    let mut newest = BTreeMap::new();
    for upt in drafts.iter().map(Draft::upt) {
        let best = newest.entry(upt.source.id.unwrap()).or_insert_with(|| upt.clone());
        if (best.key, best.hash) < (upt.key, upt.hash) {
            *best = upt;
        }
    }
    newest.into_iter().map(|(id, upt)| (id, upt.key, upt.hash, upt.body)).collect()
}

fn shuffled(drafts: &[Draft], order: &[prop::sample::Index]) -> Vec<Draft> {
    let mut out: Vec<Draft> = drafts.to_vec();
    // Every update once, and some again anywhere.
    for index in order {
        out.insert(index.index(out.len() + 1), drafts[index.index(drafts.len())].clone());
    }
    let mut rest = VecDeque::from(out);
    let mut mixed = Vec::new();
    while !rest.is_empty() {
        let at = order.get(mixed.len() % order.len().max(1)).map_or(0, |i| i.index(rest.len()));
        mixed.extend(rest.remove(at));
    }
    mixed
}

/// Floods `drafts` through relays linked in a ring with chords, each draft let in at some relay, one message delivered
/// at a time in an order that `order` picks. Who is offered older news answers with its own.
fn flood(drafts: &[Draft], relays: usize, cache: usize, order: &[prop::sample::Index]) -> Vec<Relay> {
    let mut nodes: Vec<Relay> = (0..relays).map(|_| Relay::new(cache)).collect();
    let neighbours = |n: usize| vec![(n + 1) % relays, (n + relays - 1) % relays, (n + relays / 2) % relays];
    let mut flying: Vec<(Option<usize>, usize, Draft)> = Vec::new();
    let mut known = BTreeMap::new();
    for (i, draft) in drafts.iter().enumerate() {
        known.insert(draft.upt().hash, draft.clone());
        flying.push((None, i % relays, draft.clone()));
    }
    for step in order.iter().cycle().take(ENOUGH) {
        if flying.is_empty() {
            return nodes;
        }
        let (from, to, draft) = flying.remove(step.index(flying.len()));
        match nodes[to].hear(&draft) {
            Some(Verdict::Older | Verdict::Conflict { taken: None }) => {
                let ours = nodes[to].database.get(NodeId(draft.id)).unwrap().hash();
                flying.extend(from.map(|from| (Some(to), from, known[&ours].clone())));
            }
            Some(verdict) if verdict.taken().is_some() => {
                let next = neighbours(to).into_iter().filter(|n| Some(*n) != from && *n != to);
                flying.extend(next.map(|n| (Some(to), n, draft.clone())));
            }
            _ => {}
        }
    }
    panic!("flooding goes on");
}

proptest! {
    #[test]
    fn the_order_does_not_matter(
        drafts in prop::collection::vec(drafts(3, 2), 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
        cache in prop_oneof![Just(0), Just(3), Just(PKT_IDS_LIMIT)],
    ) {
        let mut relay = Relay::new(cache);
        for draft in shuffled(&drafts, &order) {
            relay.hear(&draft);
            check(&relay.database);
        }
        prop_assert_eq!(contents(&relay.database), newest(&drafts));
    }

    #[test]
    fn flooding_ends_and_leaves_every_database_the_same(
        drafts in prop::collection::vec(drafts(3, 2), 1..10),
        relays in 2usize..6,
        cache in prop_oneof![Just(0), Just(1), Just(PKT_IDS_LIMIT)],
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
    ) {
        for relay in flood(&drafts, relays, cache, &order) {
            prop_assert_eq!(contents(&relay.database), newest(&drafts));
        }
    }

    #[test]
    fn the_standing_says_beforehand_what_an_offer_does(old in drafts(2, 2), new in drafts(2, 2)) {
        let mut database = Database::default();
        old.offer(Time::ZERO, &mut database);
        let standing = database.standing(&new.upt());
        let verdict = new.offer(Time::ZERO, &mut database);
        prop_assert!(match standing {
            Standing::Unknown | Standing::Newer => matches!(verdict, Verdict::Newer(_)),
            Standing::Same => verdict == Verdict::Same,
            Standing::Older => verdict == Verdict::Older,
            Standing::Departed => verdict == Verdict::Refused(Refusal::Departed),
            Standing::Conflict => matches!(verdict, Verdict::Conflict { .. }),
        }, "{standing:?} {verdict:?}");
    }
}

#[test]
fn the_cache_does_not_keep_out_what_may_still_be_taken() {
    let mut relay = Relay::new(PKT_IDS_LIMIT);
    assert_eq!(relay.hear(&draft(1, 1).aged(180_000)), Some(Verdict::Refused(Refusal::Expired)));
    assert!(relay.hear(&draft(1, 1)).and_then(|verdict| verdict.taken()).is_some(), "by a shorter way");
    relay.database = Database::new(Limits { records: 0, ..Limits::default() });
    assert_eq!(relay.hear(&draft(2, 1)), Some(Verdict::Full));
    relay.database = Database::default();
    assert!(relay.hear(&draft(2, 1)).and_then(|verdict| verdict.taken()).is_some(), "once there is room");
}

#[test]
fn under_an_equal_key_the_larger_hash_stays() {
    let mut both = [draft(1, 7).chooses(&[2]), draft(1, 7).chooses(&[3])];
    both.sort_by_key(|draft| draft.upt().hash);
    let [smaller, larger] = both;
    let mut database = Database::default();
    smaller.offer(Time::ZERO, &mut database);
    let Verdict::Conflict { taken: Some(change) } = larger.offer(Time::ZERO, &mut database) else {
        panic!("the larger hash was not taken");
    };
    assert!(change.wiring && change.links && !change.first_seen);
    assert_eq!(smaller.offer(Time::ZERO, &mut database), Verdict::Conflict { taken: None });
    assert_eq!(contents(&database), newest(&[larger]));
}

#[test]
fn keys_are_ordered_by_incarnation_then_sequence_and_never_wrap() {
    let max = u32::MAX;
    let ascending = [(0, 0), (0, 1), (0, max), (1, 0), (1, max), (max, 0), (max, max - 1), (max, max)];
    let mut database = Database::default();
    for (at, (incarnation, sequence)) in ascending.into_iter().enumerate() {
        let draft = |(i, s)| Draft { key: key(i, s), ..draft(1, 1) };
        assert!(matches!(draft((incarnation, sequence)).offer(Time::ZERO, &mut database), Verdict::Newer(_)));
        for older in &ascending[..at] {
            assert_eq!(draft(*older).offer(Time::ZERO, &mut database), Verdict::Older);
        }
    }
}

/// The seed's `isFresh`: an update is fresh if its counter *differs* from the one recorded. Why ours is "greater".
mod seed_rule {
    use super::*;

    /// A relay that goes by the seed's rule.
    #[derive(Default)]
    struct Differs(BTreeMap<u128, Key>);

    impl Differs {
        /// Whether the update is fresh: stored, and passed on.
        fn hear(&mut self, draft: &Draft) -> bool {
            self.0.insert(draft.id, draft.key) != Some(draft.key)
        }
    }

    #[test]
    fn a_late_update_replaces_a_newer_one() {
        let (seven, eight) = (draft(1, 7), draft(1, 8));
        let (mut differs, mut ours) = (Differs::default(), Database::default());
        for late in [&eight, &seven] {
            assert!(differs.hear(late), "stored and passed on, both of them");
            late.offer(Time::ZERO, &mut ours);
        }
        assert_eq!(differs.0[&1], seven.key, "the older one stays");
        assert_eq!(ours.get(NodeId(1)).unwrap().key(), eight.key);
    }

    /// Two versions on their way round a ring of three, one link behind each other. Once the duplicate cache has
    /// forgotten them, each finds the other one stored everywhere it comes: the ARPANET of 27 October 1980.
    #[test]
    fn two_versions_in_flight_go_round_for_ever() {
        let mut seed: Vec<Differs> = (0..3).map(|_| Differs::default()).collect();
        let mut ours: Vec<Database> = (0..3).map(|_| Database::default()).collect();
        let (mut rounds, mut taken) = (0, 0);
        for step in 0..300 {
            let (seven, eight) = (draft(1, 7), draft(1, 8));
            rounds += u32::from(seed[step % 3].hear(&eight) && seed[(step + 1) % 3].hear(&seven));
            for (relay, draft) in [(step % 3, eight), ((step + 1) % 3, seven)] {
                taken += u32::from(draft.offer(Time::ZERO, &mut ours[relay]).taken().is_some());
            }
        }
        assert_eq!(rounds, 300, "by the seed's rule each is news at every step");
        assert!(taken <= 6, "by ours each is taken at most once by each relay");
    }

    proptest! {
        #[test]
        fn where_updates_arrive_in_order_both_agree(sequences in prop::collection::btree_set(1u32..100, 1..8)) {
            let (mut differs, mut ours) = (Differs::default(), Database::default());
            for sequence in &sequences {
                differs.hear(&draft(1, *sequence));
                draft(1, *sequence).offer(Time::ZERO, &mut ours);
            }
            prop_assert_eq!(differs.0[&1], ours.get(NodeId(1)).unwrap().key());
        }
    }
}
