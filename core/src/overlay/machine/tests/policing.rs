//! Peers that ask too much.

use super::*;
use crate::kernel::Rate;
use crate::overlay::budget::{Budget, Measure};
use crate::overlay::wire::{Ask, Digest, Registration, Removal, Sum};

fn over(bench: &Bench) -> Vec<(Option<u128>, Budget, Measure)> {
    let told = bench.events.iter().filter_map(|event| match event {
        Event::OverBudget { peer, budget, done, .. } => Some((peer.map(|id| id.0), *budget, *done)),
        _ => None,
    });
    told.collect()
}

/// The peer says it as long as it is read from.
fn flood(bench: &mut Bench, conn: ConnId, frames: usize, packet: impl Fn(usize) -> Packet) -> usize {
    let heard = |bench: &Bench| bench.peers[&conn].heard_out && !bench.closed(conn);
    (0..frames)
        .take_while(|n| {
            let on = heard(bench);
            if on {
                bench.say(conn, &packet(*n));
            }
            on
        })
        .count()
}

fn ping(n: usize) -> Packet {
    Packet::Ping(Ping::new(Token(n as u64), NodeId(ME)))
}

fn tight(config: &mut Config) {
    config.bounds.budgets.frames = Rate { burst: 100, per_second: 10 };
}

#[test]
fn a_flood_of_frames_is_slowed_named_and_closed_and_nobody_else_is() {
    let (mut bench, conns) = Bench::settled(tight);
    let first = flood(&mut bench, conns[0], 1_000, ping);
    assert!((90..=101).contains(&first), "{first}");
    assert_eq!(over(&bench), [(Some(1), Budget::Frames, Measure::Slowed)]);
    let mut heard = 0;
    for _ in 0..600 {
        bench.pass(Duration::from_millis(50));
        heard += flood(&mut bench, conns[0], 1_000, ping);
    }
    assert!(bench.closed(conns[0]) && !bench.closed(conns[1]));
    assert_eq!(over(&bench).last(), Some(&(Some(1), Budget::Frames, Measure::Closed)));
    assert!(heard <= 10 * 15, "{heard} frames in the time that patience lasts");
    assert!(bench.peers[&conns[1]].heard_out);
}

#[test]
fn who_is_slowed_is_not_read_for_a_quarter_of_a_second_at_least() {
    let (mut bench, conns) = Bench::settled(tight);
    flood(&mut bench, conns[0], 1_000, ping);
    bench.pass(Duration::from_millis(240));
    assert!(!bench.peers[&conns[0]].heard_out, "though its debt of one frame is paid after a tenth");
    bench.pass(Duration::from_millis(20));
    assert!(bench.peers[&conns[0]].heard_out);
}

#[test]
fn who_was_closed_is_not_let_in_again_at_once() {
    let (mut bench, conns) = Bench::settled(|config| {
        tight(config);
        config.bounds.budgets.patience = Rate { burst: 1_000, per_second: 100 };
    });
    while !bench.closed(conns[0]) {
        flood(&mut bench, conns[0], 1_000, ping);
        bench.pass(Duration::from_millis(50));
    }
    let again = bench.accept(1, Role::Chooser);
    assert!(bench.closed(again) && bench.said(again, is_nack) == 1);
    bench.pass(Duration::from_secs(20));
    let again = bench.accept(1, Role::Chooser);
    assert!(!bench.closed(again));
}

#[test]
fn what_was_taken_counts_after_a_new_connection() {
    let (mut bench, conns) = Bench::settled(tight);
    flood(&mut bench, conns[0], 80, ping);
    bench.hang_up(conns[0]);
    let again = bench.accept(1, Role::Chooser);
    assert!(!bench.closed(again));
    assert!(flood(&mut bench, again, 1_000, ping) < 40, "a new connection is no way to a full bucket");
}

