//! A running node of the overlay: the machine in the event loop, its control socket, its end.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use egoist_core::kernel::{Machine, Seed};
use egoist_core::overlay::bootstrap::Bootstrap;
use egoist_core::overlay::{Command, Config, Event, Overlay, Refusal, Reply};
use egoist_mio::net::MioNet;
use egoist_mio::{Bound, Driver, Host, Key, Setup};
use serde::Serialize;

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::session::Session;
use super::state::{Home, StateArgs};

/// A machine of the overlay: a node, or a bootstrap around one.
pub(crate) trait Member:
    Machine<Command = Command, Reply = Reply, Refusal = Refusal, Event = Event> + 'static
{
    /// The node to be asked.
    fn overlay(&self) -> &Overlay;
}

impl Member for Overlay {
    fn overlay(&self) -> &Overlay {
        self
    }
}

impl Member for Bootstrap {
    fn overlay(&self) -> &Overlay {
        self.observer()
    }
}

/// What a node says when it begins.
#[derive(Serialize)]
struct Beginning {
    address: SocketAddr,
    network: String,
    state: Option<PathBuf>,
    control: Option<PathBuf>,
}

impl std::fmt::Display for Beginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Beginning { address, network, .. } = self;
        write!(f, "listening on {address}, network {network}")?;
        self.control.as_ref().map_or(Ok(()), |control| write!(f, ", control socket {}", control.display()))
    }
}

/// Bits from the operating system, from which everything random in a node follows.
pub(crate) fn draw_seed() -> Outcome<Seed> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|e| Failure::new(format!("the operating system gives no random bits ({e})")))?;
    Ok(Seed(seed))
}

/// Sockets bound, and the node's folder taken.
pub(crate) struct Ground {
    driver: Driver,
    bound: Bound<MioNet>,
    home: Home,
    /// Where the node listens.
    pub(crate) address: SocketAddr,
}

impl Ground {
    /// Binds `listen` and takes the folder. A port that is given is asked for after the folder, so that a second process
    /// is told of the first; a free one must be known before.
    ///
    /// # Errors
    /// The folder is another process's, or the address cannot be bound.
    pub(crate) fn take(listen: SocketAddr, state: &StateArgs) -> Outcome<Self> {
        let mut driver = Driver::new().map_err(|e| Failure::io("cannot begin an event loop", "poll", &e))?;
        let early = if listen.port() == 0 { None } else { Some(state.take(listen)?) };
        let setup = Setup { listen: vec![listen], udp: vec![listen], state: None };
        let bound = driver.bind(&setup).map_err(|e| {
            Failure::new(e.to_string())
                .at(format!("--listen {listen}"))
                .try_this("give another --listen, or port 0 for a free one")
        })?;
        let address = bound.listeners().first().copied().unwrap_or(listen);
        let home = early.map_or_else(|| state.take(address), Ok)?;
        let bound = bound.with_state(home.folder.clone());
        Ok(Ground { driver, bound, home, address })
    }

    /// Runs a member until it has left.
    ///
    /// # Errors
    /// The control socket cannot be served, the loop fails, or the member's state is lost to it.
    pub(crate) fn run<M: Member>(
        self,
        config: Config,
        make: impl FnOnce(Config) -> M,
        session: &mut Session<'_>,
    ) -> Outcome {
        let Ground { mut driver, bound, home, address } = self;
        let beginning = Beginning {
            address,
            network: config.network.to_string(),
            state: home.folder.clone(),
            control: home.control.clone(),
        };
        let desk = Rc::new(RefCell::new(Desk::new(&config, Instant::now())));
        let (heard, asked) = (Rc::clone(&desk), Rc::clone(&desk));
        let key = driver.add(bound, make(config), move |host, event| heard.borrow_mut().event(host, event));
        if let Some(path) = &home.control {
            let handler = move |host: &mut Host<MioNet>, request, responder| {
                Desk::request(&asked, key, host, request, responder);
            };
            driver
                .serve_control(path, handler)
                .map_err(|e| Failure::io("cannot serve the control socket", path.display(), &e))?;
        }
        driver
            .on_signal(move |host| leave(host, key))
            .map_err(|e| Failure::io("cannot wait for signals", "SIGTERM", &e))?;
        session.show(&beginning)?;
        driver.run().map_err(|e| Failure::io("the event loop failed", address, &e))?;
        let fatal = desk.borrow().fatal;
        let folder = home.folder.as_deref().unwrap_or(std::path::Path::new("--no-state"));
        fatal.map_or(Ok(()), |what| Err(Failure::new(what).at(folder.display())))
    }
}

/// Begins a graceful end; one who has not started, or left already, just ends.
fn leave<M: Member>(host: &mut Host<MioNet>, key: Key<M>) {
    if host.command(key, Command::Leave).is_err() {
        host.stop();
    }
}
