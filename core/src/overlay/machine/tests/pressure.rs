//! Payloads that find no room, and paths that break.

use super::*;
use crate::kernel::Machine;
use crate::overlay::event::{Command, Loss, Refusal, Reply};
use crate::overlay::wire::{DataHead, Flow, Way};

const PAYLOAD: usize = 20_000;

pub(super) fn send(bench: &mut Bench, to: u128) -> Result<Reply, Refusal> {
    let payload = Bytes::from(alloc::vec![7; PAYLOAD]);
    let reply = bench.node.command(bench.now, Command::Send { to: NodeId(to), payload, way: Way::Link });
    bench.drain();
    reply
}

/// A payload from `from` for `to` comes over `conn`.
pub(super) fn relay(bench: &mut Bench, conn: ConnId, from: u128, to: u128, number: u64) {
    let (source, destination) = (NodeId(from), NodeId(to));
    let len = u32::try_from(PAYLOAD).unwrap();
    let head = DataHead { ttl: 32, way: Way::Link, flow: Flow::Data(number), source, destination, len };
    let mut bytes = BytesMut::from(&wire::emit_data(&head, &alloc::vec![7; PAYLOAD])[..]);
    bench.handle(Input::Received { conn, bytes: &mut bytes });
}

fn busy(bench: &Bench, conn: ConnId) -> Vec<u64> {
    let number = |packet: &Packet| match packet {
        Packet::Dat(DataHead { flow: Flow::Busy(number), .. }) => Some(*number),
        _ => None,
    };
    bench.peers[&conn].said.iter().filter_map(number).collect()
}

fn data(packet: &Packet) -> bool {
    matches!(packet, Packet::Dat(DataHead { flow: Flow::Data(_), .. }))
}

#[test]
fn a_sender_is_refused_what_its_link_cannot_hold_and_nothing_else_suffers() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    let sent: Vec<_> = (0..100).map(|_| send(&mut bench, 1)).collect();
    let held = sent.iter().take_while(|reply| reply.is_ok()).count();
    assert!((14..20).contains(&held), "a window and a quarter of a megabyte: {held}");
    assert!(sent[held..].iter().all(|reply| *reply == Err(Refusal::Busy)));
    for number in 0..100 {
        assert!(send(&mut bench, 2).is_ok(), "{number}");
    }
    assert_eq!(bench.said(conns[1], data), 100);
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Undelivered { .. })));
}

#[test]
fn senders_hear_busy_for_exactly_what_a_relay_sheds() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    for number in 0..100 {
        relay(&mut bench, conns[1], 2, 1, number);
    }
    let lost = busy(&bench, conns[1]);
    let held = 100 - lost.len() as u64;
    assert!((50..60).contains(&held), "{held}");
    // The first ones are with the driver; of those that wait the oldest went.
    let first = lost[0];
    assert_eq!(lost, (first..first + lost.len() as u64).collect::<Vec<_>>());
    assert_eq!(bench.node.counters().shed, lost.len() as u64);
}

#[test]
fn payloads_that_waited_for_a_link_that_ends_are_told_of() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    let sent: Vec<u64> = (0..20)
        .filter_map(|_| match send(&mut bench, 1) {
            Ok(Reply::Sent(number)) => Some(number),
            _ => None,
        })
        .collect();
    bench.events.clear();
    bench.hang_up(conns[0]);
    let told: Vec<u64> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Undelivered { number, why: Loss::Unreachable, .. } => Some(*number),
            _ => None,
        })
        .collect();
    assert!(!told.is_empty() && sent.ends_with(&told), "{told:?} of {sent:?}");
    assert!(sent.len() - told.len() <= 4, "what the driver has is not known to be lost");
}

#[test]
fn a_path_over_a_link_known_to_be_dead_is_left_at_once() {
    use ListedRole::{Both, In};
    let (mut bench, conns) = Bench::settled(|_| ());
    let hop = |bench: &mut Bench| bench.node.next_hop(NodeId(3)).map(|id| id.0);
    let first = hop(&mut bench).expect("a path");
    let (near, far) = if first == 1 { (conns[0], conns[1]) } else { (conns[1], conns[0]) };
    // The first hop's record says that its link to 3 is no more, within the same millisecond.
    bench.record(far, 40, &[(first, Both)], 8);
    let _ = hop(&mut bench);
    bench.record(near, first, &[(2, Both), (1, Both), (4, Both), (ME, In)], 8);
    assert_eq!(hop(&mut bench), Some(3 - first), "the other way is known");
}

/// A settled node with fourteen payloads for 1, who has stopped reading; then it gives its choice of 1 up.
fn parting() -> (Bench, ConnId) {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    for _ in 0..14 {
        assert!(send(&mut bench, 1).is_ok());
    }
    bench.node.teardown(NodeId(1), Reason::Surplus);
    bench.drain();
    assert!(!bench.closed(conns[0]), "there is something left to say");
    (bench, conns[0])
}

#[test]
fn what_was_to_be_said_is_said_before_a_connection_ends() {
    let (mut bench, conn) = parting();
    bench.pass(Duration::from_secs(4));
    assert!(!bench.closed(conn));
    bench.read_on(conn);
    assert!(bench.closed(conn));
    assert_eq!(bench.said(conn, data), 11, "the driver had three");
    assert!(!bench.events.iter().any(|event| matches!(event, Event::Undelivered { .. })));
}

#[test]
fn who_does_not_read_is_waited_for_five_seconds() {
    let (mut bench, conn) = parting();
    bench.pass(Duration::from_secs(6));
    assert!(bench.closed(conn));
}
