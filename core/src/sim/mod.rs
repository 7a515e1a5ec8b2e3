//! Worlds of machines in simulated time.
//!
//! A [`World`] runs any [`Machine`](crate::kernel::Machine) on an emulated network: delays from a [`Matrix`] (measured
//! ones, or the built-in [`cities`]) and jitter. Everything follows from one seed, so that a run can be repeated to the
//! byte. It knows no protocol, and has nodes of several in it where its machines are [`AnyMachine`]s.
//!
//! What can go wrong, each from the seed, free while unused, and counted in a [`Tally`] when it took effect:
//!
//! | where | faults |
//! |---|---|
//! | datagrams | even loss, everywhere or one way; loss in [`Bursts`]; copies; overtaking |
//! | ways | cut one way or both, a partition into two sets for a time, flapping; blocked for datagrams alone; too narrow for packets above a size |
//! | addresses | datagrams that leave from another than the name has, as behind a translator; one that changes while the node runs ([`Sockets`]) |
//! | connections | forgotten by the network, so that both ends talk into the void ([`World::sever`]); a reader that is slow or reads nothing |
//! | processes | killed, restarted with what they stored, without it, or with an older state ([`Restart`]); stopped, as by SIGSTOP; starved to [`Slices`] |
//! | hosts | fallen silent; a disk that fails |
//! | clocks | begin elsewhere ([`Config::clocks`]), step forward, drift, are coarse |
//! | drivers | oversleep; wake before it is time |
//! | several at once | those with most connections killed; nodes that come and go by traces |
//!
//! [`faults`] makes a small language of them, which a seed, proptest and a fuzzer speak alike. [`scenario`] has them happen to
//! nodes of any protocol that says what must hold afterwards, and makes what fails smaller.
//! [`laws`] holds a machine to the contract on which such a driver relies. [`hand`] drives a single one by octets of a fuzzer.
//!
//! ```
//! use egoist_core::kernel::{Class, Input, Machine, Output, Port, Seed, Time, Wake};
//! use egoist_core::sim::{Config, World, address};
//!
//! /// Asks node 1 once and tells the user when the answer comes; everybody else answers.
//! struct Ping { ask: bool, out: Vec<Output<Time>> }
//!
//! impl Machine for Ping {
//!     type Command = ();
//!     type Reply = ();
//!     type Refusal = ();
//!     type Event = Time;
//!     fn handle(&mut self, now: Time, input: Input<'_>) {
//!         let Input::Datagram { port, from, bytes } = input else { return };
//!         let payload = bytes::Bytes::copy_from_slice(bytes);
//!         self.out.push(if self.ask { Output::Event(now) } else { Output::Datagram { port, to: from, payload, class: Class::Urgent } });
//!     }
//!     fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
//!         let payload = bytes::Bytes::from_static(b"?");
//!         self.out.push(Output::Datagram { port: Port(0), to: address(1), payload, class: Class::Urgent });
//!         Ok(())
//!     }
//!     fn poll(&mut self) -> Option<Output<Time>> { self.out.pop() }
//!     fn poll_timeout(&self) -> Option<Wake> { None }
//! }
//!
//! let mut world = World::new(Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(1));
//! for ask in [true, false] {
//!     let node = world.add(move |_| Ping { ask, out: Vec::new() });
//!     world.start(node, Time::ZERO);
//! }
//! world.run_until(Time::from_secs(1), |_, _, _| ());
//! assert_eq!(world.command(0, ()), Some(Ok(())));
//! let mut answers = Vec::new();
//! world.run_until(Time::from_secs(2), |_, node, at| answers.push((node, at)));
//! assert_eq!(answers, [(0, Time::from_millis(1_010))]);
//! ```

mod abode;
pub mod cities;
mod clock;
mod counters;
pub mod faults;
pub mod hand;
pub mod laws;
mod matrix;
mod mixed;
mod net;
mod queue;
pub mod scenario;
mod slab;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
mod tally;
mod tcp;
#[cfg(test)]
mod tests;
mod trace;
mod weather;
mod world;

pub use abode::Sockets;
pub use counters::Counters;
pub use matrix::{Matrix, MatrixError, Sites, Unit};
pub use mixed::{AnyEvent, AnyMachine, NodeKey};
pub use net::{BASE_PORT, Delays, Jitter, address, address_of, elsewhere, node_at};
pub use tally::{Kind, Tally};
pub use trace::Trace;
pub use weather::Bursts;
pub use world::{Boot, Condition, Config, Restart, Slices, World};
