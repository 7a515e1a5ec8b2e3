//! Whatever the constructors take is emitted as one line and is read back, whatever they were given.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::attributes::Place;
use super::strategies::{addresses, costs, counters, ids, keys, named, nodes, numbers, tokens};
use super::*;
use crate::overlay::names::{Key, NodeId};

/// What no field may hold, or only some may.
const STRAY: [&str; 14] = ["\r\n", "\r", "\n", "\0", " ", "@", "#", "|", "*", ",", "~", "=", "\u{7f}", "ä"];

/// Attributes, some of them known.
fn joined() -> impl Strategy<Value = String> {
    let attribute = "(life|free|k|metric|addr|left|bye|start|net|all|over|x|y-1|z[0-9])(=[!-~]{0,4})?";
    vec(attribute, 0..4).prop_map(|attributes| attributes.join(","))
}

/// Texts that are now good for one field, now for another, and often for none.
fn texts() -> impl Strategy<Value = String> {
    let stray = ("[!-~]{0,9}", select(&STRAY[..]), "[!-~]{0,9}").prop_map(|(a, b, c)| a + b + &c);
    prop_oneof!["[a-z0-9-]{0,40}", "[A-Z0-9]{1,17}(@[ -~]{0,20})?", "[ -~]{0,70}", ".{0,20}", joined(), stray]
}

fn octets() -> impl Strategy<Value = Bytes> {
    let short = vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let long = (any::<u8>(), prop_oneof![200usize..300, 8_100usize..8_200, 16_000usize..17_000]);
    prop_oneof![
        4 => texts().prop_map(|text| Bytes::from(text.into_bytes())),
        1 => short,
        1 => long.prop_map(|(octet, len)| Bytes::from(alloc::vec![octet; len])),
    ]
}

fn others<In: Place + Debug>() -> impl Strategy<Value = Others<In>> {
    let attributes = prop_oneof![octets(), joined().prop_map(|text| Bytes::from(text.into_bytes()))];
    attributes.prop_map(|octets| Others::new(octets).unwrap_or_default())
}

fn more() -> impl Strategy<Value = MoreAddresses> {
    vec(addresses(), 0..12).prop_map(|addrs| MoreAddresses::new(addrs.into()).unwrap_or_default())
}

fn contacts() -> impl Strategy<Value = Contact> {
    (nodes(), more()).prop_map(|(name, more)| Contact { name, more })
}

fn links() -> impl Strategy<Value = Links> {
    let role = select(&[ListedRole::Out, ListedRole::In, ListedRole::Both][..]);
    let attributes = (any::<bool>(), others()).prop_map(|(bye, other)| LinkAttributes { bye, other });
    let listed = (ids(), costs(), role, attributes)
        .prop_map(|(id, cost, role, attributes)| Listed { id, cost, role, attributes })
        .boxed();
    let few = vec(listed.clone(), 0..9);
    let many = (listed, 1_000usize..1_050).prop_map(|(listed, count)| {
        (0..count).map(|n| Listed { id: NodeId(n as u128), ..listed.clone() }).collect::<Vec<_>>()
    });
    (prop_oneof![30 => few, 1 => many], any::<bool>()).prop_map(|(listed, first)| {
        if first { Links::first(listed) } else { Links::new(listed).unwrap_or_default() }
    })
}

fn updates() -> impl Strategy<Value = Update> {
    let numbers = (option::of(numbers()), option::of(numbers()), option::of(numbers()));
    let metric = texts().prop_map(|text| Metric::new(&text).ok());
    (numbers, metric, more(), any::<bool>(), others(), links()).prop_map(
        |((life, free, k), metric, addrs, left, other, links)| Update {
            attributes: Attributes { life, free, k, metric, addrs, left, other },
            links,
        },
    )
}

fn bodies() -> impl Strategy<Value = Option<Body>> {
    let apart = vec(updates(), 6..11).prop_map(|mut updates| {
        for (n, update) in updates.iter_mut().enumerate() {
            update.attributes.metric = Metric::new(&format!("m{n}")).ok();
        }
        updates
    });
    prop_oneof![3 => vec(updates(), 0..4), 1 => apart].prop_map(|updates| Body::new(updates).ok())
}

fn upts() -> impl Strategy<Value = Option<Upt>> {
    let body = prop_oneof![
        octets().prop_map(|octets| BodyText::new(octets).ok()),
        bodies().prop_map(|body| body.map(|body| body.emit())),
    ];
    (any::<u128>(), keys(), named(), numbers(), body).prop_map(|(hash, key, source, age, body)| {
        Some(Upt { hash: Hash(hash), key, source, age, body: body? })
    })
}

fn reasons() -> impl Strategy<Value = Option<Reason>> {
    texts().prop_map(|text| Reason::new(&text).ok())
}

fn ranges() -> impl Strategy<Value = Option<Range>> {
    (ids(), ids()).prop_map(|(first, last)| Range::new(first, last))
}

fn asks() -> impl Strategy<Value = Ask> {
    (ranges(), vec((ids(), keys()), 0..9), any::<bool>()).prop_map(|(range, have, ascending)| {
        let have = if ascending { Have::ascending(have) } else { Have::new(have).unwrap_or_default() };
        Ask { range, have }
    })
}

