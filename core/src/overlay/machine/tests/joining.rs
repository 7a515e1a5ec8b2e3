//! Coming in, and finding back.

use super::*;
use crate::kernel::DialError;
use crate::overlay::bootstraps::BootstrapError;
use crate::overlay::config::AddressFault;
use crate::overlay::event::{Command, Refusal};
use crate::overlay::wire::Registration;

const BOOTSTRAP: u128 = 900;

/// A node with a bootstrap, which it asks for no healing.
fn bench() -> Bench {
    Bench::with(|config| {
        config.bootstraps = vec![address(BOOTSTRAP)];
        config.periods.heal = Duration::from_secs(3_600);
    })
}

/// The bootstrap takes the dial: the node's registration, and the connection.
fn asked(bench: &mut Bench) -> ConnId {
    let conn = bench.reach(BOOTSTRAP);
    assert_eq!(bench.said(conn, |p| matches!(p, Packet::Reg(Registration { k: 2, .. }))), 1);
    conn
}

/// How long it takes until the bootstrap is dialled again, in tenths of a second.
fn until_dialled(bench: &mut Bench) -> u32 {
    (1..2_000)
        .find(|_| {
            bench.pass(Duration::from_millis(100));
            bench.dialled().contains(&BOOTSTRAP)
        })
        .expect("the bootstrap is asked for ever")
}

#[test]
fn a_bootstrap_that_fails_or_refuses_is_asked_again_at_growing_distances() {
    let mut bench = bench();
    for (attempt, about) in [5, 10, 20, 40, 80].into_iter().enumerate() {
        if attempt % 2 == 0 {
            bench.refuse_dial(BOOTSTRAP);
        } else {
            let conn = asked(&mut bench);
            bench.nack(conn, &[]);
            assert!(bench.closed(conn));
            assert_eq!(bench.node.counters().misbehaved, 0, "to be busy is no offence");
        }
        let wait = until_dialled(&mut bench);
        assert!((about * 7 / 10..=about * 13 / 10 + 1).contains(&wait), "{attempt}: {wait} after {about}");
    }
}

#[test]
fn who_lost_the_last_link_asks_the_bootstrap_at_once() {
    let mut bench = bench();
    let conn = asked(&mut bench);
    bench.say(conn, &Packet::Net([name(1).into()].into()));
    assert!(bench.closed(conn));
    bench.pass(Duration::from_secs(1));
    let link = bench.answer(1);
    bench.pass(Duration::from_secs(1));
    while bench.dialled().contains(&BOOTSTRAP) {
        let conn = asked(&mut bench);
        bench.say(conn, &Packet::Net([name(1).into()].into()));
    }
    bench.hang_up(link);
    assert!(until_dialled(&mut bench) <= 10);
}

#[test]
fn a_node_in_company_does_not_ask_out_of_turn() {
    let mut bench = bench();
    let conn = asked(&mut bench);
    bench.say(conn, &Packet::Net([name(1).into(), name(2).into()].into()));
    bench.pass(Duration::from_secs(1));
    let links = [1, 2].map(|id| bench.answer(id));
    bench.pass(Duration::from_secs(4));
    while bench.dialled().contains(&BOOTSTRAP) {
        bench.refuse_dial(BOOTSTRAP);
    }
    bench.hang_up(links[0]);
    bench.pass(Duration::from_millis(700));
    assert!(!bench.dialled().contains(&BOOTSTRAP));
}

#[test]
fn names_that_cannot_be_dialled_are_not_kept_nor_more_than_so_many() {
    let mut bench = Bench::new();
    let named = |addr: &str, id| NodeName { addr: addr.parse().unwrap(), id: Some(NodeId(id)) };
    bench.node.learn_names(&[
        named("0.0.0.0:1", 1).into(),
        named("192.0.2.1:0", 2).into(),
        named("[::]:1", 3).into(),
        name(ME).into(),
    ]);
    assert_eq!(bench.node.joining.names().count(), 0);
    for id in 0..2_000 {
        bench.node.learn_name(named("192.0.2.1:1", 10_000 + id).into());
    }
    assert_eq!(bench.node.joining.names().count(), 1_024);
    bench.node.learn_name(named("192.0.2.9:1", 10_000).into());
    assert_eq!(bench.node.addresses_of(NodeId(10_000)).first().unwrap(), "192.0.2.9:1".parse().unwrap());
}

