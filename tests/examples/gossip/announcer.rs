//! The node that announces, in this process, and what the others say.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use egoist_core::gossip::{Command, Gossip, Refusal};
use egoist_mio::net::MioNet;
use egoist_mio::{Driver, Key};

use super::{TYPE, listener};

/// Until all are connected.
const TOGETHER: Duration = Duration::from_secs(5);
/// What has not come by then does not.
const PATIENCE: Duration = Duration::from_secs(20);
/// The clock ticks by which the system counts processor time.
const TICK: Duration = Duration::from_millis(10);

/// A process of its own, and what it has counted.
pub(crate) struct Listener {
    process: Child,
    /// Where peers reach it, if it is a node.
    peers: String,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    count: AtomicU64,
    sum: AtomicU64,
}

impl Listener {
    pub(crate) fn count(&self) -> u64 {
        self.told.count.load(Ordering::Acquire)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) struct Announcer {
    driver: Driver<MioNet>,
    key: Key<Gossip>,
    nodes: Vec<Listener>,
    /// Those who tell: the nodes' applications, or their modules.
    tellers: Vec<Arc<Told>>,
    /// Whose saying is not waited for.
    ignored: Option<usize>,
    /// Kept until the end.
    modules: Vec<Listener>,
    octets: usize,
    announced: u64,
}

/// A flow at its best.
pub(crate) struct Flow {
    pub(crate) per_second: f64,
    pub(crate) micros_each: f64,
    pub(crate) busy: u64,
}

/// What became of a burst.
pub(crate) struct Burst {
    pub(crate) taken: u64,
    pub(crate) busy: u64,
    pub(crate) missing: u64,
}

/// Starts this program again.
pub(crate) fn spawn(args: &[&str]) -> (Listener, Receiver<String>) {
    let mut process = Process::new(std::env::current_exe().expect("a path"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts again");
    let told = Arc::new(Told::default());
    let (tell, ready) = channel();
    let (counter, said) = (Arc::clone(&told), process.stdout.take().expect("it is piped"));
    thread::spawn(move || read(said, &counter, |ready| _ = tell.send(ready)));
    (Listener { process, peers: String::new(), told }, ready)
}

/// Reads what a listener says to its end.
fn read(said: ChildStdout, told: &Told, mut ready: impl FnMut(String)) {
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["N", count, sum] => {
                told.sum.store(sum.parse().expect("a number"), Ordering::Release);
                told.count.store(count.parse().expect("a number"), Ordering::Release);
            }
            _ => ready(line),
        }
    }
}

impl Announcer {
    /// So many nodes that join at this one.
    pub(crate) fn start(processes: usize, degree: usize, octets: usize, modules: bool) -> Self {
        let (mut announcer, peers) = Announcer::alone(degree, octets);
        (1..processes).for_each(|_| announcer.join(&peers, degree, modules));
        announcer.pass(TOGETHER);
        announcer
    }

    /// This node, one that joins at it, and one that joins at that.
    pub(crate) fn line(octets: usize) -> Self {
        let (mut announcer, peers) = Announcer::alone(1, octets);
        announcer.join(&peers, 1, false);
        announcer.pass(TOGETHER);
        let middle = announcer.peers(0);
        announcer.join(&middle, 1, false);
        announcer.pass(TOGETHER);
        announcer
    }

    fn alone(degree: usize, octets: usize) -> (Self, String) {
        let mut driver = Driver::new().expect("a poller");
        let (key, peers, _) = listener::add(&mut driver, None, degree, |_, _, _| ());
        let announcer = Announcer {
            driver,
            key,
            nodes: Vec::new(),
            tellers: Vec::new(),
            ignored: None,
            modules: Vec::new(),
            octets,
            announced: 0,
        };
        (announcer, peers.to_string())
    }

    fn join(&mut self, bootstrap: &str, degree: usize, modules: bool) {
        let told_by = if modules { "modules" } else { "application" };
        let (mut node, ready) = spawn(&["node", bootstrap, &degree.to_string(), told_by]);
        let ready = ready.recv().expect("it starts");
        let ["R", peers, api] = ready.split(' ').collect::<Vec<_>>()[..] else { panic!("its addresses") };
        node.peers = peers.to_owned();
        if modules {
            let (module, ready) = spawn(&["module", api]);
            ready.recv().expect("it subscribes");
            self.tellers.push(Arc::clone(&module.told));
            self.modules.push(module);
        } else {
            self.tellers.push(Arc::clone(&node.told));
        }
        self.nodes.push(node);
    }

    /// Where a node's peers reach it.
    pub(crate) fn peers(&self, node: usize) -> String {
        self.nodes[node].peers.clone()
    }

    /// A node's process.
    pub(crate) fn node(&self, node: usize) -> u32 {
        self.nodes[node].process.id()
    }

    pub(crate) fn signal(&self, node: usize, signal: &str) {
        let process = self.node(node).to_string();
        let done = Process::new("kill").args(["-s", signal, &process]).status();
        assert!(done.is_ok_and(|status| status.success()), "it runs");
    }

