//! A running node: the machine in the event loop, its control socket, its end.

use std::cell::{OnceCell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use egoist_core::kernel::Seed;
use egoist_core::record::Recordable;
use egoist_mio::net::MioNet;
use egoist_mio::{BindError, Bound, Driver, Host, Key, Setup, State};
use serde::Serialize;

use super::capacity;
use super::disk::Disk;
use super::failure::{Failure, Outcome};
use super::output;
use super::protocol::{Member, Protocol};
use super::record::RecordArgs;
use super::router::Router;
use super::session::Session;
use super::state::{self, Called, Home, StateArgs, unusable};

/// How long standard output may take until a node's first line finds room in it.
const FIRST_LINE: Duration = Duration::from_secs(1);

/// What a node says when it begins.
#[derive(Serialize)]
struct Beginning {
    protocol: &'static str,
    address: SocketAddr,
    more_addresses: Vec<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    state: Option<PathBuf>,
    control: Option<PathBuf>,
}

impl std::fmt::Display for Beginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Beginning { protocol, address, more_addresses, api, network, .. } = self;
        write!(f, "listening on {address}")?;
        more_addresses.iter().try_for_each(|address| write!(f, " and {address}"))?;
        api.map_or(Ok(()), |api| write!(f, ", for modules on {api}"))?;
        match network {
            Some(network) => write!(f, ", network {network}")?,
            None => write!(f, ", protocol {protocol}")?,
        }
        self.control.as_ref().map_or(Ok(()), |control| write!(f, ", control socket {}", control.display()))
    }
}

/// Bits from the operating system, from which everything random in a node follows.
pub(crate) fn draw_seed() -> Outcome<Seed> {
    egoist_mio::seed().map_err(|e| Failure::new(format!("the operating system gives no random bits ({e})")))
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
        let setup = Setup { listen: listen.to_vec(), udp: listen.to_vec(), ..Setup::default() };
        Self::bind(&setup, &["--listen"], name, state)
    }

    /// Binds each address for streams alone, beside the flag that it comes from; takes the folder as [`take`](Self::take)
    /// does.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn take_streams(listen: &[(&str, SocketAddr)], state: &StateArgs) -> Outcome<Self> {
        let (flags, listen): (Vec<&str>, Vec<SocketAddr>) = listen.iter().copied().unzip();
        Self::bind(&Setup { listen, ..Setup::default() }, &flags, None, state)
    }

    /// The node's folder; none if it keeps no state.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.home.folder.as_deref()
    }

    /// The same, with a log in the node's folder for what is stored: for many keys.
    ///
    /// # Errors
    /// There is one that cannot be read.
    pub(crate) fn with_log(self) -> Outcome<Self> {
        let Some(folder) = self.folder() else { return Ok(self) };
        let state = State::Log(folder.to_owned());
        state.check().map_err(|error| unusable(&error))?;
        Ok(Ground { bound: self.bound.with_state(state), ..self })
    }

    /// Binds all of `listen` as [`take`](Self::take) does, and last an address for streams alone, beside its flag.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn take_and_streams(
        listen: &[SocketAddr],
        (flag, streams): (&str, SocketAddr),
        state: &StateArgs,
    ) -> Outcome<Self> {
        let listens = listen.iter().map(|at| ("--listen", *at)).chain([(flag, streams)]);
        let (flags, listens): (Vec<&str>, Vec<SocketAddr>) = listens.unzip();
        let setup = Setup { listen: listens, udp: listen.to_vec(), ..Setup::default() };
        Self::bind(&setup, &flags, None, state)
    }

    /// Binds what a setup names, each address as its flag says it; the last flag is that of all others too.
    fn bind(setup: &Setup, flags: &[&str], name: Option<&'static str>, state: &StateArgs) -> Outcome<Self> {
        let first = *setup.listen.first().ok_or_else(|| Failure::usage("a node listens somewhere"))?;
        let mut driver = capacity::event_loop()?;
        let known = name.map(Called::Name).or((first.port() > 0).then_some(Called::Address(first)));
        let early = known.map(|called| state.take(called)).transpose()?;
        let bound = driver.bind(setup).map_err(|error| {
            let at = setup.listen.iter().position(|at| *at == error.addr).unwrap_or_default();
            unbound(&error, flags.get(at).or(flags.last()).unwrap_or(&"--listen"))
        })?;
        let addresses = bound.listeners();
        let address = addresses.first().copied().unwrap_or(first);
        let mut home = early.map_or_else(|| state.take(Called::Address(address)), Ok)?;
        home.found_at(address)?;
        let bound = bound.with_state(home.folder.clone().map_or(State::Memory, State::File));
        Ok(Ground { driver, bound, home, addresses })
    }

    /// Binds the first of `listen` that no other process has, as [`take`](Self::take) does.
    ///
    /// # Errors
    /// Others have all of them; the last is named. Or what else is wrong with the first that nobody has.
    pub(crate) fn take_first(listen: &[SocketAddr], state: &StateArgs) -> Outcome<Self> {
        let mut taken = Err(Failure::usage("a node listens somewhere"));
        for at in listen {
            taken = Self::take(&[*at], None, state);
            if !matches!(&taken, Err(failure) if failure.is_taken()) {
                break;
            }
        }
        taken
    }

    /// Runs a node until it has left. What else runs in its loop is begun by `beside`.
    ///
    /// # Errors
    /// No machine can be built so, the recording cannot be begun, the control socket cannot be served, the loop fails, or
    /// the node's state is lost to it.
    pub(crate) fn live<P: Protocol>(
        self,
        (desk, setup): (P, SetupOf<P>),
        record: &RecordArgs,
        beside: impl FnOnce(&mut Host<MioNet>, Key<Member<P::Machine>>),
        session: &mut Session<'_>,
    ) -> Outcome {
        let Home { folder, control, .. } = &self.home;
        let api = desk.api();
        let more_addresses = self.addresses[1..].iter().copied().filter(|at| Some(*at) != api).collect();
        let beginning = Beginning {
            protocol: P::NAME,
            address: self.addresses[0],
            more_addresses,
            api,
            network: desk.network(),
            state: folder.clone(),
            control: control.clone(),
        };
        let connections = P::connections(&setup);
        let mut settled = self.settle((desk, setup), record)?;
        settled.serve()?;
        beside(&mut settled.driver, settled.key);
        capacity::check(connections, &settled.driver);
        announce(&beginning, session)?;
        settled.driver.run().map_err(|e| Failure::io("the event loop failed", beginning.address, &e))?;
        settled.lost().map_or(Ok(()), Err)
    }

    /// Puts a node's machine into the loop.
    fn settle<P: Protocol>(
        mut self,
        (desk, setup): (P, SetupOf<P>),
        record: &RecordArgs,
    ) -> Outcome<Settled<P>> {
        let folder = self.home.folder.clone();
        let flight = record.flight(folder.as_deref())?;
        let alarm = flight.alarm();
        let member = Member::<P::Machine>::new(setup, flight).map_err(|e| Failure::usage(e.to_string()))?;
        let router = Routed::<P>::default();
        let heard = Rc::clone(&router);
        let bound = if desk.wants_wall_time() { self.bound.with_wall_time() } else { self.bound };
        let key = self.driver.add(bound, member, move |host, event| {
            routed(&heard, |router| router.event(host, event));
        });
        let disk = Disk::default();
        if let Some(folder) = folder {
            disk.follow(folder);
        }
        let _ = router.set(RefCell::new(Router::new(key, desk, alarm, disk)));
        Ok(Settled { driver: self.driver, home: self.home, key, router })
    }
}