#[test]
fn a_bootstrap_that_names_a_stranger_to_one_in_company_has_another_overlay_found() {
    let (mut bench, _) = Bench::settled(|config| config.bootstraps = vec![address(BOOTSTRAP)]);
    for names in [vec![name(1), name(3), name(ME)], vec![name(3), name(70)]] {
        while !bench.dialled().contains(&BOOTSTRAP) {
            bench.pass(Duration::from_secs(1));
        }
        let conn = asked(&mut bench);
        let stranger = names.iter().any(|n| n.id == Some(NodeId(70)));
        bench.say(conn, &Packet::Net(Nodes::first(names.into_iter().map(Into::into))));
        assert_eq!(bench.dialled(), if stranger { vec![70] } else { vec![] });
    }
    let conn = bench.reach(70);
    assert_eq!(bench.said(conn, |p| matches!(p, Packet::Lnk(g) if g.role == Role::Guest)), 1);
}

#[test]
fn of_a_large_overlay_a_few_ask_a_bootstrap() {
    let mut asks = [0; 2];
    for (at, others) in [0, 400].into_iter().enumerate() {
        let (mut bench, conns) = Bench::settled(|config| config.bootstraps = vec![address(BOOTSTRAP)]);
        // A chain that begins with the first neighbour.
        for id in 1_000..1_000 + others {
            let before = if id == 1_000 { 1 } else { id - 1 };
            bench.record(conns[0], id, &[(before, ListedRole::Both), (id + 1, ListedRole::Both)], 8);
        }
        bench.record(conns[0], 1, &[(ME, ListedRole::Both), (1_000, ListedRole::Both)], 8);
        bench.node.survey();
        for _ in 0..100 {
            bench.node.heal();
            bench.drain();
            while bench.dialled().contains(&BOOTSTRAP) {
                bench.refuse_dial(BOOTSTRAP);
                asks[at] += 1;
            }
        }
    }
    assert!(asks[0] >= 99 && (1..=8).contains(&asks[1]), "{asks:?}");
}

/// Four are there, who list each other; the made-up ones list each other as well.
#[test]
fn nodes_that_somebody_made_up_keep_nobody_from_asking_a_bootstrap() {
    let (mut bench, conns) = Bench::settled(|config| config.bootstraps = vec![address(BOOTSTRAP)]);
    for id in (1_000..1_400u128).step_by(2) {
        bench.record(conns[0], id, &[(id + 1, ListedRole::Both)], 8);
        bench.record(conns[0], id + 1, &[(id, ListedRole::Both)], 8);
    }
    bench.node.survey();
    for _ in 0..20 {
        bench.node.heal();
        bench.drain();
        assert_eq!(bench.dialled().iter().filter(|id| **id == BOOTSTRAP).count(), 1);
        bench.refuse_dial(BOOTSTRAP);
    }
}

/// A liar that links to them makes them count.
#[test]
fn however_many_are_connected_each_asks_a_bootstrap_now_and_then() {
    let (mut bench, _) = Bench::settled(|config| config.bootstraps = vec![address(BOOTSTRAP)]);
    bench.node.choosing.connected = Some(16_384);
    let mut asks = 0;
    for _ in 0..4_000 {
        bench.node.heal();
        bench.drain();
        while bench.dialled().contains(&BOOTSTRAP) {
            bench.refuse_dial(BOOTSTRAP);
            asks += 1;
        }
    }
    assert!((15..=50).contains(&asks), "{asks}, and one in 128 is meant");
}

#[test]
fn those_silent_for_longest_are_forgotten_where_too_many_are_remembered() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.remembered = 4);
    for id in 50..54 {
        let conn = bench.accept(id, Role::Chooser);
        bench.pass(BEAT);
        bench.tear_down(conn);
        bench.pass(Duration::from_secs(6));
    }
    let mut remembered: Vec<u128> = bench.node.remembered_latest_first().iter().map(|id| id.0).collect();
    remembered.sort_unstable();
    assert_eq!(remembered, [1, 2, 52, 53]);
}

#[test]
fn a_bootstrap_that_nobody_knew_is_asked_at_once_in_company_too_and_a_known_one_is_not() {
    let (mut bench, _) = Bench::settled(|config| {
        config.bootstraps = vec![address(BOOTSTRAP)];
        config.periods.heal = Duration::from_secs(3_600);
    });
    while bench.dialled().contains(&BOOTSTRAP) {
        bench.refuse_dial(BOOTSTRAP);
        bench.pass(Duration::from_secs(1));
    }
    let told = |bench: &mut Bench, at: &[u128]| {
        let addresses = at.iter().map(|id| address(*id)).collect();
        bench.node.command(bench.now, Command::Bootstraps(addresses)).unwrap();
        bench.drain();
        bench.dialled()
    };
    assert_eq!(told(&mut bench, &[BOOTSTRAP]), []);
    assert_eq!(told(&mut bench, &[BOOTSTRAP, 901]), [901]);
    assert_eq!(told(&mut bench, &[902, 901]), [901], "one at a time");
    bench.refuse_dial(901);
    assert_eq!(bench.dialled(), [902]);
    bench.refuse_dial(902);
    assert_eq!(bench.dialled(), []);
}

