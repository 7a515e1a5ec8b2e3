//! Why a node refuses a request, for programs. They do not change; others may be added.

/// The request is none, or what it comes with is not what its action takes.
pub const BAD_REQUEST: &str = "bad-request";
/// The node is of another protocol.
pub const UNKNOWN_PROTOCOL: &str = "unknown-protocol";
/// The node does not know how to do that.
pub const UNKNOWN_VERB: &str = "unknown-verb";
/// The answer could not be written.
pub const INTERNAL: &str = "internal";
/// The node dropped the request without an answer, as one that ends does.
pub const UNANSWERED: &str = "unanswered";
/// Too much waits, here or on the way: it may go in a moment.
pub const BUSY: &str = "busy";
/// No answer came in time.
pub const TIMEOUT: &str = "timeout";
/// The node has not started yet, or leaves.
pub const NOT_RUNNING: &str = "not-running";
/// No node has this address or id.
pub const UNKNOWN_NODE: &str = "unknown-node";
/// Several nodes are called so.
pub const AMBIGUOUS: &str = "ambiguous";
/// The destination is known, and no path leads there.
pub const UNREACHABLE: &str = "unreachable";
/// The payload went too far.
pub const EXPIRED: &str = "expired";
/// The payload has more octets than the node takes.
pub const TOO_LONG: &str = "too-long";
/// Who is asked or meant only watches, as a bootstrap of the overlay does.
pub const WATCHING: &str = "watching";
/// There is no room for it where it would be kept.
pub const FULL: &str = "full";
/// It cannot be written where it would be kept.
pub const READ_ONLY: &str = "read-only";
