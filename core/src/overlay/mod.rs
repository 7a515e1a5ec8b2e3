//! EGOIST: an overlay in which every node chooses its own few neighbours.

pub mod bootstrap;
pub mod database;
pub mod graph;
#[cfg(feature = "sim")]
pub mod judge;
pub mod names;
pub mod routes;
pub mod wire;
pub mod wiring;

pub use names::{Cost, IdError, Key, NodeId, Token};
