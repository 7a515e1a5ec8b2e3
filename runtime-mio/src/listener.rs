//! Binding sockets, and accepting connections.

use std::io;
use std::net::{IpAddr, SocketAddr};

use egoist_core::kernel::{How, Port};

use crate::connection::Connection;
use crate::datagram::DatagramSocket;
use crate::erase::MachineId;
use crate::host::{Alarm, Host, Socket};
use crate::net::{Listener, Net, Stream, Token, Udp};
use crate::store::{State, Store, StoreHandle};

/// Connections accepted from one listener in a turn: each takes as long as many frames.
const ACCEPTS: usize = 4;
/// How many free ports are tried until one is free for TCP and UDP alike.
const PORT_TRIES: usize = 32;

/// What a machine needs of the host: where it listens and where it keeps its state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Setup {
    /// TCP listeners, by [`Port`]. IPv4 and IPv6 are apart: an IPv6 listener takes IPv6 only, but for `[::]`, which takes
    /// both.
    pub listen: Vec<SocketAddr>,
    /// UDP sockets, by [`Port`]. Where a listener and a socket of the same IP address both say port 0 they get the same
    /// free port.
    pub udp: Vec<SocketAddr>,
    /// Where its state is kept.
    pub state: State,
    /// Whether the machine is told what the [clock on the wall](egoist_core::kernel::Input::WallTime) shows: as it begins,
    /// then each minute, and once that is half a second off what it should be.
    pub wall_time: bool,
}

impl Setup {
    /// A listener and a datagram socket at one address, state in memory.
    pub fn at(addr: SocketAddr) -> Self {
        Setup { listen: vec![addr], udp: vec![addr], ..Setup::default() }
    }
}

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {kind} {addr}: {error}")]
pub struct BindError {
    /// `TCP` or `UDP`.
    pub kind: &'static str,
    /// Where.
    pub addr: SocketAddr,
    /// What the operating system said.
    #[source]
    pub error: io::Error,
}

/// Sockets bound for a machine that is yet to be made: now its addresses are known.
pub struct Bound<N: Net> {
    pub(crate) listeners: Vec<(SocketAddr, N::Listener)>,
    pub(crate) datagrams: Vec<(SocketAddr, N::Udp)>,
    pub(crate) store: StoreHandle,
    pub(crate) wall_time: bool,
}

impl<N: Net> Bound<N> {
    /// Where the listeners are bound, by [`Port`].
    pub fn listeners(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(addr, _)| *addr).collect()
    }

    /// The same sockets with another place for the machine's state: for who names it after the port that was free.
    pub fn with_state(self, state: State) -> Self {
        Bound { store: StoreHandle::new(state), ..self }
    }

    /// The same sockets with a store of one's own.
    pub fn with_store(self, store: impl Store) -> Self {
        Bound { store: StoreHandle::on(Box::new(store)), ..self }
    }

    /// The same sockets for a machine that is told what the clock on the wall shows: for who binds them before it is known
    /// which machine they are for.
    pub fn with_wall_time(self) -> Self {
        Bound { wall_time: true, ..self }
    }

    /// Where the datagram sockets are bound, by [`Port`].
    pub fn udp(&self) -> Vec<SocketAddr> {
        self.datagrams.iter().map(|(addr, _)| *addr).collect()
    }
}

pub(crate) struct ListenSocket<N: Net> {
    listener: N::Listener,
    machine: MachineId,
    port: Port,
    listed: bool,
}

impl<N: Net> ListenSocket<N> {
    pub(crate) const fn machine(&self) -> MachineId {
        self.machine
    }
}

/// Whether the host has no room for another connection.
pub(crate) fn out_of_room(error: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 105 } else { 55 };
    matches!(error.raw_os_error(), Some(ENOMEM | ENFILE | EMFILE | ENOBUFS))
}

impl<N: Net> Host<N> {
    /// Binds what a machine needs. What is bound and not [added](Host::add) is given up when dropped.
    ///
    /// # Errors
    /// An address is in use, not this host's, or not allowed.
    pub fn bind(&mut self, setup: &Setup) -> Result<Bound<N>, BindError> {
        let mut bound = Bound {
            listeners: Vec::new(),
            datagrams: Vec::new(),
            store: StoreHandle::new(setup.state.clone()),
            wall_time: setup.wall_time,
        };
        let mut udp: Vec<Option<(SocketAddr, N::Udp)>> = setup.udp.iter().map(|_| None).collect();
        for at in &setup.listen {
            let twin = (0..udp.len()).find(|&i| udp[i].is_none() && at.port() == 0 && setup.udp[i] == *at);
            match twin {
                None => bound.listeners.push(self.bind_listener(*at)?),
                Some(i) => {
                    let (listener, socket) = self.bind_pair(at.ip())?;
                    bound.listeners.push(listener);
                    udp[i] = Some(socket);
                }
            }
        }
        for (at, socket) in setup.udp.iter().zip(udp) {
            bound.datagrams.push(match socket {
                Some(socket) => socket,
                None => self.bind_socket(*at)?,
            });
        }
        Ok(bound)
    }