#[test]
fn ids_claimed_in_volume_are_slowed() {
    let rate = Rate { burst: 200, per_second: 1 };
    let (mut bench, conns) = Bench::settled(|config| config.bounds.budgets.ids = rate);
    let before = bench.node.database().len();
    for id in 0..1_000 {
        if bench.peers[&conns[0]].heard_out {
            bench.record(conns[0], 1_000 + id, &[], 8);
        }
    }
    assert_eq!(over(&bench), [(Some(1), Budget::Ids, Measure::Slowed)]);
    assert!(bench.node.database().len() <= before + 201);
}

#[test]
fn one_that_asks_for_everything_all_the_time_is_answered_no_more() {
    let rate = Rate { burst: 10_000, per_second: 100 };
    let (mut bench, conns) = Bench::settled(|config| config.bounds.budgets.answers = rate);
    let records = |bench: &Bench| bench.said(conns[0], |p| matches!(p, Packet::Upt(_)));
    let ask = |_| Packet::Ask(Ask { range: None, have: Have::default() });
    let before = records(&bench);
    assert_eq!(flood(&mut bench, conns[0], 1_000, ask), 1_000, "it is read all the same");
    let told = records(&bench) - before;
    assert!((20..150).contains(&told), "{told} records of ten thousand octets and what it said");
    assert_eq!(over(&bench), [(Some(1), Budget::Answers, Measure::Unanswered)]);
    bench.pass(Duration::from_secs(60));
    flood(&mut bench, conns[0], 1, ask);
    assert!(
        records(&bench) >= before + told + bench.node.database().len(),
        "its beats have earned an answer"
    );
}

#[test]
fn links_opened_again_and_again_are_told_what_their_host_may_be_told() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 1_000..1_500 {
        bench.record(conns[0], id, &[(2, ListedRole::Out)], 8);
    }
    let all = bench.node.database().len();
    let mut told = 0;
    for id in 0..100 {
        let conn = bench.accept(2_000 + id, Role::Chooser);
        bench.say(conn, &Packet::Ask(Ask { range: None, have: Have::default() }));
        told += bench.said(conn, |p| matches!(p, Packet::Upt(_)));
        bench.hang_up(conn);
    }
    assert!((10 * all..25 * all).contains(&told), "{told} records told of {all}");
}

#[test]
fn a_neighbour_with_a_whole_database_is_within_its_budgets() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 0..16_000 {
        bench.record(conns[0], 1_000 + id, &[(2, ListedRole::Out)], 8);
    }
    assert_eq!(over(&bench), []);
    assert!(bench.peers[&conns[0]].heard_out);
    assert!(bench.node.database().len() > 16_000);
}

#[test]
fn a_host_that_registers_all_the_time_is_told_of_few() {
    let rate = Rate { burst: 1_000, per_second: 10 };
    let (mut bench, _) = Bench::settled(|config| config.bounds.budgets.introductions = rate);
    let register = |bench: &mut Bench, id: u128| {
        let conn = bench.open(id, How::Accepted(Port(0)));
        bench.say(
            conn,
            &Packet::Reg(Registration {
                node: name(id).into(),
                k: 2,
                network: Some(network()),
                all: false,
                over: false,
                other: Others::NONE,
            }),
        );
        let names = bench.peers[&conn]
            .said
            .iter()
            .find_map(|p| if let Packet::Net(n) = p { Some(n.len()) } else { None });
        names.expect("an answer")
    };
    let told: Vec<usize> = (0..20).map(|id| register(&mut bench, 200 + id)).collect();
    assert_eq!(told[..2], [5, 6], "all who are there, and who was here before");
    assert!(told[10..].iter().all(|names| (2..=4).contains(names)), "{told:?}");
    bench.pass(Duration::from_secs(100));
    assert_eq!(register(&mut bench, 300), 5);
}

#[test]
fn probes_of_one_host_are_answered_so_often() {
    let rate = Rate { burst: 50, per_second: 10 };
    let (mut bench, _) = Bench::settled(|config| config.bounds.budgets.datagrams = rate);
    let before = bench.node.counters().stray_datagrams;
    for n in 0..100 {
        bench.datagram(9, &ping(n));
    }
    let unheard = bench.node.counters().stray_datagrams - before;
    assert!((45..=50).contains(&unheard), "{unheard}");
}

