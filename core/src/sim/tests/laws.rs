//! What one connection, one datagram, one crash does, to the microsecond.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::chatter::{Chatter, Do, Heard};
use crate::kernel::{CloseHow, Closed, ConnId, DialError, How, Machine, Port, Seed, Ticket, Time};
use crate::sim::{Condition, Config, Jitter, Restart, World, address, address_of};

pub(super) const THERE: u64 = 10_000;
pub(super) const BACK: u64 = 30_000;

/// Two nodes, 10 ms from 0 to 1 and 30 ms back, running since 0; at 1 s.
pub(super) struct Pair {
    pub(super) world: World<Chatter>,
    heard: Vec<(u64, usize, Heard)>,
}

impl Pair {
    pub(super) fn new(config: Config) -> Self {
        let delays = |from: usize, to: usize| if from < to { THERE } else { BACK };
        let mut world = World::new(config, delays, Seed::from_u64(7));
        for _ in 0..2 {
            let node = world.add(Chatter::quiet);
            world.start(node, Time::ZERO);
        }
        let mut pair = Pair { world, heard: Vec::new() };
        pair.pass(1_000_000);
        pair
    }

    pub(super) fn tell(&mut self, node: usize, what: Do) {
        assert_eq!(self.world.command(node, what), Some(Ok(())));
    }

    /// What is heard in the next `micros`, with the time since now; a machine's own sendings left out.
    pub(super) fn pass(&mut self, micros: u64) -> Vec<(u64, usize, Heard)> {
        let (from, until) = (self.world.now(), self.world.now() + Duration::from_micros(micros));
        let mut heard = Vec::new();
        self.world.run_until(until, |at, node, h| heard.push((micros_since(at, from), node, h)));
        self.heard.extend(heard.iter().cloned());
        heard.retain(|(_, _, h)| !matches!(h, Heard::Sent(..)));
        heard
    }

    /// A connection from 0 to 1: its names at both ends.
    pub(super) fn connect(&mut self) -> (ConnId, ConnId) {
        self.tell(0, Do::Dial(address(1), Time::MAX));
        let heard = self.pass(100_000);
        let [
            (40_000, 0, Heard::Opened(a, How::Dialed(Ticket(_)), to)),
            (50_000, 1, Heard::Opened(b, how, from)),
        ] = heard.as_slice()
        else {
            panic!("{heard:?}");
        };
        assert_eq!((*to, from.ip(), *how), (address(1), address(0).ip(), How::Accepted(Port(0))));
        assert_ne!(from.port(), address(0).port());
        (*a, *b)
    }
}

/// So many nodes that say nothing by themselves, 5 ms apart.
pub(super) fn quiet_world(nodes: usize) -> World<Chatter> {
    let mut world = World::new(Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(7));
    for _ in 0..nodes {
        let node = world.add(Chatter::quiet);
        world.start(node, Time::ZERO);
    }
    world.run_until(Time::from_micros(1), |_, _, _| ());
    world
}

fn micros_since(at: Time, from: Time) -> u64 {
    at.as_micros() - from.as_micros()
}

#[test]
fn datagrams_take_their_time() {
    let mut pair = Pair::new(Config::default());
    pair.tell(0, Do::Datagram(address(1), b"a".to_vec()));
    pair.tell(1, Do::Datagram(address(0), b"b".to_vec()));
    pair.tell(0, Do::Datagram(address(2), b"nobody".to_vec()));
    pair.tell(0, Do::Datagram(address_of(1, Port(1)), b"no such port".to_vec()));
    let datagram = |from, bytes: &[u8]| Heard::Datagram(address(from), bytes.to_vec());
    assert_eq!(pair.pass(99_000), [(THERE, 1, datagram(0, b"a")), (BACK, 0, datagram(1, b"b"))]);
    let totals = pair.world.totals();
    assert_eq!((totals.datagrams_sent, totals.datagrams_lost, totals.datagram_bytes), (4, 2, 20));
}

