//! What goes over the connections: frames of a length, a code and a body, all numbers big-endian.
//!
//! Both sides of a node, that for modules and that for peers, speak the same frames. [`Code`] names the kinds that are known.
//! Codes 500 to 514 are those of gossip-python; 515 to 519 are said between nodes of this project alone, which the original
//! reads past.

mod code;
mod frame;
#[cfg(test)]
mod golden;
mod hash;
mod message;
mod native;

pub use code::Code;
pub use frame::{Frame, Malformed, next_frame};
pub use hash::MessageHash;
pub use message::{Announce, MAX_DATA, Message, PeerUpdate, write};
pub use native::{Offer, PROTOCOL, Probe, SMALL, Spread};
