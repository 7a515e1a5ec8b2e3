//! How safe the copies of what is stored are before it is said to be.

use clap::{Args, ValueEnum};
use egoist_core::mesh::chord::store::Policy;

/// How long to wait for the copies.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Safety {
    /// When it is said to be stored
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    policy: PolicyArg,
}

/// As flags name them.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
enum PolicyArg {
    /// The nodes that keep it have it in memory
    Memory,
    /// Each has written it, so that it outlives the process
    #[default]
    Written,
    /// Each has it on its disk, so that it outlives a loss of power
    Synced,
}

impl Safety {
    /// As the core has it.
    pub(crate) const fn policy(self) -> Policy {
        match self.policy {
            PolicyArg::Memory => Policy::Memory,
            PolicyArg::Written => Policy::Written,
            PolicyArg::Synced => Policy::Synced,
        }
    }
}

/// What a request takes that does not say.
pub(crate) const fn usual() -> Policy {
    Policy::Written
}
