//! One wiring decision and one node's routes, on synthetic overlays, with the allocations of each.

use divan::{AllocProfiler, Bencher};
use egoist_core::kernel::{Rng, Seed, Streams};
use egoist_core::overlay::Cost;
use egoist_core::overlay::graph::{Graph, GraphBuilder};
use egoist_core::overlay::routes::{ShortestPaths, Tree};
use egoist_core::overlay::wiring::{BestResponse, DESTINATIONS, HOPS, NODES, Policy, Problem};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 3] = [50, 295, 490];
const K: usize = 3;

fn main() {
    divan::main();
}

/// Nodes strewn over a plane with an access delay each and detours of up to 60 % between them; every node has chosen one hub near it and two others at random.
struct Overlay {
    delay: Vec<Vec<u32>>,
    chosen: Vec<Vec<u32>>,
}

impl Overlay {
    fn new(nodes: usize) -> Self {
        let mut rng = Streams::new(Seed::from_u64(1)).named("bench");
        let place = |rng: &mut Rng| [rng.below(100_000), rng.below(50_000), rng.below(10_000)];
        let places: Vec<[u64; 3]> = (0..nodes).map(|_| place(&mut rng)).collect();
        let mut delay = vec![vec![0; nodes]; nodes];
        for i in 0..nodes {
            for j in 0..i {
                let (a, b) = (places[i], places[j]);
                let far = (a[0].abs_diff(b[0]).pow(2) + a[1].abs_diff(b[1]).pow(2)).isqrt();
                let cost = far * (100 + rng.below(61)) / 100 + a[2] + b[2];
                delay[i][j] = u32::try_from(cost).unwrap();
                delay[j][i] = delay[i][j];
            }
        }
        let hubs = nodes / 20;
        let choices = |me: usize| {
            let hub = (0..hubs).filter(|&h| h != me).min_by_key(|&h| delay[me][h]).unwrap();
            let mut chosen = vec![u32::try_from(hub).unwrap()];
            while chosen.len() < K {
                let other = u32::try_from(rng.index(nodes)).unwrap();
                if other as usize != me && !chosen.contains(&other) {
                    chosen.push(other);
                }
            }
            chosen
        };
        let chosen = (0..nodes).map(choices).collect();
        Overlay { delay, chosen }
    }

    fn graph(&self, mutual: bool) -> Graph {
        let mut builder = GraphBuilder::new();
        builder.reset(self.chosen.len());
        for (u, links) in (0u32..).zip(&self.chosen) {
            for &v in links {
                let cost = Cost::from_micros(self.delay[u as usize][v as usize].into());
                builder.push(u, v, cost);
                if mutual {
                    builder.push(v, u, cost);
                }
            }
        }
        builder.build()
    }

    fn choosers(&self, me: u32) -> Vec<u32> {
        (0u32..).zip(&self.chosen).filter(|(_, ws)| ws.contains(&me)).map(|(u, _)| u).collect()
    }
}

/// Decisions of successive nodes. `mutual`: edges both ways; `free`: those who chose the node are free first hops.
fn decide(bencher: Bencher<'_, '_>, nodes: usize, mutual: bool, free: bool) {
    let overlay = Overlay::new(nodes);
    let graph = overlay.graph(mutual);
    let first = |count: usize| (0..nodes).map(|node| node < count).collect::<Vec<bool>>();
    let (destination, candidate) = (first(DESTINATIONS + 1), first(HOPS + 1));
    let ready: Vec<(Vec<Option<Cost>>, Vec<u32>)> = (0u32..)
        .zip(&overlay.delay)
        .map(|(me, row)| {
            let delay = row.iter().map(|&d| Some(Cost::from_micros(d.into()))).collect();
            (delay, if free { overlay.choosers(me) } else { vec![] })
        })
        .collect();
    let (mut policy, mut rng) = (BestResponse::new(), Streams::new(Seed::from_u64(1)).named("unused"));
    let mut turn = (0..nodes).cycle();
    let mut decide = move || {
        let me = turn.next().unwrap();
        let problem = Problem {
            me: u32::try_from(me).unwrap(),
            graph: &graph,
            delay: &ready[me].0,
            candidate: &candidate,
            destination: &destination,
            free: &ready[me].1,
            current: &overlay.chosen[me],
            k: K,
            deviation: &[],
            grain: 0,
        };
        policy.choose(&problem, &mut rng)
    };
    (0..SIZES[0]).for_each(|_| _ = decide());
    bencher.bench_local(decide);
}

#[divan::bench(args = SIZES)]
fn best_response_mutual(bencher: Bencher<'_, '_>, nodes: usize) {
    decide(bencher, nodes, true, true);
}

/// The dearest case: every edge leads both ways, and no link is free.
#[divan::bench(args = SIZES)]
fn best_response_mutual_without_free_links(bencher: Bencher<'_, '_>, nodes: usize) {
    decide(bencher, nodes, true, false);
}

#[divan::bench(args = SIZES)]
fn best_response_directed(bencher: Bencher<'_, '_>, nodes: usize) {
    decide(bencher, nodes, false, false);
}

/// 1,024 destinations and 512 first hops in a graph of 2,048 nodes, no link free.
#[divan::bench]
fn best_response_at_the_bounds(bencher: Bencher<'_, '_>) {
    decide(bencher, NODES, true, false);
}

#[divan::bench(args = SIZES)]
fn routes_of_one_node(bencher: Bencher<'_, '_>, nodes: usize) {
    let graph = Overlay::new(nodes).graph(true);
    let (mut paths, mut tree) = (ShortestPaths::new(), Tree::default());
    let mut sources = (0u32..).take(nodes).cycle();
    paths.tree(&graph, 0, &mut tree);
    bencher.bench_local(move || paths.tree(&graph, sources.next().unwrap(), &mut tree));
}

/// As many nodes as a database holds, in two chains whose paths part at the beginning, with a tie at every step of the one.
#[divan::bench(sample_count = 20)]
fn routes_with_ties_made_up(bencher: Bencher<'_, '_>) {
    let nodes: u32 = 16_384;
    let mut builder = GraphBuilder::new();
    builder.reset(nodes as usize);
    let mut link = |from: u32, to: u32| builder.push(from, to, Cost::MIN);
    for place in (0..nodes - 2).filter(|place| place % 2 == 1) {
        link(place, place + 2);
        link(place + 1, (place + 3).min(nodes - 1));
        link(place + 1, place + 2);
    }
    [1, 2].into_iter().for_each(|first| link(0, first));
    let (graph, mut paths, mut tree) = (builder.build(), ShortestPaths::new(), Tree::default());
    bencher.bench_local(move || paths.tree(&graph, 0, &mut tree));
}

#[divan::bench(args = SIZES)]
fn graph_of_all_edges(bencher: Bencher<'_, '_>, nodes: usize) {
    let overlay = Overlay::new(nodes);
    let edges: Vec<(u32, u32, Cost)> = (0u32..)
        .zip(&overlay.chosen)
        .flat_map(|(u, ws)| ws.iter().flat_map(move |&w| [(u, w, Cost::MIN), (w, u, Cost::MIN)]))
        .collect();
    let (mut builder, mut graph) = (GraphBuilder::new(), Graph::default());
    let mut build = move || {
        builder.reset(nodes);
        edges.iter().for_each(|&(u, v, cost)| builder.push(u, v, cost));
        builder.build_into(&mut graph);
    };
    build();
    bencher.bench_local(build);
}
