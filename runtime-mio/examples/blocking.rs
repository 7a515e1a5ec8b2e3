//! A machine without an event loop: one connection, blocking sockets, and the five steps every driver takes.
//!
//! Run it, then say something to it: `nc 127.0.0.1 7000`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use egoist_core::kernel::{Checked, Class, Closed, ConnId, How, Input, Machine, Output, Port, Time, Wake};

fn main() -> io::Result<()> {
    let (stream, _) = TcpListener::bind("127.0.0.1:7000")?.accept()?;
    // While a loop is being written, `Checked` says what it does wrong: it panics with a sentence.
    drive(&mut Checked::new(Echo::default()), stream, |event| println!("{event}"))
}

/// Drives any machine on one accepted connection until that is closed. What such a loop cannot do (dials, datagrams,
/// state) it leaves out; a machine that needs them needs a driver that has them.
fn drive<M: Machine>(
    machine: &mut M,
    mut stream: TcpStream,
    mut tell: impl FnMut(M::Event),
) -> io::Result<()> {
    let (start, conn) = (Instant::now(), ConnId(0));
    let now = || Time::ZERO + start.elapsed();
    let (mut bytes, mut piece, mut closed) = (BytesMut::new(), [0; 4096], None);
    let remote = stream.peer_addr()?;
    machine.handle(now(), Input::Opened { conn, how: How::Accepted(Port(0)), remote });
    loop {
        // 1. Do what the machine wants, until it wants no more.
        while let Some(output) = machine.poll() {
            match output {
                Output::Send { frame, .. } if closed.is_none() => {
                    stream.write_all(&frame)?;
                    machine.handle(now(), Input::Flushed { conn, n: frame.len() });
                }
                Output::Close { .. } => closed = Some(Closed::ByUs),
                Output::Event(event) => tell(event),
                // It has ended, and is told nothing more.
                Output::Done => return Ok(()),
                _ => {}
            }
        }
        // 2. An end is told once, and is the end of this loop.
        if let Some(why) = closed {
            stream.shutdown(Shutdown::Both).ok();
            machine.handle(now(), Input::Closed { conn, why });
            let last = std::iter::from_fn(|| machine.poll());
            last.for_each(|output| {
                if let Output::Event(event) = output {
                    tell(event);
                }
            });
            return Ok(());
        }
        // 3. Sleep until something arrives or the machine wants to be woken.
        let wait = machine.poll_timeout().map(|wake| wake.at.since(now()).max(Duration::from_micros(1)));
        stream.set_read_timeout(wait)?;
        match stream.read(&mut piece) {
            Ok(0) => closed = Some(Closed::ByPeer),
            // 4. Hand over what arrived. What the machine leaves is presented again with more.
            Ok(n) => {
                bytes.extend_from_slice(&piece[..n]);
                machine.handle(now(), Input::Received { conn, bytes: &mut bytes });
            }
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => closed = Some(Closed::Broken),
        }
        // 5. Then tell the time.
        if machine.poll_timeout().is_some_and(|wake| wake.at <= now()) {
            machine.handle(now(), Input::Tick);
        }
    }
}

/// Sends back what it is sent.
#[derive(Default)]
struct Echo {
    now: Time,
    out: VecDeque<Output<String>>,
}

impl Machine for Echo {
    type Command = Infallible;
    type Reply = Infallible;
    type Refusal = Infallible;
    type Event = String;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Received { conn, bytes } => {
                let frame = bytes.split().freeze();
                self.out.push_back(Output::Event(format!("{} octets", frame.len())));
                self.out.push_back(Output::Send { conn, frame, class: Class::Bulk, solo: false });
            }
            Input::Closed { why, .. } => self.out.push_back(Output::Event(format!("closed: {why:?}"))),
            _ => {}
        }
    }

    fn command(&mut self, _: Time, command: Infallible) -> Result<Infallible, Infallible> {
        match command {}
    }

    fn poll(&mut self) -> Option<Output<String>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.out.is_empty()).then_some(Wake { at: self.now, why: "output" })
    }
}
