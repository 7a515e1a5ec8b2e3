//! One machine, and a driver without a network that does what a script of octets says: for fuzzers.

use core::net::SocketAddr;
use core::time::Duration;

use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::kernel::{
    Checked, Closed, ConnId, DialError, How, Input, Machine, Output, Patience, Port, Ticket, Time,
};
use crate::record::{Recordable, checks};

/// The most connections at once.
const CONNECTIONS: usize = 8;

/// Whence strangers connect.
const STRANGERS: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::LOCALHOST), 40_000);

/// Drives a machine as the octets of `script` say: connections that are accepted at `ports` listeners, dials that are
/// answered, raw octets and right frames on them, writes that are flushed, ends, time, commands, and a clock on the wall.
/// `frame` is what has business being said on a connection that came to be so; `command` makes one of an octet. The contract is kept by both sides, and the machine's recording is
/// replayed without a difference. What is asked of a store is never answered, and datagrams are lost.
///
/// # Panics
/// The machine cannot be built of `setup`, or one of that is not so.
pub fn play<M: Recordable>(
    setup: M::Setup,
    ports: u16,
    script: &[u8],
    frame: impl FnMut(How) -> Bytes,
    command: impl FnMut(u8) -> M::Command,
) {
    let played = checks::repeated::<M>(setup, |machine| {
        Hand::new(Checked::with_patience(machine, Patience::ENDLESS), ports, frame, command).play(script);
    });
    played.expect("it can be lived by");
}

/// A connection as a driver keeps it.
struct Wire {
    how: How,
    buffer: BytesMut,
    unflushed: usize,
    paused: bool,
}

/// A right driver, whose network does what the script says.
struct Hand<M, F, C> {
    machine: M,
    ports: u16,
    frame: F,
    command: C,
    now: Time,
    conns: u64,
    open: BTreeMap<ConnId, Wire>,
    dials: VecDeque<(Ticket, SocketAddr)>,
    done: bool,
}

impl<M: Machine, F: FnMut(How) -> Bytes, C: FnMut(u8) -> M::Command> Hand<M, F, C> {
    fn new(machine: M, ports: u16, frame: F, command: C) -> Self {
        let (open, dials) = (BTreeMap::new(), VecDeque::new());
        Hand { machine, ports, frame, command, now: Time::ZERO, conns: 0, open, dials, done: false }
    }

