//! The fuzz corpora, run on the compiler that the product is built with.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use egoist_core::gossip;
use egoist_core::gossip::wire::{MessageHash, Offer, PeerUpdate, Probe, Spread, write};
use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::mesh;
use egoist_core::mesh::wire::{
    Accepts, Handshake, HostPort, Lease, Map, Message, Method, Notice, Peer, Role, Stamp, Text, TextKind,
    UnknownMessage, Value, Way, next_body,
};
use egoist_core::overlay::scenario::{self, Scenario};
use egoist_core::overlay::wire::{self, Network, Packet, checks};
use egoist_core::overlay::{self, Config, Overlay};
use egoist_core::record::{self, Piece, Recorder, Recording};
use egoist_core::riding;
use egoist_core::sim::faults::Action;
use egoist_core::sim::{self, Restart, World, address};

/// The files of a target's corpus, name and octets, in the order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "{target}: the corpus has {} files", files.len());
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

/// The recordings of the nodes of a small overlay under faults: with `EGOIST_BLESS=1` the corpora that are made of them are
/// written anew.
fn recorded(seed: u64) -> Vec<Vec<u8>> {
    let tapes = Rc::new(RefCell::new(Vec::new()));
    let mut world = World::new(sim::Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(seed));
    for node in 0..4 {
        let shelf = Rc::clone(&tapes);
        world.add(move |boot| {
            let tape = Rc::new(RefCell::new(Vec::new()));
            shelf.borrow_mut().push(Rc::clone(&tape));
            let mut config = Config::new(boot.seed, Network::new("law").unwrap(), boot.address);
            config.bootstraps = vec![address(0)];
            Recorder::<Overlay, _>::new(config, move |piece: Piece| piece.seal(&mut tape.borrow_mut()))
                .unwrap()
        });
        world.start(node, Time::from_millis(100));
    }
    world.run_until(Time::from_secs(10), |_, _, _| ());
    world.restart((seed % 4) as usize, Restart::Keeping);
    world.run_until(Time::from_secs(15), |_, _, _| ());
    drop(world);
    tapes.take().into_iter().map(|tape| tape.take()).collect()
}

/// A node's inputs as far as so many octets go.
fn inputs(recording: &[u8]) -> Vec<u8> {
    let mut octets = record::checks::inputs_of(&Recording::read(recording).unwrap());
    octets.truncate(6_000);
    octets
}

/// An entry's own octets, without what frames it.
fn entry(recording: &[u8], number: usize) -> Vec<u8> {
    let recording = Recording::read(recording).unwrap();
    let (mut octets, mut at) = (recording.entries().octets(), 0);
    loop {
        let length = usize::from(octets[0]) | usize::from(octets[1]) << 8 | usize::from(octets[2]) << 16;
        if at == number {
            return octets[4..4 + length].to_vec();
        }
        (octets, at) = (&octets[8 + length..], at + 1);
    }
}

fn bless(target: &str, files: impl Iterator<Item = Vec<u8>>) {
    if std::env::var_os("EGOIST_BLESS").is_none() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    std::fs::create_dir_all(&folder).unwrap();
    for (octets, number) in files.zip(0..) {
        std::fs::write(folder.join(format!("{number:02}")), octets).unwrap();
    }
}

fn replay(target: &str, check: fn(&[u8])) {
    for (file, octets) in corpus(target) {
        let held = std::panic::catch_unwind(|| check(&octets));
        assert!(held.is_ok(), "{}", file.display());
    }
}

#[test]
fn overlay_wire() {
    replay("overlay_wire", checks::line);
}

#[test]
fn overlay_datagram() {
    replay("overlay_datagram", checks::datagram);
}

#[test]
fn overlay_seg() {
    replay("overlay_seg", checks::segments);
}

#[test]
fn overlay_actions() {
    replay("overlay_actions", scenario::check);
}

#[test]
fn control_request() {
    replay("control_request", egoist_mio::checks::control_request);
}

#[test]
fn configuration() {
    replay("configuration", egoist_mio::checks::configuration);
}

#[test]
fn hello() {
    replay("hello", egoist_core::hello::checks::node);
}

/// So many lots of octets, from a seed.
fn drawn(name: &str, count: usize, length: usize) -> Vec<Vec<u8>> {
    let mut rng = Streams::new(Seed::from_u64(1)).named(name);
    let mut lot = || (0..length).map(|_| rng.u64().to_le_bytes()[0]).collect();
    (0..count).map(|_| lot()).collect()
}

