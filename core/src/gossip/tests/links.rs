//! Whom a node has links with, and what those bear.

use super::*;

#[test]
fn addresses_in_plenty_are_dialled_a_few_at_a_time_and_those_that_are_nobodys_never() {
    let mut bench = Bench::new(Config { address: Some(v4(5999)), bootstrap: vec![addr(6000)], ..config() });
    let (ticket, to) = bench.dials.pop_front().unwrap();
    let peer = bench.open(How::Dialed(ticket), to);
    let never = ["0.0.0.0:1", "224.0.0.1:5", "127.0.0.1:0", "255.255.255.255:1", "127.0.0.1:5999"];
    let mut all: Vec<SocketAddrV4> = never.iter().map(|text| text.parse().unwrap()).collect();
    all.extend((0..10_916_u32).map(|n| SocketAddrV4::new(Ipv4Addr::from(0x0a00_0001 + n), 6001)));
    bench.say(peer, &write::peer_response(&all));
    let mut dialled = bench.fail_dials();
    dialled.sort_unstable();
    dialled.dedup();
    assert!(dialled.len() <= 128 && dialled.len() > 100, "{}", dialled.len());
    assert!(never.iter().all(|text| !dialled.contains(&text.parse().unwrap())));
}

#[test]
fn news_of_a_peer_is_passed_on_once_to_those_who_need_it() {
    let mut bench = Bench::new(config());
    let (one, two, native) = (bench.compatible(), bench.compatible(), bench.native(2));
    let update = PeerUpdate { addr: v4(6007), ttl: 3, kind: 1 };
    for _ in 0..2 {
        bench.say(one, &write::peer_update(update));
    }
    let onward = PeerUpdate { ttl: 2, ..update };
    bench.pass(Duration::from_millis(100));
    assert_eq!(bench.said(two), [Message::PeerUpdate(onward)]);
    assert_eq!((bench.said(one), bench.said(native)), (vec![], vec![]));
}

#[test]
fn frames_to_a_fragile_peer_have_pauses_between_them() {
    let mut bench = Bench::new(config());
    let peer = bench.compatible();
    for n in 0..10 {
        bench.announce([&[0][..], &[1], &[2], &[3], &[4], &[5], &[6], &[7], &[8], &[9]][n]).unwrap();
    }
    assert_eq!(data(&bench.said(peer)).len(), 1);
    bench.pass(Duration::from_millis(32));
    assert_eq!(data(&bench.said(peer)).len(), 3, "2 ms, and 8.5 ms for a begun KiB");
}

#[test]
fn of_two_links_between_two_nodes_both_ends_keep_the_same() {
    for other in [0, u64::MAX] {
        let mut bench = Bench::new(Config { bootstrap: vec![addr(6000)], ..config() });
        let (ticket, to) = bench.dials.pop_front().unwrap();
        let dialled = bench.open(How::Dialed(ticket), to);
        bench.say(dialled, &write::native(Probe::Hello { nonce: other }));
        let accepted = bench.native(other);
        bench.pass(Duration::from_millis(10));
        let closed: Vec<ConnId> = bench.closed.iter().map(|(conn, _)| *conn).collect();
        // It is the smaller number's dial that stays.
        assert_eq!(closed, [if other == 0 { dialled } else { accepted }]);
    }
}

#[test]
fn a_node_that_dials_itself_does_so_once() {
    let mut bench = Bench::new(Config { address: None, bootstrap: vec![addr(6000)], ..config() });
    let (ticket, to) = bench.dials.pop_front().unwrap();
    let out = bench.open(How::Dialed(ticket), to);
    let hello = bench.said[&out].clone();
    let back = bench.open(How::Accepted(PEERS), addr(40_000));
    bench.say(back, &hello);
    let hello = bench.said.get(&back).cloned().unwrap_or_default();
    if !hello.is_empty() {
        bench.say(out, &hello);
    }
    bench.pass(Duration::from_secs(60));
    assert!(bench.closed.iter().any(|(_, what)| *what == "met itself"), "{:?}", bench.closed);
}

#[test]
fn a_silent_link_between_nodes_of_this_project_is_probed_and_given_up() {
    let mut bench = Bench::new(config());
    let native = bench.native(2);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.said(native), [Message::Native(Probe::Ping)]);
    bench.say(native, &write::native(Probe::Pong));
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.said(native), [Message::Native(Probe::Ping)]);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.closed, [(native, "answered no ping")]);
}
