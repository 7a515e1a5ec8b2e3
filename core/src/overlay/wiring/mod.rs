//! Policies that choose a node's neighbours.
