//! Busy, and room again: of the own link, of the datagram socket, of the way behind the first link.

use super::pressure::{relay, send};
use super::*;
use crate::kernel::Machine;
use crate::overlay::event::{Command, Refusal};
use crate::overlay::wire::{DataHead, Flow, Way};

/// How many payloads of 20,000 octets for `to` are taken.
fn taken(bench: &mut Bench, to: u128) -> usize {
    let taken = (0..200).take_while(|_| send(bench, to).is_ok()).count();
    assert_eq!(send(bench, to), Err(Refusal::Busy));
    taken
}

/// How often there was room for `to` since this was asked last.
fn room(bench: &mut Bench, to: u128) -> usize {
    let events = core::mem::take(&mut bench.events);
    events.iter().filter(|event| matches!(event, Event::Room { to: NodeId(id), .. } if *id == to)).count()
}

/// Which payloads for 3 went out marked over the link.
fn marked(bench: &Bench, conn: ConnId) -> Vec<u64> {
    let number = |packet: &Packet| match packet {
        Packet::Dat(DataHead { flow: Flow::Marked(number), .. }) => Some(*number),
        _ => None,
    };
    bench.peers[&conn].said.iter().filter_map(number).collect()
}

/// A report about a payload for 3 comes over `conn`.
fn report(bench: &mut Bench, conn: ConnId, flow: Flow) {
    let [source, destination] = [NodeId(3), NodeId(ME)];
    let head = DataHead { ttl: 30, way: Way::Link, flow, source, destination, len: 0 };
    bench.handle(Input::Received { conn, bytes: &mut BytesMut::from(&wire::emit_data(&head, b"")[..]) });
}

/// A settled node, and the connection over which payloads for 3 go.
fn towards_3() -> (Bench, ConnId) {
    let (mut bench, conns) = Bench::settled(|_| ());
    let first = bench.node.next_hop(NodeId(3)).unwrap();
    (bench, if first == NodeId(1) { conns[0] } else { conns[1] })
}

#[test]
fn who_was_refused_by_a_full_link_hears_once_that_it_has_room() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    assert_eq!(taken(&mut bench, 1), 16, "three with the driver, thirteen here");
    bench.pass(Duration::from_millis(600));
    assert_eq!(room(&mut bench, 1), 0);
    bench.read_on(conns[0]);
    assert_eq!((room(&mut bench, 1), room(&mut bench, 1)), (1, 0));
    assert!(send(&mut bench, 1).is_ok());
}

#[test]
fn who_waits_for_room_on_a_link_that_ends_is_told_too() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    taken(&mut bench, 1);
    bench.events.clear();
    bench.hang_up(conns[0]);
    bench.pass(Duration::from_millis(300));
    assert_eq!(room(&mut bench, 1), 1);
}

#[test]
fn datagrams_have_a_budget_of_their_own() {
    let (mut bench, _) = Bench::settled(|_| ());
    let datagram = |bench: &mut Bench| {
        let payload = Bytes::from_static(&[7; 64]);
        let sent =
            bench.node.command(bench.now, Command::Send { to: NodeId(1), payload, way: Way::Datagram });
        bench.drain();
        sent
    };
    let burst = (0..1_000).take_while(|_| datagram(&mut bench).is_ok()).count();
    assert!((60..80).contains(&burst), "{burst}");
    assert_eq!(datagram(&mut bench), Err(Refusal::Busy));
    assert!(send(&mut bench, 1).is_ok(), "links are another matter");
    bench.events.clear();
    bench.pass(Duration::from_millis(5));
    assert_eq!(room(&mut bench, 1), 1);
    assert!(datagram(&mut bench).is_ok());
}

#[test]
fn so_much_is_under_way_behind_a_relay_and_answers_make_room() {
    let (mut bench, near) = towards_3();
    assert_eq!(taken(&mut bench, 3), 6, "a window of 128 KiB");
    assert!(send(&mut bench, 1).is_ok() && send(&mut bench, 2).is_ok(), "neighbours are another matter");
    let numbers = marked(&bench, near);
    assert_eq!(numbers, [2, 4, 6]);
    report(&mut bench, near, Flow::Arrived(5));
    assert_eq!(room(&mut bench, 3), 0, "nobody asked about that one");
    report(&mut bench, near, Flow::Arrived(4));
    assert_eq!(room(&mut bench, 3), 1);
    assert_eq!(taken(&mut bench, 3), 8, "as much as arrived, twice");
}

