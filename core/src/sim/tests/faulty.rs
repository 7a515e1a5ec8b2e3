//! Laws that hold whatever goes wrong, in worlds of talkers under drawn faults.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use proptest::prelude::*;

use super::chatter::{Chatter, Do, Heard};
use crate::kernel::{CloseHow, Closed, ConnId, DialError, How, Output, Seed, Streams, Ticket, Time};
use crate::sim::faults::{self, Action, Severity};
use crate::sim::{Config, Jitter, Kind, Restart, Trace, World, address, node_at, strategies};

const NODES: usize = 4;
const SEVERITY: Severity =
    Severity { nodes: NODES, wait: Duration::from_millis(900), loss_per_million: 500_000 };
const DELAY: u64 = 4_000;

struct Run {
    heard: Vec<(Time, usize, Heard)>,
    /// How many dials were asked for.
    dials: usize,
    hash: u64,
    world: World<Chatter>,
}

/// Talkers under faults; then everything is right again, all talk for ten seconds, then say a last word.
fn run(seed: u64, actions: &[Action], window: usize) -> Run {
    let jitter = Jitter::Uniform { max: Duration::from_millis(3) };
    let config = Config { jitter, window, patience: Duration::from_secs(20), ..Config::default() };
    let mut world = World::new(config, |_: usize, _: usize| DELAY, Seed::from_u64(seed));
    for node in 0..NODES {
        world.add(|boot| Chatter::talking(boot, NODES + 1, Duration::from_millis(20)));
        world.start(node, Time::from_millis(node as u64));
    }
    let seen = Rc::new(RefCell::new((Trace::new(), 0)));
    let sink = Rc::clone(&seen);
    world.observe(move |now, node, output| {
        let (trace, dials) = &mut *sink.borrow_mut();
        trace.add(now, node, output);
        *dials += usize::from(matches!(output, Output::Dial { .. }));
    });
    let mut heard = Vec::new();
    faults::play(&mut world, actions, |at, node, h| heard.push((at, node, h)));
    faults::recover(&mut world);
    let mut run = Run { heard, dials: 0, hash: 0, world };
    run.pass(Duration::from_secs(10));
    for node in 0..NODES {
        assert_eq!(run.world.command(node, Do::Hush), Some(Ok(())));
    }
    run.pass(Duration::from_secs(100));
    (run.hash, run.dials) = (seen.borrow().0.hash(), seen.borrow().1);
    run
}

impl Run {
    fn pass(&mut self, time: Duration) {
        let heard = &mut self.heard;
        self.world.run_until(self.world.now() + time, |at, node, h| heard.push((at, node, h)));
    }
}

/// One end of a connection, as its process saw it.
#[derive(Default)]
struct Seen {
    node: usize,
    peer: usize,
    opened: u32,
    closed: u32,
    /// Its process has ended.
    dead: bool,
    sent: Vec<(Time, u8)>,
    flushed: usize,
    received: Vec<(Time, u8)>,
}

impl Seen {
    fn is_open(&self) -> bool {
        self.closed == 0 && !self.dead
    }

    fn hear(&mut self, at: Time, heard: &Heard) {
        assert!(!self.dead && self.closed == 0, "{heard:?} after the end");
        assert_eq!(self.opened, u32::from(!matches!(heard, Heard::Opened(..))), "{heard:?} out of turn");
        match heard {
            Heard::Opened(_, _, remote) => {
                self.opened += 1;
                self.peer = node_at(*remote).unwrap().0;
            }
            Heard::Closed(..) => self.closed += 1,
            Heard::Sent(_, bytes) => self.sent.extend(bytes.iter().map(|b| (at, *b))),
            Heard::Received(_, bytes) => self.received.extend(bytes.iter().map(|b| (at, *b))),
            Heard::Flushed(_, n) => self.flushed += n,
            _ => {}
        }
    }
}

