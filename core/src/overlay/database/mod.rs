//! The link-state database: one record for each node, the newest known.
