//! Everything a driver holds, as its closures see it: the machines, their sockets, the timers.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use egoist_core::kernel::{DialError, Input, Machine, Output, Ticket, Time, Timers};

use crate::closing::Closing;
use crate::connection::Connection;
use crate::datagram::{DatagramSocket, Outgoing};
use crate::dialer::Dial;
use crate::erase::{DriverId, EventSink, Key, MachineId, Slot};
use crate::handle::{Handle, Shared};
use crate::listener::{Bound, ListenSocket};
use crate::net::{MioNet, Net, Ready, Token};
use crate::resolver::Resolve;
use crate::shim::{HeldDatagrams, Shim};
use crate::source::Source;
use crate::station::Station;
use crate::store::{Ask, Asked, PATIENCE, StateError};
use crate::turns::{LongestTurn, Turns};
use crate::wall::Said;

/// The most octets read from one connection in a turn, and the size of the one buffer that all reads go through.
pub(crate) const READ_BUDGET: usize = 64 << 10;

/// What a [`Driver`](crate::Driver) holds. Closures are given it to ask and command machines, to start and stop things.
pub struct Host<N: Net = MioNet> {
    id: DriverId,
    pub(crate) net: N,
    pub(crate) now: Time,
    pub(crate) limits: Limits,
    pub(crate) sockets: Slab<N>,
    pub(crate) closing: Closing,
    pub(crate) turns: Turns,
    pub(crate) stations: Vec<Station<N>>,
    pub(crate) undrained: VecDeque<MachineId>,
    /// Sockets to read.
    pub(crate) ready: Vec<Token>,
    /// Sockets that had more than their budget of the last turn: they are read behind all others.
    pub(crate) spent: Vec<Token>,
    pub(crate) unflushed: Vec<Token>,
    pub(crate) decided: Vec<Token>,
    /// Dials that came to nothing at once: their machines are told in the next turn, so that one which dials again at once
    /// does not keep the loop for itself.
    pub(crate) refused: Vec<(MachineId, Ticket, DialError)>,
    pub(crate) ended: Vec<Token>,
    pub(crate) woken: Vec<Ready>,
    pub(crate) timers: Timers<Alarm>,
    pub(crate) jobs: BTreeMap<u64, Job<N>>,
    pub(crate) next_job: u64,
    /// Whether some machine is told what the clock on the wall shows.
    pub(crate) tells_wall_time: bool,
    pub(crate) wall_said: Said,
    pub(crate) own_addresses: BTreeMap<SocketAddr, MachineId>,
    pub(crate) shim: Option<Box<dyn Shim>>,
    pub(crate) held: HeldDatagrams,
    pub(crate) accepting: bool,
    pub(crate) shared: Arc<Shared<N>>,
    pub(crate) scratch: BytesMut,
    pub(crate) stopping: bool,
}

pub(crate) type Slab<N> = crate::slab::Slab<Socket<N>>;
/// A job that is to run [later](Host::after).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Later(u64);

pub(crate) type Job<N> = Box<dyn FnOnce(&mut Host<N>)>;

/// What a token names.
pub(crate) enum Socket<N: Net> {
    Listener(ListenSocket<N>),
    Datagrams(DatagramSocket<N>),
    Dial(Dial<N>),
    Connection(Box<Connection<N>>),
    Source(Option<Box<dyn Source<N>>>),
}

/// What a timer is for; at the same time they go off in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Alarm {
    /// Held frames of a connection go out.
    Release(Token),
    /// Held datagrams go out.
    ReleaseDatagrams,
    /// A held dial begins.
    Connect(Token),
    /// A dial has lasted long enough.
    DialDeadline(Token),
    /// A connection has had its time to end.
    Linger(Token),
    /// Accepting begins again.
    Accept,
    /// A machine wants to be woken.
    Tick(MachineId),
    /// A closure's time has come.
    Job(u64),
    /// The clock on the wall is looked at.
    WallTime,
}

/// The bounds of a driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Sockets at a time, of all machines, those that are being closed among them, which go when there is no room for
    /// others; while there are as many none is accepted, and dials fail as
    /// [`Exhausted`](egoist_core::kernel::DialError::Exhausted). The default is 16,384, or what the process has files for.
    pub sockets: usize,
    /// How long accepting pauses when the operating system has no descriptor or memory left. The default is 100 ms.
    pub accept_pause: Duration,
    /// How long a connection that is closed with
    /// [`Flush`](egoist_core::kernel::CloseHow::Flush) may take to write what is queued, while no more than 1,024 are being
    /// closed, and a quarter of the sockets: of more, the oldest of the host that has most goes at once. The default is 5 s.
    pub flush: Duration,
    /// How long such a connection is read afterwards, so that what we said last is not lost to a reset. The default
    /// is 1 s.
    pub drain: Duration,
    /// How long a peer may acknowledge nothing before its connection is broken: a middlebox may have forgotten it while
    /// datagrams still come through. The default is 20 s.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            sockets: 16_384,
            accept_pause: Duration::from_millis(100),
            flush: Duration::from_secs(5),
            drain: Duration::from_secs(1),
            patience: Duration::from_secs(20),
        }
    }
}

