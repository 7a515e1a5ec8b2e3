//! Handshakes, and two connections with one node.

use super::*;

const MIRROR: Duration = Duration::from_millis(200);

/// The kind of text in which the node said its id.
fn greeted(said: &[Message]) -> Option<TextKind> {
    said.iter().find_map(|message| match message {
        Message::Handshake(handshake) => Some(handshake.id.kind()),
        _ => None,
    })
}

#[test]
fn who_greets_first_is_greeted_in_its_kind_of_text() {
    for kind in [TextKind::Bin, TextKind::Str] {
        let mut bench = Bench::new(config());
        let conn = bench.stranger();
        bench.pass(MIRROR / 2);
        assert_eq!(bench.said(conn), []);
        bench.say(conn, 1, &handshake(id(1), kind), To::Link);
        assert_eq!(greeted(&bench.said(conn)), Some(kind));
    }
}

#[test]
fn who_is_silent_is_greeted_as_py2p_is_and_given_up_later() {
    let mut bench = Bench::new(config());
    let conn = bench.stranger();
    bench.pass(MIRROR);
    let said = bench.said(conn);
    assert_eq!(said, [handshake_of_own()]);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.closed, [(conn, "said no handshake in time")]);
}

/// The frame of facts: an id, a protocol, a host and a port, and no method of compression.
fn handshake_of_own() -> Message {
    Message::Handshake(Handshake {
        id: OWN.text(TextKind::Bin),
        protocol: Text::bin(b"EpAmyZWv9rZUKmjQgU3FTUD4GrJHvVEXizmghVBc8eGD").unwrap(),
        addr: HostPort::of(addr(5999)),
        methods: Vec::new(),
    })
}

#[test]
fn behind_its_handshake_a_peer_is_told_of_the_others_and_that_this_is_a_node_of_the_project() {
    let mut bench = Bench::new(config());
    bench.peer(1);
    let conn = bench.stranger();
    bench.say(conn, 2, &handshake(id(2), TextKind::Bin), To::Link);
    let mut said = bench.said(conn);
    let Some(Message::Peers(rows)) = said.get_mut(1) else { panic!("{said:?}") };
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(said[1..], [Message::Peers([row(1), row(2)].into()), Message::Native(Word::Hello.values())]);
}

#[test]
fn nothing_is_heard_before_a_handshake() {
    let mut bench = Bench::new(config());
    let (conn, other) = (bench.stranger(), bench.peer(2));
    bench.say(conn, 1, &Message::Broadcast(text("early")), To::Flood);
    assert_eq!(bench.said(other), []);
    assert_eq!(bench.node.counters().early, 1);
    bench.say(conn, 1, &handshake(id(1), TextKind::Bin), To::Link);
    bench.say(conn, 1, &Message::Broadcast(text("early")), To::Flood);
    assert_eq!(bench.said(other), [Message::Broadcast(text("early"))], "it was not taken for known");
}

#[test]
fn another_network_is_told_of_and_left() {
    let mut bench = Bench::new(Config { subnet: "ours".into(), ..config() });
    let conn = bench.stranger();
    bench.say(conn, 1, &handshake(id(1), TextKind::Bin), To::Link);
    let theirs = "EpAmyZWv9rZUKmjQgU3FTUD4GrJHvVEXizmghVBc8eGD".into();
    assert_eq!(bench.told(), [Event::OtherNetwork { remote: addr(40_000), theirs }]);
    assert_eq!(bench.closed, [(conn, "is of another network")]);
    assert!(greeted(&bench.said(conn)).is_some(), "it was told which network this is");
}

#[test]
fn an_id_has_to_be_a_number_below_2_to_384() {
    for bad in [&b"0"[..], b"", &[b'z'; 67]] {
        let mut bench = Bench::new(config());
        let conn = bench.stranger();
        let Message::Handshake(good) = handshake(id(1), TextKind::Bin) else { unreachable!() };
        let bad = Message::Handshake(Handshake { id: Text::bin(bad).unwrap(), ..good });
        bench.say(conn, 1, &bad, To::Link);
        assert_eq!(bench.closed, [(conn, "has an id that is no number below 2^384")]);
    }
}

