//! How good the wiring policies are where everybody sees the current overlay at once.
//!
//! Nodes take turns in a random order, epoch by epoch, and act on every gain, until nobody does or 60 epochs are over. The
//! means over the nine sets of `planetlab-50.json` stand beside the reference figures in that file.
//!
//! `cargo run --release -p egoist-core --features sim --example idealised -- [FOLDER [SEEDS]]`, FOLDER holding the file and
//! `planetlab/<slice>.tsv` (default `../shared/data/latency`).

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

use egoist_core::kernel::{Rng, Seed, Streams};
use egoist_core::overlay::Cost;
use egoist_core::overlay::LinkMode;
use egoist_core::overlay::graph::{Graph, GraphBuilder};
use egoist_core::overlay::judge::{Chosen, Truth};
use egoist_core::overlay::wiring::{BestResponse, KRandom, Policy, Problem};

const MAX_EPOCHS: u32 = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| "../shared/data/latency".to_owned());
    let seeds: u64 = args.next().map_or(Ok(3), |n| n.parse())?;
    let Ok(sets) = fs::read_to_string(Path::new(&folder).join("planetlab-50.json")) else {
        println!("SKIPPED: no planetlab-50.json in {folder}; name the folder that has it");
        return Ok(());
    };
    let sets: Vec<serde_json::Value> = serde_json::from_str(&sets)?;
    let worlds =
        sets.iter().map(|set| World::load(Path::new(&folder), set)).collect::<Result<Vec<_>, _>>()?;
    println!(
        "links     k  ratio    reference  off by   worst set  epochs  k-random (reference)  largest gain"
    );
    for k in out_degrees(&worlds) {
        report(&worlds, k, LinkMode::Directed, "best_response", seeds);
        report(&worlds, k, LinkMode::Mutual, "bidirectional_cap4k", seeds);
    }
    Ok(())
}

/// Those with reference figures.
fn out_degrees(worlds: &[World]) -> BTreeSet<usize> {
    let degrees = worlds.iter().filter_map(|world| world.reference.as_object());
    degrees.flat_map(|by_degree| by_degree.keys()).filter_map(|k| k.parse().ok()).collect()
}

/// One set of nodes: the true delays, and the reference figures.
struct World {
    delay: Vec<Vec<u32>>,
    truth: Truth,
    reference: serde_json::Value,
}

impl World {
    fn load(folder: &Path, set: &serde_json::Value) -> Result<World, Box<dyn Error>> {
        let slice = set["slice"].as_u64().ok_or("a set has a slice")?;
        let text = fs::read_to_string(folder.join(format!("planetlab/{slice}.tsv")))?;
        let matrix = text
            .lines()
            .map(|line| line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>())
            .collect::<Result<Vec<_>, _>>()?;
        let nodes: Vec<usize> = serde_json::from_value(set["nodes"].clone())?;
        let row = |&i: &usize| nodes.iter().map(|&j| micros(matrix[i][j])).collect();
        let delay: Vec<Vec<u32>> = nodes.iter().map(row).collect();
        let truth = Truth::new(nodes.len(), |i, j| delay[i][j]);
        let (ours, theirs) =
            (truth.full_mesh_mean().unwrap_or(0.0), set["full_mesh_us"].as_f64().unwrap_or(0.0));
        if (ours - theirs).abs() > 1e-6 * theirs {
            return Err(format!("full mesh of slice {slice}: {ours} here, {theirs} in the file").into());
        }
        Ok(World { delay, truth, reference: set["k"].clone() })
    }

    fn reference(&self, k: usize, figure: &str) -> f64 {
        self.reference[k.to_string()][figure].as_f64().unwrap_or(f64::NAN)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds of a measured matrix"
)]
fn micros(ms: f64) -> u32 {
    (ms * 1000.0).round() as u32
}

fn report(worlds: &[World], k: usize, usage: LinkMode, figure: &str, seeds: u64) {
    let (mut ratios, mut references, mut worst, mut epochs, mut gap) =
        (vec![], vec![], f64::MIN, vec![], 0.0_f64);
    let (mut random, mut random_references) = (vec![], vec![]);
    for world in worlds {
        let reference = world.reference(k, figure);
        let runs: Vec<Run> = (0..seeds).map(|seed| Overlay::new(world, k, usage, seed).run()).collect();
        let set = mean(&runs.iter().map(|r| r.ratio).collect::<Vec<_>>());
        worst = worst.max(set / reference - 1.0);
        gap = runs.iter().map(|r| r.gap).fold(gap, f64::max);
        epochs.extend(runs.iter().map(|r| f64::from(r.epochs)));
        ratios.push(set);
        references.push(reference);
        random.push(world.truth.k_random_ratio(k, usage, Seed::from_u64(1)).unwrap_or(f64::NAN));
        random_references.push(world.reference(k, "k_random"));
    }
    println!(
        "{:8} {k:2}  {:.4}   {:.4}   {:+6.2} %   {:+6.2} %    {:5.1}   {:.3} ({:.3})  {:.5}",
        format!("{usage:?}").to_lowercase(),
        mean(&ratios),
        mean(&references),
        100.0 * (mean(&ratios) / mean(&references) - 1.0),
        100.0 * worst,
        mean(&epochs),
        mean(&random),
        mean(&random_references),
        gap,
    );
}

