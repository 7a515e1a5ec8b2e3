//! Laws of the wire, and its limits one by one.

mod pieces;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::names::{Cost, Key, NodeId, Token};
use super::strategies;
use super::*;

const ID: &str = "000102030405060708090a0b0c0d0e0f";
const HASH: &str = "ffffffffffffffffffffffffffffffff";

fn accepted(line: &str) -> bool {
    checks::line(line.as_bytes());
    read(&Bytes::copy_from_slice(line.as_bytes())).is_ok()
}

fn body(text: &str) -> Result<Body, WireError> {
    let body = Body::read(&Bytes::copy_from_slice(text.as_bytes()));
    if let Ok(body) = &body {
        assert_eq!(body.emit()[..], *text.as_bytes());
    }
    body
}

fn unknown(line: &str) -> UnknownLine {
    UnknownLine::new(Bytes::copy_from_slice(line.as_bytes())).unwrap()
}

fn id(n: usize) -> String {
    format!("{n:032x}")
}

#[test]
fn the_length_written_is_that_of_the_payload() {
    let [source, destination] = [NodeId(1), NodeId(2)];
    let head = DataHead { ttl: 32, way: Way::Datagram, flow: Flow::Data(7), source, destination, len: 99 };
    let octets = emit_datagram(Token(5), &head, b"abc");
    let read = DataHead { len: 3, ..head };
    assert_eq!(read_datagram(&octets), Ok(Datagram::Dat(Token(5), read, b"abc")));
    let octets = emit_data(&head, b"abc");
    assert_eq!(read_data(&octets[..octets.len() - 7]), Ok(read));
    assert!(read_datagram(&octets).is_err(), "without a token");
    let mut link = emit_datagram(Token(5), &head, b"abc").to_vec();
    link[7] = b'l';
    assert!(read_datagram(&link).is_err(), "it is to take links");
}

#[test]
fn a_relay_changes_the_ttl_alone() {
    let [source, destination] = [NodeId(1), NodeId(2)];
    let head = DataHead { ttl: 0x20, way: Way::Link, flow: Flow::Echo(1), source, destination, len: 2 };
    let mut frame = bytes::BytesMut::from(&emit_data(&head, b"hi")[..]);
    for ttl in [0, 9, 0x1f, 0x10] {
        set_ttl(&mut frame, ttl);
        assert_eq!(frame, emit_data(&DataHead { ttl, ..head }, b"hi"));
    }
}

#[test]
fn a_channel_is_named_and_its_octets_counted() {
    for line in [
        "CHN@a@1",
        "CRD@gossip@65536",
        "END@0123456789abcdef",
        &format!("LNK@1@n@1.2.3.4:5~{ID}@o@0000000000000000@start=1,ride=a+b,x"),
        &format!("LNK@1@n@1.2.3.4:5~{ID}@o@0000000000000000@ride=a+b+c+d"),
    ] {
        assert!(accepted(line), "{line}");
    }
    for line in [
        "CHN@a@0",
        "CRD@a@65537",
        "CHN@a@01",
        "CHN@A@1",
        "CHN@@1",
        "CHN@a",
        "END@",
        "END@a@",
        "END@0123456789abcdefg",
    ] {
        assert!(!accepted(line), "{line}");
    }
    for caps in
        ["ride=", "ride", "ride=b+a", "ride=a+a", "ride=a+b+c+d+e", "ride=A", "ride=a,start=1", "x,ride=a"]
    {
        assert!(!accepted(&format!("LNK@1@n@1.2.3.4:5~{ID}@o@0000000000000000@{caps}")), "{caps}");
    }
}

#[test]
fn what_rides_on_a_channel_is_read_back() {
    let channel = ChannelName::new("gossip").unwrap();
    let mut out = bytes::BytesMut::new();
    put_channel(channel, b"hi", &mut out);
    assert_eq!(out, "CHN@gossip@2\r\nhi\r\n");
    assert_eq!(read_channel(&out[..12]), Ok(ChannelOctets { channel, octets: 2 }));
    out.clear();
    put_channel(ChannelName::new("0123456789abcdef").unwrap(), &[0; WINDOW], &mut out);
    assert!(out.len() <= channel_size(WINDOW));
}

