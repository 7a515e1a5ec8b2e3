//! What anybody may ask, and what is said to nobody.

use super::*;
use crate::overlay::database::LinkMode;
use crate::overlay::wire::{DataHead, Flow, Record, Registration, Way};
use ListedRole::Both;

/// Asks as `id` who is there: the names, and the records.
fn register(bench: &mut Bench, id: u128, all: bool, over: bool) -> (Vec<u128>, Vec<Record>) {
    let conn = bench.open(id, How::Accepted(Port(0)));
    bench.say(
        conn,
        &Packet::Reg(Registration {
            node: name(id).into(),
            k: 2,
            network: Some(network()),
            all,
            over,
            other: Others::NONE,
        }),
    );
    let (mut names, mut records) = (Vec::new(), Vec::new());
    for packet in &bench.peers[&conn].said {
        match packet {
            Packet::Net(named) => names.extend(named.iter().filter_map(|n| n.name.id).map(|id| id.0)),
            Packet::Over(told) => records.extend(told.iter().cloned()),
            _ => {}
        }
    }
    names.sort_unstable();
    (names, records)
}

#[test]
fn a_newcomer_is_told_who_is_there() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.record(conns[0], 8, &[(61, Both)], 8);
    bench.node.mark_absent(NodeId(8));
    bench.silent.insert(8);
    bench.record(conns[0], 9, &[], 8);
    assert_eq!(
        register(&mut bench, 200, false, false).0,
        [1, 2, 3, 4, ME],
        "neither absent 8 nor 9, who left"
    );
    assert_eq!(
        register(&mut bench, 3, false, false).0,
        [1, 2, 4, ME, 200],
        "200 was here, and 3 is who asks"
    );
    assert_eq!(register(&mut bench, 201, false, false).0, [1, 2, 3, 4, ME, 200]);
    assert_eq!(
        register(&mut bench, 201, false, false).0,
        [1, 2, 3, 4, ME, 200],
        "newcomers are told each other"
    );
    bench.pass(Duration::from_secs(61));
    assert_eq!(register(&mut bench, 202, false, false).0, [1, 2, 3, 4, ME], "for a minute");
}

#[test]
fn a_sample_is_told_unless_all_are_asked_for() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 1_000..1_130 {
        bench.record(conns[0], id, &[(1, Both)], 8);
    }
    assert_eq!(register(&mut bench, 200, false, false).0.len(), 128);
    assert_eq!(register(&mut bench, 201, true, false).0.len(), 136);
}

#[test]
fn the_graph_is_told_with_links_that_are_about_to_go() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    bench.answer(3);
    bench.pass(Duration::from_secs(2));
    let (_, records) = register(&mut bench, 200, false, true);
    let of = |id| records.iter().find(|record| record.node.id == Some(NodeId(id))).unwrap();
    assert_eq!(records.len(), 5);
    let links: Vec<_> = of(ME).links.iter().map(|l| (l.id.0, l.attributes.bye)).collect();
    assert_eq!(links, [(1, true), (2, false), (3, false)]);
    assert_eq!(of(4).links.len(), 3);
}

#[test]
fn datagrams_that_nobody_waits_for_are_counted_and_nothing_else() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.events.clear();
    let [source, destination] = [NodeId(9), NodeId(ME)];
    let head = DataHead { ttl: 9, way: Way::Datagram, flow: Flow::Data(1), source, destination, len: 2 };
    let data = wire::emit_datagram(Token(1), &head, b"hi");
    let beat = Packet::Hb(Beat::first(Token(1), 1)).emit();
    let pong = Packet::Pong(Pong { token: Token(1), id: NodeId(9) }).emit();
    for bytes in [&data[..], &beat, &pong, b"\xff\xff"] {
        let before = bench.node.counters().stray_datagrams;
        bench.handle(Input::Datagram { port: Port(0), from: address(9), bytes });
        assert_eq!(bench.node.counters().stray_datagrams, before + 1);
    }
    bench.handle(Input::Datagram { port: Port(0), from: address(9), bytes: b"NEW" });
    assert_eq!(bench.node.counters().unknown_words, 1);
    assert_eq!(bench.events, []);
    // A neighbour's address is not enough, and any is good with the token.
    bench.handle(Input::Datagram { port: Port(0), from: address(1), bytes: &data });
    assert_eq!((bench.node.counters().stray_datagrams, bench.events.len()), (5, 0));
    let data = wire::emit_datagram(bench.peers[&conns[0]].token.unwrap(), &head, b"hi");
    bench.handle(Input::Datagram { port: Port(0), from: address(77), bytes: &data });
    let payload = Bytes::from_static(b"hi");
    assert_eq!(bench.events, [Event::Delivered { from: NodeId(9), payload }]);
}