/// A node in its loop.
struct Settled<P: Protocol> {
    driver: Driver,
    home: Home,
    key: Key<Member<P::Machine>>,
    router: Routed<P>,
}

impl<P: Protocol> Settled<P> {
    /// Answers requests on the control socket, if there is to be one, and ends the node on SIGINT, SIGTERM and SIGHUP.
    fn serve(&mut self) -> Outcome {
        let (asked, signalled) = (Rc::clone(&self.router), Rc::clone(&self.router));
        if let Some(path) = &self.home.control {
            let ask = move |host: &mut Host<MioNet>, request, responder| {
                routed(&asked, |router| router.request(host, request, responder));
            };
            self.driver.serve_control(path, ask).map_err(|error| unserved(path, &error))?;
        }
        let end = move |host: &mut Host<MioNet>| routed(&signalled, |router| router.signalled(host));
        self.driver.on_signal(end).map_err(|e| Failure::io("cannot wait for signals", "SIGTERM", &e))
    }

    /// Why the node could not go on, if it could not.
    fn lost(&self) -> Option<Failure> {
        let what = self.router.get()?.borrow().lost()?.to_owned();
        let folder = self.home.folder.clone().unwrap_or_else(|| PathBuf::from("--no-state"));
        let error = self.driver.state_error(self.key);
        Some(error.map_or_else(|| Failure::new(what).at(folder.display()), unusable))
    }
}

/// What a protocol's machine is built from.
type SetupOf<P> = <<P as Protocol>::Machine as Recordable>::Setup;

/// A router as the loop's closures share it; it is there before the loop turns.
type Routed<P> = Rc<OnceCell<RefCell<Router<P>>>>;

fn routed<P: Protocol>(router: &Routed<P>, what: impl FnOnce(&mut Router<P>)) {
    if let Some(router) = router.get() {
        what(&mut router.borrow_mut());
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
fn unbound(error: &BindError, flag: &str) -> Failure {
    let kind = error.error.kind();
    if let Some(failure) = state::running_at(error.addr).filter(|_| kind == io::ErrorKind::AddrInUse) {
        return failure;
    }
    let of = if kind == io::ErrorKind::AddrInUse { Failure::taken } else { Failure::new };
    let failure = of(error.to_string()).at(format!("{flag} {}", error.addr));
    failure.try_this(match kind {
        io::ErrorKind::PermissionDenied => {
            format!("a port below 1024 needs root or CAP_NET_BIND_SERVICE: give a greater one with {flag}")
        }
        io::ErrorKind::AddrNotAvailable => format!("it is no address of this host: give one with {flag}"),
        _ => format!("give another {flag}, or port 0 for a free one"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_address_that_another_process_has_and_no_other_mistake_leads_to_the_next() {
        let state = StateArgs { no_state: true, ..StateArgs::default() };
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (taken, free) = (other.local_addr().unwrap(), "127.0.0.1:0".parse().unwrap());
        let ground = Ground::take_first(&[taken, free], &state).unwrap_or_else(|failure| panic!("{failure}"));
        assert_ne!(ground.addresses, [taken]);
        let nowhere = "192.0.2.1:5999".parse().unwrap();
        let failure =
            Ground::take_first(&[nowhere, free], &state).err().expect("it is no address of this host");
        assert!(failure.to_string().contains("--listen 192.0.2.1:5999"), "{failure}");
        assert!(Ground::take_first(&[taken], &state).is_err());
    }
}
