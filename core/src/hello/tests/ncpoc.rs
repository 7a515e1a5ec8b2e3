//! Nodes of the ncpoc dialect.

use super::*;
use crate::hello::ncpoc::{Kind, Node, read, write_addr, write_hello, write_ping, write_pong};

const NONCE: &str = "226caf0f535bde9009939162c5a84d3b1308400acda1de6525c34d1d0a6d3dde";
/// A time on the wall clock, in seconds.
const UNIX: u64 = 1_795_237_629;

fn config(own: u16, bootstrap: &[u16]) -> Config {
    let bootstrap = bootstrap.iter().map(|n| addr(*n)).collect();
    let wall_time = Duration::from_secs(UNIX);
    Config { address: Some(addr(own)), bootstrap, wall_time, ..Config::ncpoc(Seed::from_u64(1)) }
}

fn named(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

impl Bench {
    fn tell(&mut self, conn: ConnId, line: &[u8]) {
        self.say(conn, core::str::from_utf8(line).unwrap());
    }

    fn hello_from(&mut self, conn: ConnId, id: &str) {
        self.tell(conn, &write_hello(&named(id), NONCE));
    }

    /// What was said on a connection, as messages.
    fn messages(&mut self, conn: ConnId) -> Vec<Message> {
        let said = self.heard(conn);
        said.lines().map(|line| read(line.as_bytes()).unwrap()).collect()
    }

    fn dialled(&mut self) -> ConnId {
        let (ticket, _) = self.dials.remove(0);
        self.open(How::Dialed(ticket))
    }
}

fn field<'a>(line: &'a str, key: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{key}\": \"")).unwrap();
    rest.split_once('"').unwrap().0
}

#[test]
fn ids_and_nonces_are_hex_digits() {
    let mut b = Bench::new(config(1, &[2]));
    let conn = b.dialled();
    b.hello_from(conn, "b28b3a6ae2");
    b.tell(conn, &write_ping(&named("b28b3a6ae2"), NONCE));
    let said = b.heard(conn);
    let (ids, nonces): (Vec<&str>, Vec<&str>) =
        said.lines().map(|line| (field(line, "nodeid"), field(line, "nonce"))).unzip();
    let is_hex =
        |text: &&str, len| text.len() == len && text.bytes().all(|b| b"0123456789abcdef".contains(&b));
    assert!(ids.iter().all(|id| is_hex(id, 10) && *id == b.node.id().as_str()), "{said}");
    assert!(nonces.iter().all(|nonce| is_hex(nonce, 64)), "{said}");
    assert!(nonces.len() == 2 && nonces[0] != nonces[1], "{said}");
}

#[test]
fn the_acceptor_answers_hello_and_says_whom_it_is_connected_with() {
    let mut b = Bench::new(config(1, &[2]));
    let (dialled, conn) = (b.dialled(), b.accept());
    b.hello_from(dialled, "aaaaaaaaaa");
    assert_eq!(b.heard(conn), "", "an acceptor is silent until it hears hello");
    b.now = Time::from_millis(1_500);
    b.hello_from(conn, "b28b3a6ae2");
    let said = b.heard(conn);
    let rows = format!(
        "\"nodes\": [[\"b28b3a6ae2\", \"127.0.0.1:40000\", \"LISTENER\", {}.5], \
         [\"aaaaaaaaaa\", \"127.0.0.1:40000\", \"SPEAKER\", {UNIX}.0]], ",
        UNIX + 1
    );
    let id = b.node.id().clone();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(read(lines[0].as_bytes()), Ok(Message::Hello { id }));
    assert!(lines.len() == 2 && lines[1].contains(&rows), "{said}");
}

