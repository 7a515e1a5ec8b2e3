//! The node's own record: what it says, and when.

use super::*;
use crate::overlay::config::PolicyKind;
use crate::overlay::database::LinkMode;
use crate::overlay::event::Command;
use crate::overlay::wire::{LINKS_LIMIT, Upt};

/// The node's own records as a peer heard them.
fn told(bench: &Bench, conn: ConnId) -> Vec<&Upt> {
    let upts = bench.peers[&conn]
        .said
        .iter()
        .filter_map(|p| if let Packet::Upt(upt) = p { Some(upt) } else { None });
    upts.filter(|upt| upt.source.id == Some(NodeId(ME))).collect()
}

fn last(bench: &Bench, conn: ConnId) -> Update {
    told(bench, conn).last().unwrap().parse_body().unwrap().updates()[0].clone()
}

#[test]
fn a_cost_is_told_anew_once_it_has_moved_by_more_than_a_part_and_the_floor() {
    let bench = Bench::new();
    for (announced, cost, moved) in [
        (100_000, 105_000, false),
        (100_000, 105_001, true),
        (100_000, 95_000, false),
        (100_000, 94_999, true),
        (10_000, 11_000, false),
        (10_000, 11_001, true),
        (10_000, 9_000, false),
        (10_000, 8_999, true),
    ] {
        let [was, is] = [announced, cost].map(Cost::from_micros);
        assert_eq!(bench.node.told_cost(Some(was), is), if moved { is } else { was }, "{announced} {cost}");
        assert_eq!(bench.node.told_cost(None, is), is);
    }
}

#[test]
fn a_record_tells_life_room_degree_addresses_and_links() {
    let more = address(101);
    let (bench, conns) = Bench::settled(|config| {
        config.more_addresses.push(more);
        config.bounds.in_degree = Some(5);
    });
    let Update { attributes, links } = last(&bench, conns[0]);
    assert!(attributes.life.is_some_and(|life| (180..=3_600).contains(&life)));
    assert_eq!((attributes.free, attributes.k, &attributes.addrs[..]), (Some(5), Some(2), &[more][..]));
    let links: Vec<_> = links.iter().map(|l| (l.id.0, l.role, l.attributes.bye)).collect();
    assert_eq!(links, [(1, ListedRole::Out, false), (2, ListedRole::Out, false)]);
}

#[test]
fn a_link_that_is_to_be_replaced_says_goodbye() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.node.court(NodeId(3), Some(NodeId(1)));
    bench.drain();
    bench.answer(3);
    bench.pass(Duration::from_secs(2));
    let byes: Vec<_> = last(&bench, conns[0]).links.iter().map(|l| (l.id.0, l.attributes.bye)).collect();
    assert_eq!(byes, [(1, true), (2, false), (3, false)]);
}

#[test]
fn a_record_is_as_old_as_the_decision_that_it_tells_of_first() {
    let (mut bench, conns) = Bench::settled(|config| config.links = LinkMode::Directed);
    bench.pass(Duration::from_secs(5));
    bench.node.court(NodeId(3), None);
    bench.drain();
    bench.pass(Duration::from_millis(700));
    bench.answer(3);
    bench.pass(Duration::from_secs(1));
    assert_eq!(told(&bench, conns[0]).last().unwrap().age, 700);
    bench.accept(50, Role::Chooser);
    bench.pass(Duration::from_secs(2));
    assert!(last(&bench, conns[0]).links.iter().any(|l| l.id == NodeId(50)));
    assert_eq!(told(&bench, conns[0]).last().unwrap().age, 0, "it tells of no new decision");
}

#[test]
fn a_dead_link_is_unlisted_though_the_bucket_is_empty() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let choosers: Vec<ConnId> = (50..56).map(|id| bench.accept(id, Role::Chooser)).collect();
    bench.pass(Duration::from_secs(5));
    for conn in choosers {
        bench.tear_down(conn);
    }
    bench.hang_up(conns[0]);
    let listed: Vec<_> = last(&bench, conns[1]).links.iter().map(|l| l.id.0).collect();
    assert_eq!(listed, [2], "at once");
}

#[test]
fn the_last_record_lists_nobody_and_a_watcher_has_none() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.node.command(bench.now, Command::Leave).unwrap();
    bench.drain();
    assert_eq!(last(&bench, conns[0]).links.len(), 0);
    assert!(!bench.closed(conns[0]), "what is on its way still passes");
    bench.pass(Duration::from_secs(1));
    assert!(bench.events.iter().any(|event| matches!(event, Event::Left)));
    let mut watcher = Bench::with(|config| *config = config.clone().watching());
    watcher.node.learn_names(&[name(1).into()]);
    watcher.pass(Duration::from_secs(3));
    let conn = watcher.answer(1);
    watcher.pass(Duration::from_secs(5));
    watcher.node.command(watcher.now, Command::Leave).unwrap();
    watcher.drain();
    assert_eq!(told(&watcher, conn).len(), 0);
}

#[test]
fn nobody_has_more_links_than_a_record_lists() {
    let mut bench = Bench::with(|config| config.policy = PolicyKind::FullMesh);
    let choosers: Vec<ConnId> =
        (0..LINKS_LIMIT as u128 - 4).map(|id| bench.accept(1_000 + id, Role::Chooser)).collect();
    for id in 3_000..3_010 {
        bench.record(choosers[0], id, &[(1_000, ListedRole::Both)], 8);
    }
    while bench.dialled().len() < 2 {
        bench.pass(Duration::from_secs(1));
    }
    let last_places = [4_000, 4_001].map(|id| bench.accept(id, Role::Chooser));
    let late = [4_002, 4_003, 4_004].map(|id| bench.accept(id, Role::Guest));
    assert!(last_places.iter().all(|conn| !bench.closed(*conn)));
    assert!(late.iter().all(|conn| bench.closed(*conn) && bench.said(*conn, is_nack) == 1));
    for _ in 0..10 {
        for id in bench.dialled() {
            bench.answer(id);
        }
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(bench.chosen().len(), 2, "who is courted had a place already");
    bench.tear_down(last_places[0]);
    bench.pass(Duration::from_secs(60));
    for id in bench.dialled() {
        bench.answer(id);
    }
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.chosen().len(), 3);
    let record = bench.node.database().get(NodeId(ME)).unwrap();
    assert_eq!((record.links().len(), record.free()), (LINKS_LIMIT, Some(0)));
    assert_eq!(bench.node.neighbors().len(), LINKS_LIMIT);
}
