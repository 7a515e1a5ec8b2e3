//! A flight recorder: what goes into a machine, so that its run can be repeated to the bit.
//!
//! A machine's outputs follow from what it is built from, and from its inputs and commands with their times. A
//! [`Recorder`] is a [`Machine`] around another one; it writes both down, with what the outputs were like ([`Outputs`]), and
//! hands the octets to a [`Sink`] piece by piece. Where they are kept they are [sealed](Piece::seal) by check sums. A
//! [`Recording`] reads them back, and a [`Replay`] builds the machine again, feeds it, and tells at which input its outputs
//! differ from those of the recorded run. There are no files here: a sink is the driver's, as `egoist_mio::flight` is that of
//! the mio driver.
//!
//! What is recorded must be told how to write its commands and what it is built from: [`Recordable`]. The overlay is.
//!
//! ```
//! use std::{cell::RefCell, rc::Rc};
//! use std::convert::Infallible;
//! use bytes::Bytes;
//! use egoist_core::kernel::{Class, Input, Machine, Output, Port, Time, Wake};
//! use egoist_core::record::{Pen, Piece, Reader, Recordable, Recorder, Recording, Replay};
//!
//! /// Answers datagrams with their number.
//! struct Counter { n: u64, out: Vec<Output<()>> }
//!
//! impl Machine for Counter {
//!     type Command = u64;
//!     type Reply = ();
//!     type Refusal = ();
//!     type Event = ();
//!     fn handle(&mut self, _: Time, input: Input<'_>) {
//!         let Input::Datagram { port, from, .. } = input else { return };
//!         self.n += 1;
//!         self.out.push(Output::Datagram { port, to: from, payload: Bytes::from(self.n.to_string()), class: Class::Urgent });
//!     }
//!     fn command(&mut self, _: Time, n: u64) -> Result<(), ()> { self.n = n; Ok(()) }
//!     fn poll(&mut self) -> Option<Output<()>> { self.out.pop() }
//!     fn poll_timeout(&self) -> Option<Wake> { None }
//! }
//!
//! impl Recordable for Counter {
//!     const KIND: &'static str = "counter 1";
//!     type Setup = u64;
//!     type Unfit = Infallible;
//!     fn build(n: u64) -> Result<Self, Infallible> { Ok(Counter { n, out: Vec::new() }) }
//!     fn write_setup(n: &u64, pen: &mut Pen<'_>) { pen.number(*n) }
//!     fn read_setup(reader: &mut Reader<'_>) -> Option<u64> { reader.number() }
//!     fn write_command(n: &u64, pen: &mut Pen<'_>) { pen.number(*n) }
//!     fn read_command(reader: &mut Reader<'_>) -> Option<u64> { reader.number() }
//! }
//!
//! // A driver drives the recorder as it would drive the machine.
//! let octets = Rc::new(RefCell::new(Vec::new()));
//! let tape = Rc::clone(&octets);
//! let sink = move |piece: Piece| piece.seal(&mut *tape.borrow_mut());
//! let mut machine = Recorder::<Counter, _>::new(3, sink).unwrap();
//! let from = "127.0.0.1:9".parse().unwrap();
//! machine.handle(Time::from_secs(1), Input::Datagram { port: Port(0), from, bytes: b"?" });
//! while machine.poll().is_some() {}
//! machine.command(Time::from_secs(2), 40).unwrap();
//! machine.handle(Time::from_secs(3), Input::Datagram { port: Port(0), from, bytes: b"?" });
//! while machine.poll().is_some() {}
//! drop(machine);
//!
//! let octets = octets.borrow();
//! let recording = Recording::read(&octets).unwrap();
//! let mut replay = Replay::<Counter>::new(recording).unwrap();
//! let mut said = Vec::new();
//! while let Some(step) = replay.step(|output| said.push(format!("{output:?}"))).unwrap() {
//!     println!("{}: {:?}", step.number, step.at);
//! }
//! assert_eq!((replay.machine().n, said.len()), (41, 2));
//! ```

mod digest;
mod entry;
mod octets;
mod recorder;
mod recording;
mod replay;
#[cfg(test)]
mod tests;

use core::fmt::Debug;

use crate::kernel::Machine;

pub use digest::{Digest, Outputs};
pub use entry::{Entry, Given, LONGEST, Plain, Polled};
pub use octets::{Pen, Reader};
pub use recorder::{PIECE, Piece, Recorder, SOONEST, Sink};
pub use recording::{Damage, Entries, Head, Recording, later};
pub use replay::{Difference, Refused, Replay, Step, Stop};

/// A machine that can be recorded: everything that goes into it beside inputs has octets.
///
/// What it is built from must be all: a machine that asks anybody else for anything cannot be replayed.
pub trait Recordable: Machine<Event: Debug, Reply: Debug, Refusal: Debug> + Sized {
    /// What the machine is and the version of how it is written here; a recording of another kind is refused.
    const KIND: &'static str;

    /// What the machine is built from, its seed included.
    type Setup;

    /// Why a setup is none to build a machine from.
    type Unfit: Debug;

    /// Builds the machine.
    ///
    /// # Errors
    /// The setup is none to build one from.
    fn build(setup: Self::Setup) -> Result<Self, Self::Unfit>;

    /// Writes what it is built from.
    fn write_setup(setup: &Self::Setup, pen: &mut Pen<'_>);

    /// Reads it; `None` if the octets mean none.
    fn read_setup(reader: &mut Reader<'_>) -> Option<Self::Setup>;

    /// Writes a command.
    fn write_command(command: &Self::Command, pen: &mut Pen<'_>);

    /// Reads it; `None` if the octets mean none.
    fn read_command(reader: &mut Reader<'_>) -> Option<Self::Command>;
}