#[test]
fn a_node_rides_each_of_a_few_channels_once() {
    let [a, b] = ["a", "b"].map(|name| ChannelName::new(name).unwrap());
    assert_eq!(ChannelNames::new([b, a]).unwrap()[..], [a, b]);
    assert_eq!(ChannelNames::new([a, a]), Err(ChannelNamesError));
    let five = (0..5).map(|n| ChannelName::new(&n.to_string()).unwrap());
    assert_eq!(ChannelNames::new(five), Err(ChannelNamesError));
    assert_eq!(ChannelName::new(""), Err(ChannelNameError));
}

proptest! {
    #[test]
    fn every_packet_is_read_back(packet in strategies::packets()) {
        let emitted = packet.emit();
        let line = emitted.slice(..emitted.len() - 2);
        prop_assert_eq!(read(&line), Ok(packet));
        checks::line(&line);
    }

    #[test]
    fn every_body_is_read_back(body in strategies::bodies()) {
        prop_assert_eq!(Body::read(&body.emit()), Ok(body));
    }

    #[test]
    fn every_name_is_read_back(node in strategies::nodes(), network in strategies::networks()) {
        prop_assert_eq!(node.to_string().parse(), Ok(node));
        prop_assert_eq!(Network::new(network.as_str()), Ok(network));
    }

    #[test]
    fn any_octets_are_refused_or_kept(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        checks::line(&octets);
        checks::datagram(&octets);
        checks::segments(&octets);
    }

    #[test]
    fn any_texts_are_refused_or_kept(text in "(UPT|LNK|REG|NET|OVER|RMV|TRD|NACK|SEG|SUM|ASK|PING|PONG|HB|DAT|CHN|CRD|END)[@0-9a-f.:~|#,=*-]{0,120}") {
        checks::line(text.as_bytes());
        checks::datagram(text.as_bytes());
    }

    #[test]
    fn a_damaged_packet_is_refused_or_kept(
        packet in strategies::packets(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4),
    ) {
        let mut octets = packet.emit().to_vec();
        octets.truncate(octets.len() - 2);
        for (at, octet, kind) in damage {
            let at = at.index(octets.len() + 1);
            match kind {
                0 => octets.insert(at, octet),
                1 if at < octets.len() => { octets.remove(at); }
                _ if at < octets.len() => octets[at] = octet,
                _ => octets.truncate(at / 2),
            }
        }
        checks::line(&octets);
        checks::datagram(&octets);
    }

    #[test]
    fn datagrams_are_read_back(
        token in strategies::tokens(), beat in strategies::beats(), head in strategies::data_heads(),
        ping in strategies::pings(), pong in strategies::pongs(),
        payload in prop::collection::vec(any::<u8>(), 0..80), newline in any::<bool>(),
    ) {
        let payload = if newline { [&payload[..], b"\r\n"].concat() } else { payload };
        let head = DataHead { way: Way::Datagram, len: u32::try_from(payload.len()).unwrap(), ..head };
        let cases = [
            (emit_ping(&ping), Datagram::Ping(ping)),
            (emit_pong(&pong), Datagram::Pong(pong)),
            (emit_beat(&beat), Datagram::Hb(beat)),
        ];
        for (octets, datagram) in cases {
            prop_assert_eq!(read_datagram(&octets), Ok(datagram));
            prop_assert_eq!(read_datagram(&octets[..octets.len() - 2]), Ok(datagram));
        }
        let octets = emit_datagram(token, &head, &payload);
        prop_assert!(read_datagram(&octets[..octets.len() - 2]).is_err(), "a payload has its CRLF");
        if head.flow.is_report() {
            prop_assert!(read_datagram(&octets).is_err(), "reports take links");
        } else {
            prop_assert_eq!(read_datagram(&octets), Ok(Datagram::Dat(token, head, &payload)));
        }
    }

    #[test]
    fn the_hash_is_over_all_but_the_age(
        upt in strategies::upts(), age in any::<u32>(), at in any::<prop::sample::Index>(), bit in 0u8..7,
    ) {
        prop_assert!(upt.verify());
        let frame = upt.frame(age);
        let Ok(Packet::Upt(older)) = read(&frame.slice(..frame.len() - 2)) else { panic!("no UPT") };
        prop_assert!(older.verify());
        prop_assert_eq!(&older, &Upt { age, ..upt.clone() });
        let ours = Key { sequence: upt.key.sequence ^ 0x8000_0000, ..upt.key };
        let newer = Upt { key: ours, ..upt.clone() };
        prop_assert!(!newer.verify());
        let moved = NodeName { id: upt.source.id.map(|id| NodeId(id.0 ^ 1)), ..upt.source };
        let moved = Upt { source: moved, ..upt.clone() };
        prop_assert!(!moved.verify());
        if !upt.body.is_empty() {
            let mut changed = upt.body.to_vec();
            changed[at.index(upt.body.len())] ^= 1 << bit;
            let changed = BodyText::new(changed.into()).map(|body| Upt { body, ..upt }.verify());
            prop_assert!(changed != Ok(true));
        }
    }

    #[test]
    fn a_claim_is_over_all_of_it(removal in strategies::removals(), other in strategies::ids()) {
        prop_assert!(removal.verify());
        let sequence = removal.victim_key.sequence ^ 0x8000_0000;
        let newer = Removal { victim_key: Key { sequence, ..removal.victim_key }, ..removal.clone() };
        prop_assert!(!newer.verify());
        let same = removal.victim == other;
        let moved = Removal { victim: other, ..removal };
        prop_assert_eq!(moved.verify(), same);
    }
}

