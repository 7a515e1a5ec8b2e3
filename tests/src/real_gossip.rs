//! Real nodes of gossip-python 0.0.1, run by `tests/originals/gossip.py`.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Instant;

use serde_json::{Value, json};

use crate::originals::{PATIENCE, STEP, Supervisor, last_words};

/// Messages that a node keeps, unless it is told otherwise.
const KEPT: u32 = 50;
/// After so many seconds they end, whatever has become of who started them.
const LIFE: &str = "1200";

/// Real nodes, numbered in the order of their start. They end when this is dropped.
#[derive(Debug)]
pub struct RealGossip {
    supervisor: Supervisor,
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
        let messages = messages.to_string();
        let arguments = ["--nodes", "0", "--max-seconds", LIFE, "--cache-size", &messages];
        let (supervisor, _) = Supervisor::start("gossip.py", &arguments)?;
        Some(RealGossip { supervisor, nodes: Vec::new() })
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

    fn ask(&mut self, request: Value) -> Value {
        self.supervisor.ask(request)
    }

    /// For who asks why a test failed.
    fn last_words(&self) -> String {
        let nodes = self.nodes.iter().enumerate();
        nodes.map(|(number, node)| last_words(&format!("gossip-python node {number}"), &node.log)).collect()
    }
}

impl Drop for RealGossip {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("{}", self.last_words());
        }
    }
}
