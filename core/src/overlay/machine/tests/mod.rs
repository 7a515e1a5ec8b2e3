//! A single node driven by hand: the peers around it are this harness.

mod ages;
mod answered;
mod answers;
mod bounds;
mod channels;
mod choices;
mod decisions;
mod exchange;
mod flood;
mod forming;
mod joining;
mod leaving;
mod liars;
mod links;
mod membership;
mod memory;
mod parting;
mod paths;
mod payloads;
mod policing;
mod pressure;
mod record;
mod room;
mod silence;
mod starting;
mod suits;
mod traffic;
mod twins;
mod views;
mod ways;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::Overlay;
use crate::kernel::{
    Closed, ConnId, DialError, How, Input, Loaded, Machine, Output, Port, Seed, StoreError, Ticket, Time,
};
use crate::overlay::config::Config;
use crate::overlay::event::Event;
use crate::overlay::link::{Mine, Theirs};
use crate::overlay::names::{Cost, Key, NodeId, Token};
use crate::overlay::wire::{
    self, Alternatives, Attributes, Beat, Body, Capabilities, Datagram, Greeting, Have, LinkAttributes,
    Links, Listed, ListedRole, MoreAddresses, Nack, Network, NodeName, Nodes, Others, Packet, Ping, Pong,
    Reason, Role, Teardown, UnknownLine, Update, Upt, Word,
};

/// The node's own id: some peers are below it, some above.
const ME: u128 = 100;
const BEAT: Duration = Duration::from_millis(250);

fn address(id: u128) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 7_000 + u16::try_from(id).unwrap())
}

fn name(id: u128) -> NodeName {
    NodeName { addr: address(id), id: Some(NodeId(id)) }
}

fn network() -> Network {
    Network::new("test").unwrap()
}

/// A connection to a peer, as the peer sees it.
struct Peer {
    id: u128,
    /// The node's token: what the peer puts into its beats.
    token: Option<Token>,
    beats: u64,
    /// The last beat heard from the node, and when.
    heard: u64,
    full: u64,
    /// How many octets it says that it has read.
    reads: Option<u64>,
    heard_at: Time,
    said: Vec<Packet>,
    closed: bool,
    /// The node reads from it.
    heard_out: bool,
    /// It has more to say after it heard the node's last word.
    lingers: bool,
    /// It reads nothing: what is sent to it stays with the driver.
    stalled: bool,
    /// Octets that stay with the driver.
    unread: usize,
}

/// The node, the time, and everybody around.
struct Bench {
    node: Overlay,
    now: Time,
    last_conn: u64,
    peers: BTreeMap<ConnId, Peer>,
    dials: Vec<(Ticket, SocketAddr)>,
    events: Vec<Event>,
    /// These answer neither beats nor probes.
    silent: BTreeSet<u128>,
    /// These hear no padded beat and no padded probe.
    narrow: BTreeSet<u128>,
    /// Who lives at an address, if not the node that it has its number of.
    lives: BTreeMap<u128, u128>,
    /// How many probes the node sent.
    probes: usize,
    /// Where it sent them.
    asked: Vec<SocketAddr>,
    /// Where it sent padded ones.
    asked_padded: Vec<SocketAddr>,
    sequence: u32,
    /// Where it sent datagrams of a thousand octets and more.
    long: Vec<SocketAddr>,
    /// How often it made its identity durable.
    identities: usize,
    /// Its disk takes nothing.
    full: bool,
    /// Octets that it said, to whomever.
    sent: usize,
    /// Whom the node remembers of an earlier life, as its state has them.
    remembered: String,
}

impl Bench {
    /// A node with two choices that runs; it knows nobody.
    fn new() -> Self {
        Bench::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        Bench::remembering(String::new(), change)
    }