#[test]
fn numbers_have_one_form_and_a_range() {
    for (number, good) in [
        ("0", true),
        ("1", true),
        ("4294967294", true),
        ("4294967295", true),
        ("4294967296", false),
        ("9999999999", false),
        ("10000000000", false),
        ("99999999999999999999999", false),
        ("00", false),
        ("01", false),
        ("-1", false),
        ("+1", false),
        ("", false),
        (" 1", false),
        ("1x", false),
    ] {
        assert_eq!(accepted(&format!("REG@127.0.0.1:1@{number}")), good, "{number}");
        assert_eq!(accepted(&format!("SUM@{number}@{HASH}")), good, "{number}");
        assert_eq!(accepted(&format!("UPT@{HASH}@1.1@127.0.0.1:1~{ID}@{number}@")), good, "{number}");
        assert_eq!(body(&format!("life={number}")).is_ok(), good, "{number}");
        let counter = good && number != "0";
        assert_eq!(accepted(&format!("UPT@{HASH}@{number}.1@127.0.0.1:1~{ID}@0@")), counter, "{number}");
        assert_eq!(accepted(&format!("UPT@{HASH}@1.{number}@127.0.0.1:1~{ID}@0@")), counter, "{number}");
    }
    for (number, good) in [
        ("0", true),
        ("1", true),
        ("18446744073709551614", true),
        ("18446744073709551615", true),
        ("18446744073709551616", false),
        ("99999999999999999999", false),
        ("100000000000000000000", false),
        ("01", false),
    ] {
        assert_eq!(accepted(&format!("HB@0123456789abcdef@1@{number}@0@u@0@0")), good, "{number}");
        assert_eq!(accepted(&format!("HB@0123456789abcdef@1@0@{number}@t@0@")), good, "{number}");
        assert_eq!(accepted(&format!("HB@0123456789abcdef@1@0@0@n@{number}@0@.")), good, "{number}");
        assert_eq!(accepted(&format!("HB@0123456789abcdef@1@0@0@u@0@{number}")), good, "{number}");
        let beat = good && number != "0";
        assert_eq!(accepted(&format!("HB@0123456789abcdef@{number}@0@0@u@0@0")), beat, "{number}");
    }
}

