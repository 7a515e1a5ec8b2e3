//! What silence means: on links, and to probes.

use super::*;
use crate::overlay::link::Carrier;
use crate::overlay::machine::NeighborView;
use crate::overlay::wire::Hears;
use ListedRole::Both;

fn suspected(bench: &Bench) -> usize {
    bench.events.iter().filter(|event| matches!(event, Event::Suspected { .. })).count()
}

fn neighbor(bench: &Bench, id: u128) -> NeighborView {
    bench.node.neighbors().into_iter().find(|n| n.id == NodeId(id)).unwrap()
}

#[test]
fn a_link_is_suspected_with_the_third_beat_missed_and_not_before() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.pass(BEAT);
    bench.silent.insert(1);
    bench.pass(Duration::from_millis(740));
    assert_eq!(suspected(&bench), 0);
    bench.silent.clear();
    bench.beat_all();
    bench.silent.insert(1);
    bench.pass(Duration::from_millis(740));
    assert_eq!(suspected(&bench), 0, "it was heard in time");
    bench.pass(Duration::from_millis(20));
    assert_eq!(suspected(&bench), 1);
}

#[test]
fn where_datagrams_get_nowhere_beats_go_over_the_link_before_anybody_is_suspected() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.insert(50);
    let conn = bench.accept(50, Role::Chooser);
    bench.pass(Duration::from_millis(700));
    assert_eq!(bench.said(conn, is_hb), 0);
    for number in 1..=3 {
        bench.pass(BEAT);
        say_on_link(&mut bench, conn, number, Hears::Link);
    }
    assert!(bench.said(conn, is_hb) > 1 && suspected(&bench) == 0);
    assert_eq!(neighbor(&bench, 50).carrier, Carrier::Tcp);
    bench.pass(Duration::from_millis(2_900));
    assert_eq!(suspected(&bench), 0, "one lost segment holds up several");
    bench.pass(Duration::from_millis(200));
    assert_eq!(suspected(&bench), 1);
}

/// A peer's beat comes on the link.
fn say_on_link(bench: &mut Bench, conn: ConnId, number: u64, hears: Hears) {
    let token = bench.peers[&conn].token.unwrap();
    bench.say(conn, &Packet::Hb(Beat { hears, ..Beat::first(token, number) }));
}

#[test]
fn a_suspected_neighbour_is_tried_both_ways_and_three_beats_on_the_link_bring_it_back() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let number = bench.peers[&conns[0]].beats;
    bench.silent.insert(1);
    bench.pass(Duration::from_millis(1_100));
    assert!(neighbor(&bench, 1).suspected && bench.said(conns[0], is_hb) > 0);
    for next in 1..=3 {
        assert!(neighbor(&bench, 1).suspected);
        say_on_link(&mut bench, conns[0], number + next, Hears::Link);
        bench.pass(BEAT);
    }
    assert_eq!((neighbor(&bench, 1).suspected, neighbor(&bench, 1).carrier), (false, Carrier::Tcp));
    assert_eq!(bench.said(conns[1], is_hb), 0);
}

#[test]
fn who_says_that_it_hears_nothing_is_no_neighbour() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let peer = &bench.peers[&conns[0]];
    let deaf = Beat { hears: Hears::Nothing, ..Beat::first(peer.token.unwrap(), peer.beats + 1) };
    bench.datagram(1, &Packet::Hb(deaf));
    bench.drain();
    assert!(neighbor(&bench, 1).suspected && suspected(&bench) == 1);
    assert!(bench.node.database().get(NodeId(ME)).unwrap().link(NodeId(1)).is_none());
    bench.pass(BEAT * 2);
    assert!(!neighbor(&bench, 1).suspected, "it hears again");
}

/// A settled node to one of whose choices, 1, full-size packets get lost.
fn with_narrow_way() -> Bench {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.pass(Duration::from_secs(70));
    bench.narrow.insert(1);
    bench.pass(Duration::from_secs(61));
    assert!(bench.peers[&conns[0]].closed && bench.node.neighbors().iter().all(|n| n.id != NodeId(1)));
    bench
}

/// Whether 1 is refused as a neighbour, for this reason.
fn is_refused(bench: &mut Bench) -> bool {
    let conn = bench.accept(1, Role::Chooser);
    let refused = |p: &Packet| matches!(p, Packet::Nack(n) if n.reason == Some(Reason::Narrow));
    let refused = bench.said(conn, refused) == 1;
    assert_eq!(bench.node.links.contains_key(&NodeId(1)), !refused);
    refused
}

#[test]
fn a_link_on_which_padded_beats_get_lost_is_given_up_until_a_padded_probe_is_answered() {
    let mut bench = with_narrow_way();
    bench.node.court(NodeId(1), None);
    assert!(is_refused(&mut bench) && !bench.node.choosing.courts(NodeId(1)));
    let small = bench.asked.iter().filter(|to| **to == address(1)).count();
    bench.pass(Duration::from_secs(300));
    assert!(is_refused(&mut bench), "five minutes change nothing by themselves");
    assert_eq!(bench.asked_padded, [address(1); 5], "once a minute");
    let answered = bench.asked.iter().filter(|to| **to == address(1)).count() - small;
    assert!(answered > 5, "small ones are answered: {answered}");
    bench.narrow.clear();
    bench.pass(Duration::from_secs(61));
    assert!(!is_refused(&mut bench));
    assert_eq!(bench.asked_padded.len(), 6);
    bench.pass(Duration::from_secs(120));
    assert_eq!(bench.asked_padded.len(), 6, "nobody asks any more");
}

