//! Ages that lie, and records of those who are gone.

use super::*;
use crate::overlay::wire::Removal;
use ListedRole::Both;

/// For how many seconds the records here live.
const LIFE: u32 = 180;
/// Whose records come.
const SOURCE: u128 = 60;

const fn key(incarnation: u32, sequence: u32) -> Key {
    Key { incarnation, sequence }
}

/// A copy of a record that claims to be so many milliseconds old.
fn copy(key: Key, age: u32) -> Packet {
    Bench::bare(key, name(SOURCE), age, LIFE, &[(1, Both)])
}

/// The ages under which a peer heard records of the source.
fn ages(bench: &Bench, conn: ConnId) -> Vec<u32> {
    let age = |packet: &Packet| match packet {
        Packet::Upt(upt) if upt.source.id == Some(NodeId(SOURCE)) => Some(upt.age),
        _ => None,
    };
    bench.peers[&conn].said.iter().filter_map(age).collect()
}

/// The keys that a peer heard in claims that somebody is gone.
fn claims(bench: &Bench, conn: ConnId, victim: u128) -> Vec<Key> {
    let key = |packet: &Packet| match packet {
        Packet::Rmv(removal) if removal.victim == NodeId(victim) => Some(removal.victim_key),
        _ => None,
    };
    bench.peers[&conn].said.iter().filter_map(key).collect()
}

fn is_here(bench: &Bench) -> bool {
    bench.node.database().get(NodeId(SOURCE)).is_some()
}

/// A settled node with a cache of so many hashes; the source answers nothing.
fn bench(hashes: usize) -> (Bench, [ConnId; 2]) {
    let (mut bench, conns) = Bench::settled(|config| config.bounds.hashes = hashes);
    bench.silent.insert(SOURCE);
    (bench, conns)
}

#[test]
fn the_lowest_age_of_any_copy_counts_and_is_passed_on_where_it_matters() {
    for hashes in [0, 5_000] {
        let (mut bench, conns) = bench(hashes);
        bench.say(conns[0], &copy(key(1, 1), LIFE * 1_000 - 100));
        assert_eq!((ages(&bench, conns[0]).len(), ages(&bench, conns[1]).len()), (0, 1));
        bench.say(conns[1], &copy(key(1, 1), 100));
        let [told] = ages(&bench, conns[0])[..] else { panic!("the others hear of it once") };
        assert!((101..1_000).contains(&told), "{told}");
        bench.say(conns[0], &copy(key(1, 1), 50));
        assert_eq!(ages(&bench, conns[1]).len(), 1, "so little moves nothing");
        bench.pass(Duration::from_secs(170));
        assert!(is_here(&bench), "it lives for as long as its source said");
        bench.pass(Duration::from_secs(15));
        assert!(!is_here(&bench));
    }
}

#[test]
fn who_expired_by_a_lie_comes_back_with_a_true_copy() {
    for hashes in [0, 5_000] {
        let (mut bench, conns) = bench(hashes);
        bench.say(conns[0], &copy(key(1, 1), LIFE * 1_000 - 100));
        bench.pass(Duration::from_secs(2));
        assert!(!is_here(&bench));
        bench.say(conns[1], &copy(key(1, 1), 2_100));
        assert!(is_here(&bench));
        bench.pass(Duration::from_secs(170));
        assert!(is_here(&bench));
        bench.pass(Duration::from_secs(15));
        assert!(!is_here(&bench));
    }
}

#[test]
fn a_record_lives_its_life_once_whatever_age_its_copies_claim() {
    for hashes in [0, 5_000] {
        let (mut bench, conns) = bench(hashes);
        bench.say(conns[0], &copy(key(1, 1), 100_000));
        for round in 0..40 {
            bench.pass(Duration::from_secs(10));
            conns.iter().for_each(|conn| bench.say(*conn, &copy(key(1, 1), 0)));
            assert_eq!(is_here(&bench), round < 17, "after {} s", (round + 1) * 10);
        }
        let told: usize = conns.iter().map(|conn| ages(&bench, *conn).len()).sum();
        assert!(told <= 1 + 2, "{told}: once as news, and no more than the periods that its life has");
    }
}