    fn play(mut self, script: &[u8]) {
        let mut script = script.iter();
        self.drain();
        while !self.done && self.step(&mut script).is_some() {
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Dial { ticket, to, .. } => self.dials.push_back((ticket, to)),
                Output::Send { conn, frame, .. } => {
                    self.open.get_mut(&conn).expect("it names what is open").unflushed += frame.len();
                }
                Output::Reading { conn, on } => self.read(conn, on),
                Output::Close { conn, .. } => {
                    self.open.remove(&conn);
                    self.machine.handle(self.now, Input::Closed { conn, why: Closed::ByUs });
                }
                Output::Done => self.done = true,
                _ => {}
            }
        }
    }

    /// Does what the next octets say; `None` at their end.
    fn step<'a>(&mut self, script: &mut impl Iterator<Item = &'a u8>) -> Option<()> {
        let (act, with) = (*script.next()?, *script.next()?);
        match act % 8 {
            0 => self.open(How::Accepted(Port(u16::from(with) % self.ports)), STRANGERS),
            1 => self.answer_dial(with),
            2 => {
                let octets: Vec<u8> = script.take((act / 8).into()).copied().collect();
                self.say(with, &octets);
            }
            3 => self.say_frame(with),
            4 => self.flush(with),
            5 => self.end(with),
            6 => self.pass(Duration::from_millis(u64::from(with) * u64::from(with) * u64::from(act / 8 + 1))),
            _ => self.ask(with),
        }
        Some(())
    }

    fn open(&mut self, how: How, remote: SocketAddr) {
        if self.open.len() < CONNECTIONS {
            let conn = ConnId(self.conns);
            self.conns += 1;
            self.open.insert(conn, Wire { how, buffer: BytesMut::new(), unflushed: 0, paused: false });
            self.machine.handle(self.now, Input::Opened { conn, how, remote });
        }
    }

    fn answer_dial(&mut self, with: u8) {
        let Some((ticket, to)) = self.dials.pop_front() else { return };
        if with.is_multiple_of(3) || self.open.len() >= CONNECTIONS {
            self.machine.handle(self.now, Input::DialFailed { ticket, why: DialError::Refused });
        } else {
            self.open(How::Dialed(ticket), to);
        }
    }

    fn picked(&self, with: u8) -> Option<ConnId> {
        self.open.keys().nth(usize::from(with) % self.open.len().max(1)).copied()
    }

    fn say_frame(&mut self, with: u8) {
        let Some(conn) = self.picked(with) else { return };
        let frame = (self.frame)(self.open[&conn].how);
        self.say(with, &frame);
    }

    fn say(&mut self, with: u8, octets: &[u8]) {
        let Some(conn) = self.picked(with) else { return };
        let Some(wire) = self.open.get_mut(&conn) else { return };
        wire.buffer.extend_from_slice(octets);
        self.present(conn);
    }

    fn present(&mut self, conn: ConnId) {
        if let Some(wire) = self.open.get_mut(&conn).filter(|wire| !wire.paused) {
            self.machine.handle(self.now, Input::Received { conn, bytes: &mut wire.buffer });
        }
    }

    /// When reading is turned on again the buffer is presented again.
    fn read(&mut self, conn: ConnId, on: bool) {
        self.open.entry(conn).and_modify(|wire| wire.paused = !on);
        self.present(conn);
    }

    fn flush(&mut self, with: u8) {
        let Some(conn) = self.picked(with) else { return };
        let n = self.open.get_mut(&conn).map_or(0, |wire| core::mem::take(&mut wire.unflushed));
        if n > 0 {
            self.machine.handle(self.now, Input::Flushed { conn, n });
        }
    }

    fn end(&mut self, with: u8) {
        let Some(conn) = self.picked(with) else { return };
        self.open.remove(&conn);
        self.machine.handle(self.now, Input::Closed { conn, why: Closed::ByPeer });
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.machine.handle(self.now, Input::Tick);
    }

    fn ask(&mut self, with: u8) {
        if with >= 200 {
            let unix = Duration::from_secs(u64::from(with) << 40);
            return self.machine.handle(self.now, Input::WallTime { unix });
        }
        // Whether it is refused is the machine's business.
        let _ = self.machine.command(self.now, (self.command)(with));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::convert::Infallible;

    use super::*;
    use crate::kernel::{Backlog, Class, Conns, News, Outputs, Wake};

    std::thread_local! {
        /// What machines were told, in short.
        static TOLD: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
        static BUILT: Cell<u64> = const { Cell::new(0) };
    }

    /// Dials, echoes, and reads nothing more of a connection until a tick.
    struct Echo {
        conns: Conns<()>,
        out: Outputs<u64>,
        /// What it says, for which there may be no reason in what it was told.
        whim: u64,
    }

    impl Echo {
        fn heard(&mut self, conn: ConnId, bytes: &mut BytesMut) {
            let frame = bytes.split().freeze();
            assert!(self.conns.send(&mut self.out, conn, Class::Control, frame).is_ok());
            self.conns.pause(&mut self.out, conn);
        }

        fn tick(&mut self) {
            for conn in self.conns.ids().collect::<Vec<_>>() {
                self.conns.resume(&mut self.out, conn);
            }
            self.out.event(self.whim);
        }
    }

    impl Machine for Echo {
        type Command = u8;
        type Reply = ();
        type Refusal = ();
        type Event = u64;

        fn handle(&mut self, now: Time, input: Input<'_>) {
            let told = match self.conns.handle(now, &mut self.out, input) {
                Some(News::Opened(opening)) => {
                    let how = if opening.origin().dialed().is_some() { "dialled" } else { "accepted" };
                    self.conns.keep(opening, ());
                    how
                }
                Some(News::Received { conn, bytes }) => {
                    self.heard(conn, bytes);
                    "heard"
                }
                Some(News::Flushed(_)) => "flushed",
                Some(News::Ended(_)) => "ended",
                Some(News::DialFailed { .. }) => "failed",
                Some(News::Other(Input::Tick)) => {
                    self.tick();
                    "tick"
                }
                Some(News::Other(_)) => "clock",
                None => return,
            };
            TOLD.with_borrow_mut(|all| all.push(told));
        }

        fn command(&mut self, now: Time, port: u8) -> Result<(), ()> {
            self.conns.advance(now);
            let to = SocketAddr::new([127, 0, 0, 1].into(), port.into());
            self.conns.dial(&mut self.out, to, Duration::from_secs(5), to);
            Ok(())
        }

        fn poll(&mut self) -> Option<Output<u64>> {
            self.out.poll()
        }

        fn poll_timeout(&self) -> Option<Wake> {
            self.conns.wake(&self.out)
        }
    }

    impl Recordable for Echo {
        const KIND: &'static str = "echo";
        type Setup = bool;
        type Unfit = Infallible;

        fn build(flawed: bool) -> Result<Self, Infallible> {
            BUILT.set(BUILT.get() + 1);
            let whim = if flawed { BUILT.get() } else { 0 };
            Ok(Echo { conns: Conns::new(Backlog::default(), Time::ZERO), out: Outputs::new(), whim })
        }
    }

    /// Each kind of act: two dials, one of them answered; a stranger; what is said while it is read, and while not.
    const SCRIPT: [u8; 25] =
        [7, 7, 7, 8, 1, 0, 1, 1, 0, 0, 3, 0, 4, 0, 2 + 8, 0, b'x', 6, 1, 5, 0, 7, 200, 5, 0];

    #[test]
    fn a_machine_is_told_what_the_script_says_and_again_when_it_is_replayed() {
        play::<Echo>(false, 1, &SCRIPT, |_| Bytes::from_static(b"frame"), |with| with);
        let told = TOLD.take();
        let once =
            ["failed", "dialled", "accepted", "heard", "flushed", "tick", "heard", "ended", "clock", "ended"];
        assert_eq!(told, [once, once].concat());
    }

    #[test]
    #[should_panic(expected = "the same inputs give the same outputs")]
    fn a_machine_that_does_something_else_when_it_is_replayed_is_caught() {
        play::<Echo>(true, 1, &SCRIPT, |_| Bytes::from_static(b"frame"), |with| with);
    }
}
