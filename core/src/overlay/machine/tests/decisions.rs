//! Decisions: who may be chosen, who is kept, and when.

use super::*;
use crate::overlay::Phase;
use crate::overlay::config::PolicyKind;
use crate::overlay::database::LinkMode;
use crate::overlay::wiring::{Extent, SETTLING_EPOCHS};
use ListedRole::{Both, In};

fn full_mesh() -> (Bench, [ConnId; 2]) {
    Bench::settled(|config| config.policy = PolicyKind::FullMesh)
}

/// 4 becomes the better neighbour: there is no other way to 10 to 13.
fn attract(bench: &mut Bench, conn: ConnId) {
    for id in 10..14 {
        bench.record(conn, id, &[(4, Both)], 0);
    }
    let links: Vec<_> = [1, 2, 3, 10, 11, 12, 13].map(|id| (id, Both)).into();
    bench.record(conn, 4, &links, 8);
}

/// A settled node long after it joined, to which no change is worth making unless it gains more than there is.
fn content() -> (Bench, [ConnId; 2]) {
    let (mut bench, conns) = Bench::settled(|config| config.eps_ppm = 1_000_000);
    (0..SETTLING_EPOCHS).for_each(|_| bench.node.choosing.hysteresis.epoch_ended(Extent::Everything));
    (bench, conns)
}

#[test]
fn under_full_mesh_everybody_who_is_there_is_chosen() {
    let (mut bench, conns) = full_mesh();
    assert_eq!(bench.dialled(), [3, 4]);
    bench.silent.insert(9);
    bench.record(conns[0], 9, &[(99, Both)], 8);
    bench.record(conns[0], 8, &[(1, Both)], 0);
    bench.node.probes.heard(Time::ZERO, NodeId(9), None);
    for id in [3, 4] {
        bench.answer(id);
    }
    bench.pass(Duration::from_secs(1));
    bench.node.decide();
    bench.drain();
    let courted = |bench: &Bench| [8, 9].map(|id| bench.node.choosing.courts(NodeId(id)));
    assert_eq!(courted(&bench), [false, false], "8 has no room, and 9 neither an edge nor an answer");
    bench.pass(Duration::from_secs(4));
    bench.refuse_dial(9);
    bench.silent.clear();
    bench.node.probe(NodeId(9));
    bench.drain();
    bench.node.decide();
    bench.drain();
    assert_eq!(courted(&bench), [false, true], "9 has answered");
}

#[test]
fn under_full_mesh_each_lost_neighbour_is_asked_again_within_a_second() {
    let (mut bench, conns) = full_mesh();
    for id in [3, 4] {
        bench.answer(id);
    }
    bench.pass(Duration::from_secs(1));
    bench.hang_up(conns[0]);
    bench.pass(Duration::from_millis(1_010));
    assert_eq!(bench.dialled(), [1]);
}

#[test]
fn an_answer_stands_for_an_edge_for_three_seconds() {
    for (seconds, courted) in [(2, true), (4, false)] {
        let (mut bench, conns) = full_mesh();
        bench.record(conns[0], 9, &[(99, Both)], 8);
        bench.node.probe(NodeId(9));
        bench.drain();
        bench.silent.insert(9);
        bench.pass(Duration::from_secs(seconds));
        bench.node.decide();
        assert_eq!(bench.node.choosing.courts(NodeId(9)), courted, "{seconds}");
    }
}

#[test]
fn whoever_chose_this_node_needs_no_choice_where_links_are_mutual() {
    let (mut bench, conns) = full_mesh();
    bench.record(conns[0], 5, &[(1, Both)], 8);
    let conn = bench.accept(5, Role::Chooser);
    bench.node.decide();
    bench.drain();
    assert!(!bench.node.choosing.courts(NodeId(5)));
    assert_eq!(bench.said(conn, |p| matches!(p, Packet::Lnk(g) if g.role == Role::Chooser)), 0);
}

