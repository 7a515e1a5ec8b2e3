//! What those cost who lie, and what they cannot do.

use super::*;
use crate::overlay::flood::CREDIBLE;
use crate::overlay::link::Floor;

fn key(incarnation: u32, sequence: u32) -> Key {
    Key { incarnation, sequence }
}

/// A record under the node's own id that it did not write.
fn forged(bench: &Bench, key: Key) -> Packet {
    Bench::bare(key, NodeName { addr: address(ME), id: bench.node.id() }, 0, 1_800, &[])
}

fn own_key(bench: &Bench) -> Key {
    bench.node.database().get(bench.node.id().unwrap()).unwrap().key()
}

#[test]
fn a_sequence_used_up_by_a_forged_record_leads_to_the_next_incarnation() {
    for last in [u32::MAX - 1, u32::MAX] {
        let (mut bench, conns) = Bench::settled(|_| ());
        bench.say(conns[0], &forged(&bench, key(1, last)));
        assert!(own_key(&bench) > key(1, last) || last < u32::MAX);
        bench.hang_up(conns[1]);
        bench.pass(Duration::from_secs(3));
        assert!(own_key(&bench) > key(2, 0), "what has changed is told: {:?}", own_key(&bench));
    }
}

#[test]
fn the_greatest_key_forged_ends_no_node_and_is_not_kept() {
    for incarnation in [u32::MAX, u32::MAX - 1, 1 << 31] {
        let (mut bench, conns) = Bench::settled(|_| ());
        let identities = bench.identities;
        bench.say(conns[0], &forged(&bench, key(incarnation, 7)));
        bench.pass(Duration::from_secs(5));
        assert!(bench.events.contains(&Event::IdUsedUp { id: NodeId(ME) }), "it is configured");
        assert_eq!((bench.identities, bench.node.id()), (identities, Some(NodeId(ME))));
        assert_eq!(bench.node.neighbors().len(), 2);
    }
}

#[test]
fn a_drawn_id_that_is_used_up_is_given_up_for_another() {
    let mut bench = Bench::with(|config| config.id = None);
    let conn = bench.accept(1, Role::Chooser);
    let old = bench.node.id().unwrap();
    bench.full = true;
    bench.say(conn, &forged(&bench, key(u32::MAX, u32::MAX)));
    assert_eq!(bench.node.id(), Some(old), "a full disk ends nothing");
    bench.full = false;
    bench.pass(Duration::from_secs(2));
    let new = bench.node.id().unwrap();
    let told = |event: &Event| bench.events.iter().position(|said| said == event).unwrap();
    assert!(told(&Event::IdGivenUp { id: old }) < told(&Event::Started { id: new, incarnation: 1 }));
    assert!(new != old && bench.closed(conn));
    bench.accept(2, Role::Chooser);
    bench.pass(Duration::from_secs(2));
    let own = bench.node.database().get(new).unwrap();
    assert_eq!(own.links().len(), 1, "it tells of its links under its new id");
}

#[test]
fn what_others_say_makes_a_node_write_once_a_second_at_the_most() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let before = bench.identities;
    for incarnation in 2..42 {
        bench.say(conns[0], &forged(&bench, key(incarnation * 10, 1)));
        bench.pass(Duration::from_millis(100));
    }
    assert!((3..=5).contains(&(bench.identities - before)), "{} in 4 s", bench.identities - before);
    bench.pass(Duration::from_secs(2));
    assert!(own_key(&bench) > key(411, 0), "{:?}", own_key(&bench));
}

/// Others keep its records no longer, however many they are.
#[test]
fn who_was_led_to_an_incarnation_that_is_not_credible_says_its_record_each_minute() {
    for (led_to, life) in [(CREDIBLE - 1, 378), (CREDIBLE, 180)] {
        let (mut bench, conns) = Bench::settled(|_| ());
        for id in 100..600 {
            bench.say(conns[0], &made_up(id, &[]));
        }
        bench.say(conns[0], &forged(&bench, key(led_to, 1)));
        bench.pass(Duration::from_secs(2));
        let own = || bench.node.database().get(NodeId(ME)).unwrap();
        assert_eq!((own().key().incarnation, own().life()), (led_to + 1, Duration::from_secs(life)));
        let before = own().key();
        bench.pass(Duration::from_secs(61));
        assert_eq!(own_key(&bench) > before, life == 180, "said again");
    }
}

