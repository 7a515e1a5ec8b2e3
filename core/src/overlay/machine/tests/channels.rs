//! Channels on links: open with whom rides them, in turn with payloads, and no reason to lose a link by what a rider does.

use super::*;
use crate::overlay::event::{ChannelNews, ChannelOrder, Command, Refusal, Reply};
use crate::overlay::wire::{ChannelName, ChannelNames, ChannelOctets, DataHead, Flow, WINDOW, Way};

fn x() -> ChannelName {
    ChannelName::new("x").unwrap()
}

fn rides(names: &[&str]) -> ChannelNames {
    ChannelNames::new(names.iter().map(|name| ChannelName::new(name).unwrap())).unwrap()
}

/// A node that rides x and y, and its link with 1, who rides `theirs`.
fn ridden(theirs: &[&str]) -> (Bench, ConnId) {
    let mut bench = Bench::new();
    bench.node.rides = rides(&["x", "y"]);
    let conn = bench.open(1, How::Accepted(Port(0)));
    greet(&mut bench, conn, theirs);
    (bench, conn)
}

fn greet(bench: &mut Bench, conn: ConnId, theirs: &[&str]) {
    let id = bench.peers[&conn].id;
    let caps = Capabilities { start: Some(1), rides: rides(theirs), ..Capabilities::default() };
    let (node, token) = (name(id), Token(u64::try_from(id).unwrap()));
    let greeting = Greeting { version: 1, network: network(), node, role: Role::Chooser, token, caps };
    bench.say(conn, &Packet::Lnk(greeting));
}

fn order(bench: &mut Bench, order: ChannelOrder) -> Result<Reply, Refusal> {
    let command = Command::Channel { peer: NodeId(1), channel: x(), order };
    let reply = bench.node.command(bench.now, command);
    bench.drain();
    reply
}

fn say(bench: &mut Bench, octets: usize) -> Result<Reply, Refusal> {
    order(bench, ChannelOrder::Say(Bytes::from(alloc::vec![9; octets])))
}

/// The peer says so many octets on a channel.
fn hear(bench: &mut Bench, conn: ConnId, channel: ChannelName, octets: usize) {
    let mut bytes = BytesMut::new();
    wire::put_channel(channel, &alloc::vec![8; octets], &mut bytes);
    bench.handle(Input::Received { conn, bytes: &mut bytes });
}

/// What was told of channel x.
fn news(bench: &Bench) -> Vec<ChannelNews> {
    let told = bench.events.iter().filter_map(|event| match event {
        Event::Channel { peer: NodeId(1), channel, news } if *channel == x() => Some(news.clone()),
        _ => None,
    });
    told.collect()
}

fn up() -> ChannelNews {
    ChannelNews::Up { address: address(1) }
}

fn sent(packet: &Packet) -> Option<u32> {
    if let Packet::Chn(ChannelOctets { octets, .. }) = packet { Some(*octets) } else { None }
}

fn on_channel(packet: &Packet) -> bool {
    matches!(packet, Packet::Chn(_) | Packet::Crd(_) | Packet::End(_))
}

#[test]
fn a_greeting_names_what_is_ridden_and_what_both_ride_is_open() {
    let (mut bench, conn) = ridden(&["a", "x"]);
    let greeting = bench.peers[&conn].said[0].emit();
    assert!(greeting.ends_with(b"@start=1,ride=x+y\r\n"), "{greeting:?}");
    assert_eq!(news(&bench), [up()]);
    assert!(say(&mut bench, 5).is_ok());
    hear(&mut bench, conn, x(), 3);
    let heard = ChannelNews::Heard(Bytes::from_static(&[8; 3]));
    assert_eq!(news(&bench)[1..], [ChannelNews::Sent(5), heard]);
    let y = Command::Channel { peer: NodeId(1), channel: rides(&["y"])[0], order: ChannelOrder::Open };
    assert_eq!(bench.node.command(bench.now, y), Err(Refusal::NoChannel));
    bench.hang_up(conn);
    let last: Vec<_> = bench.events.iter().rev().take(2).collect();
    assert!(matches!(last[1], Event::Channel { news: ChannelNews::Down { .. }, .. }), "{last:?}");
    assert!(matches!(last[0], Event::LinkDown { .. }));
    assert_eq!(say(&mut bench, 1), Err(Refusal::NoChannel));
}

#[test]
fn who_rides_nothing_says_nothing_of_it_and_takes_no_channel() {
    let mut bench = Bench::new();
    let conn = bench.open(1, How::Accepted(Port(0)));
    greet(&mut bench, conn, &["x"]);
    assert!(bench.peers[&conn].said[0].emit().ends_with(b"@start=1\r\n"));
    assert_eq!(news(&bench), []);
    assert!(bench.node.riders(x()).eq([(NodeId(1), false)]));
    hear(&mut bench, conn, x(), 1);
    assert!(bench.closed(conn));
}

#[test]
fn neighbours_that_do_not_ride_are_known() {
    let (mut bench, _) = ridden(&["x"]);
    bench.accept(2, Role::Chooser);
    assert!(bench.node.riders(x()).eq([(NodeId(1), true), (NodeId(2), false)]));
}

