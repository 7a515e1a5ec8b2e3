//! What peers may count on, as with a gossip-python node or better.

use super::*;

const FOUND: u8 = 1;
/// Longer than the pauses between some short frames.
const SOON: Duration = Duration::from_millis(100);

fn compatible() -> Config {
    Config { address: Some(v4(5999)), ..Config::compatible(Seed::from_u64(1)) }
}

/// A node that was told to join at 6000, and its connection there.
fn joined(config: Config) -> (Bench, ConnId) {
    let mut bench = Bench::new(Config { bootstrap: vec![addr(6000)], ..config });
    let (ticket, to) = bench.dials.pop_front().unwrap();
    let conn = bench.open(How::Dialed(ticket), to);
    (bench, conn)
}

fn dialled(bench: &Bench) -> Vec<SocketAddr> {
    bench.dials.iter().map(|(_, to)| *to).collect()
}

fn listens(bench: &Bench, conn: ConnId) -> Option<SocketAddrV4> {
    bench.node.peers().find(|peer| peer.conn == conn)?.listens
}

fn found(port: u16, ttl: u8) -> Message {
    Message::PeerUpdate(PeerUpdate { addr: v4(port), ttl, kind: FOUND })
}

#[test]
fn who_says_where_it_listens_is_made_known_to_the_others() {
    for frame in [write::peer_request, write::peer_init] {
        let mut bench = Bench::new(config());
        let (peer, other) = (bench.compatible(), bench.compatible());
        assert_eq!(listens(&bench, peer), None);
        for port in [6001, 6002] {
            bench.say(peer, &frame(v4(port)));
            bench.pass(SOON);
            assert_eq!(listens(&bench, peer), Some(v4(port)), "it may say otherwise later");
            assert_eq!(bench.said(other), [found(port, 3)]);
        }
    }
}

#[test]
fn who_asks_at_any_time_is_told_where_the_others_listen() {
    let (mut bench, first) = joined(compatible());
    let (second, third, _silent) = (bench.compatible(), bench.compatible(), bench.compatible());
    bench.say(second, &write::peer_init(v4(6001)));
    bench.say(third, &write::peer_init(v4(6002)));
    bench.pass(SOON);
    for (peer, port) in [(first, 6000), (second, 6001), (third, 6002)] {
        bench.said(peer);
        bench.say(peer, &write::peer_request(v4(port)));
        bench.pass(SOON);
        let said = bench.said(peer);
        let [Message::PeerResponse(mut all)] = <[Message; 1]>::try_from(said).unwrap() else {
            panic!("a response")
        };
        all.sort_unstable();
        let others: Vec<_> = (6000..6003).filter(|other| *other != port).map(v4).collect();
        assert_eq!(all, others);
    }
}

#[test]
fn who_has_lost_a_peer_is_not_told_of_it_by_who_has_not_noticed() {
    let mut bench = Bench::new(config());
    let (killed, asks) = (bench.compatible(), bench.compatible());
    bench.say(killed, &write::peer_init(v4(6001)));
    bench.pass(Duration::from_secs(2));
    bench.said(asks);
    (0..100).for_each(|_| bench.say(asks, &write::peer_request(v4(6002))));
    bench.pass(Duration::from_millis(499));
    assert_eq!(bench.said(asks), []);
    bench.give(Input::Closed { conn: killed, why: Closed::ByPeer });
    bench.pass(Duration::from_secs(1));
    let answers = |said: Vec<Message>| -> Vec<Message> {
        said.into_iter().filter(|message| matches!(message, Message::PeerResponse(_))).collect()
    };
    assert_eq!(answers(bench.said(asks)), vec![Message::PeerResponse(vec![]); 16]);
}

#[test]
fn who_joins_asks_its_bootstrap_and_dials_whom_that_names() {
    for config in [config(), compatible()] {
        let (mut bench, bootstrap) = joined(config);
        assert_eq!(bench.said(bootstrap)[0], Message::PeerRequest(v4(5999)));
        let named = [6001, 6001, 5999, 6000].map(v4);
        bench.say(bootstrap, &write::peer_response(&named));
        assert_eq!(dialled(&bench), [addr(6001)], "once, and neither itself nor its peer");
        let (ticket, to) = bench.dials.pop_front().unwrap();
        let conn = bench.open(How::Dialed(ticket), to);
        assert_eq!(bench.said(conn)[0], Message::PeerInit(v4(5999)));
    }
}

#[test]
fn who_has_as_many_peers_as_it_may_dials_nobody() {
    let (mut bench, bootstrap) = joined(Config { max_peers: 1, ..compatible() });
    bench.say(bootstrap, &write::peer_response(&[v4(6001)]));
    bench.say(bootstrap, &write::peer_update(PeerUpdate { addr: v4(6002), ttl: 0, kind: FOUND }));
    assert_eq!(dialled(&bench), []);
}

