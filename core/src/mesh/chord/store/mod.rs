//! What is kept: records with versions.

mod compare;
mod digest;
pub(super) mod form;
mod keeper;
mod loader;
mod merge;
mod record;
mod shelf;
#[cfg(test)]
mod tests;
mod version;

pub use compare::{Ask, CompareError, Comparison, Part, Reply, Step, Verdict, reply};
pub use digest::Digest;
pub use keeper::{Answered, Batch, Keeper, Refused};
pub use loader::{Loaded, Loader, ScanFrom};
pub use merge::merged;
pub use record::{Record, RecordError};
pub use shelf::{RecordPage, Shelf, Taken};
pub use version::{HybridClock, Policy, TooFarAhead, Version};
