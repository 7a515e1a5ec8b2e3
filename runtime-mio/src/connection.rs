//! An open connection: what waits to be written, what was read and not yet taken, and how it ends.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use egoist_core::kernel::{CloseHow, Closed, ConnId, How, Input, Time, Why};

use crate::erase::MachineId;
use crate::host::{Alarm, Host, Socket};
use crate::net::{Net, Ready, Stream, Token};
use crate::quantum::Quantum;
use crate::shim::Peer;

/// Reads of one connection in a turn.
const READS: usize = 16;
/// Frames in one write.
const SLICES: usize = 64;

/// A frame that waits to be written, or the part of it that does.
struct Frame {
    bytes: Bytes,
    solo: bool,
}

/// Where a connection is on its way to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Both sides talk.
    Open,
    /// The peer is done or gone; the machine is told once it has had a chance to answer.
    Over(Closed),
    /// The machine closed it: what is queued is written.
    Flushing,
    /// All was written and the end announced: the peer may have its say, unheard.
    Draining,
}

pub(crate) struct Connection<N: Net> {
    stream: N::Stream,
    machine: MachineId,
    remote: SocketAddr,
    peer: Peer,
    dialed_from: Option<SocketAddr>,
    buffer: BytesMut,
    queue: VecDeque<Frame>,
    held: VecDeque<(Time, Frame)>,
    phase: Phase,
    peer_done: bool,
    reading: bool,
    can_read: bool,
    can_write: bool,
    quantum: Quantum,
    listed: bool,
    unflushed: bool,
}

/// How far a round of reads came.
enum Filled {
    /// There may be more.
    Budget,
    /// Nothing more for now.
    Blocked,
    /// The peer will say no more.
    End(Closed),
}

impl<N: Net> Connection<N> {
    pub(crate) fn new(
        stream: N::Stream,
        machine: MachineId,
        remote: SocketAddr,
        peer: Peer,
        dialed_from: Option<SocketAddr>,
    ) -> Self {
        Connection {
            stream,
            machine,
            remote,
            peer,
            dialed_from,
            buffer: BytesMut::new(),
            queue: VecDeque::new(),
            held: VecDeque::new(),
            phase: Phase::Open,
            peer_done: false,
            reading: true,
            can_read: true,
            can_write: true,
            quantum: Quantum::new(),
            listed: false,
            unflushed: false,
        }
    }

