//! What an update costs on its way through a node, and what the database costs a computation of routes.

use std::net::{Ipv4Addr, SocketAddr};

use divan::{Bencher, black_box, counter::ItemsCount};
use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::overlay::database::{Database, LinkMode};
use egoist_core::overlay::flood::{Duplicates, PKT_IDS_LIMIT};
use egoist_core::overlay::graph::GraphBuilder;
use egoist_core::overlay::routes::{ShortestPaths, Tree};
use egoist_core::overlay::wire::{
    Attributes, Body, Hash, LinkAttributes, Links, Listed, ListedRole, NodeName, Range, Update, Upt,
};
use egoist_core::overlay::{Cost, Key, NodeId};

/// The nodes of the largest measured overlay.
const NODES: usize = 490;

fn main() {
    divan::main();
}

/// An overlay of `n` nodes, each of which chose `k` others: its updates, the n-th with sequence 1.
struct Overlay {
    ids: Vec<NodeId>,
    lists: Vec<Vec<Listed>>,
}

impl Overlay {
    fn new(n: usize, k: usize) -> Self {
        let mut rng = Streams::new(Seed::from_u64(490)).named("bench");
        let mut ids: Vec<NodeId> = (0..n).map(|_| NodeId(rng.u128())).collect();
        ids.sort_unstable();
        let mut lists = vec![Vec::new(); n];
        for from in 0..n {
            for step in 0..k {
                let to = (from + 1 + step * step * 7) % n;
                let mut list = |at: usize, other: usize, role| {
                    let (id, cost) = (ids[other], Cost::from_micros(1_000 + rng.below(200_000)));
                    if at != other && lists[at].iter().all(|listed: &Listed| listed.id != id) {
                        lists[at].push(Listed { id, cost, role, attributes: LinkAttributes::default() });
                    }
                };
                list(from, to, ListedRole::Out);
                list(to, from, ListedRole::In);
            }
        }
        Overlay { ids, lists }
    }

    fn update(&self, node: usize, sequence: u32) -> (Upt, Body) {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 61_224));
        let source = NodeName { addr, id: Some(self.ids[node]) };
        let attributes = Attributes { life: Some(180), free: Some(4), k: Some(3), ..Attributes::default() };
        let links = self.lists[node].clone();
        let body = Body::of(Update { attributes, links: Links::first(links) });
        (Upt::originate(Key { incarnation: 1, sequence }, source, 0, &body), body)
    }

    fn database(&self) -> Database {
        let mut database = Database::default();
        for node in 0..self.ids.len() {
            let (upt, body) = self.update(node, 1);
            database.offer(Time::ZERO, upt, &body);
        }
        database
    }
}

fn full_cache() -> Duplicates {
    let mut duplicates = Duplicates::new(Streams::new(Seed::from_u64(1)).keyed("duplicates"));
    for n in 0..PKT_IDS_LIMIT as u128 {
        duplicates.insert(Time::ZERO, Hash(n << 64 | n));
    }
    duplicates
}

#[divan::bench]
fn duplicate_known(bencher: Bencher<'_, '_>) {
    let (mut duplicates, mut n) = (full_cache(), 0);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        n = (n + 1_237) % PKT_IDS_LIMIT as u128;
        duplicates.contains(Time::ZERO, black_box(Hash(n << 64 | n)))
    });
}

#[divan::bench]
fn duplicate_unknown_then_added(bencher: Bencher<'_, '_>) {
    let (mut duplicates, mut n) = (full_cache(), 1_u128 << 64);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        n += 1;
        let known = duplicates.contains(Time::ZERO, black_box(Hash(n)));
        duplicates.insert(Time::ZERO, Hash(n));
        known
    });
}

#[divan::bench]
fn offer_newer(bencher: Bencher<'_, '_>) {
    let overlay = Overlay::new(NODES, 3);
    let mut database = overlay.database();
    // Links are resolved when edges are first asked for, and one by one after that.
    database.effective_edges(LinkMode::Mutual, |_, _, _| {});
    let mut sequence = 1;
    bencher
        .with_inputs(|| {
            sequence += 1;
            overlay.update(sequence as usize * 37 % NODES, sequence)
        })
        .bench_local_values(|(upt, body)| {
            let verdict = database.offer(Time::from_millis(5), upt, &body);
            assert!(verdict.taken().is_some());
        });
}

#[divan::bench]
fn standing_of_older(bencher: Bencher<'_, '_>) {
    let overlay = Overlay::new(NODES, 3);
    let database = overlay.database();
    let (upt, _) = overlay.update(77, 0);
    bencher.bench_local(|| database.standing(black_box(&upt)));
}

#[divan::bench(args = [3, NODES - 1])]
fn effective_edges(bencher: Bencher<'_, '_>, k: usize) {
    let mut database = full(k).database();
    bencher.bench_local(|| count_edges(&mut database));
}

#[divan::bench(args = [3, NODES - 1])]
fn effective_edges_after_a_node_came(bencher: Bencher<'_, '_>, k: usize) {
    let overlay = full(k);
    let (upt, body) = overlay.update(0, 1);
    let mut database = overlay.database();
    database.expire(Time::from_secs(180));
    for node in 1..NODES {
        let (upt, body) = overlay.update(node, 1);
        database.offer(Time::ZERO, upt, &body);
    }
    bencher
        .with_inputs(|| {
            let mut database = database.clone();
            database.offer(Time::ZERO, upt.clone(), &body);
            database
        })
        .bench_local_values(|mut database| count_edges(&mut database));
}

/// What a turn costs in which the routes are computed after somebody told of 14,000 made-up nodes with eight links each.
#[divan::bench(sample_count = 20)]
fn routes_of_fourteen_thousand(bencher: Bencher<'_, '_>) {
    let database = Overlay::new(14_000, 4).database();
    bencher.with_inputs(|| database.clone()).bench_local_values(|mut database| {
        let mut builder = GraphBuilder::new();
        builder.reset(database.len());
        database.effective_edges(LinkMode::Mutual, |from, to, cost| builder.push(from, to, cost));
        let mut tree = Tree::default();
        ShortestPaths::new().tree(&builder.build(), 0, &mut tree);
        tree
    });
}

#[divan::bench]
fn sum_of_a_sixteenth(bencher: Bencher<'_, '_>) {
    let database = Overlay::new(NODES, 3).database();
    bencher.bench_local(|| database.sum(black_box(Range::new(NodeId(0), NodeId(u128::MAX >> 4)))));
}

/// A sparse overlay, or a full mesh.
fn full(k: usize) -> Overlay {
    let mut overlay = Overlay::new(NODES, k.min(8));
    if k + 1 == NODES {
        let ids = overlay.ids.clone();
        for (node, list) in overlay.lists.iter_mut().enumerate() {
            let others = ids.iter().enumerate().filter(|(other, _)| *other != node);
            *list = others
                .map(|(_, id)| Listed {
                    id: *id,
                    cost: Cost::MIN,
                    role: ListedRole::Both,
                    attributes: LinkAttributes::default(),
                })
                .collect();
        }
    }
    overlay
}

fn count_edges(database: &mut Database) -> u64 {
    let mut sum = 0;
    database.effective_edges(LinkMode::Mutual, |from, to, cost| sum += u64::from(from ^ to ^ cost.micros()));
    sum
}