#[test]
fn a_rider_that_takes_nothing_is_sent_a_window_and_its_link_stays() {
    let (mut bench, conn) = ridden(&["x"]);
    for _ in 0..4 {
        hear(&mut bench, conn, x(), WINDOW / 4);
    }
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.said(conn, on_channel), 0);
    assert_eq!(order(&mut bench, ChannelOrder::Take(WINDOW + 1)), Err(Refusal::TooMuch));
    assert!(order(&mut bench, ChannelOrder::Take(WINDOW / 2)).is_ok());
    let half = u32::try_from(WINDOW / 2).unwrap();
    let credit = Packet::Crd(ChannelOctets { channel: x(), octets: half });
    assert_eq!(bench.said(conn, |packet| *packet == credit), 1);
    hear(&mut bench, conn, x(), WINDOW / 2);
    assert!(!bench.closed(conn));
    hear(&mut bench, conn, x(), 1);
    assert!(bench.closed(conn), "it said more than it may");
    assert!(bench.events.iter().any(|event| matches!(event, Event::Misbehaved { .. })));
}

#[test]
fn a_peer_that_can_say_nothing_more_is_told_at_once_of_what_was_taken() {
    let (mut bench, conn) = ridden(&["x"]);
    hear(&mut bench, conn, x(), 100);
    order(&mut bench, ChannelOrder::Take(100)).unwrap();
    assert_eq!(bench.said(conn, on_channel), 0, "it is not worth a line");
    hear(&mut bench, conn, x(), WINDOW - 100);
    let credit = Packet::Crd(ChannelOctets { channel: x(), octets: 100 });
    assert_eq!(bench.peers[&conn].said.last(), Some(&credit));
}

#[test]
fn a_peer_that_takes_nothing_is_said_a_window_and_the_rest_waits() {
    let (mut bench, conn) = ridden(&["x"]);
    assert!(say(&mut bench, WINDOW).is_ok());
    assert!(say(&mut bench, WINDOW).is_ok());
    assert_eq!(say(&mut bench, 1), Err(Refusal::Busy));
    let said = |bench: &Bench| bench.peers[&conn].said.iter().filter_map(sent).sum::<u32>();
    assert_eq!(said(&bench), 65_536);
    bench.say(conn, &Packet::Crd(ChannelOctets { channel: x(), octets: 100 }));
    assert_eq!(said(&bench), 65_636);
    let told: usize =
        news(&bench).iter().map(|news| if let ChannelNews::Sent(octets) = news { *octets } else { 0 }).sum();
    assert_eq!(told, 65_636);
    bench.say(conn, &Packet::Crd(ChannelOctets { channel: x(), octets: 65_537 - 1 }));
    assert_eq!(said(&bench), 2 * 65_536);
    bench.say(conn, &Packet::Crd(ChannelOctets { channel: x(), octets: 65_536 }));
    assert!(bench.closed(conn), "it took more than was said");
}

#[test]
fn channels_and_payloads_take_turns_and_urgent_words_go_first() {
    let (mut bench, conn) = ridden(&["x"]);
    bench.record(conn, 1, &[(ME, ListedRole::Both)], 8);
    bench.pass(Duration::from_secs(3));
    bench.peers.get_mut(&conn).unwrap().stalled = true;
    let payload = |octets: usize| Command::Send {
        to: NodeId(1),
        payload: Bytes::from(alloc::vec![7; octets]),
        way: Way::Link,
    };
    bench.node.command(bench.now, payload(65_000)).unwrap();
    for _ in 0..3 {
        bench.node.command(bench.now, payload(1_000)).unwrap();
    }
    say(&mut bench, 20_000).unwrap();
    let before = bench.peers[&conn].said.len();
    for _ in 0..20 {
        bench.say(conn, &Packet::Ping(Ping::new(Token(5), NodeId(ME))));
    }
    bench.read_on(conn);
    let order: String = bench.peers[&conn].said[before..]
        .iter()
        .filter_map(|packet| match packet {
            Packet::Pong(_) => Some('!'),
            Packet::Dat(DataHead { flow: Flow::Data(_), .. }) => Some('p'),
            Packet::Chn(_) => Some('c'),
            _ => None,
        })
        .collect();
    assert!(order.starts_with('!'), "{order}");
    assert_eq!(order.trim_start_matches('!'), "pcpcpc");
}

#[test]
fn what_one_end_ends_is_over_for_both_and_can_be_opened_again() {
    let (mut bench, conn) = ridden(&["x"]);
    bench.say(conn, &Packet::End(x()));
    assert!(matches!(news(&bench)[..], [_, ChannelNews::Down { .. }]));
    assert_eq!(bench.said(conn, |packet| *packet == Packet::End(x())), 1);
    assert_eq!(say(&mut bench, 1), Err(Refusal::NoChannel));
    let offer = Packet::Crd(ChannelOctets { channel: x(), octets: 65_536 });
    bench.say(conn, &offer);
    assert_eq!(news(&bench).len(), 2, "the rider was not asked");
    order(&mut bench, ChannelOrder::Open).unwrap();
    assert_eq!(bench.said(conn, |packet| *packet == offer), 1);
    assert_eq!(news(&bench)[2..], [up()]);

    // This end ends it: what comes before the peer knows is for nobody, and nothing is told.
    say(&mut bench, 7).unwrap();
    order(&mut bench, ChannelOrder::Finish).unwrap();
    assert_eq!(bench.peers[&conn].said.last(), Some(&Packet::End(x())));
    let told = news(&bench).len();
    hear(&mut bench, conn, x(), WINDOW);
    order(&mut bench, ChannelOrder::Open).unwrap();
    bench.say(conn, &Packet::End(x()));
    bench.say(conn, &offer);
    assert_eq!(news(&bench)[told..], [up()]);
    assert!(!bench.closed(conn));
}