    /// Reads into `scratch` until nothing is there or the budget is spent; how much, and how it ended.
    fn fill(&mut self, scratch: &mut [u8]) -> (usize, Filled) {
        let scratch = &mut scratch[..self.quantum.octets()];
        let mut len = 0;
        for _ in 0..READS {
            if len == scratch.len() {
                break;
            }
            match self.stream.read(&mut scratch[len..]) {
                Ok(0) => return (len, Filled::End(Closed::ByPeer)),
                Ok(n) => len += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (len, Filled::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return (len, Filled::End(Closed::Broken)),
            }
        }
        (len, Filled::Budget)
    }

    /// Writes what is queued as far as the socket takes it; how much.
    fn write(&mut self) -> io::Result<usize> {
        let mut written = 0;
        while self.can_write && !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = next_write(&self.queue, &mut slices);
            match self.stream.write_vectored(&slices[..count]) {
                Ok(n) => {
                    written += n;
                    self.advance(n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    fn advance(&mut self, mut n: usize) {
        while let Some(front) = self.queue.front_mut() {
            let step = n.min(front.bytes.len());
            front.bytes.advance(step);
            n -= step;
            if !front.bytes.is_empty() {
                return;
            }
            self.queue.pop_front();
        }
    }

    /// Whether it is that machine's, which has not closed it.
    pub(crate) fn is_left_open_by(&self, machine: MachineId) -> bool {
        self.machine == machine && !self.closing()
    }

    /// Whether what the peer said before its end waits for the machine to read on.
    fn has_more_to_say(&self, how: Closed) -> bool {
        how == Closed::ByPeer && !self.reading && !self.buffer.is_empty()
    }

    const fn closing(&self) -> bool {
        matches!(self.phase, Phase::Flushing | Phase::Draining)
    }

    const fn wants_reading(&self) -> bool {
        (self.reading && matches!(self.phase, Phase::Open)) || self.closing()
    }

    /// Notes that the connection is listed; false if it is already, or there is nothing to read.
    const fn is_to_list(&mut self) -> bool {
        let lists = self.can_read && self.wants_reading() && !self.listed;
        self.listed |= lists;
        lists
    }
}

/// The frames that may go in one write: up to the next one that must go alone.
fn next_write<'a>(queue: &'a VecDeque<Frame>, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
    let mut count = 0;
    for (slot, frame) in slices.iter_mut().zip(queue) {
        if frame.solo && count > 0 {
            break;
        }
        *slot = IoSlice::new(&frame.bytes);
        count += 1;
        if frame.solo {
            break;
        }
    }
    count
}

impl<N: Net> Host<N> {
    /// A connection is open under `token`: tells its machine.
    pub(crate) fn opened(&mut self, token: Token, how: How) {
        let Some(Socket::Connection(conn)) = self.sockets.get(token) else { return };
        let (machine, remote) = (conn.machine, conn.remote);
        tracing::debug!(machine = machine.0, conn = token.0, %remote, ?how, "opened");
        self.tell(machine, Input::Opened { conn: ConnId(token.0), how, remote });
        self.list(token);
    }

    /// The poller says that a connection can be used again.
    pub(crate) fn connection_ready(&mut self, ready: Ready) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(ready.token) else { return };
        conn.can_read |= ready.readable;
        conn.can_write |= ready.writable;
        self.list(ready.token);
        if ready.writable {
            self.list_unflushed(ready.token);
        }
    }

    /// Puts a connection among those to read, if there may be something to read.
    fn list(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        if conn.is_to_list() {
            self.ready.push(token);
        }
    }

    /// Likewise, behind those that were not read in this turn.
    fn list_behind(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        if conn.is_to_list() {
            self.spent.push(token);
        }
    }

    /// Puts a connection among those to write, if there may be something to write.
    fn list_unflushed(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        if conn.can_write && (!conn.queue.is_empty() || conn.phase == Phase::Flushing) && !conn.unflushed {
            conn.unflushed = true;
            self.unflushed.push(token);
        }
    }

    /// Reads a connection within its budget and hands over what came.
    pub(crate) fn read_connection(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        conn.listed = false;
        if !conn.wants_reading() {
            return;
        }
        let (len, filled) = conn.fill(&mut self.scratch);
        conn.can_read = matches!(filled, Filled::Budget);
        if len > 0 && !conn.closing() {
            self.hand_over(token, len);
        }
        match filled {
            Filled::Budget => self.list_behind(token),
            Filled::Blocked => {}
            Filled::End(how) => self.peer_ended(token, how),
        }
    }

    /// Hands what was read, and what a connection had before, to its machine.
    fn hand_over(&mut self, token: Token, len: usize) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        let (id, bytes) = (conn.machine, &mut conn.buffer);
        bytes.extend_from_slice(&self.scratch[..len]);
        let begun = self.net.now();
        self.stations[id.0].hear(self.now, Input::Received { conn: ConnId(token.0), bytes });
        conn.quantum.adapt(len, self.net.now().since(begun));
        if conn.buffer.is_empty() {
            conn.buffer = BytesMut::new();
        }
        self.touch(id);
    }

    /// Hands a connection's buffer to its machine; an emptied one is given back to the allocator.
    fn present(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        let (id, bytes) = (conn.machine, &mut conn.buffer);
        self.stations[id.0].hear(self.now, Input::Received { conn: ConnId(token.0), bytes });
        if conn.buffer.is_empty() {
            conn.buffer = BytesMut::new();
        }
        self.touch(id);
    }

    fn peer_ended(&mut self, token: Token, how: Closed) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        match conn.phase {
            Phase::Open => {
                conn.phase = Phase::Over(how);
                conn.peer_done = true;
                self.ended.push(token);
            }
            Phase::Flushing if how == Closed::ByPeer => conn.peer_done = true,
            Phase::Flushing | Phase::Draining => self.finish(token, Closed::ByUs),
            Phase::Over(_) => {}
        }
    }

    /// Tells the machines about connections that their peers have ended. What a machine answered to the last bytes has
    /// been written by now if the socket took it.
    pub(crate) fn bury(&mut self) {
        for token in std::mem::take(&mut self.ended) {
            if let Some(Socket::Connection(conn)) = self.sockets.get(token)
                && let Phase::Over(how) = conn.phase
                && !conn.has_more_to_say(how)
            {
                self.finish(token, how);
            }
        }
    }

    /// Queues a frame, or holds it as the shim says.
    pub(crate) fn send(&mut self, token: Token, bytes: Bytes, solo: bool) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        if conn.closing() || bytes.is_empty() {
            return;
        }
        let frame = Frame { bytes, solo };
        let Some(shim) = &mut self.shim else {
            conn.queue.push_back(frame);
            return self.list_unflushed(token);
        };
        let at = self.now + shim.delay(conn.machine, conn.peer);
        let at = conn.held.back().map_or(at, |(last, _)| at.max(*last));
        conn.held.push_back((at, frame));
        if conn.held.len() == 1 {
            self.set_alarm(Alarm::Release(token), at);
        }
    }