#[test]
fn who_asks_a_bootstrap_or_would_if_it_knew_one_says_that_it_seeks() {
    let mut bench = Bench::with(|config| config.periods.heal = Duration::from_secs(5));
    bench.events.clear();
    bench.pass(Duration::from_secs(60));
    let times = bench.events.iter().filter(|event| matches!(event, Event::Seeking)).count();
    assert!((8..=13).contains(&times), "{times}");
}

fn failures(bench: &mut Bench) -> Vec<BootstrapError> {
    let failed = bench.events.drain(..).filter_map(|event| match event {
        Event::BootstrapFailed { address: at, why } => {
            assert_eq!(at, address(BOOTSTRAP));
            Some(why)
        }
        _ => None,
    });
    failed.collect()
}

fn refuse(bench: &mut Bench, conn: ConnId, reason: Reason) {
    let word = Word::new("REG").unwrap();
    bench.say(conn, &Packet::Nack(Nack { word, reason: Some(reason), nodes: Default::default() }));
}

#[test]
fn a_bootstrap_that_tells_nothing_is_named_once_with_its_reason() {
    let mut bench = bench();
    let refused = BootstrapError::Dial(DialError::Refused);
    for told in [vec![refused.clone()], vec![]] {
        bench.refuse_dial(BOOTSTRAP);
        assert_eq!(failures(&mut bench), told, "the same is not said again");
        until_dialled(&mut bench);
    }
    assert_eq!(bench.node.bootstraps()[0].error, Some(refused));
    let conn = asked(&mut bench);
    refuse(&mut bench, conn, Reason::Network);
    let event = Event::Refused {
        address: address(BOOTSTRAP),
        word: Word::new("REG").unwrap(),
        reason: Reason::Network,
    };
    assert!(bench.events.contains(&event));
    assert_eq!(failures(&mut bench), [BootstrapError::Refused(Reason::Network)]);
    until_dialled(&mut bench);
    let conn = asked(&mut bench);
    bench.pass(Duration::from_secs(6));
    assert!(bench.closed(conn));
    assert_eq!(failures(&mut bench), [BootstrapError::Silent]);
    until_dialled(&mut bench);
    let conn = asked(&mut bench);
    bench.say(conn, &Packet::Net(Nodes::default()));
    assert_eq!(bench.node.bootstraps()[0].error, None);
}

#[test]
fn a_bootstrap_that_talks_nonsense_is_told_with_what_is_wrong_with_it() {
    let mut bench = bench();
    let conn = asked(&mut bench);
    let mut bytes = BytesMut::from(&b"HTTP/1.1 400 Bad Request\r\n"[..]);
    bench.handle(Input::Received { conn, bytes: &mut bytes });
    let what = "a packet does not begin with a word";
    assert_eq!(failures(&mut bench), [BootstrapError::Nonsense(what)]);
}

#[test]
fn a_node_does_not_ask_itself() {
    let mut bench = Bench::with(|config| config.bootstraps = vec![address(ME)]);
    assert!(bench.dialled().is_empty());
    assert_eq!(bench.node.bootstraps()[0].error, Some(BootstrapError::Itself));
    bench.pass(Duration::from_secs(60));
    assert!(!bench.dialled().contains(&ME));
}

#[test]
fn a_newcomer_of_another_network_or_with_this_nodes_id_is_told_nothing() {
    let (mut bench, _) = Bench::settled(|_| ());
    for (network, node, reason) in [
        (None, name(50), Reason::Network),
        (Network::new("other").ok(), name(50), Reason::Network),
        (Some(network()), name(ME), Reason::Myself),
        (Some(network()), NodeName { addr: address(77), ..name(ME) }, Reason::Twin),
    ] {
        let conn = bench.open(50, How::Accepted(Port(0)));
        let (all, over, other) = (true, true, Others::NONE);
        bench.say(conn, &Packet::Reg(Registration { node: node.into(), k: 2, network, all, over, other }));
        let word = Word::new("REG").unwrap();
        let nack = Packet::Nack(Nack { word, reason: Some(reason), nodes: Default::default() });
        assert_eq!(bench.peers[&conn].said, [nack]);
        assert!(bench.closed(conn));
    }
    assert!(bench.events.contains(&Event::Impostor { address: address(77) }));
    assert_eq!(bench.node.status().twin, Some(address(77)));
}