fn mean(values: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let count = values.len() as f64;
    values.iter().sum::<f64>() / count
}

/// Nodes that take turns.
struct Overlay<'a> {
    world: &'a World,
    k: usize,
    usage: LinkMode,
    chosen: Vec<Vec<u32>>,
    rng: Rng,
    builder: GraphBuilder,
}

struct Run {
    ratio: f64,
    epochs: u32,
    gap: f64,
}

impl<'a> Overlay<'a> {
    fn new(world: &'a World, k: usize, usage: LinkMode, seed: u64) -> Self {
        let rng = Streams::new(Seed::from_u64(seed)).named("idealised");
        let chosen = vec![vec![]; world.delay.len()];
        Overlay { world, k, usage, chosen, rng, builder: GraphBuilder::new() }
    }

    fn run(mut self) -> Run {
        self.epoch(&mut KRandom::new());
        let mut policy = BestResponse::new();
        let epochs = (1..=MAX_EPOCHS).find(|_| self.epoch(&mut policy) == 0).unwrap_or(MAX_EPOCHS);
        let links: Vec<Chosen> =
            (0..).zip(&self.chosen).flat_map(|(u, ws)| ws.iter().map(move |&w| (u, w))).collect();
        let (truth, cap) = (&self.world.truth, self.max_in_degree());
        Run {
            ratio: truth.judge(&links, self.usage).cost_ratio.unwrap_or(f64::NAN),
            epochs,
            gap: truth.nash_gap(&links, self.usage, self.k, cap).unwrap_or(f64::NAN),
        }
    }

    /// Every node decides once; how many rewired.
    fn epoch(&mut self, policy: &mut dyn Policy) -> usize {
        let mut order: Vec<u32> = (0u32..).take(self.chosen.len()).collect();
        self.rng.shuffle(&mut order);
        order.into_iter().filter(|&me| self.turn(me, policy)).count()
    }

    fn turn(&mut self, me: u32, policy: &mut dyn Policy) -> bool {
        let graph = self.graph();
        let row = &self.world.delay[me as usize];
        let delay: Vec<Option<Cost>> = row.iter().map(|&us| Some(Cost::from_micros(us.into()))).collect();
        let current = self.chosen[me as usize].clone();
        let candidate: Vec<bool> = (0..)
            .zip(self.in_degrees())
            .map(|(w, d)| d < self.max_in_degree() || current.contains(&w))
            .collect();
        let chose_me = |w: &u32| self.usage == LinkMode::Mutual && self.chosen[*w as usize].contains(&me);
        let free: Vec<u32> = (0u32..).take(self.chosen.len()).filter(chose_me).collect();
        let destination = vec![true; delay.len()];
        let problem = Problem {
            me,
            graph: &graph,
            delay: &delay,
            candidate: &candidate,
            destination: &destination,
            free: &free,
            current: &current,
            k: self.k,
            deviation: &[],
            grain: 0,
        };
        let choice = policy.choose(&problem, &mut self.rng);
        let worth = choice.worth(0);
        if let Some(links) = worth {
            self.chosen[me as usize] = links.to_vec();
        }
        worth.is_some()
    }

    fn graph(&mut self) -> Graph {
        self.builder.reset(self.chosen.len());
        for (u, links) in (0u32..).zip(&self.chosen) {
            for &v in links {
                let cost =
                    |a: u32, b: u32| Cost::from_micros(self.world.delay[a as usize][b as usize].into());
                self.builder.push(u, v, cost(u, v));
                if self.usage == LinkMode::Mutual {
                    self.builder.push(v, u, cost(v, u));
                }
            }
        }
        self.builder.build()
    }

    fn in_degrees(&self) -> Vec<u32> {
        let mut degrees = vec![0; self.chosen.len()];
        self.chosen.iter().flatten().for_each(|&w| degrees[w as usize] += 1);
        degrees
    }

    /// Four choosers for each choice where links are mutual, as in the reference; no bound where they are not.
    fn max_in_degree(&self) -> u32 {
        match self.usage {
            LinkMode::Mutual => u32::try_from(4 * self.k).unwrap_or(u32::MAX),
            LinkMode::Directed => u32::MAX,
        }
    }
}
