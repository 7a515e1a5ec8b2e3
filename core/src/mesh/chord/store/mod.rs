//! What is kept: records with versions.

mod record;
mod shelf;
mod version;

pub use record::Record;
pub use shelf::{Shelf, Taken};
pub use version::{Policy, Version};
