//! A riding node by hand: its ports, and its end.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::rides::channel;
use super::{Command, Config, Event, Refusal, Reply, Riding};
use crate::gossip::Kind;
use crate::gossip::wire::write;
use crate::kernel::{ConnId, How, Input, Loaded, Machine as _, Output, Port, Seed, Time};
use crate::overlay::wire::{
    Capabilities, ChannelNames, Greeting, Network, NodeName, Packet, Role, put_channel,
};
use crate::overlay::{ChannelOrder, NodeId, Ports, Token};
use crate::{gossip, overlay};

fn config(ports: usize) -> Config {
    let address = "127.0.0.1:7000".parse().unwrap();
    let overlay = overlay::Config::new(Seed::from_u64(1), Network::new("n").unwrap(), address);
    let ports: Ports = core::iter::repeat_n(address, ports).collect();
    Config { overlay: overlay::Config { ports, ..overlay }, gossip: gossip::Config::auto(Seed::from_u64(1)) }
}

/// What it wants done, where loads find nothing and stores succeed.
fn drain(node: &mut Riding) -> Vec<Output<Event>> {
    let mut all = Vec::new();
    while let Some(output) = node.poll() {
        match &output {
            Output::Load { ticket, key } => {
                assert!(key.starts_with(b"overlay/"), "{key:?}");
                node.handle(Time::ZERO, Input::Loaded { ticket: *ticket, value: Loaded::Absent });
            }
            Output::Store { ticket, .. } => {
                node.handle(Time::ZERO, Input::Stored { ticket: *ticket, result: Ok(()) });
            }
            _ => {}
        }
        all.push(output);
    }
    all
}

fn started() -> Riding {
    let config = config(0);
    // Four messages of its only peer may wait for verdicts.
    let gossip = gossip::Config { cache_size: 8, ..config.gossip };
    let mut node = Riding::new(Config { gossip, ..config }).unwrap();
    node.handle(Time::ZERO, Input::Tick);
    drain(&mut node);
    node
}

#[test]
fn modules_come_in_behind_the_overlays_ports() {
    for (bound, port) in [(0, 1), (1, 1), (3, 3)] {
        let mut node = Riding::new(config(bound)).unwrap();
        assert_eq!(node.modules(), Port(port));
        let (conn, remote) = (ConnId(1), "127.0.0.1:40000".parse().unwrap());
        node.handle(Time::ZERO, Input::Opened { conn, how: How::Accepted(Port(port)), remote });
        let mut bytes = BytesMut::from(&write::notify(7)[..]);
        bytes.extend_from_slice(&write::notify(8));
        node.handle(Time::ZERO, Input::Received { conn, bytes: &mut bytes });
        assert!(bytes.is_empty());
        assert!(node.gossip().registrations().eq([(7, 1), (8, 1)]));
    }
}

#[test]
fn both_leave_or_neither() {
    let mut node = Riding::new(config(0)).unwrap();
    let leave = || Command::Gossip(gossip::Command::Leave);
    let refused = node.command(Time::ZERO, leave());
    assert_eq!(refused, Err(Refusal::Overlay(overlay::Refusal::NotRunning)));
    assert!(!node.gossip().has_left());

    for command in [leave(), Command::Overlay(overlay::Command::Leave)] {
        let mut node = started();
        let is_gossip = matches!(command, Command::Gossip(_));
        let reply = node.command(Time::ZERO, command).unwrap();
        assert_eq!(matches!(reply, Reply::Gossip(_)), is_gossip);
        let said = drain(&mut node);
        assert_eq!(said.last(), Some(&Output::Done));
        assert!(said.contains(&Output::Event(Event::Gossip(gossip::Event::Left))));
        assert!(said.contains(&Output::Event(Event::Overlay(overlay::Event::Left))));
    }
}

