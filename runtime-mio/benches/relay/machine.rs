//! The relay as a machine on the driver.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use bytes::Buf;
use egoist_core::kernel::{Class, ConnId, Input, Machine, Output, Time, Wake};
use egoist_core::record::{Recordable, Recorder};
use egoist_mio::flight::Flight;
use egoist_mio::{Driver, Setup};

use crate::{MESSAGE, MESSAGES, Tell, WINDOW};

pub(crate) fn relay(tell: Tell) {
    drive(tell, Relay::default());
}

/// The same with the last inputs kept in memory, as every node has it.
pub(crate) fn remembered(tell: Tell) {
    drive(tell, Recorder::<Relay, _>::new((), Flight::new(None)).unwrap());
}

/// The same with everything written to a file.
pub(crate) fn recorded(tell: Tell) {
    // In memory where that is possible: the disk is not what is measured.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let file = folder.path().join("relay.rec");
    let flight = Flight::new(None).to_file(&file, u64::MAX).unwrap();
    drive(tell, Recorder::<Relay, _>::new((), flight).unwrap());
    let octets = std::fs::metadata(&file).unwrap().len();
    let whole = (MESSAGES * MESSAGE) as u64;
    // Deleting it is no cost of the loop's thread.
    thread::spawn(move || drop(folder)).join().unwrap();
    assert!(
        octets > whole,
        "the recording ended early, after {octets} of {whole} octets: nothing is measured"
    );
}

fn drive(tell: impl FnOnce(SocketAddr), machine: impl Machine<Event = ()> + 'static) {
    let mut driver = Driver::new().unwrap();
    let setup = Setup { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Setup::default() };
    let bound = driver.bind(&setup).unwrap();
    tell(bound.listeners()[0]);
    driver.add(bound, machine, |host, ()| host.stop());
    driver.run().unwrap();
}

impl Recordable for Relay {
    const KIND: &'static str = "relay";
    type Setup = ();
    type Unfit = Infallible;

    fn build((): ()) -> Result<Self, Infallible> {
        Ok(Relay::default())
    }
}

/// Sends the messages of the connection that opened first to the one that opened second.
#[derive(Default)]
struct Relay {
    ends: Vec<ConnId>,
    begun: bool,
    paused: bool,
    unflushed: usize,
    now: Time,
    out: VecDeque<Output<()>>,
}

impl Relay {
    fn pause_or_resume(&mut self) {
        let pause = self.unflushed > WINDOW;
        if pause != self.paused {
            self.paused = pause;
            self.out.push_back(Output::Reading { conn: self.ends[0], on: !pause });
        }
    }
}

impl Machine for Relay {
    type Command = ();
    type Reply = ();
    type Refusal = ();
    type Event = ();

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Opened { conn, .. } => self.ends.push(conn),
            Input::Received { conn, bytes } if conn == self.ends[0] => {
                if !self.begun {
                    self.begun = true;
                    bytes.advance(1);
                }
                let Some(to) = self.ends.get(1).copied() else { return };
                while bytes.len() >= MESSAGE {
                    let frame = bytes.split_to(MESSAGE).freeze();
                    self.unflushed += frame.len();
                    self.out.push_back(Output::Send { conn: to, frame, class: Class::Bulk, solo: false });
                }
                self.pause_or_resume();
            }
            Input::Flushed { n, .. } => {
                self.unflushed -= n;
                self.pause_or_resume();
            }
            Input::Closed { conn, .. } if conn != self.ends[0] => self.out.push_back(Output::Event(())),
            _ => {}
        }
    }

    fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
        Err(())
    }

    fn poll(&mut self) -> Option<Output<()>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.out.is_empty()).then_some(Wake { at: self.now, why: "output" })
    }
}