fn ends(run: &Run) -> BTreeMap<ConnId, Seen> {
    let mut ends = BTreeMap::<ConnId, Seen>::new();
    for (at, node, heard) in &run.heard {
        match heard {
            Heard::Opened(conn, ..)
            | Heard::Received(conn, _)
            | Heard::Flushed(conn, _)
            | Heard::Closed(conn, _)
            | Heard::Sent(conn, _) => {
                let end = ends.entry(*conn).or_insert_with(|| Seen { node: *node, ..Seen::default() });
                assert_eq!(end.node, *node);
                end.hear(*at, heard);
            }
            Heard::Started(_) => ends.values_mut().filter(|e| e.node == *node).for_each(|e| e.dead = true),
            _ => {}
        }
    }
    ends
}

/// The same connection's other end: the names differ in the last bit.
fn other(conn: ConnId) -> ConnId {
    ConnId(conn.0 ^ 1)
}

fn check_bytes(run: &Run) -> Result<(), TestCaseError> {
    let ends = ends(run);
    for (conn, end) in &ends {
        prop_assert!(end.flushed <= end.sent.len());
        let Some(peer) = ends.get(&other(*conn)) else {
            prop_assert!(end.received.is_empty());
            continue;
        };
        prop_assert_eq!((end.peer, peer.peer), (peer.node, end.node));
        prop_assert!(end.received.len() <= peer.sent.len());
        for ((sent, byte), (received, same)) in peer.sent.iter().zip(&end.received) {
            prop_assert_eq!(byte, same, "what arrives is what was sent, in order");
            prop_assert!(
                *received >= *sent + Duration::from_micros(DELAY),
                "nothing arrives before its delay"
            );
        }
        // One that has asked for a close is not told of what is flushed after.
        prop_assert!(!peer.is_open() || end.received.len() <= peer.flushed, "flushed before it arrives");
    }
    prop_assert!(run.heard.windows(2).all(|w| w[0].0 <= w[1].0), "time goes forward");
    Ok(())
}

/// Once a word was said on every connection, nobody holds half of one; and all that was sent has arrived.
fn check_pairs(run: &Run) -> Result<(), TestCaseError> {
    let ends = ends(run);
    for (conn, end) in ends.iter().filter(|(_, end)| end.is_open()) {
        let peer = ends.get(&other(*conn));
        prop_assert!(peer.is_some_and(Seen::is_open), "{:?} of node {} is half open", conn, end.node);
        prop_assert!(peer.is_some_and(|peer| end.received.len() == peer.sent.len() / 2 * 2));
    }
    let open = ends.values().filter(|end| end.is_open()).count();
    prop_assert_eq!(run.world.connections() * 2, open, "the world remembers nothing else");
    Ok(())
}

/// A crash is heard at the other end of every connection, once.
fn check_crash(run: &mut Run) -> Result<(), TestCaseError> {
    run.world.kill(0);
    run.pass(Duration::from_secs(1));
    for (conn, end) in ends(run).iter().filter(|(_, end)| end.peer == 0 && end.node != 0) {
        prop_assert!(!end.is_open(), "{:?} of node {} was not told", conn, end.node);
    }
    Ok(())
}

/// How each dial ended: at most one answer for each start's ticket, and one for each that had the time.
fn check_dials(run: &Run) -> Result<(), TestCaseError> {
    let mut answers = BTreeMap::<(usize, u32, Ticket), u32>::new();
    let mut starts = [0; NODES];
    for (_, node, heard) in &run.heard {
        match heard {
            Heard::Started(start) => starts[*node] = *start,
            Heard::Opened(_, How::Dialed(ticket), _) | Heard::DialFailed(ticket, _) => {
                *answers.entry((*node, starts[*node], *ticket)).or_default() += 1;
            }
            _ => {}
        }
    }
    prop_assert!(answers.values().all(|n| *n == 1), "one answer each: {answers:?}");
    prop_assert!(answers.len() <= run.dials);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn laws_hold_under_faults(seed: u64, window in 20usize..200, actions in strategies::actions(SEVERITY, 0..40)) {
        let mut first = run(seed, &actions, window);
        check_bytes(&first)?;
        check_pairs(&first)?;
        check_dials(&first)?;
        prop_assert_eq!(first.hash, run(seed, &actions, window).hash, "the same seed, the same trace");
        check_crash(&mut first)?;
    }
}

