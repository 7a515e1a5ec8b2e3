//! The hello / ping / addr network, in the dialect of the article "A simple p2p network in Python twisted" (2016).
//!
//! # Protocol
//!
//! One JSON object a line, ended by LF (CRLF is read too), at most [`MAX_LINE`] octets without the terminator. Keys that
//! a message does not need are ignored.
//!
//! | line | meaning |
//! |---|---|
//! | `{"nodeid":ID,"msgtype":"hello"}` | who I am, a uuid4 text drawn at start; `node_id` is read too |
//! | `{"msgtype":"ping"}`, `{"msgtype":"pong"}` | are you there; yes |
//! | `{"msgtype":"getaddr"}` | whom do you know |
//! | `{"msgtype":"addr","peers":[["ip:port",ID],…]}` | these; a row that is a bare `"ip:port"` is read too |
//!
//! Who dials says hello; who accepts stays silent until it hears hello and answers it. Then both send their own
//! listening address (an addr of one row, if they have one), getaddr and ping, and ping again every
//! [`Config::ping_period`].
//!
//! # States of a connection
//!
//! | state | hello | any other message | deadline |
//! |---|---|---|---|
//! | greeting | own id: closed; known id: one of the two is closed; else up | ignored | [`Config::hello_timeout`] |
//! | up | ignored | done | [`Config::missed_pongs`] pings without a pong |
//!
//! Of two connections with one peer stays the older one; if each side dialled one, the one that the lower id dialled; if
//! the older one owes a pong for longer than a ping period, the newer one. A line that is no JSON object with a
//! `msgtype`, or whose fields are wrong, closes the connection and nothing it said is kept; an unknown `msgtype` is
//! counted and ignored; a row whose address is no `ip:port` is skipped.
//!
//! # Addresses
//!
//! The addresses of [`Config::bootstrap`] are dialled at start and retried for ever with a growing pause; those that
//! peers tell are dialled while fewer than [`Config::want_peers`] peers are up, and forgotten after
//! [`Config::give_up_after`] failures. Own addresses (told in the configuration, or found by meeting oneself there) and
//! unspecified, multicast and portless ones are never dialled.
//!
//! # Time
//!
//! Timers run at [`Input::Tick`](crate::kernel::Input::Tick) alone, so that what has arrived is always heard before
//! anybody is missed. A node woken late by more than [`Config::oversleep`] puts the deadlines for hello and pong off by
//! the lateness and that much again.
//!
//! # Run loop
//!
//! ```
//! use egoist_core::hello::{Config, Hello};
//! use egoist_core::kernel::{Input, Machine, Output, Seed, Time};
//!
//! let config = Config { bootstrap: vec!["127.0.0.1:5999".parse().unwrap()], ..Config::default() };
//! let mut node = Hello::new(config, Seed::from_u64(7), Time::ZERO).unwrap();
//! let mut now = Time::ZERO;
//! let mut dialled = 0;
//! for _ in 0..3 {
//!     while let Some(output) = node.poll() {
//!         match output {
//!             Output::Dial { ticket, .. } => {
//!                 dialled += 1; // a driver opens a socket; here nobody listens
//!                 node.handle(now, Input::DialFailed { ticket, why: egoist_core::kernel::DialError::Refused });
//!             }
//!             Output::Event(event) => println!("{event:?}"),
//!             _ => {}
//!         }
//!     }
//!     now = node.poll_timeout().expect("a retry is due").at; // a driver sleeps until then, or until bytes arrive
//!     node.handle(now, Input::Tick);
//! }
//! assert_eq!(dialled, 3);
//! ```

mod addresses;
mod config;
mod interface;
#[cfg(feature = "sim")]
mod lawful;
mod machine;
mod message;
mod peer;
#[cfg(feature = "record")]
mod recording;
#[cfg(feature = "sim")]
pub mod scenario;
mod talk;
#[cfg(test)]
mod tests;
mod watch;

pub use addresses::{Known, Phase};
pub use config::{Config, ConfigError};
pub use interface::{Command, Counters, Event, Refusal, Reply};
pub use machine::Hello;
pub use message::{MAX_LINE, MAX_ROWS, Malformed, Message, NodeId, Row};
pub use peer::PeerInfo;
