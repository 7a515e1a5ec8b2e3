//! One node, and peers written by hand.

mod greeting;
mod talk;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::BytesMut;

use super::native::Word;
use super::wire::{
    Accepts, Frame, Handshake, HostPort, Message, NodeId, Peer as Row, ProtocolId, Stamp, Text, TextKind,
    Value, Way as To, next_body,
};
use super::*;
use crate::kernel::{
    Backlog, Closed, ConnId, DialError, Gap, How, Input, Machine, Output, Port, Seed, Ticket, Time,
};

/// What the clock on the wall shows at [`Time::ZERO`].
const NOON: u64 = 1_600_000_000;
const OWN: NodeId = id(50);

const fn id(n: u8) -> NodeId {
    let mut octets = [0; NodeId::LEN];
    octets[NodeId::LEN - 1] = n;
    NodeId(octets)
}

fn addr(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn config() -> Config {
    Config { id: Some(OWN), gap: Gap::NONE, ..Config::new(Seed::from_u64(1), addr(5999)) }
}

fn handshake(id: NodeId, kind: TextKind) -> Message {
    Message::Handshake(Handshake {
        id: id.text(kind),
        protocol: ProtocolId::new("mesh", "Plaintext").text(kind),
        addr: HostPort::of(addr(6_000 + u16::from(id.0[NodeId::LEN - 1]))),
        methods: Vec::new(),
    })
}

fn text(text: &str) -> Vec<Value> {
    Vec::from([Value::from(text)])
}

fn row(n: u8) -> Row {
    Row { addr: HostPort::of(addr(6_000 + u16::from(n))), id: id(n).text(TextKind::Bin) }
}

/// One node, driven by hand; what it sends is taken at once, unless its connection is stalled.
struct Bench {
    node: Mesh,
    now: Time,
    conns: u64,
    events: Vec<Event>,
    dials: VecDeque<(Ticket, SocketAddr)>,
    said: BTreeMap<ConnId, BytesMut>,
    stalled: Vec<ConnId>,
    closed: Vec<(ConnId, &'static str)>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let mut bench = Bench {
            node: Mesh::new(config).unwrap(),
            now: Time::ZERO,
            conns: 0,
            events: Vec::new(),
            dials: VecDeque::new(),
            said: BTreeMap::new(),
            stalled: Vec::new(),
            closed: Vec::new(),
        };
        bench.give(Input::WallTime { unix: Duration::from_secs(NOON) });
        bench
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Dial { ticket, to, .. } => self.dials.push_back((ticket, to)),
                Output::Send { conn, frame, .. } => {
                    self.said.entry(conn).or_default().extend_from_slice(&frame);
                    if !self.stalled.contains(&conn) {
                        self.node.handle(self.now, Input::Flushed { conn, n: frame.len() });
                    }
                }
                Output::Close { conn, why, .. } => {
                    self.closed.push((conn, why.what));
                    self.node.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                Output::Done => {}
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

    fn open(&mut self, how: How) -> ConnId {
        let conn = ConnId(self.conns);
        self.conns += 1;
        self.give(Input::Opened { conn, how, remote: addr(40_000) });
        conn
    }

    /// A stranger connects.
    fn stranger(&mut self) -> ConnId {
        self.open(How::Accepted(Port(0)))
    }

    /// A py2p node connects and says who it is.
    fn peer(&mut self, n: u8) -> ConnId {
        let conn = self.stranger();
        self.say(conn, n, &handshake(id(n), TextKind::Bin), To::Link);
        self.said(conn);
        conn
    }

    /// A node of this project does.
    fn native(&mut self, n: u8) -> ConnId {
        let conn = self.peer(n);
        self.say(conn, n, &Message::Native(Word::Hello.values()), To::Link);
        conn
    }

    /// What waits to be dialled answers.
    fn answer(&mut self) -> ConnId {
        let (ticket, _) = self.dials.pop_front().expect("somebody is dialled");
        self.open(How::Dialed(ticket))
    }

    fn say(&mut self, conn: ConnId, by: u8, message: &Message, to: To) {
        let time = NOON + self.now.as_micros() / 1_000_000;
        let stamp = Stamp { sender: id(by).text(TextKind::Bin), time };
        self.pass_on(conn, &message.frame(to, stamp).unwrap());
    }

    fn pass_on(&mut self, conn: ConnId, frame: &Frame) {
        self.give(Input::Received { conn, bytes: &mut BytesMut::from(&frame.whole()[..]) });
    }

    /// The frames that were sent on a connection since it was asked last.
    fn frames(&mut self, conn: ConnId) -> Vec<Frame> {
        let said = self.said.entry(conn).or_default();
        let next = || next_body(said).unwrap().map(|body| body.open(Accepts::Plain).unwrap());
        core::iter::from_fn(next).collect()
    }

    /// What they said.
    fn said(&mut self, conn: ConnId) -> Vec<Message> {
        self.frames(conn).iter().map(|frame| Message::read(frame).unwrap()).collect()
    }

    fn told(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wake) = self.node.poll_timeout().filter(|wake| wake.at <= end) {
            self.now = wake.at;
            self.give(Input::Tick);
        }
        self.now = end;
    }
}
