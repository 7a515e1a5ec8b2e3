//! Gossip that rides on an overlay beside gossip over links at random: how soon everybody has a message, and what the busiest
//! node says for it. Riding nodes and such of an overlay that chooses at random differ in nothing else and have as many
//! links; the third kind are gossip nodes that find each other by themselves.
//!
//! `cargo run --release -p egoist-tests --example riding -- [FOLDER [WORD...]]`: FOLDER has `planetlab-50.json` and
//! `planetlab/<slice>.tsv` (default `../shared/data/latency`). Words choose rows: `50` (set 0 of the file) or `490` (all of its
//! slice), and `chosen`, `random` or `found`, how links come to be; all of a sort unless one is named. Ten epochs, one seed.

use std::error::Error;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use bytes::Bytes;
use egoist_core::gossip::scenario::Gossiper;
use egoist_core::gossip::{self, Gossip};
use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{self, PolicyKind};
use egoist_core::riding::{self, Riding};
use egoist_core::sim::{self, Boot, Matrix, Sites, Unit, World, address};

const SEED: u64 = 1;
const K: usize = 3;
const EPOCHS: u32 = 10;
const JOINING: Duration = Duration::from_secs(10);
const MESSAGES: usize = 200;
/// One is announced in each such time, somewhere.
const APART: Duration = Duration::from_secs(1);
/// How soon an application answers.
const VERDICT: Duration = Duration::from_millis(1);
const TYPE: u16 = 7;
const OCTETS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| "../shared/data/latency".to_owned());
    let words: Vec<String> = args.collect();
    let Ok(sets) = fs::read_to_string(Path::new(&folder).join("planetlab-50.json")) else {
        println!("SKIPPED: no planetlab-50.json in {folder}; name the folder that has it");
        return Ok(());
    };
    let sets: Vec<serde_json::Value> = serde_json::from_str(&sets)?;
    let set = sets.first().ok_or("there is a set")?;
    let slice = set["slice"].as_u64().ok_or("a set has a slice")?;
    let text = fs::read_to_string(Path::new(&folder).join(format!("planetlab/{slice}.tsv")))?;
    let matrix = Matrix::parse(&text, Unit::Millis)?;
    let chosen = |all: &[&'static str]| -> Vec<&'static str> {
        let some: Vec<_> = all.iter().copied().filter(|word| words.iter().any(|said| said == word)).collect();
        if some.is_empty() { all.to_vec() } else { some }
    };
    let (sizes, rows) = (chosen(&["50", "490"]), chosen(&["chosen", "random", "found"]));
    println!(
        "nodes  links                  links each (most)   p50 ms   p99 ms   sent for a message (mean, most)   octets/s (most)"
    );
    for size in sizes {
        let nodes: Vec<usize> = match size {
            "50" => serde_json::from_value(set["nodes"].clone())?,
            _ => (0..matrix.len()).collect(),
        };
        rows.iter().for_each(|row| show(row, &matrix, &nodes));
    }
    Ok(())
}

fn show(row: &str, matrix: &Matrix, nodes: &[usize]) {
    let (what, outcome) = match row {
        "chosen" => {
            ("chosen by the overlay", measure(matrix, nodes, |boot| ridden(boot, PolicyKind::BestResponse)))
        }
        "random" => ("chosen at random", measure(matrix, nodes, |boot| ridden(boot, PolicyKind::KRandom))),
        _ => ("found by gossip itself", measure(matrix, nodes, found)),
    };
    outcome.print(nodes.len(), what);
}

/// A riding node; everybody asks the first who is there.
fn ridden(boot: Boot, policy: PolicyKind) -> Riding {
    let network = Network::new("sim").expect("a good name");
    let bootstraps = if boot.node == 0 { Vec::new() } else { vec![address(0)] };
    let config = overlay::Config::new(boot.seed, network, boot.address);
    let overlay = overlay::Config { k: K, policy, bootstraps, ..config };
    let gossip = gossip::Config { start: boot.now, ..gossip::Config::auto(boot.seed) };
    Riding::new(riding::Config { overlay, gossip }).expect("a good configuration")
}

/// A gossip node that finds its peers by way of the first. With one more than the overlay's nodes choose it comes to have as
/// many links as they.
fn found(boot: Boot) -> Gossip {
    let std::net::SocketAddr::V4(own) = boot.address else { unreachable!("the world is one of IPv4") };
    Gossip::new(gossip::Config {
        address: Some(own),
        bootstrap: if boot.node == 0 { Vec::new() } else { vec![address(0)] },
        degree: K + 1,
        start: boot.now,
        ..gossip::Config::auto(boot.seed)
    })
    .expect("a good configuration")
}

