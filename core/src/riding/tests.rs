//! A riding node by hand: its ports, and its end.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::{Command, Config, Event, Refusal, Reply, Riding};
use crate::gossip::wire::write;
use crate::kernel::{ConnId, How, Input, Loaded, Machine as _, Output, Port, Seed, Time};
use crate::overlay::wire::{ChannelName, Network};
use crate::overlay::{ChannelOrder, NodeId, Ports};
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
    let mut node = Riding::new(config(0)).unwrap();
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
    let (peer, channel) = (NodeId(1), ChannelName::new("gossip").unwrap());
    let order = overlay::Command::Channel { peer, channel, order: ChannelOrder::Open };
    let refused = node.command(Time::ZERO, Command::Overlay(order));
    assert_eq!(refused, Err(Refusal::Overlay(overlay::Refusal::NoChannel)));
    let connect = gossip::Command::Connect { addr: "127.0.0.1:1".parse().unwrap() };
    assert!(node.command(Time::ZERO, Command::Gossip(connect)).is_err());
    assert!(!drain(&mut node).iter().any(|output| matches!(output, Output::Dial { .. })));
}
