//! Shortest overlay paths.
