//! The overlay on real loopback sockets, in the driver of the library.

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use egoist_core::kernel::{LineScanner, Machine, Seed, Terminator};
use egoist_core::overlay::link::Mine;
use egoist_core::overlay::wire::{MAX_LENGTH, Network, NodeName, Others, Packet, Registration, read};
use egoist_core::overlay::{Bounds, Command, Config, Event, NodeId, Overlay, Periods, Refusal, Reply, Way};
use egoist_mio::{Driver, Key, Setup};

const LOCAL4: &str = "127.0.0.1:0";
const LOCAL6: &str = "[::1]:0";
/// Until something that has to happen has happened.
const DEADLINE: Duration = Duration::from_secs(15);

/// Machines of the overlay in one loop, and what each has told.
struct Place {
    driver: Driver,
    told: Rc<RefCell<Vec<(SocketAddr, Event)>>>,
    count: u64,
}

impl Place {
    fn new() -> Self {
        Place { driver: Driver::new().unwrap(), told: Rc::default(), count: 0 }
    }

    /// Adds a machine twenty times as fast as usual that listens on a free port of `local`.
    fn add<M>(&mut self, local: &str, make: impl FnOnce(Config) -> M) -> (Key<M>, SocketAddr)
    where
        M: Machine<Event = Event> + 'static,
    {
        let local: SocketAddr = local.parse().unwrap();
        let setup = Setup::at(local);
        let bound = self.driver.bind(&setup).unwrap();
        let address = bound.listeners()[0];
        self.count += 1;
        let seed = Seed::from_u64(u64::from(address.port()) << 32 | self.count);
        let periods = Periods::default().paced(20);
        let config = Config { periods, ..Config::new(seed, Network::new("test").unwrap(), address) };
        let told = Rc::clone(&self.told);
        let key =
            self.driver.add(bound, make(config), move |_, event| told.borrow_mut().push((address, event)));
        (key, address)
    }

    fn bootstrap(&mut self, local: &str) -> (Key<Overlay>, SocketAddr) {
        self.add(local, |config| Overlay::new(config.watching()).unwrap())
    }

    fn node(&mut self, local: &str, bootstraps: &[SocketAddr]) -> (Key<Overlay>, SocketAddr) {
        let bootstraps = bootstraps.to_vec();
        self.add(local, |config| Overlay::new(Config { bootstraps, k: 2, ..config }).unwrap())
    }

    /// A node that chooses one, and that one alone may choose.
    fn narrow(&mut self, bootstraps: &[SocketAddr], guests: usize) -> (Key<Overlay>, SocketAddr) {
        let bootstraps = bootstraps.to_vec();
        let bounds = Bounds { in_degree: Some(1), guests, ..Bounds::default() };
        self.add(LOCAL4, |config| Overlay::new(Config { bootstraps, bounds, k: 1, ..config }).unwrap())
    }

    fn ask(&self, key: Key<Overlay>) -> &Overlay {
        self.driver.machine(key)
    }

    fn id(&self, key: Key<Overlay>) -> NodeId {
        self.ask(key).id().unwrap()
    }

    fn neighbours(&self, key: Key<Overlay>) -> Vec<SocketAddr> {
        self.ask(key).neighbors().iter().map(|n| n.address).collect()
    }

    /// Whether each of these reaches all others.
    fn connected(&self, nodes: &[Key<Overlay>]) -> bool {
        nodes.iter().all(|key| self.ask(*key).status().reachable == nodes.len() - 1)
    }

    fn turn(&mut self) {
        self.driver.turn(Some(Duration::from_millis(5))).unwrap();
    }

    /// Turns until `done`.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
            self.turn();
        }
    }

    /// Has `from` send 64 KiB to `to` and back; whether they came back, all of them.
    fn echoes(&mut self, from: Key<Overlay>, to: NodeId) -> bool {
        let payload: Bytes = (0_u32..65_536).map(|n| n.to_le_bytes()[1] ^ n.to_le_bytes()[0]).collect();
        self.told.borrow_mut().clear();
        let echo = Command::Echo { to, payload: payload.clone(), way: Way::Link };
        let Ok(Reply::Sent(sent)) = self.driver.command(from, echo) else { return false };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            self.turn();
            for (_, event) in self.told.borrow_mut().drain(..) {
                match event {
                    Event::Echoed { number, from, payload: back, .. } if number == sent => {
                        assert_eq!((from, back.len(), back == payload), (to, payload.len(), true));
                        return true;
                    }
                    Event::Undelivered { number, .. } if number == sent => return false,
                    _ => {}
                }
            }
        }
        false
    }
}

#[test]
fn a_burst_of_own_payloads_leaves_room_for_beats() {
    let mut place = Place::new();
    let (near, at) = place.node(LOCAL4, &[]);
    let (far, _) = place.node(LOCAL4, &[at]);
    place.until("both reach each other", |place| place.connected(&[near, far]));
    let (to, payload) = (place.id(far), Bytes::from_static(&[7; 64]));
    let (start, mut sent, mut arrived) = (Instant::now(), 0, 0);
    place.told.borrow_mut().clear();
    while start.elapsed() < Duration::from_secs(3) {
        for _ in 0..5_000 {
            let send = Command::Send { to, payload: payload.clone(), way: Way::Datagram };
            match place.driver.command(near, send) {
                Ok(_) => sent += 1,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Busy);
                    break;
                }
            }
        }
        place.turn();
        for (_, event) in place.told.borrow_mut().drain(..) {
            arrived += usize::from(matches!(event, Event::Delivered { .. }));
            assert!(!matches!(event, Event::Suspected { .. }), "{sent} sent, {arrived} arrived");
        }
    }
    assert!(sent > 10_000 && arrived * 100 >= sent * 99, "{arrived} of {sent}");
}

