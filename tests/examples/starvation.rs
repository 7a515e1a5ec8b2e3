//! Whether nodes that live are taken for dead, by real processes with little processor time.
//!
//! ```text
//! cargo build --release && cargo run --release -p egoist-tests --example starvation -- [NODES] [SECONDS]
//! ```
//!
//! Starts a bootstrap and NODES (16) nodes on loopback with default periods. Then, for SECONDS (600) each: four busy loops
//! for each processor; and one node after the other stopped (SIGSTOP) for ten seconds of every thirty. Twice a second
//! every node that runs is asked for its routes. A false eviction is a node that ran and was reached at one look and not
//! at the next; one that was just continued has three seconds to come back.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use egoist_tests::processes::{Node, binary};

const LOOPS_PER_PROCESSOR: usize = 4;
const LOOK: Duration = Duration::from_millis(500);
const STOP_EVERY: Duration = Duration::from_secs(30);
const STOPPED: Duration = Duration::from_secs(10);
const BACK: Duration = Duration::from_secs(3);

/// Who lost whom while both ran.
#[derive(Default)]
struct Watch {
    /// By number, whom each reached when last asked.
    reached: Vec<BTreeSet<String>>,
    looks: usize,
    silent: usize,
    evictions: Vec<(usize, String)>,
}

impl Watch {
    /// Asks everybody but the one who is stopped or was lately.
    fn look(&mut self, nodes: &mut [Node], excused: Option<usize>) {
        self.reached.resize(nodes.len(), BTreeSet::new());
        self.looks += 1;
        let excused_address = excused.map(|node| nodes[node].address.clone());
        for (number, node) in nodes.iter_mut().enumerate().filter(|(number, _)| Some(*number) != excused) {
            let Some(reached) = node.reached() else {
                self.silent += 1;
                continue;
            };
            let now: BTreeSet<String> = reached.into_iter().collect();
            let lost =
                self.reached[number].difference(&now).filter(|lost| Some(*lost) != excused_address.as_ref());
            self.evictions.extend(lost.map(|lost| (number, lost.clone())));
            self.reached[number] = now;
        }
    }

    fn print(&self, what: &str) {
        println!("{what:<34} {:>8} {:>10} {:>17}", self.looks, self.silent, self.evictions.len());
        self.evictions.iter().take(10).for_each(|(by, whom)| println!("  node {by} lost {whom}"));
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u16>().ok());
    let (count, seconds) = (args.next().unwrap_or(16), args.next().unwrap_or(600));
    let length = Duration::from_secs(seconds.into());
    let binary = binary();
    let folder = tempfile::tempdir().expect("a folder");
    let _bootstrap = Node::start(&binary, "bootstrap", 0, folder.path());
    let mut nodes: Vec<Node> = (1..=count).map(|n| Node::start(&binary, "node", n, folder.path())).collect();
    println!("{count} nodes settle for 60 s");
    sleep(Duration::from_secs(60));
    println!("{:<34} {:>8} {:>10} {:>17}", "", "looks", "no answer", "false evictions");
    starve(&mut nodes, length).print("four busy loops a processor");
    sleep(Duration::from_secs(10));
    stop_and_go(&mut nodes, length).print("one node stopped every 30 s");
}

fn starve(nodes: &mut [Node], length: Duration) -> Watch {
    let (mut watch, over) = (Watch::default(), AtomicBool::new(false));
    let loops = LOOPS_PER_PROCESSOR * thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..loops {
            scope.spawn(|| {
                let mut number = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                }
            });
        }
        let start = Instant::now();
        while start.elapsed() < length {
            sleep(LOOK);
            watch.look(nodes, None);
        }
        over.store(true, Ordering::Relaxed);
    });
    watch
}

fn stop_and_go(nodes: &mut [Node], length: Duration) -> Watch {
    let (mut watch, start) = (Watch::default(), Instant::now());
    for victim in (0..nodes.len()).cycle() {
        let turn = Instant::now();
        if start.elapsed() >= length {
            break;
        }
        nodes[victim].signal("STOP");
        let mut stopped = true;
        while turn.elapsed() < STOP_EVERY {
            sleep(LOOK);
            if stopped && turn.elapsed() >= STOPPED {
                nodes[victim].signal("CONT");
                stopped = false;
            }
            let excused = turn.elapsed() < STOPPED + BACK;
            watch.look(nodes, excused.then_some(victim));
        }
    }
    watch
}
