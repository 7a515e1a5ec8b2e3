//! A blocking client for modules of VoidPhone's gossip: it talks to any node's port for modules (`api_address`), one of this
//! project or of gossip-python.
//!
//! A module announces data of a type, and subscribes to types. Of each message that a node hears from its peers it asks its
//! subscribers whether it is valid, and passes it on only once one of them says so.
//!
//! ```no_run
//! use egoist_mio::gossip::{Client, ClientError};
//!
//! fn main() -> Result<(), ClientError> {
//!     let (notifications, sender) = Client::connect("127.0.0.1:7001")?.split();
//!     sender.notify(540)?;
//!     sender.announce(4, 540, b"something new")?;
//!     for notification in notifications {
//!         let notification = notification?;
//!         println!("{} octets of type {}", notification.data.len(), notification.data_type);
//!         sender.accept(notification.id)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # With gossip-python
//!
//! - It loses and truncates frames that arrive faster than it reads: announce through a client that is [`Client::paced`].
//! - It may close a connection long after it has stopped reading it: silence is no sign of health. See
//!   [`Client::set_timeout`].
//! - One process sends to all its modules: a subscriber that does not read what it is sent holds up the others.
//! - Each [`Sender::notify`] repeats all the messages that the node keeps of the types subscribed to so far.

mod client;
mod connection;
mod error;
mod notifications;
mod pacing;
mod sender;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use error::ClientError;
pub use notifications::{Notification, Notifications};
pub use sender::Sender;
