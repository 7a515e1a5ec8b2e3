//! Real nodes of gossip-python 0.0.1, run by `tests/originals/gossip.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A node listens within 30 s or the supervisor says that it does not; anything else is done in much less.
const PATIENCE: Duration = Duration::from_secs(45);
const STEP: Duration = Duration::from_millis(50);
/// Messages that a node keeps, unless it is told otherwise.
const KEPT: u32 = 50;
/// After so many seconds they end, whatever has become of who started them.
const LIFE: &str = "1200";
/// What `gossip.py` ends with where something outside the project is missing.
const SKIPPED: i32 = 77;

/// Real nodes, numbered in the order of their start. They end when this is dropped.
#[derive(Debug)]
pub struct RealGossip {
    supervisor: Child,
    said: Receiver<Value>,
    asked: u64,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    p2p: SocketAddrV4,
    api: SocketAddrV4,
    log: PathBuf,
}

impl RealGossip {
    /// The processes of a node without connections. Each connection, of a peer or a module, has one more.
    pub const PARTS: usize = 12;

    /// No nodes yet. `None` where there can be none here: then a line with SKIPPED on standard error says why.
    ///
    /// # Panics
    /// If the supervisor fails for a reason of its own.
    pub fn empty() -> Option<Self> {
        Self::keeping(KEPT)
    }

    /// The same, for nodes that keep so many messages. One that is full and is told of messages by modules and peers at once
    /// may lose its part for either: both take from what is kept, without a lock.
    ///
    /// # Panics
    /// See [`empty`](Self::empty).
    pub fn keeping(messages: u32) -> Option<Self> {
        static SETUP: OnceLock<Setup> = OnceLock::new();
        match SETUP.get_or_init(set_up) {
            Setup::Done => {}
            Setup::Failed(why) => panic!("gossip.py setup: {why}"),
            Setup::Missing(why) => {
                let test = std::thread::current();
                // The harness keeps what a passing test prints; this is for the terminal itself.
                let _ =
                    writeln!(std::io::stderr(), "SKIPPED: {}: {why}", test.name().unwrap_or("real gossip"));
                return None;
            }
        }
        let mut supervisor = script("run");
        supervisor
            .args(["--nodes", "0", "--max-seconds", LIFE, "--cache-size", &messages.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut supervisor = supervisor.spawn().expect("python3 was there before");
        let said = lines(supervisor.stdout.take().expect("it is piped"));
        let mut gossip = RealGossip { supervisor, said, asked: 0, nodes: Vec::new() };
        gossip.hear(|said| said["event"] == "ready");
        Some(gossip)
    }

    /// So many nodes, each with a link to each other one.
    ///
    /// # Panics
    /// If a node does not start or the links do not come about.
    pub fn mesh(count: usize) -> Option<Self> {
        Self::empty().map(|gossip| gossip.with_mesh(count))
    }

    /// So many nodes, the first that there are, each with a link to each other one.
    ///
    /// # Panics
    /// See [`mesh`](Self::mesh).
    pub fn with_mesh(mut self, count: usize) -> Self {
        for node in 0..count {
            self.join(self.nodes.first().map(|first| first.p2p));
            (0..=node).for_each(|earlier| self.linked(earlier, node));
        }
        self
    }

    /// Three nodes, the second with links to both others. The third takes no more than one peer, and no more than one module.
    ///
    /// # Panics
    /// If a node does not start or the links do not come about.
    pub fn line() -> Option<Self> {
        let mut gossip = Self::mesh(2)?;
        // Asked by the third for peers, the second names the first; who has no room for it leaves it at that.
        let middle = gossip.peer_addr(1);
        gossip.leaf(middle);
        [(0, 1), (1, 2), (2, 1)].into_iter().for_each(|(node, links)| gossip.linked(node, links));
        Some(gossip)
    }

    /// Starts one more node, which joins at a peer, real or not; its number. It listens when this returns.
    ///
    /// # Panics
    /// If it does not.
    pub fn join(&mut self, bootstrapper: Option<SocketAddrV4>) -> usize {
        self.begin(bootstrapper, None)
    }

    /// The same with a node that takes no more than one peer, and no more than one module.
    ///
    /// # Panics
    /// See [`join`](Self::join).
    pub fn leaf(&mut self, bootstrapper: SocketAddrV4) -> usize {
        self.begin(Some(bootstrapper), Some(1))
    }

    fn begin(&mut self, bootstrapper: Option<SocketAddrV4>, connections: Option<usize>) -> usize {
        let mut request = json!({"do": "start"});
        if let Some(peer) = bootstrapper {
            request["bootstrapper"] = peer.to_string().into();
        }
        if let Some(most) = connections {
            request["max_connections"] = most.into();
        }
        let node = self.ask(request);
        let addr = |name: &str| node[name].as_str()?.parse().ok();
        let (p2p, api) = addr("p2p").zip(addr("api")).expect("it has two addresses");
        self.nodes.push(Node { p2p, api, log: node["log"].as_str().expect("it has a log").into() });
        self.nodes.len() - 1
    }

    /// Where a node listens for peers. Who connects there and closes at once ends the part of it that listens to peers.
    pub fn peer_addr(&self, node: usize) -> SocketAddrV4 {
        self.nodes[node].p2p
    }

    /// Where a node listens for modules.
    pub fn api_addr(&self, node: usize) -> SocketAddrV4 {
        self.nodes[node].api
    }

    /// How many processes a node has: [`PARTS`](Self::PARTS) and one for each connection; fewer once a part has died.
    ///
    /// # Panics
    /// If the supervisor does not answer.
    pub fn processes(&mut self, node: usize) -> usize {
        let nodes = self.ask(json!({"do": "nodes"}));
        nodes[node]["processes"].as_u64().and_then(|count| count.try_into().ok()).expect("a number")
    }

    /// What a node's log says of its processes that ended by an exception: `Process P2PSender-9:` and the like.
    pub fn died(&self, node: usize) -> Vec<String> {
        let log = std::fs::read_to_string(&self.nodes[node].log).unwrap_or_default();
        log.lines().filter(|line| line.starts_with("Process ")).map(str::to_owned).collect()
    }

    /// Waits until a node has all its parts and just so many connections, of peers and modules.
    ///
    /// # Panics
    /// If that does not come about.
    pub fn linked(&mut self, node: usize, connections: usize) {
        let deadline = Instant::now() + PATIENCE;
        let wanted = Self::PARTS + connections;
        loop {
            let processes = self.processes(node);
            if processes == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "node {node} has {processes} processes instead of {wanted}");
            sleep(STEP);
        }
    }

    /// Ends a node, all of it at once.
    ///
    /// # Panics
    /// If it has ended before, as with all that follow.
    pub fn kill(&mut self, node: usize) {
        self.ask(json!({"do": "kill", "node": node}));
    }

    /// Stops all parts of a node.
    ///
    /// # Panics
    /// See [`kill`](Self::kill).
    pub fn pause(&mut self, node: usize) {
        self.ask(json!({"do": "pause", "node": node}));
    }

    /// Lets a paused node go on.
    ///
    /// # Panics
    /// See [`kill`](Self::kill).
    pub fn resume(&mut self, node: usize) {
        self.ask(json!({"do": "resume", "node": node}));
    }

    /// What the supervisor answers.
    fn ask(&mut self, mut request: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        request["id"] = id.into();
        let stdin = self.supervisor.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{request}").expect("the supervisor reads");
        let mut answer = self.hear(|said| said["id"] == id);
        assert!(answer["error"].is_null(), "{request}: {}", answer["error"]);
        answer["ok"].take()
    }

    /// The first of what it says that is wanted.
    fn hear(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let said = self.said.recv_timeout(left).expect("the supervisor answers in time");
            if wanted(&said) {
                return said;
            }
        }
    }

