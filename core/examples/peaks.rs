//! What the busiest honest neighbour asks of a node: how deep its buckets go.
//!
//! ```text
//! cargo run --release -p egoist-core --features sim --example peaks -- MATRIX [NODES] [SECONDS] [PACE]
//! ```
//!
//! NODES of a text file of round-trip times (milliseconds) join within ten seconds and run for SECONDS (120), their
//! periods divided by PACE (1); then half of them are cut off for ten minutes and come back for another minute. For frames
//! and octets (payloads aside): how much of a burst the busiest connection used up at the rate of the default budgets.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "figures for people, and delays of seconds in microseconds"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::rc::Rc;
use std::time::Duration;

use egoist_core::kernel::{Class, ConnId, Output, Seed, Streams, Time};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{Budgets, Config, Event, Overlay, Periods, Rate};
use egoist_core::sim::{self, Boot, Matrix, Sites, World};

/// How full a bucket is of what was not yet forgiven, and the most it ever was.
#[derive(Default)]
struct Depth {
    level: f64,
    at: f64,
    most: f64,
}

impl Depth {
    fn add(&mut self, now: Time, rate: Rate, amount: f64) {
        let now = now.as_secs_f64();
        self.level = (self.level - (now - self.at) * f64::from(rate.per_second)).max(0.0) + amount;
        self.at = now;
        self.most = self.most.max(self.level);
    }
}

type Depths = BTreeMap<(usize, ConnId), [Depth; 2]>;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let file = args.first().expect("a file of round-trip times");
    let number = |at: usize, default: u32| args.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (nodes, seconds, pace) = (number(1, 490) as usize, number(2, 120), number(3, 1));
    let text = std::fs::read_to_string(file).expect("a readable file");
    let rows: Vec<Vec<u32>> = text
        .lines()
        .map(|line| {
            line.split_whitespace()
                .map(|cell| (cell.parse::<f64>().unwrap_or(1.0) * 1e3).max(1.0) as u32)
                .collect()
        })
        .collect();
    // Where more nodes are asked for than there are rows, rows are taken again.
    let row = |node: usize| node % rows.len();
    let cell = |i: usize, j: usize| if row(i) == row(j) { 1_000 } else { rows[row(i)][row(j)].max(1) };
    let micros = (0..nodes).flat_map(|i| (0..nodes).map(move |j| (i, j))).map(|(i, j)| cell(i, j)).collect();
    let sites = Sites::new(Matrix::from_micros(nodes, micros), (0..nodes).chain([0]).collect())
        .expect("a site for each");
    let seed = Seed::from_u64(1);
    let mut world = World::new(sim::Config::default(), sites, seed);
    let mut joins = Streams::new(seed).named("joins");
    let config = move |boot: Boot, bootstraps| {
        let network = Network::new("peaks").expect("a valid name");
        let periods = Periods::default().paced(pace);
        Config { k: 4, bootstraps, periods, ..Config::new(boot.seed, network, boot.address) }
    };
    for _ in 0..nodes {
        let node = world
            .add(move |boot| Overlay::new(config(boot, vec![sim::address(nodes)])).expect("a configuration"));
        world.start(node, Time::ZERO + joins.between(Duration::ZERO, Duration::from_secs(10)));
    }
    let bootstrap =
        world.add(move |boot| Overlay::new(config(boot, Vec::new()).watching()).expect("a configuration"));
    world.start(bootstrap, Time::ZERO);
    let depths: Rc<RefCell<Depths>> = Rc::default();
    let (seen, budgets) = (Rc::clone(&depths), Budgets::default());
    world.observe(move |now, node, output| {
        if let Output::Send { conn, frame, class, .. } = output
            && *class != Class::Bulk
        {
            let mut seen = seen.borrow_mut();
            let [frames, octets] = seen.entry((node, *conn)).or_default();
            frames.add(now, budgets.frames, 1.0);
            octets.add(now, budgets.octets, frame.len() as f64);
        }
    });
    let mut hit = 0;
    let mut tell = |world: &mut World<Overlay>, phase: &str, until: Time| {
        world.run_until(until, |_, _, event| hit += u32::from(matches!(event, Event::OverBudget { .. })));
        let mut depths = depths.borrow_mut();
        let most = |which: usize| depths.values().map(|d| d[which].most).fold(0.0, f64::max);
        println!("{phase:<12} frames {:>8.0} octets {:>10.0} over budget {hit}", most(0), most(1));
        depths.clear();
    };
    println!("{nodes} nodes, k = 4, pace {pace}");
    tell(&mut world, "start", Time::from_secs(seconds.into()));
    for a in 0..nodes {
        for b in (0..=nodes).filter(|b| (*b < nodes / 2) != (a < nodes / 2)) {
            world.cut(a, b);
            world.cut(b, a);
        }
    }
    let now = world.now();
    tell(&mut world, "apart", now + Duration::from_secs(600));
    world.heal_all();
    let now = world.now();
    tell(&mut world, "merge", now + Duration::from_secs(60));
}
