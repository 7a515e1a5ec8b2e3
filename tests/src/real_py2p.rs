//! Real nodes of py2p 0.7.878, run by `tests/originals/py2p_supervisor.py`.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_core::mesh::wire::{Float, NodeId, Value};
use serde_json::{Value as Json, json};

use crate::originals::{PATIENCE, STEP, Supervisor, last_words};

/// Real nodes, numbered in the order of their start. They end when this is dropped.
#[derive(Debug)]
pub struct RealPy2p {
    supervisor: Supervisor,
    logs: PathBuf,
    nodes: Vec<Node>,
}

/// A question that is answered later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Asked(u64);

#[derive(Clone, Copy, Debug)]
struct Node {
    id: NodeId,
    addr: SocketAddr,
}

/// A message that a real node was told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Heard {
    /// Who said it, as the message has it.
    pub sender: String,
    /// When, in seconds since 1970.
    pub time: u64,
    /// What, as [`stated`].
    pub args: String,
}

impl RealPy2p {
    /// So many nodes of a kind (`mesh`, `chord`, `sync`) without links, with flags of the supervisor's (`--as-shipped`,
    /// `--subnet NAME`). `None` where there can be none here: then a line with SKIPPED on standard error says why.
    ///
    /// # Panics
    /// If the supervisor or a node fails for a reason of its own.
    pub fn start(kind: &str, count: usize, flags: &[&str]) -> Option<Self> {
        let count = count.to_string();
        let arguments = [&[kind, "--max-seconds", "1800", "--nodes", &count], flags].concat();
        let (supervisor, ready) = Supervisor::start("py2p_supervisor.py", &arguments)?;
        let logs = ready["logs"].as_str().expect("they have logs").into();
        let nodes = ready["nodes"].as_array().expect("a list").iter().map(Node::read).collect();
        Some(RealPy2p { supervisor, logs, nodes })
    }

    /// So many nodes of the mesh, repaired, each with a link to each other one.
    ///
    /// # Panics
    /// As [`start`](Self::start), or if the links do not come about.
    pub fn mesh(count: usize) -> Option<Self> {
        let mut real = Self::start("mesh", count, &[])?;
        for node in 1..count {
            real.connect(node, real.addr(0));
            let earlier: Vec<NodeId> = (0..node).map(|earlier| real.id(earlier)).collect();
            real.until_linked(node, &earlier);
        }
        Some(real)
    }