#[test]
fn a_node_does_not_dial_itself_again() {
    let mut bench = Bench::new(Config { bootstrap: [addr(7_000)].into(), ..config() });
    let conn = bench.answer();
    bench.say(conn, 50, &handshake(OWN, TextKind::Bin), To::Link);
    assert_eq!(bench.told(), [Event::SelfFound { addr: addr(7_000) }]);
    bench.pass(Duration::from_secs(1_000));
    assert!(bench.dials.is_empty());
}

#[test]
fn who_finds_no_room_is_greeted_before_it_is_left() {
    let mut bench = Bench::new(Config { max_peers: 1, ..config() });
    bench.peer(1);
    let conn = bench.stranger();
    assert_eq!(bench.closed, []);
    bench.say(conn, 2, &handshake(id(2), TextKind::Bin), To::Link);
    assert_eq!(bench.closed, [(conn, "no room for another peer")]);
    assert!(greeted(&bench.said(conn)).is_some());
}

#[test]
fn a_second_connection_with_a_py2p_node_stays_and_is_heard() {
    let mut bench = Bench::new(config());
    let (old, new) = (bench.peer(1), bench.peer(1));
    let third = bench.stranger();
    bench.say(third, 1, &handshake(id(1), TextKind::Bin), To::Link);
    assert_eq!(bench.closed, [(third, "connected twice")]);
    bench.told();
    bench.say(new, 1, &Message::Whisper(text("here")), To::Link);
    bench.give(Input::Closed { conn: old, why: Closed::ByPeer });
    let told = bench.told();
    assert!(matches!(told[..], [Event::Message { .. }]), "{told:?}");
    bench.give(Input::Closed { conn: new, why: Closed::ByPeer });
    let told = bench.told();
    assert!(matches!(told[..], [Event::PeerDown { .. }]), "{told:?}");
}

/// As shipped, of crossing connections py2p may close one and forget the other.
#[test]
fn when_one_of_two_connections_with_a_py2p_node_ends_the_other_has_to_answer() {
    for answers in [true, false] {
        let mut bench = Bench::new(config());
        let (old, new) = (bench.peer(1), bench.peer(1));
        bench.told();
        bench.give(Input::Closed { conn: new, why: Closed::ByPeer });
        assert_eq!(bench.said(old), [Message::PeersRequest(TextKind::Bin)]);
        if answers {
            bench.say(old, 1, &Message::Peers([].into()), To::Link);
        }
        bench.pass(Duration::from_secs(10));
        let (closed, told) = (bench.closed.clone(), bench.told());
        if answers {
            assert!(closed.is_empty() && told.is_empty(), "{closed:?} {told:?}");
        } else {
            assert_eq!(closed, [(old, "did not answer")]);
            assert!(matches!(told[..], [Event::PeerDown { .. }]), "{told:?}");
        }
    }
}

/// As shipped, py2p may close both of two connections that cross, and dials none again.
#[test]
fn a_py2p_node_that_closed_both_of_two_connections_is_dialled_again_soon() {
    let mut bench = Bench::new(Config { bootstrap: [addr(7_000)].into(), ..config() });
    let (dialled, accepted) = (bench.answer(), bench.peer(1));
    bench.say(dialled, 1, &handshake(id(1), TextKind::Bin), To::Link);
    for conn in [accepted, dialled] {
        bench.give(Input::Closed { conn, why: Closed::ByPeer });
    }
    bench.pass(Duration::from_secs(3));
    assert!(bench.dials.iter().any(|(_, to)| *to == addr(7_000)), "{:?}", bench.dials);
}

