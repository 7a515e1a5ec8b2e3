//! UDP sockets.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;

use bytes::Bytes;
use egoist_core::kernel::{Class, Input, Port};

use crate::erase::MachineId;
use crate::host::{Alarm, Host, Socket};
use crate::net::{Net, Ready, Token, Udp};

/// Datagrams read from one socket in a turn: more than a socket's buffer holds, so that a process that was stopped hears
/// everything that waits before it is told how late it is.
const READS: usize = 1_024;
/// Octets of datagrams that wait for a socket to take them; what comes on top is lost, as datagrams may be.
const QUEUE: usize = 1 << 20;
/// ... and of those that are not urgent.
const BULK: usize = 256 << 10;

/// A datagram on its way out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: SocketAddr,
    pub(crate) payload: Bytes,
    pub(crate) class: Class,
}

/// Datagrams that wait for a socket, the most urgent class first.
#[derive(Default)]
struct Waiting {
    queues: [VecDeque<Outgoing>; 3],
    octets: usize,
    bulk: usize,
}

impl Waiting {
    /// Queues a datagram if there is room; whether there was.
    fn push(&mut self, datagram: Outgoing) -> bool {
        let len = datagram.payload.len();
        let bulk = if datagram.class == Class::Bulk { len } else { 0 };
        if self.octets + len > QUEUE || self.bulk + bulk > BULK {
            return false;
        }
        self.octets += len;
        self.bulk += bulk;
        self.queues[datagram.class as usize].push_back(datagram);
        true
    }

    fn front(&self) -> Option<&Outgoing> {
        self.queues.iter().find_map(VecDeque::front)
    }

    fn pop(&mut self) {
        let Some(datagram) = self.queues.iter_mut().find_map(VecDeque::pop_front) else { return };
        self.octets -= datagram.payload.len();
        if datagram.class == Class::Bulk {
            self.bulk -= datagram.payload.len();
        }
    }
}

pub(crate) struct DatagramSocket<N: Net> {
    socket: N::Udp,
    machine: MachineId,
    port: Port,
    waiting: Waiting,
    can_write: bool,
    listed: bool,
    unflushed: bool,
}

impl<N: Net> DatagramSocket<N> {
    pub(crate) fn new(socket: N::Udp, machine: MachineId, port: Port) -> Self {
        let waiting = Waiting::default();
        DatagramSocket { socket, machine, port, waiting, can_write: true, listed: true, unflushed: false }
    }

    pub(crate) const fn machine(&self) -> MachineId {
        self.machine
    }

    /// Sends what is queued as far as the socket takes it.
    fn write(&mut self) {
        while self.can_write {
            let Some(Outgoing { to, payload, .. }) = self.waiting.front() else { return };
            match self.socket.send_to(payload, *to) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.can_write = false;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => tracing::trace!(%to, %error, "a datagram could not be sent"),
                Ok(_) => {}
            }
            self.waiting.pop();
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
            if socket.waiting.front().is_some() && !socket.unflushed {
                socket.unflushed = true;
                self.unflushed.push(ready.token);
            }
        }
    }

    /// Reads a socket within its budget and hands over what came.
    pub(crate) fn read_datagrams(&mut self, token: Token) {
        let Some(Socket::Datagrams(socket)) = self.sockets.get_mut(token) else { return };
        let (id, port) = (socket.machine, socket.port);
        let station = &mut self.stations[id.0];
        let mut blocked = false;
        for _ in 0..READS {
            match socket.socket.recv_from(&mut self.scratch) {
                Ok((len, from)) => {
                    station.hear(self.now, Input::Datagram { port, from, bytes: &self.scratch[..len] });
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
    pub(crate) fn send_datagram(&mut self, id: MachineId, port: Port, datagram: Outgoing) {
        let Some((_, token)) = self.stations[id.0].datagrams.get(usize::from(port.0)).copied() else {
            return;
        };
        let peer = self.peer_at(datagram.to);
        let Some(shim) = &mut self.shim else { return self.queue_datagram(token, datagram) };
        let at = self.now + shim.delay(id, peer);
        self.held.push(self.now, at, token, datagram);
        self.wake_for_held();
    }

    /// Queues the held datagrams whose time has come.
    pub(crate) fn release_datagrams(&mut self) {
        while let Some((token, datagram)) = self.held.pop(self.now) {
            self.queue_datagram(token, datagram);
        }
        self.wake_for_held();
    }

    fn wake_for_held(&mut self) {
        if let Some(at) = self.held.next() {
            self.set_alarm(Alarm::ReleaseDatagrams, at);
        }
    }

    fn queue_datagram(&mut self, token: Token, datagram: Outgoing) {
        let Some(Socket::Datagrams(socket)) = self.sockets.get_mut(token) else { return };
        if socket.waiting.push(datagram) && socket.can_write && !socket.unflushed {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(class: Class, tag: u8, len: usize) -> Outgoing {
        Outgoing { to: ([127, 0, 0, 1], 9).into(), payload: Bytes::from(vec![tag; len]), class }
    }

    #[test]
    fn urgent_ones_go_first_and_always_find_room_beside_bulk() {
        let mut waiting = Waiting::default();
        let bulk = (0..1_000).filter(|_| waiting.push(datagram(Class::Bulk, 1, 1_024))).count();
        assert_eq!(bulk, BULK / 1_024);
        for tag in 2..4 {
            assert!(waiting.push(datagram(Class::Urgent, tag, 40)));
        }
        let mut tags = Vec::new();
        while let Some(first) = waiting.front() {
            tags.push(first.payload[0]);
            waiting.pop();
        }
        assert_eq!((&tags[..3], tags.len()), (&[2, 3, 1][..], bulk + 2));
        assert_eq!((waiting.octets, waiting.bulk), (0, 0));
        let urgent = (0..2_000).filter(|_| waiting.push(datagram(Class::Urgent, 1, 1_024))).count();
        assert_eq!(urgent, QUEUE / 1_024);
    }
}
