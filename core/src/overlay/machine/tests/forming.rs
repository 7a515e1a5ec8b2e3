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