impl<N: Net> Host<N> {
    pub(crate) fn new(net: N, limits: Limits) -> Self {
        let shared = Arc::new(Shared::new(net.waker()));
        Host {
            id: DriverId::unique(),
            now: net.now(),
            net,
            limits,
            sockets: Slab::new(),
            closing: Closing::default(),
            turns: Turns::default(),
            stations: Vec::new(),
            undrained: VecDeque::new(),
            ready: Vec::new(),
            spent: Vec::new(),
            unflushed: Vec::new(),
            decided: Vec::new(),
            refused: Vec::new(),
            ended: Vec::new(),
            woken: Vec::new(),
            timers: Timers::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            tells_wall_time: false,
            wall_said: None,
            own_addresses: BTreeMap::new(),
            shim: None,
            held: HeldDatagrams::default(),
            accepting: true,
            shared,
            scratch: BytesMut::zeroed(READ_BUDGET),
            stopping: false,
        }
    }

    /// Adds a machine with the sockets bound for it; what it tells goes to `on_event`. The machine comes to life in the
    /// next turn.
    pub fn add<M, F>(&mut self, bound: Bound<N>, machine: M, on_event: F) -> Key<M>
    where
        M: Machine + 'static,
        F: FnMut(&mut Host<N>, M::Event) + 'static,
    {
        let id = MachineId(self.stations.len());
        let key = Key::new(self.id, id);
        let (listeners, datagrams) = self.settle_in(id, bound.listeners, bound.datagrams);
        self.stations.push(Station {
            machine: Box::new(Slot::new(machine)),
            sink: Some(Box::new(EventSink { key, on_event })),
            listeners,
            datagrams,
            store: bound.store,
            undrained: false,
            wall_time: bound.wall_time,
            done: false,
        });
        if bound.wall_time {
            (self.tells_wall_time, self.wall_said) = (true, None);
        }
        self.touch(id);
        key
    }

    pub(crate) const fn id(&self) -> DriverId {
        self.id
    }

