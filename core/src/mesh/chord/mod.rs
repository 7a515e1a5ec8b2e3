//! Chord over the mesh: who stores which key.
//!
//! So far it is the [`ring`] alone, a value that no machine drives yet.

pub mod ring;