#[test]
fn a_frame_is_flushed_at_once_and_arrives_once() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.tell(0, Do::Send(a, b"hello ".to_vec()));
    pair.tell(0, Do::Send(a, b"worlds".to_vec()));
    pair.tell(1, Do::Send(b, b"odd".to_vec()));
    pair.tell(1, Do::Send(b, b"!".to_vec()));
    assert_eq!(
        pair.pass(99_000),
        [
            (0, 0, Heard::Flushed(a, 6)),
            (0, 0, Heard::Flushed(a, 6)),
            (0, 1, Heard::Flushed(b, 3)),
            (0, 1, Heard::Flushed(b, 1)),
            (THERE, 1, Heard::Received(b, b"hello ".to_vec())),
            (THERE, 1, Heard::Received(b, b"worlds".to_vec())),
            (BACK, 0, Heard::Received(a, b"od".to_vec())),
            (BACK, 0, Heard::Received(a, b"d!".to_vec())),
        ]
    );
}

#[test]
fn dials_fail_as_they_should() {
    let mut pair = Pair::new(Config::default());
    let deadline = pair.world.now() + Duration::from_secs(3);
    let failed = |at, n, why| (at, 0, Heard::DialFailed(Ticket(n), why));
    pair.tell(0, Do::Dial(address(5), deadline));
    pair.tell(0, Do::Dial(address_of(1, Port(9)), deadline));
    pair.tell(0, Do::Dial(SocketAddr::from(([192, 0, 2, 1], 80)), deadline));
    let refused = failed(THERE + BACK, 2, DialError::Refused);
    let unreachable = failed(0, 3, DialError::Unreachable);
    assert_eq!(pair.pass(4_000_000), [unreachable, refused, failed(3_000_000, 1, DialError::TimedOut)]);
    pair.world.kill(1);
    let deadline = pair.world.now() + Duration::from_millis(39);
    pair.tell(0, Do::Dial(address(1), Time::MAX));
    pair.tell(0, Do::Dial(address(1), deadline));
    let timed_out = failed(39_000, 5, DialError::TimedOut);
    assert_eq!(pair.pass(99_000), [timed_out, failed(40_000, 4, DialError::Refused)]);
    assert_eq!(pair.world.connections(), 0);
}

#[test]
fn an_orderly_close_delivers_everything_and_ends_both_sides() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.tell(0, Do::Send(a, b"last".to_vec()));
    pair.tell(0, Do::Close(a, CloseHow::Flush));
    pair.tell(0, Do::Send(a, b"too late".to_vec()));
    pair.tell(0, Do::Close(a, CloseHow::Abort));
    pair.tell(1, Do::Send(b, b"unheard".to_vec()));
    assert_eq!(
        pair.pass(2_000_000),
        [
            (0, 0, Heard::Flushed(a, 4)),
            (0, 1, Heard::Flushed(b, 7)),
            (THERE, 1, Heard::Received(b, b"last".to_vec())),
            (THERE, 1, Heard::Closed(b, Closed::ByPeer)),
            (THERE + BACK, 0, Heard::Closed(a, Closed::ByUs)),
        ]
    );
    assert_eq!(pair.world.connections(), 0);
}

#[test]
fn a_reset_ends_both_sides_after_what_had_left() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.tell(0, Do::Send(a, b"last".to_vec()));
    pair.tell(0, Do::Close(a, CloseHow::Abort));
    assert_eq!(
        pair.pass(99_000),
        [
            (0, 0, Heard::Flushed(a, 4)),
            (0, 0, Heard::Closed(a, Closed::ByUs)),
            (THERE, 1, Heard::Received(b, b"last".to_vec())),
            (THERE, 1, Heard::Closed(b, Closed::Broken)),
        ]
    );
    assert_eq!(pair.world.connections(), 0);
}

