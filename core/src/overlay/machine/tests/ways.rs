//! Links and datagrams: what carries a payload, and where datagrams go.

use super::*;
use crate::kernel::{Class, Machine};
use crate::overlay::event::Command;
use crate::overlay::wire::{DataHead, Flow, Way};

/// What the node does about a payload of so many octets for 1: where a datagram goes, or `None` for the link.
fn sent(bench: &mut Bench, octets: usize, way: Way) -> Option<SocketAddr> {
    let payload = Bytes::from(vec![7; octets]);
    bench.node.command(bench.now, Command::Send { to: NodeId(1), payload, way }).unwrap();
    let outputs: Vec<_> = core::iter::from_fn(|| bench.node.poll()).collect();
    match &outputs[..] {
        [Output::Datagram { to, class: Class::Bulk, payload, .. }] => {
            assert!(matches!(wire::read_datagram(payload), Ok(Datagram::Dat(Token(1), ..))), "its token");
            Some(*to)
        }
        [Output::Send { conn, frame, class: Class::Bulk, .. }] => {
            let line = frame.windows(2).position(|end| end == b"\r\n").unwrap();
            assert_eq!(wire::read_data(&frame[..line]).unwrap().way, way, "it holds on every hop");
            let (conn, n) = (*conn, frame.len());
            bench.handle(Input::Flushed { conn, n });
            None
        }
        other => panic!("{other:?}"),
    }
}

fn beat(bench: &mut Bench, from: SocketAddr, token: Token, number: u64) {
    let bytes = &Packet::Hb(Beat::first(token, number)).emit()[..];
    bench.handle(Input::Datagram { port: Port(0), from, bytes });
}

#[test]
fn links_carry_payloads_unless_a_datagram_is_asked_for_and_fits() {
    let (mut bench, conns) = Bench::settled(|_| ());
    assert_eq!(sent(&mut bench, 10, Way::Link), None);
    assert_eq!(sent(&mut bench, 10, Way::Datagram), Some(address(1)));
    assert_eq!(sent(&mut bench, 1_050, Way::Datagram), Some(address(1)));
    assert_eq!(sent(&mut bench, 1_100, Way::Datagram), None, "with its head above 1,200 octets");
    let token = bench.peers[&conns[0]].token.unwrap();
    let deaf = Beat { hears: wire::Hears::Link, ..Beat::first(token, 1_000) };
    bench.say(conns[0], &Packet::Hb(deaf));
    assert_eq!(sent(&mut bench, 10, Way::Datagram), None, "it hears no datagrams");
}

#[test]
fn datagrams_go_to_where_the_last_beat_came_from() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let token = bench.peers[&conns[0]].token.unwrap();
    let [translated, stranger] = [77, 78].map(address);
    beat(&mut bench, translated, token, 1_000);
    assert_eq!(sent(&mut bench, 10, Way::Datagram), Some(translated));
    beat(&mut bench, stranger, token, 999);
    beat(&mut bench, stranger, Token(!token.0), 2_000);
    assert_eq!(
        sent(&mut bench, 10, Way::Datagram),
        Some(translated),
        "an old beat, and one without the token"
    );
    let heard = bench.peers[&conns[0]].heard;
    bench.node.pulse();
    let beats: Vec<_> = core::iter::from_fn(|| bench.node.poll())
        .filter_map(|output| match output {
            Output::Datagram { to, payload, class: Class::Urgent, .. } if payload.starts_with(b"HB") => {
                Some(to)
            }
            _ => None,
        })
        .collect();
    assert_eq!((beats, heard > 0), (vec![translated, address(2)], true));
}

#[test]
fn one_whose_datagrams_come_from_another_port_has_to_be_heard_on_the_link() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let token = bench.peers[&conns[0]].token.unwrap();
    bench.events.clear();
    for number in 1_000..1_006 {
        beat(&mut bench, address(77), token, number);
        bench.pass(BEAT);
    }
    let suspected = Event::Suspected { peer: NodeId(1) };
    assert!(bench.events.contains(&suspected), "a translator that began anew has forgotten the connection");
}

#[test]
fn a_neighbour_behind_translation_is_heard_by_its_token() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let token = bench.peers[&conns[0]].token.unwrap();
    let [source, destination] = [NodeId(1), NodeId(ME)];
    let head = DataHead { ttl: 9, way: Way::Datagram, flow: Flow::Data(1), source, destination, len: 2 };
    let said = |token| wire::emit_datagram(token, &head, b"hi");
    bench.events.clear();
    let (true_one, forged) = (said(token), said(Token(token.0 ^ 1)));
    // Another port, and the very address that the neighbour's name has.
    bench.handle(Input::Datagram { port: Port(0), from: address(91), bytes: &true_one });
    bench.handle(Input::Datagram { port: Port(0), from: address(1), bytes: &forged });
    let payload = Bytes::from_static(b"hi");
    assert_eq!(bench.events, [Event::Delivered { from: source, payload }]);
    assert_eq!(bench.node.counters().stray_datagrams, 1);
}
