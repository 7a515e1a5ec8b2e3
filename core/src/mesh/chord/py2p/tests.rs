//! One node, and peers of py2p written by hand.

mod answers;
mod keys;
mod model;
mod users;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::kernel::{Closed, ConnId, Gap, How, Input, Machine, Output, Port, Seed, Time};
use crate::mesh;
use crate::mesh::chord::store::Policy;
use crate::mesh::chord::{Chord, Command, Config, Event, Outcome, Place, Refusal, Reply, Table};
use crate::mesh::wire::{
    Accepts, Handshake, HostPort, Map, Message, NodeId, Notice, ProtocolId, Role, Stamp, Text, TextKind,
    Value, Way, next_body,
};

/// What the clock on the wall shows at [`Time::ZERO`].
const NOON: u64 = 1_600_000_000;
/// This node. All places of keys are behind it and far away, so that who has the greater id has them.
const OWN: NodeId = id(50);
const TIMEOUT: Duration = Duration::from_secs(10);

const fn id(n: u8) -> NodeId {
    let mut octets = [0; NodeId::LEN];
    octets[NodeId::LEN - 1] = n;
    NodeId(octets)
}

fn addr(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn config() -> Config {
    let config = Config::new(Seed::from_u64(1), addr(5_999));
    let mesh = mesh::Config {
        id: Some(OWN),
        gap: Gap::NONE,
        wall_time: Some(Duration::from_secs(NOON)),
        ..config.mesh.clone()
    };
    Config { mesh, ..config }
}

fn leech() -> Config {
    Config { stores: false, ..config() }
}

fn bin(octets: &[u8]) -> Text {
    Text::bin(octets).unwrap()
}

fn value(n: u64) -> Value {
    Value::from(n)
}

fn map(pairs: &[(&str, u64)]) -> Map {
    Map::new(pairs.iter().map(|(key, n)| (Value::from(*key), Value::from(*n))).collect()).unwrap()
}

fn octets(key: &str) -> Bytes {
    Bytes::copy_from_slice(key.as_bytes())
}

/// A key's fields in a table, as py2p says them.
fn fields(table: Table, key: &str) -> (Text, Text) {
    (bin(table.name().as_bytes()), bin(Place::of(table, key.as_bytes()).text().as_bytes()))
}

fn store(table: Table, key: &str, value: Value) -> Message {
    let (table, key) = fields(table, key);
    Message::Store { table, key, value }
}

fn retrieve(table: Table, key: &str) -> Message {
    let (table, key) = fields(table, key);
    Message::Retrieve { table, key }
}

fn retrieved(table: Table, key: &str, value: Value) -> Message {
    let (table, key) = fields(table, key);
    Message::Retrieved { table, key, value }
}

fn delta(table: Table, key: &str, delta: Map) -> Message {
    let (table, key) = fields(table, key);
    Message::Delta { table, key, delta }
}

fn added(key: &str) -> Message {
    Message::Notify { key: bin(key.as_bytes()), notice: Notice::Added }
}

fn deleted(key: &str) -> Message {
    Message::Notify { key: bin(key.as_bytes()), notice: Notice::Deleted }
}

fn get(key: &str) -> Command {
    Command::Get { key: octets(key), timeout: TIMEOUT }
}

fn put(key: &str, value: Value) -> Command {
    Command::Put { key: octets(key), value, lives: None, policy: Policy::Memory, timeout: TIMEOUT }
}

fn delete(key: &str) -> Command {
    Command::Delete { key: octets(key), policy: Policy::Memory, timeout: TIMEOUT }
}

fn merge(key: &str, delta: Map) -> Command {
    Command::Merge { key: octets(key), delta, policy: Policy::Memory, timeout: TIMEOUT }
}

/// One node, driven by hand; what it sends is taken at once.
struct Bench {
    node: Chord,
    now: Time,
    conns: u64,
    events: Vec<Event>,
    said: BTreeMap<ConnId, BytesMut>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let node = Chord::new(config).unwrap();
        let mut bench = Bench { node, now: Time::ZERO, conns: 0, events: Vec::new(), said: BTreeMap::new() };
        bench.pass(Duration::from_secs(11));
        bench
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Send { conn, frame, .. } => {
                    self.said.entry(conn).or_default().extend_from_slice(&frame);
                    self.node.handle(self.now, Input::Flushed { conn, n: frame.len() });
                }
                Output::Close { conn, .. } => {
                    self.node.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                Output::Dial { .. } | Output::Done => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn give(&mut self, input: Input<'_>) {
        self.node.handle(self.now, input);
        self.drain();
    }

    fn ask(&mut self, command: Command) -> Result<Reply, Refusal> {
        let reply = self.node.command(self.now, command);
        self.drain();
        reply
    }

    /// A node of py2p connects, says who it is and whether it stores. What it is told then is not looked at.
    fn peer(&mut self, n: u8, role: Role) -> ConnId {
        let conn = self.greeted(n, TextKind::Bin);
        self.say(conn, n, &Message::Meta(role));
        self.pass(Duration::from_secs(5));
        self.said(conn);
        conn
    }

    fn greeted(&mut self, n: u8, kind: TextKind) -> ConnId {
        let conn = ConnId(self.conns);
        self.conns += 1;
        self.give(Input::Opened { conn, how: How::Accepted(Port(0)), remote: addr(40_000) });
        let handshake = Handshake {
            id: id(n).text(kind),
            protocol: ProtocolId::new("chord", "Plaintext").text(kind),
            addr: HostPort::of(addr(6_000 + u16::from(n))),
            methods: Vec::new(),
        };
        self.say(conn, n, &Message::Handshake(handshake));
        conn
    }

    fn say(&mut self, conn: ConnId, by: u8, message: &Message) {
        let stamp = Stamp { sender: id(by).text(TextKind::Bin), time: self.seconds() };
        let way = if matches!(message, Message::Notify { .. }) { Way::Flood } else { Way::Link };
        let frame = message.frame(way, stamp).unwrap();
        self.give(Input::Received { conn, bytes: &mut BytesMut::from(&frame.whole()[..]) });
    }

    fn seconds(&self) -> u64 {
        NOON + self.now.as_micros() / 1_000_000
    }

    fn lose(&mut self, conn: ConnId) {
        self.give(Input::Closed { conn, why: Closed::ByPeer });
    }

    /// What was said on a connection since it was asked last.
    fn said(&mut self, conn: ConnId) -> Vec<Message> {
        let said = self.said.entry(conn).or_default();
        let next = || next_body(said).unwrap().map(|body| body.open(Accepts::Plain).unwrap());
        let said = core::iter::from_fn(next).map(|frame| Message::read(&frame).unwrap());
        // The mesh asks so whether somebody is there.
        said.filter(|said| !matches!(said, Message::PeersRequest(_))).collect()
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wake) = self.node.poll_timeout().filter(|wake| wake.at <= end) {
            self.now = wake.at.max(self.now);
            self.give(Input::Tick);
        }
        self.now = end;
        self.give(Input::Tick);
    }

    fn begin(&mut self, command: Command) -> u64 {
        match self.ask(command) {
            Ok(Reply::Begun { op }) => op,
            other => panic!("{other:?}"),
        }
    }

    /// How something ended, if it has.
    fn ended(&self, op: u64) -> Option<&Outcome> {
        self.events.iter().find_map(|event| match event {
            Event::Ended { op: ended, outcome } if *ended == op => Some(outcome),
            _ => None,
        })
    }

    /// How it ended at once.
    fn outcome(&mut self, command: Command) -> Outcome {
        let op = self.begin(command);
        self.ended(op).cloned().expect("it ends at once")
    }

    /// What is kept under a key's name.
    fn own(&self, key: &str) -> Option<Value> {
        let record = self.node.shelf.get(&Place::of(Table::Sha384, key.as_bytes()))?;
        record.name.as_ref()?;
        Value::read(record.value.clone()?).ok()
    }
}

fn found(outcome: &Outcome) -> Option<(&Value, bool)> {
    match outcome {
        Outcome::Value { value, is_certain, .. } => Some((value, *is_certain)),
        _ => None,
    }
}
