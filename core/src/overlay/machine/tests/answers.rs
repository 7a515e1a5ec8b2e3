//! What anybody may ask, and what is said to nobody.

use super::*;
use crate::overlay::database::LinkMode;
use crate::overlay::wire::{Contact, DataHead, Flow, Record, Registration, Way};
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
fn nobody_is_told_of_a_newcomer_that_does_not_answer_where_it_says_that_it_is() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.insert(200);
    bench.lives.insert(201, 77);
    for id in 200..=202 {
        register(&mut bench, id, false, false);
    }
    assert_eq!(register(&mut bench, 203, false, false).0, [1, 2, 3, 4, ME, 202]);
    bench.silent.clear();
    register(&mut bench, 200, false, false);
    assert_eq!(register(&mut bench, 203, false, false).0, [1, 2, 3, 4, ME, 200, 202], "it answers by now");
}

#[test]
fn of_a_newcomer_with_several_addresses_the_one_that_answered_is_told() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.extend([200, 209]);
    bench.lives.insert(201, 200);
    let more = MoreAddresses::first([address(201), address(209)]);
    let conn = bench.open(200, How::Accepted(Port(0)));
    let node = Contact { name: name(200), more };
    let (network, other) = (Some(network()), Others::NONE);
    bench.say(
        conn,
        &Packet::Reg(Registration { node, k: 2, network: network.clone(), all: false, over: false, other }),
    );
    let conn = bench.open(300, How::Accepted(Port(0)));
    let (node, other) = (name(300).into(), Others::NONE);
    bench.say(conn, &Packet::Reg(Registration { node, k: 2, network, all: false, over: false, other }));
    let told = bench.peers[&conn].said.iter().find_map(|packet| match packet {
        Packet::Net(names) => names.iter().find(|contact| contact.name.id == Some(NodeId(200))).cloned(),
        _ => None,
    });
    assert_eq!(told, Some(NodeName { addr: address(201), ..name(200) }.into()));
}

#[test]
fn a_newcomer_that_names_another_address_than_the_one_that_answered_is_not_told_there() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.insert(209);
    bench.node.learn_names(&[name(200).into()]);
    bench.node.probes.learn(bench.now, NodeId(200));
    bench.node.probe(NodeId(200));
    bench.drain();
    assert_eq!(bench.node.probes.get(NodeId(200)).and_then(|peer| peer.at), Some(address(200)));
    let conn = bench.open(200, How::Accepted(Port(0)));
    let node = NodeName { addr: address(209), ..name(200) }.into();
    let (network, other) = (Some(network()), Others::NONE);
    bench.say(conn, &Packet::Reg(Registration { node, k: 2, network, all: false, over: false, other }));
    assert_eq!(register(&mut bench, 201, false, false).0, [1, 2, 3, 4, ME]);
}

#[test]
fn registrations_of_one_host_keep_no_newcomer_from_those_who_are_there() {
    let (mut bench, _) = Bench::settled(|_| ());
    for id in 1_000..2_100 {
        bench.silent.insert(id);
        register(&mut bench, id, false, false);
    }
    assert_eq!(
        register(&mut bench, 200, true, false).0,
        [1, 2, 3, 4, ME],
        "who made them up does not answer"
    );
    for id in 3_000..4_100 {
        register(&mut bench, id, false, false);
    }
    let told = register(&mut bench, 201, false, false).0;
    assert!(told.starts_with(&[1, 2, 3, 4, ME]) && told.len() <= 9, "four of those who do: {told:?}");
    for _ in 0..10 {
        let named = first_named(&mut bench, 202);
        assert!([1, 2, 3, 4, ME].contains(&named), "{named}: members come first");
    }
}

/// The one whom a newcomer is told of first.
fn first_named(bench: &mut Bench, id: u128) -> u128 {
    register(bench, id, false, false);
    let said = &bench.peers[&ConnId(bench.last_conn)].said;
    let net = said.iter().find_map(|p| if let Packet::Net(names) = p { names.first() } else { None });
    net.and_then(|contact| contact.name.id).expect("somebody is named").0
}

/// What was said on a connection, with the pieces of packets put together.
fn whole(bench: &Bench, conn: ConnId) -> Vec<Packet> {
    let mut pieces = wire::Reassembly::new();
    let mut joined = |packet: &Packet| match packet {
        Packet::Seg(piece) => {
            let text = pieces.push(bench.now, piece.clone()).unwrap();
            text.map(|text| wire::read_reassembled(&text).unwrap())
        }
        other => Some(other.clone()),
    };
    bench.peers[&conn].said.iter().filter_map(&mut joined).collect()
}