#[test]
fn costs_ttls_ports_and_lengths_have_ranges() {
    let max = Cost::MAX.micros();
    for (cost, good) in
        [(0, false), (1, true), (max - 1, true), (max, true), (max + 1, false), (u32::MAX, false)]
    {
        assert_eq!(body(&format!("|{ID},{cost},o")).is_ok(), good, "{cost}");
    }
    for (ttl, len, good) in [
        ("00", 0, true),
        ("20", 65_536, true),
        ("21", 0, false),
        ("100", 0, false),
        ("1", 0, false),
        ("00", 65_537, false),
    ] {
        assert_eq!(accepted(&format!("DAT@{ttl}@l@d1@{ID}@{ID}@{len}")), good, "{ttl} {len}");
    }
    for (addr, good) in [
        ("127.0.0.1:65535", true),
        ("127.0.0.1:65536", false),
        ("127.0.0.1", false),
        ("256.0.0.1:1", false),
        ("127.0.0.01:1", false),
        ("127.0.0.1:01", false),
        ("[::1]:1", true),
        ("[::0]:1", false),
        ("[::A]:1", false),
        ("[::ffff:1.2.3.4]:1", true),
        ("[::ffff:102:304]:1", false),
        ("[fe80::1%1]:1", false),
        ("::1:1", false),
        ("[127.0.0.1]:1", false),
        ("[]:1", false),
        ("localhost:1", false),
        ("1.2.3:1", false),
        ("1.2.3.4.5:1", false),
    ] {
        assert_eq!(addr.parse::<NodeName>().is_ok(), good, "{addr}");
        assert_eq!(accepted(&format!("NET@{addr}")), good, "{addr}");
        assert_eq!(body(&format!("addr={addr}")).is_ok(), good, "{addr}");
    }
    for (name, good) in [("a", true), ("", false), ("A", false), ("a_b", false), ("a b", false)] {
        assert_eq!(Network::new(name).is_ok(), good, "{name}");
    }
    assert!(Network::new(&"a".repeat(32)).is_ok() && Network::new(&"a".repeat(33)).is_err());
}