#[test]
fn a_crowded_way_halves_what_is_under_way() {
    let (mut bench, near) = towards_3();
    taken(&mut bench, 3);
    report(&mut bench, near, Flow::Crowded(5));
    report(&mut bench, near, Flow::Crowded(6));
    let last = *marked(&bench, near).last().unwrap();
    report(&mut bench, near, Flow::Arrived(last));
    assert_eq!(taken(&mut bench, 3), 3, "64 KiB");
}

#[test]
fn what_is_never_answered_is_forgotten_after_a_second() {
    let (mut bench, _) = towards_3();
    taken(&mut bench, 3);
    bench.pass(Duration::from_millis(990));
    assert_eq!(room(&mut bench, 3), 0);
    bench.pass(Duration::from_millis(20));
    assert_eq!(room(&mut bench, 3), 1);
    assert_eq!(taken(&mut bench, 3), 3);
}

#[test]
fn a_marked_payload_is_answered_over_the_link() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let [source, destination] = [NodeId(1), NodeId(ME)];
    for (number, way) in [(8, Way::Link), (9, Way::Datagram)] {
        let head = DataHead { ttl: 30, way, flow: Flow::Marked(number), source, destination, len: 1 };
        if way == Way::Link {
            let mut bytes = BytesMut::from(&wire::emit_data(&head, b"x")[..]);
            bench.handle(Input::Received { conn: conns[0], bytes: &mut bytes });
        } else {
            let token = bench.peers[&conns[0]].token.unwrap();
            let bytes = &wire::emit_datagram(token, &head, b"x")[..];
            bench.handle(Input::Datagram { port: Port(0), from: address(1), bytes });
        }
        let answer = DataHead {
            ttl: 32,
            way: Way::Link,
            flow: Flow::Arrived(number),
            source: destination,
            destination: source,
            len: 0,
        };
        assert_eq!(bench.peers[&conns[0]].said.last(), Some(&Packet::Dat(answer)));
    }
    assert_eq!(bench.events.iter().filter(|event| matches!(event, Event::Delivered { .. })).count(), 2);
}

#[test]
fn sources_of_what_fills_a_queue_are_told_once_in_ten_milliseconds() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    let crowded = |bench: &Bench| {
        bench.said(conns[1], |p| matches!(p, Packet::Dat(DataHead { flow: Flow::Crowded(_), .. })))
    };
    for number in 0..28 {
        relay(&mut bench, conns[1], 2, 1, number);
    }
    assert_eq!(crowded(&bench), 0, "three with the driver, less than half of a megabyte here");
    for number in 28..40 {
        relay(&mut bench, conns[1], 2, 1, number);
    }
    assert_eq!(crowded(&bench), 1);
    bench.pass(Duration::from_millis(10));
    relay(&mut bench, conns[1], 2, 1, 40);
    assert_eq!(crowded(&bench), 2);
}

/// Something that control traffic may be.
const SIGN: Packet = Packet::Pong(Pong { token: Token(0x5157), id: NodeId(0) });

#[test]
fn reports_that_nobody_reads_cost_no_link_and_stop_nothing_else() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[1]).unwrap().stalled = true;
    // Payloads for nobody, under the name of 2.
    let [source, destination] = [NodeId(2), NodeId(77)];
    for number in 0..20_000 {
        let head = DataHead { ttl: 9, way: Way::Link, flow: Flow::Data(number), source, destination, len: 0 };
        let mut bytes = BytesMut::from(&wire::emit_data(&head, b"")[..]);
        bench.handle(Input::Received { conn: conns[0], bytes: &mut bytes });
    }
    assert!(!bench.closed(conns[1]) && !bench.closed(conns[0]));
    let state = &bench.node.conns[&conns[1]];
    let (waiting, reports) = (state.outbox.waiting(), state.reports.len());
    assert!(waiting < 17 << 10 && reports == 16_384, "{waiting} {reports}");
    let before = bench.peers[&conns[1]].said.len();
    bench.node.send_packet(conns[1], crate::kernel::Class::Control, &SIGN);
    bench.read_on(conns[1]);
    let said = &bench.peers[&conns[1]].said[before..];
    let place = said.iter().position(|packet| *packet == SIGN).unwrap();
    assert!(place < 200 && said.len() > 16_000, "{place} of {}", said.len());
}

