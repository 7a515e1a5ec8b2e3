//! A node of ours in py2p's mesh or Chord, in a loop of its own on real sockets.

use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant, SystemTime};

use egoist_core::kernel::{Checked, Machine, Seed};
use egoist_core::mesh::wire::{NodeId, Value};
use egoist_core::mesh::{Command, Config, Mesh, Refusal, Reply};
use egoist_mio::net::MioNet;
use egoist_mio::{Driver, Handle, Host, Key, Setup};

use crate::module::PATIENCE;

const STEP: Duration = Duration::from_millis(20);

/// What a node is made of that listens at a free port of this host, as [`Own::start`] finds out.
pub fn config(seed: u64) -> Config {
    Config::new(Seed::from_u64(seed), (Ipv4Addr::LOCALHOST, 0).into())
}

/// What a running node can be.
pub trait Node:
    Machine<Command: Send, Reply: Send, Refusal: Send, Event: Send + Debug> + Send + 'static
{
    /// The node of the mesh that it is, or has.
    fn mesh(&self) -> &Mesh;
    /// What tells it to leave.
    fn leaves() -> Self::Command;
}

impl Node for Mesh {
    fn mesh(&self) -> &Mesh {
        self
    }

    fn leaves() -> Command {
        Command::Leave
    }
}

/// A running node. It leaves when this is dropped. Its methods panic where the loop does not do its part.
pub struct Own<M: Node = Mesh> {
    /// Where peers reach it.
    pub addr: SocketAddr,
    /// What it calls itself.
    pub id: NodeId,
    told: Arc<Told<M::Event>>,
    handle: Handle<MioNet>,
    key: Key<Checked<M>>,
    loop_thread: Option<JoinHandle<()>>,
}

/// The events of a node that nobody has taken.
struct Told<E> {
    events: Mutex<Vec<E>>,
    news: Condvar,
}

impl Own {
    /// Starts a node that joins at peers, real or ours. Peers are told the port of its configuration, or where that is 0 the one
    /// that it listens at.
    pub fn start(config: Config, bootstraps: &[SocketAddr]) -> Own {
        let bootstrap = bootstraps.to_vec();
        Own::run(config, move |config| Mesh::new(Config { bootstrap, ..config }).unwrap())
    }

    /// Broadcasts.
    ///
    /// # Errors
    /// Why it does not.
    pub fn broadcast(&self, values: &[Value]) -> Result<Reply, Refusal> {
        self.command(Command::Broadcast { values: values.to_vec() })
    }
}

impl<M: Node> Own<M> {
    /// Runs the node that is built of a configuration, in which the address and the time are those of this host.
    pub fn run(config: Config, build: impl FnOnce(Config) -> M + Send + 'static) -> Self {
        let told = Arc::new(Told { events: Mutex::default(), news: Condvar::new() });
        let book = Arc::clone(&told);
        let (begun, beginning) = channel();
        let loop_thread = thread::spawn(move || {
            let mut driver = Driver::new().unwrap();
            let listen = vec![(Ipv4Addr::LOCALHOST, 0).into()];
            let bound = driver.bind(&Setup { listen, wall_time: true, ..Setup::default() }).unwrap();
            let addr = bound.listeners()[0];
            let address = if config.address.port() == 0 { addr } else { config.address };
            let wall_time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
            let node = build(Config { address, wall_time, ..config });
            let id = node.mesh().id();
            let key = driver.add(bound, Checked::new(node), move |_, event| book.tell(event));
            begun.send((addr, id, driver.handle(), key)).unwrap();
            driver.run().unwrap();
        });
        let (addr, id, handle, key) = beginning.recv().expect("the loop begins");
        Own { addr, id, told, handle, key, loop_thread: Some(loop_thread) }
    }

    /// Asks the node something.
    pub fn ask<T: Send + 'static>(&self, question: impl FnOnce(&M) -> T + Send + 'static) -> T {
        let key = self.key;
        self.on_loop(move |host| question(host.machine(key).machine()))
    }

    /// Tells the node to do something.
    ///
    /// # Errors
    /// Why it does not.
    pub fn command(&self, command: M::Command) -> Result<M::Reply, M::Refusal> {
        let key = self.key;
        self.on_loop(move |host| host.command(key, command))
    }

    fn on_loop<T: Send + 'static>(&self, job: impl FnOnce(&mut Host<MioNet>) -> T + Send + 'static) -> T {
        let (say, said) = channel();
        let job = move |host: &mut Host<MioNet>| _ = say.send(job(host));
        self.handle.run(job).expect("the loop takes a closure");
        said.recv_timeout(PATIENCE).expect("the loop turns")
    }

    /// Waits until what is asked of the node is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&M) -> bool + Clone + Send + 'static) {
        let deadline = Instant::now() + PATIENCE;
        while !self.ask(is_so.clone()) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            sleep(STEP);
        }
    }

    /// Waits until all of these are its peers.
    pub fn until_linked(&self, ids: &[NodeId]) {
        let ids = ids.to_vec();
        self.until("all are its peers", move |node| {
            ids.iter().all(|id| node.mesh().peers().any(|peer| peer.id == *id))
        });
    }

    /// Waits for what is looked for among its events that nobody has taken, and leaves them there.
    pub fn hear<T>(&self, what: &str, look: impl FnMut(&M::Event) -> Option<T>) -> T {
        self.told.hear(what, look)
    }

    /// Takes the events that came since.
    pub fn take(&self) -> Vec<M::Event> {
        std::mem::take(&mut *self.told.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leaves, as the program does when it is told to end.
    fn leave(&self) {
        assert!(self.command(M::leaves()).is_ok(), "it does not leave");
    }
}

impl<E: Debug> Told<E> {
    fn tell(&self, event: E) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.news.notify_all();
    }

    fn hear<T>(&self, what: &str, mut look: impl FnMut(&E) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = 0;
        loop {
            if let Some(found) = events[known..].iter().find_map(&mut look) {
                return found;
            }
            known = events.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not within {PATIENCE:?}: {what}; events: {events:?}");
            events = self.news.wait_timeout(events, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<M: Node> Drop for Own<M> {
    fn drop(&mut self) {
        if thread::panicking() {
            return self.handle.stop();
        }
        self.leave();
        // The loop ends when its machine has.
        let ended = self.loop_thread.take().expect("it is joined once").join();
        assert!(ended.is_ok(), "the loop failed");
    }
}
