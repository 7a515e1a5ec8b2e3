//! The overlay as a graph of effective edges.
