//! Broadcasts, whispers, and who the others are.

use super::*;

#[test]
fn a_broadcast_is_passed_on_once_to_all_but_whence_it_came_and_began() {
    let mut bench = Bench::new(config());
    let conns: Vec<ConnId> = (1..=4).map(|n| bench.peer(n)).collect();
    let stamp = Stamp { sender: id(2).text(TextKind::Bin), time: NOON };
    let frame = Message::Broadcast(text("news")).frame(To::Flood, stamp).unwrap();
    bench.told();
    bench.pass_on(conns[0], &frame);
    bench.pass_on(conns[2], &frame);
    let sent: Vec<usize> = conns.iter().map(|conn| bench.frames(*conn).len()).collect();
    assert_eq!(sent, [0, 0, 1, 1]);
    let told = bench.told();
    let [Event::Message { sender, by, way: Way::Broadcast, sent: NOON, values }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((&sender[..], *by, values), (&id(2).text(TextKind::Bin).octets()[..], id(1), &text("news")));
    assert_eq!((bench.node.counters().heard, bench.node.counters().duplicates), (1, 1));
}

#[test]
fn what_is_passed_on_is_octet_by_octet_what_came() {
    let mut bench = Bench::new(config());
    let (from, to) = (bench.peer(1), bench.peer(2));
    // A longer spelling of 7 than the shortest, which is what this node would write.
    let array =
        [&[0x95, 0, 0xc4, 1, b'2', 0xce][..], &1_600_000_000u32.to_be_bytes(), &[0, 0xcd, 0, 7]].concat();
    let digest = {
        use sha2::Digest as _;
        sha2::Sha256::digest(&array)
    };
    let len = u32::try_from(32 + array.len()).unwrap().to_be_bytes();
    let whole = [&len[..], &digest[..], &array].concat();
    bench.give(Input::Received { conn: from, bytes: &mut BytesMut::from(&whole[..]) });
    assert_eq!(bench.frames(to)[0].whole(), &whole);
}

#[test]
fn what_is_a_minute_old_or_ahead_goes_nowhere() {
    let mut bench = Bench::new(config());
    let (from, to) = (bench.peer(1), bench.peer(2));
    for time in [NOON - 61, NOON - 60, NOON + 60, NOON + 61] {
        let stamp = Stamp { sender: id(9).text(TextKind::Bin), time };
        let frame = Message::Broadcast(text("when")).frame(To::Flood, stamp).unwrap();
        bench.pass_on(from, &frame);
    }
    let times: Vec<u64> = bench.frames(to).iter().map(|frame| frame.stamp().time).collect();
    assert_eq!(times, [NOON - 60, NOON + 60]);
    assert_eq!((bench.node.counters().old, bench.node.counters().ahead), (1, 1));
}

#[test]
fn the_same_is_said_once_in_a_second() {
    let mut bench = Bench::new(config());
    bench.peer(1);
    let say = || Command::Broadcast { values: text("again") };
    assert_eq!(bench.ask(say()), Ok(Reply::Sent { peers: 1 }));
    assert_eq!(bench.ask(say()), Err(Refusal::SaidAlready));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.ask(say()), Ok(Reply::Sent { peers: 1 }));
}

#[test]
fn who_has_no_clock_says_nothing_to_all() {
    let mut node = Mesh::new(config()).unwrap();
    let said = node.command(Time::ZERO, Command::Broadcast { values: text("when?") });
    assert_eq!(said, Err(Refusal::NoClock));
}

