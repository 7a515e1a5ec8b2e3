//! Nodes wired to each other and to hand-written peers.

mod ncpoc;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::BytesMut;

use super::*;
use crate::kernel::{
    Closed, ConnId, DialError, Fault, How, Input, Machine, Output, Port, Seed, Ticket, Time,
};

fn addr(n: u16) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), n)
}

fn config(own: u16, bootstrap: &[u16]) -> Config {
    let bootstrap = bootstrap.iter().map(|n| addr(*n)).collect();
    Config { address: Some(addr(own)), bootstrap, ..Config::article(Seed::from_u64(1)) }
}

/// One node, driven by hand.
struct Bench {
    node: Hello,
    now: Time,
    conns: u64,
    events: Vec<Event>,
    dials: Vec<(Ticket, SocketAddr)>,
    said: BTreeMap<ConnId, String>,
    closed: Vec<(ConnId, &'static str, Fault)>,
}

impl Bench {
    fn new(config: Config) -> Self {
        let node = Hello::new(config).unwrap();
        let (events, dials, closed) = Default::default();
        let mut bench =
            Bench { node, now: Time::ZERO, conns: 0, events, dials, said: BTreeMap::new(), closed };
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Dial { ticket, to, .. } => self.dials.push((ticket, to)),
                Output::Send { conn, frame, .. } => {
                    let text = core::str::from_utf8(&frame).unwrap();
                    self.said.entry(conn).or_default().push_str(text);
                    self.node.handle(self.now, Input::Flushed { conn, n: frame.len() });
                }
                Output::Close { conn, why, .. } => {
                    self.closed.push((conn, why.what, why.fault));
                    self.node.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn give(&mut self, input: Input<'_>) {
        self.node.handle(self.now, input);
        self.drain();
    }

    fn open(&mut self, how: How) -> ConnId {
        let conn = ConnId(self.conns);
        self.conns += 1;
        self.give(Input::Opened { conn, how, remote: addr(40_000) });
        conn
    }

    fn accept(&mut self) -> ConnId {
        self.open(How::Accepted(Port(0)))
    }

    fn say(&mut self, conn: ConnId, text: &str) {
        let mut bytes = BytesMut::from(text);
        self.give(Input::Received { conn, bytes: &mut bytes });
    }

    fn hello(&mut self, conn: ConnId, id: &str) {
        self.say(conn, &format!("{{\"nodeid\": \"{id}\", \"msgtype\": \"hello\"}}\r\n"));
    }

    /// Ticks whenever asked to until `end`.
    fn run(&mut self, end: Time) {
        while let Some(wake) = self.node.poll_timeout().filter(|wake| wake.at <= end) {
            self.now = wake.at;
            self.give(Input::Tick);
        }
        self.now = end;
    }

    fn heard(&mut self, conn: ConnId) -> String {
        self.said.remove(&conn).unwrap_or_default()
    }
}

const PING: &str = "{\"msgtype\":\"ping\"}\n";
const PONG: &str = "{\"msgtype\":\"pong\"}\n";

#[test]
fn the_acceptor_answers_hello_and_both_introduce_themselves() {
    let mut b = Bench::new(config(1, &[]));
    let conn = b.accept();
    assert_eq!(b.heard(conn), "", "an acceptor is silent until it hears hello");
    b.hello(conn, "peer");
    let id = b.node.id().clone();
    let expected = format!(
        "{{\"nodeid\":\"{id}\",\"msgtype\":\"hello\"}}\n{{\"msgtype\":\"addr\",\"peers\":[[\"127.0.0.1:1\",\"{id}\"]]}}\n\
         {{\"msgtype\":\"getaddr\"}}\n{PING}"
    );
    assert_eq!(b.heard(conn), expected);
    b.now = Time::from_millis(30);
    b.say(conn, PONG);
    let peer = b.node.peers().next().unwrap();
    assert_eq!((peer.rtt, peer.dialed), (Some(Duration::from_millis(30)), false));
    b.say(conn, PING);
    assert_eq!(b.heard(conn), PONG);
}

#[test]
fn a_dialler_says_hello_first_and_learns_addresses() {
    let mut b = Bench::new(config(1, &[2]));
    let (ticket, to) = b.dials.pop().unwrap();
    assert_eq!(to, addr(2));
    let conn = b.open(How::Dialed(ticket));
    assert!(b.heard(conn).contains("hello"));
    b.say(conn, PING);
    assert_eq!((b.heard(conn).as_str(), b.node.counters().out_of_place), ("", 1));
    b.hello(conn, "peer");
    let own = b.node.id().clone();
    b.say(
        conn,
        &format!(
            "{{\"msgtype\":\"addr\",\"peers\":[\"127.0.0.1:3\",[\"127.0.0.1:4\",\"x\"],\"0.0.0.0:5\",\"127.0.0.1:1\",\
             [\"127.0.0.1:6\",\"{own}\"],[\"127.0.0.1:7\",\"peer\"]]}}\n"
        ),
    );
    let dialled: Vec<_> = b.dials.iter().map(|(_, to)| to.port()).collect();
    assert_eq!(dialled, [3, 4], "neither own, unspecified nor connected ones");
}

#[test]
fn getaddr_names_the_others_that_listen_somewhere() {
    let mut b = Bench::new(config(1, &[]));
    let (asker, other, shy) = (b.accept(), b.accept(), b.accept());
    for (conn, id) in [(asker, "asker"), (other, "other"), (shy, "shy")] {
        b.hello(conn, id);
    }
    b.say(asker, "{\"msgtype\":\"addr\",\"peers\":[[\"127.0.0.1:8\",\"asker\"]]}\n");
    b.say(other, "{\"msgtype\":\"addr\",\"peers\":[[\"127.0.0.1:9\",\"other\"]]}\n");
    b.heard(asker);
    b.say(asker, "{\"msgtype\":\"getaddr\"}\n");
    assert_eq!(b.heard(asker), "{\"msgtype\":\"addr\",\"peers\":[[\"127.0.0.1:9\",\"other\"]]}\n");
}

#[test]
fn a_node_that_meets_itself_never_goes_there_again() {
    let mut b = Bench::new(config(1, &[2]));
    let (ticket, _) = b.dials.pop().unwrap();
    let (dialled, accepted) = (b.open(How::Dialed(ticket)), b.accept());
    let own = b.node.id().clone();
    b.hello(accepted, own.as_str());
    assert_eq!(b.closed, [(accepted, "met itself", Fault::Nobody)]);
    b.hello(dialled, own.as_str());
    assert_eq!(b.events, [Event::SelfFound { addr: addr(2) }]);
    b.run(Time::from_secs(3_600));
    assert!(b.dials.is_empty());
    assert_eq!(b.node.command(b.now, Command::Connect { addr: addr(2) }), Err(Refusal::OwnAddress));
}

/// Below every id of a node, so that the connection that it dialled stays.
const LIAR: &str = "!";

/// One host tells of addresses and answers at each of them as somebody who is there already.
fn who_is_everywhere(answer: impl Fn(&mut Bench) -> String) {
    let mut b = Bench::new(Config { max_known: 4, retry_max: Duration::from_secs(10), ..config(1, &[]) });
    let liar = b.accept();
    b.hello(liar, LIAR);
    let told = |ports: core::ops::Range<u16>| {
        let rows: Vec<_> = ports.map(|n| format!("\"127.0.0.1:{n}\"")).collect();
        format!("{{\"msgtype\":\"addr\",\"peers\":[{}]}}\n", rows.join(","))
    };
    b.say(liar, &told(10..20));
    assert_eq!(b.node.known().count(), 4);
    for _ in 0..100 {
        for (ticket, _) in core::mem::take(&mut b.dials) {
            let conn = b.open(How::Dialed(ticket));
            let id = answer(&mut b);
            b.hello(conn, &id);
        }
        b.say(liar, PONG);
        let wake = b.node.poll_timeout().expect("a ping at the latest");
        b.run(wake.at);
    }
    assert_eq!(b.node.known().count(), 0, "{:?}", b.node.known().collect::<Vec<_>>());
    b.say(liar, "{\"msgtype\":\"addr\",\"peers\":[\"127.0.0.1:30\"]}\n");
    assert_eq!(b.dials.len(), 1, "there is room again");
}

#[test]
fn addresses_where_this_node_seems_to_answer_are_forgotten() {
    who_is_everywhere(|b| b.node.id().as_str().into());
}

#[test]
fn addresses_where_a_peer_answers_again_are_forgotten() {
    who_is_everywhere(|_| LIAR.into());
}

#[test]
fn the_address_that_a_peer_says_for_itself_is_kept_while_it_is_there() {
    let mut b = Bench::new(Config { retry_max: Duration::from_secs(100), ..config(1, &[]) });
    let conn = b.accept();
    b.hello(conn, "peer");
    let rows = "[\"127.0.0.1:8\",\"peer\"],[\"127.0.0.1:9\",\"peer\"]";
    b.say(conn, &format!("{{\"msgtype\":\"addr\",\"peers\":[{rows}]}}\n"));
    for seconds in (0..1_200).step_by(10) {
        b.run(Time::from_secs(seconds));
        if b.heard(conn).contains("ping") {
            b.say(conn, PONG);
        }
    }
    assert_eq!(b.node.known().map(|known| known.addr).collect::<Vec<_>>(), [addr(8)], "and no other of it");
    b.give(Input::Closed { conn, why: Closed::ByPeer });
    b.run(b.now + Duration::from_secs(2));
    assert_eq!(b.dials.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [addr(8)], "soon, and no other");
}

#[test]
fn what_is_out_of_place_is_not_looked_into() {
    let mut b = Bench::new(config(1, &[]));
    let conn = b.accept();
    b.say(conn, "{\"msgtype\":\"addr\",\"peers\":5}\n");
    b.hello(conn, "peer");
    b.say(conn, "{\"msgtype\":\"hello\"}\n");
    assert_eq!((b.node.counters().out_of_place, b.closed.len(), b.node.peers().count()), (2, 0, 1));
    b.say(conn, "{\"msgtype\":\"addr\",\"peers\":5}\n");
    assert_eq!(b.closed, [(conn, "sent an addr without rows", Fault::Peer)]);
}

#[test]
fn a_peer_is_dead_after_two_missed_pongs() {
    let mut b = Bench::new(config(1, &[]));
    let conn = b.accept();
    b.hello(conn, "peer");
    b.run(Time::from_secs(50));
    b.say(conn, PONG);
    b.run(Time::from_millis(179_999));
    assert_eq!(b.heard(conn).matches("ping").count(), 3, "at 0, 60 and 120 s");
    assert!(b.closed.is_empty(), "asked at 60 s, dead at 180 s");
    b.run(Time::from_secs(180));
    assert_eq!(b.closed, [(conn, "answered no ping", Fault::Network)]);
    assert!(matches!(b.events.last(), Some(Event::PeerDown { .. })));
}

#[test]
fn a_node_that_slept_convicts_nobody() {
    let mut b = Bench::new(config(1, &[]));
    let (peer, stranger) = (b.accept(), b.accept());
    b.hello(peer, "peer");
    b.heard(peer);
    b.now = Time::from_secs(7_200);
    b.give(Input::Tick);
    assert!(b.closed.is_empty());
    assert_eq!(b.heard(peer), PING, "it asks at once");
    b.run(b.now + Duration::from_secs(12));
    assert_eq!(b.closed, [(stranger, "said no hello in time", Fault::Peer)]);
}

#[test]
fn bootstraps_are_tried_for_ever_and_learned_addresses_are_not() {
    let mut b = Bench::new(config(1, &[2]));
    let (mut tries, mut last) = (BTreeMap::<u16, u32>::new(), Duration::ZERO);
    assert_eq!(b.node.command(b.now, Command::Connect { addr: addr(3) }), Ok(Reply::Dialing));
    b.drain();
    for _ in 0..30 {
        let before = b.now;
        for (ticket, to) in core::mem::take(&mut b.dials) {
            *tries.entry(to.port()).or_default() += 1;
            b.give(Input::DialFailed { ticket, why: DialError::Refused });
        }
        let Some(wake) = b.node.poll_timeout() else { break };
        b.run(wake.at);
        last = b.now.since(before);
    }
    assert_eq!(tries[&3], 5);
    assert!(tries[&2] >= 20, "{tries:?}");
    assert!(last >= Duration::from_secs(240) && last <= Duration::from_secs(360), "{last:?}");
}

#[test]
fn everything_is_bounded() {
    let mut b =
        Bench::new(Config { max_greeting: 3, max_peers: 2, max_known: 5, max_dials: 2, ..config(1, &[]) });
    let conns: Vec<_> = (0..4).map(|_| b.accept()).collect();
    assert_eq!(b.closed, [(conns[3], "no room for another peer", Fault::Own)]);
    for conn in &conns[..3] {
        b.hello(*conn, &format!("peer{}", conn.0));
    }
    assert_eq!(b.closed[1].0, conns[2]);
    let rows: Vec<_> = (10..200).map(|n| format!("\"127.0.0.1:{n}\"")).collect();
    b.say(conns[0], &format!("{{\"msgtype\":\"addr\",\"peers\":[{}]}}\n", rows.join(",")));
    assert_eq!((b.node.known().count(), b.dials.len()), (5, 2));
    assert_eq!(b.node.command(b.now, Command::Connect { addr: addr(300) }), Err(Refusal::NoRoom));
    b.say(conns[1], &"x".repeat(article::MAX_LINE + 1));
    assert_eq!(b.closed[2].1, "sent a line above the limit");
}

#[test]
fn a_peer_that_reads_nothing_is_closed() {
    let mut b = Bench::new(config(1, &[]));
    let conn = b.accept();
    b.hello(conn, "peer");
    let mut bytes = BytesMut::from(PING.repeat(20_000).as_str());
    b.node.handle(b.now, Input::Received { conn, bytes: &mut bytes });
    b.drain();
    assert_eq!(b.closed, [(conn, "reads too slowly", Fault::Peer)]);
}

#[test]
fn what_is_no_message_ends_the_connection() {
    let mut b = Bench::new(config(1, &[]));
    let conn = b.accept();
    b.say(conn, "{\"msgtype\":\"whatever\"}\n");
    assert!(b.closed.is_empty());
    b.say(conn, "\n{\"nodeid\":\"late\",\"msgtype\":\"hello\"}\n");
    assert_eq!(b.closed, [(conn, "sent a line that is no message", Fault::Peer)]);
    assert_eq!(b.node.peers().count(), 0, "nothing after it is heeded");
}

#[test]
fn a_node_that_left_says_no_more() {
    let mut b = Bench::new(config(1, &[2]));
    let (conn, _) = (b.accept(), b.accept());
    b.hello(conn, "peer");
    b.heard(conn);
    assert_eq!(b.node.command(b.now, Command::Leave), Ok(Reply::Left { peers: 1 }));
    let outputs: Vec<_> = core::iter::from_fn(|| b.node.poll()).collect();
    let closes = outputs.iter().filter(|output| matches!(output, Output::Close { .. })).count();
    assert_eq!(closes, 2);
    assert_eq!(outputs[outputs.len() - 2..], [Output::Event(Event::Left), Output::Done]);
    b.say(conn, PING);
    b.accept();
    assert_eq!((b.node.poll(), b.node.poll_timeout()), (None, None));
    assert_eq!(b.node.command(b.now, Command::Leave), Err(Refusal::HasLeft));
}

#[test]
fn impossible_configurations_are_refused() {
    let ok = config(1, &[]);
    let zero = Duration::ZERO;
    let bad = [
        Config { address: Some("0.0.0.0:1".parse().unwrap()), ..ok.clone() },
        Config { bootstrap: [addr(0)].into(), ..ok.clone() },
        Config { ping_period: zero, ..ok.clone() },
        Config { retry_min: Duration::from_secs(301), ..ok.clone() },
        Config { max_dials: 0, ..ok.clone() },
        Config { max_rows: article::MAX_ROWS + 1, ..ok },
    ];
    for config in bad {
        assert!(Hello::new(config).is_err());
    }
}

/// Nodes whose bytes arrive at once.
struct Network {
    nodes: Vec<Hello>,
    ends: BTreeMap<(usize, ConnId), (usize, ConnId)>,
    queue: VecDeque<(usize, Output<Event>)>,
    next: u64,
}

impl Network {
    fn new(configs: Vec<Config>) -> Self {
        let node = |(n, config)| Hello::new(Config { seed: Seed::from_u64(n), ..config }).unwrap();
        let nodes = (0u64..).zip(configs).map(node).collect();
        Network { nodes, ends: BTreeMap::new(), queue: VecDeque::new(), next: 0 }
    }

    fn settle(&mut self, now: Time) {
        loop {
            for (n, node) in self.nodes.iter_mut().enumerate() {
                self.queue.extend(core::iter::from_fn(|| node.poll()).map(|output| (n, output)));
            }
            let Some((n, output)) = self.queue.pop_front() else { return };
            self.carry(now, n, output);
        }
    }

    fn carry(&mut self, now: Time, from: usize, output: Output<Event>) {
        match output {
            Output::Dial { ticket, to, .. } => {
                let other = usize::from(to.port()) - 1;
                let (here, there) = (ConnId(self.next), ConnId(self.next + 1));
                self.next += 2;
                self.ends.insert((from, here), (other, there));
                self.ends.insert((other, there), (from, here));
                let accepted =
                    Input::Opened { conn: there, how: How::Accepted(Port(0)), remote: addr(40_000) };
                self.nodes[other].handle(now, accepted);
                self.nodes[from]
                    .handle(now, Input::Opened { conn: here, how: How::Dialed(ticket), remote: to });
            }
            Output::Send { conn, frame, .. } => {
                self.nodes[from].handle(now, Input::Flushed { conn, n: frame.len() });
                if let Some(&(other, there)) = self.ends.get(&(from, conn)) {
                    let bytes = &mut BytesMut::from(&frame[..]);
                    self.nodes[other].handle(now, Input::Received { conn: there, bytes });
                }
            }
            Output::Close { conn, .. } => {
                self.nodes[from].handle(now, Input::Closed { conn, why: Closed::ByUs });
                if let Some((other, there)) = self.ends.remove(&(from, conn)) {
                    self.ends.remove(&(other, there));
                    self.nodes[other].handle(now, Input::Closed { conn: there, why: Closed::ByPeer });
                }
            }
            _ => {}
        }
    }
}

#[test]
fn each_dialect_has_its_ports() {
    assert_eq!(Dialect::Article.ports(), [5999, 5998, 5997]);
    assert_eq!(Dialect::Ncpoc.ports(), [5005, 5006, 5007, 5008]);
}

#[test]
fn a_line_of_bootstraps_becomes_a_full_mesh() {
    let mut net = Network::new((1..=6).map(|n| config(n, &[1.max(n - 1)])).collect());
    let mut now = Time::ZERO;
    net.settle(now);
    while let Some(wake) = net.nodes.iter().filter_map(Hello::poll_timeout).min_by_key(|wake| wake.at) {
        if wake.at > Time::from_secs(400) {
            break;
        }
        now = wake.at;
        net.nodes.iter_mut().for_each(|node| node.handle(now, Input::Tick));
        net.settle(now);
    }
    for node in &net.nodes {
        assert_eq!(node.peers().count(), 5, "{:?}", node.known().collect::<Vec<_>>());
        assert!(node.peers().all(|peer| peer.rtt.is_some()));
    }
}

#[test]
fn of_crossing_connections_the_one_dialled_by_the_lower_id_stays() {
    let mut net = Network::new([config(1, &[2]), config(2, &[1])].into());
    net.settle(Time::ZERO);
    let lower = usize::from(net.nodes[1].id() < net.nodes[0].id());
    assert_eq!(net.nodes[lower].peers().map(|peer| peer.dialed).collect::<Vec<_>>(), [true]);
    assert_eq!(net.nodes[1 - lower].peers().map(|peer| peer.dialed).collect::<Vec<_>>(), [false]);
}
