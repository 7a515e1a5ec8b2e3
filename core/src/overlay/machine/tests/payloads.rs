//! Payloads: numbers, bounds, and where they may go.

use super::*;
use crate::overlay::event::{Command, Refusal, Reply};
use crate::overlay::wire::{DataHead, Flow, Way};

fn command(bench: &mut Bench, command: Command) -> Result<Reply, Refusal> {
    let reply = bench.node.command(bench.now, command);
    bench.drain();
    reply
}

fn send(bench: &mut Bench, to: u128, octets: usize) -> Result<Reply, Refusal> {
    let payload = Bytes::from(vec![7; octets]);
    command(bench, Command::Send { to: NodeId(to), payload, way: Way::Link })
}

/// A payload comes over `conn`; what the node says on the two links to 1 and 2 then.
fn relay(bench: &mut Bench, conns: [ConnId; 2], over: usize, to: u128, ttl: u8) -> [Vec<DataHead>; 2] {
    let from = conns.map(|conn| bench.peers[&conn].said.len());
    let (source, destination) = (NodeId(over as u128 + 1), NodeId(to));
    let head = DataHead { ttl, way: Way::Link, flow: Flow::Data(5), source, destination, len: 1 };
    let mut bytes = BytesMut::from(&wire::emit_data(&head, b"x")[..]);
    bench.handle(Input::Received { conn: conns[over], bytes: &mut bytes });
    let heads = |at: usize| {
        let said = &bench.peers[&conns[at]].said[from[at]..];
        said.iter().filter_map(|p| if let Packet::Dat(head) = p { Some(*head) } else { None }).collect()
    };
    [heads(0), heads(1)]
}

#[test]
fn payloads_are_numbered_and_bounded_and_go_to_who_is_known() {
    let (mut bench, _) = Bench::settled(|config| config.bounds.payload = 1_000);
    assert_eq!(send(&mut bench, 1, 1_000), Ok(Reply::Sent(1)));
    assert_eq!(send(&mut bench, 1, 1_001), Err(Refusal::TooLong));
    assert_eq!(send(&mut bench, 77, 1), Err(Refusal::Unknown));
    assert_eq!(send(&mut bench, ME, 3), Ok(Reply::Sent(2)));
    let payload = Bytes::from_static(&[7; 3]);
    assert!(bench.events.contains(&Event::Delivered { from: NodeId(ME), payload }));
    assert_eq!(send(&mut bench, 2, 1), Ok(Reply::Sent(3)));
    let mut alone = Bench::new();
    assert_eq!(send(&mut alone, ME, 1), Ok(Reply::Sent(1)), "without a link as well");
}

#[test]
fn every_echo_under_way_is_told_when_it_comes_back() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let token = bench.peers[&conns[0]].token.unwrap();
    for number in 1..=3 {
        let payload = Bytes::from_static(b"echo");
        let sent = command(&mut bench, Command::Echo { to: NodeId(1), payload, way: Way::Datagram });
        assert_eq!(sent, Ok(Reply::Sent(number)));
    }
    for number in [2, 1, 3] {
        let flow = Flow::Reply(number);
        let [source, destination] = [NodeId(1), NodeId(ME)];
        let head = DataHead { ttl: 9, way: Way::Datagram, flow, source, destination, len: 0 };
        let bytes = &wire::emit_datagram(token, &head, b"")[..];
        bench.handle(Input::Datagram { port: Port(0), from: address(1), bytes });
    }
    let back = bench.events.iter().filter_map(|event| match event {
        Event::Echoed { number, .. } => Some(*number),
        _ => None,
    });
    assert_eq!(back.collect::<Vec<_>>(), [2, 1, 3]);
}

#[test]
fn a_relay_counts_down_and_tells_who_sent_what_went_too_far_or_back() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let before = bench.node.counters().forwarded;
    let [back, on] = relay(&mut bench, conns, 0, 2, 9);
    assert_eq!(
        (back.len(), on.iter().map(|head| (head.ttl, head.flow)).collect()),
        (0, vec![(8, Flow::Data(5))])
    );
    assert_eq!(relay(&mut bench, conns, 0, 2, 2)[1].len(), 1, "the last link");
    let [back, on] = relay(&mut bench, conns, 0, 2, 1);
    assert_eq!((back[0].flow, on.len()), (Flow::Expired(5), 0));
    assert_eq!(bench.node.counters().forwarded, before + 2);
    // What comes from where it would have to go runs in a circle, unless its sender has just sent it.
    let [back, _] = relay(&mut bench, conns, 0, 1, 9);
    assert_eq!(back[0].flow, Flow::Unreachable(5));
    let [back, _] = relay(&mut bench, conns, 0, 1, 32);
    assert_eq!((back[0].flow, back[0].ttl), (Flow::Data(5), 31));
}

#[test]
fn ids_that_come_and_go_cost_no_computation_for_each_payload() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let before = bench.node.counters().routed;
    for id in 1_000..2_000 {
        bench.record(conns[0], id, &[], 8);
        assert_eq!(relay(&mut bench, conns, 0, 2, 9)[1].len(), 1);
    }
    let most = 1 + u64::from(crate::overlay::machine::routing::FORCED);
    assert!(bench.node.counters().routed - before <= most, "{}", bench.node.counters().routed - before);
    bench.pass(Duration::from_millis(50));
    let computed = bench.node.counters().routed;
    assert!(send(&mut bench, 3, 1).is_ok());
    assert_eq!(bench.node.counters().routed, computed + 1);
}

#[test]
fn a_route_follows_the_news_within_fifty_milliseconds() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let first = bench.node.next_hop(NodeId(3)).unwrap();
    let near = if first == NodeId(1) { conns[0] } else { conns[1] };
    let other = NodeId(3 - first.0);
    bench.record(
        near,
        first.0,
        &[(4, ListedRole::Both), (other.0, ListedRole::Both), (ME, ListedRole::In)],
        8,
    );
    bench.pass(Duration::from_millis(60));
    assert_eq!(bench.node.next_hop(NodeId(3)), Some(other));
}
