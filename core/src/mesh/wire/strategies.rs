//! Values of every kind, for property tests: whatever these make can be said and is read back as the same.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A number of seconds, an id of a method: often at an end, or where a form of MessagePack begins.
pub fn numbers() -> impl Strategy<Value = u64> {
    let ends = [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX];
    prop_oneof![prop::sample::select(ends.to_vec()), any::<u64>(), 0u64..40]
}

/// A whole number of either sign, likewise.
pub fn ints() -> impl Strategy<Value = Int> {
    let ends = [-1, -32, -33, -128, -129, -0x8000, -0x8001, -0x8000_0000, -0x8000_0001, i64::MIN];
    let negative = prop_oneof![prop::sample::select(ends.to_vec()), any::<i64>()];
    prop_oneof![numbers().prop_map(Int::from), negative.prop_map(Int::from)]
}

/// A number with a fraction: any bits.
pub fn floats() -> impl Strategy<Value = Float> {
    let known = prop::sample::select(alloc::vec![0.0, -0.0, 1.0, 1.5, f64::NAN, f64::INFINITY]);
    prop_oneof![
        any::<u32>().prop_map(Float::F32),
        any::<u64>().prop_map(Float::F64),
        known.prop_map(Float::from)
    ]
}

/// Octets of a length that is often where a form of MessagePack begins.
pub fn octets() -> impl Strategy<Value = Bytes> {
    let length = prop_oneof![4 => 0usize..5, 1 => prop::sample::select(alloc::vec![16, 31, 32, 255, 256])];
    length.prop_flat_map(|length| vec(any::<u8>(), length)).prop_map(Bytes::from)
}

/// Text.
pub fn strings() -> impl Strategy<Value = Utf8> {
    let short = prop_oneof![Just(String::new()), "[*0-9a-z]{1,5}", "\\PC{0,40}"];
    prop_oneof![9 => short, 1 => "[a-z]{250,260}"].prop_map(Utf8::from)
}

/// A text of either kind, often one that means something.
pub fn texts() -> BoxedStrategy<Text> {
    let known = prop::sample::select(alloc::vec!["*", "del", "0", "1", "sha1", ""]);
    let short = |kind| move |text: &str| Text::short(kind, text);
    prop_oneof![
        octets().prop_filter_map("too long", |octets| Text::new(TextKind::Bin, octets).ok()),
        strings().prop_filter_map("too long", |text| Text::new(TextKind::Str, text.octets().clone()).ok()),
        known.clone().prop_map(short(TextKind::Str)),
        known.prop_map(short(TextKind::Bin)),
    ]
    .boxed()
}

/// A value without others in it, and that a map takes as a key.
fn keys() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        ints().prop_map(Value::Int),
        floats().prop_map(Value::Float),
        strings().prop_map(Value::Str),
        octets().prop_map(Value::Bin),
    ]
}

fn extensions() -> impl Strategy<Value = Value> {
    let date = prop_oneof![
        vec(any::<u8>(), 4),
        vec(any::<u8>(), 8),
        (any::<u32>(), -62_135_596_800i64..253_402_300_795).prop_map(|(fraction, seconds)| [
            &fraction.to_be_bytes()[..],
            &seconds.to_be_bytes()
        ]
        .concat()),
    ];
    let date = date.prop_map(|octets| (Ext::DATE, Bytes::from(octets)));
    let any = (any::<i8>(), octets());
    prop_oneof![date, any]
        .prop_filter_map("not a date", |(kind, data)| Ext::new(kind, data).ok().map(Value::Ext))
}

