//! Ways that carry some packets and not others, and nodes that are not where their names say.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::chatter::{Do, Heard};
use super::laws::{BACK, Pair, THERE};
use crate::kernel::{CloseHow, Closed, DialError, Port};
use crate::sim::net::{elsewhere, translated};
use crate::sim::{BASE_PORT, Config, Kind, Sockets, address};

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
    pair.world.set_translated(0, true);
    pair.tell(0, datagram(address(1), 1));
    let shown = translated(0, Port(0));
    assert_eq!(pair.pass(1_000_000), [(THERE, 1, hears(shown, 1))]);
    for to in [shown, address(0), elsewhere(0, BASE_PORT)] {
        pair.tell(1, datagram(to, 2));
    }
    assert_eq!(
        pair.pass(1_000_000),
        [(); 2].map(|()| (BACK, 0, hears(address(1), 2))),
        "no other port is open there"
    );
    pair.tell(0, Do::Dial(address(1), crate::kernel::Time::MAX));
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
        pair.tell(0, Do::Dial(address(1), crate::kernel::Time::MAX));
        let heard = pair.pass(100_000);
        assert!(matches!(&heard[1], (_, 1, Heard::Opened(_, _, f)) if f.ip() == from.ip()), "{heard:?}");
        assert!(count(&pair, Kind::Moved) > 0 && a != b);
        pair.world.come_home(0);
        pair.tell(1, datagram(from, 3));
        pair.tell(1, datagram(address(0), 4));
        assert_eq!(pair.pass(1_000_000), [(BACK, 0, hears(address(1), 4))]);
    }
}
