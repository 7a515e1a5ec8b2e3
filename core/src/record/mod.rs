//! A flight recorder: what goes into a machine, so that its run can be repeated to the bit.
//!
//! A machine's outputs follow from what it is built from, and from its inputs and commands with their times. A
//! [`Recorder`] is a [`Machine`] around another one; it writes both down, with what the outputs were like ([`Outputs`]), and
//! hands the octets to a [`Sink`] piece by piece. Where they are kept they are [sealed](Piece::seal) by check sums. A
//! [`Recording`] reads them back, and a [`Replay`] builds the machine again, feeds it, and tells at which input its outputs
//! differ from those of the recorded run. There are no files here: a sink is the driver's, as `egoist_mio::flight` is that of
//! the mio driver.
//!
//! What is recorded says what it is built from, and what goes in beside inputs has serde's traits: [`Recordable`].
//!
//! ```
//! use std::{cell::RefCell, rc::Rc};
//! use std::convert::Infallible;
//! use bytes::Bytes;
//! use egoist_core::kernel::{Class, Input, Machine, Output, Port, Time, Wake};
//! use egoist_core::record::{Piece, Recordable, Recorder, Recording, Replay};
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

#[cfg(feature = "sim")]
pub mod checks;
mod digest;
mod entry;
pub(crate) mod octets;
mod recorder;
mod recording;
mod replay;
#[cfg(test)]
mod tests;

use core::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kernel::Machine;

pub use digest::{Digest, Outputs};
pub use entry::{Entry, Given, LONGEST, Polled};
pub use recorder::{PIECE, Piece, Recorder, SOONEST, Sink};
pub use recording::{Damage, Entries, Head, Recording, later};
pub use replay::{Difference, Refused, Replay, Step, Stop};

/// A machine that can be recorded: what goes into it beside inputs is serialised, and what it says is hashed, as
/// [postcard](https://docs.rs/postcard) writes it.
///
/// What it is built from must be all: a machine that asks anybody else for anything cannot be replayed. Addresses among
/// it are exact with [`kernel::address`](crate::kernel::address). A command that refuses to be serialised ends the
/// recording.
pub trait Recordable:
    Machine<Command: Serialize + DeserializeOwned, Event: Serialize, Reply: Serialize, Refusal: Serialize> + Sized
{
    /// What the machine is, and a number that rises when its commands, or what it is built from, have other fields than
    /// before, or in another order: a recording of another kind is refused.
    const KIND: &'static str;

    /// What the machine is built from, its seed included.
    type Setup: Serialize + DeserializeOwned;

    /// Why a setup is none to build a machine from.
    type Unfit: Debug;

    /// Builds the machine.
    ///
    /// # Errors
    /// The setup is none to build one from.
    fn build(setup: Self::Setup) -> Result<Self, Self::Unfit>;
}
