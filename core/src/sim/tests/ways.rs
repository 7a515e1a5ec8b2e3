//! Ways that carry some packets and not others, and nodes that are not where their names say.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::chatter::{Do, Heard};
use super::laws::{BACK, Pair, THERE};
use crate::kernel::{CloseHow, Closed, DialError, Port, Time};
use crate::sim::faults::{Action, Agenda};
use crate::sim::net::{elsewhere, translated};
use crate::sim::{BASE_PORT, Config, Kind, Sockets, World, address};

fn count(pair: &Pair, kind: Kind) -> u64 {
    pair.world.tally().of(kind)
}

fn datagram(to: SocketAddr, octets: usize) -> Do {
    Do::Datagram(to, alloc::vec![7; octets])
}

fn hears(from: SocketAddr, octets: usize) -> Heard {
    Heard::Datagram(from, alloc::vec![7; octets])
}

#[test]
fn blocked_datagrams_vanish_one_way_and_connections_go_on() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.world.block_datagrams(0, 1);
    pair.tell(0, datagram(address(1), 1));
    pair.tell(1, datagram(address(0), 2));
    pair.tell(0, Do::Send(a, b"goes".to_vec()));
    assert_eq!(
        pair.pass(1_000_000),
        [
            (0, 0, Heard::Flushed(a, 4)),
            (THERE, 1, Heard::Received(b, b"goes".to_vec())),
            (BACK, 0, hears(address(1), 2)),
        ]
    );
    assert_eq!(count(&pair, Kind::Blocked), 1);
    pair.world.heal_all();
    pair.tell(0, datagram(address(1), 1));
    assert_eq!(pair.pass(1_000_000), [(THERE, 1, hears(address(0), 1))]);
}