#[test]
fn no_older_record_brings_back_who_is_gone() {
    for hashes in [0, 5_000] {
        let (mut bench, conns) = bench(hashes);
        bench.say(conns[0], &copy(key(5, 200), 0));
        bench.pass(Duration::from_secs(185));
        let before = [0, 1].map(|at| claims(&bench, conns[at], SOURCE).len());
        for old in [key(5, 199), key(5, 198), key(1, 900)] {
            bench.say(conns[1], &copy(old, 0));
            assert!(!is_here(&bench), "{old:?}");
        }
        let told = [0, 1].map(|at| claims(&bench, conns[at], SOURCE).split_off(before[at]));
        assert_eq!(told, [vec![], vec![key(5, 200)]], "once a second, to who told it");
        bench.say(conns[1], &copy(key(5, 201), 0));
        assert!(is_here(&bench));
    }
}

/// A node with a configured id begins again at the first incarnation when its state is lost.
#[test]
fn who_returns_without_its_state_learns_which_key_it_has_to_outdo() {
    let (mut bench, conns) = bench(5_000);
    bench.say(conns[0], &copy(key(1, 2), 0));
    bench.pass(Duration::from_secs(185));
    bench.silent.clear();
    let conn = bench.accept(SOURCE, Role::Chooser);
    bench.say(conn, &copy(key(1, 1), 0));
    bench.pass(Duration::from_secs(2));
    bench.say(conn, &copy(key(1, 2), 0));
    assert_eq!(claims(&bench, conn, SOURCE), [key(1, 2); 2], "what is under the very key is refused as well");
    bench.say(conn, &copy(key(1, 3), 0));
    assert!(is_here(&bench));
}

#[test]
fn a_claim_that_this_node_is_gone_is_outdone_whatever_key_it_names() {
    let (mut bench, conns) = bench(5_000);
    let claim = Removal::originate(key(1, 1), name(3), NodeId(ME), key(5, 200));
    bench.say(conns[0], &Packet::Rmv(claim));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.node.database().get(NodeId(ME)).unwrap().key(), key(6, 1));
}

#[test]
fn one_source_gives_one_sample_of_the_lag() {
    let (mut bench, conns) = bench(5_000);
    let change = |source: u128, sequence: u32, age: u32| {
        let to = if sequence.is_multiple_of(2) { 1 } else { 2 };
        Bench::bare(key(1, sequence), name(source), age, 1_800, &[(to, Both)])
    };
    for source in 200..220 {
        (1..=2).for_each(|sequence| bench.say(conns[0], &change(source, sequence, 10)));
    }
    (1..=200).for_each(|sequence| bench.say(conns[1], &change(SOURCE, sequence, 14_000)));
    let lag = bench.node.choosing.guard.lag(bench.now);
    assert!(lag < Duration::from_millis(100), "{lag:?}");
}

#[test]
fn news_that_was_made_older_on_its_way_says_nothing_of_the_lag_once_it_came_another_way() {
    let (mut bench, conns) = bench(5_000);
    bench.say(conns[0], &copy(key(1, 1), 10));
    let change = |age| Bench::bare(key(1, 2), name(SOURCE), age, LIFE, &[(2, Both)]);
    bench.say(conns[0], &change(50_000));
    let lag = |bench: &mut Bench| bench.node.choosing.guard.lag(bench.now);
    assert_eq!(lag(&mut bench), Duration::from_secs(15));
    bench.pass(Duration::from_millis(100));
    bench.say(conns[1], &change(110));
    let lag = lag(&mut bench);
    assert!(lag < Duration::from_millis(50), "{lag:?}");
}