    /// A node that has lived before: a line for each peer, its name and for how many seconds it was silent.
    fn remembering(remembered: String, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Seed::from_u64(1), network(), address(ME));
        (config.id, config.k) = (Some(NodeId(ME)), 2);
        change(&mut config);
        let mut bench = Bench {
            node: Overlay::new(config).unwrap(),
            now: Time::ZERO,
            last_conn: 0,
            peers: BTreeMap::new(),
            dials: Vec::new(),
            events: Vec::new(),
            silent: BTreeSet::new(),
            narrow: BTreeSet::new(),
            lives: BTreeMap::new(),
            probes: 0,
            asked: Vec::new(),
            asked_padded: Vec::new(),
            sequence: 0,
            long: Vec::new(),
            identities: 0,
            full: false,
            sent: 0,
            remembered,
        };
        bench.drain();
        assert!(bench.events.iter().any(|e| matches!(e, Event::Started { .. })));
        bench
    }

    fn handle(&mut self, input: Input<'_>) {
        self.node.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Dial { ticket, to, .. } => self.dials.push((ticket, to)),
                Output::Send { conn, frame, .. } => self.hear(conn, &frame),
                Output::Close { conn, .. } => {
                    self.peers.get_mut(&conn).unwrap().closed = true;
                    self.node.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                Output::Datagram { to, payload, .. } => self.hear_datagram(to, &payload),
                Output::Store { ticket, ops, .. } => {
                    self.identities += usize::from(ops[0].key == b"identity"[..]);
                    let result = if self.full { Err(StoreError::Full) } else { Ok(()) };
                    self.node.handle(self.now, Input::Stored { ticket, result });
                }
                Output::Load { ticket, key } if key == b"peers"[..] && !self.remembered.is_empty() => {
                    let value = Loaded::Value(self.remembered.as_bytes());
                    self.node.handle(self.now, Input::Loaded { ticket, value });
                }
                Output::Load { ticket, .. } => {
                    self.node.handle(self.now, Input::Loaded { ticket, value: Loaded::Absent });
                }
                Output::Event(event) => self.events.push(event),
                Output::Scan { .. } | Output::Done => {}
                Output::Reading { conn, on } => self.peers.get_mut(&conn).unwrap().heard_out = on,
            }
        }
    }

    fn hear(&mut self, conn: ConnId, frame: &Bytes) {
        self.sent += frame.len();
        let peer = self.peers.get_mut(&conn).unwrap();
        if peer.stalled {
            peer.unread += frame.len();
            return;
        }
        self.node.handle(self.now, Input::Flushed { conn, n: frame.len() });
        let line = frame.windows(2).position(|end| end == b"\r\n").unwrap();
        let packet = wire::read(&frame.slice(..line)).unwrap();
        if let Packet::Lnk(greeting) = &packet {
            peer.token = Some(greeting.token);
        }
        let last = (is_last_word(&packet) || is_farewell(&packet)) && !peer.lingers;
        peer.said.push(packet);
        if last {
            let bytes = &mut BytesMut::from(&last_word(self.peers[&conn].id).emit()[..]);
            self.node.handle(self.now, Input::Received { conn, bytes });
        }
    }

    fn hear_datagram(&mut self, to: SocketAddr, payload: &[u8]) {
        self.sent += payload.len();
        let id = u128::from(to.port() - 7_000);
        if payload.len() >= 1_000 {
            self.long.push(to);
        }
        match wire::read_datagram(payload) {
            Ok(Datagram::Ping(Ping { padding: 0, .. })) => {
                self.probes += 1;
                self.asked.push(to);
            }
            Ok(Datagram::Ping(_)) => self.asked_padded.push(to),
            _ => {}
        }
        if self.silent.contains(&id) {
            return;
        }
        match wire::read_datagram(payload).unwrap() {
            Datagram::Ping(Ping { padding: 1.., .. }) if self.narrow.contains(&id) => {}
            Datagram::Ping(Ping { token, .. }) => {
                let who = NodeId(self.lives.get(&id).copied().unwrap_or(id));
                self.datagram(id, &Packet::Pong(Pong { token, id: who }));
            }
            Datagram::Hb(beat) => {
                for peer in self.peers.values_mut().filter(|p| p.id == id) {
                    (peer.heard, peer.heard_at) = (beat.number, self.now);
                    let whole = beat.padding > 0 && !self.narrow.contains(&id);
                    peer.full = if whole { beat.number } else { peer.full };
                }
            }
            Datagram::Dat(_, head, _) => {
                for peer in self.peers.values_mut().filter(|p| p.id == id) {
                    peer.said.push(Packet::Dat(head));
                }
            }
            _ => {}
        }
    }

    fn datagram(&mut self, from: u128, packet: &Packet) {
        let bytes = packet.emit();
        let bytes = &bytes[..];
        self.node.handle(self.now, Input::Datagram { port: Port(0), from: address(from), bytes });
    }

    /// Time passes; who is not silent beats on its links.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let beat = self.now + BEAT;
            let step = end.min(beat);
            while let Some(wake) = self.node.poll_timeout().filter(|wake| wake.at <= step) {
                self.now = self.now.max(wake.at);
                self.handle(Input::Tick);
            }
            self.now = step;
            self.beat_all();
        }
    }

    fn beat_all(&mut self) {
        let silent = self.silent.clone();
        let mut beats = Vec::new();
        for peer in self.peers.values_mut().filter(|p| !p.closed && !silent.contains(&p.id)) {
            let Some(token) = peer.token else { continue };
            peer.beats += 1;
            let held = u64::try_from(self.now.since(peer.heard_at).as_micros()).unwrap();
            let (heard, full) = (peer.heard, peer.full);
            let beat = Beat { heard, held, full, read: peer.reads, ..Beat::first(token, peer.beats) };
            beats.push((peer.id, beat));
        }
        for (id, beat) in beats {
            self.datagram(id, &Packet::Hb(beat));
        }
        self.drain();
    }

    fn open(&mut self, id: u128, how: How) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        let peer = Peer {
            id,
            token: None,
            beats: 0,
            heard: 0,
            full: 0,
            reads: None,
            heard_at: Time::ZERO,
            said: Vec::new(),
            closed: false,
            heard_out: true,
            lingers: false,
            stalled: false,
            unread: 0,
        };
        self.peers.insert(conn, peer);
        self.handle(Input::Opened { conn, how, remote: address(id) });
        conn
    }

    fn say(&mut self, conn: ConnId, packet: &Packet) {
        let mut bytes = BytesMut::from(&packet.emit()[..]);
        self.handle(Input::Received { conn, bytes: &mut bytes });
    }

    fn greet(&mut self, conn: ConnId, role: Role) {
        let id = self.peers[&conn].id;
        let caps = Capabilities { start: Some(1), ..Capabilities::default() };
        let token = Token(u64::try_from(id).unwrap());
        let greeting = Greeting { version: 1, network: network(), node: name(id), role, token, caps };
        self.say(conn, &Packet::Lnk(greeting));
    }

    /// A peer connects and greets.
    fn accept(&mut self, id: u128, role: Role) -> ConnId {
        let conn = self.open(id, How::Accepted(Port(0)));
        self.greet(conn, role);
        conn
    }

    /// The connection that the node is dialling to a peer comes up; nobody has answered its greeting.
    fn reach(&mut self, id: u128) -> ConnId {
        let at = self.dials.iter().position(|(_, to)| *to == address(id)).expect("the node dials the peer");
        let (ticket, _) = self.dials.remove(at);
        self.open(id, How::Dialed(ticket))
    }

    /// The node's dial to a peer is taken.
    fn answer(&mut self, id: u128) -> ConnId {
        let conn = self.reach(id);
        self.greet(conn, Role::Chosen);
        conn
    }

    fn refuse_dial(&mut self, id: u128) {
        let at = self.dials.iter().position(|(_, to)| *to == address(id)).expect("the node dials the peer");
        let (ticket, _) = self.dials.remove(at);
        self.handle(Input::DialFailed { ticket, why: DialError::Refused });
    }

    /// Whom the node is dialling, in order of ids.
    fn dialled(&self) -> Vec<u128> {
        let mut ids: Vec<u128> = self.dials.iter().map(|(_, to)| u128::from(to.port() - 7_000)).collect();
        ids.sort_unstable();
        ids
    }

    /// A record of `id` reaches the node on `conn`: links with their roles, each at 10 ms.
    fn record(&mut self, conn: ConnId, id: u128, links: &[(u128, ListedRole)], free: u32) {
        self.sequence += 1;
        let listed = |(id, role): &(u128, ListedRole)| Listed {
            id: NodeId(*id),
            cost: Cost::from_micros(10_000),
            role: *role,
            attributes: LinkAttributes::default(),
        };
        let attributes = Attributes { life: Some(1_800), free: Some(free), ..Attributes::default() };
        let body = Body::of(Update { attributes, links: Links::first(links.iter().map(listed)) });
        let key = Key { incarnation: 1, sequence: self.sequence };
        self.say(conn, &Packet::Upt(Upt::originate(key, name(id), 0, &body)));
    }

    /// A stalled peer reads again, first what is with the driver.
    fn read_on(&mut self, conn: ConnId) {
        let peer = self.peers.get_mut(&conn).unwrap();
        peer.stalled = false;
        let n = core::mem::take(&mut peer.unread);
        self.handle(Input::Flushed { conn, n });
    }

    /// A record that says no more than its key, its source's address and how long it lives.
    fn bare(key: Key, node: NodeName, age: u32, life: u32, links: &[(u128, ListedRole)]) -> Packet {
        let listed = |(id, role): &(u128, ListedRole)| Listed {
            id: NodeId(*id),
            cost: Cost::from_micros(10_000),
            role: *role,
            attributes: LinkAttributes::default(),
        };
        let attributes = Attributes { life: Some(life), ..Attributes::default() };
        let body = Body::of(Update { attributes, links: Links::first(links.iter().map(listed)) });
        Packet::Upt(Upt::originate(key, node, age, &body))
    }

    fn tear_down(&mut self, conn: ConnId) {
        let id = self.peers[&conn].id;
        self.say(conn, &Packet::Trd(Teardown { node: name(id), reason: None }));
    }

    fn nack(&mut self, conn: ConnId, others: &[u128]) {
        let nodes = Alternatives::first(others.iter().map(|id| name(*id).into()));
        self.say(
            conn,
            &Packet::Nack(Nack { word: Word::new("LNK").unwrap(), reason: Some(Reason::Full), nodes }),
        );
    }

    fn hang_up(&mut self, conn: ConnId) {
        self.peers.get_mut(&conn).unwrap().closed = true;
        self.handle(Input::Closed { conn, why: Closed::Broken });
    }

    fn said(&self, conn: ConnId, which: impl Fn(&Packet) -> bool) -> usize {
        self.peers[&conn].said.iter().filter(|p| which(p)).count()
    }

    fn closed(&self, conn: ConnId) -> bool {
        self.peers[&conn].closed
    }

    fn chosen(&self) -> Vec<u128> {
        self.ids(|mine, _| mine == Mine::Chosen)
    }

    fn choosers(&self) -> Vec<u128> {
        self.ids(|_, theirs| theirs == Theirs::Chosen)
    }

    fn ids(&self, which: impl Fn(Mine, Theirs) -> bool) -> Vec<u128> {
        self.node.neighbors().iter().filter(|n| which(n.mine, n.theirs)).map(|n| n.id.0).collect()
    }

    /// Whom the node lists in its own record.
    fn lists(&self) -> Vec<u128> {
        let own = self.node.database().get(NodeId(ME));
        own.map(|e| e.links().iter().map(|l| l.id.0).collect()).unwrap_or_default()
    }

    /// A node that chose 1 and 2, and knows of 3 and 4, all of them linked with each other; it has measured and decided.
    fn settled(change: impl FnOnce(&mut Config)) -> (Self, [ConnId; 2]) {
        let mut bench = Bench::with(change);
        bench.node.learn_names(&[name(1).into(), name(2).into()]);
        bench.pass(Duration::from_secs(3));
        let conns = [1, 2].map(|id| bench.answer(id));
        for id in 1..=4u128 {
            let mut links: Vec<_> =
                (1..=4).filter(|other| *other != id).map(|o| (o, ListedRole::Both)).collect();
            if id <= 2 {
                links.push((ME, ListedRole::In));
            }
            bench.record(conns[0], id, &links, 8);
        }
        bench.pass(Duration::from_secs(10));
        assert_eq!(bench.chosen(), [1, 2], "a settled node");
        (bench, conns)
    }
}

/// A choice is given up.
fn is_trd(packet: &Packet) -> bool {
    matches!(packet, Packet::Trd(_)) && !is_last_word(packet)
}

fn is_farewell(packet: &Packet) -> bool {
    matches!(packet, Packet::Trd(Teardown { reason: Some(Reason::Leaving), .. }))
}

fn last_word(id: u128) -> Packet {
    Packet::Trd(Teardown { node: name(id), reason: Some(Reason::Last) })
}

fn is_last_word(packet: &Packet) -> bool {
    matches!(packet, Packet::Trd(Teardown { reason: Some(Reason::Last), .. }))
}

fn is_nack(packet: &Packet) -> bool {
    matches!(packet, Packet::Nack(_))
}
