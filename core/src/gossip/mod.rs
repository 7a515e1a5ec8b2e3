//! Gossip with validation, as VoidPhone has it: modules on a host announce data of a type, say which types they want to hear
//! of, and decide whether a message is valid; what was found valid is passed on to other nodes, and nothing else is.
//! `core/GOSSIP.md` lists what gossip-python does, the node that was there before, and what became of each step.
//!
//! # Two listeners
//!
//! [`PEERS`] is for other nodes and [`MODULES`] for the modules of this host. Both speak the frames of [`wire`], each a part of
//! them. The application around a [`Gossip`] is a module too, without a connection: it has [`Command`] and [`Event`].
//!
//! # What becomes of a message
//!
//! | it comes from | and | it is |
//! |---|---|---|
//! | a module, or the application | | valid: who announces vouches for it |
//! | a peer | somebody here wants to hear of its type | waiting, until the first verdict or [`Config::verdict_timeout`], which counts as invalid |
//! | a peer | nobody does | kept and not passed on, or passed on at once: [`Config::unheard`] |
//! | anybody | it is known | counted |
//!
//! The cache has two orders: that in which messages arrived, and that in which they were found valid. Each module has a
//! place in the first and each peer in the second, and is sent the next message when it has taken the last. So one that is
//! slow costs a number and no queue; what left the cache before a peer came there is counted as missed. Full, the cache drops the
//! oldest message of whoever told of most, so that a flood drives out what the flooder said; what waits for a verdict stays,
//! and its sender is not read from while it has more waiting than its share.
//!
//! # Two kinds of peers
//!
//! A gossip-python node is told each message as it was announced, one frame a write with pauses between them
//! ([`Config::gap`]), for it loses what arrives in pieces. Its connection is never closed within two seconds of its opening,
//! for that ends its listener; every end is a FIN.
//!
//! A node of this project says so by a frame that the original reads past ([`wire::Probe`]). Between two of them messages of
//! at most [`wire::SMALL`] octets are sent as they are, with how far they may still go, and longer ones offered by their
//! [hash](wire::MessageHash) and sent to who asks. Who is far behind is told what can be had. In
//! [`Mode::Compatible`] a node never says that frame.
//!
//! # Who is connected to whom
//!
//! A node of [`Mode::Auto`] dials addresses that it knows until it has [`Config::degree`] links with nodes of this project,
//! and accepts twice as many; each [`Config::explore_period`] it takes one more and gives up another, so that no two groups
//! stay apart. A compatible one connects to all that it hears of, as the original does.
//!
//! # Too fast
//!
//! While a peer that takes what it is sent is a quarter of the cache behind, modules that announce are not read from, and
//! the application is told [`Refusal::Busy`] and later [`Event::Room`]. A peer that has taken nothing for
//! [`Config::stalled_after`] is not waited for.

mod cache;
#[cfg(feature = "sim")]
pub mod checks;
mod config;
mod fetch;
mod greeting;
mod heard;
mod interface;
mod known;
#[cfg(feature = "sim")]
mod lawful;
mod machine;
mod modules;
mod parting;
mod peer;
#[cfg(feature = "record")]
mod recording;
mod registrations;
#[cfg(feature = "sim")]
pub mod scenario;
mod slot;
mod spread;
#[cfg(test)]
mod tests;
pub mod wire;

pub use cache::{Entry, Standing};
pub use config::{Config, ConfigError, Mode, Unheard};
pub use interface::{Command, Counters, Event, Kind, ModuleInfo, PeerInfo, Refusal, Reply};
pub use machine::{Gossip, MODULES, PEERS};
