//! Nodes of ours and of py2p in one mesh.
//!
//! A py2p node says a broadcast anew on each of its connections, each with the time of its clock: what is said at the turn of a
//! second comes as two messages. So a message is known here by its time too.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_core::mesh::wire::{Map, NodeId, ProtocolId, Value};
use egoist_core::mesh::{Command, Config, Event, Kind, Mesh, Reply, Way};
use egoist_tests::module::say;
use egoist_tests::own_mesh::{Own, config};
use egoist_tests::real_py2p::{Heard, RealPy2p, stated};
use serde_json::json;

/// How long nodes of py2p as shipped are watched after a departure, at the end of which they are to be linked.
const AFTERMATH: Duration = Duration::from_secs(10);

const STEP: Duration = Duration::from_millis(50);
/// Within which a link is there again whose connections py2p has closed or forgotten.
const SETTLED: Duration = Duration::from_secs(30);

/// One value of each kind that py2p says.
fn every_kind() -> Vec<Value> {
    let map = Map::new(vec![("k".into(), 1.5.into()), (bin(b"b"), Value::Nil)]).expect("its keys are texts");
    let list = vec!["in".into(), Value::Array(vec![Value::from(2u64)])];
    vec![
        "text \u{e9}\u{1f30d}".into(),
        bin(b"\x00\xff"),
        bin(b"octets"),
        7u64.into(),
        (-70_000i64).into(),
        u64::MAX.into(),
        0.1.into(),
        Value::Array(list),
        Value::Map(map),
        Value::Nil,
        Value::Bool(true),
    ]
}

/// Values of every kind that nobody has said before: what is said twice within a second is one message.
fn unlike() -> Vec<Value> {
    static NONCE: AtomicU64 = AtomicU64::new(0);
    [vec![NONCE.fetch_add(1, Ordering::Relaxed).into()], every_kind()].concat()
}

fn bin(octets: &[u8]) -> Value {
    Value::Bin(octets.to_vec().into())
}

/// A node that is content with one peer.
fn modest(seed: u64) -> Config {
    Config { want_peers: 1, ..config(seed) }
}

/// What a node was told by broadcast or whisper, with how often each came.
type Told = BTreeMap<(u64, String), usize>;

fn message(event: &Event) -> Option<(Way, u64, String)> {
    match event {
        Event::Message { way, sent, values, .. } => Some((*way, *sent, stated(values))),
        _ => None,
    }
}

fn told_to_ours(own: &Own, until: &[Value]) -> Told {
    let last = stated(until);
    own.hear(&last, |event| message(event).filter(|(_, _, values)| *values == last));
    counted(own.take().iter().filter_map(message).map(|(_, sent, values)| (sent, values)))
}

fn told_to_real(real: &mut RealPy2p, node: usize, until: &[Value]) -> Told {
    counted(real.hear(node, until).into_iter().map(|heard| (heard.time, heard.args)))
}

fn counted(all: impl Iterator<Item = (u64, String)>) -> Told {
    let mut told = Told::new();
    all.for_each(|message| *told.entry(message).or_default() += 1);
    told
}

fn times(told: &Told, values: &[Value]) -> usize {
    let values = stated(values);
    told.iter().filter(|((_, it), _)| *it == values).map(|(_, times)| times).sum()
}

/// Both list each other, and each is told by broadcast and by whisper just what the other says.
fn exchange(own: &Own, real: &mut RealPy2p, node: usize) {
    real.until_linked(node, &[own.id]);
    own.until_linked(&[real.id(node)]);
    own.take();
    real.take(node);
    let [said, whispered, end] = [unlike(), unlike(), unlike()];
    own.broadcast(&said).unwrap();
    let sent = own.command(Command::Whisper { to: real.id(node), values: whispered.clone() });
    assert_eq!(sent, Ok(Reply::Sent { peers: 1 }));
    own.broadcast(&end).unwrap();
    // What takes another way may come later.
    let mut heard = Vec::new();
    for it in [&said, &whispered, &end] {
        if heard.iter().all(|heard: &Heard| heard.args != stated(it)) {
            heard.extend(real.hear(node, it));
        }
    }
    let told = counted(heard.into_iter().map(|heard| (heard.time, heard.args)));
    assert_eq!((times(&told, &said), times(&told, &whispered)), (1, 1), "{told:?}");

    let [said, whispered, end] = [unlike(), unlike(), unlike()];
    real.broadcast(node, &said);
    real.whisper(node, &own.id, &whispered);
    real.broadcast(node, &end);
    let way = |wanted: &[Value]| {
        let wanted = stated(wanted);
        own.hear(&wanted, |event| message(event).filter(|it| it.2 == wanted).map(|it| it.0))
    };
    assert_eq!((way(&said), way(&whispered)), (Way::Broadcast, Way::Whisper));
    let told = told_to_ours(own, &end);
    assert!(times(&told, &whispered) == 1 && told.values().all(|times| *times == 1), "{told:?}");
}