#[test]
fn gossip_node() {
    bless("gossip_node", drawn("gossip node", 16, 600).into_iter());
    replay("gossip_node", gossip::checks::node);
}

#[test]
fn gossip_actions() {
    bless("gossip_actions", drawn("gossip actions", 16, 200).into_iter());
    replay("gossip_actions", gossip::scenario::check);
}

#[test]
fn riding_actions() {
    bless("riding_actions", drawn("riding actions", 16, 200).into_iter());
    replay("riding_actions", riding::scenario::check);
}

/// A frame of each kind.
fn gossip_frames() -> Vec<Bytes> {
    let addr = "192.0.2.1:6001".parse().unwrap();
    let hash = MessageHash::of(7, b"data");
    let update = PeerUpdate { addr, ttl: 3, kind: 1 };
    let spread =
        Spread { ttl: 2, origin_ttl: 3, reserved: 0, data_type: 7, data: Bytes::from_static(b"data") };
    let native = [Probe::Hello { nonce: 5 }, Probe::Ping, Probe::Pong].map(write::native);
    let original = [
        write::announce(3, 0, 7, b"data"),
        write::notify(7),
        write::notification(1, 7, b"data"),
        write::validation(1, true),
        write::peer_request(addr),
        write::peer_response(&[addr, addr]),
        write::peer_update(update),
        write::peer_init(addr),
    ];
    let ours = [
        write::spread(&spread),
        write::have(&[Offer { hash, ttl: 2 }]),
        write::want(&[hash, hash]),
        write::gone(&[hash]),
    ];
    original.into_iter().chain(native).chain(ours).collect()
}

#[test]
fn gossip_wire() {
    let frames = gossip_frames();
    let all = frames.concat();
    bless("gossip_wire", frames.into_iter().map(Vec::from).chain([all]));
    replay("gossip_wire", gossip::checks::wire);
    let codes: BTreeSet<u16> = corpus("gossip_wire")
        .into_iter()
        .filter_map(|(_, octets)| octets.get(2..4).map(|code| u16::from_be_bytes([code[0], code[1]])))
        .collect();
    assert_eq!(codes, (500..=503).chain(510..=513).chain(515..=519).collect());
}

#[test]
fn mesh_node() {
    bless("mesh_node", drawn("mesh node", 16, 600).into_iter());
    replay("mesh_node", mesh::checks::node);
}

#[test]
fn mesh_actions() {
    bless("mesh_actions", drawn("mesh actions", 16, 200).into_iter());
    replay("mesh_actions", mesh::scenario::check);
}

#[test]
fn chord_words() {
    bless("chord_words", mesh::chord::checks::words(64).into_iter());
    replay("chord_words", mesh::chord::checks::word);
}

#[test]
fn chord_node() {
    bless("chord_node", drawn("chord node", 16, 600).into_iter());
    replay("chord_node", mesh::chord::checks::node);
}

#[test]
fn chord_actions() {
    bless("chord_actions", drawn("chord actions", 16, 200).into_iter());
    replay("chord_actions", mesh::chord::scenario::check);
}

/// A message of each kind.
fn mesh_messages() -> Vec<Message> {
    let text = |text: &[u8]| Text::bin(text).unwrap();
    let (table, key, request) = (|| text(b"sha1"), || text(b"21"), || text(b"3x"));
    let map =
        || Map::new(vec![(Value::from("k"), Value::from(1.5)), (Value::Nil, Value::from(-300i64))]).unwrap();
    let peer = || Peer { addr: HostPort::of("192.0.2.1:44565".parse().unwrap()), id: text(b"z") };
    let (addr, methods) = (peer().addr, vec![Method::ZLIB, Method::GZIP]);
    let value = || Value::Array(vec![Value::Map(map()), Value::Bool(true), Value::from("text")]);
    let lease = Lease { owner: text(b"z"), time: 1_500_000_000 };
    vec![
        Message::Broadcast(vec![value(), Value::Bin(Bytes::from_static(b"data"))]),
        Message::Whisper(vec![]),
        Message::Compression(methods.clone()),
        Message::Resend,
        Message::Handshake(Handshake { id: text(b"z"), protocol: text(b"7vVF"), addr, methods }),
        Message::Meta(Role::Storing),
        Message::Notify { key: text(b"name"), notice: Notice::Added },
        Message::Notify { key: text(b"name"), notice: Notice::Deleted },
        Message::Peers(vec![peer(), peer()]),
        Message::PeersRequest(TextKind::Str),
        Message::AddressRequest { request: request(), wanted: text(b"z") },
        Message::AddressResponse { request: request(), peer: peer() },
        Message::Store { table: table(), key: key(), value: value() },
        Message::Retrieve { table: table(), key: key() },
        Message::Retrieved { table: table(), key: key(), value: Value::Nil },
        Message::Delta { table: table(), key: key(), delta: map() },
        Message::SyncStore { key: text(b"name"), value: value(), lease: Some(lease) },
        Message::SyncDelta { key: text(b"name"), delta: map() },
        Message::Native(vec![Value::from(1u64)]),
        Message::Unknown(UnknownMessage::new(vec![Value::from(300u64), value()]).unwrap()),
    ]
}

