//! The relay by hand on mio: as little as does the same. It tells its address, and takes a source and then a sink.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const SLICES: usize = 64;
/// Octets that it holds before it stops reading.
const WINDOW: usize = 256 << 10;

/// Relays messages of so many octets.
pub(crate) fn relay(tell: impl FnOnce(SocketAddr), message: usize) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(64);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    poll.registry().register(&mut listener, Token(0), Interest::READABLE).unwrap();
    tell(listener.local_addr().unwrap());
    let mut ends: Vec<TcpStream> = Vec::new();
    let mut relay = Relay { message, ..Relay::default() };
    loop {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            if event.token() == Token(0) {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true).unwrap();
                    let token = Token(ends.len() + 1);
                    poll.registry()
                        .register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)
                        .unwrap();
                    ends.push(stream);
                }
            }
            relay.can_read |= event.token() == Token(1) && event.is_readable();
            relay.can_write |= event.token() == Token(2) && event.is_writable();
            if event.token() == Token(2) && event.is_read_closed() {
                return;
            }
        }
        if let [from, to] = &mut ends[..] {
            relay.pump(from, to);
        }
    }
}

#[derive(Default)]
struct Relay {
    message: usize,
    buffer: BytesMut,
    queue: VecDeque<Bytes>,
    queued: usize,
    begun: bool,
    can_read: bool,
    can_write: bool,
}

impl Relay {
    fn pump(&mut self, from: &mut TcpStream, to: &mut TcpStream) {
        let mut scratch = [0; 64 << 10];
        loop {
            let could_read = self.can_read && self.queued <= WINDOW;
            if could_read {
                match from.read(&mut scratch) {
                    Ok(0) => self.can_read = false,
                    Ok(n) => self.take(&scratch[..n]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_read = false,
                    Err(error) => panic!("{error}"),
                }
            }
            while self.can_write && !self.queue.is_empty() {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = slices.iter_mut().zip(&self.queue).map(|(s, f)| *s = IoSlice::new(f)).count();
                match to.write_vectored(&slices[..count]) {
                    Ok(n) => self.advance(n),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                    Err(_) => return,
                }
            }
            if !(self.can_read && self.queued <= WINDOW) {
                return;
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        if !self.begun {
            self.begun = true;
            bytes = &bytes[1..];
        }
        self.buffer.extend_from_slice(bytes);
        while self.buffer.len() >= self.message {
            self.queue.push_back(self.buffer.split_to(self.message).freeze());
            self.queued += self.message;
        }
    }

    fn advance(&mut self, mut n: usize) {
        self.queued -= n;
        while let Some(front) = self.queue.front_mut() {
            let step = n.min(front.len());
            front.advance(step);
            n -= step;
            if !front.is_empty() {
                return;
            }
            self.queue.pop_front();
        }
    }
}
