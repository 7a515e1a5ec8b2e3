//! What a node of a settled overlay of real processes costs: memory and processor time.
//!
//! ```text
//! cargo build --release && cargo run --release -p egoist-tests --example footprint -- [NODES] [SECONDS] [record]
//! ```
//!
//! Starts a bootstrap and NODES (50) nodes on loopback with default periods, lets them settle for a minute, and measures
//! for SECONDS (60): the resident set, and processor time as a part of one core. With `record` every second node writes
//! all its inputs to a file, and the two halves are shown side by side.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_tests::processes::{Node, binary, loopback};

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

/// Starts the `number`-th node, which records itself if it is told to.
fn start(binary: &Path, number: u16, folder: &Path, records: bool) -> Node {
    if !records {
        return Node::start(binary, "node", number, folder);
    }
    let file = folder.join(format!("{number}.rec"));
    let more = ["--bootstrap", &loopback(0), "--record", &file.to_string_lossy()];
    Node::run(Command::new(binary), "node", loopback(number), folder.join(number.to_string()), &more)
}

/// Mean and greatest.
fn row(name: &str, values: &[f64]) {
    let count = f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
    let mean = values.iter().sum::<f64>() / count;
    let most = values.iter().copied().fold(0.0, f64::max);
    println!("{name:<40} {mean:>10.2} {most:>10.2}");
}

#[allow(clippy::cast_precision_loss, reason = "kibibytes of memory, for people")]
fn resident_mib(node: &Node) -> f64 {
    resident_kib(node.pid()) as f64 / 1024.0
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|arg| arg.parse::<u16>().ok());
    let (count, seconds) = (number(0).unwrap_or(50), number(1).unwrap_or(60));
    let recording = args.iter().any(|arg| arg == "record");
    let records = |number: u16| recording && number.is_multiple_of(2);
    let binary = binary();
    let folder = tempfile::tempdir().expect("a folder for the states");
    let bootstrap = Node::start(&binary, "bootstrap", 0, folder.path());
    let mut nodes: Vec<Node> = (1..=count).map(|n| start(&binary, n, folder.path(), records(n))).collect();
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
    let measured: Vec<_> = (1..=count)
        .zip(nodes.iter().zip(&before))
        .map(|(number, node)| (records(number), resident_mib(node.0), share(node)))
        .collect();
    println!("{:<40} {:>10} {:>10}", "", "mean", "max");
    for half in [false, true] {
        let of_half = measured.iter().filter(|(records, ..)| *records == half);
        let (resident, shares): (Vec<f64>, Vec<f64>) = of_half.map(|(_, r, s)| (r, s)).unzip();
        if !shares.is_empty() {
            let with = if half { " with a recording" } else { "" };
            row(&format!("resident set, MiB{with}"), &resident);
            row(&format!("processor, % of a core{with}"), &shares);
        }
    }
    println!("{:<40} {:>10.2}", "the bootstrap's resident set, MiB", resident_mib(&bootstrap));
}
