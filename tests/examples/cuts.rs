//! How fast an overlay of real processes goes around a cut link.
//!
//! ```text
//! cargo build --release && sudo cargo run --release -p egoist-tests --example cuts -- [NODES] [TRIALS]
//! ```
//!
//! Starts a bootstrap and NODES (16) nodes, k = 2, default periods, each in a network namespace of its own. TRIALS (100)
//! times for each kind of cut, a node probes another over the overlay, 50 times a second; then packets of a link on the
//! path are dropped, away from the prober or both ways: the prober's own link, or the next, which ends two hops away. What
//! is measured is the time from the cut until answers come again and go on coming. Needs root and `nft`.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use egoist_tests::cuts::{Cut, Overlay};
use egoist_tests::namespaces::Hosts;

const CUTS: [Cut; 4] = [
    Cut { name: "own link, one way", link: 0, both_ways: false },
    Cut { name: "own link, both ways", link: 0, both_ways: true },
    Cut { name: "two hops away, one way", link: 1, both_ways: false },
    Cut { name: "two hops away, both ways", link: 1, both_ways: true },
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u8>().ok());
    let (count, trials) = (args.next().unwrap_or(16).min(200), args.next().unwrap_or(100));
    let hosts = match Hosts::new(count + 1) {
        Ok(hosts) => hosts,
        Err(why) => {
            eprintln!("SKIPPED: no network namespaces here: {why}");
            return ExitCode::FAILURE;
        }
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut overlay = Overlay::start(hosts, count, folder.path());
    println!("{count} nodes reach each other; settling for 30 s");
    sleep(Duration::from_secs(30));
    println!("{:<26} {:>6} {:>6} {:>6} {:>6} {:>6}", "milliseconds", "trials", "missed", "p50", "p99", "max");
    for cut in CUTS {
        measure(&mut overlay, cut, usize::from(trials));
    }
    ExitCode::SUCCESS
}

fn measure(overlay: &mut Overlay, cut: Cut, trials: usize) {
    let (mut times, mut missed, n) = (Vec::new(), 0, overlay.count());
    for pair in 0.. {
        let (from, to) = (pair % n, (pair / n + pair + 1) % n);
        if from != to {
            match overlay.trial(cut, from + 1, to + 1) {
                Some(time) => times.push(time),
                None => missed += 1,
            }
        }
        if times.len() >= trials || missed > 20 * trials {
            break;
        }
    }
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
    let [p50, p99, max] = [50, 99, 100].map(|part| at(part).map_or(0, Duration::as_millis));
    println!("{:<26} {:>6} {missed:>6} {p50:>6} {p99:>6} {max:>6}", cut.name, times.len());
}