    /// The machine, for its questions.
    ///
    /// # Panics
    /// If the key is another driver's, or that of a machine that was [removed](Self::remove).
    pub fn machine<M: Machine + 'static>(&self, key: Key<M>) -> &M {
        let slot = self.stations[key.at(self.id).0].machine.as_any().downcast_ref::<Slot<M>>();
        &slot.expect("a key is that of a machine that was not removed").machine
    }

    /// Asks the machine to do something. What it does about it follows in this turn, after the closure that asked.
    ///
    /// # Errors
    /// The machine refused.
    ///
    /// # Panics
    /// If the key is another driver's, or that of a machine that was [removed](Self::remove).
    pub fn command<M: Machine + 'static>(
        &mut self,
        key: Key<M>,
        command: M::Command,
    ) -> Result<M::Reply, M::Refusal> {
        self.refresh();
        let now = self.now;
        let reply = self.slot_mut(key).machine.command(now, command);
        self.touch(key.at(self.id));
        reply
    }

    /// The address of the machine's first listener, or else of its first datagram socket, also once it has ended.
    ///
    /// # Panics
    /// If the key is another driver's.
    pub fn local_addr<M>(&self, key: Key<M>) -> Option<SocketAddr> {
        let station = &self.stations[key.at(self.id).0];
        station.listeners.first().copied().or_else(|| station.datagrams.first().map(|(addr, _)| *addr))
    }

    /// The addresses of the machine's listeners, by [`Port`](egoist_core::kernel::Port), also once it has ended.
    ///
    /// # Panics
    /// If the key is another driver's.
    pub fn listeners<M>(&self, key: Key<M>) -> &[SocketAddr] {
        &self.stations[key.at(self.id).0].listeners
    }

    /// Why the machine's state could not be read or written, if that was so the last time: it was told.
    ///
    /// # Panics
    /// If the key is another driver's.
    pub fn state_error<M>(&self, key: Key<M>) -> Option<&StateError> {
        self.stations[key.at(self.id).0].store.trouble()
    }

    /// The time since the driver began, as the machines are told it.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How to reach this loop from other threads.
    pub fn handle(&self) -> Handle<N> {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Ends [`run`](crate::Driver::run) after this turn, in which queued output is still written as far as the sockets
    /// take it at once.
    pub const fn stop(&mut self) {
        self.stopping = true;
    }

    /// Runs `job` on the loop in `delay` from now, unless it is [cancelled](Self::cancel) before.
    pub fn after(&mut self, delay: Duration, job: impl FnOnce(&mut Host<N>) + 'static) -> Later {
        self.refresh();
        let id = self.next_job;
        self.next_job += 1;
        self.jobs.insert(id, Box::new(job));
        self.set_alarm(Alarm::Job(id), self.now + delay);
        Later(id)
    }

    /// Forgets a job that has not run, and what it holds.
    pub fn cancel(&mut self, later: Later) {
        self.jobs.remove(&later.0);
        self.timers.cancel(Alarm::Job(later.0));
    }

    /// Holds back what machines send as `shim` says, from now on.
    pub fn set_shim(&mut self, shim: impl Shim + 'static) {
        self.shim = Some(Box::new(shim));
        self.net.be_precise();
    }

    /// Has names resolved by `resolver` from now on, and not by the [system's](crate::SystemResolver).
    pub fn set_resolver(&mut self, resolver: impl Resolve) {
        self.shared.set_resolver(Arc::new(resolver));
    }

    /// The driver's bounds.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The driver's bounds.
    pub const fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// How many sockets there are: listeners, datagram sockets, dials, connections, control clients.
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// The longest turns of the loop; `None` where the system counts no processor time, and before the second turn.
    pub fn longest_turn(&self) -> Option<LongestTurn> {
        self.turns.longest(self.now)
    }

    pub(crate) fn slot_mut<M: Machine + 'static>(&mut self, key: Key<M>) -> &mut Slot<M> {
        let slot = self.stations[key.at(self.id).0].machine.as_any_mut().downcast_mut();
        slot.expect("a key is that of a machine that was not removed")
    }

    /// Reads the clock.
    pub(crate) fn refresh(&mut self) {
        self.now = self.now.max(self.net.now());
    }

    /// Sets a timer, at the earliest for the moment after this one.
    pub(crate) fn set_alarm(&mut self, alarm: Alarm, at: Time) {
        self.timers.set(alarm, at.max(self.now + Duration::from_micros(1)));
    }

    /// Gives a machine an input; it is drained later.
    pub(crate) fn tell(&mut self, id: MachineId, input: Input<'_>) {
        self.stations[id.0].hear(self.now, input);
        self.touch(id);
    }

    /// Notes that a machine may have something to say.
    pub(crate) fn touch(&mut self, id: MachineId) {
        let station = &mut self.stations[id.0];
        if !station.undrained {
            station.undrained = true;
            self.undrained.push_back(id);
        }
    }

    /// Takes what each machine has to say. Who has more to say to what that brings waits for the next round.
    pub(crate) fn drain_machines(&mut self) {
        for _ in 0..self.undrained.len() {
            let Some(id) = self.undrained.pop_front() else { return };
            self.stations[id.0].undrained = false;
            self.drain(id);
            if !self.stations[id.0].undrained {
                self.set_wake(id);
            }
        }
    }

    /// Takes what a machine has to say.
    pub(crate) fn drain(&mut self, id: MachineId) {
        while let Some(output) = self.stations[id.0].machine.poll() {
            self.perform(id, output);
        }
        self.ask_store(id);
    }

    fn set_wake(&mut self, id: MachineId) {
        let station = &self.stations[id.0];
        let wake = if station.done { None } else { station.machine.poll_timeout() };
        match wake {
            Some(wake) => self.set_alarm(Alarm::Tick(id), wake.at),
            None => _ = self.timers.cancel(Alarm::Tick(id)),
        }
    }

    fn perform(&mut self, id: MachineId, output: Output<crate::erase::Held>) {
        match output {
            Output::Send { conn, frame, solo, class: _ } => self.send(Token(conn.0), frame, solo),
            Output::Datagram { port, to, payload, class } => {
                self.send_datagram(id, port, Outgoing { to, payload, class });
            }
            Output::Reading { conn, on } => self.set_reading(Token(conn.0), on),
            Output::Close { conn, how, why } => self.close(Token(conn.0), how, why),
            Output::Dial { ticket, to, deadline } => self.dial(id, ticket, to, deadline),
            Output::Store { ticket, ops, until } => self.ask(id, ticket, Asked::Store { ops, until }),
            Output::Load { ticket, key } => self.ask(id, ticket, Asked::Load { key }),
            Output::Scan { ticket, prefix, after } => self.ask(id, ticket, Asked::Scan { prefix, after }),
            Output::Event(_) => self.deliver(id),
            Output::Done => self.retire(id),
        }
    }

    fn ask(&mut self, id: MachineId, ticket: Ticket, what: Asked) {
        self.stations[id.0].store.ask(Ask { ticket, what });
    }

    fn deliver(&mut self, id: MachineId) {
        if let Some(mut sink) = self.stations[id.0].sink.take() {
            sink.deliver(self);
            if !self.stations[id.0].done {
                self.stations[id.0].sink = Some(sink);
            }
        }
    }
}

impl<N: Net> Drop for Host<N> {
    /// What was handed over to stores is finished, within one time for all.
    fn drop(&mut self) {
        self.stations.iter_mut().for_each(|station| station.store.close());
        let deadline = Instant::now() + PATIENCE;
        self.stations.iter_mut().for_each(|station| station.store.wait(deadline));
    }
}
