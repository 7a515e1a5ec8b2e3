//! EGOIST: an overlay in which every node chooses its own few neighbours.

pub mod bootstrap;
mod config;
pub mod database;
mod event;
#[cfg(feature = "sim")]
pub mod experiment;
pub mod flood;
pub mod graph;
#[cfg(feature = "sim")]
pub mod judge;
#[cfg(feature = "sim")]
mod lawful;
pub mod link;
mod machine;
mod names;
#[cfg(feature = "sim")]
pub mod oracle;
mod probes;
pub mod routes;
#[cfg(feature = "sim")]
pub mod scenario;
pub mod wire;
pub mod wiring;

pub use config::{Bounds, Config, Periods, PolicyKind};
pub use database::LinkMode;
pub use event::{Command, Event, Refusal, Reply};
pub use machine::{Counters, NeighborView, NodeView, Overlay, PathView, Phase, RouteView, StatusView};
pub use names::{Cost, IdError, Key, NodeId, Token};