    /// The last lines of each node's log, for who asks why a test failed.
    fn last_words(&self) -> String {
        let mut words = String::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let log = std::fs::read_to_string(&node.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(8)..].join("\n  ");
            words += &format!("gossip-python node {number}:\n  {last}\n");
        }
        words
    }
}

impl Drop for RealGossip {
    /// The supervisor ends its nodes when nothing more is said to it, and removes their folder.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("{}", self.last_words());
        }
        drop(self.supervisor.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.supervisor.try_wait(), Ok(None)) {
                return;
            }
            sleep(STEP);
        }
        // Its nodes end with it.
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}

fn script(verb: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("originals/gossip.py")).arg(verb);
    command
}

/// Whether there can be nodes here.
enum Setup {
    Done,
    Missing(String),
    Failed(String),
}

/// Makes the nodes' environment where it is not there yet.
fn set_up() -> Setup {
    let done = match script("setup").output() {
        Ok(done) => done,
        Err(error) => return Setup::Missing(format!("python3 does not run: {error}")),
    };
    let said = String::from_utf8_lossy(&done.stderr);
    match done.status.code() {
        Some(0) => Setup::Done,
        Some(SKIPPED) => {
            let why = said.lines().find_map(|line| line.strip_prefix("SKIPPED: "));
            Setup::Missing(why.unwrap_or("gossip.py does not say why").to_owned())
        }
        _ => Setup::Failed(said.into_owned()),
    }
}

/// What a supervisor says, read by a thread of its own.
fn lines(from: ChildStdout) -> Receiver<Value> {
    let (say, said) = channel();
    spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let value = serde_json::from_str(&line).expect("gossip.py says JSON");
            if say.send(value).is_err() {
                return;
            }
        }
    });
    said
}
