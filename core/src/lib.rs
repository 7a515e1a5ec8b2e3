//! Egoist's protocols as pure state machines: time, bytes and random seeds come in, frames and wishes go out.
//!
//! Nothing here reads a clock, opens a socket, starts a thread or draws a number that does not follow from the seed it
//! was given. That is left to a *driver*: the event loop of the package `egoist-mio`, the simulator in `sim`, or one of
//! your own, which is a loop of five steps.
//!
//! # The run loop
//!
//! Every protocol is a [`Machine`](kernel::Machine), and every driver of one does this:
//!
//! 1. build the machine; it may want something done at once;
//! 2. do what it wants, until it wants no more ([`poll`](kernel::Machine::poll));
//! 3. sleep until [`poll_timeout`](kernel::Machine::poll_timeout), or until something arrives;
//! 4. hand over what has arrived;
//! 5. then tell the time, and go on with 2.
//!
//! Here it is with a node of the overlay, driven by hand. Nobody answers where its bootstrap should be, and somebody
//! probes it after a while:
//!
//! ```
//! # #[cfg(feature = "overlay")] {
//! use std::collections::BTreeMap;
//!
//! use bytes::Bytes;
//! use egoist_core::kernel::{DialError, Input, Loaded, Machine, Output, Port, Seed, Time};
//! use egoist_core::overlay::{Config, Event, Overlay, Phase, wire::Network};
//!
//! // What a real driver has instead: files, and sockets.
//! let mut files: BTreeMap<Bytes, Bytes> = BTreeMap::new();
//! let (mut dials, mut answers, mut started) = (0, Vec::new(), None);
//! let mut arrives = Some((Time::from_secs(5), &b"PING@00000000000000aa@00000000000000000000000000000007\r\n"[..]));
//!
//! // 1. Build it: here it wants to load its state.
//! let (name, here) = (Network::new("example").unwrap(), "127.0.0.1:61300".parse().unwrap());
//! let config = Config {
//!     bootstraps: vec!["127.0.0.1:61223".parse().unwrap()],
//!     ..Config::new(Seed::from_u64(7), name, here)
//! };
//! let mut node = Overlay::new(config).unwrap();
//! let mut now = Time::ZERO;
//!
//! while now < Time::from_secs(10) {
//!     // 2. Do what it wants, until it wants no more. Answers may be given at once or later.
//!     while let Some(output) = node.poll() {
//!         match output {
//!             Output::Load { ticket, key } => {
//!                 let value = files.get(&key).map_or(Loaded::Absent, |octets| Loaded::Value(octets));
//!                 node.handle(now, Input::Loaded { ticket, value });
//!             }
//!             Output::Store { ticket, ops, .. } => {
//!                 for op in ops {
//!                     match op.value {
//!                         Some(octets) => files.insert(op.key, octets),
//!                         None => files.remove(&op.key),
//!                     };
//!                 }
//!                 node.handle(now, Input::Stored { ticket, result: Ok(()) });
//!             }
//!             Output::Dial { ticket, .. } => {
//!                 dials += 1;
//!                 node.handle(now, Input::DialFailed { ticket, why: DialError::Refused });
//!             }
//!             Output::Datagram { payload, .. } => answers.push(payload),
//!             Output::Event(Event::Started { id, incarnation }) => started = Some((id, incarnation)),
//!             // With a connection open there would be Send, Reading and Close as well.
//!             other => println!("{other:?}"),
//!         }
//!     }
//!     // 3. Sleep until it wants to be woken, or something arrives.
//!     let wake = node.poll_timeout().expect("a node without neighbours looks for some").at;
//!     assert!(wake > now, "drained, so it is later than now");
//!     now = arrives.map_or(wake, |(at, _)| wake.min(at));
//!     // 4. Hand over what has arrived.
//!     if let Some((_, bytes)) = arrives.take_if(|(at, _)| *at <= now) {
//!         let from = "127.0.0.1:61301".parse().unwrap();
//!         node.handle(now, Input::Datagram { port: Port(0), from, bytes });
//!     }
//!     // 5. Then tell the time.
//!     node.handle(now, Input::Tick);
//! }
//!
//! assert_eq!(started, node.id().map(|id| (id, 1)));
//! let (id, _) = started.unwrap();
//! assert_eq!(answers, [format!("PONG@00000000000000aa@{id}\r\n")], "whoever was meant");
//! assert!(dials >= 3, "the bootstrap is asked again");
//! assert_eq!(node.phase(), Phase::Alone);
//! assert!(files.contains_key(&b"identity"[..]), "the next start is incarnation 2 of the same node");
//! # }
//! ```
//!
//! # What holds between a machine and its driver
//!
//! Of the machine:
//!
//! - **`handle` cannot fail.** What a peer does wrong becomes [`Output::Close`](kernel::Output::Close) and an event.
//! - **`poll_timeout` is the last time given while `poll` would return something, and strictly later, or never, once
//!   drained.** A driver that sleeps exactly that long is always right, and never spins.
//! - **The order of draining and the splitting of bytes change nothing.** Several inputs before a drain, or bytes that
//!   arrive one at a time, give the same outputs.
//! - **The same seed and the same inputs give the same outputs,** to the byte and on every machine: a recording can be
//!   replayed.
//! - **What is due runs at [`Input::Tick`](kernel::Input::Tick) alone.** An input that arrives first is heard first.
//! - **A machine woken late convicts nobody.** It puts off what waits for others by the time that it slept itself.
//! - **Who sheds holds the queue.** At most 64 KiB of a connection, or one frame if that is larger, are with the driver
//!   and unflushed; the rest waits in the machine, by [`Class`](kernel::Class).
//! - **Nothing is said before the state is durable.** A machine that keeps state asks for it at construction.
//!
//! Of the driver:
//!
//! - **Time never goes back, and bytes that have arrived are handed over before the time that has passed.**
//! - **Each connection ends with one `Closed`, each ticket is answered once.** A machine's own `Close` is answered too.
//! - **A buffer stays the driver's.** The machine takes whole frames off its front; what is left is presented again with
//!   more, and when reading is turned on again even without more.
//! - **A connection whose other end is gone ends within a stated time**, even if datagrams still come through: the loop of
//!   `egoist-mio` gives a peer up that acknowledges nothing for 20 s.
//! - **What was flushed is reported.** Without [`Input::Flushed`](kernel::Input::Flushed) a machine soon sends no more.
//! - **Once reading is off, nothing is handed over** of that connection: what was read already waits in its buffer.
//!
//! [`Checked`](kernel::Checked) is a machine around another that holds a driver to its part: it panics with a sentence
//! when one of these is broken. While you write a loop of your own, give it one of those.
//!
//! `LAWS.md` beside this crate's manifest numbers those that are the machine's; `sim::laws` holds any machine to them.
//!
//! # Test your own machine, your own event loop
//!
//! `PROTOCOL.md` beside this crate's manifest, the page `protocol` of these docs, makes a machine in sixty lines and takes it
//! through most of this.
//!
//! What the machines and loops here are tested with is there for yours (but for the first in the features `sim` and
//! `strategies`, as development dependencies):
//!
//! - **The driver, checked.** [`Checked::new(machine)`](kernel::Checked) in place of a machine, wherever one is driven.
//! - **The laws.** Say what peers and users may do (`sim::laws::Lawful`), and `sim::laws::laws` holds the machine to the
//!   contract over scripts made up from numbers; a broken law names itself and the number.
//! - **The world.** A `sim::World` runs many of them in simulated time, on any delays, and whatever goes wrong in it goes
//!   wrong from a seed: `sim::faults::draw` makes up faults, `sim::faults::play` has them happen. With proptest,
//!   `sim::strategies::actions` draws and shrinks them, and `overlay::wire::strategies` packets.
//! - **Several protocols.** In a `sim::World` of `sim::AnyMachine`s each node runs a protocol of its own, and keys with
//!   their types ask and command them.
//! - **Scenarios.** Say what a node is made from and what must hold (`sim::scenario::Protocol`), and a
//!   `sim::scenario::Script` runs, is read and written as text, and is made smaller when it fails.
//! - **The hash.** `sim::Trace` is one number for all that a world did: a refactoring may not change it.
//! - **The recorder.** An event loop of your own drives a `record::Recorder` as it drives the machine. A
//!   `record::Replay` without a difference shows that nothing but its inputs went into the machine, and repeats on the
//!   desk what went wrong in the field.
//!
//! ```
//! # #[cfg(feature = "sim")] {
//! use std::{collections::VecDeque, net::SocketAddr, time::Duration};
//! use bytes::Bytes;
//! use egoist_core::kernel::{Class, How, Input, Machine, Output, Port, Rng, Seed, Streams, Time, Timers, Wake};
//! use egoist_core::sim::{Config, Trace, World, address, faults, laws};
//!
//! /// Says something to one peer each second, and tells the user how often it was spoken to.
//! struct Beacon { to: SocketAddr, heard: u64, now: Time, timers: Timers<()>, out: VecDeque<Output<u64>> }
//!
//! impl Beacon {
//!     fn new(now: Time, to: SocketAddr) -> Self {
//!         let mut timers = Timers::new();
//!         timers.set((), now + Duration::from_secs(1));
//!         Beacon { to, heard: 0, now, timers, out: VecDeque::new() }
//!     }
//! }
//!
//! impl Machine for Beacon {
//!     type Command = SocketAddr;
//!     type Reply = ();
//!     type Refusal = ();
//!     type Event = u64;
//!     fn handle(&mut self, now: Time, input: Input<'_>) {
//!         self.now = now;
//!         match input {
//!             Input::Tick => for () in self.timers.fire(now) {
//!                 let payload = Bytes::from_static(b"here");
//!                 self.out.push_back(Output::Datagram { port: Port(0), to: self.to, payload, class: Class::Urgent });
//!                 self.timers.set((), now + Duration::from_secs(1));
//!             },
//!             Input::Datagram { .. } => {
//!                 self.heard += 1;
//!                 self.out.push_back(Output::Event(self.heard));
//!             }
//!             Input::Received { bytes, .. } => bytes.clear(),
//!             _ => {}
//!         }
//!     }
//!     fn command(&mut self, now: Time, to: SocketAddr) -> Result<(), ()> {
//!         (self.now, self.to) = (now, to);
//!         Ok(())
//!     }
//!     fn poll(&mut self) -> Option<Output<u64>> { self.out.pop_front() }
//!     fn poll_timeout(&self) -> Option<Wake> {
//!         if !self.out.is_empty() { return Some(Wake { at: self.now, why: "output" }) }
//!         // What is due waits for a tick, and once drained a machine asks for one later than now: law 4.
//!         let later = self.now + Duration::from_micros(1);
//!         self.timers.next().map(|(at, ())| Wake { at: at.max(later), why: "beacon" })
//!     }
//! }
//!
//! // The laws.
//! impl laws::Lawful for Beacon {
//!     fn specimen(_: u64) -> Self { Beacon::new(Time::ZERO, address(1)) }
//!     fn stream(_: How, rng: &mut Rng) -> Vec<u8> { vec![7; rng.index(9)] }
//!     fn datagram(_: Port, _: &mut Rng) -> Option<Vec<u8>> { Some(b"here".to_vec()) }
//!     fn command(rng: &mut Rng) -> Option<SocketAddr> { Some(address(rng.index(3))) }
//! }
//! laws::laws::<Beacon>(20);
//!
//! // The world: a ring of three for a minute of faults, the same each time.
//! let run = || {
//!     let mut world = World::new(Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(1));
//!     for node in 0..3 {
//!         world.add(|boot| Beacon::new(boot.now, address((boot.node + 1) % 3)));
//!         world.start(node, Time::ZERO);
//!     }
//!     let trace = std::rc::Rc::new(std::cell::RefCell::new(Trace::new()));
//!     let heard = trace.clone();
//!     world.observe(move |now, node, output| heard.borrow_mut().add(now, node, output));
//!     let severity = faults::Severity { nodes: 3, wait: Duration::from_secs(10), loss_per_million: 100_000 };
//!     let actions = faults::draw(&mut Streams::new(Seed::from_u64(2)).named("faults"), severity, 12);
//!     faults::play(&mut world, &actions, |_, _, _| ());
//!     faults::recover(&mut world);
//!     // An oracle: all hear their neighbour within two seconds after everything is right again.
//!     let (since, mut spoken_to) = (world.now(), [false; 3]);
//!     world.run_until(since + Duration::from_secs(2), |_, node, _| spoken_to[node] = true);
//!     assert_eq!(spoken_to, [true; 3]);
//!     let hash = trace.borrow().hash();
//!     hash
//! };
//! assert_eq!(run(), run());
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `overlay` (default) | [`overlay`]: the self-optimising overlay, its bootstrap, its wire and its wiring policies |
//! | `hello` | `hello`: the small hello / ping / addr network |
//! | `gossip` | `gossip`: publish and subscribe, where modules say what is valid before it is passed on; with `overlay` also `riding`: gossip over the overlay's links |
//! | `mesh` | `mesh`: a flood over a few connections, among py2p's nodes or this project's |
//! | `chord` (brings `mesh`) | `mesh::chord`: a store that is spread over nodes, py2p's or this project's |
//! | `record` | `record`: a machine's run written down and repeated; it brings `serde` |
//! | `serde` | what goes into a machine and what it says is serialised, and what goes in is read back |
//! | `std` | the standard library: nothing but what `sim` needs |
//! | `sim` (needs `std`, `record`) | `sim`: worlds of machines in simulated time, faults, laws; with `overlay` also experiments and judgement on true delays |
//! | `strategies` (needs `sim`) | [proptest](https://docs.rs/proptest) strategies for packets and faults |
//!
#![doc = "**`no_std`**: without `std` and what needs it the crate is `#![no_std]` and asks for an allocator alone. It \
          holds no unsafe code."]
//!
//! # Where to look next
//!
//! - [`kernel`]: the contract in full, and the parts that protocols are made of.
//! - [`overlay`]: what a node does, and its way through the files; [`overlay::wire`] for the grammar.
//! - `record`: a machine's run written down, and repeated to the bit.
//! - `API.md`: every name of the original program and what became of it; `ARCHITECTURE.md` at the repository's root: the
//!   whole in one picture, and every bound with its reason.
//! - `runtime-mio/examples/` in the repository: `blocking.rs`, the loop above on a blocking socket, and `tokio.rs`, the
//!   overlay in a tokio loop.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "gossip")]
pub mod gossip;
#[cfg(feature = "hello")]
pub mod hello;
pub mod kernel;
#[cfg(feature = "mesh")]
pub mod mesh;
#[cfg(feature = "overlay")]
pub mod overlay;
// A page without items; its program is run by the tests across packages.
#[cfg(all(doc, not(doctest)))]
#[doc = include_str!("../PROTOCOL.md")]
pub mod protocol {}
#[cfg(feature = "record")]
pub mod record;
#[cfg(all(feature = "overlay", feature = "gossip"))]
pub mod riding;
#[cfg(feature = "sim")]
pub mod sim;