#[test]
fn a_bootstrap_that_refuses_is_asked_again_for_ever() {
    let mut bench = Bench::new(Config { bootstrap: vec![addr(6000)], ..compatible() });
    for _ in 0..20 {
        assert_eq!(bench.fail_dials(), [addr(6000)]);
        // The longest pause, and what it may vary by.
        bench.pass(Duration::from_secs(400));
    }
}

#[test]
fn a_bootstrap_may_have_an_address_of_ipv6() {
    let far: SocketAddr = "[2001:db8::1]:6000".parse().unwrap();
    let mut bench = Bench::new(Config { bootstrap: vec![far], ..config() });
    let (ticket, to) = bench.dials.pop_front().unwrap();
    assert_eq!(to, far);
    let conn = bench.open(How::Dialed(ticket), to);
    assert_eq!(bench.said(conn)[0], Message::PeerRequest(v4(5999)));
    assert_eq!(listens(&bench, conn), None, "no frame has room for it");
}

#[test]
fn an_address_that_nobody_can_dial_is_not_advertised() {
    for text in ["0.0.0.0:5999", "127.0.0.1:0", "224.0.0.1:5999"] {
        let address = text.parse().unwrap();
        let refused = Gossip::new(Config { address: Some(address), ..config() });
        let expected = ConfigError::Address { field: "address", value: address.into() };
        assert_eq!(refused.err(), Some(expected));
    }
}

#[test]
fn news_of_a_peer_goes_as_far_as_its_ttl_says_and_is_always_that_it_was_found() {
    for (ttl, onward) in [(0, Some(0)), (1, None), (2, Some(1)), (255, Some(254))] {
        for kind in [0, FOUND, 7] {
            let (mut bench, bootstrap) = joined(config());
            let (from, to) = (bench.compatible(), bench.compatible());
            bench.said(bootstrap);
            for port in [6001, 6002] {
                bench.say(from, &write::peer_update(PeerUpdate { addr: v4(port), ttl, kind }));
            }
            bench.pass(SOON);
            let expected = |ports: &[u16]| -> Vec<Message> {
                ports.iter().filter_map(|port| Some(found(*port, onward?))).collect()
            };
            assert_eq!(bench.said(to), expected(&[6001, 6002]));
            assert_eq!(bench.said(bootstrap), expected(&[6001, 6002]));
        }
    }
}

#[test]
fn near_news_is_a_reason_to_dial_and_for_a_node_that_keeps_few_links_any_news_is() {
    for (max_ttl, ttl, kind, is_near) in [
        (4, 4, FOUND, false),
        (4, 2, FOUND, false),
        (4, 1, FOUND, true),
        (4, 0, FOUND, true),
        (4, 1, 0, false),
        (1, 0, FOUND, false),
        (0, 0, FOUND, false),
    ] {
        for (config, dials) in [(compatible(), is_near), (config(), kind == FOUND)] {
            let mut bench = Bench::new(Config { max_ttl, ..config });
            let peer = bench.compatible();
            bench.say(peer, &write::peer_update(PeerUpdate { addr: v4(6001), ttl, kind }));
            assert_eq!(!dialled(&bench).is_empty(), dials, "{max_ttl} {ttl} {kind}");
        }
    }
}

#[test]
fn news_of_this_node_and_of_its_peers_changes_nothing() {
    let (mut bench, bootstrap) = joined(config());
    let other = bench.compatible();
    for port in [5999, 6000] {
        bench.say(other, &write::peer_update(PeerUpdate { addr: v4(port), ttl: 0, kind: FOUND }));
    }
    bench.pass(SOON);
    assert_eq!((dialled(&bench), bench.node.peers().count()), (vec![], 2));
    let about = |said: &[Message]| said.iter().any(|message| matches!(message, Message::PeerUpdate(_)));
    assert!(!about(&bench.said(bootstrap)));
}

#[test]
fn who_brings_too_much_news_is_heard_no_further() {
    let mut bench = Bench::new(config());
    let peer = bench.compatible();
    for port in 6000..6100 {
        bench.say(peer, &write::peer_update(PeerUpdate { addr: v4(port), ttl: 3, kind: FOUND }));
    }
    assert_eq!(bench.node.counters().excess_updates, 36);
    assert_eq!(bench.node.addresses().count(), 64);
}

#[test]
fn who_is_elsewhere_is_believed_nothing_about_this_host() {
    let near = addr(40_000);
    let far: SocketAddr = "192.0.2.1:40000".parse().unwrap();
    for (remote, dials) in [(near, vec![addr(6001)]), (far, vec![])] {
        let mut bench = Bench::new(compatible());
        let peer = bench.open(How::Accepted(PEERS), remote);
        bench.say(peer, &write::peer_response(&[v4(6001)]));
        assert_eq!(dialled(&bench), dials);
    }
}

#[test]
fn who_loses_a_peer_asks_another_for_more_and_tells_nobody() {
    let mut bench = Bench::new(config());
    let (lost, left) = (bench.compatible(), bench.compatible());
    bench.give(Input::Closed { conn: lost, why: Closed::ByPeer });
    bench.pass(SOON);
    assert_eq!(bench.said(left), [Message::PeerRequest(v4(5999))]);
    bench.say(left, &write::peer_response(&[v4(6001)]));
    assert_eq!(dialled(&bench), [addr(6001)]);
}

