//! A running node: the machine in the event loop, its control socket, its end.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use egoist_core::kernel::{Machine, Seed, Time};
use egoist_core::overlay::{
    AddressFault, BOOTSTRAPS_LIMIT, Command, Config, Event, FatalError, Overlay, Refusal,
};
use egoist_core::record::Recorder;
use egoist_mio::control::{Request, Responder};
use egoist_mio::flight::Flight;
use egoist_mio::net::MioNet;
use egoist_mio::{BindError, Bound, Driver, Host, Key, Setup};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::named::Named;
use super::names;
use super::output;
use super::record::RecordArgs;
use super::session::Session;
use super::settings::HostPort;
use super::state::{self, Called, Home, StateArgs, unusable};

/// How long standard output may take until a node's first line finds room in it.
const FIRST_LINE: Duration = Duration::from_secs(1);

/// Files that a node opens beside its sockets: control clients, its state, its log, the loop's own.
const KEPT: usize = 96;

/// A node as it runs: its last inputs are kept.
pub(crate) type Member = Recorder<Overlay, Flight>;

/// What a node says when it begins.
#[derive(Serialize)]
struct Beginning {
    address: SocketAddr,
    more_addresses: Vec<SocketAddr>,
    network: String,
    state: Option<PathBuf>,
    control: Option<PathBuf>,
}

impl std::fmt::Display for Beginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Beginning { address, more_addresses, network, .. } = self;
        write!(f, "listening on {address}")?;
        more_addresses.iter().try_for_each(|address| write!(f, " and {address}"))?;
        write!(f, ", network {network}")?;
        self.control.as_ref().map_or(Ok(()), |control| write!(f, ", control socket {}", control.display()))
    }
}

/// Bits from the operating system, from which everything random in a node follows.
pub(crate) fn draw_seed() -> Outcome<Seed> {
    egoist_mio::seed().map_err(|e| Failure::new(format!("the operating system gives no random bits ({e})")))
}

/// Sockets of strangers and peers where so many files may be open: what is left is for control clients and the state.
fn sockets_within(files: Option<u64>) -> usize {
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    files - KEPT.min(files / 2)
}

/// Sockets bound, and the node's folder taken.
pub(crate) struct Ground {
    driver: Driver,
    bound: Bound<MioNet>,
    home: Home,
    /// Where the node listens, at least one address.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Ground {
    /// Binds all of `listen` and takes the folder, called `name` if there is one and else after the first address. A port
    /// that is given is asked for after the folder, so that a second process is told of the first; a free one that names
    /// it must be known before.
    ///
    /// # Errors
    /// The folder is another process's, or an address cannot be bound.
    pub(crate) fn take(
        listen: &[SocketAddr],
        name: Option<&'static str>,
        state: &StateArgs,
    ) -> Outcome<Self> {
        let first = *listen.first().ok_or_else(|| Failure::usage("a node listens somewhere"))?;
        let mut driver = Driver::new().map_err(|e| Failure::io("cannot begin an event loop", "poll", &e))?;
        let sockets = &mut driver.limits_mut().sockets;
        *sockets = sockets_within(getrlimit(Resource::Nofile).current).min(*sockets);
        let known = name.map(Called::Name).or((first.port() > 0).then_some(Called::Address(first)));
        let early = known.map(|called| state.take(called)).transpose()?;
        let setup = Setup { listen: listen.to_vec(), udp: listen.to_vec(), ..Setup::default() };
        let bound = driver.bind(&setup).map_err(|error| unbound(&error))?;
        let addresses = bound.listeners();
        let address = addresses.first().copied().unwrap_or(first);
        let mut home = early.map_or_else(|| state.take(Called::Address(address)), Ok)?;
        home.found_at(address)?;
        let bound = bound.with_state(home.folder.clone());
        Ok(Ground { driver, bound, home, addresses })
    }

    /// The first address at which the node listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where the node's recorder writes to.
    ///
    /// # Errors
    /// The recording cannot be begun.
    pub(crate) fn flight(&self, record: &RecordArgs) -> Outcome<Flight> {
        record.flight(self.home.folder.as_deref())
    }

    /// Adds the machine; what it tells goes to `on_event`.
    pub(crate) fn settle<M: Machine + 'static>(
        mut self,
        machine: M,
        on_event: impl FnMut(&mut Host<MioNet>, M::Event) + 'static,
    ) -> Settled<M> {
        let key = self.driver.add(self.bound, machine, on_event);
        Settled { driver: self.driver, key, home: self.home, addresses: self.addresses }
    }

    /// Runs a member of the overlay until it has left. Bootstraps given by name are looked up as it runs.
    ///
    /// # Errors
    /// The configuration is none that a node can live by, the recording cannot be
    /// begun, the control socket cannot be served, the loop fails, or the member's state is lost to it.
    pub(crate) fn join(
        self,
        config: Config,
        record: &RecordArgs,
        bootstraps: &[HostPort],
        session: &mut Session<'_>,
    ) -> Outcome {
        let named = Named::new(bootstraps);
        let desk = Rc::new(RefCell::new(Desk::new(&config, named.clone(), Instant::now())));
        let (heard, asked) = (Rc::clone(&desk), Rc::clone(&desk));
        let network = config.network.to_string();
        let sought: Arc<AtomicU64> = Arc::default();
        let seen = Arc::clone(&sought);
        let flight = self.flight(record)?;
        let alarm = flight.alarm();
        let member = Member::new(config, flight)?;
        let mut settled = self.settle(member, move |host, event| {
            match event {
                Event::Fatal { .. } => alarm.raise(),
                Event::Seeking => seen.store(host.now().as_micros(), Ordering::Relaxed),
                _ => {}
            }
            heard.borrow_mut().event(host, event);
        });
        let key = settled.key;
        desk.borrow_mut().attend(key);
        settled.serve(
            move |host, request, responder| Desk::request(&asked, key, host, request, responder),
            move |host| leave(host, key),
        )?;
        if let Some(folder) = settled.home.folder.clone() {
            desk.borrow().disk.follow(folder);
        }
        names::follow(&mut settled.driver, bootstraps, &Newcomer { key, named, sought });
        let folder = settled.home.folder.clone().unwrap_or_else(|| PathBuf::from("--no-state"));
        settled.run(network, session)?;
        let fatal = desk.borrow().fatal;
        let lost = |what: FatalError| {
            let error = settled.driver.state_error(key);
            error.map_or_else(|| Failure::new(what.to_string()).at(folder.display()), unusable)
        };
        fatal.map_or(Ok(()), |what| Err(lost(what)))
    }
}

