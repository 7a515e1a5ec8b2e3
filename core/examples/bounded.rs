//! What a decision at its bounds costs, and what it is worth: the choice among 512 of 2,000 nodes for the sake of 1,024 of
//! them, beside the choice among all for the sake of all, both judged by the cost of reaching all 2,000.
//!
//! The nodes are random points in a plane, each with a height that every way from and to it adds (Vivaldi's model of delays
//! on the Internet). They take part in an overlay that is wired by decisions like those judged.
//!
//! `cargo run --release -p egoist-core --features sim --example bounded -- [NODES [JUDGED [EPOCHS]]]`

use std::error::Error;
use std::time::Duration;
use std::{env, fs};

use egoist_core::kernel::{Rng, Seed, Streams, Time};
use egoist_core::overlay::Cost;
use egoist_core::overlay::graph::{Graph, GraphBuilder};
use egoist_core::overlay::wiring::{
    BestResponse, Choice, DESTINATIONS, Evaluator, HOPS, KRandom, Policy, Problem, Seniority, first_hops,
    longest_first,
};

const K: usize = 3;
/// Choosers for each choice.
const MAX_IN_DEGREE: usize = 4 * K;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1).map(|arg| arg.parse::<usize>());
    let nodes = args.next().transpose()?.unwrap_or(2_000);
    let judged = args.next().transpose()?.unwrap_or(100);
    let epochs = args.next().transpose()?.unwrap_or(1);
    let mut world = World::new(nodes);
    for _ in 0..epochs {
        (0..nodes).for_each(|me| world.turn(me));
    }
    for fresh in [true, false] {
        judge(&mut world, judged, fresh);
    }
    Ok(())
}

/// Who decides once with all there is and once within the bounds; `fresh`: without present choices, as a newcomer does.
fn judge(world: &mut World, judged: usize, fresh: bool) {
    let nodes = world.places.len();
    let (mut excess, mut times, mut gains) = (vec![], vec![], vec![]);
    for me in (0..nodes).step_by(nodes.div_ceil(judged)) {
        let current = if fresh { vec![] } else { world.chosen[me].clone() };
        let (everybody, _) = world.decide(me, &current, false);
        let (within, took) = world.decide(me, &current, true);
        let [all, bounded, before] =
            [&everybody.links[..], &within.links[..], &current[..]].map(|links| world.cost(me, links));
        excess.push(bounded / all - 1.0);
        gains.push(1.0 - all / before);
        let again: Duration = (0..10).map(|_| world.decide(me, &current, true).1).sum();
        times.push((took + again) / 11);
    }
    times.sort_unstable();
    excess.sort_unstable_by(f64::total_cmp);
    println!(
        "{} choices of {} nodes: within the bounds the cost is {:+.2} % of that with all (median {:+.2} %, worst {:+.2} %); \
         all gain {:.2} % on what there is; a decision takes {:?} of a processor at the median, {:?} at the longest (each the mean of eleven)",
        if fresh { "first" } else { "later" },
        times.len(),
        100.0 * mean(&excess),
        100.0 * excess[excess.len() / 2],
        100.0 * excess[excess.len() - 1],
        100.0 * if fresh { 0.0 } else { mean(&gains) },
        times[times.len() / 2],
        times[times.len() - 1],
    );
}

fn mean(values: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let count = values.len() as f64;
    values.iter().sum::<f64>() / count
}

/// What this thread has had of a processor, so that figures do not depend on what else runs; zero where Linux does not say.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Nodes in a plane, and whom each chose. Their numbers are in the order in which they came.
struct World {
    places: Vec<[u64; 3]>,
    chosen: Vec<Vec<u32>>,
    rng: Rng,
    policy: BestResponse,
}

impl World {
    fn new(nodes: usize) -> Self {
        let mut rng = Streams::new(Seed::from_u64(1)).named("bounded");
        let place = |rng: &mut Rng| [rng.below(100_000), rng.below(50_000), rng.below(10_000)];
        let places = (0..nodes).map(|_| place(&mut rng)).collect();
        let mut world = World { places, chosen: vec![vec![]; nodes], rng, policy: BestResponse::new() };
        for me in 0..nodes {
            let problem = Parts::new(&world, me, &[]);
            let links = KRandom::new().choose(&problem.problem(me, &[]), &mut world.rng).links;
            world.chosen[me] = links.to_vec();
        }
        world
    }

