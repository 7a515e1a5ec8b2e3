//! How fast an overlay of real processes goes around a death, and takes the dead back.
//!
//! ```text
//! cargo build --release && cargo run --release -p egoist-tests --example failover -- [NODES] [TRIALS]
//! ```
//!
//! Starts a bootstrap and NODES (16) nodes on loopback with default periods, then kills (SIGKILL) or stops (SIGSTOP) one
//! TRIALS (20) times each. Every 20 ms it asks every other node for its routes: the overlay has gone around the victim
//! once no other node has a route to it and all of them reach each other. A killed node is restarted with its state
//! kept and with its state deleted in turn, a stopped one continued; it is back once all others have a route to it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use egoist_tests::processes::{Node, binary};

const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done` holds for every node but `victim`; how long that took.
fn wait(nodes: &mut [Node], victim: Option<usize>, done: impl Fn(&[String]) -> bool) -> Option<Duration> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let others = nodes.iter_mut().enumerate().filter(|(i, _)| Some(*i) != victim);
        if others.map(|(_, n)| n.reached()).all(|reached| reached.is_some_and(|r| done(&r))) {
            return Some(start.elapsed());
        }
        std::thread::sleep(POLL.saturating_sub(Duration::from_millis(5)));
    }
    None
}

/// The times of one kind of trial.
struct Times(&'static str, Vec<Duration>);

impl Times {
    fn add(&mut self, time: Option<Duration>) {
        self.1.push(time.unwrap_or(PATIENCE));
    }

    fn print(&mut self) {
        self.1.sort_unstable();
        let at = |part: usize| self.1[(self.1.len() * part / 100).min(self.1.len() - 1)].as_millis();
        if !self.1.is_empty() {
            println!("{:<34} {:>6} {:>6} {:>6} {:>6}", self.0, self.1.len(), at(50), at(95), at(100));
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u16>().ok());
    let (count, trials) = (args.next().unwrap_or(16), args.next().unwrap_or(20));
    let binary = binary();
    let folder = tempfile::tempdir().expect("a folder");
    let _bootstrap = Node::start(&binary, "bootstrap", 0, folder.path());
    let mut nodes: Vec<Node> = (1..=count).map(|n| Node::start(&binary, "node", n, folder.path())).collect();
    let all = usize::from(count) - 1;
    let joined = wait(&mut nodes, None, |r| r.len() == all);
    println!("{count} nodes joined and reach each other after {} ms", joined.unwrap_or(PATIENCE).as_millis());
    let settle = Duration::from_secs(30);
    println!("settling for {} s", settle.as_secs());
    std::thread::sleep(settle);
    run(&binary, &mut nodes, trials, all);
}

fn run(binary: &Path, nodes: &mut [Node], trials: u16, all: usize) {
    let mut killed = Times("kill -9: gone around", Vec::new());
    let mut kept = Times("restart, state kept: back", Vec::new());
    let mut deleted = Times("restart, state deleted: back", Vec::new());
    let mut stopped = Times("SIGSTOP: gone around", Vec::new());
    let mut continued = Times("SIGCONT: back", Vec::new());
    for trial in 0..usize::from(trials) {
        let victim = trial % nodes.len();
        let address = nodes[victim].address.clone();
        let without = |r: &[String]| r.len() == all - 1 && !r.contains(&address);
        let with = |r: &[String]| r.len() == all && r.contains(&address);
        nodes[victim].signal("KILL");
        killed.add(wait(nodes, Some(victim), without));
        nodes[victim].kill();
        if trial % 2 == 1 {
            let _ = fs::remove_dir_all(&nodes[victim].folder);
        }
        nodes[victim].restart(binary);
        let back = wait(nodes, Some(victim), with);
        if trial % 2 == 1 {
            deleted.add(back);
        } else {
            kept.add(back);
        }
        rest(nodes, all);
        nodes[victim].signal("STOP");
        stopped.add(wait(nodes, Some(victim), without));
        std::thread::sleep(Duration::from_secs(3));
        nodes[victim].signal("CONT");
        continued.add(wait(nodes, Some(victim), with));
        rest(nodes, all);
        eprintln!("trial {} of {trials}", trial + 1);
    }
    println!("{:<34} {:>6} {:>6} {:>6} {:>6}", "milliseconds", "trials", "p50", "p95", "max");
    for times in [&mut killed, &mut kept, &mut deleted, &mut stopped, &mut continued] {
        times.print();
    }
}

/// Everybody reaches everybody again, and has for three seconds.
fn rest(nodes: &mut [Node], all: usize) {
    let _ = wait(nodes, None, |r| r.len() == all);
    std::thread::sleep(Duration::from_secs(3));
}
