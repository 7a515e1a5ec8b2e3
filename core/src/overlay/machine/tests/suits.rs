//! Suits: whom the node asks for a link, how long it waits, and who comes next.

use super::*;
use crate::kernel::Rate;
use crate::overlay::database::LinkMode;

const PATIENCE: Duration = Duration::from_secs(16);

#[test]
fn who_answered_lately_is_dialled_at_once_and_others_are_probed_first() {
    let (mut bench, conns) = Bench::settled(|config| config.links = LinkMode::Directed);
    bench.record(conns[0], 9, &[(1, ListedRole::Both)], 8);
    bench.silent.insert(9);
    bench.pass(Duration::from_secs(2));
    bench.node.court(NodeId(9), None);
    bench.drain();
    assert_eq!(bench.dialled(), [], "it has not answered yet");
    bench.silent.clear();
    bench.node.probe(NodeId(3));
    bench.drain();
    bench.pass(Duration::from_secs(2));
    bench.silent.insert(3);
    bench.node.court(NodeId(3), None);
    bench.drain();
    assert!(bench.dialled().contains(&3), "its answer is fresh");
    bench.silent.insert(4);
    bench.pass(Duration::from_secs(4));
    bench.node.court(NodeId(4), None);
    bench.drain();
    assert!(!bench.dialled().contains(&4), "its answer is old");
}

#[test]
fn a_suit_without_an_answer_is_over_after_its_patience() {
    let (mut bench, _) = Bench::settled(|config| config.links = LinkMode::Directed);
    bench.node.court(NodeId(3), None);
    bench.drain();
    bench.pass(PATIENCE - Duration::from_millis(300));
    assert!(bench.node.choosing.courts(NodeId(3)));
    bench.pass(Duration::from_millis(400));
    assert!(!bench.node.choosing.courts(NodeId(3)) && bench.node.choosing.refused.contains(&NodeId(3)));
}

#[test]
fn a_role_refused_on_an_open_link_ends_the_suit_and_not_the_link() {
    let (mut bench, _) = Bench::settled(|config| config.links = LinkMode::Directed);
    let conn = bench.accept(50, Role::Chooser);
    bench.node.court(NodeId(50), None);
    bench.nack(conn, &[]);
    assert!(!bench.node.choosing.courts(NodeId(50)) && !bench.closed(conn));
    assert_eq!(bench.chosen(), [1, 2]);
    bench.greet(conn, Role::Chosen);
    assert_eq!(bench.said(conn, is_trd), 1, "granted after all, and too late");
}

#[test]
fn after_so_many_refusals_nobody_is_tried_until_the_epoch() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 10..40 {
        bench.record(conns[1], id, &[(2, ListedRole::Both), (3, ListedRole::Both)], 8);
    }
    bench.node.choosing.refused.clear();
    bench.hang_up(conns[0]);
    let mut refusals = 0;
    for _ in 0..50 {
        bench.pass(Duration::from_millis(200));
        for id in bench.dialled() {
            bench.refuse_dial(id);
            refusals += 1;
        }
    }
    assert_eq!(refusals, 9);
}

#[test]
fn a_place_that_is_courted_for_is_not_filled_twice() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.hang_up(conns[0]);
    bench.pass(Duration::from_secs(2));
    let courted = bench.dialled();
    assert_eq!(courted.len(), 1);
    bench.node.repair();
    bench.drain();
    assert_eq!(bench.dialled(), courted);
    bench.hang_up(conns[1]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled().len(), 2, "each lost place is courted for once");
}

#[test]
fn a_suit_that_replaces_a_living_link_fills_no_lost_place() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.hang_up(conns[1]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [2, 3], "one for the living link and one for the lost one");
}

#[test]
fn a_suit_that_replaces_a_silent_neighbour_fills_its_place() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.silent.insert(1);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [3], "there is one place");
}

#[test]
fn a_new_link_is_told_of_once_that_is_allowed() {
    let delay = Duration::from_secs(4);
    let (mut bench, _) = Bench::settled(|config| config.periods.announce_delay = delay);
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    bench.answer(3);
    bench.pass(delay - Duration::from_millis(100));
    assert_eq!(bench.lists(), [1, 2]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.lists(), [1, 2, 3]);
}

#[test]
fn with_directed_links_the_other_end_lists_only_who_chose_it() {
    let (mut bench, conns) = Bench::settled(|config| config.links = LinkMode::Directed);
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    let new = bench.answer(3);
    bench.pass(Duration::from_secs(1));
    bench.record(new, 3, &[(ME, ListedRole::Out)], 8);
    bench.pass(Duration::from_secs(3));
    assert!(!bench.closed(conns[0]), "that 3 chose this node says nothing of this node's choice");
    bench.record(new, 3, &[(ME, ListedRole::Both)], 8);
    bench.pass(Duration::from_secs(3));
    assert!(bench.closed(conns[0]));
}