    fn delay(&self, a: usize, b: usize) -> Cost {
        let (a, b) = (self.places[a], self.places[b]);
        let far = (a[0].abs_diff(b[0]).pow(2) + a[1].abs_diff(b[1]).pow(2)).isqrt();
        Cost::from_micros(far + a[2] + b[2])
    }

    /// A decision within the bounds, acted on.
    fn turn(&mut self, me: usize) {
        let current = self.chosen[me].clone();
        let (choice, _) = self.decide(me, &current, true);
        if let Some(links) = choice.worth(10_000) {
            self.chosen[me] = links.to_vec();
        }
    }

    fn decide(&mut self, me: usize, current: &[u32], bounded: bool) -> (Choice, Duration) {
        let mut parts = Parts::new(self, me, current);
        if bounded {
            parts.bound(me, current, &mut self.rng);
        }
        let begun = processor_time();
        let choice = self.policy.choose(&parts.problem(me, current), &mut self.rng);
        (choice, processor_time().saturating_sub(begun))
    }

    /// What it costs `me` to reach everybody.
    fn cost(&self, me: usize, links: &[u32]) -> f64 {
        let parts = Parts::new(self, me, links);
        let value = Evaluator::new().value(&parts.problem(me, links), links);
        #[expect(clippy::cast_precision_loss, reason = "minutes in microseconds")]
        let total = value.total as f64;
        if value.unreachable == 0 { total } else { f64::INFINITY }
    }
}

/// What a problem is made of.
struct Parts {
    graph: Graph,
    delay: Vec<Option<Cost>>,
    candidate: Vec<bool>,
    destination: Vec<bool>,
    free: Vec<u32>,
}

impl Parts {
    fn new(world: &World, me: usize, current: &[u32]) -> Self {
        let nodes = world.places.len();
        let (mut builder, mut choosers) = (GraphBuilder::new(), vec![0; nodes]);
        builder.reset(nodes);
        for (u, links) in (0u32..).zip(&world.chosen) {
            for &v in links {
                let cost = world.delay(u as usize, v as usize);
                builder.push(u, v, cost);
                builder.push(v, u, cost);
                choosers[v as usize] += 1;
            }
        }
        let whom = u32::try_from(me).unwrap_or(u32::MAX);
        let chose_me = |w: &u32| world.chosen[*w as usize].contains(&whom);
        let count = u32::try_from(nodes).unwrap_or(u32::MAX);
        Parts {
            graph: builder.build(),
            delay: (0..nodes).map(|other| Some(world.delay(me, other))).collect(),
            candidate: (0..count)
                .map(|w| choosers[w as usize] < MAX_IN_DEGREE || current.contains(&w))
                .collect(),
            destination: vec![true; nodes],
            free: (0..count).filter(chose_me).collect(),
        }
    }

    /// Leaves what a decision is about at its bounds.
    fn bound(&mut self, me: usize, current: &[u32], rng: &mut Rng) {
        let since = |node: u32| Seniority { reached: Some(Time::ZERO), heard: node.into() };
        let set = |flags: &[bool]| {
            let set = (0u32..).zip(flags).filter(|(node, set)| **set && *node as usize != me);
            set.map(|(node, _)| node).collect::<Vec<u32>>()
        };
        let flags = |of: Vec<u32>| {
            let mut flags = vec![false; self.delay.len()];
            of.into_iter().for_each(|node| flags[node as usize] = true);
            flags
        };
        let others: Vec<u32> = set(&self.candidate)
            .into_iter()
            .filter(|node| !current.contains(node) && !self.free.contains(node))
            .collect();
        let delay = |node: u32| self.delay[node as usize];
        let hops = first_hops(others, HOPS - current.len(), since, delay, rng);
        let destinations = longest_first(set(&self.destination), DESTINATIONS, since, rng);
        (self.candidate, self.destination) = (flags(hops), flags(destinations));
        current.iter().for_each(|&held| self.candidate[held as usize] = true);
    }

    fn problem<'a>(&'a self, me: usize, current: &'a [u32]) -> Problem<'a> {
        Problem {
            me: u32::try_from(me).unwrap_or(u32::MAX),
            graph: &self.graph,
            delay: &self.delay,
            candidate: &self.candidate,
            destination: &self.destination,
            free: &self.free,
            current,
            k: K,
            deviation: &[],
            grain: 0,
        }
    }
}
