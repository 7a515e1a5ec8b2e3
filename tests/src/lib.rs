//! Shared ground of the cross-package tests.

pub mod processes;