/// Says where the node is. One that nobody listens to runs all the same.
///
/// # Errors
/// Standard output cannot be written.
fn announce(beginning: &Beginning, session: &mut Session<'_>) -> Outcome {
    if !output::takes_a_line(FIRST_LINE) {
        tracing::warn!("nobody reads standard output, so that it is said here: {beginning}");
        return Ok(());
    }
    session.show(beginning).or_else(|failure| if failure.is_unread() { Ok(()) } else { Err(failure) })
}

/// Why the control socket cannot be served, and what to do.
fn unserved(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::io("cannot serve the control socket", path.display(), error);
    failure.try_this(match error.kind() {
        io::ErrorKind::AddrInUse => "stop that process with 'egoist leave', or give another --control PATH",
        io::ErrorKind::AlreadyExists => "remove it if it is not needed, or give another --control PATH",
        io::ErrorKind::PermissionDenied => {
            "it or its folder belongs to another user: run as that user, or give another --control PATH"
        }
        _ => "give a --control PATH in a folder that is there and can be written",
    })
}

/// Why an address cannot be listened on, and what to do.
fn unbound(error: &BindError) -> Failure {
    let kind = error.error.kind();
    if let Some(failure) = state::running_at(error.addr).filter(|_| kind == io::ErrorKind::AddrInUse) {
        return failure;
    }
    let failure = Failure::new(error.to_string()).at(format!("--listen {}", error.addr));
    failure.try_this(match kind {
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs root or CAP_NET_BIND_SERVICE: give a greater one with --listen"
        }
        io::ErrorKind::AddrNotAvailable => "it is no address of this host: give one with --listen",
        _ => "give another --listen, or port 0 for a free one",
    })
}

/// A machine in its loop.
pub(crate) struct Settled<M> {
    driver: Driver,
    pub(crate) key: Key<M>,
    home: Home,
    addresses: Vec<SocketAddr>,
}

impl<M: Machine + 'static> Settled<M> {
    /// The loop, to put more into it.
    pub(crate) fn host(&mut self) -> &mut Host<MioNet> {
        &mut self.driver
    }

    /// Answers requests on the control socket, if there is to be one, and calls `leave` on SIGINT, SIGTERM and SIGHUP.
    ///
    /// # Errors
    /// The socket cannot be bound, or signals not be waited for.
    pub(crate) fn serve(
        &mut self,
        handler: impl FnMut(&mut Host<MioNet>, Request, Responder) + 'static,
        leave: impl FnOnce(&mut Host<MioNet>) + 'static,
    ) -> Outcome {
        if let Some(path) = &self.home.control {
            self.driver.serve_control(path, handler).map_err(|error| unserved(path, &error))?;
        }
        self.driver.on_signal(leave).map_err(|e| Failure::io("cannot wait for signals", "SIGTERM", &e))
    }

    /// Says where the node is, and runs until it stops.
    ///
    /// # Errors
    /// Standard output cannot be written, or the loop fails.
    pub(crate) fn run(&mut self, network: String, session: &mut Session<'_>) -> Outcome {
        let Home { folder: state, control, .. } = &self.home;
        let (state, control) = (state.clone(), control.clone());
        let (address, more_addresses) = (self.addresses[0], self.addresses[1..].to_vec());
        announce(&Beginning { address, more_addresses, network, state, control }, session)?;
        self.driver.run().map_err(|e| Failure::io("the event loop failed", address, &e))
    }
}

/// A member whose bootstraps have names.
#[derive(Clone)]
struct Newcomer {
    key: Key<Member>,
    named: Named,
    /// When it last asked a bootstrap, or would have if it knew one, in microseconds.
    sought: Arc<AtomicU64>,
}

impl names::Seeker for Newcomer {
    fn seeks(&self, _: &Host<MioNet>, since: Time) -> bool {
        self.sought.load(Ordering::Relaxed) > since.as_micros()
    }

    fn found(&self, host: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>) {
        let (dialable, others): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| AddressFault::of(*address).is_none());
        if let Some(address) = others.first() {
            tracing::warn!(name, %address, "a name stands for an address that nobody can dial");
        }
        if dialable.is_empty() {
            return;
        }
        self.named.found(name, dialable);
        let mut addresses = self.named.addresses();
        addresses.truncate(BOOTSTRAPS_LIMIT);
        match host.command(self.key, Command::Bootstraps(addresses)) {
            // One who is leaving needs them no more.
            Ok(_) | Err(Refusal::NotRunning) => {}
            Err(refusal) => tracing::warn!(name, "what a name stands for is not taken: {refusal}"),
        }
    }

    fn unknown(&self, name: &str, why: &str) {
        self.named.unknown(name, why);
    }
}

/// Begins a graceful end; one who has not started, or left already, just ends.
fn leave(host: &mut Host<MioNet>, key: Key<Member>) {
    if host.command(key, Command::Leave).is_err() {
        host.stop();
    }
}