/// What came of it.
struct Outcome {
    links: Vec<usize>,
    /// Until all had each message, in order of length; who never had one is left out.
    times: Vec<Duration>,
    /// How many messages each node sent.
    sent: Vec<u64>,
    /// Octets a second that each node sent, of whatever.
    octets: Vec<u64>,
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn print(&self, nodes: usize, what: &str) {
        let at = |percent: usize| self.times[(self.times.len() * percent / 100).min(self.times.len() - 1)];
        let ms = |percent| at(percent).as_secs_f64() * 1e3;
        let mean = |all: u64| all as f64 / nodes as f64;
        let links = self.links.iter().sum::<usize>() as u64;
        let each = |sent: f64| sent / MESSAGES as f64;
        println!(
            "{nodes:5}  {what:22} {:6.2} ({:3})        {:8.1} {:8.1}         {:6.2} {:6.2}                {:8}{}",
            mean(links),
            self.links.iter().max().expect("there are nodes"),
            ms(50),
            ms(99),
            each(mean(self.sent.iter().sum())),
            each(*self.sent.iter().max().expect("there are nodes") as f64),
            self.octets.iter().max().expect("there are nodes"),
            if self.times.len() < MESSAGES { "  (some messages did not come to all)" } else { "" },
        );
    }
}

/// Lets nodes join and ten epochs pass, and then announces.
fn measure<M: Gossiper>(
    matrix: &Matrix,
    nodes: &[usize],
    make: impl Fn(Boot) -> M + Clone + 'static,
) -> Outcome {
    let count = nodes.len();
    let sites = Sites::new(matrix.clone(), nodes.to_vec()).expect("rows of the matrix");
    let seed = Seed::from_u64(SEED);
    let mut world = World::new(sim::Config::default(), sites, seed);
    let mut joins = Streams::new(seed).named("joins");
    for _ in 0..count {
        let node = world.add(make.clone());
        let at = if node == 0 { Duration::ZERO } else { joins.between(Duration::from_micros(1), JOINING) };
        world.start(node, Time::ZERO + at);
    }
    let settled = Time::ZERO + JOINING + overlay::Periods::default().rewiring * EPOCHS;
    world.run_until(settled, |_, _, _| ());
    for node in 0..count {
        let _ = world.command(node, M::asked(gossip::Command::Subscribe { data_type: TYPE }));
    }
    let links =
        (0..count).map(|node| world.machine(node).map_or(0, |node| node.gossip().peers().count())).collect();
    let before = octets(&world, count);
    let mut from = Streams::new(seed).named("announcers");
    let (mut times, mut sent) = (Vec::new(), vec![0; count]);
    for number in 0..MESSAGES {
        let earlier = sends(&world, count);
        times.extend(spread(&mut world, from.index(count), number));
        for ((sum, now), earlier) in sent.iter_mut().zip(sends(&world, count)).zip(earlier) {
            *sum += now.saturating_sub(earlier);
        }
    }
    times.sort_unstable();
    let seconds = world.now().since(settled).as_secs();
    let octets = octets(&world, count).into_iter().zip(before).map(|(now, before)| (now - before) / seconds);
    Outcome { links, times, sent, octets: octets.collect() }
}

/// Messages that each node has sent to those who are its peers now.
fn sends<M: Gossiper>(world: &World<M>, count: usize) -> Vec<u64> {
    let of = |node: &M| node.gossip().peers().map(|peer| peer.sent).sum();
    (0..count).map(|node| world.machine(node).map_or(0, of)).collect()
}

/// Octets that each node has sent.
fn octets<M: Gossiper>(world: &World<M>, count: usize) -> Vec<u64> {
    let of = |node| world.counters(node).frame_bytes + world.counters(node).datagram_bytes;
    (0..count).map(of).collect()
}

/// Announces a message, and has every application that hears of it find it valid; how long it took to come to all.
fn spread<M: Gossiper>(world: &mut World<M>, from: usize, number: usize) -> Option<Duration> {
    let (start, count) = (world.now(), world.len());
    let mut data = number.to_be_bytes().to_vec();
    data.resize(OCTETS, 0);
    let data = Bytes::from(data);
    let announce = gossip::Command::Announce { ttl: 0, data_type: TYPE, data: data.clone() };
    let _ = world.command(from, M::asked(announce));
    let (mut has, mut last) = (vec![false; count], None);
    has[from] = true;
    while world.now() < start + APART {
        let mut waiting = Vec::new();
        world.run_until(world.now() + VERDICT, |at, node, event| {
            if let Some(gossip::Event::Message { id, data: heard, waits: true, .. }) = M::told(&event) {
                waiting.push((node, *id));
                if *heard == data && !std::mem::replace(&mut has[node], true) && has.iter().all(|has| *has) {
                    last = Some(at);
                }
            }
        });
        for (node, id) in waiting {
            let _ = world.command(node, M::asked(gossip::Command::Validate { id, valid: true }));
        }
    }
    last.map(|last| last.since(start))
}
