//! The hello / ping / addr network, in two dialects: that of the [`article`] "A simple p2p network in Python twisted" (2016),
//! and that of [`ncpoc`], the program which it grew into. [`Config::dialect`] says which; `core/HELLO.md` lists every step of
//! both and what became of it here.
//!
//! # Protocol
//!
//! Messages are JSON objects, one a line, ended by LF (CRLF is read too). Each dialect says what they look like, what is said
//! when, and how long a line may be.
//!
//! Who dials says hello; who accepts stays silent until it hears hello and answers it.
//!
//! # States of a connection
//!
//! | state | hello | any other message | deadline |
//! |---|---|---|---|
//! | greeting | own id: closed; known id: the dialect decides; else up | ignored | [`Config::hello_timeout`] |
//! | up | ignored | done | [`Config::missed_pongs`] ping periods without a pong, or who alone pings does not |
//!
//! A line that is no JSON object with a `msgtype`, or one that is to be done and whose fields are wrong, closes the connection
//! and nothing it said is kept; of one that is ignored nothing else is looked at. An unknown `msgtype` is counted and ignored; a row whose address is no `ip:port` is skipped.
//!
//! # Addresses
//!
//! The addresses of [`Config::bootstrap`] are dialled at start and retried for ever with a growing pause; those that
//! peers tell are dialled while fewer than [`Config::want_peers`] peers are up, and forgotten after
//! [`Config::give_up_after`] dials that brought no peer, since there was none, or this node, or one that is connected by other
//! means. Own addresses (told in the configuration, or a bootstrap where a node met itself) and unspecified, multicast and
//! portless ones are never dialled. Who listens at a bootstrap is known from there alone, and not from rows.
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
//! let bootstrap = vec!["127.0.0.1:5999".parse().unwrap()];
//! let mut node = Hello::new(Config { bootstrap, ..Config::article(Seed::from_u64(7)) }).unwrap();
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

pub mod article;
#[cfg(feature = "sim")]
pub mod checks;
mod config;
mod heard;
mod interface;
#[cfg(feature = "sim")]
mod lawful;
mod machine;
mod message;
pub mod ncpoc;
mod peer;
#[cfg(feature = "record")]
mod recording;
mod rows;
#[cfg(feature = "sim")]
pub mod scenario;
mod talk;
#[cfg(test)]
mod tests;

pub use config::{Config, ConfigError, Dialect};
pub use interface::{Command, Counters, Event, PeerInfo, Refusal, Reply};
pub use machine::Hello;
pub use message::{Malformed, Message, NodeId, Row};