/// What a map holds, made of the values that are in it.
fn maps_of(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map> {
    vec((keys(), values), 0..4).prop_filter_map("a key twice", |pairs| Map::new(pairs).ok())
}

/// A value of any kind, a few deep.
pub fn values() -> BoxedStrategy<Value> {
    prop_oneof![4 => keys(), 1 => extensions()]
        .prop_recursive(4, 24, 5, |values| {
            let list = prop_oneof![9 => vec(values.clone(), 0..5), 1 => vec(keys(), 14..18)];
            prop_oneof![list.prop_map(Value::Array), maps_of(values).prop_map(Value::Map)]
        })
        .boxed()
}

/// A map.
pub fn maps() -> impl Strategy<Value = Map> {
    maps_of(values())
}

/// An address, whose host is any text.
pub fn addresses() -> impl Strategy<Value = HostPort> {
    (texts(), any::<u16>()).prop_map(|(host, port)| HostPort { host, port })
}

/// A node.
pub fn peers() -> impl Strategy<Value = Peer> {
    (addresses(), texts()).prop_map(|(addr, id)| Peer { addr, id })
}

/// Ways to compress.
pub fn methods() -> impl Strategy<Value = Vec<Method>> {
    vec(numbers().prop_map(Method), 0..6)
}

/// Who says something, and when.
pub fn stamps() -> impl Strategy<Value = Stamp> {
    (texts(), numbers()).prop_map(|(sender, time)| Stamp { sender, time })
}

/// A way for a message to go.
pub fn ways() -> impl Strategy<Value = Way> {
    prop::sample::select(alloc::vec![Way::Flood, Way::Link])
}

fn handshakes() -> impl Strategy<Value = Message> {
    let fields = (texts(), texts(), addresses(), methods());
    fields.prop_map(|(id, protocol, addr, methods)| {
        Message::Handshake(Handshake { id, protocol, addr, methods })
    })
}

fn notices() -> impl Strategy<Value = Message> {
    let notice = prop::sample::select(alloc::vec![Notice::Added, Notice::Deleted]);
    (texts(), notice).prop_map(|(key, notice)| Message::Notify { key, notice })
}

fn unknown() -> impl Strategy<Value = Message> {
    let flag = prop_oneof![numbers().prop_map(Value::from), values()];
    (flag, vec(values(), 0..6)).prop_filter_map("known", |(flag, mut fields)| {
        fields.insert(0, flag);
        UnknownMessage::new(fields).map(Message::Unknown)
    })
}

/// What the mesh says.
fn mesh() -> BoxedStrategy<Message> {
    let kind = prop::sample::select(alloc::vec![TextKind::Bin, TextKind::Str]);
    prop_oneof![
        vec(values(), 0..5).prop_map(Message::Broadcast),
        vec(values(), 0..5).prop_map(Message::Whisper),
        methods().prop_map(Message::Compression),
        Just(Message::Resend),
        handshakes(),
        vec(peers(), 0..5).prop_map(Message::Peers),
        kind.prop_map(Message::PeersRequest),
        (texts(), texts()).prop_map(|(request, wanted)| Message::AddressRequest { request, wanted }),
        (texts(), peers()).prop_map(|(request, peer)| Message::AddressResponse { request, peer }),
        vec(values(), 0..5).prop_map(Message::Native),
        unknown(),
    ]
    .boxed()
}

/// What Chord and sync say.
fn stores() -> BoxedStrategy<Message> {
    let role = prop::sample::select(alloc::vec![Role::Storing, Role::Leech]);
    let lease = prop::option::of((texts(), numbers()).prop_map(|(owner, time)| Lease { owner, time }));
    prop_oneof![
        role.prop_map(Message::Meta),
        notices(),
        (texts(), texts(), values()).prop_map(|(table, key, value)| Message::Store { table, key, value }),
        (texts(), texts()).prop_map(|(table, key)| Message::Retrieve { table, key }),
        (texts(), texts(), values()).prop_map(|(table, key, value)| Message::Retrieved { table, key, value }),
        (texts(), texts(), maps()).prop_map(|(table, key, delta)| Message::Delta { table, key, delta }),
        (texts(), values(), lease).prop_map(|(key, value, lease)| Message::SyncStore { key, value, lease }),
        (texts(), maps()).prop_map(|(key, delta)| Message::SyncDelta { key, delta }),
    ]
    .boxed()
}

/// A message of any kind.
pub fn messages() -> impl Strategy<Value = Message> {
    prop_oneof![mesh(), stores()]
}