/// A node that has just heard of 9, whose record gives these addresses.
fn heard_of_at(addrs: &[u128]) -> Bench {
    heard_of_with(addrs, |_| ())
}

fn heard_of_with(addrs: &[u128], change: impl FnOnce(&mut Config)) -> Bench {
    let (mut bench, conns) = Bench::settled(|config| {
        config.links = LinkMode::Directed;
        change(config);
    });
    let node = NodeName { addr: address(addrs[0]), id: Some(NodeId(9)) };
    let attributes = Attributes {
        addrs: MoreAddresses::first(addrs[1..].iter().map(|id| address(*id))),
        ..Attributes::default()
    };
    let body = Body::of(Update { attributes, links: Links::default() });
    bench.lives.extend(addrs.iter().map(|at| (*at, 9)));
    let key = Key { incarnation: 1, sequence: 1 };
    bench.say(conns[0], &Packet::Upt(Upt::originate(key, node, 0, &body)));
    bench
}

/// It courts 9, which has answered once, and no datagram is answered at any of its addresses.
fn courted_at(addrs: &[u128]) -> Bench {
    let mut bench = heard_of_at(addrs);
    bench.silent.extend(addrs);
    bench.node.probes.heard(Time::ZERO, NodeId(9), None);
    bench.node.court(NodeId(9), None);
    bench.drain();
    bench
}

#[test]
fn all_addresses_are_probed_a_moment_apart_and_then_dialled_so() {
    let mut bench = courted_at(&[90, 91, 92]);
    let asked =
        |bench: &Bench| bench.asked.iter().filter(|to| to.port() >= 7_090).copied().collect::<Vec<_>>();
    assert_eq!(asked(&bench), [address(90)]);
    bench.pass(Duration::from_millis(700));
    assert_eq!(asked(&bench), [90, 91, 92].map(address));
    assert_eq!(bench.node.probes.get(NodeId(9)).unwrap().failed, 0);
    let dialled = (0..20).map(|_| {
        bench.pass(Duration::from_millis(250));
        bench.dialled()
    });
    let dialled: Vec<_> = dialled.skip_while(Vec::is_empty).take(3).collect();
    assert_eq!(dialled, [vec![90], vec![90, 91], vec![90, 91, 92]], "where no datagram was answered");
    assert_eq!(bench.node.probes.get(NodeId(9)).unwrap().failed, 1, "they are one attempt");
    for id in [90, 91, 92] {
        assert!(bench.node.choosing.courts(NodeId(9)));
        bench.refuse_dial(id);
    }
    assert!(!bench.node.choosing.courts(NodeId(9)));
}

#[test]
fn what_answered_a_probe_is_dialled_first_and_the_others_a_moment_later() {
    let mut bench = courted_at(&[90, 91, 92]);
    bench.silent.remove(&91);
    bench.pass(Duration::from_millis(300));
    assert_eq!(bench.dialled(), [91]);
    bench.pass(Duration::from_millis(250));
    assert_eq!(bench.dialled(), [90, 91]);
    bench.refuse_dial(91);
    assert_eq!(bench.dialled(), [90, 92], "at once, since one has failed");
    bench.refuse_dial(90);
    assert!(bench.node.choosing.courts(NodeId(9)));
    bench.refuse_dial(92);
    assert!(!bench.node.choosing.courts(NodeId(9)), "no address is left");
}

#[test]
fn where_somebody_else_answers_the_next_address_is_dialled() {
    let mut bench = courted_at(&[90, 91]);
    bench.silent.clear();
    bench.pass(Duration::from_millis(300));
    assert_eq!(bench.dialled(), [91]);
    let conn = bench.reach(91);
    bench.greet(conn, Role::Chosen);
    assert!(bench.closed(conn), "it is 91 and not 9");
    assert_eq!(bench.dialled(), [90]);
    assert!(bench.node.choosing.courts(NodeId(9)));
    let conn = bench.reach(90);
    bench.hang_up(conn);
    assert!(!bench.node.choosing.courts(NodeId(9)), "nor is 9 there");
}

