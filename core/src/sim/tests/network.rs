//! What each fault of the network does, to the microsecond where that can be said.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::chatter::{Do, Heard};
use super::laws::{BACK, Pair, THERE};
use crate::kernel::{CloseHow, Closed, Time};
use crate::sim::faults::{self, Action, Agenda, Island};
use crate::sim::{Bursts, Condition, Config, Kind, World, address};

fn count(pair: &Pair, kind: Kind) -> u64 {
    pair.world.tally().of(kind)
}

fn numbered(n: u32) -> Do {
    Do::Datagram(address(1), n.to_be_bytes().to_vec())
}

/// The numbers in the datagrams that node 1 heard.
fn numbers(heard: &[(u64, usize, Heard)]) -> Vec<u32> {
    let number = |h: &Heard| match h {
        Heard::Datagram(_, bytes) => bytes.as_slice().try_into().ok().map(u32::from_be_bytes),
        _ => None,
    };
    heard.iter().filter_map(|(_, _, h)| number(h)).collect()
}

/// Sends so many numbered datagrams, 1 ms apart.
fn stream(pair: &mut Pair, count: u32) -> Vec<u32> {
    let mut heard = Vec::new();
    for n in 0..count {
        pair.tell(0, numbered(n));
        heard.extend(pair.pass(1_000));
    }
    heard.extend(pair.pass(2_000_000));
    numbers(&heard)
}

#[test]
fn losses_come_in_bursts_that_end() {
    let mut pair = Pair::new(Config::default());
    let bursts = Bursts { begin_per_million: 10_000, end_per_million: 100_000, loss_per_million: 1_000_000 };
    pair.world.set_bursts(Some(bursts));
    let arrived = stream(&mut pair, 20_000);
    let gaps: Vec<usize> =
        arrived.windows(2).map(|w| (w[1] - w[0] - 1) as usize).filter(|gap| *gap > 0).collect();
    let (lost, bursts) = (gaps.iter().sum::<usize>(), gaps.len());
    // A good way turns bad after 100 datagrams in the mean, a bad one good after ten.
    assert!((1_400..2_300).contains(&lost), "one of eleven is lost: {lost}");
    assert!(
        (130..240).contains(&bursts) && (8..13).contains(&(lost / bursts)),
        "{bursts} bursts, {lost} lost"
    );
    assert_eq!(20_000 - arrived.len() as u64, count(&pair, Kind::Burst));
    pair.world.clear_weather();
    assert_eq!(stream(&mut pair, 100).len(), 100);
}

#[test]
fn datagrams_come_twice_and_connections_do_not() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.world.set_duplicates(250_000);
    let arrived = stream(&mut pair, 4_000);
    assert!((4_850..5_150).contains(&arrived.len()), "{}", arrived.len());
    assert_eq!(count(&pair, Kind::Duplicate), arrived.len() as u64 - 4_000);
    pair.world.set_duplicates(1_000_000);
    pair.tell(0, Do::Send(a, b"once".to_vec()));
    assert_eq!(
        pair.pass(99_000),
        [(0, 0, Heard::Flushed(a, 4)), (THERE, 1, Heard::Received(b, b"once".to_vec()))]
    );
    pair.world.clear_weather();
    assert_eq!(stream(&mut pair, 100).len(), 100);
}

#[test]
fn datagrams_overtake_each_other() {
    let mut pair = Pair::new(Config::default());
    assert!(stream(&mut pair, 1_000).is_sorted(), "without jitter they keep their order");
    pair.world.set_reordering(100_000, Duration::from_millis(50));
    let arrived = stream(&mut pair, 1_000);
    let overtaken = arrived.windows(2).filter(|w| w[1] < w[0]).count();
    assert!(arrived.len() == 1_000 && (60..130).contains(&overtaken), "{overtaken}");
    assert!((70..130).contains(&count(&pair, Kind::Reorder)));
}

