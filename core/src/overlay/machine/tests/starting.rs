//! The start of a life: what is durable before anything is said, and what an earlier life left.

use super::*;
use crate::kernel::{StoreError, StoreOp};
use crate::overlay::event::{Command, FatalError};
use crate::overlay::wire::Contact;

/// A node without a driver, and what it last asked for.
struct Raw {
    node: Overlay,
    loads: Vec<(Ticket, Bytes)>,
    stores: Vec<(Ticket, StoreOp)>,
    started: Option<u32>,
    fatal: Option<FatalError>,
    done: bool,
    dials: usize,
    /// Connections that are read from.
    heard: Vec<ConnId>,
}

impl Raw {
    fn new(id: Option<u128>) -> Self {
        let mut config = Config::new(Seed::from_u64(1), network(), address(ME));
        config.id = id.map(NodeId);
        config.bootstraps = vec![address(1)];
        let (loads, stores) = (Vec::new(), Vec::new());
        let mut raw = Raw {
            node: Overlay::new(config).unwrap(),
            loads,
            stores,
            started: None,
            fatal: None,
            done: false,
            dials: 0,
            heard: Vec::new(),
        };
        raw.drain();
        raw
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Load { ticket, key } => self.loads.push((ticket, key)),
                Output::Store { ticket, ops, .. } => {
                    self.stores.extend(ops.into_iter().map(|op| (ticket, op)));
                }
                Output::Event(Event::Started { incarnation, .. }) => self.started = Some(incarnation),
                Output::Event(Event::Fatal { error }) => self.fatal = Some(error),
                Output::Done => self.done = true,
                Output::Dial { .. } => self.dials += 1,
                Output::Reading { conn, on: true } => self.heard.push(conn),
                _ => {}
            }
        }
    }

    fn loaded(&mut self, value: Loaded<'_>) {
        let ticket = self.loads.last().unwrap().0;
        self.node.handle(Time::ZERO, Input::Loaded { ticket, value });
        self.drain();
    }

    fn stored(&mut self, result: Result<(), StoreError>) {
        let ticket = self.stores.last().unwrap().0;
        self.node.handle(Time::ZERO, Input::Stored { ticket, result });
        self.drain();
    }

    /// Answers with every ticket but those that are waited for.
    fn strays(&mut self) {
        let before = (self.loads.len(), self.stores.len());
        let awaited = [self.loads.last().map(|l| l.0), self.stores.last().map(|s| s.0)];
        for ticket in (0..9).map(Ticket).filter(|ticket| !awaited.contains(&Some(*ticket))) {
            self.node.handle(Time::ZERO, Input::Loaded { ticket, value: Loaded::Failed });
            self.node.handle(Time::ZERO, Input::Stored { ticket, result: Err(StoreError::Broken) });
        }
        self.drain();
        assert_eq!((self.loads.len(), self.stores.len(), self.fatal), (before.0, before.1, None));
    }
}

#[test]
fn a_node_begins_once_its_identity_is_durable_and_its_peers_are_read() {
    let mut raw = Raw::new(Some(ME));
    raw.strays();
    assert_eq!(raw.loads.last().unwrap().1, &b"identity"[..]);
    raw.loaded(Loaded::Absent);
    raw.strays();
    let stored = raw.stores.last().unwrap().1.value.clone().unwrap();
    assert_eq!(&stored[..], format!("egoist 1\nid {}\nincarnation 1\n", NodeId(ME)).as_bytes());
    raw.stored(Ok(()));
    raw.strays();
    assert_eq!((&raw.loads.last().unwrap().1[..], raw.started, raw.dials), (&b"peers"[..], None, 0));
    raw.loaded(Loaded::Absent);
    assert_eq!((raw.started, raw.dials), (Some(1), 1));
}

#[test]
fn who_connects_before_the_node_knows_itself_is_heard_then() {
    let mut raw = Raw::new(Some(ME));
    let conn = ConnId(1);
    raw.node.handle(Time::ZERO, Input::Opened { conn, how: How::Accepted(Port(0)), remote: address(1) });
    raw.loaded(Loaded::Absent);
    raw.stored(Ok(()));
    assert_eq!(raw.heard, []);
    raw.loaded(Loaded::Absent);
    assert_eq!(raw.heard, [conn]);
}

#[test]
fn each_start_of_an_id_counts_and_another_id_begins_anew() {
    for (configured, starts) in [(Some(ME), 8), (None, 8), (Some(5), 1)] {
        let mut raw = Raw::new(configured);
        raw.loaded(Loaded::Value(format!("egoist 1\nid {}\nincarnation 7\n", NodeId(ME)).as_bytes()));
        raw.stored(Ok(()));
        raw.loaded(Loaded::Failed);
        assert_eq!(raw.started, Some(starts), "{configured:?}");
        assert_eq!(raw.node.id(), Some(NodeId(configured.unwrap_or(ME))));
    }
}

