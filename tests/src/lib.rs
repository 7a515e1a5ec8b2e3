//! Shared ground of the cross-package tests.

pub mod processes;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