#[test]
fn a_cut_of_one_way_is_counted_by_what_it_stops() {
    let mut pair = Pair::new(Config::default());
    pair.world.cut(0, 1);
    pair.world.cut(1, 0);
    pair.world.heal(1, 0);
    assert_eq!(count(&pair, Kind::Cut), 0, "nothing was sent");
    pair.tell(0, numbered(1));
    pair.tell(1, Do::Datagram(address(0), b"back".to_vec()));
    assert_eq!(pair.pass(99_000), [(BACK, 0, Heard::Datagram(address(1), b"back".to_vec()))]);
    assert_eq!(count(&pair, Kind::Cut), 1);
}

#[test]
fn a_partition_separates_two_sets_for_its_time() {
    let mut pair = Pair::new(Config::default());
    let mut agenda = Agenda::new(World::most_connected);
    let time = Duration::from_secs(5);
    let mut act = |pair: &mut Pair, island| {
        agenda.act(&mut pair.world, &Action::Partition { island: Island(island), time });
        let cut = [(0, 1), (1, 0)].map(|(a, b)| pair.world.is_cut(a, b));
        agenda.pass(&mut pair.world, time - Duration::from_micros(1), |_, _, _| ());
        let still = pair.world.is_cut(0, 1);
        agenda.pass(&mut pair.world, Duration::from_micros(1), |_, _, _| ());
        (cut, still, pair.world.is_cut(0, 1) || pair.world.is_cut(1, 0))
    };
    assert_eq!(act(&mut pair, 0b10), ([true; 2], true, false));
    assert_eq!(act(&mut pair, 0b11), ([false; 2], false, false), "all on one side");
    assert_eq!(count(&pair, Kind::Partition), 1);
}

#[test]
fn a_flapping_way_goes_and_comes() {
    let mut pair = Pair::new(Config::default());
    let flap = Action::Flap { a: 0, b: 1, every: Duration::from_millis(100), times: 3 };
    let mut agenda = Agenda::new(World::most_connected);
    agenda.act(&mut pair.world, &flap);
    let cut: Vec<bool> = (0..8)
        .map(|_| {
            agenda.pass(&mut pair.world, Duration::from_millis(50), |_, _, _| ());
            let cut = pair.world.is_cut(0, 1);
            agenda.pass(&mut pair.world, Duration::from_millis(50), |_, _, _| ());
            cut
        })
        .collect();
    assert_eq!(cut, [true, false, true, false, true, false, false, false]);
    assert_eq!(count(&pair, Kind::Flap), 3);
}

#[test]
fn what_the_network_forgot_swallows_all_until_a_host_gives_up() {
    let mut pair = Pair::new(Config { patience: Duration::from_secs(30), ..Config::default() });
    let (a, b) = pair.connect();
    pair.tell(0, Do::Send(a, b"before".to_vec()));
    pair.world.sever(1, 0);
    pair.tell(1, Do::Datagram(address(0), b"goes".to_vec()));
    assert_eq!(
        pair.pass(1_000_000),
        [
            (0, 0, Heard::Flushed(a, 6)),
            (THERE, 1, Heard::Received(b, b"before".to_vec())),
            (BACK, 0, Heard::Datagram(address(1), b"goes".to_vec())),
        ]
    );
    pair.tell(0, Do::Close(a, CloseHow::Flush));
    assert_eq!(
        pair.pass(100_000_000),
        [(1_000_000, 0, Heard::Closed(a, Closed::ByUs))],
        "the other believes"
    );
    pair.tell(1, Do::Send(b, b"anybody".to_vec()));
    assert_eq!(
        pair.pass(100_000_000),
        [(0, 1, Heard::Flushed(b, 7)), (30_000_000, 1, Heard::Closed(b, Closed::Broken))]
    );
    assert_eq!((pair.world.connections(), count(&pair, Kind::HalfOpen)), (0, 2));
    pair.connect();
}