#[test]
fn the_dialler_says_hello_and_answers() {
    let mut b = Bench::new(config(1, &[2]));
    let conn = b.dialled();
    let id = b.node.id().clone();
    assert_eq!(b.messages(conn), [Message::Hello { id }]);
    b.tell(conn, &write_ping(&named("b28b3a6ae2"), NONCE));
    b.tell(conn, b"{\"msgtype\": \"getaddr\"}\n");
    assert_eq!((b.messages(conn), b.node.counters().out_of_place), ([].into(), 2), "nothing before hello");
    b.hello_from(conn, "b28b3a6ae2");
    b.hello_from(conn, "cccccccccc");
    b.tell(conn, b"{\"msgtype\": \"ackhello\"}\n");
    assert_eq!((b.messages(conn), b.node.counters().out_of_place), ([].into(), 3), "it introduces nobody");
    b.tell(conn, &write_ping(&named("b28b3a6ae2"), NONCE));
    assert_eq!(b.messages(conn), [Message::Pong]);
    assert_eq!(b.node.peers().map(|peer| peer.id.as_str()).collect::<Vec<_>>(), ["b28b3a6ae2"]);
}

#[test]
fn pings_come_from_the_acceptor_alone_each_twenty_minutes() {
    let mut b = Bench::new(config(1, &[2]));
    let (dialled, conn, mute) = (b.dialled(), b.accept(), b.accept());
    b.hello_from(dialled, "aaaaaaaaaa");
    b.hello_from(conn, "b28b3a6ae2");
    for conn in [conn, dialled] {
        b.heard(conn);
    }
    b.run(Time::from_secs(1_199));
    assert_eq!(
        (b.messages(conn), &b.closed),
        ([].into(), &[(mute, "said no hello in time", Fault::Peer)].into())
    );
    b.run(Time::from_secs(1_201));
    assert_eq!(b.messages(conn), [Message::Ping]);
    b.tell(conn, &write_pong(&named("b28b3a6ae2"), NONCE));
    assert_eq!(b.messages(dialled), []);
    b.tell(dialled, &write_ping(&named("aaaaaaaaaa"), NONCE));
    b.run(Time::from_secs(4_799));
    assert_eq!(
        (b.messages(conn), b.closed.len()),
        ([Message::Ping, Message::Ping].into(), 1),
        "asked at 2,400 s"
    );
    b.run(Time::from_secs(4_800));
    assert_eq!(b.closed[1], (conn, "answered no ping", Fault::Network));
    b.run(Time::from_secs(4_801));
    assert_eq!(b.closed[2], (dialled, "pinged no more", Fault::Network));
}

#[test]
fn rows_tell_when_a_peer_was_heard_on_the_wall_clock() {
    let mut b = Bench::new(config(1, &[]));
    let first = b.accept();
    b.hello_from(first, "b28b3a6ae2");
    b.run(Time::from_secs(1_200));
    b.now = Time::from_millis(1_200_250);
    b.tell(first, &write_pong(&named("b28b3a6ae2"), NONCE));
    let second = b.accept();
    b.hello_from(second, "aaaaaaaaaa");
    let said = b.heard(second);
    assert!(
        said.contains(&format!("\"b28b3a6ae2\", \"127.0.0.1:40000\", \"LISTENER\", {}.25]", UNIX + 1_200)),
        "{said}"
    );
    b.now = Time::from_millis(1_201_250);
    b.give(Input::WallTime { unix: Duration::from_secs(UNIX + 5_000) });
    let third = b.accept();
    b.hello_from(third, "cccccccccc");
    let said = b.heard(third);
    assert!(said.contains(&format!("\"LISTENER\", {}.0]", UNIX + 5_000)), "it hears now, {said}");
    assert!(said.contains(&format!("\"LISTENER\", {}.0]", UNIX + 4_999)), "a second before, {said}");
}

#[test]
fn rows_of_those_that_listen_are_dialled() {
    let mut b = Bench::new(config(1, &[2]));
    let conn = b.dialled();
    b.hello_from(conn, "b28b3a6ae2");
    let node = |port, kind| Node {
        id: named("cccccccccc"),
        addr: addr(port),
        kind,
        heard: Duration::from_secs(UNIX),
    };
    let nodes = [node(41_000, Kind::Listener), node(5_005, Kind::Speaker), node(1, Kind::Speaker)];
    b.tell(conn, &write_addr(&named("b28b3a6ae2"), NONCE, nodes));
    let dials: Vec<_> = b.dials.iter().map(|(_, to)| to.port()).collect();
    assert_eq!(dials, [5_005], "neither an end of a connection nor oneself");
}