fn is_listed(node: &Mesh, id: &NodeId, addr: SocketAddr) -> bool {
    node.peers().any(|peer| peer.id == *id && peer.listens == Some(addr) && peer.kind == Kind::Compatible)
}

#[test]
fn what_is_said_across_a_link_that_ours_dialled_is_heard_once() {
    let Some(mut real) = RealPy2p::mesh(1) else { return };
    let own = Own::start(config(1), &[real.addr(0)]);
    exchange(&own, &mut real, 0);
    let (id, addr) = (real.id(0), real.addr(0));
    assert!(own.ask(move |node| is_listed(node, &id, addr)));
}

#[test]
fn what_is_said_across_a_link_that_a_real_one_dialled_is_heard_once() {
    let Some(mut real) = RealPy2p::mesh(1) else { return };
    let own = Own::start(config(1), &[]);
    real.connect(0, own.addr);
    exchange(&own, &mut real, 0);
    let (id, addr) = (real.id(0), real.addr(0));
    assert!(own.ask(move |node| is_listed(node, &id, addr)));
}

#[test]
fn what_is_said_across_a_link_as_shipped_is_heard_once() {
    let Some(mut real) = RealPy2p::start("mesh", 1, &["--as-shipped"]) else { return };
    let own = Own::start(config(1), &[real.addr(0)]);
    exchange(&own, &mut real, 0);
    let sent = own.command(Command::RequestPeers);
    assert_eq!(sent, Ok(Reply::Sent { peers: 1 }));
    real.ask(0, json!({"do": "request-peers"}));
    exchange(&own, &mut real, 0);
    assert!(own.take().iter().all(|event| !matches!(event, Event::PeerDown { .. })));
}

/// Three of ours and three real ones.
struct Mixed {
    real: RealPy2p,
    ours: Vec<Own>,
    /// The real ones that are there.
    alive: Vec<usize>,
}

impl Mixed {
    fn start() -> Option<Self> {
        let real = RealPy2p::mesh(3)?;
        let ours = (1..4).map(|seed| Own::start(config(seed), &[real.addr(0), real.addr(1)])).collect();
        let mut mixed = Mixed { real, ours, alive: vec![0, 1, 2] };
        let ids = [0, 1].map(|node| mixed.real.id(node));
        let ours: Vec<NodeId> = mixed.ours.iter().map(|own| own.id).collect();
        mixed.ours.iter().for_each(|own| own.until_linked(&ids));
        [0, 1].into_iter().for_each(|node| mixed.real.until_linked(node, &ours));
        Some(mixed)
    }

    /// Each says something, which all others hear once.
    fn all_hear_all(&mut self) {
        for at in 0..self.ours.len() {
            let said = unlike();
            self.ours[at].broadcast(&said).unwrap();
            self.is_heard(&said, Some(at), None);
        }
        for node in self.alive.clone() {
            let said = unlike();
            self.real.broadcast(node, &said);
            self.is_heard(&said, None, Some(node));
        }
        self.nothing_came_twice();
    }

    fn is_heard(&mut self, values: &[Value], own: Option<usize>, real: Option<usize>) {
        let wanted = stated(values);
        for (at, other) in self.ours.iter().enumerate().filter(|(at, _)| Some(*at) != own) {
            other.hear(&format!("{wanted} at {at} of ours"), |event| {
                message(event).filter(|it| it.2 == wanted)
            });
        }
        for node in self.alive.iter().filter(|node| Some(**node) != real) {
            let told = told_to_real(&mut self.real, *node, values);
            assert!(told.values().all(|times| *times == 1), "node {node} was told {told:?}");
        }
    }

    fn nothing_came_twice(&mut self) {
        // What is said last has everything before it, and what came twice would have come.
        let end = unlike();
        self.ours[0].broadcast(&end).unwrap();
        self.is_heard(&end, Some(0), None);
        for own in &self.ours {
            let events = own.take();
            let told = counted(events.iter().filter_map(message).map(|(_, sent, values)| (sent, values)));
            assert!(told.values().all(|times| *times == 1), "{told:?}");
        }
    }

    fn nobody_lists(&mut self, gone: NodeId) {
        for own in &self.ours {
            own.until("who has gone is no peer", move |node| node.peers().all(|peer| peer.id != gone));
        }
    }
}

