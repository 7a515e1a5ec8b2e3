//! What every protocol stands on: [`Time`], [`Timers`], random [`Streams`], the [`Machine`] contract, [`Checked`] which
//! holds a driver to it, framing, the bounded [`SeenCache`] and the per-connection [`Outbox`] with the [`Arena`] that its
//! frames are written in.
//!
//! Nothing here knows a protocol, a socket or a clock.

#[cfg(feature = "serde")]
pub mod address;
mod arena;
mod checked;
mod contract;
mod framing;
mod keyed;
mod outbox;
mod page;
mod random;
mod scope;
mod seen;
mod time;
mod timers;

pub use arena::Arena;
pub use checked::{Checked, Patience};
pub use contract::{
    Class, CloseHow, Closed, ConnId, DialError, Fault, How, Input, Loaded, Machine, Output, Port, Scanned,
    StoreError, StoreOp, Ticket, Until, Wake, Why,
};
pub use framing::{Line, LineScanner, LineTooLong, NoTerminator, Payload, Terminator};
pub use keyed::KeyedState;
pub use outbox::{Backlog, Outbox, TooSlow};
pub use page::{Entries, Page, scan};
pub use random::{Rng, Seed, Streams};
pub use scope::Scope;
pub use seen::SeenCache;
pub use time::Time;
pub use timers::Timers;