#[test]
fn reports_wait_behind_a_long_answer() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[1]).unwrap().stalled = true;
    for _ in 0..8_000 {
        bench.node.send_packet(conns[1], crate::kernel::Class::Control, &SIGN);
    }
    bench.drain();
    assert!(bench.node.conns[&conns[1]].outbox.pressing() > 256 << 10);
    relay_report(&mut bench, conns[0], Flow::Arrived(5));
    bench.read_on(conns[1]);
    let heard = |packet: &Packet| matches!(packet, Packet::Dat(DataHead { flow: Flow::Arrived(5), .. }));
    assert_eq!(bench.said(conns[1], heard), 1);
}

/// A report from 1 for 2 comes over `conn`.
fn relay_report(bench: &mut Bench, conn: ConnId, flow: Flow) {
    let [source, destination] = [NodeId(1), NodeId(2)];
    let head = DataHead { ttl: 9, way: Way::Link, flow, source, destination, len: 0 };
    bench.handle(Input::Received { conn, bytes: &mut BytesMut::from(&wire::emit_data(&head, b"")[..]) });
}

#[test]
fn every_payload_of_a_queue_that_is_gone_is_told_of_however_small() {
    let (mut bench, conns) = Bench::settled(|_| ());
    conns.iter().for_each(|conn| bench.peers.get_mut(conn).unwrap().stalled = true);
    let [source, destination] = [NodeId(2), NodeId(1)];
    for number in 0..6_000 {
        let head =
            DataHead { ttl: 9, way: Way::Link, flow: Flow::Data(number), source, destination, len: 64 };
        let bytes = &mut BytesMut::from(&wire::emit_data(&head, &[7; 64])[..]);
        bench.handle(Input::Received { conn: conns[1], bytes });
    }
    bench.hang_up(conns[0]);
    bench.read_on(conns[1]);
    let told = bench.peers[&conns[1]].said.iter().filter_map(|packet| match packet {
        Packet::Dat(DataHead { flow: Flow::Unreachable(number) | Flow::Busy(number), .. }) => Some(*number),
        _ => None,
    });
    let with_driver = bench.node.conns[&conns[1]].reports.len() as u64;
    let mut told: Vec<u64> = told.collect();
    told.sort_unstable();
    assert_eq!(with_driver, 0);
    // What the driver had taken of each link is unknown: some payloads there, some reports here.
    assert!(
        told.len() > 6_000 - 1_300 && told.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{}",
        told.len()
    );
    assert_eq!(told.last(), Some(&5_999));
}

#[test]
fn room_is_for_the_length_that_was_refused() {
    let (mut bench, near) = towards_3();
    let send = |bench: &mut Bench, octets: usize| {
        let payload = Bytes::from(alloc::vec![7; octets]);
        let sent = bench.node.command(bench.now, Command::Send { to: NodeId(3), payload, way: Way::Link });
        bench.drain();
        sent.is_ok()
    };
    let (mut answered, mut rooms) = (0, 0);
    while send(&mut bench, 1_000) {}
    report(&mut bench, near, Flow::Crowded(5));
    assert!(!send(&mut bench, 60_000));
    for _ in 0..200 {
        if let Some(number) = marked(&bench, near).get(answered).copied() {
            answered += 1;
            report(&mut bench, near, Flow::Arrived(number));
        }
        bench.pass(Duration::from_millis(1));
        if room(&mut bench, 3) > 0 {
            rooms += 1;
            while send(&mut bench, 1_000) {}
            assert!(send(&mut bench, 60_000), "after room {rooms}");
            while send(&mut bench, 1_000) {}
            assert!(!send(&mut bench, 60_000));
        }
    }
    assert!(rooms > 5, "{rooms}");
}

#[test]
fn who_wanted_less_hears_of_room_that_the_longer_one_leaves() {
    let (mut bench, near) = towards_3();
    taken(&mut bench, 3);
    let payload = Bytes::from_static(b"short");
    let short = Command::Send { to: NodeId(3), payload, way: Way::Link };
    assert_eq!(bench.node.command(bench.now, short.clone()), Err(Refusal::Busy), "behind the longer one");
    let last = *marked(&bench, near).last().unwrap();
    report(&mut bench, near, Flow::Arrived(last));
    assert_eq!(room(&mut bench, 3), 1);
    bench.pass(Duration::from_millis(49));
    assert_eq!(bench.node.command(bench.now, short.clone()), Err(Refusal::Busy));
    assert_eq!(room(&mut bench, 3), 0);
    bench.pass(Duration::from_millis(2));
    assert_eq!(room(&mut bench, 3), 1, "nobody took it");
    assert!(bench.node.command(bench.now, short).is_ok());
}