    /// Queues the held frames whose time has come.
    pub(crate) fn release(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        while conn.held.front().is_some_and(|(at, _)| *at <= self.now) {
            conn.queue.extend(conn.held.pop_front().map(|(_, frame)| frame));
        }
        if let Some((at, _)) = conn.held.front() {
            let at = *at;
            self.set_alarm(Alarm::Release(token), at);
        }
        self.list_unflushed(token);
    }

    /// Writes what a connection has queued and tells its machine how much went.
    pub(crate) fn flush_connection(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        conn.unflushed = false;
        let machine = conn.machine;
        match conn.write() {
            Ok(n) => {
                let closing = conn.closing();
                if n > 0 && !closing {
                    self.tell(machine, Input::Flushed { conn: ConnId(token.0), n });
                }
                self.shut_down_if_flushed(token);
            }
            Err(error) => self.write_failed(token, &error),
        }
    }

    /// What the peer said before it broke off may still be there to read: the end is told after that.
    fn write_failed(&mut self, token: Token, error: &io::Error) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        tracing::debug!(conn = token.0, %error, "could not be written");
        conn.queue.clear();
        conn.held.clear();
        conn.can_write = false;
        if conn.closing() {
            return self.finish(token, Closed::ByUs);
        }
        if conn.phase == Phase::Open {
            conn.can_read = true;
            if conn.reading {
                self.read_connection(token);
            }
            self.peer_ended(token, Closed::Broken);
        }
    }

    /// Once all of a closed connection is written: announces the end and waits for the peer's.
    fn shut_down_if_flushed(&mut self, token: Token) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        if conn.phase != Phase::Flushing || !conn.queue.is_empty() || !conn.held.is_empty() {
            return;
        }
        conn.phase = Phase::Draining;
        if conn.stream.shutdown_write().is_err() || conn.peer_done {
            return self.finish(token, Closed::ByUs);
        }
        let until = self.now + self.limits.drain;
        self.set_alarm(Alarm::Linger(token), until);
        self.list(token);
    }

    /// Stops or resumes reading.
    pub(crate) fn set_reading(&mut self, token: Token, on: bool) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        if conn.closing() || conn.reading == on {
            return;
        }
        conn.reading = on;
        let is_over = matches!(conn.phase, Phase::Over(_));
        if on && !conn.buffer.is_empty() {
            self.present(token);
        }
        if is_over {
            self.ended.push(token);
        }
        self.list(token);
    }

    /// Ends a connection as its machine wants it.
    pub(crate) fn close(&mut self, token: Token, how: CloseHow, why: Why) {
        let Some(Socket::Connection(conn)) = self.sockets.get_mut(token) else { return };
        tracing::debug!(machine = conn.machine.0, conn = token.0, remote = %conn.remote, %why, ?how, "closing");
        match how {
            CloseHow::Abort => self.finish(token, Closed::ByUs),
            CloseHow::Flush if conn.phase == Phase::Over(Closed::Broken) => self.finish(token, Closed::ByUs),
            CloseHow::Flush if conn.closing() => {}
            CloseHow::Flush => {
                conn.phase = Phase::Flushing;
                conn.buffer = BytesMut::new();
                let (host, until) = (conn.remote.ip(), self.now + self.limits.flush);
                self.set_alarm(Alarm::Linger(token), until);
                self.list(token);
                self.list_unflushed(token);
                self.count_closing(token, host);
            }
        }
    }

    /// A closed connection has had its time.
    pub(crate) fn linger_over(&mut self, token: Token) {
        self.finish(token, Closed::ByUs);
    }

    /// Gives a connection's socket up and tells its machine.
    pub(crate) fn finish(&mut self, token: Token, why: Closed) {
        let Some(Socket::Connection(_)) = self.sockets.get(token) else { return };
        let Some(Socket::Connection(conn)) = self.sockets.remove(token) else { return };
        self.closing.remove(token);
        for alarm in [Alarm::Linger(token), Alarm::Release(token)] {
            self.timers.cancel(alarm);
        }
        if let Some(local) = conn.dialed_from {
            self.own_addresses.remove(&local);
        }
        tracing::debug!(machine = conn.machine.0, conn = token.0, remote = %conn.remote, ?why, "closed");
        self.tell(conn.machine, Input::Closed { conn: ConnId(token.0), why });
    }
}
