//! One node, and peers and modules written by hand.

mod bounds;
mod ends;
mod links;
mod neighbours;
mod subscribers;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::wire::{Message, MessageHash, Offer, PeerUpdate, Probe, Spread, next_frame, write};
use super::*;
use crate::kernel::{
    Backlog, CloseHow, Closed, ConnId, DialError, How, Input, Machine, Output, Port, Seed, Ticket, Time,
};

const TYPE: u16 = 7;
const NOTHING: [Bytes; 0] = [];

fn v4(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

fn addr(port: u16) -> SocketAddr {
    v4(port).into()
}

/// With little room at the driver.
fn narrow(cache_size: usize) -> Config {
    Config { cache_size, backlog: Backlog { in_flight: 20, ..Backlog::default() }, ..config() }
}

fn config() -> Config {
    Config { address: Some(v4(5999)), ..Config::auto(Seed::from_u64(1)) }
}

/// One node, driven by hand; what it sends is taken at once, unless its connection is stalled.
struct Bench {
    node: Gossip,
    now: Time,
    conns: u64,
    events: Vec<Event>,
    dials: VecDeque<(Ticket, SocketAddr)>,
    said: BTreeMap<ConnId, BytesMut>,
    stalled: Vec<ConnId>,
    paused: Vec<ConnId>,
    closed: Vec<(ConnId, &'static str)>,
    aborted: Vec<ConnId>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let node = Gossip::new(config).unwrap();
        let mut bench = Bench {
            node,
            now: Time::ZERO,
            conns: 0,
            events: Vec::new(),
            dials: VecDeque::new(),
            said: BTreeMap::new(),
            stalled: Vec::new(),
            paused: Vec::new(),
            closed: Vec::new(),
            aborted: Vec::new(),
        };
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Dial { ticket, to, .. } => self.dials.push_back((ticket, to)),
                Output::Send { conn, frame, .. } => {
                    self.said.entry(conn).or_default().extend_from_slice(&frame);
                    if !self.stalled.contains(&conn) {
                        self.node.handle(self.now, Input::Flushed { conn, n: frame.len() });
                    }
                }
                Output::Reading { conn, on: true } => self.paused.retain(|paused| *paused != conn),
                Output::Reading { conn, on: false } => self.paused.push(conn),
                Output::Close { conn, how, why } => {
                    self.closed.push((conn, why.what));
                    self.aborted.extend((how == CloseHow::Abort).then_some(conn));
                    self.node.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                Output::Done => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn give(&mut self, input: Input<'_>) {
        self.node.handle(self.now, input);
        self.drain();
    }

    fn open(&mut self, how: How, remote: SocketAddr) -> ConnId {
        let conn = ConnId(self.conns);
        self.conns += 1;
        self.give(Input::Opened { conn, how, remote });
        conn
    }

    fn module(&mut self) -> ConnId {
        self.open(How::Accepted(MODULES), addr(40_000))
    }

    /// A gossip-python node connects, and its greeting time has passed.
    fn compatible(&mut self) -> ConnId {
        let conn = self.open(How::Accepted(PEERS), addr(40_000));
        self.pass(Duration::from_millis(500));
        self.said(conn);
        conn
    }

    /// A node of this project connects.
    fn native(&mut self, nonce: u64) -> ConnId {
        let conn = self.open(How::Accepted(PEERS), addr(40_000));
        self.say(conn, &write::native(Probe::Hello { nonce }));
        self.said(conn);
        conn
    }

    fn say(&mut self, conn: ConnId, frame: &[u8]) {
        self.give(Input::Received { conn, bytes: &mut BytesMut::from(frame) });
    }

    /// What was said on a connection since it was asked last.
    fn said(&mut self, conn: ConnId) -> Vec<Message> {
        let mut all = Vec::new();
        let said = self.said.entry(conn).or_default();
        while let Some(frame) = next_frame(said).unwrap() {
            all.push(Message::read(&frame).unwrap());
        }
        all
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(wake) = self.node.poll_timeout().filter(|wake| wake.at <= end) {
            self.now = wake.at;
            self.give(Input::Tick);
        }
        self.now = end;
        self.give(Input::Tick);
    }

    fn announce(&mut self, data: &'static [u8]) -> Result<Reply, Refusal> {
        let announced =
            self.node.command(self.now, Command::Announce { ttl: 0, data_type: TYPE, data: data.into() });
        self.drain();
        announced
    }

    /// Fails all dials; where to they were.
    fn fail_dials(&mut self) -> Vec<SocketAddr> {
        let mut dialled = Vec::new();
        while let Some((ticket, to)) = self.dials.pop_front() {
            assert!(self.dials.len() < 8);
            dialled.push(to);
            self.give(Input::DialFailed { ticket, why: DialError::Refused });
        }
        dialled
    }
}

fn told(ttl: u8, data: &[u8]) -> Bytes {
    write::announce(ttl, 0, TYPE, data)
}

/// The data of the messages that were told, however they were.
fn data(messages: &[Message]) -> Vec<Bytes> {
    let data = |message: &Message| match message {
        Message::Announce(announce) => Some(announce.data.clone()),
        Message::Spread(spread) => Some(spread.data.clone()),
        Message::Notification { data, .. } => Some(data.clone()),
        _ => None,
    };
    messages.iter().filter_map(data).collect()
}

fn notified(messages: &[Message]) -> Vec<u16> {
    let id = |message: &Message| match message {
        Message::Notification { id, .. } => Some(*id),
        _ => None,
    };
    messages.iter().filter_map(id).collect()
}

#[test]
fn nothing_is_passed_on_before_a_module_says_that_it_is_valid() {
    let mut bench = Bench::new(config());
    let (module, from, to, native) =
        (bench.module(), bench.compatible(), bench.compatible(), bench.native(2));
    bench.say(module, &write::notify(TYPE));
    for text in [b"good", b"evil"] {
        bench.say(from, &told(9, text));
    }
    let ids = notified(&bench.said(module));
    assert_eq!(ids, [1, 2]);
    assert_eq!((bench.said(to), bench.said(native)), (vec![], vec![]), "nobody has said so yet");

    bench.say(module, &write::validation(ids[1], false));
    bench.say(module, &write::validation(ids[0], true));
    bench.pass(Duration::from_secs(1));
    let expected = Message::Announce(wire::Announce {
        ttl: 9,
        reserved: 0,
        data_type: TYPE,
        data: Bytes::from_static(b"good"),
    });
    assert_eq!(bench.said(to), [expected], "a gossip-python node gets the announcer's own ttl");
    let spread = Spread { ttl: 8, origin_ttl: 9, reserved: 0, data_type: TYPE, data: "good".into() };
    assert_eq!(bench.said(native), [Message::Spread(spread)]);
    assert_eq!(data(&bench.said(from)), NOTHING, "who told it is not told");
    assert!(bench.node.message(ids[1]).is_none(), "what is invalid is forgotten");
    bench.say(from, &told(9, b"evil"));
    assert_eq!(bench.said(module), [], "and known");
}

#[test]
fn a_message_without_a_subscriber_waits_for_one() {
    let mut bench = Bench::new(config());
    let (from, to) = (bench.compatible(), bench.compatible());
    bench.say(from, &told(0, b"early"));
    bench.pass(Duration::from_secs(100));
    assert_eq!(data(&bench.said(to)), NOTHING);
    let module = bench.module();
    bench.say(module, &write::notify(TYPE));
    let ids = notified(&bench.said(module));
    bench.say(module, &write::validation(ids[0], true));
    bench.pass(Duration::from_secs(1));
    assert_eq!(data(&bench.said(to)), ["early"]);
}

#[test]
fn a_node_that_is_told_to_passes_on_what_nobody_wants_to_hear() {
    let mut bench = Bench::new(Config { unheard: Unheard::Relay, ..config() });
    let (from, to) = (bench.compatible(), bench.compatible());
    bench.say(from, &told(0, b"any"));
    bench.pass(Duration::from_secs(1));
    assert_eq!(data(&bench.said(to)), ["any"]);
}

#[test]
fn a_verdict_that_is_missing_is_one() {
    let mut bench = Bench::new(config());
    let (module, from, to) = (bench.module(), bench.compatible(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    bench.say(from, &told(0, b"who knows"));
    bench.pass(Duration::from_secs(31));
    assert_eq!((bench.node.cache().count(), bench.node.counters().late), (0, 1));
    bench.say(module, &write::validation(1, true));
    assert_eq!((data(&bench.said(to)), bench.node.counters().idle_verdicts), (vec![], 1));
}

#[test]
fn who_announces_is_not_told_and_others_are_once() {
    let mut bench = Bench::new(config());
    let (one, two) = (bench.module(), bench.module());
    for module in [one, two] {
        bench.say(module, &write::notify(TYPE));
    }
    bench.say(one, &told(0, b"hello"));
    bench.say(one, &told(0, b"hello"));
    assert_eq!((data(&bench.said(one)), data(&bench.said(two))), (vec![], vec!["hello".into()]));
    bench.say(two, &write::notify(TYPE));
    assert_eq!(
        data(&bench.said(two)),
        ["hello"],
        "who asks again is told of all that is here, as the original does"
    );
}

#[test]
fn the_ids_of_messages_are_never_zero_and_never_two_at_a_time() {
    let mut bench = Bench::new(Config { cache_size: 3, ..config() });
    for n in 0..70_000_u32 {
        let data = Bytes::copy_from_slice(&n.to_be_bytes());
        let announced = bench.node.command(bench.now, Command::Announce { ttl: 0, data_type: TYPE, data });
        bench.drain();
        let Ok(Reply::Announced { id: Some(id) }) = announced else { panic!("{announced:?}") };
        assert_eq!(u32::from(id), n % 65_535 + 1);
    }
    assert_eq!(bench.node.cache().count(), 3);
}

#[test]
fn a_flood_drives_out_what_the_flooder_said() {
    let mut bench = Bench::new(Config { cache_size: 10, unheard: Unheard::Keep, ..config() });
    let (flooder, other) = (bench.compatible(), bench.compatible());
    bench.say(other, &told(0, b"worth keeping"));
    for n in 0..100_u8 {
        bench.say(flooder, &told(0, &[n]));
    }
    assert!(bench.node.cache().any(|entry| entry.announce.data == "worth keeping"));
    assert_eq!(bench.node.cache().count(), 10);
}

#[test]
fn what_waits_for_a_verdict_stays_and_who_sent_it_is_not_read() {
    let mut bench = Bench::new(Config { cache_size: 8, ..config() });
    let (module, from, other) = (bench.module(), bench.compatible(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    for n in 0..2_u8 {
        bench.say(from, &told(0, &[n]));
    }
    assert_eq!(bench.paused, [from], "half of the cache is shared by two peers");
    for n in 0..20 {
        bench.say(other, &write::announce(0, 0, TYPE + 1, &[n]));
    }
    let waiting = bench.node.cache().filter(|entry| entry.standing.waits()).count();
    assert_eq!((waiting, bench.node.cache().count()), (2, 8));
    for id in notified(&bench.said(module)) {
        bench.say(module, &write::validation(id, true));
    }
    assert_eq!(bench.paused, []);
}

#[test]
fn who_told_of_too_much_that_is_invalid_is_not_read_for_a_while() {
    let mut bench = Bench::new(config());
    let (module, from) = (bench.module(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    for n in 0..200_u8 {
        if bench.paused.is_empty() {
            bench.say(from, &told(0, &[n]));
        }
        for id in notified(&bench.said(module)) {
            bench.say(module, &write::validation(id, false));
        }
    }
    assert_eq!((bench.paused.as_slice(), bench.node.counters().invalid), (&[from][..], 101));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.paused, []);
}

#[test]
fn a_long_message_is_offered_and_sent_to_who_asks() {
    let mut bench = Bench::new(config());
    let native = bench.native(2);
    let long: &'static [u8] = &[1; wire::SMALL + 1];
    bench.announce(long).unwrap();
    let hash = MessageHash::of(TYPE, long);
    assert_eq!(bench.said(native), [Message::Have(vec![Offer { hash, ttl: 0 }])]);
    let other = MessageHash::of(TYPE, b"another");
    bench.say(native, &write::want(&[hash, other]));
    let said = bench.said(native);
    assert_eq!((data(&said), &said[1]), (vec![long.into()], &Message::Gone(vec![other])));
}

#[test]
fn what_one_peer_offers_and_does_not_send_is_asked_of_another() {
    let mut bench = Bench::new(config());
    let (one, two) = (bench.native(2), bench.native(3));
    let hash = MessageHash::of(TYPE, b"x");
    let offer = write::have(&[Offer { hash, ttl: 4 }]);
    for peer in [one, two] {
        bench.say(peer, &offer);
    }
    assert_eq!((bench.said(one), bench.said(two)), (vec![Message::Want(vec![hash])], vec![]));
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.said(two), [Message::Want(vec![hash])]);
    bench.say(two, &told(4, b"x"));
    assert_eq!(bench.node.cache().count(), 1);
}

#[test]
fn who_announces_too_fast_waits() {
    let mut bench = Bench::new(narrow(40));
    let (module, native) = (bench.module(), bench.native(2));
    // It was sent nothing for a while.
    bench.pass(Duration::from_secs(5));
    bench.stalled.push(native);
    let texts: Vec<Bytes> = (0..30_u8).map(|n| Bytes::copy_from_slice(&[n])).collect();
    for text in &texts {
        bench.say(module, &told(0, text));
        if !bench.paused.is_empty() {
            break;
        }
    }
    assert_eq!(bench.paused, [module]);
    assert_eq!(bench.announce(b"more"), Err(Refusal::Busy));
    bench.stalled.clear();
    let unflushed = bench.said[&native].len();
    bench.give(Input::Flushed { conn: native, n: unflushed });
    assert_eq!((bench.paused.as_slice(), bench.events.last()), (&[][..], Some(&Event::Room)));
    assert!(bench.announce(b"more").is_ok());
}

#[test]
fn a_peer_that_has_stopped_is_not_waited_for_and_gets_what_is_still_here() {
    let mut bench = Bench::new(narrow(40));
    let native = bench.native(2);
    bench.stalled.push(native);
    bench.announce(b"first").unwrap();
    bench.pass(Duration::from_secs(2));
    for n in 0..60_u8 {
        let command = Command::Announce { ttl: 0, data_type: TYPE, data: Bytes::copy_from_slice(&[n]) };
        bench.node.command(bench.now, command).unwrap();
        bench.drain();
    }
    bench.stalled.clear();
    let unflushed = bench.said[&native].len();
    bench.give(Input::Flushed { conn: native, n: unflushed });
    let missed = bench.node.peers().next().map(|peer| peer.missed);
    assert_eq!(
        (data(&bench.said(native)).len(), missed),
        (42, Some(19)),
        "40, and two that were at the driver"
    );
}

#[test]
fn a_new_peer_is_told_of_what_is_here() {
    let mut bench = Bench::new(config());
    bench.announce(b"old news").unwrap();
    let (native, compatible) =
        (bench.open(How::Accepted(PEERS), addr(40_000)), bench.open(How::Accepted(PEERS), addr(40_001)));
    bench.say(native, &write::native(Probe::Hello { nonce: 9 }));
    assert_eq!(data(&bench.said(native)), ["old news"]);
    assert_eq!(bench.said(compatible), [], "it may yet say what it is");
    bench.pass(Duration::from_millis(500));
    assert_eq!(data(&bench.said(compatible)), ["old news"]);
}

#[test]
fn a_new_gossip_python_node_is_told_of_the_latest_messages_alone() {
    let mut bench = Bench::new(config());
    for n in 0..100 {
        let command = Command::Announce { ttl: 0, data_type: TYPE, data: Bytes::copy_from_slice(&[n]) };
        bench.node.command(bench.now, command).unwrap();
        bench.drain();
    }
    let peer = bench.open(How::Accepted(PEERS), addr(40_000));
    bench.pass(Duration::from_secs(2));
    let told = data(&bench.said(peer));
    assert_eq!((told.len(), told[0][0], told[29][0]), (30, 70, 99), "its cache may have no more");
    assert_eq!(bench.node.counters().missed, 0);
}

#[test]
fn a_compatible_node_says_nothing_that_the_original_would_not() {
    let bootstrap = vec![addr(6000)];
    let mut bench =
        Bench::new(Config { address: Some(v4(5999)), bootstrap, ..Config::compatible(Seed::from_u64(1)) });
    let (ticket, to) = bench.dials.pop_front().unwrap();
    let peer = bench.open(How::Dialed(ticket), to);
    bench.say(peer, &write::native(Probe::Hello { nonce: 1 }));
    bench.say(peer, &write::have(&[Offer { hash: MessageHash::of(TYPE, b"x"), ttl: 1 }]));
    bench.announce(&[0; 5_000]).unwrap();
    bench.pass(Duration::from_secs(60));
    let said = bench.said(peer);
    assert_eq!(said[0], Message::PeerRequest(v4(5999)));
    assert_eq!((data(&said).len(), said.len()), (1, 2), "{said:?}");
}

#[test]
fn a_message_of_the_last_hop_stays() {
    let mut bench = Bench::new(config());
    let (module, from, to) = (bench.module(), bench.compatible(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    bench.say(from, &told(1, b"near"));
    let ids = notified(&bench.said(module));
    bench.say(module, &write::validation(ids[0], true));
    bench.pass(Duration::from_secs(1));
    assert_eq!(data(&bench.said(to)), NOTHING);
}

#[test]
fn a_module_that_says_what_is_not_its_to_say_is_counted_or_closed() {
    let mut bench = Bench::new(config());
    let module = bench.module();
    bench.say(module, &write::peer_init(v4(6000)));
    bench.say(module, &write::validation(77, true));
    let counters = bench.node.counters();
    assert_eq!((counters.ignored, counters.idle_verdicts, bench.closed.len()), (1, 1, 0));
    bench.say(module, &[0, 8, 0, 0]);
    assert_eq!(bench.closed, [(module, "a frame's code is not one of 500 to 519")]);
}

#[test]
fn who_does_not_want_to_hear_of_a_message_has_no_say_in_it() {
    let mut bench = Bench::new(config());
    let (one, two, from) = (bench.module(), bench.module(), bench.compatible());
    bench.say(one, &write::notify(TYPE));
    bench.say(from, &told(0, b"x"));
    bench.say(two, &write::validation(1, true));
    assert!(bench.node.message(1).is_some_and(|entry| entry.standing.waits()));
    // The first of those who do decides.
    bench.say(two, &write::notify(TYPE));
    bench.say(two, &write::validation(1, true));
    bench.say(one, &write::validation(1, false));
    assert!(bench.node.message(1).is_some_and(|entry| matches!(entry.standing, Standing::Valid(_))));
}

#[test]
fn a_configuration_that_no_node_can_run_with_is_refused() {
    for broken in [
        Config { degree: 0, ..config() },
        Config { cache_size: 60_001, ..config() },
        Config { max_peers: 128, ..config() },
        Config { verdict_timeout: Duration::ZERO, ..config() },
        Config { bootstrap: vec![addr(0)], ..config() },
        Config { retry_min: Duration::from_secs(400), ..config() },
    ] {
        assert!(Gossip::new(broken).is_err());
    }
}

#[test]
fn a_port_beside_the_two_is_that_of_peers() {
    let mut bench = Bench::new(config());
    let conn = bench.open(How::Accepted(Port(0)), addr(40_000));
    assert_eq!(bench.node.peers().map(|peer| peer.conn).collect::<Vec<_>>(), [conn]);
}