#[test]
fn a_graph_that_does_not_fit_goes_in_pieces_as_it_is_read() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 0..12_000 {
        bench.record(conns[0], 1_000 + id, &[(2, ListedRole::Out), (1, ListedRole::Out)], 8);
    }
    let ask = |bench: &mut Bench, reads: bool| {
        let conn = bench.open(200, How::Accepted(Port(0)));
        bench.peers.get_mut(&conn).unwrap().stalled = !reads;
        let (node, network, other) = (name(200).into(), Some(network()), Others::NONE);
        bench.say(conn, &Packet::Reg(Registration { node, k: 2, network, all: false, over: true, other }));
        conn
    };
    let conn = ask(&mut bench, false);
    assert!(!bench.closed(conn) && bench.node.conns[&conn].outbox.waiting() < 400 << 10);
    bench.pass(Duration::from_secs(6));
    assert!(bench.closed(conn), "it did not read");
    let conn = ask(&mut bench, true);
    assert!(bench.closed(conn), "once all is told");
    let parts: Vec<usize> = whole(&bench, conn)
        .iter()
        .filter_map(|packet| if let Packet::Over(records) = packet { Some(records.len()) } else { None })
        .collect();
    assert_eq!(parts.iter().sum::<usize>(), bench.node.database().len(), "everything, and nothing twice");
    assert!(parts.len() > 20, "in {} parts", parts.len());
    // What its host has been told by now is more than once the graph: the next has to wait.
    let conn = ask(&mut bench, true);
    let busy = |p: &Packet| matches!(p, Packet::Nack(nack) if nack.reason == Some(Reason::Busy));
    assert_eq!((bench.said(conn, busy), bench.closed(conn)), (1, true));
}

#[test]
fn two_of_a_host_who_ask_for_the_graph_at_once_are_told_it_once() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 0..12_000 {
        bench.record(conns[0], 1_000 + id, &[(2, ListedRole::Out), (1, ListedRole::Out)], 8);
    }
    let askers = [200, 201].map(|id| {
        let conn = bench.open(id, How::Accepted(Port(0)));
        bench.peers.get_mut(&conn).unwrap().stalled = true;
        let (node, network, other) = (name(id).into(), Some(network()), Others::NONE);
        bench.say(conn, &Packet::Reg(Registration { node, k: 2, network, all: false, over: true, other }));
        conn
    });
    askers.iter().for_each(|conn| bench.read_on(*conn));
    let busy = |p: &Packet| matches!(p, Packet::Nack(nack) if nack.reason == Some(Reason::Busy));
    assert_eq!(askers.map(|conn| (bench.said(conn, busy), bench.closed(conn))), [(0, true), (1, true)]);
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

#[test]
fn those_who_were_there_first_are_named_however_many_are_made_up() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 1_000..3_000 {
        bench.record(conns[0], id, &[(1, Both)], 8);
    }
    for newcomer in 200..210 {
        let (names, _) = register(&mut bench, newcomer, false, false);
        assert_eq!((names.len(), &names[..5]), (128, &[1, 2, 3, 4, ME][..]));
        assert!(names.iter().filter(|id| **id >= 1_200).count() > 30, "others are named as well");
    }
}

#[test]
fn a_bootstrap_names_those_whom_links_lead_to_however_late_it_heard_of_them() {
    let mut bench = Bench::with(|config| *config = config.clone().watching());
    bench.node.learn_names(&[name(1).into()]);
    bench.pass(Duration::from_secs(2));
    let conn = bench.answer(1);
    for id in (1_000..3_000u128).step_by(2) {
        bench.record(conn, id, &[(id + 1, Both)], 8);
        bench.record(conn, id + 1, &[(id, Both)], 8);
    }
    bench.record(conn, 1, &[(2, Both), (3, Both)], 8);
    bench.record(conn, 2, &[(1, Both)], 8);
    bench.record(conn, 3, &[(1, Both)], 8);
    bench.pass(Duration::from_secs(11));
    for newcomer in 200..210 {
        let (names, _) = register(&mut bench, newcomer, false, false);
        assert_eq!((names.len(), &names[..3]), (128, &[1, 2, 3][..]));
    }
}

#[test]
fn all_of_four_hundred_are_told_in_one_answer_of_several_pieces() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 1_000..1_400 {
        bench.record(conns[0], id, &[(1, Both)], 8);
    }
    register(&mut bench, 200, true, false);
    let conn = ConnId(bench.last_conn);
    assert!(bench.said(conn, |packet| matches!(packet, Packet::Seg(_))) > 1);
    let told = whole(&bench, conn);
    let [Packet::Net(names)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(names.len(), 400 + 5);
}

#[test]
fn a_newcomer_that_names_many_addresses_is_asked_at_two_of_them() {
    let (mut bench, _) = Bench::settled(|_| ());
    let named = 200..209u128;
    bench.silent.extend(named.clone());
    let conn = bench.open(200, How::Accepted(Port(0)));
    let node = Contact { name: name(200), more: MoreAddresses::first(named.clone().skip(1).map(address)) };
    let (network, other) = (Some(network()), Others::NONE);
    bench.say(conn, &Packet::Reg(Registration { node, k: 2, network, all: false, over: false, other }));
    bench.pass(Duration::from_secs(60));
    let asked: Vec<_> = named.map(address).filter(|at| bench.asked.contains(at)).collect();
    assert_eq!(asked, [address(200), address(201)]);
}