#[test]
fn a_full_node_refuses_a_role_on_an_open_link_and_keeps_the_link() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.in_degree = Some(1));
    let watcher = bench.accept(60, Role::Watcher);
    bench.accept(50, Role::Chooser);
    bench.greet(watcher, Role::Chooser);
    assert!(bench.said(watcher, is_nack) == 1 && !bench.closed(watcher));
    assert_eq!(bench.choosers(), [50]);
}

#[test]
fn so_many_watchers_are_let_in_and_choosers_are_none() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.watchers = 2);
    bench.accept(50, Role::Chooser);
    let refused = [60, 61, 62].map(|id| {
        let conn = bench.accept(id, Role::Watcher);
        bench.closed(conn)
    });
    assert_eq!(refused, [false, false, true]);
}

#[test]
fn an_answer_to_a_greeting_says_whether_the_choice_is_mutual() {
    let (mut bench, conns) = Bench::settled(|config| config.links = LinkMode::Directed);
    let watcher = bench.accept(60, Role::Watcher);
    let role = |bench: &Bench, conn| {
        let greeting = bench.peers[&conn].said.iter().rev().find_map(|p| match p {
            Packet::Lnk(greeting) => Some(greeting.role),
            _ => None,
        });
        greeting.unwrap()
    };
    assert_eq!(role(&bench, watcher), Role::Chosen);
    bench.greet(watcher, Role::Chooser);
    bench.greet(conns[0], Role::Chooser);
    assert_eq!([watcher, conns[0]].map(|conn| role(&bench, conn)), [Role::Chosen, Role::Chooser]);
    bench.greet(watcher, Role::Watcher);
    assert_eq!(bench.choosers(), [1]);
}

#[test]
fn an_unknown_word_is_left_out_on_a_link_and_ends_a_stranger() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let stranger = bench.open(9, How::Accepted(Port(0)));
    for conn in [conns[0], stranger] {
        bench.handle(Input::Received { conn, bytes: &mut BytesMut::from(&b"NEW\r\n"[..]) });
    }
    assert_eq!((bench.closed(conns[0]), bench.closed(stranger)), (false, true));
    bench.handle(Input::Received { conn: conns[1], bytes: &mut BytesMut::from(&b"UPT x\r\n"[..]) });
    assert!(bench.closed(conns[1]), "a known word with nonsense is another matter");
    let counted = bench.node.counters();
    assert_eq!((counted.unknown_words, counted.misbehaved), (2, 1));
}

#[test]
fn a_packet_in_segments_is_one_packet() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let links: Vec<_> = (1_000..1_400).map(|id| (id, Both)).collect();
    let news = Bench::bare(Key { incarnation: 1, sequence: 1 }, name(60), 0, 1_800, &links);
    let frames = wire::frames(&news, &mut 0);
    assert!(frames.len() > 1);
    for frame in frames {
        bench.handle(Input::Received { conn: conns[0], bytes: &mut BytesMut::from(&frame[..]) });
    }
    assert_eq!(bench.node.database().get(NodeId(60)).unwrap().links().len(), 400);
}

#[test]
fn a_stranger_has_to_say_something_in_time() {
    let (mut bench, _) = Bench::settled(|_| ());
    let stranger = bench.open(9, How::Accepted(Port(0)));
    bench.pass(Duration::from_millis(4_900));
    assert!(!bench.closed(stranger));
    bench.pass(Duration::from_millis(200));
    assert!(bench.closed(stranger));
}

#[test]
fn a_probe_is_answered_from_the_port_that_was_asked() {
    let bound = ["127.0.0.1:1", "127.0.0.2:1"].map(|addr| addr.parse().unwrap());
    let mut bench = Bench::with(|config| config.ports = bound.into_iter().collect());
    for port in [Port(1), Port(0)] {
        let bytes = &Packet::Ping(Ping { token: Token(7), id: NodeId(1), padding: 0 }).emit()[..];
        bench.node.handle(bench.now, Input::Datagram { port, from: address(50), bytes });
        let answers: Vec<Port> = core::iter::from_fn(|| bench.node.poll())
            .filter_map(|output| if let Output::Datagram { port, .. } = output { Some(port) } else { None })
            .collect();
        assert_eq!(answers, [port]);
    }
}
