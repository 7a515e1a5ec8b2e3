//! The mesh of py2p, and the ring upon it.

#[cfg(feature = "chord")]
pub mod chord;
