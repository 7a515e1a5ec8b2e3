//! What is kept: records with versions.

mod digest;
mod form;
mod merge;
mod record;
mod shelf;
#[cfg(test)]
mod tests;
mod version;

pub use digest::Digest;
pub use merge::merged;
pub use record::{Record, RecordError};
pub use shelf::{RecordPage, Shelf, Taken};
pub use version::{HybridClock, Policy, TooFarAhead, Version};