#[test]
fn who_had_dialled_this_node_and_is_lost_is_dialled_soon_where_it_listens() {
    for minutes in [1, 40] {
        let mut bench = Bench::new(config());
        let conn = bench.peer(1);
        for _ in 0..4 * minutes {
            bench.pass(Duration::from_secs(15));
            bench.say(conn, 1, &Message::Peers([].into()), To::Link);
        }
        assert!(bench.dials.is_empty());
        bench.give(Input::Closed { conn, why: Closed::ByPeer });
        bench.pass(Duration::from_secs(2));
        let dials: Vec<_> = bench.dials.iter().map(|(_, to)| *to).collect();
        assert_eq!(dials, [addr(6_001)], "after {minutes} minutes");
    }
}

#[test]
fn of_two_connections_with_a_native_node_that_which_the_smaller_id_dialled_goes() {
    for n in [1, 99] {
        let mut bench = Bench::new(Config { bootstrap: [addr(7_000)].into(), ..config() });
        let dialled = bench.answer();
        bench.say(dialled, n, &handshake(id(n), TextKind::Bin), To::Link);
        bench.say(dialled, n, &Message::Native(Word::Hello.values()), To::Link);
        let accepted = bench.native(n);
        let gone = if id(n) < OWN { accepted } else { dialled };
        assert_eq!(bench.closed, [(gone, "connected twice")]);
        let downs = bench.told().into_iter().filter(|event| matches!(event, Event::PeerDown { .. }));
        assert_eq!(downs.count(), 0);
    }
}

/// What is said on the other one is lost when that is closed.
#[cfg(feature = "chord")]
#[test]
fn a_native_node_is_told_things_on_that_of_two_connections_that_both_ends_keep() {
    for n in [1, 99] {
        let mut bench = Bench::new(Config { bootstrap: [addr(7_000)].into(), ..config() });
        let accepted = bench.native(n);
        let dialled = bench.answer();
        bench.say(dialled, n, &handshake(id(n), TextKind::Bin), To::Link);
        bench.said(dialled);
        let word = Message::Native(Word::Ping.values());
        assert!(bench.node.tell(&id(n), &word));
        bench.drain();
        let kept = if id(n) < OWN { dialled } else { accepted };
        for conn in [accepted, dialled] {
            assert_eq!(bench.said(conn).contains(&word), conn == kept);
        }
    }
}

#[test]
fn a_handshake_once_more_is_heeded_and_another_nodes_is_not() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(1);
    bench.say(conn, 1, &handshake(id(1), TextKind::Bin), To::Link);
    assert_eq!(bench.closed, []);
    bench.say(conn, 2, &handshake(id(2), TextKind::Bin), To::Link);
    assert_eq!(bench.closed, [(conn, "says that it is another node than before")]);
}

#[test]
fn frames_to_a_py2p_node_keep_their_distance_and_those_to_a_native_one_do_not() {
    let gap = Gap { least: Duration::from_millis(10), per_kib: Duration::ZERO };
    let mut bench = Bench::new(Config { gap, ..config() });
    let (compatible, native) = (bench.peer(1), bench.native(2));
    bench.pass(Duration::from_secs(1));
    let _ = (bench.said(compatible), bench.said(native));
    for word in ["one", "two"] {
        bench.ask(Command::Broadcast { values: text(word) }).unwrap();
    }
    assert_eq!((bench.said(compatible).len(), bench.said(native).len()), (1, 2));
    bench.pass(Duration::from_millis(10));
    assert_eq!(bench.said(compatible), [Message::Broadcast(text("two"))]);
}

#[test]
fn a_silent_peer_is_asked_for_what_it_is_bound_to_answer_and_given_up() {
    let mut bench = Bench::new(Config { explore_period: Duration::from_secs(3_600), ..config() });
    let (compatible, native) = (bench.peer(1), bench.native(2));
    bench.said(native);
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.said(compatible), [Message::PeersRequest(TextKind::Bin)]);
    assert_eq!(bench.said(native), [Message::Native(Word::Ping.values())]);
    bench.say(native, 2, &Message::Native(Word::Pong.values()), To::Link);
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.closed, [(compatible, "did not answer")]);
}
