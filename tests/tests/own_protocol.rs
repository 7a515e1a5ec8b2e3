//! A protocol from outside the crate: it is held to the laws on each of its listeners, and lives in one world with overlay
//! and hello nodes, whatever goes wrong there.

#[path = "own_protocol/desk.rs"]
mod desk;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use desk::{Desk, PEERS};
use egoist_core::hello::{self, Hello};
use egoist_core::kernel::{Checked, How, Port, Rng, Seed, Streams, Time};
use egoist_core::overlay::wire::Network;
use egoist_core::overlay::{self, LinkMode, Overlay, oracle};
use egoist_core::sim::faults::{Severity, draw, play, recover};
use egoist_core::sim::laws::{self, Lawful};
use egoist_core::sim::{AnyMachine, Config, NodeKey, Trace, World, address, address_of};

impl<const FLAWED: bool> Lawful for Desk<FLAWED> {
    const PORTS: u16 = 2;

    fn specimen(seed: u64) -> Self {
        Desk::new(
            Time::ZERO,
            [address_of(1, PEERS), address_of(2, PEERS)]
                .into_iter()
                .take(usize::from(seed.to_le_bytes()[0] % 3)),
        )
    }

    fn stream(how: How, rng: &mut Rng) -> Vec<u8> {
        let some = 1 + rng.below(20);
        let said = |rng: &mut Rng| match how {
            How::Accepted(Port(0)) => [b"count\n".as_slice(), b"count\r\n", b"open\n"][rng.index(3)].to_vec(),
            _ => [b"\x05hello".as_slice(), b"\x00", b"\x02hi"][rng.index(3)].to_vec(),
        };
        (0..some).flat_map(|_| said(rng)).collect()
    }

    fn datagram(port: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        (port == PEERS).then(|| vec![b'd'; rng.index(9)])
    }

    fn command(rng: &mut Rng) -> Option<&'static str> {
        Some(["word", ""][rng.index(2)])
    }
}

#[test]
fn a_protocol_from_outside_keeps_the_laws_on_both_listeners() {
    laws::laws::<Desk<false>>(500);
    laws::laws::<Checked<Desk<false>>>(100);
}

#[test]
#[should_panic(expected = "law 2 (")]
fn what_goes_wrong_at_the_second_listener_alone_is_caught() {
    laws::laws::<Desk<true>>(500);
}

/// How many nodes of each kind: overlay nodes with a bootstrap, hello nodes, desks.
const OVERLAYS: usize = 5;
const HELLOS: usize = 4;
const DESKS: usize = 3;
const NODES: usize = OVERLAYS + 1 + HELLOS + DESKS;
const SEEDS: u64 = 6;

struct Mixed {
    world: World<AnyMachine>,
    overlays: Vec<NodeKey<Overlay>>,
    hellos: Vec<NodeKey<Hello>>,
    desks: Vec<NodeKey<Checked<Desk<false>>>>,
}

impl Mixed {
    fn new(seed: u64) -> Self {
        let delays = |from: usize, to: usize| 2_000 + (from * 7 + to * 13) as u64 % 11 * 4_000;
        let config = Config { ports: 2, loss_per_million: 10_000, ..Config::default() };
        let mut world = World::new(config, delays, Seed::from_u64(seed));
        let overlays = (0..=OVERLAYS).map(|_| world.add_of(overlay)).collect();
        let hellos = (0..HELLOS).map(|_| world.add_of(hello)).collect();
        let desks = (0..DESKS).map(|_| world.add_of(desk)).collect();
        (0..NODES).for_each(|node| world.start(node, Time::from_millis(100 * node as u64)));
        Mixed { world, overlays, hellos, desks }
    }

    /// What is not right among the nodes of any of the protocols.
    fn judge(&self) -> Result<(), String> {
        let members = self.overlays[..OVERLAYS].iter();
        let members: Vec<_> =
            members.filter_map(|key| Some((key.node(), self.world.machine_of(*key)?))).collect();
        oracle::databases(&members).map_err(|difference| difference.to_string())?;
        oracle::reachability(&members, LinkMode::Mutual).map_err(|difference| difference.to_string())?;
        for key in &self.hellos {
            let peers = self.world.machine_of(*key).map_or(0, |node| node.peers().count());
            (peers == HELLOS - 1).then_some(()).ok_or_else(|| format!("{key:?} has {peers} peers"))?;
        }
        for key in &self.desks {
            let peers = self.world.machine_of(*key).map_or(0, |desk| desk.machine().peers());
            (peers == DESKS - 1).then_some(()).ok_or_else(|| format!("{key:?} has {peers} peers"))?;
        }
        Ok(())
    }
}

