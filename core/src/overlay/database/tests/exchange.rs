//! What databases tell each other of themselves.

use super::*;
use crate::overlay::flood::CREDIBLE;
use crate::overlay::wire::{Have, NODES_LIMIT};

fn filled(drafts: &[Draft]) -> Database {
    let mut database = Database::default();
    for draft in drafts {
        draft.offer(Time::ZERO, &mut database);
    }
    database
}

/// Spreads small numbers over the space of ids, so that ranges have something to divide.
fn spread(drafts: Vec<Draft>) -> Vec<Draft> {
    drafts
        .into_iter()
        .map(|d| Draft { id: d.id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835), ..d })
        .collect()
}

/// The ids between two, in whatever order.
fn range(one: u128, other: u128) -> Range {
    Range::new(NodeId(one.min(other)), NodeId(one.max(other))).unwrap()
}

fn some(nodes: u128, count: usize) -> impl Strategy<Value = Vec<Draft>> {
    prop::collection::vec(drafts(nodes, 1), 0..count).prop_map(spread)
}

/// What `asked` sends to the one who asks.
fn answer(asked: &Database, ask: &super::super::super::wire::Ask) -> Vec<(NodeId, Key)> {
    asked.newer_than(ask).map(|entry| (entry.id(), entry.key())).collect()
}

proptest! {
    #[test]
    fn digests_are_equal_where_contents_are(one in some(4, 8), other in some(4, 8), same: bool) {
        let (one, other) = (filled(&one), filled(if same { &one } else { &other }));
        prop_assert_eq!(one.sum(None) == other.sum(None), contents(&one) == contents(&other));
    }

    #[test]
    fn the_running_digest_forgets_what_expired(kept in some(6, 8), gone in some(6, 8)) {
        let credible = |k: Key| Key { incarnation: k.incarnation & CREDIBLE, ..k };
        let stays = |d: Draft| Draft { id: d.id | 1, key: credible(d.key), ..d.living(600) };
        let kept: Vec<Draft> = kept.into_iter().map(stays).collect();
        let mut database = filled(&kept);
        for draft in gone { Draft { id: draft.id & !1, ..draft }.offer(Time::ZERO, &mut database); }
        database.expire(Time::from_secs(180));
        check(&database);
        prop_assert_eq!(database.sum(None), filled(&kept).sum(None));
    }

    #[test]
    fn parts_make_up_the_range(from: u128, to in prop_oneof![any::<u128>(), Just(u128::MAX)], near in 0u128..40, id: u128) {
        for range in [range(from, to), range(from, from.saturating_add(near)), Range::ALL] {
            let parts = split(range);
            let holding = parts.iter().filter(|part| part.contains(NodeId(id))).count();
            prop_assert_eq!(holding, usize::from(range.contains(NodeId(id))));
            let [first, last] = [parts.first(), parts.last()].map(Option::unwrap);
            prop_assert_eq!((first.first(), last.last()), (range.first(), range.last()));
            prop_assert!(parts.windows(2).all(|w| w[0].last().0 + 1 == w[1].first().0));
        }
    }

    #[test]
    fn sums_of_parts_make_up_the_sum(drafts in some(9, 30)) {
        let database = filled(&drafts);
        let parts = split(Range::ALL).into_iter().map(|part| database.sum(Some(part)));
        let (count, digest) = parts.fold((0, 0), |(n, d), sum| (n + sum.count, d ^ sum.digest.0));
        prop_assert_eq!((count, digest), (database.sum(None).count, database.sum(None).digest.0));
    }

    #[test]
    fn who_asks_gets_what_is_newer_or_missing(one in some(6, 12), other in some(6, 12), from: u128, to: u128, all: bool) {
        let (one, other) = (filled(&one), filled(&other));
        let range = (!all).then(|| range(from, to));
        let within = |id: NodeId| range.is_none_or(|range| range.contains(id));
        let expected: Vec<_> = one.entries()
            .filter(|e| within(e.id()) && other.get(e.id()).is_none_or(|theirs| theirs.key() < e.key()))
            .map(|e| (e.id(), e.key())).collect();
        let ask = other.ask(range);
        prop_assert!(ask.have.is_sorted() && ask.have.iter().all(|(id, _)| within(*id)));
        prop_assert_eq!(answer(&one, &ask), expected.clone());
        prop_assert_eq!(other.wanted(&one.ask(range)), !expected.is_empty());
    }

    #[test]
    fn what_a_stranger_asks_cannot_hurt(drafts in some(5, 9), have in prop::collection::vec((any::<u128>(), counters()), 0..9), from: u128, to: u128) {
        let database = filled(&drafts);
        let have = have.into_iter().map(|(id, sequence)| (NodeId(id), key(1, sequence)));
        let ask = super::super::super::wire::Ask { range: Some(range(from, to)), have: Have::ascending(have) };
        prop_assert!(answer(&database, &ask).len() <= database.len());
        database.wanted(&ask);
        database.sum(ask.range);
    }

    /// The whole conversation: sums until they are small, asks and answers, until both have the same.
    #[test]
    fn an_exchange_makes_databases_equal(shared in some(200, 150), one in some(200, 20), other in some(200, 20)) {
        // Every source's key is its own sequence, so that no two records conflict: an exchange cannot see conflicts.
        let distinct = |d: &Draft| Draft { links: Vec::new(), ..d.clone() };
        let sides = [&one, &other].map(|own| filled(&shared.iter().chain(own).map(distinct).collect::<Vec<_>>()));
        let [mut one, mut other] = sides;
        let mut flying = alloc::vec![(true, one.sum(None))];
        let mut asked = 0;
        while let Some((to_other, sum)) = flying.pop() {
            let (me, you) = if to_other { (&mut other, &mut one) } else { (&mut one, &mut other) };
            match me.compare(&sum) {
                Compared::Equal => {}
                Compared::Parts(parts) => flying.extend(parts.into_iter().map(|part| (!to_other, part))),
                Compared::Ask(ask) => {
                    asked += 1;
                    give(you, me, &ask);
                    let back = you.wanted(&ask).then(|| you.ask(ask.range));
                    if let Some(back) = back { give(me, you, &back); }
                }
            }
        }
        prop_assert_eq!(contents(&one), contents(&other));
        prop_assert!(asked <= 256);
    }
}

