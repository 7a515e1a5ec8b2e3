//! Nodes in a simulated world.

use std::collections::BTreeMap;
use std::process::exit;
use std::time::{Duration, Instant};

use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::mesh::chord::scenario::Scenario;
use egoist_core::mesh::chord::store::Policy;
use egoist_core::mesh::chord::{Chord, Command, Config, Event, Outcome, Reply};
use egoist_core::mesh::wire::{NodeId, Value};
use egoist_core::sim::{self, Boot, Restart, World, address};

/// One way between two nodes, in microseconds.
const DELAY: u64 = 10_000;
const TIMEOUT: Duration = Duration::from_secs(10);
const LOOKUPS: usize = 2_000;
const KEYS: usize = 60;
/// From one start to the next.
const STARTS: Duration = Duration::from_millis(50);
/// The same where a ring grows to hundreds of nodes: at twenty a second 500 are no ring after ten minutes.
const SLOW_STARTS: Duration = Duration::from_millis(500);

struct Town {
    world: World<Chord>,
    ended: BTreeMap<(usize, u64), Outcome>,
}

impl Town {
    fn new(nodes: usize, seed: u64) -> Self {
        Town::of(nodes, seed, false, STARTS)
    }

    fn of(nodes: usize, seed: u64, durable: bool, starts: Duration) -> Self {
        let delays = |_: usize, _: usize| DELAY;
        let mut world = World::new(sim::Config::default(), delays, Seed::from_u64(seed));
        for node in 0..nodes {
            world.add(move |boot: Boot| {
                let mut config = Config { durable, ..Config::new(boot.seed, boot.address) };
                config.mesh.id =
                    Some(NodeId::drawn(&mut Streams::new(Seed::from_u64(node as u64)).named("id")));
                config.mesh.start = boot.now;
                config.mesh.wall_time = Some(boot.wall_time);
                config.mesh.bootstrap = (0..4).filter(|other| *other < node).map(address).collect();
                Chord::new(config).expect("it can be lived by")
            });
            world.start(
                node,
                Time::ZERO + starts * u32::try_from(node).expect("so many nodes are never asked for"),
            );
        }
        Town { world, ended: BTreeMap::new() }
    }

    fn pass(&mut self, time: Duration) {
        let (until, ended) = (self.world.now() + time, &mut self.ended);
        self.world.run_until(until, |_, node, event| {
            if let Event::Ended { op, outcome } = event {
                ended.insert((node, op), outcome);
            }
        });
    }

    /// What came of a command, and how long it took.
    fn ask(&mut self, node: usize, command: Command) -> (Outcome, Duration) {
        let begun = self.world.now();
        let Some(Ok(Reply::Begun { op })) = self.world.command(node, command) else {
            panic!("node {node} does not begin it");
        };
        loop {
            self.pass(Duration::from_millis(1));
            if let Some(outcome) = self.ended.remove(&(node, op)) {
                return (outcome, self.world.now().since(begun));
            }
        }
    }

    /// The living nodes in the order of the ring.
    fn ring(&self) -> Vec<(NodeId, usize)> {
        let living =
            (0..self.world.len()).filter_map(|node| Some((self.world.machine(node)?.mesh().id(), node)));
        let mut ring: Vec<_> = living.collect();
        ring.sort();
        ring
    }

    /// Whether each knows its neighbours on both sides.
    fn is_ring(&self) -> bool {
        let ring = self.ring();
        let all_have_begun = ring.len() == self.world.len();
        all_have_begun
            && ring.iter().enumerate().all(|(place, (_, node))| {
                let Some(view) = self.world.machine(*node).map(Chord::ring) else { return false };
                let (before, after) =
                    (ring[(place + ring.len() - 1) % ring.len()].0, ring[(place + 1) % ring.len()].0);
                view.behind.first().map(|node| node.id) == Some(before)
                    && view.ahead.map(|node| node.id) == Some(after)
            })
    }
}

fn key(number: usize) -> String {
    format!("key {number}")
}

/// Over how many nodes questions go in a ring of so many at rest.
pub(crate) fn hops(nodes: usize) {
    let begun = Instant::now();
    let mut town = Town::of(nodes, nodes as u64, false, SLOW_STARTS);
    let mut formed = 0;
    while !town.is_ring() {
        town.pass(Duration::from_secs(1));
        formed += 1;
        assert!(formed < 600, "{nodes} nodes are no ring after {formed} s");
    }
    // Short cuts are looked for one after the other, one each second.
    town.pass(Duration::from_secs(60));
    let mut rng = Streams::new(Seed::from_u64(1)).named("lookups");
    let idle = frames_in(&mut town, Duration::from_secs(10));
    let before = (frames(&town), town.world.now());
    let (mut sum, mut most) = (0, 0);
    for _ in 0..LOOKUPS {
        let number = NodeId::drawn(&mut rng);
        let (outcome, _) = town.ask(rng.index(nodes), Command::Find { number, timeout: TIMEOUT });
        let Outcome::Found { node, hops } = outcome else { panic!("{outcome:?}") };
        assert_eq!(node.id, owner(&town, &number), "who is responsible for {number}");
        (sum, most) = (sum + hops, most.max(hops));
    }
    let took = town.world.now().since(before.1).as_secs_f64();
    let all = frames(&town) - before.0;
    let each = (all as f64 - idle * took) / LOOKUPS as f64;
    let (mean, bound) = (f64::from(sum) / LOOKUPS as f64, (nodes as f64).log2() / 2.0 + 1.0);
    println!(
        "{nodes} nodes: a ring after {formed} s; {mean:.2} hops in the mean (bound {bound:.2}), at most {most}; {each:.1} frames a lookup; \
         {:.2} frames a second and node otherwise; {:.0?}",
        idle / nodes as f64,
        begun.elapsed(),
    );
}