#[test]
fn who_says_too_much_is_told_when_there_is_room() {
    let backlog = Backlog { in_flight: 100, bulk: 2_000, ..Backlog::default() };
    let mut bench = Bench::new(Config { backlog, ..config() });
    let conn = bench.native(1);
    // It was sent nothing for a while.
    bench.pass(Duration::from_secs(10));
    bench.said(conn);
    bench.stalled.push(conn);
    let words: Vec<Vec<Value>> = (0..99).map(|n| text(&alloc::format!("{n:0>300}"))).collect();
    let said = words.iter().map(|word| bench.ask(Command::Broadcast { values: word.clone() }));
    let taken = said.take_while(Result::is_ok).count();
    assert!((2..9).contains(&taken), "{taken}");
    assert_eq!(bench.ask(Command::Broadcast { values: words[98].clone() }), Err(Refusal::Busy));
    assert!(!bench.told().contains(&Event::Room));
    let n = bench.said.get(&conn).map_or(0, BytesMut::len);
    bench.stalled.clear();
    bench.give(Input::Flushed { conn, n });
    assert!(bench.told().contains(&Event::Room));
    assert_eq!(bench.ask(Command::Broadcast { values: words[98].clone() }), Ok(Reply::Sent { peers: 1 }));
}

#[test]
fn a_whisper_goes_to_the_peer_alone() {
    let mut bench = Bench::new(config());
    let (one, two) = (bench.peer(1), bench.peer(2));
    assert_eq!(bench.ask(Command::Whisper { to: id(2), values: text("psst") }), Ok(Reply::Sent { peers: 1 }));
    assert_eq!((bench.said(one), bench.said(two)), (Vec::new(), [Message::Whisper(text("psst"))].into()));
    assert_eq!(bench.ask(Command::Whisper { to: OWN, values: text("me") }), Err(Refusal::OwnId));
}

#[test]
fn a_whisper_for_who_is_no_peer_follows_when_it_is_found() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(1);
    let reply = bench.ask(Command::Whisper { to: id(7), values: text("psst") });
    assert_eq!(reply, Ok(Reply::Looking { lookup: 1 }));
    let said = bench.said(conn);
    let [Message::AddressRequest { request, wanted }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(*wanted, id(7).text(TextKind::Bin));
    let answer = Message::AddressResponse { request: request.clone(), peer: row(7) };
    bench.say(conn, 1, &answer, To::Flood);
    assert_eq!(bench.dials.front().map(|(_, to)| *to), Some(addr(6_007)));
    let found = bench.answer();
    bench.told();
    bench.say(found, 7, &handshake(id(7), TextKind::Bin), To::Link);
    assert!(bench.said(found).contains(&Message::Whisper(text("psst"))));
    assert!(bench.told().contains(&Event::Whispered { lookup: 1 }));
}

#[test]
fn who_is_not_found_in_time_is_told_of_and_the_number_of_questions_is_bounded() {
    let mut bench = Bench::new(Config { max_lookups: 1, ..config() });
    bench.peer(1);
    let whisper = |n| Command::Whisper { to: id(n), values: text("psst") };
    assert_eq!(bench.ask(whisper(7)), Ok(Reply::Looking { lookup: 1 }));
    assert_eq!(bench.ask(whisper(8)), Err(Refusal::TooManyLookups));
    bench.told();
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.told(), [Event::NotFound { lookup: 1 }]);
    assert_eq!(bench.ask(whisper(8)), Ok(Reply::Looking { lookup: 2 }));
}

#[test]
fn who_asks_where_a_peer_listens_is_told_and_the_question_goes_on() {
    let mut bench = Bench::new(config());
    let (asks, other) = (bench.peer(1), bench.peer(2));
    let request = Text::bin(b"which").unwrap();
    for wanted in [id(2), id(9)] {
        let question =
            Message::AddressRequest { request: request.clone(), wanted: wanted.text(TextKind::Bin) };
        bench.say(asks, 1, &question, To::Flood);
        assert_eq!(bench.said(other), [question]);
    }
    assert_eq!(bench.said(asks), [Message::AddressResponse { request, peer: row(2) }]);
}

#[test]
fn stars_of_both_kinds_are_answered_and_not_too_often() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(1);
    for n in 0..20u64 {
        let kind = if n % 2 == 0 { TextKind::Bin } else { TextKind::Str };
        bench.say(conn, 1, &Message::PeersRequest(kind), To::Link);
    }
    assert_eq!(bench.said(conn), alloc::vec![Message::Peers([row(1)].into()); 8]);
    assert_eq!(bench.node.counters().excess, 12);
}

