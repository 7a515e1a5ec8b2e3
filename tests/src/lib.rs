//! Shared ground of the cross-package tests.

pub mod cuts;
pub mod module;
pub mod namespaces;
mod originals;
pub mod own_chord;
pub mod own_gossip;
pub mod own_mesh;
pub mod probing;
pub mod processes;
pub mod real_gossip;
pub mod real_py2p;
pub mod scenarios;
pub mod terrain;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The page on how a protocol is made.
#[cfg(doctest)]
#[doc = include_str!("../../core/PROTOCOL.md")]
struct Protocol;
