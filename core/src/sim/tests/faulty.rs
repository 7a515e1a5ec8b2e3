//! Laws that hold whatever goes wrong, in worlds of talkers under drawn faults.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use proptest::prelude::*;

use super::chatter::{Chatter, Heard};
use crate::kernel::{ConnId, DialError, How, Output, Seed, Streams, Ticket, Time};
use crate::sim::faults::{self, Action, Severity};
use crate::sim::{Condition, Config, Jitter, Trace, World, strategies};

const NODES: usize = 4;
const SEVERITY: Severity =
    Severity { nodes: NODES, wait: Duration::from_millis(900), loss_per_million: 500_000 };
const DELAY: u64 = 4_000;

struct Run {
    heard: Vec<(Time, usize, Heard)>,
    /// Tickets of dials by node, with the number of the start that asked.
    dials: Vec<(usize, Ticket)>,
    hash: u64,
    world: World<Chatter>,
}

/// Talkers under faults, then ten seconds in which everything is right again and everybody still talks.
fn run(seed: u64, actions: &[Action], window: usize) -> Run {
    let jitter = Jitter::Uniform { max: Duration::from_millis(3) };
    let config = Config { jitter, window, ..Config::default() };
    let mut world = World::new(config, |_: usize, _: usize| DELAY, Seed::from_u64(seed));
    for node in 0..NODES {
        world.add(|boot| Chatter::talking(boot, NODES + 1, Duration::from_millis(20)));
        world.start(node, Time::from_millis(node as u64));
    }
    let seen = Rc::new(RefCell::new((Trace::new(), Vec::new())));
    let sink = Rc::clone(&seen);
    world.observe(move |now, node, output| {
        let (trace, dials) = &mut *sink.borrow_mut();
        trace.add(now, node, output);
        if let Output::Dial { ticket, .. } = output {
            dials.push((node, *ticket));
        }
    });
    let mut heard = Vec::new();
    faults::play(&mut world, actions, |at, node, h| heard.push((at, node, h)));
    faults::recover(&mut world);
    world.run_until(world.now() + Duration::from_secs(10), |at, node, h| heard.push((at, node, h)));
    assert!((0..NODES).all(|node| world.condition(node) == Condition::Running));
    let (trace, dials) = seen.replace((Trace::new(), Vec::new()));
    Run { heard, dials, hash: trace.hash(), world }
}

/// One end of a connection, as its process saw it.
#[derive(Default)]
struct Seen {
    node: usize,
    opened: u32,
    closed: u32,
    sent: Vec<u8>,
    flushed: usize,
    received: Vec<u8>,
}

fn ends(run: &Run) -> BTreeMap<ConnId, Seen> {
    let mut ends = BTreeMap::<ConnId, Seen>::new();
    for (_, node, heard) in &run.heard {
        let (Heard::Opened(conn, ..)
        | Heard::Received(conn, _)
        | Heard::Flushed(conn, _)
        | Heard::Closed(conn, _)
        | Heard::Sent(conn, _)) = heard
        else {
            continue;
        };
        let end = ends.entry(*conn).or_default();
        assert_eq!(end.closed, 0, "{heard:?} after the end");
        assert_eq!(end.opened, u32::from(!matches!(heard, Heard::Opened(..))), "{heard:?}");
        assert!(end.opened == 0 || end.node == *node);
        end.node = *node;
        match heard {
            Heard::Opened(..) => end.opened += 1,
            Heard::Closed(..) => end.closed += 1,
            Heard::Sent(_, bytes) => end.sent.extend(bytes),
            Heard::Received(_, bytes) => end.received.extend(bytes),
            Heard::Flushed(_, n) => end.flushed += n,
            _ => {}
        }
    }
    ends
}

/// The same connection's other end: the names differ in the last bit.
fn other(conn: ConnId) -> ConnId {
    ConnId(conn.0 ^ 1)
}

fn check(run: &Run) -> Result<(), TestCaseError> {
    let ends = ends(run);
    for (conn, end) in &ends {
        if let Some(peer) = ends.get(&other(*conn)) {
            prop_assert!(peer.sent.starts_with(&end.received), "what arrives is what was sent, in order");
            // One that has closed is not told of what is flushed after.
            prop_assert!(peer.closed == 1 || end.received.len() <= peer.flushed, "flushed before it arrives");
        } else {
            prop_assert!(end.received.is_empty());
        }
        prop_assert!(end.flushed <= end.sent.len());
    }
    for window in run.heard.windows(2) {
        prop_assert!(window[0].0 <= window[1].0, "time goes forward");
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
    prop_assert!(answers.len() <= run.dials.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn laws_hold_under_faults(seed: u64, window in 5usize..200, actions in strategies::actions(SEVERITY, 0..40)) {
        let first = run(seed, &actions, window);
        check(&first)?;
        check_dials(&first)?;
        prop_assert_eq!(first.hash, run(seed, &actions, window).hash, "the same seed, the same trace");
    }
}

#[test]
fn drawn_faults_do_something_and_can_be_drawn_again() {
    let drawn = |seed| faults::draw(&mut Streams::new(Seed::from_u64(seed)).named("faults"), SEVERITY, 60);
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    let (one, other) = (run(1, &drawn(1), 100), run(2, &drawn(1), 100));
    assert_ne!(one.hash, other.hash);
    let heard = |what: fn(&Heard) -> bool| one.heard.iter().filter(|(_, _, h)| what(h)).count();
    assert!(heard(|h| matches!(h, Heard::Closed(..))) > 10);
    assert!(heard(|h| matches!(h, Heard::DialFailed(_, DialError::TimedOut))) > 3);
    assert!(heard(|h| matches!(h, Heard::DialFailed(_, DialError::Refused))) > 3);
    assert!(heard(|h| matches!(h, Heard::Received(..))) > 100);
    assert!(one.world.totals().datagrams_lost > 10);
}