#[test]
fn a_meaning_has_one_text() {
    let upper = ID.to_uppercase();
    for (line, good) in [
        (format!("NET@1.2.3.4:5~{ID}"), true),
        (format!("NET@1.2.3.4:5~{upper}"), false),
        ("NET@".into(), true),
        ("NET".into(), false),
        ("NET@|".into(), false),
        ("NET@1.2.3.4:5|".into(), false),
        ("NET@1.2.3.4:5@".into(), false),
        ("NET@1.2.3.4:5,".into(), false),
        ("NET@1.2.3.4:5,1.2.3.4:6|1.2.3.4:7".into(), true),
        (format!("NET@1.2.3.4:5,1.2.3.4:6~{ID}"), false),
        (format!("NET@1.2.3.4:5~{ID},[::1]:6,1.2.3.4:7"), true),
        ("REG@1.2.3.4:5,[::1]:6@3".into(), true),
        ("NACK@LNK@full@1.2.3.4:5,[::1]:6|1.2.3.4:5".into(), true),
        ("TRD@1.2.3.4:5,[::1]:6".into(), false),
        ("REG@1.2.3.4:5@3@all".into(), true),
        ("REG@1.2.3.4:5@3@all,over,x=1".into(), true),
        ("REG@1.2.3.4:5@3@net=a-1,all".into(), true),
        ("REG@1.2.3.4:5@3@all,net=a-1".into(), false),
        ("REG@1.2.3.4:5@3@net=A".into(), false),
        ("REG@1.2.3.4:5@3@over,all".into(), false),
        ("REG@1.2.3.4:5@3@all,all".into(), false),
        ("REG@1.2.3.4:5@3@".into(), false),
        ("REG@1.2.3.4:5@3@all,".into(), false),
        (format!("LNK@1@n@1.2.3.4:5~{ID}@o@0123456789abcdef@"), true),
        (format!("LNK@1@n@1.2.3.4:5~{ID}@o@0123456789abcdef@start=1,x"), true),
        (format!("LNK@1@n@1.2.3.4:5~{ID}@o@0123456789abcdef@x,start=1"), false),
        (format!("LNK@1@n@1.2.3.4:5~{ID}@o@0123456789abcdef"), false),
        (format!("LNK@1@n@1.2.3.4:5~{ID}@x@0123456789abcdef@"), false),
        ("LNK@1@n@1.2.3.4:5@o@0123456789abcdef@".into(), false),
        ("NACK@LNK".into(), true),
        ("NACK@LNK@full".into(), true),
        ("NACK@LNK@full@1.2.3.4:5".into(), true),
        ("NACK@LNK@@1.2.3.4:5".into(), true),
        ("NACK@LNK@".into(), false),
        ("NACK@LNK@full@".into(), false),
        ("NACK@LNK@@".into(), false),
        ("TRD@1.2.3.4:5".into(), true),
        ("TRD@1.2.3.4:5@".into(), false),
        ("TRD@1.2.3.4:5@why not".into(), false),
        ("DAT@01@l@d0@{}@{}@1".replace("{}", ID), true),
        ("DAT@01@l@d00@{}@{}@1".replace("{}", ID), false),
        ("DAT@01@g@dffffffffffffffff@{}@{}@1".replace("{}", ID), true),
        ("DAT@01@l@d10000000000000000@{}@{}@1".replace("{}", ID), false),
        ("DAT@01@l@q0@{}@{}@1".replace("{}", ID), false),
        ("DAT@01@x@d0@{}@{}@1".replace("{}", ID), false),
        ("DAT@0A@l@d0@{}@{}@1".replace("{}", ID), false),
        ("DAT@01@l@c0@{}@{}@0".replace("{}", ID), true),
        ("DAT@01@l@c0@{}@{}@1".replace("{}", ID), false),
        ("DAT@01@g@c0@{}@{}@0".replace("{}", ID), false),
        ("DAT@01@g@d0@{}@{}@1@0123456789abcdef".replace("{}", ID), false),
        ("ASK@".into(), true),
        (format!("ASK@{ID}-{HASH}@"), true),
        (format!("ASK@{HASH}-{ID}@"), false),
        (format!("ASK@{ID},1.1|{HASH},1.1"), true),
        (format!("ASK@{HASH},1.1|{ID},1.1"), false),
        (format!("ASK@{ID},1.1|{ID},1.1"), false),
        (format!("SUM@{ID}-{ID}@0@{HASH}"), true),
        ("SEG@1@0@2@a@b".into(), true),
        ("SEG@1@0@2@".into(), false),
        ("SEG@1@2@2@x".into(), false),
        ("SEG@1@0@0@x".into(), false),
        ("PING@0123456789abcdef".into(), false),
        (format!("PING@0123456789abcdef@{ID}"), true),
        (format!("PING@0123456789abcdef@{ID}\r"), false),
        (format!("PING@0123456789abcdef@{ID}@{ID}"), false),
        ("PONG@0123456789abcdef".into(), false),
        (format!("PONG@0123456789abcdef@{ID}"), true),
        ("XYZ@any thing".into(), true),
        ("XYZ@a\rb".into(), false),
        ("XYZ ".into(), false),
        ("1X".into(), false),
        ("xyz".into(), false),
        (String::new(), false),
        ("A".repeat(16), true),
        ("A".repeat(17), false),
    ] {
        assert_eq!(accepted(&line), good, "{line}");
    }
}

