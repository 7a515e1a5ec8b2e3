//! The text that nodes exchange.

mod attributes;
mod body;
#[cfg(any(test, feature = "sim"))]
pub mod checks;
mod datagram;
mod emit;
mod error;
mod lexis;
mod limits;
mod name;
mod pen;
mod read;
mod record;
mod segment;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
#[cfg(test)]
mod tests;
mod value;

pub use datagram::{Datagram, read_datagram};
pub use emit::{emit_beat, emit_data, emit_ping, emit_pong};
pub use error::WireError;
pub use limits::*;
pub use name::NetworkError;
pub use read::{read, read_reassembled};
pub use segment::{Reassembly, SegError, cut, frames};
pub use value::{
    Ask, Attributes, Beat, Body, Capabilities, Count, DataHead, Digest, Flow, Greeting, Hash, LinkAttributes,
    Listed, ListedRole, Nack, Network, NodeName, Packet, Record, Registration, Removal, Role, Segment, Sum,
    Teardown, Update, Upt,
};
