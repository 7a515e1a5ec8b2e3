//! Links: who gets one, which of two stays, and how they end.

use super::*;
use crate::overlay::database::LinkMode;

#[test]
fn a_link_ends_once_neither_side_chooses_it() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.greet(conns[0], Role::Chooser);
    bench.tear_down(conns[0]);
    assert!(!bench.closed(conns[0]), "the node itself still chooses it");
    let chooser = bench.accept(50, Role::Chooser);
    assert_eq!(bench.choosers(), [50]);
    bench.tear_down(chooser);
    assert!(bench.closed(chooser));
}

#[test]
fn a_full_node_refuses_and_names_neighbours_with_room() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.in_degree = Some(1));
    bench.accept(50, Role::Chooser);
    let refused = bench.accept(51, Role::Chooser);
    assert_eq!(bench.choosers(), [50]);
    let named = bench.peers[&refused].said.iter().find_map(|p| match p {
        Packet::Nack(nack) => {
            Some(nack.nodes.iter().filter_map(|n| n.name.id).map(|id| id.0).collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(named, Some(vec![1, 2]), "50 has said nothing of its room yet");
    assert!(bench.closed(refused));
}

#[test]
fn a_guest_finds_a_door_in_a_full_node_and_has_two_epochs() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.in_degree = Some(0));
    let epoch = bench.node.config.periods.rewiring;
    let guest = bench.accept(50, Role::Guest);
    assert_eq!(bench.choosers(), [], "no regular place");
    bench.pass(epoch + Duration::from_secs(1));
    assert!(!bench.closed(guest), "a guest without another link has a second epoch");
    bench.pass(epoch);
    assert!(bench.closed(guest) && bench.said(guest, is_trd) == 1);
}

#[test]
fn a_guest_with_another_link_goes_after_one_epoch() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.in_degree = Some(0));
    let guest = bench.accept(50, Role::Guest);
    bench.record(guest, 50, &[(3, ListedRole::Out), (ME, ListedRole::Out)], 8);
    bench.pass(bench.node.config.periods.rewiring + Duration::from_secs(1));
    assert!(bench.closed(guest));
}

#[test]
fn only_so_many_guests_are_let_in() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.in_degree = Some(0));
    for id in [50, 51] {
        let guest = bench.accept(id, Role::Guest);
        assert!(!bench.closed(guest));
    }
    let third = bench.accept(52, Role::Guest);
    assert!(bench.closed(third) && bench.said(third, is_nack) == 1);
}

#[test]
fn of_crossing_dials_the_lower_ones_stays_and_the_node_is_the_lower() {
    let mut bench = Bench::new();
    bench.node.learn_names(&[name(200).into()]);
    bench.pass(Duration::from_secs(2));
    let mine = bench.reach(200);
    let theirs = bench.accept(200, Role::Chooser);
    assert!(bench.closed(theirs) && bench.said(theirs, is_nack) == 1);
    bench.greet(mine, Role::Chooser);
    assert!(!bench.closed(mine));
    assert_eq!((bench.chosen(), bench.choosers()), (vec![200], vec![200]));
}

#[test]
fn of_crossing_dials_the_lower_ones_stays_and_the_node_is_the_higher() {
    let mut bench = Bench::new();
    bench.node.learn_names(&[name(5).into()]);
    bench.pass(Duration::from_secs(2));
    let mine = bench.reach(5);
    let theirs = bench.accept(5, Role::Chooser);
    assert!(bench.closed(mine) && !bench.closed(theirs));
    assert_eq!((bench.chosen(), bench.choosers()), (vec![5], vec![5]), "both have what they wanted");
}

#[test]
fn who_is_only_being_probed_may_connect_first() {
    let mut bench = Bench::new();
    bench.silent.insert(200);
    bench.node.learn_names(&[name(200).into()]);
    bench.node.court(NodeId(200), None);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [], "the probe has no answer");
    let theirs = bench.accept(200, Role::Chooser);
    assert!(!bench.closed(theirs), "there is no other connection that could stay");
    assert_eq!(bench.chosen(), [200]);
}

#[test]
fn another_node_at_the_address_is_no_link() {
    let mut bench = Bench::new();
    bench.node.learn_names(&[name(5).into()]);
    bench.pass(Duration::from_secs(2));
    let conn = bench.reach(5);
    bench.peers.get_mut(&conn).unwrap().id = 6;
    bench.greet(conn, Role::Chosen);
    assert!(bench.closed(conn));
    assert!(bench.node.neighbors().is_empty());
}

#[test]
fn a_node_that_started_again_takes_over_its_old_link() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let greet = |bench: &mut Bench| {
        let conn = bench.open(1, How::Accepted(Port(0)));
        let caps = Capabilities { start: Some(2), ..Capabilities::default() };
        let (node, role, token) = (name(1), Role::Chooser, Token(77));
        bench.say(conn, &Packet::Lnk(Greeting { version: 1, network: network(), node, role, token, caps }));
        conn
    };
    let early = greet(&mut bench);
    assert!(bench.closed(early) && !bench.closed(conns[0]), "the old link beats, whatever is said of starts");
    bench.silent.insert(1);
    bench.pass(Duration::from_millis(600));
    let conn = greet(&mut bench);
    assert!(bench.closed(conns[0]) && !bench.closed(conn));
    assert_eq!((bench.chosen(), bench.choosers()), (vec![1, 2], vec![1]), "the node's own choice stands");
}

