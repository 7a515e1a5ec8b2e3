//! UDP sockets.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;

use bytes::Bytes;
use egoist_core::kernel::{Input, Port};

use crate::erase::MachineId;
use crate::host::{Alarm, Host, Socket};
use crate::net::{Net, Ready, Token, Udp};

/// Datagrams read from one socket in a turn: more than a socket's buffer holds by default, so that a process that was
/// stopped hears everything that waits before it is told how late it is.
const READS: usize = 512;
/// Octets of datagrams that wait for a socket to take them; what comes on top is lost, as datagrams may be.
const QUEUE: usize = 1 << 20;

pub(crate) struct DatagramSocket<N: Net> {
    socket: N::Udp,
    machine: MachineId,
    port: Port,
    queue: VecDeque<(SocketAddr, Bytes)>,
    queued: usize,
    can_write: bool,
    listed: bool,
    unflushed: bool,
}

impl<N: Net> DatagramSocket<N> {
    pub(crate) const fn new(socket: N::Udp, machine: MachineId, port: Port) -> Self {
        let queue = VecDeque::new();
        DatagramSocket {
            socket,
            machine,
            port,
            queue,
            queued: 0,
            can_write: true,
            listed: true,
            unflushed: false,
        }
    }

    /// Sends what is queued as far as the socket takes it.
    fn write(&mut self) {
        while self.can_write {
            let Some((to, payload)) = self.queue.front() else { return };
            match self.socket.send_to(payload, *to) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.can_write = false;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => tracing::trace!(%to, %error, "a datagram could not be sent"),
                Ok(_) => {}
            }
            self.queued -= payload.len();
            self.queue.pop_front();
        }
    }
}

impl<N: Net> Host<N> {
    /// The poller says that a socket can be used again.
    pub(crate) fn datagrams_ready(&mut self, ready: Ready) {
        let Some(Socket::Datagrams(socket)) = self.sockets.get_mut(ready.token) else { return };
        if ready.readable && !socket.listed {
            socket.listed = true;
            self.ready.push(ready.token);
        }
        if ready.writable {
            socket.can_write = true;
            if !socket.queue.is_empty() && !socket.unflushed {
                socket.unflushed = true;
                self.unflushed.push(ready.token);
            }
        }
    }

    /// Reads a socket within its budget and hands over what came.
    pub(crate) fn read_datagrams(&mut self, token: Token) {
        let Some(Socket::Datagrams(socket)) = self.sockets.get_mut(token) else { return };
        let (id, port) = (socket.machine, socket.port);
        let machine = &mut self.stations[id.0].machine;
        let mut blocked = false;
        for _ in 0..READS {
            match socket.socket.recv_from(&mut self.scratch) {
                Ok((len, from)) => {
                    machine.handle(self.now, Input::Datagram { port, from, bytes: &self.scratch[..len] });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    blocked = true;
                    break;
                }
                Err(_) => {} // Interrupted, or what an earlier datagram met on its way.
            }
        }
        socket.listed = !blocked;
        if !blocked {
            self.spent.push(token);
        }
        self.touch(id);
    }

    /// Queues a datagram, or holds it as the shim says.
    pub(crate) fn send_datagram(&mut self, id: MachineId, port: Port, to: SocketAddr, payload: Bytes) {
        let Some((_, token)) = self.stations[id.0].datagrams.get(usize::from(port.0)).copied() else {
            return;
        };
        let peer = self.peer_at(to);
        let Some(shim) = &mut self.shim else { return self.queue_datagram(token, to, payload) };
        let at = self.now + shim.delay(id, peer);
        self.held.push(self.now, at, token, to, payload);
        self.wake_for_held();
    }

    /// Queues the held datagrams whose time has come.
    pub(crate) fn release_datagrams(&mut self) {
        while let Some((token, to, payload)) = self.held.pop(self.now) {
            self.queue_datagram(token, to, payload);
        }
        self.wake_for_held();
    }

    fn wake_for_held(&mut self) {
        if let Some(at) = self.held.next() {
            self.set_alarm(Alarm::ReleaseDatagrams, at);
        }
    }

    fn queue_datagram(&mut self, token: Token, to: SocketAddr, payload: Bytes) {
        let Some(Socket::Datagrams(socket)) = self.sockets.get_mut(token) else { return };
        if socket.queued + payload.len() > QUEUE {
            return;
        }
        socket.queued += payload.len();
        socket.queue.push_back((to, payload));
        if socket.can_write && !socket.unflushed {
            socket.unflushed = true;
            self.unflushed.push(token);
        }
    }

    /// Sends what a socket has queued.
    pub(crate) fn flush_datagrams(&mut self, token: Token) {
        if let Some(Socket::Datagrams(socket)) = self.sockets.get_mut(token) {
            socket.unflushed = false;
            socket.write();
        }
    }
}
