//! What a node counts of each link.

use super::*;
use crate::kernel::Machine as _;
use crate::overlay::event::Command;
use crate::overlay::link::{Tally, Traffic};

fn traffic(bench: &Bench, id: u128) -> Traffic {
    bench.node.neighbors().iter().find(|n| n.id == NodeId(id)).expect("a neighbour").traffic
}

fn since(before: Tally, after: Tally) -> (u64, u64) {
    (after.frames - before.frames, after.octets - before.octets)
}

#[test]
fn a_frame_counts_on_its_own_link_with_its_line_end() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let (before, other) = (traffic(&bench, 1), traffic(&bench, 2));
    let packet = Packet::Unknown(UnknownLine::new(Bytes::from_static(b"NEWS")).unwrap());
    bench.say(conns[0], &packet);
    let after = traffic(&bench, 1);
    assert_eq!(since(before.received, after.received), (1, packet.emit().len() as u64));
    assert_eq!((after.sent, traffic(&bench, 2)), (before.sent, other));
    // Half a frame is none yet.
    let whole = packet.emit();
    let (half, rest) = whole.split_at(3);
    let mut bytes = BytesMut::from(half);
    bench.handle(Input::Received { conn: conns[0], bytes: &mut bytes });
    assert_eq!(traffic(&bench, 1).received, after.received);
    bytes.extend_from_slice(rest);
    bench.handle(Input::Received { conn: conns[0], bytes: &mut bytes });
    assert_eq!(since(before.received, traffic(&bench, 1).received), (2, 2 * packet.emit().len() as u64));
}

#[test]
fn beats_count_in_both_directions() {
    let (mut bench, _) = Bench::settled(|_| ());
    let before = traffic(&bench, 1);
    bench.pass(Duration::from_secs(10));
    let after = traffic(&bench, 1);
    let ((sent, octets), (received, _)) =
        (since(before.sent, after.sent), since(before.received, after.received));
    assert!((40..50).contains(&sent) && (40..50).contains(&received), "{sent} {received}");
    assert!(octets > 10 * sent, "{octets}");
}

#[test]
fn what_is_shed_counts_on_the_link_that_had_no_room() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.peers.get_mut(&conns[0]).unwrap().stalled = true;
    let mut refused = 0;
    for _ in 0..100 {
        let payload = Bytes::from(alloc::vec![7; 20_000]);
        let sent = bench
            .node
            .command(bench.now, Command::Send { to: NodeId(1), payload, way: crate::overlay::Way::Link });
        refused += u64::from(sent.is_err());
        bench.drain();
    }
    assert!(refused > 0, "its link is full");
    assert_eq!(traffic(&bench, 1).shed, 0, "what is refused was never in the queue");
    for number in 0..100 {
        pressure::relay(&mut bench, conns[1], 2, 1, number);
    }
    assert!(traffic(&bench, 1).shed > 0);
    assert_eq!((traffic(&bench, 1).shed, traffic(&bench, 2).shed), (bench.node.counters().shed, 0));
}
