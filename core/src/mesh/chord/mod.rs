//! Chord over the mesh: a store that is spread over the nodes.

mod asking;
mod config;
mod interface;
mod keeping;
mod machine;
mod ops;
mod place;
mod question;
#[cfg(feature = "record")]
mod recording;
pub mod ring;
mod side;
pub mod store;

pub use config::Config;
pub use interface::{
    Command, Contact, Counters, Cursor, Event, Failure, MAX_KEY, MAX_VALUE, Outcome, Refusal, Reply, RingView,
};
pub use machine::Chord;
pub use place::{Place, Table};
