//! The overlay: its nodes, and what they are asked. Its commands are the program's own.

pub(crate) mod bootstrap;
mod desk;
mod destination;
mod echoes;
mod events;
pub(crate) mod join;
pub(crate) mod listen;
mod named;
pub(crate) mod neighbors;
pub(crate) mod node;
pub(crate) mod origin;
pub(crate) mod path;
mod payload;
pub(crate) mod ping;
mod plan;
pub(crate) mod replayed;
pub(crate) mod routes;
pub(crate) mod send;
pub(crate) mod settings;
pub(crate) mod status;
mod views;
mod whereabouts;

pub(crate) use desk::Desk;

/// The protocol in the requests that its nodes answer.
pub(crate) const NAME: &str = "overlay";