#[test]
fn a_slow_reader_holds_the_sender_back() {
    let mut pair = Pair::new(Config { window: 10, ..Config::default() });
    let (a, b) = pair.connect();
    pair.tell(1, Do::Reading(b, false));
    pair.tell(0, Do::Send(a, b"12345678".to_vec()));
    pair.tell(0, Do::Send(a, b"abcdefgh".to_vec()));
    let [(0, 0, Heard::Flushed(_, 8)), (0, 0, Heard::Flushed(_, 2))] = pair.pass(500_000)[..] else {
        panic!("{:?}", pair.heard);
    };
    pair.tell(1, Do::Reading(b, true));
    assert_eq!(
        pair.pass(500_000),
        [
            (0, 1, Heard::Received(b, b"12345678ab".to_vec())),
            (BACK, 0, Heard::Flushed(a, 6)),
            (BACK + THERE, 1, Heard::Received(b, b"cdefgh".to_vec())),
        ]
    );
    pair.tell(1, Do::Reading(b, true));
    pair.tell(1, Do::Reading(b, false));
    pair.tell(1, Do::Reading(b, true));
    assert_eq!(
        pair.pass(500_000),
        [(0, 1, Heard::Received(b, vec![]))],
        "shown again, even with nothing new"
    );
}

#[test]
fn an_end_waits_for_the_reader() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.tell(1, Do::Reading(b, false));
    pair.tell(0, Do::Send(a, b"last".to_vec()));
    pair.tell(0, Do::Close(a, CloseHow::Flush));
    assert_eq!(
        pair.pass(5_000_000),
        [(0, 0, Heard::Flushed(a, 4)), (1_000_000, 0, Heard::Closed(a, Closed::ByUs))]
    );
    pair.tell(1, Do::Reading(b, true));
    assert_eq!(
        pair.pass(5_000_000),
        [(0, 1, Heard::Received(b, b"last".to_vec())), (0, 1, Heard::Closed(b, Closed::ByPeer))]
    );
    assert_eq!(pair.world.connections(), 0);
}

#[test]
fn who_goes_on_talking_to_a_closed_end_is_reset() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.tell(1, Do::Reading(b, false));
    pair.tell(0, Do::Close(a, CloseHow::Flush));
    assert_eq!(pair.pass(5_000_000), [(1_000_000, 0, Heard::Closed(a, Closed::ByUs))]);
    pair.tell(1, Do::Send(b, b"still there?".to_vec()));
    assert_eq!(
        pair.pass(5_000_000),
        [(0, 1, Heard::Flushed(b, 12)), (BACK + THERE, 1, Heard::Closed(b, Closed::Broken))]
    );
}

#[test]
fn a_dial_that_timed_out_in_a_frozen_process_is_taken_back() {
    let mut pair = Pair::new(Config::default());
    pair.tell(0, Do::Dial(address(1), pair.world.now() + Duration::from_millis(39)));
    pair.world.freeze(0);
    let heard = pair.pass(100_000);
    let [(50_000, 1, Heard::Opened(b, ..))] = heard[..] else { panic!("the host has answered: {heard:?}") };
    pair.world.thaw(0);
    assert_eq!(
        pair.pass(100_000),
        [
            (0, 0, Heard::DialFailed(Ticket(1), DialError::TimedOut)),
            (THERE, 1, Heard::Closed(b, Closed::Broken)),
        ]
    );
    assert_eq!(pair.world.connections(), 0);
}

#[test]
fn a_close_gives_up_on_a_peer_that_never_reads() {
    let mut pair = Pair::new(Config { window: 2, ..Config::default() });
    let (a, b) = pair.connect();
    pair.tell(1, Do::Reading(b, false));
    pair.tell(0, Do::Send(a, b"more than fits".to_vec()));
    pair.tell(0, Do::Close(a, CloseHow::Flush));
    assert_eq!(
        pair.pass(9_000_000),
        [
            (0, 0, Heard::Flushed(a, 2)),
            (5_000_000, 0, Heard::Closed(a, Closed::ByUs)),
            (5_000_000 + THERE, 1, Heard::Closed(b, Closed::Broken)),
        ]
    );
}