#[test]
fn a_body_is_taken_whole_or_not_at_all() {
    let (a, b) = (id(1), id(2));
    for (text, good) in [
        (String::new(), true),
        ("life=180,free=3,k=3,metric=delay,addr=1.2.3.4:5,addr=[::1]:5,x=y,z".into(), true),
        ("free=3,life=180".into(), false),
        ("life=1,life=1".into(), false),
        ("x=y,life=1".into(), false),
        ("life=1,".into(), false),
        (",life=1".into(), false),
        ("metric=".into(), false),
        ("metric=a_b".into(), false),
        ("X=1".into(), false),
        ("x=a b".into(), false),
        ("x=a\u{7f}".into(), false),
        ("x=a#b".into(), false),
        ("life".into(), false),
        (format!("|{a},1,o|{b},1,i,bye,x=1"), true),
        (format!("|{a},1,b,bye,bye"), false),
        (format!("|{a},1,o,x,bye"), false),
        (format!("|{a},1,o,"), false),
        (format!("|{a},1,x"), false),
        (format!("|{a},1"), false),
        (format!("|{a},1,o|"), false),
        (format!("|{a},1,o|{a},2,i"), false),
        (format!("|{a},1,o**metric=load|{a},1,o"), true),
        (format!("|{a},1,o*metric=load|{a},1,o"), false),
        ("**metric=load".into(), true),
        ("**metric=delay".into(), false),
        ("**".into(), false),
        ("metric=load**metric=load".into(), false),
        ("metric=load**".into(), true),
        ("metric=load****metric=x".into(), true),
        ("***".into(), false),
    ] {
        assert_eq!(body(&text).is_ok(), good, "{text}");
    }
    let own = Upt::originate(
        Key { incarnation: 1, sequence: 1 },
        format!("1.2.3.4:5~{a}").parse().unwrap(),
        0,
        &body(&format!("|{a},1,o")).unwrap(),
    );
    assert_eq!(own.parse_body(), Err(WireError::Repeated("a node lists itself")));
}

#[test]
fn known_attributes_have_one_order() {
    let known = ["life=1", "free=1", "k=1", "metric=m", "addr=1.2.3.4:5", "x=1"];
    for (at, first) in known.iter().enumerate() {
        for (place, second) in known.iter().enumerate() {
            let good = at < place || at == place && ["addr=1.2.3.4:5", "x=1"].contains(first);
            assert_eq!(body(&format!("{first},{second}")).is_ok(), good, "{first},{second}");
        }
    }
}

#[test]
fn a_payload_is_as_long_as_announced() {
    for (len, payload, good) in
        [(2, "hi", true), (0, "", true), (1, "hi", false), (3, "hi", false), (2, "hi\r\n", false)]
    {
        let datagram = format!("DAT@01@g@d1@{ID}@{ID}@{len}@0123456789abcdef\r\n{payload}\r\n");
        assert_eq!(read_datagram(datagram.as_bytes()).is_ok(), good, "{len} {payload}");
    }
}

#[test]
fn lists_end_at_their_bounds() {
    let links = |n: usize| (0..n).map(|n| format!("|{},1,o", id(n))).collect::<String>();
    assert_eq!(body(&links(LINKS_LIMIT)).unwrap().updates()[0].links.len(), LINKS_LIMIT);
    assert!(body(&links(LINKS_LIMIT + 1)).is_err());
    assert!(body(&(links(LINKS_LIMIT - 1) + &links(1))).is_err(), "the sorted way finds the repetition too");

    let updates = |n: usize| (0..n).map(|n| format!("metric=m{n}")).collect::<Vec<_>>().join("**");
    assert!(body(&updates(UPDATES_LIMIT)).is_ok() && body(&updates(UPDATES_LIMIT + 1)).is_err());
    let addresses = |n: usize| ["addr=1.2.3.4:5"].repeat(n).join(",");
    assert!(body(&addresses(ADDRESSES_LIMIT)).is_ok() && body(&addresses(ADDRESSES_LIMIT + 1)).is_err());
    let other = |n: usize| format!("x={}", "y".repeat(n - 2));
    assert!(body(&other(OTHER_LIMIT)).is_ok() && body(&other(OTHER_LIMIT + 1)).is_err());
    let name = |n: usize| "x".repeat(n);
    assert!(body(&name(NAME_LIMIT)).is_ok() && body(&name(NAME_LIMIT + 1)).is_err());

    let net = |n: usize| format!("NET@{}", ["1.2.3.4:5"].repeat(n).join("|"));
    assert!(accepted(&net(NODES_LIMIT)) && !accepted(&net(NODES_LIMIT + 1)));
    let contact = |n: usize| format!("NET@1.2.3.4:5{}", ",1.2.3.4:5".repeat(n));
    assert!(accepted(&contact(ADDRESSES_LIMIT)) && !accepted(&contact(ADDRESSES_LIMIT + 1)));
    let nack = |n: usize| format!("NACK@LNK@full@{}", ["1.2.3.4:5"].repeat(n).join("|"));
    assert!(accepted(&nack(ALTERNATIVES_LIMIT)) && !accepted(&nack(ALTERNATIVES_LIMIT + 1)));
    let reason = |n: usize| format!("TRD@1.2.3.4:5@{}", "x".repeat(n));
    assert!(accepted(&reason(REASON_LIMIT)) && !accepted(&reason(REASON_LIMIT + 1)));
    let seg = |n: u16| format!("SEG@1@0@{n}@x");
    assert!(accepted(&seg(PIECES_LIMIT)) && !accepted(&seg(PIECES_LIMIT + 1)));
    let unknown = |n: usize| format!("XYZ@{}", "x".repeat(n - 4));
    assert!(accepted(&unknown(MESSAGE_LIMIT)) && !accepted(&unknown(MESSAGE_LIMIT + 1)));
}

