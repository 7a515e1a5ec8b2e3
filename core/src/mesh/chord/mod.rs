//! Chord over the mesh: a store that is spread over the nodes.
//!
//! A [`Chord`] node has a [`Mesh`](super::Mesh) and is a machine of its own around it. In a network of py2p 0.7.878 nodes it
//! stores and answers as one of them; nodes of this project among each other are a better store: they find a key in
//! O(log n) hops (one in a small ring), keep it in three places, and keep what they acknowledged. `core/PY2P.md` lists every name of py2p's document, and
//! what became of it.
//!
//! # Among nodes of this project
//!
//! Those that store form a [`ring`], each at the mirror image of its id. A key is kept at its SHA-384 ([`Place`]) by the node
//! that is responsible for it, the first at or behind it, and by those that follow: [`Config::replicas`] in all, or as
//! many as there are.
//!
//! **Questions.** What a user asks goes from node to node over connections that are there, to
//! the one that is responsible; the answer comes back the same way. A node keeps connections with those that the ring
//! names: eight behind it, the one before it, and short cuts; in a ring of at most half as many nodes as it may have peers, with
//! all. Whoever knows who is responsible asks that node at once; others ask one that is
//! strictly nearer to the key. What did not get there, since a node died or has
//! not heard of another yet, is asked again until the user's time is over.
//!
//! **Versions.** Whoever is responsible gives each value a [`Version`](store::Version) by a hybrid clock, and of two the later one
//! wins everywhere. What is deleted leaves a record without a value for [`Config::tombstones_last`]: so long a partition may
//! last without its coming back.
//!
//! **Acknowledged** is what all have that are to have it, as safe as the [`Policy`](store::Policy) says that travels with it.
//! It is lost if they all die before others have its copies, and with [`Written`](store::Policy::Written) and
//! [`Synced`](store::Policy::Synced) on a [durable](Config::durable) node not even then.
//!
//! **Repair.** Whoever is responsible for a range compares it with those that are to have copies, when he or they have changed,
//! and each [`Config::compare_period`]. Until that has come to an end it asks them before it says what there is. What
//! a node keeps and nobody has compared for three periods goes to whoever is responsible, and from here.
//!
//! **Two rings.** After a partition nodes meet others that are in another ring. One of the two yields: its nodes leave it one by
//! one, and join the other as new nodes do. For some seconds what they keep may not be found.
//!
//! # Who fails
//!
//! | what happens | what comes of it |
//! |---|---|
//! | a connection ends | its other end is dialled; if nobody is there, it is dead to the ring |
//! | no answer about the ring within [`Config::answer_timeout`] | the node is dead to the ring; if it lives it comes back |
//! | no answer to a question | others are asked, and the node whether it is there |
//! | all eight behind are dead at once | the node goes on with whom it knows, and looks for its place anew |
//!
//! A node that starts joins the ring that a peer is in. Where all peers say that they are in none, one begins a ring: the one
//! with the smallest id, or any after [`Config::settle`], which is also for how long a node without peers waits. One that is
//! told to [`Unjoin`](Command::Unjoin) hands what it keeps to others; so does one without durable state that is told to
//! [`Leave`](Command::Leave). [`Join`](Command::Join) begins to store again.
//!
//! # With nodes of py2p
//!
//! They are never given copies, and confirm nothing. While one that stores is a peer, what users set is also put into
//! py2p's five tables, and what they get is read there: three tables that agree decide, nil is "not yet" for
//! [`Config::absent_after`], and at the end of its time the value that most have is told as uncertain. What a node of py2p stores here
//! is kept in the ring, under the number that it said, by as many nodes as anything else.
//!
//! # Durable
//!
//! A [durable](Config::durable) node writes what it keeps, batch by batch, and reads it back before it speaks to anybody. When
//! nothing can be written it tells [`Event::ReadOnly`] and refuses what is new.
//!
//! # Bounds
//!
//! | what | bound |
//! |---|---|
//! | a key, a value | [`MAX_KEY`], [`MAX_VALUE`] octets |
//! | records, their octets | [`Config::max_records`], [`Config::max_octets`] |
//! | a version's time | a minute ahead of this node's clock |
//! | what users have under way | [`Config::max_begun`] |
//! | what one peer has under way here | [`Config::max_passed_on`]; a question passes 64 nodes at the most |
//! | places, records in one word | 256, 4,096 |
//! | keys that nodes of py2p say there are | [`Config::max_py2p_keys`] |
//! | what waits to be written | 4 MiB |
//! | nodes whose ranges are compared here | 16 |
//!
//! # Run loop
//!
//! ```
//! use core::time::Duration;
//! use egoist_core::kernel::{Input, Machine, Output, Seed, Time};
//! use egoist_core::mesh::chord::store::Policy;
//! use egoist_core::mesh::chord::{Chord, Command, Config, Event, Outcome, Reply};
//! use egoist_core::mesh::wire::Value;
//!
//! let mut node = Chord::new(Config::new(Seed::from_u64(7), "127.0.0.1:44565".parse().unwrap())).unwrap();
//! let now = Time::ZERO;
//! node.handle(now, Input::WallTime { unix: Duration::from_secs(1_600_000_000) });
//! let put = Command::Put {
//!     key: "key".into(),
//!     value: Value::from("value"),
//!     lives: None,
//!     policy: Policy::Memory,
//!     timeout: Duration::from_secs(10),
//! };
//! let Ok(Reply::Begun { op: begun }) = node.command(now, put) else { panic!("it is begun") };
//! while let Some(output) = node.poll() {
//!     if let Output::Event(Event::Ended { op, outcome }) = output {
//!         // It knows nobody, and is a ring of its own.
//!         assert!(op == begun && matches!(outcome, Outcome::Kept { copies: 1, .. }));
//!     }
//! }
//! ```

mod asking;
#[cfg(feature = "sim")]
pub mod checks;
mod circle;
mod config;
mod horizon;
mod interface;
mod keeping;
#[cfg(feature = "sim")]
mod lawful;
mod leaving;
mod machine;
mod ops;
mod pending;
mod place;
mod py2p;
mod question;
#[cfg(feature = "record")]
mod recording;
mod repair;
pub mod ring;
#[cfg(feature = "sim")]
pub mod scenario;
mod side;
pub mod store;
mod strays;
#[cfg(all(test, feature = "sim"))]
mod tests;
mod told;
mod unify;
mod waiting;
mod word;
mod writing;

pub use config::Config;
pub use interface::{
    Command, Contact, Counters, Cursor, Event, Failure, MAX_KEY, MAX_VALUE, Outcome, Refusal, Reply, RingView,
};
pub use machine::Chord;
pub use place::{Place, Table};
