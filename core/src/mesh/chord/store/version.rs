//! Which of two values is the later one.

use serde::{Deserialize, Serialize};

use crate::mesh::wire::NodeId;

/// When a value was set, by a hybrid clock: of two, the greater one wins everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Milliseconds since the beginning of 1970.
    pub millis: u64,
    /// Which of those within one millisecond.
    pub count: u32,
    /// The node that gave it.
    pub node: NodeId,
}

/// How safe the copies of a value are before it is acknowledged; it travels with the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// They outlive the loss of fewer nodes than there are copies.
    Memory,
    /// Each outlives its process.
    Written,
    /// Each outlives a loss of power.
    Synced,
}
