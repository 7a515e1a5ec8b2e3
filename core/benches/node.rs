//! A whole node: one flooded update through eight links, and a heartbeat heard.
//!
//! ```text
//! cargo bench -p egoist-core --features sim --bench node
//! ```

use std::net::{Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::ItemsCount;
use egoist_core::kernel::{ConnId, How, Input, Loaded, Machine, Output, Port, Seed, Time};
use egoist_core::overlay::wire::{
    Attributes, Body, Capabilities, Greeting, LinkAttributes, Links, Listed, ListedRole, Network, NodeName,
    Packet, Ping, Role, Update, Upt, emit_ping,
};
use egoist_core::overlay::{Config, Cost, Key, NodeId, Overlay, Token};

const DEGREE: u64 = 8;
const SOURCES: u128 = 490;

fn main() {
    divan::main();
}

fn name(id: u128) -> NodeName {
    let port = 10_000 + u16::try_from(id).expect("a small id");
    NodeName { addr: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), id: Some(NodeId(id)) }
}

/// A node with eight neighbours that chose it.
struct Bench {
    node: Overlay,
    now: Time,
    sequence: u32,
}

impl Bench {
    fn new() -> Self {
        let network = Network::new("bench").expect("a valid name");
        let mut config = Config::new(Seed::from_u64(1), network, name(0).addr);
        config.id = Some(NodeId(0));
        let mut bench =
            Bench { node: Overlay::new(config).expect("a configuration"), now: Time::ZERO, sequence: 0 };
        bench.start();
        for peer in 1..=DEGREE {
            bench.link(peer);
        }
        for source in 0..SOURCES {
            let frame = bench.update(20 + source);
            bench.receive(&frame);
        }
        bench
    }

    /// Answers what the node loads and stores at its start.
    fn start(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Load { ticket, .. } => {
                    self.node.handle(self.now, Input::Loaded { ticket, value: Loaded::Absent });
                }
                Output::Store { ticket, .. } => {
                    self.node.handle(self.now, Input::Stored { ticket, result: Ok(()) });
                }
                _ => {}
            }
        }
    }

    fn link(&mut self, peer: u64) {
        let conn = ConnId(peer);
        let remote = name(peer.into()).addr;
        self.node.handle(self.now, Input::Opened { conn, how: How::Accepted(Port(0)), remote });
        let greeting = Packet::Lnk(Greeting {
            version: 1,
            network: Network::new("bench").expect("a valid name"),
            node: name(peer.into()),
            role: Role::Chooser,
            token: Token(peer),
            caps: Capabilities { start: Some(1), ..Capabilities::default() },
        });
        self.input(conn, &greeting.emit());
        self.drain();
    }

    /// The next update of a node with six links.
    fn update(&mut self, source: u128) -> Bytes {
        self.sequence += 1;
        let links = (1..=6).map(|n| Listed {
            id: NodeId(20 + (source + n * 37) % SOURCES),
            cost: Cost::from_micros(40_000 + u64::from(self.sequence)),
            role: if n % 2 == 0 { ListedRole::Out } else { ListedRole::In },
            attributes: LinkAttributes::default(),
        });
        let attributes = Attributes { life: Some(180), free: Some(5), k: Some(3), ..Attributes::default() };
        let body = Body::of(Update { attributes, links: Links::first(links) });
        let key = Key { incarnation: 1, sequence: self.sequence };
        Upt::originate(key, name(source), 3, &body).frame(3)
    }

    fn input(&mut self, conn: ConnId, frame: &[u8]) {
        let mut bytes = BytesMut::from(frame);
        self.node.handle(self.now, Input::Received { conn, bytes: &mut bytes });
    }

    /// Hands a frame over as neighbour 1, and flushes what comes of it.
    fn receive(&mut self, frame: &[u8]) -> usize {
        self.input(ConnId(1), frame);
        self.drain()
    }

    fn drain(&mut self) -> usize {
        let mut sent = 0;
        while let Some(output) = self.node.poll() {
            if let Output::Send { conn, frame, .. } = output {
                sent += 1;
                self.node.handle(self.now, Input::Flushed { conn, n: frame.len() });
            }
        }
        sent
    }
}

/// A new update from one neighbour: read, hashed, taken, and on its way to the seven others.
#[divan::bench]
fn flood_one_update_through_degree_8(bencher: Bencher<'_, '_>) {
    let mut bench = Bench::new();
    let mut source = 0;
    let frames: Vec<Bytes> = (0..200_000)
        .map(|_| {
            source = (source + 1) % SOURCES;
            bench.update(20 + source)
        })
        .collect();
    let mut next = frames.iter().cycle();
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| bench.receive(next.next().expect("endless")));
}

/// The same update again: dropped by its hash.
#[divan::bench]
fn drop_a_duplicate(bencher: Bencher<'_, '_>) {
    let mut bench = Bench::new();
    let frame = bench.update(21);
    bench.receive(&frame);
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| bench.receive(&frame));
}

/// A probe answered.
#[divan::bench]
fn answer_a_probe(bencher: Bencher<'_, '_>) {
    let mut bench = Bench::new();
    let from = name(1).addr;
    let ping = emit_ping(&Ping::new(Token(0x0123_4567_89ab_cdef), NodeId(0)));
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        bench.node.handle(bench.now, Input::Datagram { port: Port(0), from, bytes: &ping });
        bench.drain()
    });
}