#[test]
fn without_a_state_that_can_be_read_and_written_a_node_does_nothing() {
    let never = format!("egoist 1\nid {}\nincarnation 0\n", NodeId(ME));
    for (value, why) in [(&b"x"[..], FatalError::StateDamaged), (never.as_bytes(), FatalError::StateDamaged)]
    {
        let mut raw = Raw::new(None);
        raw.loaded(Loaded::Value(value));
        assert_eq!((raw.fatal, raw.done, raw.stores.len()), (Some(why), true, 0));
    }
    let mut unread = Raw::new(None);
    unread.loaded(Loaded::Failed);
    assert!(unread.fatal == Some(FatalError::StateUnreadable) && unread.stores.is_empty());
    let mut unwritten = Raw::new(None);
    unwritten.loaded(Loaded::Absent);
    unwritten.stored(Err(StoreError::Full));
    assert_eq!(unwritten.fatal, Some(FatalError::StateUnwritable(StoreError::Full)));
    assert!(unwritten.done && unwritten.loads.len() == 1);
    assert_eq!(unwritten.node.command(Time::ZERO, Command::Leave), Err(crate::overlay::Refusal::NotRunning));
}

#[test]
fn an_id_without_another_incarnation_is_given_up_unless_it_is_configured() {
    let last = format!("egoist 1\nid {}\nincarnation {}\n", NodeId(ME), u32::MAX);
    for configured in [None, Some(ME)] {
        let mut raw = Raw::new(configured);
        raw.loaded(Loaded::Value(last.as_bytes()));
        raw.stored(Ok(()));
        raw.loaded(Loaded::Absent);
        let (keeps, started) = (configured.is_some(), if configured.is_some() { u32::MAX } else { 1 });
        assert_eq!((raw.fatal, raw.started), (None, Some(started)));
        assert_eq!(raw.node.id() == Some(NodeId(ME)), keeps);
    }
}

#[test]
fn a_node_behind_its_own_record_says_nothing_until_it_has_caught_up() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let body = Body::of(Update { attributes: Attributes::default(), links: Links::default() });
    let later = Upt::originate(Key { incarnation: 5, sequence: 3 }, name(ME), 0, &body);
    let mut bytes = BytesMut::from(&Packet::Upt(later).emit()[..]);
    bench.node.handle(bench.now, Input::Received { conn: conns[0], bytes: &mut bytes });
    bench.node.handle(bench.now, Input::Closed { conn: conns[1], why: Closed::Broken });
    let mut stored = None;
    while let Some(output) = bench.node.poll() {
        match output {
            Output::Store { ticket, ops, .. } => {
                let kept = ops[0].value.clone().unwrap();
                assert!(kept.ends_with(b"\nincarnation 6\n"), "{kept:?}");
                stored = Some(ticket);
            }
            Output::Send { frame, .. } => {
                assert!(!frame.starts_with(b"UPT"), "its incarnation is not durable");
            }
            _ => {}
        }
    }
    let ticket = stored.expect("the later incarnation is stored");
    bench.node.handle(bench.now, Input::Stored { ticket: Ticket(ticket.0 + 1), result: Ok(()) });
    assert!(bench.node.poll().is_none());
    bench.node.handle(bench.now, Input::Stored { ticket, result: Ok(()) });
    bench.drain();
    let own = bench.node.database().get(NodeId(ME)).unwrap();
    assert!(own.key() > Key { incarnation: 5, sequence: 3 } && own.links().len() == 1);
}

/// The peers that are to be stored within 70 s, and the tickets of that; nobody answers.
fn stores_of_peers(bench: &mut Bench) -> Vec<(Ticket, Option<Bytes>)> {
    let (mut stores, end) = (Vec::new(), bench.now + Duration::from_secs(70));
    while bench.now < end {
        bench.now = bench.node.poll_timeout().unwrap().at.max(bench.now);
        bench.beat_all();
        bench.node.handle(bench.now, Input::Tick);
        while let Some(output) = bench.node.poll() {
            if let Output::Store { ticket, ops, .. } = output {
                let peers = ops.into_iter().filter(|op| op.key == b"peers"[..]);
                stores.extend(peers.map(|op| (ticket, op.value)));
            }
        }
    }
    stores
}

#[test]
fn peers_are_stored_again_after_a_failure_and_never_behind_a_store_that_waits() {
    let (mut bench, _) = Bench::settled(|_| ());
    let stores = stores_of_peers(&mut bench);
    let [(ticket, _)] = stores[..] else { panic!("{stores:?}") };
    bench.node.remember(Contact { name: name(9), more: MoreAddresses::default() });
    assert_eq!(stores_of_peers(&mut bench), [], "one waits");
    bench.node.handle(bench.now, Input::Stored { ticket, result: Ok(()) });
    let stores = stores_of_peers(&mut bench);
    let [(ticket, _)] = stores[..] else { panic!("{stores:?}") };
    bench.node.handle(bench.now, Input::Stored { ticket, result: Err(StoreError::Full) });
    assert_eq!(stores_of_peers(&mut bench).len(), 1, "there may be room again");
}

#[test]
fn peers_are_kept_for_the_next_life_and_dialled_when_no_bootstrap_answers() {
    let (mut bench, _) = Bench::settled(|_| ());
    let mut raw = Raw::new(None);
    let kept = stores_of_peers(&mut bench).pop().and_then(|(_, octets)| octets);
    raw.loaded(Loaded::Absent);
    raw.stored(Ok(()));
    raw.loaded(Loaded::Value(&kept.expect("written within a minute")));
    let ids = raw.node.remembered_latest_first();
    let mut known: Vec<_> =
        ids.iter().map(|id| (id.0, raw.node.addresses_of(*id).first().unwrap())).collect();
    known.sort_unstable();
    assert_eq!(known, [(1, address(1)), (2, address(2))]);
}