    /// Starts one more node without links; its number.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn begin(&mut self) -> usize {
        let node = self.supervisor.ask(json!({"do": "start"}));
        self.nodes.push(Node::read(&node));
        self.nodes.len() - 1
    }

    /// Begins to start one more node; [`started`](Self::started) has its number.
    pub fn begin_start(&mut self) -> Asked {
        Asked(self.supervisor.begin(json!({"do": "start"})))
    }

    /// The number of a node that was begun, once it listens.
    ///
    /// # Panics
    /// If it does not.
    pub fn started(&mut self, start: Asked) -> Option<usize> {
        let node = self.answer(start)?.expect("it listens");
        self.nodes.push(Node::read(&node));
        Some(self.nodes.len() - 1)
    }

    /// How many nodes were started.
    #[expect(clippy::len_without_is_empty, reason = "there is one at least")]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Where a node listens.
    pub fn addr(&self, node: usize) -> SocketAddr {
        self.nodes[node].addr
    }

    /// What it calls itself.
    pub fn id(&self, node: usize) -> NodeId {
        self.nodes[node].id
    }

    /// What a node answers to a verb with its fields.
    ///
    /// # Panics
    /// If that is an error.
    pub fn ask(&mut self, node: usize, mut request: Json) -> Json {
        request["node"] = node.into();
        self.supervisor.ask(request)
    }

    /// Asks a node a verb with its fields, and leaves the answer to [`answer`](Self::answer).
    pub fn begin_ask(&mut self, node: usize, mut request: Json) -> Asked {
        request["node"] = node.into();
        Asked(self.supervisor.begin(request))
    }

    /// What was answered, or the error; once, when it is there.
    pub fn answer(&mut self, asked: Asked) -> Option<Result<Json, Json>> {
        self.supervisor.ended(asked.0)
    }

    /// Ends a node at once.
    ///
    /// # Panics
    /// If it has ended before, as with all that follow.
    pub fn kill(&mut self, node: usize) {
        self.ask(node, json!({"do": "kill"}));
    }

    /// Makes a node dial.
    ///
    /// # Panics
    /// If nobody takes its connection.
    pub fn connect(&mut self, node: usize, to: SocketAddr) {
        self.ask(node, json!({"do": "connect", "to": to.to_string()}));
    }

    /// With whom a node is connected.
    ///
    /// # Panics
    /// See [`kill`](Self::kill).
    pub fn peers(&mut self, node: usize) -> BTreeSet<NodeId> {
        let answer = self.ask(node, json!({"do": "peers"}));
        let rows = answer["peers"].as_array().expect("a list");
        rows.iter().map(|row| id_of(&row["id"])).collect()
    }

    /// Waits until a node lists all of these.
    ///
    /// # Panics
    /// If it does not.
    pub fn until_linked(&mut self, node: usize, with: &[NodeId]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let peers = self.peers(node);
            if with.iter().all(|id| peers.contains(id)) {
                return;
            }
            assert!(Instant::now() < deadline, "node {node} lists {peers:?} and not all of {with:?}");
            sleep(STEP);
        }
    }

    /// Makes a node broadcast.
    ///
    /// # Panics
    /// See [`kill`](Self::kill).
    pub fn broadcast(&mut self, node: usize, values: &[Value]) {
        self.ask(node, json!({"do": "broadcast", "args": all(values)}));
    }

    /// Makes a node say something to a peer.
    ///
    /// # Panics
    /// If it is none.
    pub fn whisper(&mut self, node: usize, to: &NodeId, values: &[Value]) {
        self.ask(node, json!({"do": "whisper", "to": to.to_string(), "args": all(values)}));
    }

    /// What a node was told since it was asked last.
    ///
    /// # Panics
    /// See [`kill`](Self::kill).
    pub fn take(&mut self, node: usize) -> Vec<Heard> {
        self.receive(node, Duration::ZERO)
    }

    /// Waits until a node was told this; all that it was told since it was asked last, with this at the end or before it.
    ///
    /// # Panics
    /// If it is not.
    pub fn hear(&mut self, node: usize, values: &[Value]) -> Vec<Heard> {
        let (deadline, wanted) = (Instant::now() + PATIENCE, stated(values));
        let mut all = Vec::new();
        while !all.iter().any(|heard: &Heard| heard.args == wanted) {
            assert!(Instant::now() < deadline, "node {node} was told {all:?} and not {wanted}");
            all.extend(self.receive(node, Duration::from_secs(1)));
        }
        all
    }

    /// Whether a node is told this in time; all else that it is told meanwhile is dropped.
    ///
    /// # Panics
    /// See [`kill`](Self::kill).
    pub fn hears(&mut self, node: usize, values: &[Value], time: Duration) -> bool {
        let (deadline, wanted) = (Instant::now() + time, stated(values));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.receive(node, left).iter().any(|heard| heard.args == wanted) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    fn receive(&mut self, node: usize, timeout: Duration) -> Vec<Heard> {
        let heard = self.ask(node, json!({"do": "recv", "timeout": timeout.as_secs_f64()}));
        Heard::all(&heard)
    }

    /// For who asks why a test failed.
    fn last_words(&self) -> String {
        let log = |node| self.logs.join(format!("node{node}.log"));
        (0..self.nodes.len()).map(|node| last_words(&format!("py2p node {node}"), &log(node))).collect()
    }
}

impl Drop for RealPy2p {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("{}", self.last_words());
        }
    }
}

impl Node {
    fn read(info: &Json) -> Self {
        let port = info["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Node { id: id_of(&info["id"]), addr: (Ipv4Addr::LOCALHOST, port).into() }
    }
}

impl Heard {
    /// All that `recv` answered.
    ///
    /// # Panics
    /// If it is no list of messages.
    pub fn all(heard: &Json) -> Vec<Heard> {
        heard.as_array().expect("a list").iter().map(Heard::read).collect()
    }

    fn read(told: &Json) -> Self {
        Heard {
            sender: told["sender"].as_str().expect("a text").to_owned(),
            time: told["time"].as_u64().expect("seconds"),
            args: told["args"].to_string(),
        }
    }
}

fn id_of(text: &Json) -> NodeId {
    NodeId::read(text.as_str().expect("a text").as_bytes()).expect("py2p's ids are such numbers")
}

/// Values in JSON, as the supervisor states them.
pub fn stated(values: &[Value]) -> String {
    all(values).to_string()
}

fn all(values: &[Value]) -> Json {
    values.iter().map(json_of).collect()
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(is) => (*is).into(),
        Value::Int(number) => number.as_i64().map_or_else(|| number.as_u64().into(), Json::from),
        Value::Float(Float::F32(_)) | Value::Ext(_) => panic!("py2p says no such value: {value:?}"),
        Value::Float(float) => json!({"f64": float.get()}),
        Value::Str(text) => json!({"str": text.as_str()}),
        Value::Bin(octets) => bin(octets),
        Value::Array(values) => all(values),
        Value::Map(map) => {
            let pairs: Vec<Json> =
                map.pairs().iter().map(|(key, value)| json!([json_of(key), json_of(value)])).collect();
            json!({"map": pairs})
        }
    }
}

/// Text where it can be read, as the supervisor has it.
fn bin(octets: &[u8]) -> Json {
    match std::str::from_utf8(octets) {
        Ok(text) if octets.iter().all(|octet| (32..127).contains(octet)) => json!({"bin": text}),
        _ => json!({"bin_hex": octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>()}),
    }
}