#[test]
fn channels_are_not_the_users_and_nobody_is_dialled_for_gossip() {
    let mut node = started();
    let (peer, channel, order) = (NodeId(1), channel(), ChannelOrder::Open);
    let order = overlay::Command::Channel { peer, channel, order };
    let refused = node.command(Time::ZERO, Command::Overlay(order));
    assert_eq!(refused, Err(Refusal::Overlay(overlay::Refusal::NoChannel)));
    let connect = gossip::Command::Connect { addr: "127.0.0.1:1".parse().unwrap() };
    assert!(node.command(Time::ZERO, Command::Gossip(connect)).is_err());
    assert!(!drain(&mut node).iter().any(|output| matches!(output, Output::Dial { .. })));
}

const LINK: ConnId = ConnId(5);

/// A neighbour that rides links to the node.
fn greet(node: &mut Riding) {
    let addr = "127.0.0.1:7001".parse().unwrap();
    let rides = ChannelNames::new([channel()]).unwrap();
    let greeting = Greeting {
        version: 1,
        network: Network::new("n").unwrap(),
        node: NodeName { addr, id: Some(NodeId(9)) },
        role: Role::Chooser,
        token: Token(1),
        caps: Capabilities { start: Some(1), rides, ..Capabilities::default() },
    };
    node.handle(Time::ZERO, Input::Opened { conn: LINK, how: How::Accepted(Port(0)), remote: addr });
    hear(node, &Packet::Lnk(greeting).emit());
}

fn hear(node: &mut Riding, octets: &[u8]) {
    node.handle(Time::ZERO, Input::Received { conn: LINK, bytes: &mut BytesMut::from(octets) });
}

/// The neighbour says messages of these numbers, each of 10,008 octets, in one frame of the channel.
fn announce(node: &mut Riding, numbers: core::ops::Range<u8>) {
    let said: Vec<u8> =
        numbers.flat_map(|number| write::announce(0, 0, 7, &[number; 10_000]).to_vec()).collect();
    let mut frame = BytesMut::new();
    put_channel(channel(), &said, &mut frame);
    hear(node, &frame);
}

/// The messages that the application is told of, and the credit that the neighbour is given.
fn told(node: &mut Riding) -> (Vec<u16>, Vec<usize>) {
    let (mut messages, mut credit) = (Vec::new(), Vec::new());
    for output in drain(node) {
        match output {
            Output::Event(Event::Gossip(gossip::Event::Message { id, .. })) => messages.push(id),
            Output::Send { frame, .. } => {
                let text = core::str::from_utf8(&frame).unwrap_or_default().trim_end();
                credit
                    .extend(text.strip_prefix("CRD@gossip@").map(|octets| octets.parse::<usize>().unwrap()));
            }
            _ => {}
        }
    }
    (messages, credit)
}

#[test]
fn who_is_not_read_is_given_no_credit_until_it_is_and_its_link_stays() {
    let mut node = started();
    greet(&mut node);
    let [neighbor] = node.neighbors().collect::<Vec<_>>()[..] else { panic!("it has one neighbour") };
    assert!(neighbor.rides && neighbor.id == NodeId(9));
    let peer = node.gossip().peers().next().unwrap();
    assert_eq!((Some(peer.conn), peer.kind), (neighbor.conn, Kind::Native));
    let subscribe = Command::Gossip(gossip::Command::Subscribe { data_type: 7 });
    node.command(Time::ZERO, subscribe).unwrap();

    announce(&mut node, 0..6);
    let (mut messages, credit) = told(&mut node);
    assert_eq!((messages.len(), &credit[..]), (4, &[40_032][..]));
    announce(&mut node, 6..10);
    assert_eq!(told(&mut node), (Vec::new(), Vec::new()), "nothing is taken while four wait");

    let mut given = 0;
    for _ in 0..10 {
        for id in core::mem::take(&mut messages) {
            let verdict = gossip::Command::Validate { id, valid: true };
            node.command(Time::ZERO, Command::Gossip(verdict)).unwrap();
        }
        let (more, credit) = told(&mut node);
        given += credit.iter().sum::<usize>();
        messages = more;
    }
    assert!(given > 40_000, "{given}");
    assert_eq!(node.gossip().counters().valid, 10);
    assert_eq!(node.neighbors().count(), 1);
}
