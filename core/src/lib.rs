//! Egoist's protocols as pure state machines.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "hello")]
pub mod hello;
pub mod kernel;
#[cfg(feature = "overlay")]
pub mod overlay;
#[cfg(feature = "sim")]
pub mod sim;