#[test]
fn a_narrow_way_stalls_a_connection_at_what_is_too_long_and_all_behind_it() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.world.narrow(0, 1, 600);
    for octets in [600, 601] {
        pair.tell(0, datagram(address(1), octets));
    }
    for octets in [600, 601, 1] {
        pair.tell(0, Do::Send(a, alloc::vec![1; octets]));
    }
    pair.tell(1, Do::Send(b, alloc::vec![9; 5_000]));
    let heard = pair.pass(1_000_000);
    let at =
        |node: usize| heard.iter().filter(move |(_, n, h)| *n == node && !matches!(h, Heard::Flushed(..)));
    let small = Heard::Received(b, alloc::vec![1; 600]);
    assert_eq!(at(1).cloned().collect::<Vec<_>>(), [(THERE, 1, hears(address(0), 600)), (THERE, 1, small)]);
    assert_eq!(at(0).count(), 1, "the other direction is wide");
    assert_eq!(count(&pair, Kind::Narrow), 3);
    pair.world.heal(0, 1);
    let octets: usize = pair
        .pass(1_000_000)
        .iter()
        .map(|(_, _, h)| match h {
            Heard::Received(conn, octets) if *conn == b => octets.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(octets, 602);
}

#[test]
fn a_host_gives_up_what_does_not_get_through_and_a_reset_does() {
    let mut pair = Pair::new(Config { patience: Duration::from_secs(20), ..Config::default() });
    let (a, b) = pair.connect();
    pair.world.narrow(0, 1, 600);
    pair.tell(0, Do::Send(a, alloc::vec![1; 601]));
    let heard = pair.pass(30_000_000);
    assert_eq!(heard, [(0, 0, Heard::Flushed(a, 601)), (20_000_000, 0, Heard::Closed(a, Closed::Broken))]);
    let (a, b2) = pair.connect();
    assert_ne!(b, b2);
    pair.tell(0, Do::Send(a, alloc::vec![1; 601]));
    pair.tell(0, Do::Close(a, CloseHow::Abort));
    let heard = pair.pass(1_000_000);
    assert!(heard.contains(&(THERE, 1, Heard::Closed(b2, Closed::Broken))), "{heard:?}");
}

#[test]
fn a_translator_shows_another_address_and_lets_answers_in() {
    let mut pair = Pair::new(Config::default());
    pair.world.translate(0);
    pair.tell(0, datagram(address(1), 1));
    let shown = translated(0, Port(0), 0);
    assert_eq!(pair.pass(1_000_000), [(THERE, 1, hears(shown, 1))]);
    for to in [shown, address(0), elsewhere(0, BASE_PORT)] {
        pair.tell(1, datagram(to, 2));
    }
    assert_eq!(
        pair.pass(1_000_000),
        [(); 2].map(|()| (BACK, 0, hears(address(1), 2))),
        "no other port is open there"
    );
    pair.tell(0, Do::Dial(address(1), Time::MAX));
    let heard = pair.pass(1_000_000);
    assert!(matches!(&heard[1], (_, 1, Heard::Opened(_, _, from)) if from.ip() == shown.ip()), "{heard:?}");
    assert_eq!(count(&pair, Kind::Translated), 1);
}

#[test]
fn who_has_moved_is_found_at_home_by_nobody() {
    for (sockets, leaves) in [(Sockets::Any, true), (Sockets::Bound, false)] {
        let mut pair = Pair::new(Config { patience: Duration::from_secs(5), ..Config::default() });
        let (a, b) = pair.connect();
        pair.world.move_away(0, sockets);
        pair.tell(1, datagram(address(0), 1));
        pair.tell(1, Do::Send(b, b"lost".to_vec()));
        pair.tell(1, Do::Dial(address(0), pair.world.now() + Duration::from_secs(1)));
        pair.tell(0, datagram(address(1), 2));
        let heard = pair.pass(10_000_000);
        let from = elsewhere(0, BASE_PORT);
        assert_eq!(heard.contains(&(THERE, 1, hears(from, 2))), leaves, "{heard:?}");
        assert!(heard.contains(&(5_000_000, 1, Heard::Closed(b, Closed::Broken))), "{heard:?}");
        assert!(
            heard.iter().any(|(_, n, h)| *n == 1 && matches!(h, Heard::DialFailed(_, DialError::TimedOut)))
        );
        assert!(!heard.iter().any(|(_, node, h)| *node == 0 && !matches!(h, Heard::Closed(..))), "{heard:?}");
        pair.tell(0, Do::Dial(address(1), Time::MAX));
        let heard = pair.pass(100_000);
        assert!(matches!(&heard[1], (_, 1, Heard::Opened(_, _, f)) if f.ip() == from.ip()), "{heard:?}");
        assert!(count(&pair, Kind::Moved) > 0 && a != b);
        pair.world.come_home(0);
        pair.tell(1, datagram(from, 3));
        pair.tell(1, datagram(address(0), 4));
        assert_eq!(pair.pass(1_000_000), [(BACK, 0, hears(address(1), 4))]);
    }
}

/// Plays a script, a line for each action; whether datagrams of so many octets pass both ways at the end of each wait.
fn passing(script: &str, octets: usize) -> Vec<bool> {
    let mut pair = Pair::new(Config::default());
    let mut agenda = Agenda::new(World::most_connected);
    let mut passing = Vec::new();
    for line in script.split(", ") {
        let action: Action = line.parse().unwrap();
        let Some(time) = agenda.act(&mut pair.world, &action) else { continue };
        agenda.pass(&mut pair.world, time, |_, _, _| {});
        for node in 0..2 {
            pair.tell(node, datagram(address(1 - node), octets));
        }
        let heard = pair.pass(100_000);
        passing.push((0..2).all(|node| heard.iter().any(|(_, n, _)| *n == node)));
    }
    passing
}

#[test]
fn what_ends_by_itself_ends_nothing_that_stands_until_it_is_healed() {
    for stands in ["block 0 1 both", "narrow 0 1 both 600", "cut 0 1 both"] {
        for ends in ["partition 1 1s", "flap 0 1 500ms 1"] {
            let script = alloc::format!("{stands}, {ends}, wait 2s, heal 0 1, wait 1s");
            assert_eq!(passing(&script, 700), [false, true], "{script}");
            let script = alloc::format!("{ends}, {stands}, wait 2s, heal 0 1, wait 1s");
            assert_eq!(passing(&script, 700), [false, true], "{script}");
        }
    }
}

#[test]
fn of_two_faults_at_once_the_first_that_ends_does_not_end_the_other() {
    for script in [
        "partition 1 1s, partition 2 3s, wait 2s, wait 2s",
        "partition 1 3s, partition 1 1s, wait 2s, wait 2s",
        "partition 1 3s, flap 0 1 500ms 2, wait 2600ms, wait 2s",
        "flap 0 1 3s 1, partition 1 1s, wait 2s, wait 2s",
        "flap 0 1 3s 1, flap 1 0 500ms 2, wait 2600ms, wait 2s",
        "move 0 bound 1s, move 0 bound 3s, wait 2s, wait 2s",
    ] {
        assert_eq!(passing(script, 1), [false, true], "{script}");
    }
    assert_eq!(passing("move 0 bound 3s, move 0 bound 1s, wait 2s", 1), [true], "the later one counts");
    assert_eq!(passing("partition 1 1s, heal 0 1, partition 1 3s, wait 2s, wait 2s", 1), [false, true]);
}

#[test]
fn of_two_slow_readings_the_later_one_counts() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    let mut agenda = Agenda::new(World::most_connected);
    for script in ["slow 1 0 1s", "slow 1 0 3s"] {
        agenda.act(&mut pair.world, &script.parse().unwrap());
    }
    pair.tell(0, Do::Send(a, b"word".to_vec()));
    for (secs, heard) in [(2, 0), (2, 1)] {
        let mut received = 0;
        agenda.pass(&mut pair.world, Duration::from_secs(secs), |_, _, h| {
            received += usize::from(matches!(h, Heard::Received(conn, _) if conn == b));
        });
        assert_eq!(received, heard);
    }
}

