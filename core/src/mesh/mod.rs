//! The mesh of py2p: a flood over a few TCP connections, and messages for one node.
//!
//! A [`Mesh`] node lives in a network of py2p 0.7.878 and js2p 0.7.870 nodes as one of them, and with others of this
//! project. [`wire`] is what all of them say to each other, read within bounds and written to the octet as py2p writes it.
//!
//! # A connection
//!
//! Both ends say a handshake: an id, the network's protocol id, where they listen. This node waits up to
//! [`Config::mirror`] for the other's, and then speaks in the kind of text in which it was spoken to: py2p heeds `bin`
//! alone, js2p says `str`. Before the other's handshake nothing else is heard. Then each tells whom else it is connected
//! with, and this node says in a message that py2p ignores that it is of this project; who says so too is [`Kind::Native`].
//!
//! | it is | and then |
//! |---|---|
//! | of another network | [`Event::OtherNetwork`], and the connection is closed |
//! | this node itself | the address is not dialled again, and the connection is closed |
//! | a node that is connected already | both stay until one end closes one: between nodes of this project that which the smaller id dialled; a third one is closed |
//! | one more than [`Config::max_peers`] | it is closed now, and not before: py2p does not get over an end before a handshake |
//! | any other | [`Event::PeerUp`] |
//!
//! After [`Config::ping_period`] without a word a peer is asked for something that it is bound to answer: one of this
//! project for a pong, any other for its list of peers. py2p itself never closes a connection that is silent.
//!
//! py2p as shipped may close one of two connections and forget the other, or close both. So who has closed one is asked for
//! an answer on the other, within [`Config::handshake_timeout`].
//!
//! A node dials while it has fewer peers than [`Config::want_peers`], and a peer that it has lost soon again, whoever of the
//! two had dialled. One that has as many still dials another now and then
//! ([`Config::explore_period`]) and gives up one that it dialled before: groups that lost each other find each other so.
//!
//! # Broadcasts
//!
//! A message of the kind that goes to everybody is passed on once, octet by octet as it came, to all peers but the one
//! that it came from and the one that it began with. Its SHA-256 is its name. It is heeded from a minute before its time
//! to a minute after ([`HEEDED`]), by this node's clock; until [`Input::WallTime`](crate::kernel::Input::WallTime) tells
//! what time it is, any is, and nothing can be broadcast here. Two that say the same within one second have one name:
//! the second is [`Refusal::SaidAlready`].
//!
//! Who broadcasts more than the peers take is told [`Refusal::Busy`], and [`Event::Room`] later. What is passed on has to
//! keep up: of what waits for a peer the oldest is shed.
//!
//! # Messages for one node
//!
//! A whisper goes to a peer. For a node that is none, all are asked where it listens; who knows answers, it is dialled, and
//! the message follows ([`Reply::Looking`], [`Event::Whispered`], [`Event::NotFound`]).
//!
//! # What py2p cannot bear
//!
//! It takes four octets that are left of a read for a frame, so that each frame to it is a write of its own, with
//! [`Config::gap`] between them. Compressed frames destroy its networks: this node never says that it takes any, so that
//! nobody sends it some, and sends none. A request for peers is spelt in the kind of text that it knows.
//!
//! # Run loop
//!
//! ```
//! use core::time::Duration;
//! use egoist_core::kernel::{Input, Machine, Output, Seed, Time};
//! use egoist_core::mesh::{Config, Mesh};
//!
//! let own = "127.0.0.1:44565".parse().unwrap();
//! let bootstrap = vec!["127.0.0.1:44566".parse().unwrap()];
//! let mut node = Mesh::new(Config { bootstrap, ..Config::new(Seed::from_u64(7), own) }).unwrap();
//! let mut now = Time::ZERO;
//! node.handle(now, Input::WallTime { unix: Duration::from_secs(1_600_000_000) });
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

mod broadcast;
#[cfg(feature = "sim")]
pub mod checks;
#[cfg(feature = "chord")]
pub mod chord;
mod clock;
mod config;
mod flood;
mod greeting;
mod heard;
mod interface;
#[cfg(feature = "sim")]
mod lawful;
#[cfg(feature = "chord")]
mod link;
mod lookups;
mod machine;
mod native;
mod peer;
#[cfg(feature = "record")]
mod recording;
mod rows;
#[cfg(feature = "sim")]
pub mod scenario;
#[cfg(test)]
mod tests;
mod whisper;
pub mod wire;

pub use config::{Config, ConfigError, MAX_SUBNET};
pub use flood::HEEDED;
pub use interface::{Command, Counters, Event, Kind, PeerInfo, Refusal, Reply, Way};
pub use machine::Mesh;