#[test]
fn thousands_of_ids_at_one_host_make_no_flood_of_probes() {
    let rate = Rate { burst: 50, per_second: 10 };
    let (mut bench, conns) = Bench::settled(|config| config.bounds.budgets.probes = rate);
    for id in 1_000..3_000 {
        bench.silent.insert(id);
        bench.record(conns[0], id, &[(2, ListedRole::Out)], 8);
    }
    bench.probes = 0;
    bench.pass(Duration::from_secs(10));
    // The burst and ten seconds; and whom else the node asks before it decides.
    assert!((100..=220).contains(&bench.probes), "{}", bench.probes);
}

#[test]
fn a_host_full_of_strangers_crowds_out_itself_alone() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.strangers = 4);
    bench.last_conn += 1;
    let honest = ConnId(bench.last_conn);
    let remote = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), 1);
    let closed = |bench: &mut Bench| {
        let mut closed = Vec::new();
        while let Some(output) = bench.node.poll() {
            if let Output::Close { conn, .. } = output {
                closed.push(conn);
            }
        }
        closed
    };
    bench.node.handle(bench.now, Input::Opened { conn: honest, how: How::Accepted(Port(0)), remote });
    for n in 0..20 {
        let conn = ConnId(bench.last_conn + 1 + n);
        bench.node.handle(bench.now, Input::Opened { conn, how: How::Accepted(Port(0)), remote: address(9) });
    }
    let closed = closed(&mut bench);
    assert_eq!(closed.len(), 17);
    assert!(!closed.contains(&honest));
    assert!(closed.is_sorted(), "the oldest first");
}

#[test]
fn one_whose_last_word_is_one_too_many_is_not_accused() {
    let arrived = || {
        let (mut bench, _) = Bench::settled(tight);
        let conn = bench.accept(50, Role::Chooser);
        (bench, conn)
    };
    let (mut bench, conn) = arrived();
    let slowed_at = flood(&mut bench, conn, 1_000, ping);
    assert_eq!(over(&bench).len(), 1);
    let (mut bench, conn) = arrived();
    flood(&mut bench, conn, slowed_at - 2, ping);
    bench.tear_down(conn);
    assert!(bench.closed(conn));
    assert_eq!(over(&bench), []);
}

#[test]
fn one_who_answers_a_greeting_with_noise_is_named() {
    let (mut bench, _) = Bench::settled(tight);
    bench.node.court(NodeId(3), None);
    bench.drain();
    let conn = bench.reach(3);
    for _ in 0..101 {
        let mut noise = BytesMut::from(&b"NEWS\r\n"[..]);
        bench.handle(Input::Received { conn, bytes: &mut noise });
    }
    assert_eq!(over(&bench), [(Some(3), Budget::Frames, Measure::Slowed)]);
}

#[test]
fn what_so_many_hosts_took_is_remembered() {
    let (bench, _) = Bench::settled(|_| ());
    let (now, budgets) = (bench.now, &bench.node.config.bounds.budgets);
    let mut policing = bench.node.policing.clone();
    let host = |n: u8| SocketAddr::new(Ipv4Addr::new(192, 0, 2, n).into(), 1);
    for n in 0..=128 {
        let mut meter = policing.meter(now, budgets, host(n));
        meter.charge(now, Budget::Frames, u64::from(budgets.frames.burst) + 1);
        policing.departed(now, host(n), meter);
    }
    let mut is_over = |n| policing.meter(now, budgets, host(n)).overdrawn().is_some();
    assert_eq!([0, 1, 2, 128, 129].map(&mut is_over), [false, true, true, true, false], "of 128");
}

/// A link's peer has been told a gigabyte more than it said.
fn exhaust(bench: &mut Bench, conn: ConnId) {
    bench.node.answered_with(conn, 1 << 30);
    assert_eq!(bench.node.room_to_answer(conn), 0);
}

/// Records, claims, sums, questions and names that a peer heard.
fn answers(bench: &Bench, conn: ConnId) -> usize {
    bench.said(conn, |packet| {
        matches!(
            packet,
            Packet::Upt(_)
                | Packet::Rmv(_)
                | Packet::Sum(_)
                | Packet::Ask(_)
                | Packet::Net(_)
                | Packet::Over(_)
        )
    })
}