#[test]
fn a_role_granted_after_the_suit_is_over_is_given_back() {
    let (mut bench, _) = Bench::settled(|config| config.links = LinkMode::Directed);
    let conn = bench.accept(50, Role::Chooser);
    bench.greet(conn, Role::Chosen);
    assert_eq!(bench.said(conn, is_trd), 1, "50 believes that it was chosen");
    assert_eq!(bench.chosen(), [1, 2]);
}

#[test]
fn a_question_on_a_link_that_closes_is_asked_again() {
    let (mut bench, _) = Bench::settled(|config| config.links = LinkMode::Directed);
    let conn = bench.accept(50, Role::Chooser);
    bench.pass(BEAT);
    bench.node.court(NodeId(50), Some(NodeId(1)));
    bench.tear_down(conn);
    bench.drain();
    assert!(bench.closed(conn), "neither had chosen the other");
    bench.answer(50);
    assert!(bench.chosen().contains(&50));
}

#[test]
fn a_node_that_slept_convicts_nobody_and_measures_nothing_by_what_lay_in_buffers() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.events.clear();
    let before = bench.node.neighbors()[0].rtt;
    let peer = bench.peers.get_mut(&conns[0]).unwrap();
    peer.beats += 1;
    let held = u64::try_from(bench.now.since(peer.heard_at).as_micros()).unwrap();
    let beat = Beat { heard: peer.heard, held, ..Beat::first(peer.token.unwrap(), peer.beats) };
    bench.now = bench.now + Duration::from_secs(20);
    bench.datagram(1, &Packet::Hb(beat));
    assert_eq!(bench.node.neighbors()[0].rtt, before, "it lay there for a while");
    let heard = bench.peers[&conns[0]].heard;
    bench.handle(Input::Tick);
    assert!(bench.peers[&conns[0]].heard > heard, "what others wait for is not put off");
    bench.pass(Duration::from_secs(5));
    assert!(!bench.events.iter().any(|e| matches!(e, Event::Suspected { .. } | Event::LinkDown { .. })));
}

#[test]
fn silence_is_suspected_unlisted_and_forgiven() {
    let (mut bench, _) = Bench::settled(|_| ());
    assert_eq!(bench.lists(), [1, 2]);
    bench.silent.insert(1);
    bench.pass(Duration::from_millis(1_100));
    assert_eq!(bench.lists(), [2], "within a second");
    bench.silent.clear();
    bench.pass(Duration::from_millis(1_500));
    assert!(bench.lists().contains(&1), "three beats in a row are enough");
}

#[test]
fn a_silent_link_is_closed_in_the_end() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.insert(1);
    bench.pass(bench.node.config.periods.remove + Duration::from_secs(2));
    assert!(bench.closed(conns[0]));
    assert_eq!(bench.node.poll_timeout().map(|wake| wake.at > bench.now), Some(true));
}

#[test]
fn one_who_comes_as_a_mute_neighbour_and_is_refused_changes_nothing_about_its_link() {
    let (mut bench, conns) = Bench::settled(|config| config.bounds.in_degree = Some(1));
    bench.accept(50, Role::Chooser);
    bench.silent.insert(1);
    bench.pass(Duration::from_millis(600));
    for role in [Role::Chosen, Role::Chooser] {
        let again = bench.accept(1, role);
        assert!(bench.closed(again) && !bench.closed(conns[0]), "nobody asked for it, and nobody has room");
    }
    bench.silent.clear();
    bench.pass(Duration::from_secs(1));
    assert_eq!((bench.chosen(), bench.lists()), (vec![1, 2], vec![1, 2, 50]));
}

#[test]
fn one_who_beats_or_speaks_is_not_replaced_by_who_greets_under_its_id() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.extend([51, 52]);
    let beats = bench.accept(50, Role::Chooser);
    bench.pass(Duration::from_secs(1));
    let speaks = bench.accept(51, Role::Chooser);
    bench.say(speaks, &Packet::Ping(Ping::new(Token(1), NodeId(ME))));
    let is_mute = bench.accept(52, Role::Chooser);
    let duplicate = |p: &Packet| matches!(p, Packet::Nack(nack) if nack.reason == Some(Reason::Duplicate));
    for (id, old) in [(50, beats), (51, speaks)] {
        let again = bench.accept(id, Role::Chooser);
        assert!(bench.closed(again) && !bench.closed(old), "{id}");
        assert_eq!(bench.said(again, duplicate), 1);
    }
    let again = bench.accept(52, Role::Chooser);
    assert!(!bench.closed(again) && bench.closed(is_mute), "nothing ever came from it");
}

#[test]
fn whoever_answers_from_another_network_or_version_is_no_neighbour() {
    for (network, version) in [("other", 1), ("test", 2)] {
        let (mut bench, _) = Bench::settled(|_| ());
        bench.node.court(NodeId(3), None);
        bench.drain();
        let conn = bench.reach(3);
        let caps = Capabilities { start: Some(1), ..Capabilities::default() };
        let network = Network::new(network).unwrap();
        let answer = Greeting { version, network, node: name(3), role: Role::Chosen, token: Token(3), caps };
        bench.say(conn, &Packet::Lnk(answer));
        assert!(bench.closed(conn));
        assert_eq!(bench.chosen(), [1, 2]);
    }
}
