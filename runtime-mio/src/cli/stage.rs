//! A demo's overlay: a bootstrap and nodes in one event loop, on loopback sockets with emulated delays.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::overlay::{Config, Event, Overlay};
use egoist_core::sim::{Delays as _, Matrix};
use egoist_mio::net::MioNet;
use egoist_mio::{Bound, Driver, Key, MachineId, Peer, Setup, Shim};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_default};

use super::capacity;
use super::failure::{Failure, Outcome};

/// A free port of the loopback interface, TCP and UDP alike.
const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A bootstrap and nodes that join one after the other.
pub(crate) struct Stage {
    driver: Driver,
    nodes: Vec<Option<Key<Overlay>>>,
    /// Who has not joined, soonest first.
    waiting: VecDeque<Newcomer>,
    seats: Seats,
    rewired: Rc<Cell<Time>>,
    interrupted: Rc<Cell<bool>>,
}

struct Newcomer {
    at: Time,
    node: usize,
    config: Config,
    bound: Bound<MioNet>,
}

/// Which row of the matrix a machine stands at.
type Seats = Rc<RefCell<BTreeMap<MachineId, usize>>>;

/// Holds what is sent for half of the scaled round trip.
struct Emulation {
    matrix: Matrix,
    pace: u32,
    seats: Seats,
}

impl Shim for Emulation {
    fn delay(&mut self, from: MachineId, to: Peer) -> Duration {
        let Peer::Machine(to) = to else { return Duration::ZERO };
        let seats = self.seats.borrow();
        match (seats.get(&from), seats.get(&to)) {
            (Some(&from), Some(&to)) => Duration::from_micros(self.matrix.one_way(from, to)) / self.pace,
            _ => Duration::ZERO,
        }
    }
}

impl Stage {
    /// Binds the sockets and starts the bootstrap, which stands where the first node does. One node for each row of
    /// `matrix` joins within `joining`, each configured like `template` but for its seed, address and bootstrap; delays
    /// are divided by `pace`.
    ///
    /// # Errors
    /// The operating system has not enough sockets left, or no node can live by the configuration.
    pub(crate) fn new(
        template: &Config,
        seed: Seed,
        matrix: &Matrix,
        pace: u32,
        joining: Duration,
    ) -> Outcome<Self> {
        let mut driver = capacity::event_loop()?;
        let seats = Seats::default();
        driver.set_shim(Emulation { matrix: matrix.clone(), pace, seats: Rc::clone(&seats) });
        ends_when_asked_twice().map_err(|e| Failure::io("cannot wait for signals", "SIGINT", &e))?;
        let interrupted = Rc::new(Cell::new(false));
        let flag = Rc::clone(&interrupted);
        driver
            .on_signal(move |_| flag.set(true))
            .map_err(|e| Failure::io("cannot wait for signals", "SIGINT", &e))?;
        let (bootstrap, bound) = bind(&mut driver)?;
        let watcher = Config { seed: seed.child(0), address: bootstrap, ..template.clone() };
        let key = driver.add(bound, Overlay::new(watcher.watching())?, |_, _| {});
        seats.borrow_mut().insert(key.id(), 0);
        let mut waiting = Vec::new();
        let mut joins = Streams::new(seed).named("joins");
        for (node, number) in (0..matrix.len()).zip(1..) {
            let (address, bound) = bind(&mut driver)?;
            let at = driver.now() + joins.between(Duration::from_micros(1), joining);
            let bootstraps = vec![bootstrap];
            let config = Config { seed: seed.child(number), address, bootstraps, ..template.clone() };
            waiting.push(Newcomer { at, node, config, bound });
        }
        waiting.sort_by_key(|newcomer| newcomer.at);
        Ok(Stage {
            driver,
            nodes: vec![None; matrix.len()],
            waiting: waiting.into(),
            seats,
            rewired: Rc::default(),
            interrupted,
        })
    }

    /// Lets the overlay live until `until`, or until the user interrupts it.
    ///
    /// # Errors
    /// The event loop failed, or no node can live by the configuration.
    pub(crate) fn run_until(&mut self, until: Time) -> Outcome {
        while self.now() < until && !self.interrupted() {
            let next = self.waiting.front().map_or(until, |newcomer| newcomer.at.min(until));
            self.driver
                .turn(Some(next.since(self.now())))
                .map_err(|e| Failure::io("the event loop failed", "poll", &e))?;
            while self.waiting.front().is_some_and(|newcomer| newcomer.at <= self.now()) {
                self.waiting.pop_front().into_iter().try_for_each(|newcomer| self.join(newcomer))?;
            }
        }
        Ok(())
    }

    fn join(&mut self, newcomer: Newcomer) -> Outcome {
        let rewired = Rc::clone(&self.rewired);
        let node = Overlay::new(newcomer.config)?;
        let key = self.driver.add(newcomer.bound, node, move |host, event| {
            if let Event::Rewired { .. } = event {
                rewired.set(host.now());
            }
        });
        self.seats.borrow_mut().insert(key.id(), newcomer.node);
        self.nodes[newcomer.node] = Some(key);
        Ok(())
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Time {
        self.driver.now()
    }

    /// When a node last changed whom it chooses.
    pub(crate) fn rewired(&self) -> Time {
        self.rewired.get()
    }

    /// Whether the user wants an end.
    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.get()
    }

    /// The nodes that have joined, by row.
    pub(crate) fn members(&self) -> impl Iterator<Item = (u32, &Overlay)> {
        (0..).zip(&self.nodes).filter_map(|(node, key)| Some((node, self.driver.machine((*key)?))))
    }
}

/// Whoever is asked once comes to an end in good order; asked again the process ends at once, though it may be waiting for
/// somebody to read what it says.
fn ends_when_asked_twice() -> io::Result<()> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        register_conditional_default(signal, Arc::clone(&asked))?;
        register(signal, Arc::clone(&asked))?;
    }
    Ok(())
}

fn bind(driver: &mut Driver) -> Outcome<(SocketAddr, Bound<MioNet>)> {
    let setup = Setup::at(ANYWHERE);
    let bound = driver.bind(&setup).map_err(|e| {
        Failure::new(e.to_string())
            .at("the loopback interface")
            .try_this("allow more open files (ulimit -n), or give fewer --nodes")
    })?;
    let address = bound.listeners().first().copied().unwrap_or(ANYWHERE);
    Ok((address, bound))
}
