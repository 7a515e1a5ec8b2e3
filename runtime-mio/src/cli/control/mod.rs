//! The control socket: how commands ask a running node. One JSON object a line, both ways:
//!
//! ```text
//! {"id": 1, "do": "overlay.routes", "with": {}}
//! {"id": 1, "ok": [...]}                                   or
//! {"id": 1, "error": {"code": "unreachable", "message": "..."}}
//! {"id": 1, "event": {...}}                                any number of them, before the answer
//! ```

mod client;
mod target;
mod wire;

pub(crate) use client::Client;
pub(crate) use target::{Destination, Target, refused};
pub(crate) use wire::{Answer, Body, LONGEST_LINE, Refusal, Request, codes};