#[test]
fn what_anybody_says_in_a_mixed_mesh_is_heard_by_everybody_once() {
    let Some(mut mixed) = Mixed::start() else { return };
    let begin = Instant::now();
    (0..3).for_each(|_| mixed.all_hear_all());
    say(&format!("three rounds of six nodes, of which three are real, took {:.1?}", begin.elapsed()));
}

#[test]
fn who_stays_in_a_mixed_mesh_hears_all_others_after_a_departure() {
    let Some(mut mixed) = Mixed::start() else { return };
    mixed.all_hear_all();
    let gone = mixed.real.id(1);
    mixed.real.kill(1);
    mixed.alive = vec![0, 2];
    mixed.nobody_lists(gone);
    mixed.all_hear_all();
    let left = mixed.ours.remove(1);
    let gone = left.id;
    drop(left);
    mixed.nobody_lists(gone);
    mixed.all_hear_all();
}

#[test]
fn after_a_departure_all_that_stay_as_shipped_are_linked_with_ours_again() {
    let Some(mut real) = RealPy2p::start("mesh", 3, &["--as-shipped"]) else { return };
    let own = Own::start(config(1), &[]);
    for node in 0..3 {
        real.connect(node, own.addr);
        own.until_linked(&[real.id(node)]);
        real.until_linked(node, &[own.id]);
    }
    real.kill(2);
    let begin = Instant::now();
    // The last moment without a link is what counts.
    let (mut last_without, mut downs) = ([Duration::ZERO; 2], 0);
    while begin.elapsed() < AFTERMATH {
        for (node, last) in last_without.iter_mut().enumerate() {
            let (id, listed) = (real.id(node), real.peers(node).contains(&own.id));
            if !listed || !own.ask(move |node| node.peers().any(|peer| peer.id == id)) {
                *last = begin.elapsed();
            }
        }
        downs += own.take().iter().filter(|event| matches!(event, Event::PeerDown { .. })).count();
        sleep(STEP);
    }
    assert!(last_without.iter().all(|last| *last + 10 * STEP < AFTERMATH), "{last_without:?}");
    say(&format!(
        "as shipped, two real ones were linked with ours after {last_without:.1?}; {downs} links ended"
    ));
    [0, 1].into_iter().for_each(|node| exchange(&own, &mut real, node));
}

/// A node that nobody can dial: real ones are told another port than it listens at, where nobody does.
fn hidden(seed: u64) -> Config {
    let address = (Ipv4Addr::LOCALHOST, 1).into();
    Config { address, ..modest(seed) }
}

#[test]
fn a_whisper_reaches_a_real_node_that_is_no_peer() {
    let Some(mut real) = RealPy2p::mesh(1) else { return };
    let own = Own::start(hidden(1), &[real.addr(0)]);
    own.until_linked(&[real.id(0)]);
    real.until_linked(0, &[own.id]);
    let far = real.begin();
    real.connect(far, real.addr(0));
    real.until_linked(far, &[real.id(0)]);
    real.until_linked(0, &[real.id(far)]);
    let (to, addr) = (real.id(far), real.addr(far));
    assert!(own.ask(move |node| node.known().all(|known| known.addr != addr)), "it was told before");
    let reply = own.command(Command::Whisper { to, values: every_kind() });
    let Ok(Reply::Looking { lookup }) = reply else { panic!("{reply:?}") };
    own.hear("it was sent", |event| match event {
        Event::Whispered { lookup: number } if *number == lookup => Some(Ok(())),
        Event::NotFound { lookup: number } if *number == lookup => Some(Err("not found")),
        _ => None,
    })
    .unwrap();
    real.hear(far, &every_kind());
    let nobody = NodeId([7; NodeId::LEN]);
    let reply = own.command(Command::Whisper { to: nobody, values: every_kind() });
    let Ok(Reply::Looking { lookup }) = reply else { panic!("{reply:?}") };
    own.hear("nobody is found", |event| {
        matches!(event, Event::NotFound { lookup: it } if *it == lookup).then_some(())
    });
}

#[test]
fn who_asks_for_peers_is_told_of_them() {
    let Some(mut real) = RealPy2p::mesh(1) else { return };
    let own = Own::start(hidden(1), &[real.addr(0)]);
    own.until_linked(&[real.id(0)]);
    real.until_linked(0, &[own.id]);
    let second = real.begin();
    real.connect(second, real.addr(0));
    real.until_linked(0, &[real.id(second)]);
    let addr = real.addr(second);
    own.command(Command::RequestPeers).unwrap();
    own.until("its address is known", move |node| node.known().any(|known| known.addr == addr));

    // Of the other way round: the real one is told of one of ours that has joined since, and dials it.
    let middle = Own::start(modest(2), &[]);
    let asker = real.begin();
    real.connect(asker, middle.addr);
    middle.until_linked(&[real.id(asker)]);
    let last = Own::start(modest(3), &[middle.addr]);
    middle.until_linked(&[last.id]);
    let id = real.id(asker);
    assert!(last.ask(move |node| node.peers().all(|peer| peer.id != id)));
    real.ask(asker, json!({"do": "request-peers"}));
    last.until_linked(&[real.id(asker)]);
    exchange(&last, &mut real, asker);
}