/// The nearest id at or before a number.
fn owner(town: &Town, number: &NodeId) -> NodeId {
    let ring = town.ring();
    let before = ring.iter().rev().find(|(id, _)| id <= number);
    before.or(ring.last()).expect("there are nodes").0
}

/// Frames that nodes have sent each other.
fn frames(town: &Town) -> u64 {
    let nodes = (0..town.world.len()).filter_map(|node| town.world.machine(node));
    nodes.map(|node| node.mesh().peers().map(|peer| peer.sent).sum::<u64>()).sum()
}

/// How many they send in a second.
fn frames_in(town: &mut Town, time: Duration) -> f64 {
    let before = frames(town);
    town.pass(time);
    (frames(town) - before) as f64 / time.as_secs_f64()
}

/// Two neighbours die at once, so many times: half of them as kill -9 does, half without a word.
pub(crate) fn neighbours(times: usize) {
    let begun = Instant::now();
    let (mut asked, mut lost, mut slowest) = (0, 0, Duration::ZERO);
    for time in 0..times {
        let mut town = Town::new(12, time as u64);
        town.pass(Duration::from_secs(20));
        for number in 0..KEYS {
            let (value, timeout) = (Value::from(number as u64), TIMEOUT);
            let put =
                Command::Put { key: key(number).into(), value, lives: None, policy: Policy::Memory, timeout };
            let (kept, _) = town.ask(number % 12, put);
            assert!(matches!(kept, Outcome::Kept { copies: 3, .. }), "{kept:?}");
        }
        let ring = town.ring();
        let dead = [ring[time % 12].1, ring[(time + 1) % 12].1];
        for node in dead {
            if time % 2 == 0 { town.world.kill(node) } else { town.world.halt(node) }
        }
        let living: Vec<usize> = (0..12).filter(|node| !dead.contains(node)).collect();
        for number in 0..KEYS {
            let get = Command::Get { key: key(number).into(), timeout: TIMEOUT };
            let (got, took) = town.ask(living[number % living.len()], get);
            asked += 1;
            slowest = slowest.max(took);
            if !matches!(&got, Outcome::Value { value, .. } if value.as_u64() == Some(number as u64)) {
                println!("round {time}: key {number} is {got:?}");
                lost += 1;
            }
        }
    }
    println!(
        "{times} times two neighbours: {lost} of {asked} keys lost, the slowest get {slowest:.1?}; {:.0?}",
        begun.elapsed()
    );
}

/// Scenarios of at least 60 steps.
pub(crate) fn schedules(first: u64, count: u64) {
    let begun = Instant::now();
    let (mut steps, mut longest) = (0, Duration::ZERO);
    for seed in first..first + count {
        let mut rng = Streams::new(Seed::from_u64(seed)).named("chord schedule");
        let many = 60 + rng.index(20);
        let scenario = Scenario::drawn(&mut rng, many);
        steps += many;
        match scenario.run() {
            Ok(held) => longest = longest.max(held.after),
            Err(why) => {
                println!("seed {seed}: {why}\n{scenario}");
                exit(1);
            }
        }
    }
    println!(
        "{count} schedules of {steps} steps hold, the last after {longest:.0?}; {:.0?}",
        begun.elapsed()
    );
}

/// The hosts of all nodes lose their power at once while keys are put that are to be synced, so many times.
pub(crate) fn cuts(times: usize) {
    let begun = Instant::now();
    let (mut acknowledged, mut lost) = (0, 0);
    for time in 0..times {
        let mut town = Town::of(12, time as u64, true, STARTS);
        town.pass(Duration::from_secs(20));
        let ops = town.put_many(400, Policy::Synced);
        town.pass(Duration::from_millis(15 + 3 * time as u64));
        let kept: Vec<usize> = (0..ops.len()).filter(|number| town.is_kept(ops[*number])).collect();
        (0..12).for_each(|node| town.world.halt(node));
        (0..12).for_each(|node| town.world.restart(node, Restart::Keeping));
        // Their numbers begin anew with their lives.
        town.ended.clear();
        town.pass(Duration::from_secs(30));
        acknowledged += kept.len();
        for number in kept {
            let (got, _) = town.ask(number % 12, Command::Get { key: key(number).into(), timeout: TIMEOUT });
            let is_there =
                matches!(&got, Outcome::Value { value, .. } if value.as_u64() == Some(number as u64));
            if !is_there {
                println!(
                    "cut {time}: key {number} is {got:?}, {}",
                    if town.is_ring() { "in a whole ring" } else { "in no whole ring" }
                );
            }
            lost += usize::from(!is_there);
        }
    }
    println!("{times} cuts: {lost} of {acknowledged} acknowledged keys lost; {:.0?}", begun.elapsed());
}

impl Town {
    /// Begins so many puts at once, from all nodes in turn.
    fn put_many(&mut self, count: usize, policy: Policy) -> Vec<(usize, u64)> {
        let nodes = self.world.len();
        let begin = |number: usize| {
            let (value, node) = (Value::from(number as u64), number % nodes);
            let put = Command::Put { key: key(number).into(), value, lives: None, policy, timeout: TIMEOUT };
            match self.world.command(node, put) {
                Some(Ok(Reply::Begun { op })) => (node, op),
                other => panic!("{other:?}"),
            }
        };
        (0..count).map(begin).collect()
    }

    fn is_kept(&self, op: (usize, u64)) -> bool {
        matches!(self.ended.get(&op), Some(Outcome::Kept { .. }))
    }
}