/// What a registration over a plain socket is answered: every line until the other end closes.
fn register(place: &mut Place, at: SocketAddr, registration: Registration) -> Vec<Bytes> {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(&Packet::Reg(registration).emit()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut said = BytesMut::new();
    place.until("the registration is answered", |_| {
        let mut piece = [0; 65_536];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => return true,
                Ok(n) => said.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => panic!("{error}"),
            }
        }
    });
    let mut scanner = LineScanner::new(Terminator::CrLf, MAX_LENGTH);
    let lines = std::iter::from_fn(|| scanner.next_line(&mut said).unwrap()).collect();
    assert!(said.is_empty(), "the answer ends in the middle of a line");
    lines
}

fn newcomer(n: u16, all: bool) -> Registration {
    let addr = SocketAddr::from(([127, 0, 0, 1], 20_000 + n));
    let node = NodeName { addr, id: Some(NodeId(u128::MAX - u128::from(n))) };
    Registration {
        node: node.into(),
        k: 3,
        network: Network::new("test").ok(),
        all,
        over: false,
        other: Others::NONE,
    }
}

#[test]
fn of_four_hundred_that_one_host_announces_nobody_is_told_who_does_not_answer() {
    const ANNOUNCED: u16 = 400;
    let mut place = Place::new();
    let (_, at) = place.bootstrap(LOCAL4);
    for n in 0..ANNOUNCED {
        register(&mut place, at, newcomer(n, false));
    }
    let lines = register(&mut place, at, newcomer(ANNOUNCED, true));
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let Packet::Net(names) = read(line).unwrap() else { panic!("no NET: {line:?}") };
    assert_eq!(names.len(), 0);
}

#[test]
fn an_overlay_lives_on_ipv6_alone() {
    let mut place = Place::new();
    let (_, at) = place.bootstrap(LOCAL6);
    let nodes: Vec<Key<Overlay>> = (0..6).map(|_| place.node(LOCAL6, &[at]).0).collect();
    place.until("all reach all over IPv6", |place| place.connected(&nodes));
    assert!(nodes.iter().all(|key| place.ask(*key).nodes().iter().all(|node| node.address.is_ipv6())));
    let to = place.id(nodes[5]);
    place.until("64 KiB come back over IPv6", |place| place.echoes(nodes[0], to));
}

/// Answers every registration with one name.
fn guide(to: NodeName) -> SocketAddr {
    let listener = TcpListener::bind(LOCAL4).unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // The one who asked may be gone by now.
            let _ = stream.write_all(&Packet::Net([to.into()].into()).emit());
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    at
}

#[test]
fn a_refused_dial_is_followed_by_the_second_choice() {
    let mut place = Place::new();
    let (full, full_at) = place.narrow(&[], 0);
    let (other, other_at) = place.narrow(&[full_at], 0);
    place.until("the only place is taken", |place| {
        place.ask(full).status().in_degree == 1 && place.ask(other).status().out_degree == 1
    });
    let name = NodeName { addr: full_at, id: Some(place.id(full)) };
    let (third, _) = place.narrow(&[guide(name)], 0);
    place.until("the third is linked to whom the refusal named", |place| {
        let mut neighbors = place.ask(third).neighbors().into_iter();
        neighbors.any(|n| n.address == other_at && n.mine == Mine::Chosen)
    });
    assert!(!place.neighbours(full).contains(&place.ask(third).status().address), "beyond its cap");
    place.until("all reach all", |place| place.connected(&[full, other, third]));
}

#[test]
fn sixty_four_kib_come_back_over_three_hops() {
    let mut place = Place::new();
    let (_, at) = place.bootstrap(LOCAL4);
    let nodes: Vec<Key<Overlay>> = (0..8).map(|_| place.narrow(&[at], 2).0).collect();
    place.until("64 KiB come back over three hops", |place| {
        let far = nodes.iter().find_map(|key| {
            let routes = place.ask(*key).routes();
            routes.iter().find(|route| route.hops.is_some_and(|hops| hops >= 3)).map(|r| (*key, r.id))
        });
        far.is_some_and(|(from, to)| {
            let hops = place.ask(from).path(to).unwrap().hops.len() - 1;
            let forwarded =
                |place: &Place| -> u64 { nodes.iter().map(|key| place.ask(*key).counters().forwarded).sum() };
            let before = forwarded(place);
            let back = place.echoes(from, to);
            let between = forwarded(place) - before;
            hops >= 3 && back && between >= 4
        })
    });
}

#[test]
fn a_newcomer_joins_through_a_node_when_every_bootstrap_is_gone() {
    let mut bootstraps = Place::new();
    let at: Vec<SocketAddr> = (0..2).map(|_| bootstraps.bootstrap(LOCAL4).1).collect();
    let mut place = Place::new();
    let mut nodes: Vec<_> = (0..4).map(|_| place.node(LOCAL4, &at)).collect();
    let keys = |nodes: &[(Key<Overlay>, SocketAddr)]| nodes.iter().map(|n| n.0).collect::<Vec<_>>();
    place.until("all reach all", |place| {
        bootstraps.turn();
        place.connected(&keys(&nodes))
    });
    drop(bootstraps);
    nodes.push(place.node(LOCAL4, &[at[0], at[1], nodes[2].1]));
    place.until("the newcomer and all others reach each other", |place| place.connected(&keys(&nodes)));
}
