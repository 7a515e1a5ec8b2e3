//! Paths: which way payloads go, and how soon news of the graph counts.

use super::*;
use ListedRole::{Both, In};

/// Who is the first on the way.
fn hop(bench: &mut Bench, to: u128) -> Option<u128> {
    bench.node.next_hop(NodeId(to)).map(|id| id.0)
}

/// One of the two neighbours tells that it is linked with its other end, this node, and `others`.
fn tells(bench: &mut Bench, conns: [ConnId; 2], id: u128, others: &[u128]) {
    let conn = conns[usize::try_from(id).unwrap() - 1];
    let mut links: Vec<_> = [3 - id].iter().chain(others).map(|other| (*other, Both)).collect();
    links.push((ME, In));
    bench.record(conn, id, &links, 8);
}

/// 9 is behind 1, and 1 is the only way there; that is so for a second.
fn behind_1() -> (Bench, [ConnId; 2]) {
    let (mut bench, conns) = Bench::settled(|_| ());
    tells(&mut bench, conns, 1, &[8]);
    tells(&mut bench, conns, 2, &[]);
    bench.record(conns[0], 8, &[(1, Both), (9, Both)], 8);
    bench.record(conns[0], 9, &[(1, Both), (2, Both), (8, Both)], 8);
    bench.pass(Duration::from_secs(1));
    assert_eq!(hop(&mut bench, 9), Some(1));
    (bench, conns)
}

#[test]
fn a_shorter_path_is_taken_within_50_ms() {
    let (mut bench, conns) = behind_1();
    tells(&mut bench, conns, 2, &[9]);
    assert_eq!(hop(&mut bench, 9), Some(1), "the longer one is as good as before");
    bench.pass(Duration::from_millis(50));
    assert_eq!(hop(&mut bench, 9), Some(2));
}

#[test]
fn newcomers_lead_nobody_astray() {
    let (mut bench, conns) = Bench::settled(|_| ());
    tells(&mut bench, conns, 2, &[60]);
    bench.record(conns[1], 60, &[(2, Both)], 8);
    for newcomer in 10..20 {
        assert_eq!(hop(&mut bench, 60), Some(2), "{newcomer}");
        bench.record(conns[0], newcomer, &[(1, Both)], 8);
    }
}

#[test]
fn a_broken_path_is_left_at_once_four_times_in_50_ms() {
    let (mut bench, conns) = behind_1();
    let moves = |bench: &mut Bench, to: u128| {
        tells(bench, conns, 3 - to, &[]);
        tells(bench, conns, to, &[9]);
        hop(bench, 9)
    };
    let hops = [2, 1, 2, 1, 2].map(|to| moves(&mut bench, to));
    assert_eq!(hops, [2, 1, 2, 1, 1].map(Some), "the last one has to wait");
    bench.pass(Duration::from_millis(50));
    assert_eq!(hop(&mut bench, 9), Some(2));
}

/// The way to 9 that payloads take, by those routes that are told as long as nothing has changed.
fn in_force(bench: &Bench) -> Option<u128> {
    let routes = bench.node.routes_in_force()?;
    let route = routes.into_iter().find(|route| route.id.0 == 9);
    Some(route.and_then(|route| route.next_hop).expect("a way").0)
}

#[test]
fn the_routes_in_force_are_those_that_payloads_take() {
    let (mut bench, conns) = behind_1();
    assert_eq!(bench.node.routes_in_force(), Some(bench.node.routes()));
    assert_eq!(in_force(&bench), Some(1));
    tells(&mut bench, conns, 2, &[9]);
    assert_eq!(in_force(&bench), None, "they have changed");
    bench.pass(Duration::from_millis(50));
    assert_eq!(in_force(&bench), None, "and nobody has asked since");
    assert_eq!(hop(&mut bench, 9), Some(2));
    assert_eq!(in_force(&bench), Some(2));
    bench.record(conns[0], 77, &[(8, Both)], 8);
    assert_eq!(in_force(&bench), None, "somebody came");
    assert_eq!(Bench::new().node.routes_in_force(), None, "none was ever computed");
}
