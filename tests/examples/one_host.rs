//! Whether an overlay on one host comes to rest: nodes in processes on loopback, and the same number simulated on a LAN.
//!
//! ```text
//! cargo build --release && cargo run --release -p egoist-tests --example one_host -- [NODES] [PACE] [EPOCHS]
//! ```
//!
//! NODES (20) nodes with three neighbours each live through EPOCHS (10) epochs at PACE (20). Then rewirings are counted
//! for a minute, and what goes over links: frames, heartbeats included, and their octets. The simulated round trips are
//! drawn from 100 to 600 us, with jitter of their size.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{Config, Overlay, Periods};
use egoist_core::sim::{self, Boot, Jitter, Matrix, Sites, World};
use egoist_tests::processes::{Node, binary, loopback};

const COUNTED: Duration = Duration::from_secs(60);
const JOINED: Duration = Duration::from_secs(10);
const JITTER: Duration = Duration::from_micros(300);

/// What all nodes together have done since they started.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    rewirings: u64,
    frames: u64,
    octets: u64,
}

impl Done {
    fn since(self, before: Done) -> Done {
        Done {
            rewirings: self.rewirings - before.rewirings,
            frames: self.frames.saturating_sub(before.frames),
            octets: self.octets.saturating_sub(before.octets),
        }
    }
}

fn of_processes(nodes: &mut [Node]) -> Done {
    let mut done = Done::default();
    for node in nodes {
        let status = node.ask("overlay.status", "").expect("a status");
        done.rewirings += status["rewirings"].as_u64().expect("a number");
        let neighbors = node.ask("overlay.neighbors", "").expect("neighbours");
        for link in neighbors.as_array().expect("rows") {
            done.frames += link["frames_sent"].as_u64().expect("a number");
            done.octets += link["octets_sent"].as_u64().expect("a number");
        }
    }
    done
}

fn processes(count: u16, pace: u32, settling: Duration) -> Done {
    let (binary, folder) = (binary(), tempfile::tempdir().expect("a folder for the states"));
    let _bootstrap = Node::start(&binary, "bootstrap", 0, folder.path());
    let (pace, bootstrap) = (pace.to_string(), loopback(0));
    let more = ["--bootstrap", &bootstrap, "--pace", &pace, "-k", "3"];
    let start = |number: u16| {
        let state = folder.path().join(number.to_string());
        Node::run(std::process::Command::new(&binary), "node", loopback(number), state, &more)
    };
    let mut nodes: Vec<Node> = (1..=count).map(start).collect();
    sleep(settling);
    let before = of_processes(&mut nodes);
    sleep(COUNTED);
    of_processes(&mut nodes).since(before)
}

fn of_world(world: &World<Overlay>) -> Done {
    let mut done = Done::default();
    for node in (0..world.len()).filter_map(|node| world.machine(node)) {
        done.rewirings += node.status().counters.rewirings;
        for link in node.neighbors() {
            done.frames += link.traffic.sent.frames;
            done.octets += link.traffic.sent.octets;
        }
    }
    done
}

fn simulated(count: u16, pace: u32, settling: Duration) -> Done {
    let seed = Seed::from_u64(1);
    let (count, mut rng) = (usize::from(count), Streams::new(seed).named("delays"));
    let mut micros = vec![0; count * count];
    for (i, j) in (0..count).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let trip = u32::try_from(100 + rng.below(500)).expect("below a second");
        [micros[i * count + j], micros[j * count + i]] = [trip; 2];
    }
    let sites = Sites::new(Matrix::from_micros(count, micros), (0..count).chain([0]).collect());
    let config = sim::Config { jitter: Jitter::Uniform { max: JITTER }, ..sim::Config::default() };
    let mut world = World::new(config, sites.expect("rows of the matrix"), seed);
    let of = move |boot: Boot, bootstraps| {
        let network = Network::new("host").expect("a valid name");
        let periods = Periods::default().paced(pace);
        Config { k: 3, periods, bootstraps, ..Config::new(boot.seed, network, boot.address) }
    };
    for _ in 0..count {
        let node = world.add(move |boot| Overlay::new(of(boot, vec![sim::address(count)])).expect("valid"));
        world.start(node, Time::ZERO);
    }
    let bootstrap = world.add(move |boot| Overlay::new(of(boot, Vec::new()).watching()).expect("valid"));
    world.start(bootstrap, Time::ZERO);
    world.run_until(Time::ZERO + settling, |_, _, _| ());
    let before = of_world(&world);
    world.run_until(Time::ZERO + settling + COUNTED, |_, _, _| ());
    of_world(&world).since(before)
}

fn row(name: &str, done: Done) {
    println!("{name:<20} {:>16} {:>16} {:>16}", done.rewirings, done.frames, done.octets);
}

fn main() {
    let args: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let number = |at: usize, otherwise| args.get(at).copied().unwrap_or(otherwise);
    let (count, pace, epochs) = (number(0, 20), number(1, 20), number(2, 10));
    let count = u16::try_from(count).expect("at most 65,535 nodes");
    let settling = JOINED + Periods::default().paced(pace).rewiring * epochs;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{count} nodes, k = 3, pace {pace}, a minute after {epochs} epochs; load {}", load.trim());
    println!("{:<20} {:>16} {:>16} {:>16}", "", "rewirings", "frames", "octets");
    row("simulated", simulated(count, pace, settling));
    row("processes", processes(count, pace, settling));
}