#[test]
fn a_real_node_of_another_network_is_told_of_and_left() {
    let Some(mut real) = RealPy2p::start("mesh", 1, &["--subnet", "other"]) else { return };
    let theirs = ProtocolId::new("other", "Plaintext").as_str().to_owned();
    let is_other = |event: &Event| match event {
        Event::OtherNetwork { theirs, .. } => Some(theirs.clone()),
        _ => None,
    };
    let dials = Own::start(config(1), &[real.addr(0)]);
    assert_eq!(dials.hear("another network", is_other), theirs);
    let dialled = Own::start(config(2), &[]);
    real.connect(0, dialled.addr);
    assert_eq!(dialled.hear("another network", is_other), theirs);
    assert!(dials.ask(|node| node.peers().next().is_none()) && real.peers(0).is_empty());
}

/// Waits until both are linked and what ours says arrives, while py2p closes connections that are too many. What is said on one
/// of those is lost.
fn until_heard(own: &Own, real: &mut RealPy2p, node: usize) {
    let deadline = Instant::now() + SETTLED;
    loop {
        real.until_linked(node, &[own.id]);
        own.until_linked(&[real.id(node)]);
        let said = unlike();
        let _ = own.command(Command::Whisper { to: real.id(node), values: said.clone() });
        if real.hears(node, &said, Duration::from_secs(1)) && real.peers(node).contains(&own.id) {
            return;
        }
        assert!(Instant::now() < deadline, "not within {SETTLED:?}");
    }
}

fn survive_crossing_dials(flags: &[&str], rounds: u8) {
    let Some(mut real) = RealPy2p::start("mesh", 1, flags) else { return };
    for seed in 0..rounds {
        // Larger and smaller than a real one's, in turn.
        let mut id = NodeId([if seed % 2 == 0 { 0 } else { 255 }; NodeId::LEN]);
        id.0[NodeId::LEN - 1] = seed;
        let own = Own::start(Config { id: Some(id), ..modest(seed.into()) }, &[]);
        let addr = real.addr(0);
        own.command(Command::Connect { addr }).unwrap();
        real.connect(0, own.addr);
        until_heard(&own, &mut real, 0);
        // It dials once more, while there is a link.
        real.connect(0, own.addr);
        until_heard(&own, &mut real, 0);
        exchange(&own, &mut real, 0);
    }
}

#[test]
fn a_link_survives_crossing_dials() {
    survive_crossing_dials(&[], 8);
}

#[test]
fn a_link_survives_crossing_dials_as_shipped() {
    survive_crossing_dials(&["--as-shipped"], 4);
}

#[test]
fn a_link_with_nodes_of_chord_stays() {
    let Some(mut real) = RealPy2p::start("chord", 2, &[]) else { return };
    let subnet = "chord".to_owned();
    let own = Own::start(Config { subnet, ..modest(1) }, &[]);
    for node in 0..2 {
        real.ask(node, json!({"do": "join"}));
        real.connect(node, own.addr);
        own.until_linked(&[real.id(node)]);
    }
    real.until_linked(1, &[real.id(0)]);
    [0, 1].into_iter().for_each(|node| _ = real.ask(node, json!({"do": "join"})));
    [0, 1].into_iter().for_each(|node| _ = real.ask(node, json!({"do": "wait", "storing": 1})));
    for number in 0..10 {
        let key = format!("k{number}");
        real.ask(number % 2, json!({"do": "set", "key": key, "value": number}));
    }
    own.hear("a key was set", |event| matches!(event, Event::Other { .. }).then_some(()));
    for number in 0..10 {
        let key = format!("k{number}");
        // py2p loses an answer now and then while links are new.
        let mut ask =
            || real.ask((number + 1) % 2, json!({"do": "get", "key": key, "timeout": 3}))["value"].take();
        assert!((0..3).any(|_| ask() == number), "{key} is lost");
    }
    real.ask(1, json!({"do": "unjoin"}));
    assert!(
        own.take().iter().all(|event| !matches!(event, Event::PeerDown { .. } | Event::Misbehaved { .. }))
    );
    [0, 1].into_iter().for_each(|node| exchange(&own, &mut real, node));
}