#[test]
fn a_node_that_meets_itself_never_goes_there_again() {
    let mut b = Bench::new(config(1, &[1, 2]));
    assert_eq!(b.dials.len(), 1, "its own address is known");
    let conn = b.dialled();
    let own = b.node.id().clone();
    b.hello_from(conn, own.as_str());
    assert_eq!((&b.events[..], b.closed[0].1), (&[Event::SelfFound { addr: addr(2) }][..], "met itself"));
    b.run(Time::from_secs(3_600));
    assert!(b.dials.is_empty());
}

#[test]
fn both_connections_with_one_id_stay() {
    let mut b = Bench::new(config(1, &[2]));
    let (dialled, conn, again) = (b.dialled(), b.accept(), b.accept());
    for conn in [dialled, conn, again] {
        b.hello_from(conn, "b28b3a6ae2");
    }
    assert_eq!((b.node.peers().count(), b.closed.len()), (3, 0));
    b.give(Input::Closed { conn, why: Closed::ByPeer });
    assert_eq!((b.node.peers().count(), b.closed.len()), (2, 0));
}

#[test]
fn who_signs_a_ping_and_how_often_is_nobodys_business() {
    let mut b = Bench::new(config(1, &[]));
    let conn = b.accept();
    b.hello_from(conn, "b28b3a6ae2");
    b.heard(conn);
    let ping = write_ping(&named("cccccccccc"), NONCE);
    b.tell(conn, &ping);
    b.tell(conn, &ping);
    assert_eq!(b.messages(conn), [Message::Pong, Message::Pong]);
}

#[test]
fn what_does_not_fit_its_checksum_ends_the_connection() {
    let mut b = Bench::new(config(1, &[]));
    let (conn, other) = (b.accept(), b.accept());
    b.hello_from(other, "b28b3a6ae2");
    let ping = write_ping(&named("b28b3a6ae2"), NONCE);
    b.say(other, &core::str::from_utf8(&ping).unwrap().replace(NONCE, &NONCE.replace('2', "3")));
    b.say(conn, "\n");
    let why = ["sent a checksum that does not fit", "sent a line that is no message"];
    assert_eq!(b.closed, [(other, why[0], Fault::Peer), (conn, why[1], Fault::Peer)]);
}

#[test]
fn a_checksum_is_looked_at_where_a_line_is_in_place() {
    let mut b = Bench::new(config(1, &[]));
    let conn = b.accept();
    let unsigned =
        |msgtype: &str| format!("{{\"msgtype\": \"{msgtype}\", \"data\": {{}}, \"sign\": \"\"}}\n");
    for msgtype in ["ping", "pong", "addr"] {
        b.say(conn, &unsigned(msgtype));
    }
    b.hello_from(conn, "b28b3a6ae2");
    b.say(conn, &unsigned("hello"));
    assert_eq!((b.node.counters().out_of_place, b.closed.len(), b.node.peers().count()), (4, 0, 1));
    b.say(conn, &unsigned("ping"));
    assert_eq!(b.closed, [(conn, "sent a message without a usable nodeid", Fault::Peer)]);
}

#[test]
fn each_line_is_a_write_of_its_own() {
    let mut node = Hello::new(config(1, &[])).unwrap();
    let conn = ConnId(1);
    node.handle(Time::ZERO, Input::Opened { conn, how: How::Accepted(Port(0)), remote: addr(40_000) });
    let hello = write_hello(&named("b28b3a6ae2"), NONCE);
    let mut bytes = BytesMut::from(&hello[..hello.len() - 1]);
    node.handle(Time::ZERO, Input::Received { conn, bytes: &mut bytes });
    assert_eq!(node.poll(), None, "its end is missing");
    bytes.extend_from_slice(b"\n");
    node.handle(Time::ZERO, Input::Received { conn, bytes: &mut bytes });
    let mut lines = 0;
    while let Some(output) = node.poll() {
        let Output::Send { frame, solo, .. } = output else { continue };
        assert!(solo && frame.iter().filter(|b| **b == b'\n').count() == 1 && frame.ends_with(b"\n"));
        lines += 1;
    }
    assert_eq!(lines, 2);
}