#[test]
fn anothers_answer_to_a_padded_probe_makes_no_way_wide() {
    let mut bench = with_narrow_way();
    bench.narrow.clear();
    bench.lives.insert(1, 77);
    bench.pass(Duration::from_secs(121));
    assert_eq!(bench.asked_padded.len(), 2);
    assert!(is_refused(&mut bench));
    bench.lives.clear();
    bench.pass(Duration::from_secs(61));
    assert!(!is_refused(&mut bench));
}

#[test]
fn a_narrow_way_is_forgotten_with_the_record_that_it_leads_to() {
    let mut bench = with_narrow_way();
    let conn = *bench.peers.iter().find(|(_, peer)| peer.id == 2).unwrap().0;
    let key = Key { incarnation: 2, sequence: 1 };
    let attributes = Attributes { life: Some(1_800), left: true, ..Attributes::default() };
    let body = Body::of(Update { attributes, links: Links::default() });
    bench.say(conn, &Packet::Upt(Upt::originate(key, name(1), 0, &body)));
    assert!(!is_refused(&mut bench), "whoever comes back under this id is looked at anew");
}

#[test]
fn a_connection_on_which_nothing_comes_through_beside_live_beats_is_given_up_within_five_seconds() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.pass(Duration::from_secs(5));
    bench.peers.get_mut(&conns[0]).unwrap().reads = Some(1);
    bench.pass(Duration::from_secs(4));
    assert!(!bench.peers[&conns[0]].closed);
    bench.pass(Duration::from_secs(1));
    assert!(bench.peers[&conns[0]].closed && suspected(&bench) == 0);
}

fn is_hb(packet: &Packet) -> bool {
    matches!(packet, Packet::Hb(_))
}

#[test]
fn beats_go_on_the_link_as_long_as_the_peer_asks() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.insert(1);
    let number = bench.peers[&conns[0]].beats;
    say_on_link(&mut bench, conns[0], number + 1, Hears::Link);
    bench.pass(BEAT * 2);
    let said = bench.said(conns[0], is_hb);
    assert!(said >= 2 && bench.said(conns[1], is_hb) == 0 && suspected(&bench) == 0);
    bench.silent.clear();
    bench.peers.get_mut(&conns[0]).unwrap().beats += 1;
    bench.beat_all();
    bench.pass(BEAT * 4);
    assert_eq!(bench.said(conns[0], is_hb), said, "it hears datagrams");
}

#[test]
fn a_link_that_has_become_slow_is_told_anew() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.pass(Duration::from_secs(5));
    let before = bench.node.counters().originated;
    let peer = bench.peers.get_mut(&conns[0]).unwrap();
    peer.beats += 1;
    let beat = Beat { heard: peer.heard, ..Beat::first(peer.token.unwrap(), peer.beats) };
    let sent = peer.heard_at;
    bench.now = bench.now + Duration::from_millis(40);
    let rtt = bench.now.since(sent);
    bench.datagram(1, &Packet::Hb(beat));
    assert_eq!(bench.node.counters().originated, before + 1);
    let told = bench.node.database().get(NodeId(ME)).unwrap().link(NodeId(1)).unwrap().cost;
    assert!(told.micros() >= u32::try_from(rtt.as_micros()).unwrap() / 8);
}

/// A settled node that knows of twelve whom no edge leads to and who answer nothing.
fn unheard() -> (Bench, [ConnId; 2]) {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in 60..72 {
        bench.silent.insert(id);
        bench.record(conns[0], id, &[(99, Both)], 8);
    }
    (bench, conns)
}

#[test]
fn who_answers_no_datagram_is_tried_over_tcp_a_few_at_once() {
    let (mut bench, _) = unheard();
    (60..72).for_each(|id| bench.node.probes.heard(Time::ZERO, NodeId(id), None));
    bench.pass(Duration::from_secs(40));
    assert_eq!(bench.dialled(), (60..68).collect::<Vec<_>>());
    bench.refuse_dial(60);
    bench.pass(Duration::from_secs(40));
    assert!(!bench.dialled().contains(&60), "once is enough");
}

#[test]
fn silence_is_absence_only_after_its_time_and_without_edges() {
    let (mut bench, conns) = unheard();
    let absent = |bench: &Bench| {
        (60..72).filter(|id| bench.node.database().get(NodeId(*id)).unwrap().is_absent()).count()
    };
    bench.record(conns[0], 60, &[(2, Both)], 8);
    bench.record(conns[0], 2, &[(1, Both), (3, Both), (4, Both), (60, Both), (ME, ListedRole::In)], 8);
    for (seconds, gone) in [(40, 0), (200, 11)] {
        for _ in 0..seconds {
            bench.pass(Duration::from_secs(1));
            while let Some(id) = bench.dialled().into_iter().find(|id| *id >= 60) {
                bench.refuse_dial(id);
            }
        }
        assert_eq!(absent(&bench), gone, "an edge leads to 60");
    }
}

#[test]
fn one_claim_is_believed_of_who_is_silent_here_as_well() {
    use crate::overlay::wire::Removal;
    let (mut bench, conns) = unheard();
    let claim = |bench: &mut Bench, victim, sequence| {
        let key = bench.node.database().get(NodeId(victim)).unwrap().key();
        let own = Key { incarnation: 1, sequence };
        bench.say(conns[0], &Packet::Rmv(Removal::originate(own, name(3), NodeId(victim), key)));
        bench.node.database().get(NodeId(victim)).unwrap().is_absent()
    };
    assert!(!claim(&mut bench, 60, 1), "not probed yet");
    bench.pass(Duration::from_secs(10));
    assert!(claim(&mut bench, 61, 2));
}
