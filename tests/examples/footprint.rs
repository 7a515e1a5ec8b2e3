//! What a node of a settled overlay of real processes costs: memory and processor time.
//!
//! ```text
//! cargo build --release && cargo run --release -p egoist-tests --example footprint -- [NODES] [SECONDS]
//! ```
//!
//! Starts a bootstrap and NODES (50) nodes on loopback with default periods, lets them settle for a minute, and measures
//! for SECONDS (60): the resident set, and processor time as a part of one core.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_tests::processes::{Node, binary};

/// Processor time is counted in hundredths of a second on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn processor_ticks(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let tick = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    tick(11) + tick(12)
}

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u16>().ok());
    let (count, seconds) = (args.next().unwrap_or(50), args.next().unwrap_or(60));
    let binary = binary();
    let folder = tempfile::tempdir().expect("a folder for the states");
    let bootstrap = Node::start(&binary, "bootstrap", 0, folder.path());
    let mut nodes: Vec<Node> = (1..=count).map(|n| Node::start(&binary, "node", n, folder.path())).collect();
    sleep(Duration::from_secs(60));
    let reached = nodes.iter_mut().map(|n| n.reached().map_or(0, |r| r.len())).min();
    println!("{count} nodes; each reaches at least {} others", reached.unwrap_or(0));
    let before: Vec<f64> = nodes.iter().map(|n| processor_ticks(n.pid())).collect();
    let start = Instant::now();
    sleep(Duration::from_secs(seconds.into()));
    let elapsed = start.elapsed().as_secs_f64();
    let share = |(node, before): (&Node, &f64)| {
        (processor_ticks(node.pid()) - before) / TICKS_PER_SECOND / elapsed * 100.0
    };
    let shares: Vec<f64> = nodes.iter().zip(&before).map(share).collect();
    let resident: Vec<u64> = nodes.iter().map(|n| resident_kib(n.pid())).collect();
    println!("{:<24} {:>10} {:>10}", "", "mean", "max");
    let mean = |values: &[f64]| values.iter().sum::<f64>() / f64::from(count);
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    #[allow(clippy::cast_precision_loss, reason = "kibibytes of memory, for people")]
    let resident: Vec<f64> = resident.into_iter().map(|kib| kib as f64 / 1024.0).collect();
    println!("{:<24} {:>10.1} {:>10.1}", "resident set, MiB", mean(&resident), most(&resident));
    println!("{:<24} {:>10.2} {:>10.2}", "processor, % of a core", mean(&shares), most(&shares));
    println!(
        "{:<24} {:>10.1}",
        "the bootstrap's, MiB",
        f64::from(u32::try_from(resident_kib(bootstrap.pid())).unwrap_or(0)) / 1024.0
    );
}
