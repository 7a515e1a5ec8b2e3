//! Values of every kind, for property tests: whatever these make can be emitted and is read back as the same.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::names::{Cost, Key, NodeId, Token};
use super::attributes::Place;
use super::*;

/// A number that is often at one of its ends.
pub fn numbers() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(u32::MAX - 1), Just(u32::MAX), any::<u32>(), 0u32..1_000_000]
}

/// A number that is often at one of its ends, 0 excluded.
pub fn counters() -> impl Strategy<Value = u32> {
    numbers().prop_map(|n| n.max(1))
}

/// A number of 64 bits that is often at one of its ends.
pub fn long_numbers() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX - 1), Just(u64::MAX), any::<u64>(), 0u64..1_000_000]
}

/// An id, often one of a few.
pub fn ids() -> impl Strategy<Value = NodeId> {
    prop_oneof![1u128..20, Just(0), Just(u128::MAX), any::<u128>()].prop_map(NodeId)
}

/// A key.
pub fn keys() -> impl Strategy<Value = Key> {
    (counters(), counters()).prop_map(|(incarnation, sequence)| Key { incarnation, sequence })
}

/// A token.
pub fn tokens() -> impl Strategy<Value = Token> {
    long_numbers().prop_map(Token)
}

/// An address of either family.
pub fn addresses() -> impl Strategy<Value = SocketAddr> {
    let v6 = prop_oneof![
        any::<[u8; 16]>(),
        any::<[u8; 4]>().prop_map(|ip| u128::from(u32::from_be_bytes(ip)).to_be_bytes()),
        any::<[u8; 4]>().prop_map(|ip| (0xffff_0000_0000 | u128::from(u32::from_be_bytes(ip))).to_be_bytes()),
    ];
    let ip = prop_oneof![3 => any::<[u8; 4]>().prop_map(IpAddr::from), 1 => v6.prop_map(IpAddr::from)];
    (ip, prop_oneof![Just(0), Just(u16::MAX), any::<u16>()]).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

/// A node with its id.
pub fn named() -> impl Strategy<Value = NodeName> {
    (addresses(), ids()).prop_map(|(addr, id)| NodeName { addr, id: Some(id) })
}

/// A node with or without its id.
pub fn nodes() -> impl Strategy<Value = NodeName> {
    (addresses(), option::of(ids())).prop_map(|(addr, id)| NodeName { addr, id })
}

/// A node with or without its id, and some further addresses.
pub fn contacts() -> impl Strategy<Value = Contact> {
    (nodes(), vec(addresses(), 0..3))
        .prop_map(|(name, more)| Contact { name, more: MoreAddresses::first(more) })
}

/// A network's name.
pub fn networks() -> impl Strategy<Value = Network> {
    "[a-z0-9-]{1,32}".prop_filter_map("not a name", |name| Network::new(&name).ok())
}

fn text(pattern: &'static str) -> impl Strategy<Value = Bytes> {
    pattern.prop_map(String::into_bytes).prop_map(Bytes::from)
}

/// Attributes that no version knows.
pub fn others<In: Place + Debug>() -> impl Strategy<Value = Others<In>> {
    let text = prop_oneof![2 => Just(Bytes::new()), 1 => text("x[a-z0-9-]{0,15}(=[!$-)+./0-9:-?A-Za-z~]{0,20})?(,y-[0-9]{1,3}(=[a-z=]{0,9})?){0,3}")];
    text.prop_filter_map("not attributes", |text| Others::new(text).ok())
}

/// A channel's name, often one of a few.
pub fn channels() -> impl Strategy<Value = ChannelName> {
    "[ab]|[a-z0-9-]{1,16}".prop_filter_map("not a name", |name| ChannelName::new(&name).ok())
}

/// The channels that a node rides.
pub fn rides() -> impl Strategy<Value = ChannelNames> {
    vec(channels(), 0..4).prop_filter_map("one twice", |names| ChannelNames::new(names).ok())
}

/// Octets of a channel.
pub fn channel_octets() -> impl Strategy<Value = ChannelOctets> {
    (channels(), prop_oneof![Just(1), Just(65_536), 1u32..65_536])
        .prop_map(|(channel, octets)| ChannelOctets { channel, octets })
}

/// A greeting.
pub fn greetings() -> impl Strategy<Value = Greeting> {
    let role = prop::sample::select(alloc::vec![Role::Chooser, Role::Guest, Role::Watcher, Role::Chosen]);
    let caps = (option::of(numbers()), rides(), others()).prop_map(|(start, rides, other)| Capabilities {
        start,
        rides,
        other,
    });
    (numbers(), networks(), named(), role, tokens(), caps).prop_map(
        |(version, network, node, role, token, caps)| Greeting { version, network, node, role, token, caps },
    )
}

/// A registration.
pub fn registrations() -> impl Strategy<Value = Registration> {
    (contacts(), numbers(), option::of(networks()), any::<bool>(), any::<bool>(), others())
        .prop_map(|(node, k, network, all, over, other)| Registration { node, k, network, all, over, other })
}

/// What a source says of itself, but for its metric.
pub fn attributes() -> impl Strategy<Value = Attributes> {
    let numbers = (option::of(numbers()), option::of(numbers()), option::of(numbers()));
    (numbers, vec(addresses(), 0..3), any::<bool>(), others()).prop_map(
        |((life, free, k), addrs, left, other)| Attributes {
            life,
            free,
            k,
            metric: None,
            addrs: MoreAddresses::first(addrs),
            left,
            other,
        },
    )
}

/// A cost, often at one of its ends.
pub fn costs() -> impl Strategy<Value = Cost> {
    prop_oneof![Just(0), Just(u64::MAX), 1u64..300_000].prop_map(Cost::from_micros)
}

/// Up to `most` links, each other node at most once, in any order.
pub fn links(most: usize) -> impl Strategy<Value = Links> {
    let role = prop::sample::select(alloc::vec![ListedRole::Out, ListedRole::In, ListedRole::Both]);
    let attributes = (any::<bool>(), others()).prop_map(|(bye, other)| LinkAttributes { bye, other });
    btree_map(ids(), (costs(), role, attributes), 0..=most)
        .prop_map(|links| {
            let listed = |(id, (cost, role, attributes))| Listed { id, cost, role, attributes };
            links.into_iter().map(listed).collect::<Vec<_>>()
        })
        .prop_shuffle()
        .prop_map(Links::first)
}

/// A body of up to three updates.
pub fn bodies() -> impl Strategy<Value = Body> {
    let more = btree_map("x[a-zA-Z0-9-]{0,15}", (attributes(), links(4)), 0..3);
    (attributes(), option::of(Just("delay")), links(20), more).prop_filter_map(
        "not a body",
        |(mut own, metric, links, more)| {
            own.metric = metric.and_then(|metric| Metric::new(metric).ok());
            let mut updates = vec![Update { attributes: own, links }];
            for (metric, (attributes, links)) in more {
                let attributes = Attributes { metric: Metric::new(&metric).ok(), ..attributes };
                updates.push(Update { attributes, links });
            }
            Body::new(updates).ok()
        },
    )
}

/// A record with its true hash.
pub fn upts() -> impl Strategy<Value = Upt> {
    (keys(), named(), numbers(), bodies())
        .prop_map(|(key, source, age, body)| Upt::originate(key, source, age, &body))
}

/// A record of the graph.
pub fn records() -> impl Strategy<Value = Record> {
    (named(), keys(), numbers(), links(5)).prop_map(|(node, key, age, links)| Record {
        node,
        key,
        age,
        links,
    })
}

/// A removal with its true hash.
pub fn removals() -> impl Strategy<Value = Removal> {
    (keys(), named(), ids(), keys())
        .prop_map(|(key, reporter, victim, victim_key)| Removal::originate(key, reporter, victim, victim_key))
}

fn reasons() -> impl Strategy<Value = Option<Reason>> {
    option::of(
        "[a-zA-Z0-9-]{1,64}|full|self|busy".prop_filter_map("not a reason", |text| Reason::new(&text).ok()),
    )
}

fn words() -> impl Strategy<Value = Word> {
    "[a-zA-Z0-9-]{1,16}".prop_filter_map("not a word", |text| Word::new(&text).ok())
}

/// A refusal.
pub fn nacks() -> impl Strategy<Value = Nack> {
    (words(), reasons(), vec(contacts(), 0..=4)).prop_map(|(word, reason, nodes)| Nack {
        word,
        reason,
        nodes: Alternatives::first(nodes),
    })
}

/// A piece of whatever text.
pub fn segments() -> impl Strategy<Value = Segment> {
    (numbers(), 1u16..=9_999, any::<u16>(), text("[ -~]{1,60}"))
        .prop_filter_map("not a piece", |(message, count, index, chunk)| {
            Segment::new(message, index % count, count, chunk).ok()
        })
}

fn ranges() -> impl Strategy<Value = Option<Range>> {
    (ids(), ids(), any::<bool>())
        .prop_map(|(a, b, all)| if all { None } else { Range::new(a.min(b), a.max(b)) })
}

/// A database in short.
pub fn sums() -> impl Strategy<Value = Sum> {
    (ranges(), numbers(), any::<u128>()).prop_map(|(range, count, digest)| Sum {
        range,
        count,
        digest: Digest(digest),
    })
}

/// A question for newer records.
pub fn asks() -> impl Strategy<Value = Ask> {
    (ranges(), btree_map(ids(), keys(), 0..9))
        .prop_map(|(range, have)| Ask { range, have: Have::ascending(have) })
}

/// A probe.
pub fn pings() -> impl Strategy<Value = Ping> {
    (tokens(), ids(), 0..=PADDING_LIMIT).prop_map(|(token, id, padding)| Ping { token, id, padding })
}

/// The answer to one.
pub fn pongs() -> impl Strategy<Value = Pong> {
    (tokens(), ids()).prop_map(|(token, id)| Pong { token, id })
}

/// A heartbeat.
pub fn beats() -> impl Strategy<Value = Beat> {
    let hears = prop::sample::select(&[Hears::Datagrams, Hears::Link, Hears::Nothing][..]);
    let rest = (hears, long_numbers(), option::of(long_numbers()), 0..=PADDING_LIMIT);
    (tokens(), long_numbers(), long_numbers(), long_numbers(), rest).prop_map(
        |(token, number, heard, held, (hears, full, read, padding))| {
            let number = number.max(1);
            Beat { token, number, heard, held, hears, full, read, padding }
        },
    )
}

/// The line before a payload.
pub fn data_heads() -> impl Strategy<Value = DataHead> {
    let kinds = [
        Flow::Data,
        Flow::Marked,
        Flow::Echo,
        Flow::Reply,
        Flow::Arrived,
        Flow::Unreachable,
        Flow::Expired,
        Flow::Busy,
        Flow::Crowded,
    ];
    let flow = (prop::sample::select(kinds.to_vec()), long_numbers()).prop_map(|(kind, number)| kind(number));
    let len = prop_oneof![Just(0), Just(65_536), 0u32..65_536];
    let way = prop::sample::select(vec![Way::Link, Way::Datagram]);
    (0..=TTL_LIMIT, way, flow, ids(), ids(), len).prop_map(|(ttl, way, flow, source, destination, len)| {
        let (way, len) = if flow.is_report() { (Way::Link, 0) } else { (way, len) };
        DataHead { ttl, way, flow, source, destination, len }
    })
}

/// A packet of any word.
pub fn packets() -> impl Strategy<Value = Packet> {
    let teardown = (nodes(), reasons()).prop_map(|(node, reason)| Packet::Trd(Teardown { node, reason }));
    prop_oneof![
        greetings().prop_map(Packet::Lnk),
        registrations().prop_map(Packet::Reg),
        vec(contacts(), 0..20).prop_map(|nodes| Packet::Net(Nodes::first(nodes))),
        vec(records(), 0..4).prop_map(|records| Packet::Over(Records::first(records))),
        upts().prop_map(Packet::Upt),
        removals().prop_map(Packet::Rmv),
        teardown,
        nacks().prop_map(Packet::Nack),
        segments().prop_map(Packet::Seg),
        sums().prop_map(Packet::Sum),
        asks().prop_map(Packet::Ask),
        pings().prop_map(Packet::Ping),
        pongs().prop_map(Packet::Pong),
        beats().prop_map(Packet::Hb),
        data_heads().prop_map(Packet::Dat),
        channel_octets().prop_map(Packet::Chn),
        channel_octets().prop_map(Packet::Crd),
        channels().prop_map(Packet::End),
        text("X[A-Z0-9]{0,15}(@[ -~]{1,40})?")
            .prop_filter_map("not a packet", |line| UnknownLine::new(line).ok().map(Packet::Unknown)),
    ]
}