#[test]
fn rows_are_dialled_until_there_are_enough_and_kept_within_bounds() {
    let mut bench = Bench::new(Config { max_known: 6, ..config() });
    let conn = bench.peer(1);
    let rows = (2..50).map(row).collect();
    bench.say(conn, 1, &Message::Peers(rows), To::Link);
    assert_eq!(bench.dials.len(), 3, "four peers are wanted, and one is there");
    assert_eq!(bench.node.known().count(), 6);
}

#[test]
fn exploring_ends_where_no_peer_can_be_given_up() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(1);
    bench.say(conn, 1, &Message::Peers((2..50).map(row).collect()), To::Link);
    for _ in 0..40 {
        bench.pass(Duration::from_secs(45));
        while let Some((_, to)) = bench.dials.front().copied() {
            let found = bench.answer();
            let n = u8::try_from(to.port() - 6_000).unwrap();
            bench.say(found, n, &handshake(id(n), TextKind::Bin), To::Link);
        }
        let all: Vec<_> = bench.node.peers().map(|peer| (peer.conn, peer.id)).collect();
        for (conn, id) in all {
            bench.say(conn, id.0[NodeId::LEN - 1], &Message::Peers([].into()), To::Link);
        }
    }
    assert_eq!(bench.node.peers().count(), 8, "twice what is wanted");
}

#[test]
fn who_was_disconnected_is_not_dialled_again_soon() {
    let mut bench = Bench::new(Config { bootstrap: [addr(6_001)].into(), ..config() });
    let conn = bench.answer();
    bench.say(conn, 1, &handshake(id(1), TextKind::Bin), To::Link);
    assert_eq!(bench.ask(Command::Disconnect { id: id(2) }), Err(Refusal::NoPeer));
    assert_eq!(bench.ask(Command::Disconnect { id: id(1) }), Ok(Reply::Done));
    bench.pass(Duration::from_secs(200));
    assert!(bench.dials.is_empty());
    bench.pass(Duration::from_secs(200));
    assert_eq!(bench.dials.len(), 1);
}

#[test]
fn what_is_nothing_to_a_mesh_is_told_whole() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(1);
    bench.told();
    let key = Text::bin(b"key").unwrap();
    bench.say(conn, 1, &Message::Retrieve { table: Text::bin(b"sha1").unwrap(), key }, To::Link);
    let told = bench.told();
    assert!(matches!(&told[..], [Event::Other { by, .. }] if *by == id(1)), "{told:?}");
}

#[test]
fn what_is_no_frame_closes_the_connection_and_what_is_beyond_a_bound_does_not() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(1);
    bench.give(Input::Received { conn, bytes: &mut BytesMut::from(&[0, 0, 0, 0][..]) });
    assert_eq!(bench.closed, [(conn, "sent what is no frame")]);
    assert_eq!(bench.node.counters().misbehaved, 1);
}

#[test]
fn who_leaves_is_done() {
    let mut bench = Bench::new(config());
    let conn = bench.peer(1);
    bench.told();
    assert_eq!(bench.ask(Command::Leave), Ok(Reply::Left { peers: 1 }));
    assert_eq!(bench.closed, [(conn, "this node has left")]);
    assert!(matches!(bench.told()[..], [Event::PeerDown { .. }, Event::Left]));
    assert_eq!(bench.ask(Command::RequestPeers), Err(Refusal::HasLeft));
    assert_eq!(bench.node.poll_timeout(), None);
}

/// A dial that fails is no peer's.
#[test]
fn a_bootstrap_is_tried_for_ever() {
    let mut bench = Bench::new(Config { bootstrap: [addr(7_000)].into(), ..config() });
    for _ in 0..9 {
        let (ticket, _) = bench.dials.pop_front().expect("it is dialled");
        bench.give(Input::DialFailed { ticket, why: DialError::Refused });
        bench.pass(Duration::from_secs(400));
    }
}