#[test]
fn the_seeds_fields_are_where_they_were() {
    let upt = Upt::originate(
        Key { incarnation: 3, sequence: 14 },
        format!("10.0.0.1:4000~{ID}").parse().unwrap(),
        7,
        &body(&format!("life=180,free=9,k=1|{},12000,o", id(2))).unwrap(),
    );
    let frame = Packet::Upt(upt.clone()).emit();
    let line = core::str::from_utf8(&frame).unwrap().trim_end();
    let fields: Vec<&str> = line.splitn(6, char::from(PACK_DELIMITER)).collect();
    assert_eq!(fields[PACKET_TYPE], UPDATE);
    assert_eq!(fields[UPDATE_HASH], format!("{:032x}", upt.hash.0));
    assert_eq!(fields[UPDATE_ID], "3.14");
    assert_eq!(fields[UPDATE_SRC], format!("10.0.0.1:4000~{ID}"));
    assert_eq!(fields[4..], ["7".to_string(), format!("life=180,free=9,k=1|{},12000,o", id(2))]);
    assert_eq!(fields[UPDATE_HASH], "a33fd076f4d45b38a2ca753f54f5fd51", "as sha256sum has it");
}

#[test]
fn small_ones_are_written_as_the_grammar_has_them() {
    let token = Token(0xab);
    let (meant, answers) = (NodeId(1), NodeId(2));
    let ping = Ping::new(token, meant);
    assert_eq!(emit_ping(&ping), format!("PING@00000000000000ab@{}\r\n", id(1)));
    let padded = emit_ping(&Ping { padding: 3, ..ping });
    assert_eq!(padded, format!("PING@00000000000000ab@{}@...\r\n", id(1)));
    let lengths = [1, 57, 58, 1_200, 9_000].map(|octets| emit_padded_ping(&ping, octets).len());
    assert_eq!(lengths, [56, 56, 58, 1_200, 57 + usize::from(PADDING_LIMIT)]);
    assert_eq!(emit_pong(&Pong { token, id: answers }), format!("PONG@00000000000000ab@{}\r\n", id(2)));
    assert_eq!(
        emit_beat(&Beat { held: 20, ..Beat::first(token, 1) }),
        "HB@00000000000000ab@1@0@20@u@0@0\r\n"
    );
    let [source, destination] = [NodeId(1), NodeId(2)];
    let head = DataHead { ttl: 32, way: Way::Link, flow: Flow::Echo(0x1f), source, destination, len: 2 };
    let data = format!("DAT@20@l@e1f@{}@{}@2\r\nhi\r\n", id(1), id(2));
    assert_eq!(emit_data(&head, b"hi"), data.as_bytes());
    let data = format!("DAT@20@g@e1f@{}@{}@2@00000000000000ab\r\nhi\r\n", id(1), id(2));
    assert_eq!(emit_datagram(token, &head, b"hi"), data.as_bytes());
    assert_eq!(Packet::Unknown(unknown("XYZ@1")).word(), "XYZ");
    assert_eq!(read_datagram(b"XYZ@1"), Ok(Datagram::Unknown));
    assert_eq!(read_datagram(b"NET@"), Ok(Datagram::Unknown));
}