#[test]
fn a_kill_is_heard_and_a_power_cut_is_not() {
    let mut pair = Pair::new(Config::default());
    let (a, _) = pair.connect();
    pair.world.kill(1);
    let heard = pair.pass(9_000_000);
    let [(BACK, 0, Heard::Closed(closed, Closed::ByPeer | Closed::Broken))] = heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!((closed, pair.world.connections(), pair.world.condition(1)), (a, 0, Condition::Down));

    pair.world.restart(1, Restart::Keeping);
    assert_eq!(pair.pass(1), [(0, 1, Heard::Started(2))]);
    let (a, _) = pair.connect();
    pair.world.halt(1);
    pair.tell(0, Do::Send(a, b"anybody there".to_vec()));
    assert_eq!(pair.pass(60_000_000), [(0, 0, Heard::Flushed(a, 13))]);
    pair.world.restart(1, Restart::Keeping);
    assert_eq!(
        pair.pass(9_000_000),
        [(0, 1, Heard::Started(3)), (BACK, 0, Heard::Closed(a, Closed::Broken))],
        "the host is back and knows of no connection"
    );
}

#[test]
fn a_dial_to_a_host_that_comes_back_goes_on() {
    let mut pair = Pair::new(Config::default());
    pair.world.halt(1);
    pair.tell(0, Do::Dial(address(1), Time::MAX));
    assert_eq!(pair.pass(700_000), []);
    pair.world.restart(1, Restart::Keeping);
    let heard = pair.pass(700_000);
    let [(0, 1, Heard::Started(2)), (BACK, 0, Heard::Opened(..)), (40_000, 1, Heard::Opened(..))] = heard[..]
    else {
        panic!("{heard:?}");
    };
}

#[test]
fn a_dialler_that_loses_power_behind_a_cut_leaves_nothing() {
    let mut pair = Pair::new(Config::default());
    pair.tell(0, Do::Dial(address(1), Time::MAX));
    pair.pass(THERE + 1);
    pair.world.cut(0, 1);
    let heard = pair.pass(BACK);
    let [(_, 0, Heard::Opened(..))] = heard[..] else { panic!("{heard:?}") };
    pair.world.halt(0);
    assert_eq!((pair.world.connections(), pair.pass(9_000_000)), (0, vec![]));
}

#[test]
fn a_frozen_process_hears_everything_before_the_time() {
    let mut pair = Pair::new(Config { datagram_backlog: 2, ..Config::default() });
    let (a, b) = pair.connect();
    let wake = pair.world.now() + Duration::from_secs(1);
    pair.tell(1, Do::WakeAt(wake));
    pair.world.freeze(1);
    assert_eq!(pair.world.command(1, Do::Load), None);
    pair.tell(0, Do::Send(a, b"tcp1".to_vec()));
    for i in 0..3 {
        pair.tell(0, Do::Datagram(address(1), vec![i]));
    }
    pair.tell(0, Do::Dial(address(1), Time::MAX));
    assert_eq!(pair.pass(1), [(0, 0, Heard::Flushed(a, 4))]);
    pair.tell(0, Do::Close(a, CloseHow::Abort));
    let heard = pair.pass(3_000_000);
    let [(0, 0, Heard::Closed(..)), (39_999, 0, Heard::Opened(..))] = heard[..] else {
        panic!("the host accepts for a stopped process: {heard:?}");
    };
    pair.world.thaw(1);
    let heard = pair.pass(1_000_000);
    let [
        (0, 1, Heard::Received(..)),
        (0, 1, Heard::Datagram(..)),
        (0, 1, Heard::Datagram(..)),
        (0, 1, Heard::Closed(closed, Closed::Broken)),
        (0, 1, Heard::Opened(..)),
        (0, 1, Heard::Tick),
    ] = heard[..]
    else {
        panic!("{heard:?}");
    };
    assert_eq!((closed, pair.world.totals().datagrams_lost), (b, 1));
}

#[test]
fn a_cut_holds_connections_and_swallows_datagrams() {
    let mut pair = Pair::new(Config::default());
    let (a, b) = pair.connect();
    pair.world.cut(0, 1);
    pair.tell(0, Do::Send(a, b"held".to_vec()));
    pair.tell(0, Do::Datagram(address(1), b"gone".to_vec()));
    pair.tell(1, Do::Send(b, b"goes".to_vec()));
    let back = (BACK, 0, Heard::Received(a, b"goes".to_vec()));
    assert_eq!(pair.pass(9_000_000), [(0, 0, Heard::Flushed(a, 4)), (0, 1, Heard::Flushed(b, 4)), back]);
    assert!(pair.world.is_cut(0, 1) && !pair.world.is_cut(1, 0));
    pair.world.heal_all();
    assert_eq!(pair.pass(9_000_000), [(THERE, 1, Heard::Received(b, b"held".to_vec()))]);
}

