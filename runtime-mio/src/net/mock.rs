//! A network inside the process, with its own clock, that misbehaves within the rules of the real one as a seed has it.
//!
//! Readiness is edge-triggered; a socket that is dropped with unread bytes resets its peer; time passes only in
//! [`poll`](Poller::poll). Addresses in 192.0.2.0/24 never answer.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use egoist_core::kernel::{Rng, Seed, Streams, Time};

use super::{Listener, Net, Poller, Ready, Stream, Token, Udp, WakeUp};

/// Octets on their way to a socket that has not read them.
const CAPACITY: usize = 4096;
const EMFILE: i32 = 24;

/// How often, in a hundred calls, what goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Reads and writes that move fewer octets than they could.
    pub short: u64,
    /// Calls that a signal interrupts, the poller's among them.
    pub interrupted: u64,
    /// Reads, writes and accepts that would block although they need not; readiness follows.
    pub would_block: u64,
    /// Polls that report a socket that is gone, and readiness that is not there.
    pub stale: u64,
    /// Accepts and connects for which no descriptor is left.
    pub exhausted: u64,
    /// Connects that are refused although somebody listens.
    pub refused: u64,
    /// Reads and writes at which the connection breaks, in ten thousand.
    pub reset: u64,
    /// Polls that return late, by up to 100 ms.
    pub late: u64,
}

/// The network and its poller.
pub struct MockNet {
    kernel: Rc<RefCell<Kernel>>,
}

/// A connection's end.
pub struct MockStream(Handle);
/// A listener.
pub struct MockListener(Handle);
/// A datagram socket.
pub struct MockUdp(Handle);

struct Handle {
    id: u64,
    kernel: Rc<RefCell<Kernel>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.kernel.borrow_mut().close(self.id);
    }
}

#[derive(Default)]
struct Endpoint {
    token: Option<Token>,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    peer: Option<u64>,
    inbox: VecDeque<u8>,
    ended: bool,
    error: Option<ErrorKind>,
    undecided: bool,
    backlog: VecDeque<u64>,
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
}

struct Kernel {
    rng: Rng,
    now: Time,
    faults: Faults,
    endpoints: BTreeMap<u64, Endpoint>,
    next_id: u64,
    next_port: u16,
    tcp: BTreeMap<SocketAddr, u64>,
    udp: BTreeMap<SocketAddr, u64>,
    edges: BTreeMap<Token, (bool, bool)>,
    gone: Vec<Token>,
}

impl MockNet {
    /// An empty network.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let rng = Streams::new(Seed::from_u64(seed)).named("mock network");
        let kernel = Kernel {
            rng,
            now: Time::ZERO,
            faults,
            endpoints: BTreeMap::new(),
            next_id: 0,
            next_port: 40_000,
            tcp: BTreeMap::new(),
            udp: BTreeMap::new(),
            edges: BTreeMap::new(),
            gone: Vec::new(),
        };
        MockNet { kernel: Rc::new(RefCell::new(kernel)) }
    }

    fn open(&self, endpoint: Endpoint) -> Handle {
        Handle { id: self.kernel.borrow_mut().open(endpoint), kernel: Rc::clone(&self.kernel) }
    }

    fn watch(&self, id: u64, token: Token) {
        let mut kernel = self.kernel.borrow_mut();
        kernel.endpoint(id).token = Some(token);
        kernel.notify(id, true, true);
    }
}

impl Kernel {
    fn open(&mut self, endpoint: Endpoint) -> u64 {
        self.next_id += 1;
        self.endpoints.insert(self.next_id, endpoint);
        self.next_id
    }

    fn endpoint(&mut self, id: u64) -> &mut Endpoint {
        self.endpoints.get_mut(&id).expect("a handle's endpoint lives as long as the handle")
    }

    fn notify(&mut self, id: u64, readable: bool, writable: bool) {
        let Some(token) = self.endpoints.get(&id).and_then(|endpoint| endpoint.token) else { return };
        let edge = self.edges.entry(token).or_default();
        *edge = (edge.0 | readable, edge.1 | writable);
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.rng.percent(percent)
    }

