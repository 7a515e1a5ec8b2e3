//! What is kept: records with versions.

mod interim;
mod record;
mod shelf;
mod version;

pub use interim::{HybridClock, TooFarAhead, merged};
pub use record::Record;
pub use shelf::{Shelf, Taken};
pub use version::{Policy, Version};
