//! EGOIST: an overlay in which every node chooses its own few neighbours.
//!
//! # What a node does
//!
//! A node ([`Overlay`]) has an identity that is not its address, and `k` places for neighbours of its choice. It
//!
//! - *joins*: asks a bootstrap, or any node, who is there, and links to a few of them at random;
//! - *measures*: the round trip to its neighbours with every heartbeat, that to everybody else once in PING_PERIOD;
//! - *tells*: floods a record of its links and what they cost, whenever that changes;
//! - *decides*: once in REWIRING_PERIOD it takes the others' records for given and looks for the `k` neighbours with
//!   which its own cost of reaching everybody is smallest, a k-median over the rest of the overlay;
//! - *rewires*: makes the new link first, and gives the old one up once the other end lists the new one;
//! - *routes*: payloads go along the shortest paths of the records it has, over slow and broken paths of the network
//!   beneath;
//! - *heals*: unlists a neighbour that misses three beats, replaces it, and goes on looking for those who are gone.
//!
//! A [bootstrap](Config::bootstrap) is a node that watches: it hears the flood, chooses nobody, and tells newcomers who is
//! there.
//!
//! # From bytes to outputs
//!
//! | step | where | what |
//! |---|---|---|
//! | bytes | `machine::streams` | lines and payloads are taken off the front of the connection's buffer |
//! | packet | [`wire`] | a line becomes a checked value, or the connection is closed; pieces wait for each other |
//! | who says it | `machine::streams`, `machine::answers` | a stranger's first line decides what its connection is; a neighbour's lines go to the part that they concern |
//! | flood | `machine::intake`, [`flood`] | an update seen lately is dropped unhashed; one that is not newer is dropped unread, or answered with the newer; then its hash is checked, then its body read |
//! | database | [`database`] | the record is put in its place if it fits the bounds; what changed is told |
//! | relay | `machine::intake` | the same octets go to every other neighbour, with an age brought up to date |
//! | routes | [`graph`], [`routes`] | computed from the database when a payload asks for them |
//! | decision | `machine::choosing`, `machine::deciding`, [`wiring`] | when the view is quiet, the policy is shown the graph without the node's own edges, and answers with links |
//! | links | `machine::suits`, `machine::greeting`, [`link`] | a choice is probed, dialled and greeted; the link it replaces goes last |
//! | own record | `machine::originating`, [`flood`] | at the end of each input: what the record would say now, if it differs and the bucket has room |
//! | outputs | `machine::streams` | frames wait in the connection's queues until the driver has room |
//!
//! # The wire
//!
//! Nodes exchange text: lines of at most 8,190 octets and CRLF, a word first, fields separated by `@`. LNK begins a
//! link and HB beats on it; UPT is a record, with a hash over all that no relay changes; SUM and ASK compare databases;
//! TRD gives a choice up, NACK refuses one and names others; REG asks who is there, NET and OVER answer; PING is
//! answered by PONG, which names who answers; DAT announces a payload; RMV claims that somebody is gone; SEG carries
//! pieces of what is too long; CHN, CRD and END are of channels. Words, delimiters, fields and limits are those of the
//! original program as far as it is known; [`wire`] has the grammar.
//!
//! # Channels
//!
//! Other protocols ride on the links: an [`Overlay::riding`] node names the channels that it offers, and with each neighbour
//! that offers one too what its rider says goes one hop, in order. A channel is told when it opens and closes
//! ([`ChannelNews`]), and takes orders ([`ChannelOrder`]). Each way a window bounds what the other rider has not taken, so
//! that one who stops reading holds up the other and nobody else. On the link channels come after all but payloads, and take
//! turns with those and each other. Nothing that a rider does closes a link; a peer whose overlay breaks a channel's rules
//! loses its own.
//!
//! # Files
//!
//! | file | what it holds |
//! |---|---|
//! | `config`, `event`, `names` | what a node is told, what it is asked and tells, what things are called |
//! | `addresses` | where a peer is reached, and the attempt that tries one address after another |
//! | `bootstraps` | how asking each bootstrap ended, and what to do about it |
//! | `budget`, `earnings` | how much a peer may ask of a node, and how much it is told for what it says |
//! | `registrations` | newcomers without records, of whom others are told once they have answered |
//! | `wire/` | the grammar: read, checked, written, cut into pieces |
//! | `flood/` | duplicates, rates of origination, refreshes, freshness, ages |
//! | `database/` | records, their edges, expiry, and the comparison of two databases |
//! | `ports` | which datagram socket serves an address |
//! | `link/`, `probes` | one link, its beats and its smoothed delay; the distances to those who are no neighbours |
//! | `graph`, `components`, `routes/` | edges over dense indices, whom they connect, and shortest paths on them |
//! | `wiring/` | policies, the value of a choice, hysteresis and the quiet guard; they know no machine |
//! | `machine/` | the node itself, a file for each thing it does |
//! | `judge`, `experiment` | with `sim`: a wiring judged on the true delays, and the machines run on a matrix of them |
//! | `scenario`, `oracle` | with `sim`: overlays with faults, and what must be true of them afterwards |
//! | `dishonest` | with `sim`: overlays with a liar among them, and what must be true of the honest |

pub mod addresses;
mod bootstraps;
mod budget;
#[cfg(feature = "sim")]
pub mod checks;
mod components;
mod config;
pub mod database;
#[cfg(feature = "sim")]
pub mod dishonest;
mod earnings;
mod event;
#[cfg(feature = "sim")]
pub mod experiment;
pub mod flood;
pub mod graph;
mod hearsay;
#[cfg(feature = "sim")]
pub mod judge;
#[cfg(feature = "sim")]
pub(crate) mod lawful;
pub mod link;
mod machine;
mod names;
mod narrow;
mod notices;
#[cfg(feature = "sim")]
pub mod oracle;
mod pace;
mod ports;
mod probes;
#[cfg(feature = "record")]
mod recording;
mod registrations;
pub mod routes;
#[cfg(feature = "sim")]
pub mod scenario;
mod waiting;
mod window;
pub mod wire;
pub mod wiring;

pub use crate::kernel::Rate;
pub use bootstraps::BootstrapError;
pub use budget::{Budget, Budgets, Measure};
pub use config::{
    AddressFault, BOOTSTRAPS_LIMIT, Bounds, CHOICES_LIMIT, Config, ConfigError, Periods, PolicyKind,
};
pub use database::LinkMode;
pub use event::{ChannelNews, ChannelOrder, Command, Event, FatalError, Loss, Refusal, Reply};
pub use machine::{
    BootstrapView, Counters, NeighborView, NodeView, Overlay, PathView, Phase, RouteView, StatusView,
};
pub use names::{Cost, IdError, Key, NodeId, Token};
pub use ports::Ports;
pub use wire::Way;