fn overlay(boot: egoist_core::sim::Boot) -> Overlay {
    let network = Network::new("mixed").expect("a good name");
    let config = overlay::Config::new(boot.seed, network, boot.address);
    let config = if boot.node == OVERLAYS {
        config.watching()
    } else {
        overlay::Config { k: 2, bootstraps: vec![address(OVERLAYS)], ..config }
    };
    Overlay::new(config).expect("a configuration")
}

fn hello(boot: egoist_core::sim::Boot) -> Hello {
    let config = hello::Config {
        address: Some(boot.address),
        bootstrap: vec![address(OVERLAYS + 1)],
        ping_period: Duration::from_secs(10),
        retry_max: Duration::from_secs(20),
        give_up_after: 1_000,
        start: boot.now,
        ..hello::Config::article(boot.seed)
    };
    Hello::new(config).expect("a configuration")
}

fn desk(boot: egoist_core::sim::Boot) -> Checked<Desk<false>> {
    // Each dials those after it.
    Checked::new(Desk::new(boot.now, (boot.node + 1..NODES).map(|node| address_of(node, PEERS))))
}

/// Lets a world of all kinds live through drawn faults; the hash of what it put out.
fn live(seed: u64) -> u64 {
    let mut mixed = Mixed::new(seed);
    let trace = Rc::new(RefCell::new(Trace::new()));
    let heard = Rc::clone(&trace);
    mixed.world.observe(move |now, node, output| heard.borrow_mut().add(now, node, output));
    mixed.world.run_until(Time::from_secs(30), |_, _, _| ());
    let severity = Severity { nodes: NODES, wait: Duration::from_secs(5), loss_per_million: 50_000 };
    let actions = draw(&mut Streams::new(Seed::from_u64(seed)).named("mixed"), severity, 30);
    play(&mut mixed.world, &actions, |_, _, _| ());
    recover(&mut mixed.world);
    let stated = mixed.world.now() + Duration::from_secs(120);
    mixed.world.run_until(stated, |_, _, _| ());
    let right = (0..50).any(|_| {
        let at = mixed.world.now() + Duration::from_millis(100);
        mixed.world.run_until(at, |_, _, _| ());
        mixed.judge().is_ok()
    });
    assert!(right, "seed {seed}: {}", mixed.judge().unwrap_err());
    mixed.talk();
    trace.borrow().hash()
}

impl Mixed {
    /// Each kind is asked for something of its own and tells it in its own words.
    fn talk(&mut self) {
        let [one, other] = [self.overlays[0], self.overlays[1]];
        let to = self.world.machine_of(other).and_then(Overlay::id).expect("an id");
        let send =
            overlay::Command::Send { to, payload: b"payload".as_slice().into(), way: overlay::Way::Link };
        assert!(self.world.command_to(one, send).is_some_and(|sent| sent.is_ok()));
        assert_eq!(self.world.command_to(self.desks[0], "word"), Some(Ok(DESKS - 1)));
        let leaver = self.hellos[HELLOS - 1];
        assert!(self.world.command_to(leaver, hello::Command::Leave).is_some_and(|left| left.is_ok()));
        let (mut delivered, mut words, mut downs) = (Vec::new(), Vec::new(), 0);
        let until = self.world.now() + Duration::from_secs(5);
        self.world.run_until(until, |_, node, event| {
            if let Some(overlay::Event::Delivered { payload, .. }) = event.of::<Overlay>() {
                delivered.push((node, payload.clone()));
            }
            if let Some(word) = event.of::<Checked<Desk<false>>>() {
                words.push((node, word.clone()));
            }
            downs += usize::from(matches!(event.of::<Hello>(), Some(hello::Event::PeerDown { .. })));
        });
        assert_eq!(delivered, [(other.node(), b"payload".as_slice().into())]);
        words.sort();
        let heard = |key: &NodeKey<_>| (key.node(), "word".to_string());
        assert_eq!(words, self.desks[1..].iter().map(heard).collect::<Vec<_>>());
        assert_eq!(downs, 2 * (HELLOS - 1), "both ends of each connection tell of it");
    }
}

#[test]
fn three_protocols_live_in_one_world_through_every_fault() {
    for seed in 0..SEEDS {
        assert_eq!(live(seed), live(seed), "the same seed, the same outputs");
    }
}

#[test]
#[should_panic(expected = "another world's")]
fn a_key_of_another_world_is_refused() {
    let (mut one, mut other) = (Mixed::new(1), Mixed::new(1));
    let key = one.world.add_of(hello);
    other.world.add_of(desk);
    one.world.start(NODES, Time::ZERO);
    other.world.start(NODES, Time::ZERO);
    other.world.run_until(Time::from_secs(1), |_, _, _| ());
    let _ = other.world.machine_of(key);
}