#[test]
fn another_node_with_this_nodes_id_is_found_where_it_was_named() {
    let mut bench = bench();
    let conn = asked(&mut bench);
    bench.say(conn, &Packet::Net([NodeName { addr: address(77), ..name(ME) }.into()].into()));
    let conn = bench.reach(77);
    let word = Word::new("LNK").unwrap();
    bench.say(conn, &Packet::Nack(Nack { word, reason: Some(Reason::Twin), nodes: Default::default() }));
    assert!(bench.events.contains(&Event::Impostor { address: address(77) }));
    assert_eq!(bench.node.status().twin, Some(address(77)));
}

/// A node with a neighbour that it dialled, and another node that only the neighbour is linked to.
fn guest_of_one() -> Bench {
    let mut bench = Bench::with(|config| config.bootstraps = vec![address(BOOTSTRAP)]);
    let conn = asked(&mut bench);
    bench.say(conn, &Packet::Net([name(1).into()].into()));
    bench.pass(Duration::from_secs(1));
    let link = bench.answer(1);
    bench.record(link, 1, &[(ME, ListedRole::In), (2, ListedRole::Both)], 4);
    bench.record(link, 2, &[(1, ListedRole::Both)], 4);
    bench
}

#[test]
fn a_node_that_nobody_reaches_at_its_address_says_so_once() {
    let unreached = Event::Unreached { address: address(ME) };
    let count = |bench: &Bench| bench.events.iter().filter(|event| **event == unreached).count();
    let mut bench = guest_of_one();
    bench.pass(Duration::from_secs(60));
    assert_eq!(count(&bench), 0, "there is time for two rounds of probes");
    bench.pass(Duration::from_secs(60));
    assert!(count(&bench) == 1 && bench.node.status().unreached);
    bench.datagram(2, &Packet::Ping(Ping::new(Token(7), NodeId(ME))));
    assert!(!bench.node.status().unreached);

    let mut bench = guest_of_one();
    bench.datagram(2, &Packet::Ping(Ping::new(Token(7), NodeId(ME))));
    bench.pass(Duration::from_secs(120));
    assert_eq!(count(&bench), 0, "it was probed");
}

#[test]
fn who_has_many_to_find_asks_a_bootstrap_no_less_often() {
    let lost = 200..320;
    let lines = lost.clone().map(|id| format!("{} 60\n", name(id)));
    let mut bench =
        Bench::remembering(lines.collect(), |config| config.bootstraps = vec![address(BOOTSTRAP)]);
    bench.silent = lost.collect();
    bench.refuse_dial(BOOTSTRAP);
    bench.events.clear();
    let asked = (0..100).filter(|_| {
        bench.node.heal();
        bench.drain();
        let asked = bench.dialled().contains(&BOOTSTRAP);
        if asked {
            bench.refuse_dial(BOOTSTRAP);
        }
        asked
    });
    assert_eq!(asked.count(), 100);
    assert_eq!(bench.events.iter().filter(|event| matches!(event, Event::Seeking)).count(), 100);
    let probed = bench.asked.iter().collect::<BTreeSet<_>>().len();
    assert!(probed >= 100, "each time another: {probed}");
}

#[test]
fn bootstraps_that_nobody_can_dial_are_refused_and_one_is_known_once() {
    let mut bench = bench();
    let mut told = |addresses: Vec<SocketAddr>| {
        bench.node.command(bench.now, Command::Bootstraps(addresses)).map(|_| bench.node.bootstraps().len())
    };
    let good = address(901);
    for (bad, fault) in [
        ("0.0.0.0:7", AddressFault::Unspecified),
        ("192.0.2.1:0", AddressFault::NoPort),
        ("224.0.0.1:7", AddressFault::Multicast),
        ("[::ffff:0.0.0.0]:7", AddressFault::Unspecified),
        ("[::ffff:224.0.0.1]:7", AddressFault::Multicast),
        ("[::ffff:255.255.255.255]:7", AddressFault::Broadcast),
    ] {
        let told = told(vec![good, bad.parse().unwrap()]);
        assert_eq!(told, Err(Refusal::Undialable(fault)), "{bad}");
    }
    let many = |count: u128| (0..count).map(address);
    assert_eq!(told(many(257).collect()), Err(Refusal::TooMany));
    assert_eq!(told(many(256).chain(many(256)).collect()), Ok(256));
    assert_eq!(told(vec![good, good]), Ok(1));
    let bench = Bench::with(|config| config.bootstraps = vec![good, good]);
    assert_eq!(bench.node.bootstraps().len(), 1);
}
