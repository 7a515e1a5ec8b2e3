//! Gossip that rides on an overlay: one machine of both, in which the overlay's links are gossip's.
//!
//! A [`Riding`] node is an [`Overlay`](crate::overlay::Overlay) that offers the [channel](crate::overlay::ChannelNews)
//! `gossip` on its links, and a [`Gossip`](crate::gossip::Gossip) whose peers are the neighbours that offer it too. So nobody
//! is dialled for gossip, and no peers are looked for: the overlay has chosen them by their delays, and replaces those that
//! fail. Neighbours that do not ride are links of the overlay and no peers ([`Riding::neighbors`]).
//!
//! # A ride
//!
//! Each channel that is open is a connection to the gossip node inside, by a name that no driver gives:
//!
//! | on the channel | inside |
//! |---|---|
//! | it opens | accepted at [`PEERS`](crate::gossip::PEERS); the neighbour is told of as a node of this project, since its overlay has said so |
//! | octets come | received; what the node takes is credit for the other end, and while it does not read there is none |
//! | the node sends | said; flushed as it goes |
//! | the node closes | ended, and offered again after [`PAUSE`]; the link stays |
//! | it ends | closed, and offered again likewise while the link is there |
//!
//! # Two listeners
//!
//! The first ports are the overlay's ([`overlay_ports`]), the next is that of this host's modules ([`Riding::modules`]).
//!
//! # One node
//!
//! [`Config`] has both configurations, [`Command`] and [`Event`] what either takes and tells. All that is random follows from
//! the overlay's seed. The state is the overlay's, under keys that begin with its name. Either's `Leave` has both leave.

mod config;
mod conns;
mod interface;
#[cfg(feature = "sim")]
mod lawful;
mod machine;
#[cfg(feature = "record")]
mod recording;
mod rides;
#[cfg(feature = "sim")]
pub mod scenario;
#[cfg(test)]
mod tests;

pub use config::{Config, ConfigError, overlay_ports};
pub use interface::{Command, Event, Neighbor, Refusal, Reply};
pub use machine::Riding;
pub use rides::PAUSE;