fn greetings() -> impl Strategy<Value = Option<Greeting>> {
    let role = select(&[Role::Chooser, Role::Guest, Role::Watcher, Role::Chosen][..]);
    let caps = (option::of(numbers()), strategies::rides(), others())
        .prop_map(|(start, rides, other)| Capabilities { start, rides, other });
    (numbers(), texts(), named(), role, tokens(), caps).prop_map(
        |(version, network, node, role, token, caps)| {
            Some(Greeting { version, network: Network::new(&network).ok()?, node, role, token, caps })
        },
    )
}

fn registrations() -> impl Strategy<Value = Registration> {
    (contacts(), numbers(), texts(), any::<bool>(), any::<bool>(), others()).prop_map(
        |(node, k, network, all, over, other)| {
            let network = Network::new(&network).ok();
            Registration { node, k, network, all, over, other }
        },
    )
}

fn nacks() -> impl Strategy<Value = Option<Nack>> {
    (texts(), reasons(), vec(contacts(), 0..7)).prop_map(|(word, reason, nodes)| {
        Some(Nack { word: Word::new(&word).ok()?, reason, nodes: Alternatives::new(nodes).ok()? })
    })
}

fn segments() -> impl Strategy<Value = Option<Segment>> {
    (numbers(), any::<u16>(), any::<u16>(), 0u16..4, octets()).prop_map(
        |(message, index, count, few, chunk)| {
            let (index, count) = if few > 0 { (index % 4, few) } else { (index, count) };
            Segment::new(message, index, count, chunk).ok()
        },
    )
}

fn records() -> impl Strategy<Value = Record> {
    (named(), keys(), numbers(), links()).prop_map(|(node, key, age, links)| Record { node, key, age, links })
}

/// A packet of a word whose fields are not all of fixed size, if what was drawn can be one.
fn packets() -> impl Strategy<Value = Option<Packet>> {
    let teardown = (nodes(), reasons()).prop_map(|(node, reason)| Teardown { node, reason });
    let sum = (ranges(), numbers(), any::<u128>()).prop_map(|(range, count, digest)| Sum {
        range,
        count,
        digest: Digest(digest),
    });
    prop_oneof![
        greetings().prop_map(|greeting| greeting.map(Packet::Lnk)),
        registrations().prop_map(|registration| Some(Packet::Reg(registration))),
        vec(contacts(), 0..9).prop_map(|nodes| Nodes::new(nodes).ok().map(Packet::Net)),
        vec(records(), 0..3).prop_map(|records| Records::new(records).ok().map(Packet::Over)),
        upts().prop_map(|upt| upt.map(Packet::Upt)),
        teardown.prop_map(|teardown| Some(Packet::Trd(teardown))),
        nacks().prop_map(|nack| nack.map(Packet::Nack)),
        segments().prop_map(|segment| segment.map(Packet::Seg)),
        sum.prop_map(|sum| Some(Packet::Sum(sum))),
        asks().prop_map(|ask| Some(Packet::Ask(ask))),
        octets().prop_map(|line| UnknownLine::new(line).ok().map(Packet::Unknown)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_can_be_built_is_one_line_and_is_read_back(packet in packets()) {
        let Some(packet) = packet else { return Ok(()) };
        let emitted = packet.emit();
        let line = emitted.strip_suffix(b"\r\n").map(|line| emitted.slice_ref(line)).unwrap();
        prop_assert_eq!(memchr::memchr2(b'\r', b'\n', &line), None, "a line within the line");
        prop_assert!(!matches!(packet, Packet::Seg(_)) || line.len() <= PKT_LIMIT, "a piece is cut again");
        if line.len() <= MESSAGE_LIMIT {
            checks::line(&line);
            prop_assert_eq!(read(&line), Ok(packet));
        } else {
            prop_assert!(frames(&packet, &mut 0).is_empty());
        }
    }

    #[test]
    fn a_body_that_can_be_built_is_read_back(body in bodies()) {
        let Some(body) = body else { return Ok(()) };
        prop_assert_eq!(Body::read(&body.emit()), Ok(body));
    }

    #[test]
    fn a_record_that_can_be_built_is_read_back(
        (incarnation, sequence) in (counters(), counters()), source in named(), age in numbers(), body in bodies(),
    ) {
        let Some(body) = body else { return Ok(()) };
        let upt = Upt::originate(Key { incarnation, sequence }, source, age, &body);
        let frame = upt.frame(age);
        prop_assert_eq!(read(&frame.slice(..frame.len() - 2)), Ok(Packet::Upt(upt)));
    }
}

/// The constructors take most of what is drawn here for a field at times, so that the tests above see it.
#[test]
fn the_strategies_draw_good_and_bad_ones() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut built = [0; 3];
    for _ in 0..1_000 {
        let mut drawn = |strategy: &dyn Fn(&mut TestRunner) -> bool| usize::from(strategy(&mut runner));
        built[0] += drawn(&|runner| packets().new_tree(runner).unwrap().current().is_some());
        built[1] += drawn(&|runner| bodies().new_tree(runner).unwrap().current().is_some());
        built[2] += drawn(&|runner| !others::<Attributes>().new_tree(runner).unwrap().current().is_empty());
    }
    assert!(built.iter().all(|built| (100..900).contains(built)), "{built:?}");
}
