//! Edges against an oracle that asks every pair.

use super::*;

type Edge = (u32, u32, Cost);

/// Every pair of records, looked up the long way.
fn oracle(database: &Database, mode: LinkMode, with_bye: bool) -> Vec<Edge> {
    let numbered = || (0..).zip(database.entries());
    let mut edges = Vec::new();
    for (u, here) in numbered() {
        for (v, there) in numbered() {
            let way = here.links().iter().find(|l| l.id == there.id() && (with_bye || !l.bye));
            let back = there.links().iter().find(|l| l.id == here.id() && (with_bye || !l.bye));
            let (Some(way), Some(back)) = (way, back) else { continue };
            let chosen = way.role != ListedRole::In && back.role != ListedRole::Out;
            if !here.is_absent() && !there.is_absent() && (mode == LinkMode::Mutual || chosen) {
                edges.push((u, v, way.cost));
            }
        }
    }
    edges
}

fn effective(database: &mut Database, mode: LinkMode) -> Vec<Edge> {
    let mut edges = Vec::new();
    database.effective_edges(mode, |u, v, cost| edges.push((u, v, cost)));
    edges
}

fn lasting(database: &mut Database, mode: LinkMode) -> Vec<Edge> {
    let mut edges = Vec::new();
    database.lasting_edges(mode, |u, v, cost| edges.push((u, v, cost)));
    edges
}

/// Every pair, asked for by itself.
fn one_by_one(database: &Database, mode: LinkMode) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (u, from) in (0..).zip(database.index().ids()) {
        for (v, to) in (0..).zip(database.index().ids()) {
            edges.extend(database.edge(mode, *from, *to).map(|cost| (u, v, cost)));
        }
    }
    edges
}

#[derive(Clone, Debug)]
enum Step {
    Offer(Draft),
    Absent(u128),
    Present(u128),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (drafts(9, 7), 0u32..300).prop_map(|(draft, life)| Step::Offer(draft.living(life))),
        1 => (0u128..9).prop_map(Step::Absent),
        1 => (0u128..9).prop_map(Step::Present),
        1 => (0u64..200).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn edges_are_those_of_the_oracle_after_whatever_happened(steps in prop::collection::vec(steps(), 1..40)) {
        let (mut database, mut now) = (Database::default(), 0);
        for step in steps {
            let before = (database.index().ids().to_vec(), database.index().generation());
            match step {
                Step::Offer(draft) => { draft.offer(Time::from_secs(now), &mut database); }
                Step::Absent(id) => { database.mark_absent(NodeId(id)); }
                Step::Present(id) => { database.clear_absent(NodeId(id)); }
                Step::Pass(secs) => { now += secs; database.expire(Time::from_secs(now)); }
            }
            check(&database);
            let same = database.index().generation() == before.1;
            prop_assert_eq!(same, database.index().ids() == before.0, "dense indices hold while the generation does");
            for mode in [LinkMode::Mutual, LinkMode::Directed] {
                prop_assert_eq!(effective(&mut database, mode), oracle(&database, mode, true));
                prop_assert_eq!(lasting(&mut database, mode), oracle(&database, mode, false));
                prop_assert_eq!(one_by_one(&database, mode), oracle(&database, mode, true));
            }
        }
    }

    #[test]
    fn a_refresh_changes_nothing(draft in drafts(5, 6)) {
        let draft = Draft { key: key(1, 1), ..draft };
        let mut database = Database::default();
        draft.offer(Time::ZERO, &mut database);
        let generation = database.index().generation();
        let verdict = Draft { key: key(1, 2), ..draft }.offer(Time::ZERO, &mut database);
        let change = verdict.taken().unwrap();
        prop_assert!(change.body_equal && !change.wiring && !change.touches_routes());
        prop_assert_eq!(database.index().generation(), generation);
    }

    #[test]
    fn a_change_says_what_changed(old in drafts(3, 5), new in drafts(3, 5)) {
        let (old, new) = (Draft { id: 9, key: key(1, 1), ..old }, Draft { id: 9, key: key(1, 2), ..new });
        let mut database = Database::default();
        old.offer(Time::ZERO, &mut database);
        let before = database.get(NodeId(9)).unwrap().clone();
        let change = new.offer(Time::ZERO, &mut database).taken().unwrap();
        let after = database.get(NodeId(9)).unwrap();
        let wiring = |e: &Entry| e.links().iter().filter(|l| l.role != ListedRole::In && !l.bye).map(|l| l.id).collect::<Vec<_>>();
        let listed = |e: &Entry| e.links().iter().map(|l| (l.id, l.role)).collect::<Vec<_>>();
        let pairs = before.links().iter().filter_map(|b| after.link(b.id).map(|a| (a.cost, b.cost)));
        prop_assert_eq!(change.wiring, wiring(&before) != wiring(after));
        prop_assert_eq!(change.links, listed(&before) != listed(after));
        prop_assert_eq!(change.costs, pairs.clone().any(|(a, b)| a != b));
        prop_assert_eq!(change.body_equal, old.upt().body == new.upt().body);
    }
}

#[test]
fn a_mutual_edge_needs_both_records_and_costs_each_way_what_its_end_measured() {
    use ListedRole::{In, Out};
    let mut database = Database::default();
    draft(1, 1).links(&[(2, 10, Out, false)]).offer(Time::ZERO, &mut database);
    draft(2, 1).offer(Time::ZERO, &mut database);
    assert_eq!(effective(&mut database, LinkMode::Mutual), []);
    draft(2, 2).links(&[(1, 30, In, false)]).offer(Time::ZERO, &mut database);
    let cost = Cost::from_micros;
    assert_eq!(effective(&mut database, LinkMode::Mutual), [(0, 1, cost(10)), (1, 0, cost(30))]);
    assert_eq!(effective(&mut database, LinkMode::Directed), [(0, 1, cost(10))]);
    database.mark_absent(NodeId(2));
    assert_eq!(effective(&mut database, LinkMode::Mutual), []);
}