#[test]
fn with_directed_links_one_who_chose_this_node_is_chosen_if_it_has_room() {
    let (mut bench, conns) = Bench::settled(|config| {
        (config.policy, config.links) = (PolicyKind::FullMesh, LinkMode::Directed);
    });
    bench.accept(50, Role::Chooser);
    for (free, courted) in [(0, false), (8, true)] {
        bench.record(conns[0], 50, &[(1, Both), (2, Both)], free);
        bench.pass(Duration::from_secs(1));
        bench.node.decide();
        assert_eq!(bench.node.choosing.courts(NodeId(50)), courted, "{free}");
    }
}

#[test]
fn a_link_that_is_being_replaced_is_not_chosen_again_meanwhile() {
    let (mut bench, conns) = full_mesh();
    bench.record(conns[0], 5, &[(2, Both)], 8);
    bench.node.court(NodeId(5), Some(NodeId(1)));
    bench.drain();
    bench.answer(5);
    bench.pass(Duration::from_millis(100));
    bench.node.decide();
    assert!(!bench.chosen().contains(&1) && !bench.closed(conns[0]), "it is about to go");
    assert!(!bench.node.choosing.courts(NodeId(1)));
}

#[test]
fn choices_are_kept_though_they_have_no_room_for_more() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in [1, 2] {
        let mut links: Vec<_> = (1..=4).filter(|other| *other != id).map(|other| (other, Both)).collect();
        links.push((ME, In));
        bench.record(conns[0], id, &links, 0);
    }
    let before = bench.node.counters().decisions;
    bench.pass(Duration::from_secs(600));
    assert_eq!((bench.chosen(), bench.dialled()), (vec![1, 2], vec![]));
    let decisions = bench.node.counters().decisions - before;
    assert!((9..=11).contains(&decisions), "one in each epoch: {decisions}");
}

#[test]
fn epochs_come_a_little_before_their_time_or_a_little_after() {
    let (mut bench, _) = Bench::settled(|_| ());
    let scatter = bench.node.config.periods.rewiring / 20;
    let late = (0..20).filter(|epoch| {
        let Phase::Deciding { next } = bench.node.phase() else { panic!("{epoch}") };
        let before = bench.node.counters().decisions;
        bench.pass(next.since(bench.now));
        let late = bench.node.counters().decisions == before;
        bench.pass(scatter);
        assert_eq!(bench.node.counters().decisions, before + 1, "{epoch}");
        late
    });
    assert!((5..=15).contains(&late.count()));
}

#[test]
fn a_choice_too_many_is_given_up() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.events.clear();
    bench.node.config.k = 1;
    let before = bench.node.counters().rewirings;
    bench.node.decide();
    bench.drain();
    let [kept] = bench.chosen()[..] else { panic!("{:?}", bench.chosen()) };
    let gone = 3 - kept;
    let rewired = Event::Rewired { added: Vec::new(), removed: vec![NodeId(gone)] };
    assert!(bench.events.contains(&rewired));
    assert_eq!(bench.said(conns[usize::try_from(gone).unwrap() - 1], is_trd), 1);
    assert_eq!(bench.node.counters().rewirings, before + 1);
}

#[test]
fn a_refused_replacement_goes_to_the_next_best_if_that_is_better_than_what_there_is() {
    for (better, next) in [(true, vec![4]), (false, vec![])] {
        let (mut bench, conns) = Bench::settled(|_| ());
        if better {
            attract(&mut bench, conns[0]);
        }
        bench.node.court(NodeId(3), Some(NodeId(1)));
        bench.drain();
        bench.refuse_dial(3);
        assert_eq!(bench.dialled(), next, "{better}");
        assert_eq!(bench.chosen(), [1, 2]);
    }
}

#[test]
fn who_has_no_edge_and_no_link_is_asked_before_a_decision() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.accept(50, Role::Chooser);
    for id in [7, 8, 50] {
        bench.record(conns[0], id, &[(99, Both)], 8);
    }
    bench.node.mark_absent(NodeId(8));
    assert_eq!(bench.node.edgeless(), [NodeId(7)]);
    bench.probes = 0;
    bench.node.prepare();
    bench.drain();
    assert_eq!(bench.probes, 1);
    assert_eq!(Bench::new().node.edgeless(), [], "nor does the node ask itself");
}