/// A record of a made-up node that lives where somebody else does.
fn made_up(id: u128, links: &[(u128, ListedRole)]) -> Packet {
    Bench::bare(key(1, 1), name(id), 0, 3_600, links)
}

#[test]
fn an_address_that_others_name_is_asked_three_times_and_never_dialled() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.extend([60, 61]);
    let both = |other| [(other, ListedRole::Both)];
    bench.say(conns[0], &made_up(60, &both(61)));
    bench.say(conns[0], &made_up(61, &both(60)));
    bench.pass(Duration::from_secs(1_200));
    let asked = |bench: &Bench| bench.asked.iter().filter(|to| **to == address(60)).count();
    assert_eq!(asked(&bench), 3);
    assert!(!bench.dialled().contains(&60));
    bench.say(conns[0], &Bench::bare(key(2, 1), name(60), 0, 3_600, &both(61)));
    bench.pass(Duration::from_secs(1_200));
    assert_eq!(asked(&bench), 6, "it has started again");
}

#[test]
fn one_who_is_told_of_again_and_again_under_new_keys_is_asked_no_more_for_that() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.insert(60);
    for sequence in 1..30 {
        bench.say(conns[0], &Bench::bare(key(1, sequence), name(60), 0, 3_600, &[(61, ListedRole::Both)]));
        bench.pass(Duration::from_secs(30));
    }
    assert_eq!(bench.asked.iter().filter(|to| **to == address(60)).count(), 3);
}

#[test]
fn a_claim_that_this_node_lives_elsewhere_makes_it_dial_nobody() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.silent.insert(70);
    let elsewhere = NodeName { addr: address(70), id: Some(NodeId(ME)) };
    for incarnation in 1..20 {
        bench.say(conns[0], &Bench::bare(key(incarnation, 9), elsewhere, 0, 1_800, &[]));
        bench.pass(Duration::from_secs(1));
    }
    let asked = bench.asked.iter().filter(|to| **to == address(70)).count();
    assert!((1..=5).contains(&asked) && !bench.dialled().contains(&70), "{asked}");
}

#[test]
fn who_only_says_where_it_lives_is_not_remembered() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.insert(80);
    bench.accept(80, Role::Chooser);
    bench.accept(81, Role::Chooser);
    bench.pass(Duration::from_secs(10));
    assert!(bench.node.remembered_contact(NodeId(80)).is_none());
    assert!(bench.node.remembered_contact(NodeId(81)).is_some(), "it answers there");
}

#[test]
fn a_neighbour_is_no_nearer_than_its_quickest_answer_to_a_probe() {
    let (mut bench, _) = Bench::settled(|_| ());
    let far = Duration::from_millis(30);
    let link = bench.node.links.get_mut(&NodeId(1)).unwrap();
    link.floor = Floor::new(bench.now);
    link.floor.took(bench.now, far);
    for _ in 0..100 {
        bench.beat_all();
    }
    let cost = bench.node.links[&NodeId(1)].cost().unwrap();
    assert!(cost >= Cost::from_duration(far - Duration::from_millis(1)), "{cost:?}");
}

#[test]
fn nothing_long_is_sent_to_one_who_has_not_answered() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.silent.insert(80);
    for id in [80, 81] {
        bench.accept(id, Role::Chooser);
    }
    bench.pass(Duration::from_secs(5));
    let long = |id| bench.long.iter().filter(|to| **to == address(id)).count();
    assert!(long(80) == 0 && long(81) > 0, "{} and {}", long(80), long(81));
}
