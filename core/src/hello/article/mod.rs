//! The dialect of the article "A simple p2p network in Python twisted" (2016): plain JSON lines.
//!
//! | line | meaning |
//! |---|---|
//! | `{"nodeid":ID,"msgtype":"hello"}` | who I am, a uuid4 text; `node_id` is read too |
//! | `{"msgtype":"ping"}`, `{"msgtype":"pong"}` | are you there; yes |
//! | `{"msgtype":"getaddr"}` | whom do you know |
//! | `{"msgtype":"addr","peers":[["ip:port",ID],…]}` | these; each other shape of a row is read too |
//!
//! Keys that a message does not need are ignored. Once a hello was heard both ends send where they listen (an addr of one
//! row, if they listen somewhere), getaddr and ping, and ping again every
//! [`Config::ping_period`](super::Config::ping_period).
//!
//! Of two connections with one peer stays the older one; if each side dialled one, the one that the lower id dialled; if
//! the older one owes a pong for longer than a ping period, the newer one.

mod talk;
mod wire;

pub(super) use talk::Talk;
pub use wire::{MAX_LINE, MAX_ROWS, read, write};
