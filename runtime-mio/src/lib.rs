//! A mio event loop that drives any [`egoist_core::kernel::Machine`] on real sockets: several at once, of any kinds.
//!
//! The feature `cli`, a default, is for the program `egoist`: who embeds the loop leaves it out. The feature `control` adds
//! the control socket, `record` what a recorder writes to: `flight`, `configuration` reads configuration files, and
//! `gossip` has a client for modules of a gossip node.

#[cfg(all(feature = "configuration", feature = "control"))]
pub mod checks;
mod closing;
#[cfg(feature = "configuration")]
pub mod configuration;
mod connection;
#[cfg(feature = "control")]
pub mod control;
mod datagram;
mod dialer;
mod driver;
mod entropy;
mod erase;
pub mod files;
#[cfg(feature = "record")]
pub mod flight;
#[cfg(feature = "gossip")]
pub mod gossip;
mod handle;
mod host;
mod listener;
pub mod net;
mod presence;
mod quantum;
pub mod regular;
mod resolver;
mod shim;
mod signals;
mod slab;
mod source;
mod station;
pub mod store;
mod turns;
mod wall;

pub use driver::Driver;
pub use entropy::seed;
pub use erase::{Key, MachineId};
pub use handle::{Busy, Handle};
pub use host::{Host, Later, Limits};
pub use listener::{BindError, Bound, Setup};
pub use presence::{Presence, source_towards};
pub use resolver::{Resolve, SystemResolver};
pub use shim::{Peer, Shim};
pub use store::{State, StateError};
pub use turns::LongestTurn;

/// The crate whose types are all over this one's.
pub use egoist_core;
