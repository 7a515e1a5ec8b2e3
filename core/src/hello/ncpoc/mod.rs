//! The dialect of ncpoc, the program that the article grew into: JSON in an envelope with a checksum.
//!
//! A line is `{"msgtype": T, "data": D, "sign": S}`. D holds what the message says, the sender's `nodeid` (10 hex digits
//! drawn at start) and a `nonce` (64 of them, drawn for each line). S is the HMAC-MD5 of D's text under that nodeid: whoever
//! reads the line has the key, so that it is a checksum and authenticates nobody.
//!
//! | `msgtype` | what D holds beside | meaning |
//! |---|---|---|
//! | `hello` | `version`, 0 | who I am |
//! | `ping`, `pong` | nothing | are you there; yes |
//! | `addr` | `nodes`, rows of `[nodeid, "ip:port", kind, time]` | whom I am connected with |
//! | `getaddr`, `ackhello` | nothing | never sent; ignored |
//!
//! The checksum is over D as Python writes it: keys in the order nonce, nodes or version, nodeid, which is that of Python 2's
//! dictionaries, and one space after each comma and colon. Lines are sent in exactly this form. What is read may have its
//! keys in any order, as programs on Python 3 send them, and other spaces; the checksum is then over the keys as they
//! came, with those spaces.
//!
//! `kind` is the sender's part in that connection: `"SPEAKER"` where it dialled, so that the address is one to dial, or
//! `"LISTENER"` where it accepted, and the address is the dialler's own end. `time` is when the peer was last heard, in
//! seconds since 1970.
//!
//! Who accepts sends addr behind its hello, and pings every [`Config::ping_period`](super::Config::ping_period), first
//! after one; who dials says hello, answers pings, and misses them. Connections with one nodeid are all kept: a node of the original forgets
//! a peer with the first of its connections that ends, and drops the other at its next pong.
//!
//! # Writes
//!
//! The original takes each read for whole lines, and drops the connection when one is cut. So each line is a write of its own
//! and at most [`MAX_SENT`] octets long: rows that would make an addr longer are left out.

mod talk;
mod wire;

pub(super) use talk::Talk;
pub use wire::{Kind, MAX_LINE, MAX_SENT, Node, read, write_addr, write_hello, write_ping, write_pong};