    /// What may go wrong with any call on a socket that is ready.
    fn stumble(&mut self, id: u64) -> io::Result<()> {
        if self.happens(self.faults.interrupted) {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.happens(self.faults.would_block) {
            self.notify(id, true, true);
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn some_of(&mut self, len: usize) -> usize {
        if len > 1 && self.happens(self.faults.short) { 1 + self.rng.index(len) } else { len }
    }

    fn free_port(&mut self, at: SocketAddr) -> SocketAddr {
        let mut at = at;
        if at.port() == 0 {
            self.next_port += 1;
            at.set_port(self.next_port);
        }
        at
    }

    fn close(&mut self, id: u64) {
        let Some(endpoint) = self.endpoints.remove(&id) else { return };
        self.tcp.retain(|_, holder| *holder != id);
        self.udp.retain(|_, holder| *holder != id);
        if let Some(token) = endpoint.token {
            self.edges.remove(&token);
            self.gone.push(token);
        }
        for waiting in endpoint.backlog {
            self.break_off(waiting);
            self.endpoints.remove(&waiting);
        }
        match endpoint.peer {
            Some(peer) if !endpoint.inbox.is_empty() => self.fail(peer),
            Some(peer) => self.end(peer),
            None => {}
        }
    }

    /// Nothing more comes to `id`.
    fn end(&mut self, id: u64) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.ended = true;
            self.notify(id, true, true);
        }
    }

    /// `id` is reset; what had arrived is still there to read.
    fn fail(&mut self, id: u64) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.error = Some(ErrorKind::ConnectionReset);
            endpoint.peer = None;
            self.notify(id, true, true);
        }
    }

    fn break_off(&mut self, id: u64) {
        if let Some(peer) = self.endpoint(id).peer {
            self.fail(peer);
        }
        self.fail(id);
    }

    fn read(&mut self, id: u64, into: &mut [u8]) -> io::Result<usize> {
        self.stumble(id)?;
        if self.rng.below(10_000) < self.faults.reset {
            self.break_off(id);
        }
        let len = self.endpoint(id).inbox.len().min(into.len());
        let len = self.some_of(len);
        let endpoint = self.endpoint(id);
        if len == 0 {
            return match endpoint.error {
                Some(error) => Err(error.into()),
                None if endpoint.ended => Ok(0),
                None => Err(ErrorKind::WouldBlock.into()),
            };
        }
        for (slot, octet) in into.iter_mut().zip(endpoint.inbox.drain(..len)) {
            *slot = octet;
        }
        if let Some(peer) = endpoint.peer {
            self.notify(peer, false, true);
        }
        Ok(len)
    }

    fn write(&mut self, id: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stumble(id)?;
        if let Some(error) = self.endpoint(id).error {
            return Err(error.into());
        }
        let Some(peer) = self.endpoint(id).peer.filter(|peer| self.endpoints.contains_key(peer)) else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        let room = CAPACITY.saturating_sub(self.endpoint(peer).inbox.len());
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = slices.iter().map(|slice| slice.len()).sum::<usize>().min(room);
        let len = self.some_of(len);
        let octets = slices.iter().flat_map(|slice| slice.iter().copied()).take(len);
        self.endpoint(peer).inbox.extend(octets);
        self.notify(peer, true, false);
        Ok(len)
    }

    fn accept(&mut self, id: u64) -> io::Result<(u64, SocketAddr)> {
        self.stumble(id)?;
        if self.endpoint(id).backlog.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.happens(self.faults.exhausted) {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let accepted = self.endpoint(id).backlog.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let remote = self.endpoint(accepted).remote.ok_or(ErrorKind::NotConnected)?;
        Ok((accepted, remote))
    }

    /// The two ends of a connection between `id` and whoever listens at `to`.
    fn connect(&mut self, id: u64, to: SocketAddr) {
        let local = self.free_port(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
        self.endpoint(id).local = Some(local);
        if matches!(to.ip(), IpAddr::V4(ip) if ip.octets()[..3] == [192, 0, 2]) {
            self.endpoint(id).undecided = true;
            return;
        }
        match self.tcp.get(&to).copied().filter(|_| !self.rng.percent(self.faults.refused)) {
            None => self.endpoint(id).error = Some(ErrorKind::ConnectionRefused),
            Some(listener) => {
                let far =
                    Endpoint { local: Some(to), remote: Some(local), peer: Some(id), ..Endpoint::default() };
                let far = self.open(far);
                let near = self.endpoint(id);
                near.remote = Some(to);
                near.peer = Some(far);
                self.endpoint(listener).backlog.push_back(far);
                self.notify(listener, true, false);
            }
        }
    }

    fn deliver(&mut self, ready: &mut Vec<Ready>) {
        let stale = self.faults.stale;
        if self.happens(stale) && !self.gone.is_empty() {
            let token = self.gone[self.rng.index(self.gone.len())];
            ready.push(Ready { token, readable: true, writable: true });
        }
        for (token, (readable, writable)) in std::mem::take(&mut self.edges) {
            let both = self.happens(stale);
            ready.push(Ready { token, readable: readable || both, writable: writable || both });
        }
        self.rng.shuffle(ready);
    }
}

impl Poller for MockNet {
    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<bool> {
        let kernel = &mut *self.kernel.borrow_mut();
        let step = Duration::from_micros(kernel.rng.below(50));
        kernel.now = kernel.now + step;
        if kernel.happens(kernel.faults.interrupted) {
            return Err(ErrorKind::Interrupted.into());
        }
        if kernel.edges.is_empty() {
            kernel.now = kernel.now + timeout.unwrap_or_default();
        }
        if kernel.happens(kernel.faults.late) {
            let late = Duration::from_micros(kernel.rng.below(100_000));
            kernel.now = kernel.now + late;
        }
        kernel.deliver(ready);
        Ok(false)
    }

    fn now(&self) -> Time {
        self.kernel.borrow().now
    }

    fn waker(&self) -> WakeUp {
        Arc::new(|| ())
    }
}

impl Net for MockNet {
    type Stream = MockStream;
    type Listener = MockListener;
    type Udp = MockUdp;

    fn listen(&mut self, at: SocketAddr) -> io::Result<MockListener> {
        let at = self.kernel.borrow_mut().free_port(at);
        let handle = self.open(Endpoint { local: Some(at), ..Endpoint::default() });
        match self.kernel.borrow_mut().tcp.insert(at, handle.id) {
            None => Ok(MockListener(handle)),
            Some(_) => Err(ErrorKind::AddrInUse.into()),
        }
    }

    fn bind_udp(&mut self, at: SocketAddr) -> io::Result<MockUdp> {
        let at = self.kernel.borrow_mut().free_port(at);
        if self.kernel.borrow().udp.contains_key(&at) {
            return Err(ErrorKind::AddrInUse.into());
        }
        let handle = self.open(Endpoint { local: Some(at), ..Endpoint::default() });
        self.kernel.borrow_mut().udp.insert(at, handle.id);
        Ok(MockUdp(handle))
    }

    fn connect(&mut self, to: SocketAddr) -> io::Result<MockStream> {
        let exhausted = self.kernel.borrow().faults.exhausted;
        if self.kernel.borrow_mut().happens(exhausted) {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let handle = self.open(Endpoint::default());
        self.kernel.borrow_mut().connect(handle.id, to);
        Ok(MockStream(handle))
    }

    fn watch_stream(&mut self, stream: &mut MockStream, token: Token) -> io::Result<()> {
        self.watch(stream.0.id, token);
        Ok(())
    }

    fn watch_listener(&mut self, listener: &mut MockListener, token: Token) -> io::Result<()> {
        self.watch(listener.0.id, token);
        Ok(())
    }

    fn watch_udp(&mut self, socket: &mut MockUdp, token: Token) -> io::Result<()> {
        self.watch(socket.0.id, token);
        Ok(())
    }
}

impl Handle {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.kernel.borrow_mut().endpoint(self.id).local.ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl Stream for MockStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.kernel.borrow_mut().read(self.0.id, into)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.kernel.borrow_mut().write(self.0.id, slices)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut kernel = self.0.kernel.borrow_mut();
        match kernel.endpoint(self.0.id).peer {
            None => Err(ErrorKind::NotConnected.into()),
            Some(peer) => {
                kernel.end(peer);
                Ok(())
            }
        }
    }

    fn take_error(&mut self) -> io::Result<Option<io::Error>> {
        Ok(self.0.kernel.borrow_mut().endpoint(self.0.id).error.map(Into::into))
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        let mut kernel = self.0.kernel.borrow_mut();
        let endpoint = kernel.endpoint(self.0.id);
        endpoint.remote.filter(|_| !endpoint.undecided).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn prepare(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

impl Listener for MockListener {
    type Stream = MockStream;

    fn accept(&mut self) -> io::Result<(MockStream, SocketAddr)> {
        let (id, remote) = self.0.kernel.borrow_mut().accept(self.0.id)?;
        Ok((MockStream(Handle { id, kernel: Rc::clone(&self.0.kernel) }), remote))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Udp for MockUdp {
    fn recv_from(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut kernel = self.0.kernel.borrow_mut();
        kernel.stumble(self.0.id)?;
        let (from, payload) =
            kernel.endpoint(self.0.id).datagrams.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let len = payload.len().min(into.len());
        into[..len].copy_from_slice(&payload[..len]);
        Ok((len, from))
    }

    fn send_to(&mut self, payload: &[u8], to: SocketAddr) -> io::Result<usize> {
        let from = self.0.local_addr()?;
        let mut kernel = self.0.kernel.borrow_mut();
        kernel.stumble(self.0.id)?;
        if let Some(receiver) = kernel.udp.get(&to).copied() {
            kernel.endpoint(receiver).datagrams.push_back((from, payload.to_vec()));
            kernel.notify(receiver, true, false);
        }
        Ok(payload.len())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
