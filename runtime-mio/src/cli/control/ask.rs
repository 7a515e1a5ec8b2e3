//! Requests and their answers, as the commands that ask and the nodes that answer have them.

use egoist_mio::control::{Refusal, Responder, codes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The protocol in requests that every node answers, whatever its own is.
pub(crate) const ANY: &str = "node";

/// What a request comes with.
pub(crate) trait Ask: Serialize + DeserializeOwned {
    /// The protocol whose nodes answer it.
    const PROTOCOL: &'static str;
    /// What to do.
    const VERB: &'static str;
    /// What answers it; where it is followed, each event.
    type Answer: Serialize + DeserializeOwned;
}

/// Reads what a request comes with.
///
/// # Errors
/// It is not what such a request takes.
pub(crate) fn read<A: Ask>(with: Value) -> Result<A, Refusal> {
    serde_json::from_value(with).map_err(|error| Refusal::new(codes::BAD_REQUEST, error.to_string()))
}

/// Answers a request of this kind.
pub(crate) fn answer<A: Ask>(responder: Responder, answer: Result<A::Answer, Refusal>) {
    match answer {
        Ok(answer) => responder.ok(answer),
        Err(refusal) => responder.refuse(refusal),
    }
}

/// Why a node of `protocol` does not do what it is asked.
pub(crate) fn unknown_verb(protocol: &str, verb: &str) -> Refusal {
    Refusal::new(codes::UNKNOWN_VERB, format!("a node of the protocol {protocol} does not know '{verb}'"))
}

/// The end of what was followed: there is nothing more to say.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ended {}