/// Octets compressed with zlib in one block that holds them as they are, which needs no compressor.
fn stored(body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    let block = [&[0x78, 0x01, 1][..], &len.to_le_bytes(), &(!len).to_le_bytes(), body].concat();
    [&u32::try_from(block.len()).unwrap().to_be_bytes()[..], &block].concat()
}

#[test]
fn mesh_wire() {
    let stamp = || Stamp { sender: Text::bin(b"z").unwrap(), time: 1_500_000_000 };
    let frames = mesh_messages().into_iter().map(|said| said.frame(Way::Flood, stamp()).unwrap());
    let frames: Vec<Vec<u8>> = frames.map(|frame| frame.whole().to_vec()).collect();
    let (all, compressed) = (frames.concat(), stored(&frames[0][4..]));
    // The array alone, under whose digest more of its kind are found.
    let arrays: Vec<_> = frames.iter().map(|frame| frame[36..].to_vec()).collect();
    bless("mesh_wire", frames.into_iter().chain(arrays).chain([all, compressed]));
    replay("mesh_wire", mesh::checks::wire);
    let read = |(_, octets): (_, Vec<u8>)| {
        let body = next_body(&mut bytes::BytesMut::from(&octets[..])).ok()??;
        Message::read(&body.open(Accepts::Compressed).ok()?).ok()
    };
    let kinds: BTreeSet<String> =
        corpus("mesh_wire").into_iter().filter_map(read).map(|said| word(&said)).collect();
    assert_eq!(kinds, mesh_messages().iter().map(word).collect());
}

/// A message's kind, as it is printed.
fn word(said: &Message) -> String {
    let printed = format!("{said:?}");
    printed.split([' ', '(']).next().unwrap().to_owned()
}

#[test]
fn overlay_node() {
    bless("overlay_node", (1..4).flat_map(recorded).map(|recording| inputs(&recording)));
    replay("overlay_node", overlay::checks::any_inputs);
}

#[test]
fn recordings() {
    let entries = (1..4).flat_map(recorded).zip((0..).step_by(7));
    bless("recordings", entries.map(|(recording, number)| entry(&recording, number)));
    replay("recordings", record::checks::recording);
}

#[test]
fn overlay_actions_has_every_fault() {
    let scenarios: Vec<Scenario> =
        corpus("overlay_actions").iter().map(|(_, octets)| Scenario::decoded(octets)).collect();
    let word = |action: &Action| action.to_string().split(' ').next().map(str::to_owned);
    let words: BTreeSet<String> = scenarios.iter().flat_map(Scenario::faults).filter_map(word).collect();
    let all = [
        "block",
        "bursts",
        "churn",
        "coarse",
        "cut",
        "drift",
        "duplicates",
        "early",
        "flap",
        "freeze",
        "halt",
        "heal",
        "hubs",
        "kill",
        "loss",
        "move",
        "narrow",
        "oversleep",
        "partition",
        "reordering",
        "restart",
        "sever",
        "slow",
        "starve",
        "step",
        "thaw",
        "translate",
        "wait",
    ];
    assert_eq!(words, all.map(str::to_owned).into());
}

#[test]
fn overlay_wire_has_every_word() {
    let packets =
        corpus("overlay_wire").into_iter().filter_map(|(_, octets)| wire::read(&Bytes::from(octets)).ok());
    let words: BTreeSet<String> = packets
        .filter(|packet| !matches!(packet, Packet::Unknown(_)))
        .map(|packet| packet.word().to_owned())
        .collect();
    let all = [
        "ASK", "CHN", "CRD", "DAT", "END", "HB", "LNK", "NACK", "NET", "OVER", "PING", "PONG", "REG", "RMV",
        "SEG", "SUM", "TRD", "UPT",
    ];
    assert_eq!(words, all.map(str::to_owned).into());
}
