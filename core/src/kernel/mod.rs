//! What every protocol stands on.
//!
//! | for | part |
//! |---|---|
//! | the contract | [`Machine`]; [`Checked`], which holds a driver to it; [`Scope`] for two machines in one; [`Page`] for drivers that answer scans |
//! | what a machine wants done | [`Outputs`]: the queue behind `poll`, and its tickets |
//! | connections | [`Conns`]: the table, what waits on each, closing, dials; with one [`Outbox`] each, [`Pacing`] for peers that want it, and an [`Arena`] to write frames in |
//! | whom to dial | [`AddressBook`]: bootstraps and what peers tell, with pauses and bounds |
//! | time | [`Time`], [`Deadlines`] that know lateness and when to wake, those of [`Part`]s with them, over exact [`Timers`] |
//! | frames | [`LineScanner`], [`Payload`], [`LengthPrefix`] |
//! | how much | [`Bucket`]s, [`HostBuckets`] for any number of hosts, [`Meter`]s, the smoothed [`RoundTrip`] |
//! | chance and hashes | random [`Streams`], [`KeyedState`], the bounded [`SeenCache`] |
//!
//! A machine has an [`Outputs`], a [`Conns`] and a [`Deadlines`], and its `handle` is a match of what
//! [`Conns::handle`] answers:
//!
//! ```
//! use core::time::Duration;
//! use egoist_core::kernel::*;
//!
//! /// Says hello to whoever connects, and closes who says nothing within a minute.
//! struct Greeter {
//!     conns: Conns<LineScanner>,
//!     deadlines: Deadlines<Silent>,
//!     out: Outputs<String>,
//! }
//!
//! #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
//! struct Silent(ConnId);
//! impl Deadline for Silent {
//!     fn awaits(&self) -> Awaits { Awaits::Others }
//!     fn name(&self) -> &'static str { "silent" }
//! }
//!
//! const SILENT: Why = Why { fault: Fault::Peer, what: "said nothing" };
//! const TOO_LONG: Why = Why { fault: Fault::Peer, what: "says too much" };
//!
//! impl Greeter {
//!     fn opened(&mut self, opening: Opening<core::net::SocketAddr>) {
//!         let conn = self.conns.keep(opening, LineScanner::new(Terminator::Lf, 80));
//!         self.deadlines.after(Silent(conn), Duration::from_secs(60));
//!         if let Err(ended) = self.conns.send(&mut self.out, conn, Class::Control, "hello\n".into()) {
//!             self.ended(ended.conn);
//!         }
//!     }
//!
//!     fn received(&mut self, conn: ConnId, bytes: &mut bytes::BytesMut) {
//!         while let Some(open) = self.conns.reader(conn) {
//!             match open.state.next_line(bytes) {
//!                 Ok(Some(line)) => {
//!                     self.out.event(String::from_utf8_lossy(&line).into_owned());
//!                     self.deadlines.cancel(Silent(conn));
//!                 }
//!                 Ok(None) => break,
//!                 Err(_) => self.close(conn, TOO_LONG),
//!             }
//!         }
//!     }
//!
//!     fn close(&mut self, conn: ConnId, why: Why) {
//!         if let Some(ended) = self.conns.close(&mut self.out, conn, CloseHow::Abort, why) {
//!             self.ended(ended.conn);
//!         }
//!     }
//!
//!     fn ended(&mut self, conn: ConnId) {
//!         self.deadlines.cancel(Silent(conn));
//!     }
//! }
//!
//! impl Machine for Greeter {
//!     # type Command = (); type Reply = (); type Refusal = ();
//!     type Event = String;
//!
//!     fn handle(&mut self, now: Time, input: Input<'_>) {
//!         self.deadlines.advance(now, &mut [&mut self.conns]);
//!         match self.conns.handle(now, &mut self.out, input) {
//!             Some(News::Opened(opening)) => self.opened(opening),
//!             Some(News::Received { conn, bytes }) => self.received(conn, bytes),
//!             Some(News::Ended(ended)) => self.ended(ended.conn),
//!             Some(News::Other(Input::Tick)) => {
//!                 for Silent(conn) in self.deadlines.fire() {
//!                     self.close(conn, SILENT);
//!                 }
//!             }
//!             _ => {}
//!         }
//!     }
//!
//!     # fn command(&mut self, now: Time, (): ()) -> Result<(), ()> {
//!     #     self.deadlines.advance(now, &mut [&mut self.conns]);
//!     #     Ok(())
//!     # }
//!     fn poll(&mut self) -> Option<Output<String>> {
//!         self.out.poll()
//!     }
//!
//!     fn poll_timeout(&self) -> Option<Wake> {
//!         self.deadlines.wake(&self.out, [self.conns.next()])
//!     }
//! }
//! ```
//!
//! Nothing here knows a protocol, a socket or a clock.

#[cfg(feature = "serde")]
pub mod address;
mod arena;
mod book;
mod bucket;
mod checked;
mod conns;
mod contract;
mod deadlines;
mod framing;
mod hosts;
mod keyed;
mod meter;
mod outbox;
mod outputs;
mod pacing;
mod page;
mod random;
#[cfg(feature = "serde")]
pub mod readable;
mod round_trip;
mod scope;
mod seen;
mod time;
mod timers;

pub use arena::Arena;
pub use book::{AddressBook, BookLimits, Known, NotDialled, Phase, canonical, dialable};
pub use bucket::{Bucket, Rate};
pub use checked::{Checked, Patience};
pub use conns::{Conn, Conns, Ended, News, Opening, Origin, Plain, Seal};
pub use contract::{
    Class, CloseHow, Closed, ConnId, DialError, Fault, How, Input, Loaded, Machine, Output, Port, Scanned,
    StoreError, StoreOp, Ticket, Until, Wake, Why,
};
pub use deadlines::{Awaits, Deadline, Deadlines, Part, Slack};
pub use framing::{
    BadLength, LengthFrame, LengthPrefix, Line, LineScanner, LineTooLong, NoTerminator, Payload, Terminator,
};
pub use hosts::{HostBuckets, host};
pub use keyed::KeyedState;
pub use meter::Meter;
pub use outbox::{Backlog, Outbox, TooSlow};
pub use outputs::Outputs;
pub use pacing::{Gap, Pacing};
pub use page::{Entries, Page, scan};
pub use random::{Rng, Seed, Streams};
pub use round_trip::RoundTrip;
pub use scope::Scope;
pub use seen::SeenCache;
pub use time::Time;
pub use timers::Timers;
