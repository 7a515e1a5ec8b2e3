//! What every protocol stands on: [`Time`], [`Timers`], random [`Streams`], the [`Machine`] contract, [`Checked`] which
//! holds a driver to it, framing, the bounded [`SeenCache`] and the per-connection [`Outbox`] with the [`Arena`] that its
//! frames are written in.
//!
//! Nothing here knows a protocol, a socket or a clock.

#[cfg(feature = "serde")]
pub mod address;
mod arena;
mod bucket;
mod checked;
mod conns;
mod contract;
mod deadlines;
mod framing;
mod keyed;
mod meter;
mod outbox;
mod outputs;
mod pacing;
mod random;
mod round_trip;
mod seen;
mod time;
mod timers;

pub use arena::Arena;
pub use bucket::{Bucket, Rate};
pub use checked::{Checked, Patience};
pub use conns::{Conn, Conns, Ended, News, Opening, Origin, Plain, Seal};
pub use contract::{
    Class, CloseHow, Closed, ConnId, DialError, Fault, How, Input, Loaded, Machine, Output, Port, StoreOp,
    Ticket, Wake, Why,
};
pub use deadlines::{Awaits, Deadline, Deadlines, Slack};
pub use framing::{
    BadLength, LengthFrame, LengthPrefix, Line, LineScanner, LineTooLong, NoTerminator, Payload, Terminator,
};
pub use keyed::KeyedState;
pub use meter::Meter;
pub use outbox::{Backlog, Outbox, TooSlow};
pub use outputs::Outputs;
pub use pacing::{Gap, Pacing};
pub use random::{Rng, Seed, Streams};
pub use round_trip::RoundTrip;
pub use seen::SeenCache;
pub use time::Time;
pub use timers::Timers;