#[test]
fn a_new_peer_is_told_of_nothing_that_was_not_found_valid() {
    let mut bench = Bench::new(config());
    let (module, from) = (bench.module(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    let frames = [
        told(0, b"undecided"),
        told(0, b"evil"),
        told(1, b"near"),
        write::announce(0, 0, TYPE + 1, b"unheard"),
        write::announce(7, 0xab, TYPE, b"good"),
        told(0, b"better"),
    ];
    frames.iter().for_each(|frame| bench.say(from, frame));
    assert_eq!(notified(&bench.said(module)), [1, 2, 3, 5, 6]);
    for (id, valid) in [(2, false), (3, true), (5, true), (6, true)] {
        bench.say(module, &write::validation(id, valid));
    }
    let peer = bench.open(How::Accepted(PEERS), addr(40_000));
    bench.pass(Duration::from_secs(1));
    let expected = [frames[4].clone(), frames[5].clone()].concat();
    assert_eq!(bench.said[&peer][..], expected[..], "as it was announced");
}

#[test]
fn one_peer_too_many_is_closed_when_that_does_it_no_harm() {
    let mut bench = Bench::new(Config { max_peers: 1, ..config() });
    let first = bench.compatible();
    let second = bench.open(How::Accepted(PEERS), addr(40_001));
    bench.say(second, &write::peer_request(v4(6001)));
    assert_eq!((bench.said(second), bench.closed.len()), (vec![Message::PeerRequest(v4(5999))], 0));
    bench.pass(Duration::from_secs(9));
    bench.say(second, &write::peer_response(&[]));
    assert_eq!(bench.closed.len(), 0);
    bench.pass(Duration::from_millis(500));
    assert_eq!(bench.closed, [(second, "no room for another peer")]);
    assert_eq!(bench.node.peers().map(|peer| peer.conn).collect::<Vec<_>>(), [first]);
}

#[test]
fn a_body_too_short_for_its_kind_ends_the_connection_and_another_is_asked() {
    for (code, least) in [(500, 4), (501, 4), (502, 4), (503, 4), (510, 6), (512, 8), (513, 6)] {
        let mut bench = Bench::new(config());
        let (peer, other) = (bench.compatible(), bench.compatible());
        let frame = |body: u16| [&(4 + body).to_be_bytes()[..], &u16::to_be_bytes(code)].concat();
        let padded = |body: u16| [frame(body), vec![0; body.into()]].concat();
        bench.say(peer, &padded(least));
        assert_eq!(bench.node.counters().misbehaved, 0, "{code}");
        bench.say(peer, &padded(least - 1));
        assert_eq!(bench.node.counters().misbehaved, 1, "{code}");
        bench.pass(Duration::from_secs(2));
        assert_eq!(bench.closed, [(peer, "a frame's body is too short for its kind")]);
        assert!(bench.said(other).contains(&Message::PeerRequest(v4(5999))), "{code}");
    }
}

#[test]
fn who_closes_as_soon_as_it_has_spoken_harms_nobody() {
    let mut bench = Bench::new(config());
    let other = bench.compatible();
    for frame in [Bytes::new(), write::peer_request(v4(6001)), write::peer_init(v4(6002))] {
        for _ in 0..30 {
            let peer = bench.open(How::Accepted(PEERS), addr(40_001));
            bench.say(peer, &frame);
            bench.give(Input::Closed { conn: peer, why: Closed::Broken });
        }
    }
    bench.pass(Duration::from_secs(2));
    let new = bench.compatible();
    for peer in [other, new] {
        bench.said(peer);
        bench.say(peer, &write::peer_request(v4(6003)));
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.said(peer), [Message::PeerResponse(vec![])]);
    }
}

#[test]
fn an_address_that_nobody_can_dial_is_told_to_nobody() {
    let mut bench = Bench::new(config());
    let (peer, other) = (bench.compatible(), bench.compatible());
    bench.say(peer, &write::peer_init("255.255.255.255:1".parse().unwrap()));
    bench.say(other, &write::peer_request(v4(6001)));
    bench.pass(SOON);
    assert_eq!(bench.said(other), [Message::PeerResponse(vec![])]);
}

#[test]
fn whom_a_node_dials_it_tells_the_others_of() {
    let mut bench = Bench::new(Config { bootstrap: vec![addr(6000)], ..config() });
    let other = bench.compatible();
    let (ticket, to) = bench.dials.pop_front().unwrap();
    let bootstrap = bench.open(How::Dialed(ticket), to);
    bench.pass(Duration::from_secs(1));
    assert_eq!(
        bench.said(bootstrap),
        [Message::PeerRequest(v4(5999)), Message::Native(Probe::Hello { nonce: bench.node.nonce })]
    );
    assert_eq!(bench.said(other), [Message::PeerUpdate(PeerUpdate { addr: v4(6000), ttl: 3, kind: FOUND })]);
}