#[test]
fn the_lag_is_the_age_of_what_others_rewired() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let key = |sequence| Key { incarnation: 1, sequence };
    let mut hear = |sequence, age, to| {
        bench.say(conns[0], &Bench::bare(key(sequence), name(60), age, 1_800, &[(to, ListedRole::Out)]));
        bench.node.status().lag
    };
    assert_eq!(hear(1, 700, 1), Duration::ZERO, "a newcomer rewires nothing");
    assert_eq!(hear(2, 700, 1), Duration::ZERO, "nothing changed");
    assert_eq!(hear(3, 90_000, 2), Duration::ZERO, "long ago");
    assert_eq!(hear(4, 700, 1), Duration::from_millis(701), "and the hop");
}

#[test]
fn waits_and_fillings_of_a_place_are_counted() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for sequence in 1..=2 {
        let links = [(u128::from(sequence), Both)];
        let key = Key { incarnation: 1, sequence };
        bench.say(conns[0], &Bench::bare(key, name(60), 5_000, 1_800, &links));
    }
    let before = *bench.node.counters();
    (0..20).for_each(|_| bench.node.decide_when_quiet());
    let counters = *bench.node.counters();
    assert_eq!(counters.waited + counters.decisions, before.waited + before.decisions + 20);
    assert!(counters.waited > 10 + before.waited, "news of another's choice is under way");
    bench.hang_up(conns[0]);
    bench.node.repair();
    assert_eq!(bench.node.counters().decisions, counters.decisions + 1);
}

#[test]
fn who_is_alone_looks_for_company_and_decides_nothing() {
    let (mut bench, conns) = Bench::settled(|_| ());
    conns.into_iter().for_each(|conn| bench.hang_up(conn));
    let decisions = bench.node.counters().decisions;
    bench.node.decide_when_quiet();
    bench.drain();
    assert_eq!(bench.dialled().len(), 2);
    assert_eq!(bench.node.counters().decisions, decisions);
}

#[test]
fn a_change_is_made_if_it_is_worth_it() {
    let decided: [fn(&mut Overlay); 2] = [Overlay::decide, Overlay::decide_one_link];
    for decide in decided {
        for ((mut bench, conns), expected) in [(Bench::settled(|_| ()), vec![4]), (content(), vec![])] {
            attract(&mut bench, conns[0]);
            decide(&mut bench.node);
            bench.drain();
            assert_eq!(bench.dialled(), expected);
        }
    }
}

#[test]
fn a_place_whose_neighbour_is_silent_is_filled_whatever_that_gains() {
    let (mut bench, _) = content();
    bench.silent.insert(1);
    bench.pass(Duration::from_millis(800));
    bench.node.decide();
    bench.drain();
    assert_eq!(bench.dialled().len(), 1);
}

#[test]
fn no_next_best_is_asked_if_that_is_not_worth_it() {
    let (mut bench, conns) = content();
    attract(&mut bench, conns[0]);
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    bench.refuse_dial(3);
    assert_eq!(bench.dialled(), []);
}

#[test]
fn a_silent_neighbour_that_comes_back_finds_its_place_taken() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.insert(1);
    bench.pass(Duration::from_secs(2));
    let [next] = bench.dialled()[..] else { panic!("{:?}", bench.dialled()) };
    let conn = bench.answer(next);
    bench.record(conn, next, &[(2, Both), (ME, In)], 8);
    bench.silent.clear();
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.chosen(), [2, next]);
}

#[test]
fn a_place_that_nobody_can_fill_is_offered_again() {
    let (mut bench, conns) = Bench::settled(|_| ());
    for id in [1, 3, 4] {
        bench.record(conns[1], id, &[(2, Both)], 0);
    }
    bench.hang_up(conns[0]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), []);
    bench.record(conns[1], 3, &[(2, Both)], 8);
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.dialled(), [3]);
}
