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
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);
const BASE_PORT: u16 = 21_400;

/// A node's process and its control socket.
struct Node {
    address: String,
    folder: PathBuf,
    process: Child,
    control: Option<BufReader<UnixStream>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        signal(&self.process, "CONT");
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn signal(process: &Child, name: &str) {
    let _ = Command::new("kill").arg(format!("-{name}")).arg(process.id().to_string()).status();
}

fn start(binary: &Path, verb: &str, address: &str, bootstrap: &str, folder: &Path) -> Child {
    let mut command = Command::new(binary);
    command.args(["-q", "-q", verb, "--listen", address, "--state"]).arg(folder);
    if verb == "node" {
        command.args(["--bootstrap", bootstrap]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

impl Node {
    fn new(binary: &Path, verb: &str, number: u16, folder: &Path) -> Self {
        let address = format!("127.0.0.1:{}", BASE_PORT + number);
        let folder = folder.join(number.to_string());
        let process = start(binary, verb, &address, &bootstrap(), &folder);
        Node { address, folder, process, control: None }
    }

    /// Addresses of those to whom the node has a route; `None` while it does not answer.
    fn reached(&mut self) -> Option<Vec<String>> {
        let routes = self.ask("overlay.routes")?;
        let rows = routes.get("routes").unwrap_or(&routes).as_array()?;
        let reached = rows.iter().filter(|row| !row["cost_ms"].is_null());
        Some(reached.filter_map(|row| Some(row["address"].as_str()?.to_owned())).collect())
    }

    fn ask(&mut self, action: &str) -> Option<Value> {
        if self.control.is_none() {
            let stream = UnixStream::connect(self.folder.join("control.sock")).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
            self.control = Some(BufReader::new(stream));
        }
        let answer = self.exchange(action);
        if answer.is_none() {
            self.control = None;
        }
        answer
    }

    fn exchange(&mut self, action: &str) -> Option<Value> {
        let control = self.control.as_mut()?;
        writeln!(control.get_mut(), r#"{{"id":1,"do":"{action}","with":{{}}}}"#).ok()?;
        let mut line = String::new();
        control.read_line(&mut line).ok()?;
        let mut answer: Value = serde_json::from_str(&line).ok()?;
        Some(answer["ok"].take()).filter(|ok| !ok.is_null())
    }
}

fn bootstrap() -> String {
    format!("127.0.0.1:{BASE_PORT}")
}

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
    let binary = std::env::current_exe().expect("a path").ancestors().nth(2).expect("target").join("egoist");
    assert!(binary.exists(), "{} is missing: cargo build --release first", binary.display());
    let folder = tempfile::tempdir().expect("a folder");
    let _bootstrap = Node::new(&binary, "bootstrap", 0, folder.path());
    let mut nodes: Vec<Node> = (1..=count).map(|n| Node::new(&binary, "node", n, folder.path())).collect();
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
        signal(&nodes[victim].process, "KILL");
        killed.add(wait(nodes, Some(victim), without));
        let _ = nodes[victim].process.wait();
        nodes[victim].control = None;
        if trial % 2 == 1 {
            let _ = fs::remove_dir_all(&nodes[victim].folder);
        }
        nodes[victim].process = start(binary, "node", &address, &bootstrap(), &nodes[victim].folder);
        let back = wait(nodes, Some(victim), with);
        if trial % 2 == 1 { deleted.add(back) } else { kept.add(back) }
        rest(nodes, all);
        signal(&nodes[victim].process, "STOP");
        stopped.add(wait(nodes, Some(victim), without));
        std::thread::sleep(Duration::from_secs(3));
        signal(&nodes[victim].process, "CONT");
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
