//! First neighbours among many who are gone.

use super::*;

/// One peer is there: of those remembered, it is the one who was silent for longest.
const ALIVE: u128 = 1;

/// How long it takes until a node has a link which remembers `dead` peers that are gone and one that is there. A host
/// without a process `refuses` what is dialled.
fn until_linked(dead: u128, refuses: bool) -> Duration {
    let gone = 200..200 + dead;
    let lines =
        gone.clone().map(|id| format!("{} {}\n", name(id), id)).chain([format!("{} 5000\n", name(ALIVE))]);
    let mut bench = Bench::remembering(lines.collect(), |config| config.bounds.remembered = 128);
    bench.silent = gone.collect();
    let tenth = Duration::from_millis(100);
    for _ in 0..3_000 {
        bench.pass(tenth);
        if bench.dialled().contains(&ALIVE) {
            bench.answer(ALIVE);
            return bench.now.since(Time::ZERO);
        }
        for id in bench.dialled().into_iter().filter(|_| refuses) {
            bench.refuse_dial(id);
        }
    }
    panic!("nobody is dialled who is there");
}

#[test]
fn who_is_there_is_found_among_so_many_who_are_gone() {
    for refuses in [true, false] {
        let took = until_linked(120, refuses);
        assert!(took <= Duration::from_secs(3), "{took:?}, refusing: {refuses}");
    }
}

#[test]
fn latest_heard_are_asked_first() {
    let lines = (1..=20).map(|id| format!("{} {}\n", name(id), 21 - id));
    let bench = {
        let mut bench = Bench::remembering(lines.collect(), |_| ());
        bench.silent = (1..=20).collect();
        bench.pass(Duration::from_millis(600));
        bench
    };
    let asked: Vec<u128> = (1..=20).filter(|id| bench.node.probes.is_waiting(NodeId(*id))).collect();
    assert_eq!(asked, [19, 20], "two are wanted");
}

#[test]
fn those_who_answer_too_late_are_not_dialled() {
    let lines = (1..=20).map(|id| format!("{} 1\n", name(id)));
    let mut bench = Bench::remembering(lines.collect(), |_| ());
    bench.silent = (1..=20).collect();
    bench.pass(Duration::from_millis(900));
    let waiting = (1..=20).filter(|id| bench.node.probes.is_waiting(NodeId(*id))).count();
    assert_eq!(waiting, 10, "two, then eight more");
    bench.silent.clear();
    bench.pass(Duration::from_millis(600));
    assert_eq!(
        bench.dialled().len(),
        2,
        "the next wave answers at once, and only so many are dialled as are wanted"
    );
}

/// A record of `id` at `addr`, which links with 50, or has left.
fn record_at(bench: &mut Bench, conn: ConnId, id: u128, addr: SocketAddr, left: bool) {
    bench.sequence += 1;
    let links = [50].map(|other| Listed {
        id: NodeId(other),
        cost: Cost::from_micros(10_000),
        role: ListedRole::Both,
        attributes: LinkAttributes::default(),
    });
    let attributes = Attributes { life: Some(1_800), left, ..Attributes::default() };
    let links = Links::first(links.into_iter().filter(|_| !left));
    let key = Key { incarnation: 1, sequence: bench.sequence };
    let name = NodeName { addr, id: Some(NodeId(id)) };
    bench.say(conn, &Packet::Upt(Upt::originate(key, name, 0, &Body::of(Update { attributes, links }))));
}

/// How long it takes until `ALIVE` is dialled.
fn until_dialled(bench: &mut Bench) -> Duration {
    let from = bench.now;
    while !bench.dialled().contains(&ALIVE) && bench.now.since(from) < Duration::from_secs(9) {
        bench.pass(Duration::from_millis(100));
    }
    bench.now.since(from)
}

#[test]
fn who_cannot_be_dialled_keeps_nobody_from_being_asked() {
    let mut bench = Bench::with(|config| config.periods.ping_timeout = Duration::from_secs(10));
    let conn = bench.accept(50, Role::Chooser);
    let nowhere = [
        "0.0.0.0:0",
        "10.0.0.1:0",
        "0.0.0.0:7950",
        "255.255.255.255:7950",
        "224.0.0.1:7950",
        "[::]:7950",
        "[ff02::1]:7950",
    ];
    for id in 0..3_000 {
        let addr = nowhere[usize::try_from(id).unwrap() % nowhere.len()].parse().unwrap();
        record_at(&mut bench, conn, 200 + id, addr, false);
    }
    record_at(&mut bench, conn, ALIVE, address(ALIVE), false);
    let took = until_dialled(&mut bench);
    assert!(took <= Duration::from_secs(1), "{took:?}");
    bench.pass(Duration::from_secs(40));
    assert!(bench.asked.iter().all(|to| to.ip().is_loopback()), "nothing is sent to groups");
}

#[test]
fn who_leaves_while_asked_keeps_nobody_from_being_asked() {
    let mut bench = Bench::with(|config| config.periods.ping_timeout = Duration::from_secs(10));
    bench.silent = (200..600).collect();
    let conn = bench.accept(50, Role::Chooser);
    (200..600).for_each(|id| record_at(&mut bench, conn, id, address(id), false));
    bench.pass(Duration::from_secs(4));
    let asked = bench.asked.iter().collect::<BTreeSet<_>>().len();
    assert!(asked > 256, "no more can be asked: {asked}");
    (200..600).for_each(|id| record_at(&mut bench, conn, id, address(id), true));
    record_at(&mut bench, conn, ALIVE, address(ALIVE), false);
    let took = until_dialled(&mut bench);
    assert!(took <= Duration::from_secs(1), "{took:?}");
}