#[test]
fn a_connection_forgotten_while_it_is_made_leaves_nothing() {
    let mut pair = Pair::new(Config::default());
    pair.tell(0, Do::Dial(address(1), pair.world.now() + Duration::from_secs(3)));
    pair.pass(THERE - 1);
    pair.world.sever(0, 1);
    let heard = pair.pass(9_000_000);
    assert!(matches!(heard[..], [(_, 0, Heard::DialFailed(..))]), "{heard:?}");
    assert_eq!(pair.world.connections(), 0);
}

#[test]
fn a_slow_reader_reads_so_many_octets_a_second() {
    let mut pair = Pair::new(Config { window: 400, ..Config::default() });
    let (a, b) = pair.connect();
    pair.world.set_reading_rate(1, Some(100));
    pair.tell(0, Do::Send(a, vec![7; 1_000]));
    let octets = |heard: &[(u64, usize, Heard)], of: fn(&Heard) -> usize| -> usize {
        heard.iter().map(|(_, _, h)| of(h)).sum()
    };
    let read = |h: &Heard| if let Heard::Received(_, octets) = h { octets.len() } else { 0 };
    let flushed = |h: &Heard| if let Heard::Flushed(_, n) = h { *n } else { 0 };
    let heard = pair.pass(5_000_000);
    let first = octets(&heard, read);
    assert!((480..=510).contains(&first), "{first}");
    let left = octets(&heard, flushed);
    assert!((850..=900).contains(&left), "the window holds the sender back: {left}");
    pair.world.set_reading_rate(1, Some(0));
    assert_eq!(octets(&pair.pass(5_000_000), read), 0);
    pair.tell(0, Do::Close(a, CloseHow::Flush));
    assert_eq!(pair.pass(100_000), [], "what was not read stands before the end");
    pair.world.set_reading_rate(1, None);
    let heard = pair.pass(500_000);
    assert_eq!(first + octets(&heard, read), 1_000);
    let at_reader: Vec<&Heard> = heard.iter().filter(|(_, node, _)| *node == 1).map(|(_, _, h)| h).collect();
    assert_eq!(at_reader.last(), Some(&&Heard::Closed(b, Closed::ByPeer)));
    assert!(count(&pair, Kind::SlowReader) > 0);
}

#[test]
fn hubs_are_those_with_most_connections() {
    let mut world = super::laws::quiet_world(4);
    for (from, to) in [(0, 2), (1, 2), (3, 2), (3, 1)] {
        world.command(from, Do::Dial(address(to), Time::MAX)).unwrap().unwrap();
    }
    world.run_until(Time::from_secs(1), |_, _, _| ());
    assert_eq!(world.most_connected(), [2, 1, 3, 0]);
    faults::play(&mut world, &[Action::Hubs { count: 2 }], |_, _, _| ());
    let down = [0, 1, 2, 3].map(|node| world.condition(node) == Condition::Down);
    assert_eq!(down, [false, true, true, false]);
    assert_eq!((world.tally().of(Kind::Hub), world.tally().of(Kind::Kill)), (2, 2));
}

#[test]
fn churn_follows_traces_and_ends_with_everybody_there() {
    let traces = |seed| {
        let mut world = super::laws::quiet_world(4);
        let (on, off) = (Duration::from_secs(4), Duration::from_secs(1));
        let time = Duration::from_secs(100);
        let mut agenda = Agenda::new(World::most_connected);
        agenda.act(&mut world, &Action::Churn { seed, on, off, time });
        let there: Vec<[bool; 4]> = (0..1_000)
            .map(|_| {
                agenda.pass(&mut world, Duration::from_millis(100), |_, _, _| ());
                [0, 1, 2, 3].map(|node| world.condition(node) == Condition::Running)
            })
            .collect();
        assert_eq!(there.last(), Some(&[true; 4]));
        assert_eq!(world.tally().of(Kind::Churn), 2 * world.tally().of(Kind::Kill));
        there
    };
    let one = traces(1);
    let there = one.iter().flatten().filter(|there| **there).count();
    assert!((2_900..3_500).contains(&there), "four of five are there: {there} of 4000");
    assert!(one == traces(1) && one != traces(2));
}
