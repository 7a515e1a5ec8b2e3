//! The lines of the control socket.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest line, its end included: a payload of 65,536 octets as hexadecimal digits, and room around it.
pub(crate) const LONGEST_LINE: u64 = 1 << 20;

/// What a command asks.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Request {
    /// The asker's name for it, said again in every answer.
    pub(crate) id: u64,
    /// What to do: protocol, point, verb.
    #[serde(rename = "do")]
    pub(crate) verb: String,
    /// With what.
    pub(crate) with: Value,
}

/// What a node answers.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(crate) struct Answer {
    /// The request's name; none where the node refuses the line or the connection.
    pub(crate) id: Option<u64>,
    /// The answer.
    #[serde(flatten)]
    pub(crate) body: Body,
}

/// An answer's content: the key says which.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    /// Done; what was asked for.
    Ok(Value),
    /// Not done.
    Error(Refusal),
    /// Something that happened, ahead of the answer.
    Event(Value),
}

/// Why a node did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Refusal {
    /// For programs: one of [`codes`].
    pub(crate) code: String,
    /// For people: one sentence.
    pub(crate) message: String,
}

/// Why a node refuses.
pub(crate) mod codes {
    /// No node has this address or id.
    pub(crate) const UNKNOWN_NODE: &str = "unknown-node";
    /// The destination is known, and no path leads there.
    pub(crate) const UNREACHABLE: &str = "unreachable";
    /// Who is asked or meant is a bootstrap, which only watches.
    pub(crate) const WATCHING: &str = "watching";
    /// The payload went too far.
    pub(crate) const EXPIRED: &str = "expired";
    /// No answer came in time.
    pub(crate) const TIMEOUT: &str = "timeout";
    /// Too much waits, here or on the way: it may go in a moment.
    pub(crate) const BUSY: &str = "busy";
    /// The payload has more octets than the node takes.
    pub(crate) const TOO_LONG: &str = "too-long";
    /// The node has not started yet, or leaves.
    pub(crate) const NOT_RUNNING: &str = "not-running";
    /// Several nodes are called so.
    pub(crate) const AMBIGUOUS: &str = "ambiguous";
    /// The request is none.
    pub(crate) const BAD_REQUEST: &str = "bad-request";
    /// The node does not know how to do that.
    pub(crate) const UNKNOWN_VERB: &str = "unknown-verb";
    /// The answer could not be written.
    pub(crate) const INTERNAL: &str = "internal";
}