#[test]
fn a_kill_leaves_what_was_written_and_a_power_cut_what_was_synced() {
    let mut pair = Pair::new(Config::default());
    let kept = |pair: &Pair, key| pair.world.stored(0, key).map(|octets| octets.to_vec());
    pair.tell(0, Do::Draft("first"));
    pair.tell(0, Do::Store(Some(b"one".to_vec())));
    pair.tell(0, Do::Draft("second"));
    let stored = |at| (at, 0, Heard::Stored(true));
    assert_eq!(pair.pass(2_000), [stored(20), stored(1_000), stored(1_000)], "in order");
    pair.world.restart(0, Restart::Keeping);
    assert_eq!(kept(&pair, "draft"), Some(b"second".to_vec()));
    pair.tell(0, Do::Draft("third"));
    pair.pass(2_000);
    pair.world.kill(0);
    assert_eq!(kept(&pair, "draft"), Some(b"third".to_vec()));
    pair.world.halt(0);
    assert_eq!(kept(&pair, "draft"), Some(b"first".to_vec()), "it was synced with what came behind it");
    assert_eq!(kept(&pair, "word"), Some(b"one".to_vec()));
    pair.world.restart(0, Restart::Keeping);
    assert_eq!(kept(&pair, "draft"), Some(b"first".to_vec()));
}

#[test]
fn a_disk_answers_late_and_forgets_what_it_had_not_answered() {
    let mut pair = Pair::new(Config::default());
    pair.tell(0, Do::Store(Some(b"one".to_vec())));
    assert_eq!(pair.pass(2_000), [(1_000, 0, Heard::Stored(true))]);
    pair.tell(0, Do::Store(Some(b"two".to_vec())));
    pair.pass(999);
    pair.world.restart(0, Restart::Keeping);
    pair.tell(0, Do::Load);
    let loaded = |value: Option<&[u8]>| (1_000, 0, Heard::Loaded(value.map(<[u8]>::to_vec)));
    assert_eq!(pair.pass(2_000), [(0, 0, Heard::Started(2)), loaded(Some(b"one"))]);
    assert_eq!(pair.world.stored(0, "word").map(|v| &v[..]), Some(&b"one"[..]));
    pair.world.break_disk(0);
    pair.tell(0, Do::Store(Some(b"three".to_vec())));
    assert_eq!(pair.pass(2_000), [(1_000, 0, Heard::Stored(false))]);
    pair.world.fill_disk(0);
    pair.tell(0, Do::Store(Some(b"three".to_vec())));
    pair.tell(0, Do::Load);
    assert_eq!(pair.pass(2_000), [(1_000, 0, Heard::Stored(false)), loaded(Some(b"one"))], "it can be read");
    pair.world.mend_disk(0);
    pair.tell(0, Do::Load);
    assert_eq!(pair.pass(2_000), [loaded(Some(b"one"))]);
    pair.tell(0, Do::Scan("wo"));
    pair.tell(0, Do::Scan("work"));
    let scanned = |entries: &[&[u8]]| {
        (1_000, 0, Heard::Scanned(entries.iter().map(|entry| entry.to_vec()).collect(), false))
    };
    assert_eq!(pair.pass(2_000), [scanned(&[b"wordone"]), scanned(&[])]);
    pair.world.restart(0, Restart::Forgetting);
    pair.tell(0, Do::Load);
    assert_eq!(pair.pass(2_000), [(0, 0, Heard::Started(3)), loaded(None)]);
}

#[test]
fn a_machine_is_woken_when_it_asked_and_counted() {
    let mut pair = Pair::new(Config::default());
    let now = pair.world.now();
    pair.tell(0, Do::WakeAt(now + Duration::from_micros(500)));
    pair.tell(0, Do::WakeAt(now + Duration::from_micros(300)));
    pair.tell(0, Do::WakeAt(now + Duration::from_micros(700)));
    assert_eq!(pair.pass(2_000), [(700, 0, Heard::Tick)]);
    pair.tell(0, Do::WakeAt(now));
    assert_eq!(pair.pass(2_000), [(0, 0, Heard::Tick)]);
    assert_eq!(
        (pair.world.counters(0).wakes.as_slice(), pair.world.totals().wake_ups()),
        (&[("chat", 2)][..], 2)
    );
}

