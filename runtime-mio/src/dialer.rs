//! A connection on its way: begun, decided, or out of time.

use std::io;
use std::net::SocketAddr;

use egoist_core::kernel::{DialError, How, Input, Ticket, Time};

use crate::connection::Connection;
use crate::erase::MachineId;
use crate::host::{Alarm, Host, Socket};
use crate::listener::out_of_room;
use crate::net::{Net, Stream, Token};
use crate::shim::Peer;

const EINPROGRESS: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 115 } else { 36 };

pub(crate) struct Dial<N: Net> {
    /// None while the shim holds it.
    stream: Option<N::Stream>,
    machine: MachineId,
    ticket: Ticket,
    to: SocketAddr,
    local: Option<SocketAddr>,
}

/// What is known about a dial.
enum Verdict {
    Undecided,
    Connected,
    Failed(io::Error),
}

impl<N: Net> Dial<N> {
    pub(crate) const fn machine(&self) -> MachineId {
        self.machine
    }

    /// Writable says only that it was decided; the pending error, then the peer's address, say how.
    fn verdict(&mut self) -> Verdict {
        let Some(stream) = &mut self.stream else { return Verdict::Undecided };
        match stream.take_error() {
            Ok(Some(error)) | Err(error) => return Verdict::Failed(error),
            Ok(None) => {}
        }
        match stream.peer_addr() {
            Ok(peer) if self.local == Some(peer) => Verdict::Failed(io::ErrorKind::ConnectionRefused.into()),
            Ok(_) => Verdict::Connected,
            Err(error) if still_connecting(&error) => Verdict::Undecided,
            Err(error) => Verdict::Failed(error),
        }
    }
}

fn still_connecting(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotConnected | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    ) || error.raw_os_error() == Some(EINPROGRESS)
}

/// The kernel's word for what the operating system says.
fn dial_error(error: &io::Error) -> DialError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused | Kind::ConnectionReset | Kind::ConnectionAborted => DialError::Refused,
        Kind::TimedOut => DialError::TimedOut,
        Kind::AddrNotAvailable => DialError::Exhausted,
        _ if out_of_room(error) => DialError::Exhausted,
        _ => DialError::Unreachable,
    }
}

impl<N: Net> Host<N> {
    /// Begins to dial; with a shim, after the round trip that a dial takes.
    pub(crate) fn dial(&mut self, machine: MachineId, ticket: Ticket, to: SocketAddr, deadline: Time) {
        if !self.make_room(1) {
            return self.refused.push((machine, ticket, DialError::Exhausted));
        }
        let dial = Dial { stream: None, machine, ticket, to, local: None };
        let token = self.sockets.insert(Socket::Dial(dial));
        self.set_alarm(Alarm::DialDeadline(token), deadline);
        let peer = self.peer_at(to);
        match &mut self.shim {
            None => self.connect(token),
            Some(shim) => {
                let at = self.now + shim.delay(machine, peer) * 2;
                self.set_alarm(Alarm::Connect(token), at);
            }
        }
    }

    /// Asks the operating system for the connection.
    pub(crate) fn connect(&mut self, token: Token) {
        let Some(Socket::Dial(dial)) = self.sockets.get_mut(token) else { return };
        let begun = self.net.connect(dial.to).and_then(|mut stream| {
            self.net.watch_stream(&mut stream, token)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => {
                dial.local = stream.local_addr().ok();
                dial.stream = Some(stream);
                if let Some(local) = dial.local {
                    self.own_addresses.insert(local, dial.machine);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.connect(token),
            Err(error) => {
                let (machine, ticket) = (dial.machine, dial.ticket);
                self.take_dial(token);
                self.refused.push((machine, ticket, dial_error(&error)));
            }
        }
    }

    /// Looks whether a dial was decided.
    pub(crate) fn decide(&mut self, token: Token) {
        let Some(Socket::Dial(dial)) = self.sockets.get_mut(token) else { return };
        match dial.verdict() {
            Verdict::Undecided => {}
            Verdict::Connected => self.dialed(token),
            Verdict::Failed(error) => {
                tracing::debug!(to = %dial.to, %error, "dial failed");
                self.dial_failed(token, dial_error(&error));
            }
        }
    }

    fn dialed(&mut self, token: Token) {
        let Some(socket) = self.sockets.get_mut(token) else { return };
        let Socket::Dial(dial) = socket else { return };
        let Some(mut stream) = dial.stream.take() else { return };
        if let Err(error) = stream.prepare(self.limits.patience) {
            tracing::debug!(%error, "small writes may be delayed, and silence be suffered for long");
        }
        let (machine, ticket, to, local) = (dial.machine, dial.ticket, dial.to, dial.local);
        self.timers.cancel(Alarm::DialDeadline(token));
        let peer = self.peer_at(to);
        if let Some(socket) = self.sockets.get_mut(token) {
            *socket = Socket::Connection(Box::new(Connection::new(stream, machine, to, peer, local)));
        }
        self.opened(token, How::Dialed(ticket));
    }

    /// Gives a dial up and tells its machine.
    pub(crate) fn dial_failed(&mut self, token: Token, why: DialError) {
        if let Some(Dial { machine, ticket, .. }) = self.take_dial(token) {
            self.tell(machine, Input::DialFailed { ticket, why });
        }
    }

    /// Gives a dial up.
    pub(crate) fn take_dial(&mut self, token: Token) -> Option<Dial<N>> {
        let Some(Socket::Dial(_)) = self.sockets.get(token) else { return None };
        let Some(Socket::Dial(dial)) = self.sockets.remove(token) else { return None };
        for alarm in [Alarm::DialDeadline(token), Alarm::Connect(token)] {
            self.timers.cancel(alarm);
        }
        if let Some(local) = dial.local {
            self.own_addresses.remove(&local);
        }
        Some(dial)
    }

    /// Who is at an address: a machine of this driver, by its listeners, its sockets and the dials it made, or somebody
    /// else.
    pub(crate) fn peer_at(&self, addr: SocketAddr) -> Peer {
        self.own_addresses.get(&addr).map_or(Peer::Address(addr), |id| Peer::Machine(*id))
    }
}