#[test]
fn a_host_gives_up_for_what_it_has_said_alone() {
    for speaks in [false, true] {
        let mut pair = Pair::new(Config { patience: Duration::from_secs(20), ..Config::default() });
        let (a, b) = pair.connect();
        pair.world.narrow(0, 1, 600);
        pair.tell(0, Do::Send(a, alloc::vec![1; 602]));
        pair.pass(5_000_000);
        pair.world.heal(0, 1);
        let heard = pair.pass(5_000_000);
        assert_eq!(heard, [(THERE, 1, Heard::Received(b, alloc::vec![1; 602]))]);
        pair.world.sever(0, 1);
        pair.pass(5_000_000);
        if speaks {
            pair.tell(0, Do::Send(a, b"in vain".to_vec()));
        }
        let heard = pair.pass(100_000_000);
        let closed: Vec<_> = heard.into_iter().filter(|(.., h)| matches!(h, Heard::Closed(..))).collect();
        let expected = [(20_000_000, 0, Heard::Closed(a, Closed::Broken))];
        assert_eq!(closed, expected[..usize::from(speaks)], "15 s after the way was narrow");
    }
}

#[test]
fn a_host_that_sends_what_is_too_long_gives_up_however_often_a_cut_ends() {
    let mut pair = Pair::new(Config { patience: Duration::from_secs(20), ..Config::default() });
    let (a, _) = pair.connect();
    pair.world.narrow(0, 1, 600);
    let said = pair.world.now();
    pair.tell(0, Do::Send(a, alloc::vec![1; 601]));
    let mut agenda = Agenda::new(World::most_connected);
    agenda.act(&mut pair.world, &"flap 0 1 3s 3".parse().unwrap());
    let mut closed = Vec::new();
    agenda.pass(&mut pair.world, Duration::from_secs(30), |at, node, h| {
        if matches!(h, Heard::Closed(..)) {
            closed.push((at, node));
        }
    });
    assert_eq!(closed, [(said + Duration::from_secs(20), 0)]);
}

#[test]
fn who_moves_leaves_the_translator_behind() {
    let mut pair = Pair::new(Config::default());
    pair.world.translate(0);
    pair.world.move_away(0, Sockets::Any);
    pair.tell(0, datagram(address(1), 1));
    let (shown, new) = (translated(0, Port(0), 0), elsewhere(0, BASE_PORT));
    assert_eq!(pair.pass(1_000_000), [(THERE, 1, hears(new, 1))]);
    for (octets, to) in [(2, shown), (3, new)] {
        pair.tell(1, datagram(to, octets));
    }
    assert_eq!(pair.pass(1_000_000), [(BACK, 0, hears(address(1), 3))]);
    pair.world.come_home(0);
    pair.tell(0, datagram(address(1), 4));
    assert_eq!(pair.pass(1_000_000), [(THERE, 1, hears(shown, 4))], "it is still there");
}

#[test]
fn a_translator_that_begins_anew_shows_other_ports_and_has_forgotten_what_was_dialled() {
    let mut pair = Pair::new(Config { patience: Duration::from_secs(5), ..Config::default() });
    let (a, _) = pair.connect();
    pair.world.translate(0);
    pair.tell(1, Do::Dial(address(0), Time::MAX));
    let heard = pair.pass(1_000_000);
    let Some((_, _, Heard::Opened(c, ..))) = heard.iter().find(|(_, node, _)| *node == 1) else {
        panic!("{heard:?}");
    };
    let c = *c;
    pair.world.translate(0);
    pair.tell(0, datagram(address(1), 1));
    pair.tell(0, Do::Send(a, b"lost".to_vec()));
    pair.tell(1, Do::Send(c, b"goes".to_vec()));
    let heard = pair.pass(10_000_000);
    let [old, new] = [0, 1].map(|turn| translated(0, Port(0), turn));
    assert!(heard.contains(&(THERE, 1, hears(new, 1))), "{heard:?}");
    assert!(heard.contains(&(5_000_000, 0, Heard::Closed(a, Closed::Broken))), "{heard:?}");
    let goes = |h: &Heard| matches!(h, Heard::Received(_, octets) if octets == b"goes");
    assert!(heard.iter().any(|(_, node, h)| *node == 0 && goes(h)), "{heard:?}");
    for (octets, to) in [(2, old), (3, new)] {
        pair.tell(1, datagram(to, octets));
    }
    assert_eq!(pair.pass(1_000_000), [(BACK, 0, hears(address(1), 3))]);
    for turn in 2..16 {
        pair.world.translate(0);
        pair.tell(0, datagram(address(1), 1));
        let from = translated(0, Port(0), turn % 15);
        assert_eq!(pair.pass(1_000_000), [(THERE, 1, hears(from, 1))]);
    }
}