#[test]
fn drawn_faults_do_something_and_can_be_drawn_again() {
    let drawn = |seed| faults::draw(&mut Streams::new(Seed::from_u64(seed)).named("faults"), SEVERITY, 60);
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    let (one, other) = (run(1, &drawn(1), 100), run(2, &drawn(1), 100));
    assert_ne!(one.hash, other.hash);
    let runs = [one, other, run(3, &drawn(3), 100), run(4, &drawn(4), 100)];
    let heard =
        |what: fn(&Heard) -> bool| runs.iter().flat_map(|run| &run.heard).filter(|(_, _, h)| what(h)).count();
    assert!(heard(|h| matches!(h, Heard::Closed(..))) > 10);
    assert!(heard(|h| matches!(h, Heard::DialFailed(_, DialError::TimedOut))) > 3);
    assert!(heard(|h| matches!(h, Heard::DialFailed(_, DialError::Refused))) > 3);
    assert!(heard(|h| matches!(h, Heard::Received(..))) > 100);
    assert!(runs.iter().all(|run| run.world.totals().datagrams_lost > 10));
}

#[test]
fn laws_hold_after_the_network_forgot_connections() {
    let sever = |b| [Action::Sever { a: 0, b }, Action::Wait { time: Duration::from_millis(500) }];
    let actions: Vec<Action> = [Action::Wait { time: Duration::from_secs(2) }]
        .into_iter()
        .chain([1, 2, 3].into_iter().flat_map(sever))
        .collect();
    let mut run = run(3, &actions, 100);
    assert!(run.world.tally().of(Kind::HalfOpen) > 3, "{:?}", run.world.tally());
    check_bytes(&run).and_then(|()| check_pairs(&run)).and_then(|()| check_dials(&run)).unwrap();
    check_crash(&mut run).unwrap();
}

#[test]
fn a_reset_that_a_cut_held_and_a_power_cut_lost_is_said_again() {
    let mut world = World::new(Config::default(), |_: usize, _: usize| DELAY, Seed::from_u64(1));
    for node in 0..2 {
        world.add(Chatter::quiet);
        world.start(node, Time::ZERO);
    }
    let second = Duration::from_secs(1);
    let mut heard = Vec::new();
    let mut pass = |world: &mut World<Chatter>| {
        world.run_until(world.now() + second, |_, node, h| heard.push((node, h)));
        heard.clone()
    };
    pass(&mut world);
    world.command(0, Do::Dial(address(1), world.now() + second)).unwrap().unwrap();
    let opened = pass(&mut world);
    let end = |node| {
        opened.iter().find_map(|(at, h)| match h {
            Heard::Opened(conn, ..) if *at == node => Some(*conn),
            _ => None,
        })
    };
    let (mine, theirs) = (end(0).unwrap(), end(1).unwrap());
    world.cut(0, 1);
    world.command(0, Do::Close(mine, CloseHow::Abort)).unwrap().unwrap();
    world.halt(0);
    world.heal(0, 1);
    world.restart(0, Restart::Keeping);
    world.command(1, Do::Send(theirs, b"anybody".to_vec())).unwrap().unwrap();
    assert!(pass(&mut world).contains(&(1, Heard::Closed(theirs, Closed::Broken))));
    assert_eq!(world.connections(), 0);
}

#[test]
fn a_handshake_that_a_cut_held_and_the_network_forgot_leaves_nothing() {
    let mut world = World::new(Config::default(), |_: usize, _: usize| DELAY, Seed::from_u64(1));
    for node in 0..2 {
        world.add(Chatter::quiet);
        world.start(node, Time::ZERO);
    }
    let pass = |world: &mut World<Chatter>, time| world.run_until(world.now() + time, |_, _, _| ());
    let way = Duration::from_micros(DELAY);
    pass(&mut world, way);
    world.command(0, Do::Dial(address(1), world.now() + way * 10)).unwrap().unwrap();
    pass(&mut world, way * 3 / 2);
    world.cut(0, 1);
    pass(&mut world, way);
    world.kill(0);
    world.sever(0, 1);
    world.heal(0, 1);
    pass(&mut world, way * 10);
    assert_eq!(world.connections(), 0);
}
