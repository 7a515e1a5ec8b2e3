//! Chord over the mesh: a store that is spread over the nodes.

mod asking;
mod circle;
mod config;
mod interface;
mod keeping;
#[cfg(feature = "sim")]
mod lawful;
mod leaving;
mod machine;
mod ops;
mod pending;
mod place;
mod py2p;
mod question;
#[cfg(feature = "record")]
mod recording;
mod repair;
pub mod ring;
mod side;
pub mod store;
mod strays;
#[cfg(test)]
mod tests;
mod told;
mod unify;
mod waiting;
mod word;
mod writing;

pub use config::Config;
pub use interface::{
    Command, Contact, Counters, Cursor, Event, Failure, MAX_KEY, MAX_VALUE, Outcome, Refusal, Reply, RingView,
};
pub use machine::Chord;
pub use place::{Place, Table};
