//! The control socket: how commands ask a running node. One JSON object a line, both ways:
//!
//! ```text
//! {"id": 1, "do": "overlay.routes", "with": {}}
//! {"id": 1, "ok": [...]}                                   or
//! {"id": 1, "error": {"code": "unreachable", "message": "..."}}
//! {"id": 1, "event": {...}}                                any number of them, before the answer
//! ```
//!
//! What is done is named by the protocol, a point and a verb. Every node answers `status`, `leave` and `monitor`, under
//! its protocol's name and under `node`, for those who do not know of which protocol it is.

pub(crate) mod ask;
mod client;
mod listeners;
mod target;

pub(crate) use ask::{ANY, Ask};
pub(crate) use client::Client;
pub(crate) use listeners::Listeners;
pub(crate) use target::Target;