#[test]
fn an_address_where_somebody_else_answers_is_skipped_at_once() {
    let court = |addrs: &[u128], lives: u128| {
        let mut bench = heard_of_at(addrs);
        bench.lives.retain(|at, _| *at == lives);
        bench.node.court(NodeId(9), None);
        bench.drain();
        let asked = bench.asked.iter().filter(|to| to.port() >= 7_090).copied().collect::<Vec<_>>();
        (bench, asked)
    };
    let (bench, asked) = court(&[90, 91, 92], 91);
    assert_eq!((asked, bench.dialled()), ([90, 91].map(address).into(), vec![91]));
    let (bench, asked) = court(&[90, 91], 0);
    assert_eq!(asked, [90, 91].map(address));
    assert!(!bench.node.choosing.courts(NodeId(9)), "it lives nowhere");
    assert_eq!(bench.dialled(), [], "and TCP leads to no other");
    let peer = bench.node.probes.get(NodeId(9)).unwrap();
    assert_eq!((peer.failed, peer.answered, peer.rtt), (1, None, None));
}

#[test]
fn over_tcp_too_the_next_address_is_tried_where_somebody_else_answers() {
    let mut bench = courted_at(&[90, 91, 92]);
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.dialled()[0], 90, "no datagram was answered");
    let answer = |bench: &mut Bench, at, who| {
        let conn = bench.reach(at);
        bench.dials.clear();
        let token = bench.peers[&conn].said.iter().find_map(|packet| match packet {
            Packet::Ping(ping) if ping.id == NodeId(9) => Some(ping.token),
            _ => None,
        });
        bench.say(conn, &Packet::Pong(Pong { token: token.unwrap(), id: NodeId(who) }));
        assert!(bench.closed(conn));
    };
    answer(&mut bench, 90, 90);
    assert!(bench.node.choosing.courts(NodeId(9)));
    answer(&mut bench, 91, 9);
    bench.pass(Duration::from_millis(10));
    assert_eq!(bench.dialled()[0], 91, "for a link now");
    assert!(bench.node.dials_suit(NodeId(9)));
    assert_eq!(bench.node.probes.get(NodeId(9)).unwrap().failed, 0);
}

#[test]
fn an_attempt_ends_where_the_rest_of_its_addresses_is_asked_enough() {
    let mut bench = heard_of_with(&[90, 91], |config| {
        config.periods.ping_timeout = Duration::from_millis(10);
        config.bounds.budgets.probes = Rate { burst: 1, per_second: 1 };
    });
    bench.silent.extend([90, 91]);
    bench.node.probes.heard(Time::ZERO, NodeId(9), None);
    bench.node.court(NodeId(9), None);
    bench.drain();
    while bench.node.policing.measures(bench.now, address(91)) {}
    bench.pass(Duration::from_millis(500));
    assert!(bench.dialled().contains(&90), "no datagram was answered");
}

#[test]
fn a_refusal_that_may_be_anothers_leads_to_the_next_address() {
    let refused = |reason: &Reason| {
        let mut bench = heard_of_at(&[90, 91]);
        bench.node.court(NodeId(9), None);
        bench.drain();
        let conn = bench.reach(90);
        let nack = Nack {
            word: Word::new("LNK").unwrap(),
            reason: Some(reason.clone()),
            nodes: Alternatives::default(),
        };
        bench.say(conn, &Packet::Nack(nack));
        (bench.dialled().contains(&91), bench.node.choosing.courts(NodeId(9)))
    };
    for reason in [Reason::Myself, Reason::Duplicate, Reason::Twin, Reason::Network, Reason::Bootstrap] {
        assert_eq!(refused(&reason), (true, true), "{reason:?}");
    }
    for reason in [Reason::Full, Reason::Busy, Reason::Leaving] {
        assert_eq!(refused(&reason), (false, false), "{reason:?}");
    }
}

/// A node restarts again and again without state where 3 lives: each time under an id of its own, which it leaves behind.
#[test]
fn a_lost_choice_is_replaced_among_those_who_are_nobody_any_more() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for ghost in 200..212 {
        let name = NodeName { addr: address(3), id: Some(NodeId(ghost)) };
        let links = [(1, ListedRole::Both), (2, ListedRole::Both)];
        bench.say(conns[1], &Bench::bare(Key { incarnation: 1, sequence: 1 }, name, 0, 1_800, &links));
    }
    bench.pass(Duration::from_secs(1));
    bench.hang_up(conns[0]);
    for _ in 0..20 {
        bench.pass(Duration::from_millis(100));
        for id in bench.dialled() {
            bench.answer(id);
        }
    }
    assert_eq!(bench.chosen().len(), 2, "within two seconds");
    assert!(bench.node.choosing.refused.is_empty(), "nobody was tried in vain");
}