#[test]
#[should_panic(expected = "wants to be woken at once again: a broken machine")]
fn a_machine_that_never_sleeps_is_found_out() {
    struct Sleepless;
    impl Machine for Sleepless {
        type Command = ();
        type Reply = ();
        type Refusal = ();
        type Event = ();
        fn handle(&mut self, _: Time, _: crate::kernel::Input<'_>) {}
        fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
            Ok(())
        }
        fn poll(&mut self) -> Option<crate::kernel::Output<()>> {
            None
        }
        fn poll_timeout(&self) -> Option<crate::kernel::Wake> {
            Some(crate::kernel::Wake { at: Time::from_micros(5), why: "no reason" })
        }
    }
    let mut world = World::new(Config::default(), |_: usize, _: usize| 1, Seed::from_u64(1));
    world.add(|_| Sleepless);
    world.start(0, Time::ZERO);
    world.run_until(Time::from_secs(1), |_, _, ()| ());
}

#[test]
fn machines_of_different_kinds_live_in_one_world() {
    type Any = Box<dyn Machine<Command = Do, Reply = (), Refusal = (), Event = Heard>>;
    let mut world = World::<Any>::new(Config::default(), |_: usize, _: usize| 5, Seed::from_u64(1));
    world.add(|boot| Box::new(Chatter::quiet(boot)) as Any);
    world.add(|boot| Box::new(Chatter::talking(boot, 2, Duration::from_millis(5))) as Any);
    world.start(0, Time::ZERO);
    world.start(1, Time::from_secs(1));
    let mut events = [0; 2];
    world.run_until(Time::from_secs(2), |_, node, _| events[node] += 1);
    assert!(events[0] > 10 && events[1] > 100, "{events:?}");
}

#[test]
fn loss_and_jitter_are_what_was_asked_for() {
    let max = Duration::from_millis(5);
    let mut pair =
        Pair::new(Config { loss_per_million: 200_000, jitter: Jitter::Uniform { max }, ..Config::default() });
    for _ in 0..5_000 {
        pair.tell(0, Do::Datagram(address(1), b"x".to_vec()));
    }
    let times: Vec<u64> = pair.pass(100_000).iter().map(|(at, _, _)| *at).collect();
    assert!((3_850..4_150).contains(&times.len()), "{}", times.len());
    assert!(times[0] < THERE + 50 && times[0] >= THERE, "{}", times[0]);
    let last = times[times.len() - 1];
    assert!((THERE + 4_950..=THERE + 5_000).contains(&last), "{last}");

    let median = Duration::from_millis(2);
    let mut pair =
        Pair::new(Config { jitter: Jitter::LogNormal { median, spread: 1_000 }, ..Config::default() });
    for _ in 0..5_000 {
        pair.tell(0, Do::Datagram(address(1), b"x".to_vec()));
    }
    let extra: Vec<u64> = pair.pass(1_000_000).iter().map(|(at, _, _)| *at - THERE).collect();
    let middle = extra[extra.len() / 2];
    assert!((1_850..2_150).contains(&middle), "half are below the median: {middle}");
    let above = extra.iter().filter(|e| **e > 4_000).count();
    assert!((700..950).contains(&above), "a sixth is above twice the median: {above} of 5000");
}

#[test]
fn one_way_can_lose_more_than_others() {
    let mut pair = Pair::new(Config::default());
    pair.world.set_link_loss(0, 1, Some(1_000_000));
    pair.tell(0, Do::Datagram(address(1), b"a".to_vec()));
    pair.tell(1, Do::Datagram(address(0), b"b".to_vec()));
    assert_eq!(pair.pass(99_000).len(), 1);
    pair.world.set_link_loss(0, 1, None);
    pair.tell(0, Do::Datagram(address(1), b"a".to_vec()));
    assert_eq!(pair.pass(99_000).len(), 1);
}