/// What a peer says that is answered with a record, a claim, a sum, a question or names.
fn questions(bench: &Bench) -> [(&'static str, Packet); 7] {
    let key = |sequence| Key { incarnation: 1, sequence };
    let sum = |range, count| Packet::Sum(Sum { range, count, digest: Digest(1) });
    let own = bench.node.database().get(NodeId(ME)).unwrap().key();
    let (node, network) = (name(1).into(), Some(network()));
    [
        ("SUM of few", sum(None, 3)),
        ("SUM of many", sum(None, 900)),
        ("ASK", Packet::Ask(Ask { range: None, have: Have::default() })),
        ("UPT older", Bench::bare(key(40), name(60), 0, 1_800, &[(1, ListedRole::Both)])),
        ("UPT of one who is gone", Bench::bare(key(40), name(61), 0, 180, &[(1, ListedRole::Both)])),
        ("RMV of the node itself", Packet::Rmv(Removal::originate(key(1), name(3), NodeId(ME), own))),
        (
            "REG",
            Packet::Reg(Registration { node, k: 2, network, all: false, over: false, other: Others::NONE }),
        ),
    ]
}

/// A node to whom all these mean something.
fn asked_anything() -> (Bench, [ConnId; 2]) {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.extend([60, 61]);
    let key = Key { incarnation: 1, sequence: 50 };
    let last = 180_000 - 100;
    bench.say(conns[0], &Bench::bare(key, name(61), last, 180, &[(1, ListedRole::Both)]));
    bench.pass(Duration::from_secs(8));
    assert!(bench.node.database().departed(NodeId(61)).is_some());
    bench.say(conns[0], &Bench::bare(key, name(60), 0, 1_800, &[(1, ListedRole::Both)]));
    (bench, conns)
}

#[test]
fn who_has_been_told_too_much_is_answered_nothing_whatever_it_says() {
    let (bench, _) = asked_anything();
    for (at, (what, _)) in questions(&bench).into_iter().enumerate() {
        for heard in [true, false] {
            let (mut bench, conns) = asked_anything();
            let question = questions(&bench)[at].1.clone();
            if !heard {
                exhaust(&mut bench, conns[1]);
            }
            let before = [answers(&bench, conns[1]), answers(&bench, conns[0])];
            bench.say(conns[1], &question);
            let after = [answers(&bench, conns[1]), answers(&bench, conns[0])];
            assert_eq!(after[0] > before[0], heard, "{what}");
            assert!(heard || after[1] == before[1], "{what}: it is no way to have others told");
        }
    }
}

#[test]
fn what_a_connection_was_told_too_much_counts_for_the_next_of_its_host() {
    let (mut bench, _) = Bench::settled(|_| ());
    let room = |bench: &mut Bench, id| {
        let conn = bench.accept(id, Role::Chooser);
        (conn, bench.node.room_to_answer(conn))
    };
    let (conn, before) = room(&mut bench, 50);
    bench.node.answered_with(conn, 1 << 30);
    let (other, beside) = room(&mut bench, 51);
    assert!(before > 0 && beside > 0, "so far it has been lent what one link is");
    bench.hang_up(other);
    bench.hang_up(conn);
    assert!(room(&mut bench, 52).1 < before / 2);
}

#[test]
fn who_has_been_told_too_much_is_refused_without_names() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.in_degree = Some(1));
    bench.accept(50, Role::Chooser);
    let mut named = |too_much: bool| {
        let conn = bench.open(60, How::Accepted(Port(0)));
        if too_much {
            exhaust(&mut bench, conn);
        }
        bench.greet(conn, Role::Chooser);
        let nack = |p: &Packet| if let Packet::Nack(nack) = p { Some(nack.nodes.len()) } else { None };
        bench.peers[&conn].said.iter().find_map(nack).expect("a refusal")
    };
    assert_eq!([named(false), named(true)], [2, 0]);
}
