//! Gossip.
pub mod wire;