fn give(from: &Database, to: &mut Database, ask: &super::super::super::wire::Ask) {
    let empty = draft(0, 0).body();
    for entry in from.newer_than(ask) {
        assert!(to.offer(Time::ZERO, entry.upt().clone(), &empty).taken().is_some(), "what is sent is news");
    }
}

#[test]
fn a_thousand_records_that_differ_in_one_are_found_by_a_few_sums() {
    let drafts: Vec<Draft> = spread((1..=1_000).map(|id| draft(id, 1)).collect());
    let (one, mut other) = (filled(&drafts), filled(&drafts));
    Draft { key: key(1, 2), ..drafts[500].clone() }.offer(Time::ZERO, &mut other);
    let Compared::Parts(parts) = one.compare(&other.sum(None)) else { panic!("a thousand are not few") };
    assert_eq!(parts.len(), FANOUT);
    let differing: Vec<_> = parts.iter().filter(|part| other.compare(part) != Compared::Equal).collect();
    assert_eq!(differing.len(), 1);
}

#[test]
fn an_ask_ends_with_the_last_that_it_can_name() {
    let most = u128::try_from(NODES_LIMIT).unwrap();
    let mut database = Database::new(Limits { records: 20_000, ..Limits::default() });
    for id in 1..=most {
        draft(id, 1).offer(Time::ZERO, &mut database);
    }
    assert_eq!((database.ask(None).range, database.ask(None).have.len()), (None, NODES_LIMIT));
    draft(most + 1, 1).offer(Time::ZERO, &mut database);
    let ask = database.ask(None);
    assert_eq!((ask.range, ask.have.len()), (Some(range(0, most)), NODES_LIMIT));
    assert_eq!(answer(&database, &ask), [], "what is not named is not asked for");
    assert_eq!(database.ask(Some(range(9, u128::MAX))).range, Some(range(9, u128::MAX)));
}
