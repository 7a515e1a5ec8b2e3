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
//! What is known of gossip-python 0.0.1, and what follows for a module:
//!
//! - It reads a header and a body by one `recv` each, and loses and truncates frames that arrive faster than that: announce
//!   through a client that is [`Client::paced`].
//! - The process that sends to all its modules ends when it writes to a connection that was reset, and no module hears anything
//!   any more. A connection is reset by who closes it with anything unread. So a client that has subscribed and is dropped
//!   tells the node and reads until it closes, is quiet for half a second, or two seconds are over; the drop takes so long.
//!   A module that exits without dropping its client, by a signal or [`exit`](std::process::exit), can still do that harm.
//! - That process waits for who does not read: a subscriber that stops reading holds up all the others. Nobody can
//!   unsubscribe: who wants to hear no more drops both halves, and connects again to announce.
//! - It closes a connection that has ended, or that it has stopped reading, only when the next module connects: silence is no
//!   sign of health. See [`Client::set_timeout`].
//! - Each [`Sender::notify`] repeats all the messages that the node keeps of the types subscribed to so far, also those announced
//!   here: know them by their data, or by their ids.
//! - It confirms nothing. Ids go from 0 to 65,534 and 0 is taken for none, so that one announce in 65,535 reaches nobody,
//!   and not by saying the same again either, since it is kept.
//! - Its port for peers (`listen_address`) takes the same frames. A connection there that ends at once kills the part that
//!   listens to peers: it must not be tried to find out which port is which.

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
