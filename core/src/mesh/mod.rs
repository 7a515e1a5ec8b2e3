//! The mesh of py2p: a flood over a few TCP connections, and messages for one neighbour.
//!
//! So far it is the [`wire`] alone: what py2p 0.7.878 and js2p 0.7.870 say to each other, read within bounds and written to
//! the octet as they write it. No machine speaks it yet.

#[cfg(feature = "sim")]
pub mod checks;
pub mod wire;
