//! Shared ground of the cross-package tests.
