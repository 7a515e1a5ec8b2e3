//! The Chord ring.

mod fingers;
mod lookup;
mod member;
#[cfg(any(test, feature = "sim"))]
pub mod network;
mod position;
mod space;
mod successors;
#[cfg(test)]
mod tests;

pub use lookup::{Admission, Route};
pub use member::{Action, Actions, Member};
pub use position::Position;
pub use space::{Range, Space};
pub use successors::{Disorder, Snapshot, Successors};
