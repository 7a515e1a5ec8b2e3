//! What a node answers about itself.

use super::*;
use crate::overlay::Way;
use crate::overlay::event::{Command, Refusal, Reply};
use crate::overlay::machine::Phase;
use ListedRole::{Both, In, Out};

/// A settled node that also knows 5, to which no way leads and which was measured directly, and whom 50 chose.
fn known() -> (Bench, [ConnId; 2]) {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.record(conns[0], 5, &[(6, Both)], 8);
    bench.accept(50, Role::Chooser);
    bench.pass(Duration::from_secs(10));
    bench.node.mark_absent(NodeId(5));
    (bench, conns)
}

#[test]
fn the_status_counts_links_nodes_and_what_it_costs_to_reach_them() {
    let (bench, _) = known();
    let status = bench.node.status();
    assert_eq!((status.id, status.address), (Some(NodeId(ME)), address(ME)));
    assert_eq!(status.key, Some(bench.node.database().get(NodeId(ME)).unwrap().key()));
    assert_eq!((status.links, status.out_degree, status.in_degree), (3, 2, 1));
    assert_eq!((status.known, status.reachable), (6, 4), "itself and five, of whom nothing leads to 5");
    assert_eq!(status.total_cost, 2 + 2 * 10_001);
    let counted = status.counters;
    assert_eq!((counted.rewirings, counted.rewired_links, counted.taken), (2, 2, 5));
}

#[test]
fn routes_and_paths_name_the_next_hop_the_cost_and_the_number_of_links() {
    let (bench, _) = known();
    let routes = bench.node.routes();
    let shown: Vec<_> =
        routes.iter().map(|r| (r.id.0, r.cost, r.hops, r.next_hop.is_some(), r.absent)).collect();
    let near = |id| (id, Some(1), Some(1), true, false);
    let far = |id| (id, Some(10_001), Some(2), true, false);
    assert_eq!(shown, [near(1), near(2), far(3), far(4), (5, None, None, false, true)]);
    assert_eq!(routes[0].next_hop, Some(NodeId(1)));
    for route in &routes {
        assert_eq!((route.address, route.direct), (address(route.id.0), Some(Cost::MIN)), "measured at once");
        let path = bench.node.path(route.id).map(|path| path.hops);
        let expected = route.next_hop.map(|hop| match route.hops {
            Some(1) => vec![(NodeId(ME), 0), (hop, 1)],
            _ => vec![(NodeId(ME), 0), (hop, 1), (route.id, 10_001)],
        });
        assert_eq!(path, expected);
    }
    assert_eq!(bench.node.path(NodeId(77)), None);
}

#[test]
fn nodes_are_told_with_their_freshness_and_absence() {
    let (bench, _) = known();
    let nodes = bench.node.nodes();
    let shown: Vec<_> = nodes.iter().map(|n| (n.id.0, n.absent)).collect();
    assert_eq!(shown, [(1, false), (2, false), (3, false), (4, false), (5, true), (ME, false)]);
    for node in nodes {
        let entry = bench.node.database().get(node.id).unwrap();
        assert_eq!((node.address, node.key), (address(node.id.0), entry.key()));
    }
}

#[test]
fn a_node_goes_from_phase_to_phase() {
    let mut config = Config::new(Seed::from_u64(1), network(), address(ME));
    config.id = Some(NodeId(ME));
    assert_eq!(Overlay::new(config).unwrap().phase(), Phase::Starting);
    let mut bench = Bench::new();
    assert_eq!(bench.node.phase(), Phase::Alone);
    bench.node.learn_names(&[name(1).into()]);
    assert_eq!(bench.node.phase(), Phase::Joining);
    bench.pass(Duration::from_secs(3));
    let conn = bench.answer(1);
    assert_eq!(bench.node.phase(), Phase::Measuring);
    bench.record(conn, 1, &[(ME, In), (3, Out)], 8);
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.node.phase(), Phase::Measuring);
    bench.pass(Duration::from_secs(3));
    assert!(matches!(bench.node.phase(), Phase::Deciding { next } if next > bench.now));
    bench.node.command(bench.now, Command::Leave).unwrap();
    assert_eq!(bench.node.phase(), Phase::Leaving);
    assert_eq!(Bench::with(|config| *config = config.clone().watching()).node.phase(), Phase::Watching);
}

#[test]
fn who_has_left_is_still_somebody_and_reaches_nobody() {
    let (mut bench, _) = Bench::settled(|_| ());
    bench.node.command(bench.now, Command::Leave).unwrap();
    bench.drain();
    bench.pass(Duration::from_secs(2));
    assert!(bench.events.contains(&Event::Left));
    let status = bench.node.status();
    assert_eq!((bench.node.id(), status.id), (Some(NodeId(ME)), Some(NodeId(ME))));
    assert_eq!((bench.node.phase(), status.phase), (Phase::Leaving, Phase::Leaving));
    assert_eq!((status.links, status.reachable, status.total_cost), (0, 0, 0));
    assert!(bench.node.neighbors().is_empty());
    assert!(
        bench.node.routes().iter().all(|r| r.id != NodeId(ME) && r.cost.is_none() && r.next_hop.is_none())
    );
    assert_eq!(bench.node.path(NodeId(1)), None);
}

#[test]
fn an_echo_to_oneself_comes_back() {
    let mut bench = Bench::new();
    let payload = Bytes::from_static(b"here");
    let Ok(Reply::Sent(number)) = bench
        .node
        .command(bench.now, Command::Echo { to: NodeId(ME), payload: payload.clone(), way: Way::Link })
    else {
        panic!("not sent")
    };
    bench.drain();
    let echoed = Event::Echoed { number, from: NodeId(ME), after: Duration::ZERO, payload };
    assert!(bench.events.contains(&echoed), "{:?}", bench.events);
}

fn echo(bench: &mut Bench, to: u128) -> Result<Reply, Refusal> {
    let payload = Bytes::from_static(b"there");
    let reply = bench.node.command(bench.now, Command::Echo { to: NodeId(to), payload, way: Way::Link });
    bench.drain();
    reply
}

#[test]
fn a_bootstrap_and_its_neighbours_reach_each_other() {
    let to = |id: u128| move |p: &Packet| matches!(p, Packet::Dat(head) if head.destination == NodeId(id));
    let (mut bench, _) = Bench::settled(|_| ());
    let watcher = bench.accept(90, Role::Watcher);
    bench.pass(Duration::from_secs(1));
    assert!(echo(&mut bench, 90).is_ok());
    assert_eq!(bench.said(watcher, to(90)), 1);
    assert_eq!(echo(&mut bench, 91), Err(Refusal::Unknown));

    let mut watcher = Bench::with(|config| *config = config.clone().watching());
    watcher.node.learn_names(&[name(1).into()]);
    watcher.pass(Duration::from_secs(2));
    let conn = watcher.answer(1);
    watcher.record(conn, 1, &[(2, Both)], 8);
    watcher.record(conn, 2, &[(1, Both)], 8);
    watcher.pass(Duration::from_secs(1));
    assert!(echo(&mut watcher, 1).is_ok());
    assert_eq!(watcher.said(conn, to(1)), 1);
    assert_eq!(echo(&mut watcher, 2), Err(Refusal::Watching), "no answer would find it");
    let costs: Vec<_> = watcher.node.routes().iter().map(|r| (r.id.0, r.cost.is_some(), r.hops)).collect();
    assert_eq!(costs, [(1, true, Some(1)), (2, false, None)]);
    assert_eq!((watcher.node.phase(), watcher.node.status().reachable), (Phase::Watching, 1));
}