    /// A listener and a socket on one free port.
    fn bind_pair(&mut self, ip: IpAddr) -> Result<BoundPair<N>, BindError> {
        let mut tries = 0;
        loop {
            let listener = self.bind_listener(SocketAddr::new(ip, 0))?;
            match self.bind_socket(listener.0) {
                Ok(socket) => return Ok((listener, socket)),
                Err(taken) if taken.error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn bind_listener(&mut self, at: SocketAddr) -> Result<(SocketAddr, N::Listener), BindError> {
        let bound = self.net.listen(at).and_then(|listener| Ok((listener.local_addr()?, listener)));
        bound.map_err(|error| BindError { kind: "TCP", addr: at, error })
    }

    fn bind_socket(&mut self, at: SocketAddr) -> Result<(SocketAddr, N::Udp), BindError> {
        let bound = self.net.bind_udp(at).and_then(|socket| Ok((socket.local_addr()?, socket)));
        bound.map_err(|error| BindError { kind: "UDP", addr: at, error })
    }

    /// Puts bound sockets into the loop for their machine.
    pub(crate) fn settle_in(
        &mut self,
        machine: MachineId,
        listeners: Vec<(SocketAddr, N::Listener)>,
        datagrams: Vec<(SocketAddr, N::Udp)>,
    ) -> (Vec<SocketAddr>, Vec<(SocketAddr, Token)>) {
        let (mut listening, mut sockets) = (Vec::new(), Vec::new());
        for ((addr, mut listener), port) in listeners.into_iter().zip(0..) {
            if let Err(error) = self.net.watch_listener(&mut listener, self.sockets.upcoming()) {
                tracing::error!(%addr, %error, "a listener cannot be watched");
            }
            let socket = ListenSocket { listener, machine, port: Port(port), listed: true };
            let token = self.sockets.insert(Socket::Listener(socket));
            self.ready.push(token);
            self.own_addresses.insert(addr, machine);
            listening.push(addr);
        }
        for ((addr, mut socket), port) in datagrams.into_iter().zip(0..) {
            if let Err(error) = self.net.watch_udp(&mut socket, self.sockets.upcoming()) {
                tracing::error!(%addr, %error, "a datagram socket cannot be watched");
            }
            let socket = DatagramSocket::new(socket, machine, Port(port));
            let token = self.sockets.insert(Socket::Datagrams(socket));
            self.ready.push(token);
            self.own_addresses.insert(addr, machine);
            sockets.push((addr, token));
        }
        (listening, sockets)
    }

    /// The poller says that somebody connects.
    pub(crate) fn listener_ready(&mut self, token: Token) {
        let Some(Socket::Listener(listener)) = self.sockets.get_mut(token) else { return };
        if !listener.listed {
            listener.listed = true;
            self.ready.push(token);
        }
    }

    /// Accepts within the budget.
    pub(crate) fn accept(&mut self, token: Token) {
        if self.accepting && !self.make_room(ACCEPTS) {
            self.pause_accepting("as many sockets as allowed");
        }
        let Some(Socket::Listener(socket)) = self.sockets.get_mut(token) else { return };
        let (machine, port) = (socket.machine, socket.port);
        socket.listed = false;
        if !self.accepting {
            return;
        }
        for _ in 0..ACCEPTS {
            let Some(Socket::Listener(socket)) = self.sockets.get_mut(token) else { return };
            match socket.listener.accept() {
                Ok((stream, remote)) => self.accepted(stream, machine, port, remote),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if out_of_room(&error) => return self.pause_accepting(&error.to_string()),
                Err(error) => tracing::debug!(%error, "a connection was gone before it was accepted"),
            }
        }
        if let Some(Socket::Listener(socket)) = self.sockets.get_mut(token) {
            socket.listed = true;
            self.spent.push(token);
        }
    }

    /// Accepts again, from every listener.
    pub(crate) fn resume_accepting(&mut self) {
        self.accepting = true;
        let listener =
            |(token, socket): (Token, &Socket<N>)| matches!(socket, Socket::Listener(_)).then_some(token);
        let listeners: Vec<Token> = self.sockets.tokens().filter_map(listener).collect();
        for token in listeners {
            self.listener_ready(token);
        }
    }

    fn accepted(&mut self, mut stream: N::Stream, machine: MachineId, port: Port, remote: SocketAddr) {
        let ready = stream
            .prepare(self.limits.patience)
            .and_then(|()| self.net.watch_stream(&mut stream, self.sockets.upcoming()));
        if let Err(error) = ready {
            return tracing::debug!(%error, %remote, "an accepted connection is not usable");
        }
        let peer = self.peer_at(remote);
        let conn = Connection::new(stream, machine, remote, peer, None);
        let token = self.sockets.insert(Socket::Connection(Box::new(conn)));
        self.opened(token, How::Accepted(port));
    }

    fn pause_accepting(&mut self, why: &str) {
        tracing::warn!(why, pause = ?self.limits.accept_pause, "not accepting for a while");
        self.accepting = false;
        let until = self.now + self.limits.accept_pause;
        self.set_alarm(Alarm::Accept, until);
    }
}

type BoundPair<N> = ((SocketAddr, <N as Net>::Listener), (SocketAddr, <N as Net>::Udp));
