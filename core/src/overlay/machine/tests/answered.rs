//! All that a peer or a stranger can make a node say, each said ten thousand times: what comes back for an octet.

use super::*;
use crate::overlay::wire::{Ask, DataHead, Digest, Flow, Hears, Range, Registration, Removal, Sum, Way};

/// How often each request is made.
const TIMES: usize = 10_000;
/// Octets that may come back for each that was said, in the long run.
const RETURN: usize = 3;
/// What a link may be told beside a whole database, and a host's strangers: the floors of both allowances.
const FLOOR: usize = 16 << 10;
const STRANGERS_FLOOR: usize = 512 << 10;
/// One answer may pass an allowance by as much.
const LAST: usize = 8 << 10;

/// A node that knows a thousand others, and a neighbour that asks.
fn populous() -> (Bench, ConnId) {
    let (mut bench, conns) = Bench::settled(|config| config.bounds.in_degree = Some(1));
    for id in 1_000..2_000 {
        bench.record(conns[1], id, &[(2, ListedRole::Out), (1, ListedRole::Out)], 8);
    }
    bench.accept(50, Role::Chooser);
    (bench, conns[0])
}

/// The database as it is sent, and what the node takes it to be more.
fn whole(bench: &Bench) -> usize {
    let sent: usize = bench.node.database().entries().map(|entry| entry.upt().frame(0).len()).sum();
    sent + sent / 4
}

fn sum(range: Option<Range>, count: u32) -> Packet {
    Packet::Sum(Sum { range, count, digest: Digest(u128::from(count)) })
}

fn registration(id: u128, all: bool, over: bool) -> Packet {
    let (node, network) = (name(id).into(), Some(network()));
    Packet::Reg(Registration { node, k: 2, network, all, over, other: Others::NONE })
}

fn beat(bench: &Bench, conn: ConnId, n: usize) -> Packet {
    let hears = if n.is_multiple_of(2) { Hears::Nothing } else { Hears::Datagrams };
    Packet::Hb(Beat { hears, ..Beat::first(bench.peers[&conn].token.unwrap(), 1_000 + n as u64) })
}

fn data(flow: Flow, destination: u128) -> Bytes {
    let [source, destination] = [NodeId(1), NodeId(destination)];
    wire::emit_data(&DataHead { ttl: 9, way: Way::Link, flow, source, destination, len: 2 }, b"hi")
}

/// An old record of one of a thousand.
fn old(n: usize) -> Packet {
    let key = Key { incarnation: 1, sequence: 1 };
    Bench::bare(key, name(1_000 + n as u128 % 1_000), u32::try_from(n).unwrap(), 1_800, &[])
}

fn claim(n: usize) -> Packet {
    let key = Key { incarnation: 1, sequence: 1 + u32::try_from(n).unwrap() };
    Packet::Rmv(Removal::originate(key, name(1), NodeId(ME), Key { incarnation: 9, sequence: 9 }))
}

fn greeting() -> Packet {
    let caps = Capabilities { start: Some(1), ..Capabilities::default() };
    Packet::Lnk(Greeting {
        version: 1,
        network: network(),
        node: name(60),
        role: Role::Chooser,
        token: Token(1),
        caps,
    })
}

/// What a neighbour says on its link.
type Said = fn(&Bench, ConnId, usize) -> Bytes;

/// Everything on a link that is answered.
const ON_A_LINK: [(&str, Said); 16] = [
    ("SUM of nothing", |_, _, _| sum(None, 0).emit()),
    ("SUM of one", |_, _, _| sum(None, 1).emit()),
    ("SUM of many", |_, _, _| sum(None, 900).emit()),
    ("SUM of as many", |bench, _, _| sum(None, bench.node.database().sum(None).count).emit()),
    ("SUM of few in a range", |_, _, _| sum(Range::new(NodeId(1), NodeId(1_500)), 3).emit()),
    ("ASK for everything", |_, _, _| Packet::Ask(Ask { range: None, have: Have::default() }).emit()),
    ("ASK for a range", |_, _, n| {
        let range = Range::new(NodeId(1_000 + n as u128 % 900), NodeId(2_000));
        Packet::Ask(Ask { range, have: Have::default() }).emit()
    }),
    ("REG", |_, _, _| registration(50, false, false).emit()),
    ("REG for all", |_, _, _| registration(50, true, false).emit()),
    ("REG for the graph", |_, _, _| registration(50, true, true).emit()),
    ("PING", |_, _, n| Packet::Ping(Ping::new(Token(n as u64), NodeId(ME))).emit()),
    ("UPT older", |_, _, n| old(n).emit()),
    ("RMV of the node itself", |_, _, n| claim(n).emit()),
    ("LNK again", |_, _, _| greeting().emit()),
    ("HB of one who hears nothing", |bench, conn, n| beat(bench, conn, n).emit()),
    ("DAT to nobody", |_, _, n| data(Flow::Marked(n as u64), 77_777)),
];

#[test]
fn no_octet_on_a_link_brings_more_than_three_in_the_long_run() {
    let mut dear = Vec::new();
    for (what, said) in ON_A_LINK {
        let (mut bench, conn) = populous();
        let most = whole(&bench) + FLOOR + LAST;
        let before = bench.sent;
        let mut heard = 0;
        for n in 0..TIMES {
            let octets = said(&bench, conn, n);
            heard += octets.len();
            bench.handle(Input::Received { conn, bytes: &mut BytesMut::from(&octets[..]) });
            let told = bench.sent - before;
            if told > RETURN * heard + most {
                dear.push((what, told, heard));
                break;
            }
        }
        assert!(!bench.closed(conn), "{what}");
    }
    assert_eq!(dear, [], "octets told and heard");
}

/// What a stranger says first on a connection.
type Word = fn(usize) -> Packet;

/// Everything of a stranger that is answered.
const FIRST_WORDS: [(&str, Word); 7] = [
    ("REG", |_| registration(60, false, false)),
    ("REG for all", |_| registration(60, true, false)),
    ("REG for the graph", |_| registration(60, true, true)),
    ("REG of many", |n| registration(200 + n as u128, false, false)),
    ("PING", |n| Packet::Ping(Ping::new(Token(n as u64), NodeId(ME)))),
    ("LNK to one who is full", |_| greeting()),
    ("a word that is no first one", |_| sum(None, 0)),
];

#[test]
fn no_octet_of_a_stranger_brings_more_than_three_in_the_long_run() {
    let mut dear = Vec::new();
    for (what, said) in FIRST_WORDS {
        let (mut bench, _) = populous();
        let most = whole(&bench) + STRANGERS_FLOOR + LAST;
        let before = bench.sent;
        let mut heard = 0;
        for n in 0..TIMES {
            let packet = said(n);
            heard += packet.emit().len();
            let conn = bench.open(60, How::Accepted(Port(0)));
            bench.say(conn, &packet);
            bench.peers.remove(&conn);
            let told = bench.sent - before;
            if told > RETURN * heard + most {
                dear.push((what, told, heard));
                break;
            }
        }
    }
    assert_eq!(dear, [], "octets told and heard");
}