    /// What a node tells of is not waited for from now on.
    pub(crate) fn ignore(&mut self, node: usize) {
        self.ignored = Some(node);
    }

    /// It is waited for again; how many it has told of.
    pub(crate) fn heed(&mut self, node: usize) -> u64 {
        self.ignored = None;
        self.tellers[node].count.load(Ordering::Acquire)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.driver.turn(Some(Duration::from_millis(1))).expect("the poller works");
    }

    /// How many messages all have told of.
    fn told(&self) -> u64 {
        let heeded = self.tellers.iter().enumerate().filter(|(at, _)| Some(*at) != self.ignored);
        heeded.map(|(_, told)| told.count.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    /// Announces the next; false if the node is busy.
    fn announce(&mut self) -> bool {
        let mut data = vec![0; self.octets.max(8)];
        data[..8].copy_from_slice(&(self.announced + 1).to_be_bytes());
        let command = Command::Announce { ttl: 0, data_type: TYPE, data: Bytes::from(data) };
        match self.driver.command(self.key, command) {
            Ok(_) => self.announced += 1,
            Err(Refusal::Busy) => return false,
            Err(refusal) => panic!("{refusal}"),
        }
        true
    }

    /// Waits until all have told of all, for so long at most.
    fn settle(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.told() < self.announced && Instant::now() < end {
            self.turn();
        }
    }

    /// How long each of so many took.
    pub(crate) fn one_at_a_time(&mut self, count: usize, every: Duration) -> Vec<Duration> {
        let times = (0..count).map(|_| {
            let begin = Instant::now();
            assert!(self.announce(), "nothing is under way");
            while self.told() < self.announced {
                assert!(begin.elapsed() < PATIENCE, "a message is lost");
                self.driver.turn(Some(Duration::from_micros(100))).expect("the poller works");
            }
            let took = begin.elapsed();
            self.pass(every.saturating_sub(took));
            took
        });
        times.collect()
    }

    /// As many as go for so long, with at most `window` that not all have told of.
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn flow(&mut self, time: Duration, window: u64) -> Flow {
        let (begin, first, spent) = (Instant::now(), self.announced, self.processor_time());
        let mut busy = 0;
        while begin.elapsed() < time {
            self.fill(window, first + u64::MAX / 2, &mut busy);
        }
        self.settle();
        let (sent, took) = ((self.announced - first) as f64, begin.elapsed().as_secs_f64());
        assert_eq!(self.told(), self.announced, "a message is lost");
        let spent = (self.processor_time() - spent).as_secs_f64();
        Flow { per_second: sent / took, micros_each: spent * 1e6 / sent / self.tellers.len() as f64, busy }
    }

    /// So many, each again until it is taken, with at most `window` that not all have told of.
    pub(crate) fn send(&mut self, count: usize, window: u64) {
        let last = self.announced + count as u64;
        while self.announced < last {
            self.fill(window, last, &mut 0);
        }
        self.settle();
    }

    /// What a node has told of, against what there was.
    pub(crate) fn account(&self, node: usize) -> String {
        let told = &self.tellers[node];
        let (count, sum) = (told.count.load(Ordering::Acquire), told.sum.load(Ordering::Acquire));
        let (of, right) = (self.announced, self.announced * (self.announced + 1) / 2);
        format!("{count} of {of}, the sum of their numbers {sum} of {right}")
    }

    /// Announces as far as the window goes, and lets the loop turn.
    fn fill(&mut self, window: u64, last: u64, busy: &mut u64) {
        while self.announced < last.min(self.told() + window) {
            if !self.announce() {
                *busy += 1;
                break;
            }
            // What was announced leaves with the next turn.
            if self.announced.is_multiple_of(16) {
                break;
            }
        }
        self.driver.turn(Some(Duration::from_micros(200))).expect("the poller works");
    }

    /// So many at once, each tried once: who hears "busy" has said one less.
    pub(crate) fn burst(&mut self, count: u64, window: u64) -> Burst {
        let first = self.announced;
        let (mut busy, mut tried) = (0, 0);
        while tried < count {
            while tried < count && self.announced < self.told() + window {
                tried += 1;
                busy += u64::from(!self.announce());
            }
            self.driver.turn(Some(Duration::from_micros(200))).expect("the poller works");
        }
        self.settle();
        Burst { taken: self.announced - first, busy, missing: self.announced - self.told() }
    }

    /// Of all processes, this one among them.
    fn processor_time(&self) -> Duration {
        let listeners = self.nodes.iter().chain(&self.modules).map(|listener| listener.process.id());
        listeners.chain([std::process::id()]).map(processor_time).sum()
    }
}

/// The resident memory of a process, in KiB.
pub(crate) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is said");
    line.split_whitespace().next().and_then(|size| size.parse().ok()).expect("a number")
}

fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    // The name in front may hold blanks; user and system time are the 12th and 13th fields behind it.
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = |at: usize| fields.split_whitespace().nth(at).and_then(|field| field.parse::<u32>().ok());
    TICK * (ticks(11).expect("a count") + ticks(12).expect("a count"))
}
